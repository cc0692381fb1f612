package demo

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/processors/orders"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestWaits takes orders that were notified before the first one came out, after it, and
// not at all, on a clock ten times as fast.
func TestWaits(t *testing.T) {
	t.Parallel()
	start := time.Now()
	c, w := clock.NewScaled(start, 10), &waits{took: map[string][]time.Duration{}}
	for _, rec := range []struct {
		by                string
		notified, written time.Duration // since the start; notified 0 for no notification
	}{
		{"MERCHANT", time.Second, 5 * time.Second}, // the first
		{"AMAZON", 4 * time.Second, 30 * time.Second},
		{"AMAZON", 6 * time.Second, 10 * time.Second},
		{"MERCHANT", 0, 11 * time.Second},
		{"MERCHANT", 10 * time.Second, 11 * time.Second},
		{"MERCHANT", 10 * time.Second, 14 * time.Second},
		{"MERCHANT", 10 * time.Second, 12 * time.Second},
	} {
		record := &kgo.Record{Timestamp: start.Add(rec.written)}
		if rec.notified != 0 {
			received := strconv.FormatInt(start.Add(rec.notified).UnixMilli(), 10)
			record.Headers = []kgo.RecordHeader{{Key: orders.ReceivedAt, Value: []byte(received)}}
		}
		w.take(c, record, &schemas.Order{FulfilledBy: rec.by})
	}
	if got, want := w.of("MERCHANT"), (Wait{Records: 3, Median: 20, P95: 20}); got != want {
		t.Errorf("merchant: got %+v, want %+v", got, want)
	}
	if got, want := w.of("AMAZON"), (Wait{Records: 1, Median: 40, P95: 40}); got != want {
		t.Errorf("Amazon: got %+v, want %+v", got, want)
	}
	if got := w.of("NOBODY"); got != (Wait{}) {
		t.Errorf("nobody: got %+v", got)
	}
}
