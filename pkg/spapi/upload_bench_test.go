//go:build unix

package spapi

import (
	"io"
	"net/http"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// swallow is a host of documents that reads what comes and keeps nothing.
func swallow(t testing.TB) *Seller {
	t.Helper()
	s := newStorage(t)
	buffer := make([]byte, 64<<10)
	s.serve = func(_ http.ResponseWriter, r *http.Request) {
		// In small pieces: an io.Copy of the server's own would count as ours.
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r.Body, buffer); err != nil {
			t.Error(err)
		}
	}
	return s.seller(t, nil)
}

// TestAFeedNeedsLittleMemory builds, checks and uploads the largest feed. All
// that was ever allocated for it, the server included, is more than what can
// be in memory at once, and does not depend on the garbage collector.
func TestAFeedNeedsLittleMemory(t *testing.T) { // not parallel: the allocations of others would count
	seller := swallow(t)
	if _, _, err := seller.UploadFeed(t.Context(), model.UploadFeedRequest{Feed: testFeed(1)}); err != nil { // tokens, connections
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	answer, _, err := seller.UploadFeed(t.Context(), model.UploadFeedRequest{Feed: testFeed(model.MaxFeedMessages)})
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	const most = 64 << 20
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d bytes allocated for a document of %d", allocated, answer.Bytes)
	if allocated > most {
		t.Errorf("%d bytes were allocated, more than %d", allocated, most)
	}
}

// BenchmarkUploadFeed builds, checks and uploads a feed of 25,000 messages over
// loopback. Its CPU is the process's, so that of the server is in it.
func BenchmarkUploadFeed(b *testing.B) {
	seller := swallow(b)
	b.ReportAllocs()
	began := cpu(b)
	var size int64
	for b.Loop() {
		answer, _, err := seller.UploadFeed(b.Context(), model.UploadFeedRequest{Feed: testFeed(model.MaxFeedMessages)})
		if err != nil {
			b.Fatal(err)
		}
		size = answer.Bytes
	}
	b.ReportMetric(float64((cpu(b)-began).Milliseconds())/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(size), "document-bytes")
}

// cpu is the time that the process has computed.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
