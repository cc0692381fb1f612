package inventory

import (
	"fmt"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// BenchmarkRestore restores a unit's SKUs, one in ten of them pending. It is
// the machine's part of a takeover; bytes/SKU is what the machine then holds.
func BenchmarkRestore(b *testing.B) {
	states := make([]*schemas.InventoryState, 100_000)
	keys := make([]string, len(states))
	empty := New(Config{})
	for i := range states {
		s := empty.newSKU(testAccount, defaultChannel, fmt.Sprintf("SKU-%08d", i))
		keys[i] = s.Key
		s.touched, s.applied = millisOf(testStart)+millis(i), 7
		if i%10 == 0 {
			u := updateOf(s.id(), 8, testStart)
			s.begin().wanted = newUpdate(u, &machine.Record{Partition: 3, Offset: int64(i)}, testStart)
		}
		states[i] = new(schemas.InventoryState)
		s.Value(states[i])
	}
	restore := func() *Machine {
		m := New(Config{Accounts: machinetest.Sellers(b)})
		for i, state := range states {
			if err := m.Restore(keys[i], state); err != nil {
				b.Fatal(err)
			}
		}
		m.start(&machine.Tx{Now: testStart})
		return m
	}
	b.ReportAllocs()
	for b.Loop() {
		restore()
	}
	before := machinetest.HeapInUse()
	m := restore()
	b.ReportMetric(float64(machinetest.HeapInUse()-before)/float64(len(states)), "bytes/SKU")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(states)), "ns/SKU")
	goruntime.KeepAlive(m)
	goruntime.KeepAlive(states)
}

// BenchmarkRecord takes updates of 100,000 SKUs in, over and over.
func BenchmarkRecord(b *testing.B) {
	m, tx := New(Config{Accounts: machinetest.Sellers(b)}), &machine.Tx{Now: testStart}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		u := updateOf(fmt.Sprint("SKU-", i%100_000), i, testStart.Add(time.Duration(i)*time.Microsecond))
		m.Record(tx, &machine.Record{Account: testAccount, Offset: int64(i), Value: u})
		if i%5000 == 4999 {
			tx = &machine.Tx{Now: testStart}
		}
	}
}

// BenchmarkFeed takes 25,000 updates through a feed, from the cut to the outcomes.
func BenchmarkFeed(b *testing.B) {
	const n = model.MaxFeedMessages
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		m, now := New(Config{Accounts: machinetest.Sellers(b)}), testStart
		tx := &machine.Tx{Now: now}
		for i := range n {
			m.Record(tx, &machine.Record{Account: testAccount, Offset: int64(i), Value: updateOf(fmt.Sprint("SKU-", i), 1, testStart)})
		}
		now = now.Add(time.Minute)
		b.StartTimer()
		tx = &machine.Tx{Now: now}
		m.Draw(tx)
		call := tx.Calls[0]
		tx = &machine.Tx{Now: now}
		m.Result(tx, &machine.Result{Call: call, Outcome: machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: "d"}}})
		m.Draw(tx)
		call = tx.Calls[0]
		tx = &machine.Tx{Now: now}
		m.Result(tx, &machine.Result{Call: call, Outcome: machine.Done{Response: &model.CreateFeedResponse{FeedID: "1"}}})
		tx = &machine.Tx{Now: now}
		m.Record(tx, &machine.Record{Account: testAccount, Value: completed("1", n, 0)})
		if len(tx.Outputs) != n {
			b.Fatalf("%d outcomes", len(tx.Outputs))
		}
	}
}

// BenchmarkPending takes updates of as many SKUs in; bytes/SKU is what the machine then
// holds for each, all of them pending.
func BenchmarkPending(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var m *Machine
			before := machinetest.HeapInUse()
			for b.Loop() {
				m = pending(b, n)
			}
			b.ReportMetric(float64(machinetest.HeapInUse()-before)/float64(n), "bytes/SKU")
			goruntime.KeepAlive(m)
		})
	}
}

func pending(b *testing.B, n int) *Machine {
	m := New(Config{Accounts: machinetest.Sellers(b)})
	var tx *machine.Tx
	for i := range n {
		if i%5000 == 0 {
			tx = &machine.Tx{Now: testStart}
		}
		u := updateOf(fmt.Sprintf("SKU-%08d", i), i, testStart.Add(time.Duration(i)*time.Microsecond))
		u.UpdateID = fmt.Sprintf("01234567-89ab-cdef-0123-%012d", i)
		id := fmt.Sprintf("AAAAAAAAQACAAAAAAAAAAA/3/%d", i)
		m.Record(tx, &machine.Record{Account: testAccount, ID: id, Partition: 3, Offset: int64(i), Value: u})
	}
	return m
}
