package orders

import (
	"fmt"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// BenchmarkRestore restores a unit's entries, one in ten of them pending. It
// is the machine's part of a takeover.
func BenchmarkRestore(b *testing.B) {
	states := make([]*schemas.OrderState, 100_000)
	keys := make([]string, len(states))
	for i := range states {
		o := newOrder(orderKey(testAccount, orderID(i)), testAccount)
		o.touched = millisOf(testStart) + millis(i)
		o.emitted, o.emittedID = o.touched, fmt.Sprintf("%032d", i)
		if i%10 == 0 {
			o.want(testStart, originNotification, o.touched, false)
		}
		keys[i], states[i] = o.Key, o.state()
	}
	b.ReportAllocs()
	for b.Loop() {
		m := newMachine(b)
		for i, state := range states {
			if err := m.Restore(keys[i], state); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(states)), "ns/entry")
}

// BenchmarkRecord takes notifications of new orders in.
func BenchmarkRecord(b *testing.B) {
	m, tx := newMachine(b), &machine.Tx{Now: testStart}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Record(tx, &machine.Record{Account: testAccount, Value: notified(orderID(i), "n", testStart)})
		if i%1000 == 0 {
			tx = &machine.Tx{Now: testStart}
		}
	}
}

// BenchmarkObserve looks at a unit with as much pending as its intake allows by
// default, which is what a scrape costs at the most.
func BenchmarkObserve(b *testing.B) {
	const pending = 200_000
	m, tx := newMachine(b), &machine.Tx{Now: testStart}
	for i := range pending {
		m.Record(tx, &machine.Record{Account: testAccount, Value: notified(orderID(i), "n", testStart)})
	}
	for b.Loop() {
		m.Observe(&machine.Stats{Now: testStart})
	}
}
