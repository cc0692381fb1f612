package stream

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// heard is what the followers of a test were told.
type heard struct {
	mu    sync.Mutex
	lists map[int32][]string // by partition
}

// follower is a counter that writes down which of its accounts have changed.
type follower struct {
	*counter
	unit  machine.Unit
	heard *heard
}

func (f *follower) Changed(tx *machine.Tx, accounts []string) {
	f.heard.mu.Lock()
	defer f.heard.mu.Unlock()
	f.heard.lists[f.unit.Partition] = append(f.heard.lists[f.unit.Partition], accounts...)
	for _, account := range accounts {
		tx.Emit(machine.Output{Topic: out, Account: account, Value: &payload{Account: account}})
	}
}

// An idle unit hears of its own changed accounts at once, each once, and may
// write because of it.
func TestUnitsHearOfTheirChangedAccounts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		h := &heard{lists: map[int32][]string{}}
		r := w.run(w.options(func(u machine.Unit) machine.Machine {
			return &follower{counter: &counter{counts: map[string]int{}}, unit: u, heard: h}
		}))
		r.Changed([]string{"too early: nobody runs"})
		w.eventually("ready", r.Ready)
		all := []string{"a", "b", "c", "d", "e", "f", "a"}
		r.Changed(all)
		recs := w.read(out, 6)
		r.shutdown()
		var told []string
		for _, rec := range recs {
			told = append(told, string(rec.Key))
		}
		slices.Sort(told)
		if !slices.Equal(told, []string{"a", "b", "c", "d", "e", "f"}) {
			t.Errorf("told of %v", told)
		}
		for partition, accounts := range h.lists {
			for _, account := range accounts {
				if o := newOwners(partition, testPartitions); o.partitionOf([]byte(account)) != partition {
					t.Errorf("partition %d was told of %s", partition, account)
				}
			}
		}
	})
}

// onlooker is a counter that draws what something outside of it holds for its unit.
type onlooker struct {
	*counter
	ours func(account string) bool
	seen *atomic.Bool
}

func (o *onlooker) Draw(tx *machine.Tx) {
	o.counter.Draw(tx)
	if o.ours("a") && o.seen.Swap(false) {
		tx.Emit(machine.Output{Topic: out, Account: "a", Value: &payload{Account: "a"}})
	}
}

// An idle unit looks at what has changed outside of it when it is woken.
func TestWokenUnitsDraw(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		seen := &atomic.Bool{}
		r := w.run(w.options(func(u machine.Unit) machine.Machine {
			return &onlooker{&counter{counts: map[string]int{}}, Mine(u), seen}
		}))
		r.Wake() // too early: nobody runs
		w.eventually("ready", r.Ready)
		seen.Store(true)
		woken := time.Now()
		r.Wake()
		for _, rec := range w.read(out, 1) {
			if rec.Timestamp.Sub(woken) > time.Second {
				t.Errorf("drawn %v later", rec.Timestamp.Sub(woken))
			}
		}
		r.shutdown()
	})
}
