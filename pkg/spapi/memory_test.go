package spapi

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/long"
)

// peak runs do and returns the most that the heap held meanwhile, in bytes.
func peak(do func()) (most uint64) {
	runtime.GC()
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	for {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapAlloc)
		select {
		case <-done:
			return most
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// The largest answers that there can be, to many calls at a time, take a part of what
// the process may (containment rule 1), and an ordinary answer waits for none of them.
//
//nolint:paralleltest // it measures the process
func TestAnswersAreBoundedTogether(t *testing.T) {
	const calls, most = 40, 300 << 20
	item := `{"orderItemId":"1","quantityOrdered":1,"product":{"asin":"B000000001","title":"` + strings.Repeat("t", 100) + `","sellerSku":"S"}},`
	items := strings.Repeat(item, (maxAnswer-1<<10)/len(item))
	large := []byte(strings.Replace(answeredOrder, "[]", "["+strings.TrimSuffix(items, ",")+"]", 1))
	f := newFake(t)
	f.api = func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/1") {
			_, _ = w.Write(large)
			return
		}
		fmt.Fprint(w, strings.Replace(answeredOrder, `"1"`, `"2"`, 1))
	}
	seller := f.seller(t, nil)
	took := peak(func() {
		var group sync.WaitGroup
		for range calls {
			group.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				_, _, _ = seller.GetOrder(ctx, model.GetOrderRequest{OrderID: "1"}) // late under load, it is asked again
			})
		}
		for range calls {
			began := time.Now()
			if _, _, err := seller.GetOrder(t.Context(), model.GetOrderRequest{OrderID: "2"}); err != nil {
				t.Error(err)
			}
			if waited := time.Since(began); waited > 5*time.Second {
				t.Errorf("an ordinary answer took %s", waited)
			}
		}
		group.Wait()
	})
	t.Logf("%d answers of %d MiB took %d MiB", calls, len(large)>>20, took>>20)
	if took > most {
		t.Errorf("%d answers of %d MiB took %d MiB together", calls, len(large)>>20, took>>20)
	}
}

// Large reports are read one at a time.
//
//nolint:paralleltest // it measures the process
func TestReportsAreBoundedTogether(t *testing.T) {
	long.Only(t)
	const reports, size, most = 14, 8 << 20, 80 << 20
	issue := `{"messageId":%d,"severity":"ERROR","code":"90220","message":"` + strings.Repeat("m", 700) + `"},`
	var text strings.Builder
	text.WriteString(`{"issues":[`)
	for n := 0; text.Len() < size; n++ {
		fmt.Fprintf(&text, issue, n)
	}
	large := zip(t, strings.TrimSuffix(text.String(), ",")+`],"summary":{}}`)
	f := newFake(t)
	f.api = func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/document") {
			_, _ = w.Write(large)
			return
		}
		fmt.Fprintf(w, `{"feedDocumentId":"d","url":%q,"compressionAlgorithm":"GZIP"}`, f.URL+"/document")
	}
	client := f.client(t, nil)
	took := peak(func() {
		var group sync.WaitGroup
		for n := range reports {
			config := testSeller(fmt.Sprint("account-", n))
			config.RefreshToken = secrets.Literal(secrets.New(fmt.Sprint("token-", n)))
			seller, err := client.Seller(config)
			if err != nil {
				t.Error(err)
				return
			}
			group.Go(func() {
				report, _, err := seller.ReadFeedReport(t.Context(), model.ReadFeedReportRequest{FeedDocumentID: "d"})
				if err != nil || len(report.Issues) == 0 {
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
	})
	t.Logf("%d reports of %d MiB took %d MiB", reports, text.Len()>>20, took>>20)
	if took > most {
		t.Errorf("%d reports of %d MiB took %d MiB together", reports, text.Len()>>20, took>>20)
	}
}
