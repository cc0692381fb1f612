package stream

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// checkCounts fails unless recs hold, for each account, the numbers 1 to n in order.
func checkCounts(t *testing.T, recs []*kgo.Record, accounts, n int) {
	t.Helper()
	last := make(map[string]int)
	for _, rec := range recs {
		p := decode[payload](t, rec)
		if last[p.Account]++; p.N != last[p.Account] || p.Text != fmt.Sprint(p.N) {
			t.Fatalf("account %s: record %d has number %d of input %s: lost, doubled or out of order", p.Account, last[p.Account], p.N, p.Text)
		}
	}
	if len(last) != accounts {
		t.Fatalf("%d accounts came out, want %d", len(last), accounts)
	}
	for account, got := range last {
		if got != n {
			t.Errorf("account %s has %d records, want %d", account, got, n)
		}
	}
}

func TestRecordsComeOutOnceAndInOrder(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		for n := 1; n <= 20; n++ {
			for account := range 5 {
				w.produce(in1, fmt.Sprintf("account-%d", account), n)
			}
		}
		checkCounts(t, w.read(out, 100), 5, 20)
		w.eventually("ready", r.Ready)
		r.shutdown()

		// A second run goes on where the first stopped.
		r = w.run(w.options(newCounter))
		for account := range 5 {
			w.produce(in1, fmt.Sprintf("account-%d", account), 21)
		}
		checkCounts(t, w.read(out, 105), 5, 21)
		r.shutdown()
	})
}
