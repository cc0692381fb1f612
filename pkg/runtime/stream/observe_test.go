package stream

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

func TestNotReadyWhileAUnitIsRestored(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		if got := r.WaitsFor(); got != "the topics" && got != "the consumer group t.test" {
			t.Errorf("at the start it waits for %q", got)
		}
		w.produce(in1, "a", 1)
		w.read(out, 1)
		r.shutdown()

		var held atomic.Bool
		held.Store(true)
		opts := w.options(newCounter)
		opts.Codec = codec(func(topic string) error {
			if topic == state && held.Load() {
				return registry.ErrUnavailable
			}
			return nil
		})
		r = w.run(opts)
		w.eventually("the other units are restored", func() bool { return r.WaitsFor() == "1 of 3 units to be restored" })
		if stats := r.Stats(t.Context(), nil); r.Ready() || stats.Assigned != 3 || stats.Restored != 2 {
			t.Errorf("ready %t, %+v", r.Ready(), stats)
		}
		held.Store(false)
		w.eventually("ready", r.Ready)
		r.stop()
		w.eventually("a stop ends readiness", func() bool { return !r.Ready() })
		r.shutdown()
	})
}

func TestOnlyAMachineThatDoesNotComeBackHangs(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		goOn := make(chan struct{}) // the machine breaks its contract: it waits
		r := w.run(w.options(func(machine.Unit) machine.Machine {
			return &scripted{record: func(*machine.Tx, *machine.Record) { <-goOn }}
		}))
		w.eventually("ready", r.Ready)
		time.Sleep(10 * time.Minute) // idle
		if hung := r.Hung(time.Minute); len(hung) > 0 {
			t.Errorf("idle units hang: %v", hung)
		}
		w.produce(in1, "a", 1)
		time.Sleep(30 * time.Second)
		if hung := r.Hung(time.Minute); len(hung) > 0 {
			t.Errorf("after 30 s: %v", hung)
		}
		time.Sleep(time.Minute)
		if hung := r.Hung(time.Minute); !slices.Equal(hung, []int32{partitionOf("a")}) {
			t.Errorf("the units %v hang", hung)
		}
		close(goOn)
		w.eventually("it has come back", func() bool { return len(r.Hung(time.Minute)) == 0 })
		r.shutdown()
	})
}

// hoarder is a machine that never finishes a record.
type hoarder struct {
	counter
	pending int
}

func (m *hoarder) Record(tx *machine.Tx, rec *machine.Record) {
	m.pending++
	tx.Reject(rec, "because", "it is set aside too")
}
func (m *hoarder) Pending() int { return m.pending }

func (m *hoarder) Observe(stats *machine.Stats) {
	stats.Count("hoarded", m.pending)
	for _, account := range stats.Followed {
		stats.Pending(account, m.pending)
	}
}

// watcher is an Observer that counts.
type watcher struct {
	mu                           sync.Mutex
	restored, letters, committed int
	failed, fenced               int
}

func (o *watcher) Restored(time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.restored++
}

func (o *watcher) Committed(tx *machine.Tx, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.committed++
	o.letters += len(tx.DeadLetters)
}

func (o *watcher) Failed(fenced bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.failed++
	if fenced {
		o.fenced++
	}
}

// TestStatsTellHowUnitsAre: of five records two are taken, since one may be
// pending; the others are the lag.
func TestStatsTellHowUnitsAre(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		observer := &watcher{}
		opts := w.options(func(machine.Unit) machine.Machine { return &hoarder{} })
		opts.MaxPending, opts.ResumePending, opts.MaxTick, opts.Observer = 1, 1, 1, observer
		r := w.run(opts)
		w.eventually("ready", r.Ready)
		for n := range 5 {
			w.produce(in1, "a", n)
		}
		w.eventually("two records are taken", func() bool { return r.Stats(t.Context(), nil).Pending == 2 })
		stats := r.Stats(t.Context(), []string{"a"})
		if stats.Assigned != 3 || stats.Restored != 3 || stats.Paused != 1 || stats.Lag[in1] != 3 || stats.Lag[in2] != 0 || len(stats.Machines) != 3 {
			t.Errorf("got %+v", stats)
		}
		hoarded, ofA := 0, 0
		for _, m := range stats.Machines {
			hoarded += m.Counts["hoarded"]
			if a := m.Accounts["a"]; a != nil {
				ofA += a.Pending
			}
		}
		if hoarded != 2 || ofA != 2 {
			t.Errorf("the machines have %d, of the account %d", hoarded, ofA)
		}
		w.cluster.Close()
		if stats := r.Stats(t.Context(), nil); stats.Lag != nil || stats.Pending != 2 {
			t.Errorf("without Kafka: %+v", stats)
		}
		r.kill()
		observer.mu.Lock()
		defer observer.mu.Unlock()
		if observer.restored != 3 || observer.letters != 2 || observer.committed != 2 || observer.failed != 0 {
			t.Errorf("observed: %d restored, %d letters, %d committed, %d failed", observer.restored, observer.letters, observer.committed, observer.failed)
		}
	})
}

// TestLagOfAStoppedUnitIsSeen: what it does not read is behind, however it came
// to be stopped.
func TestLagOfAStoppedUnitIsSeen(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		r := w.run(w.options(newCounter))
		w.produce(in1, "a", 1)
		p := w.read(out, 1)[0].Partition
		w.eventually("no lag", func() bool { lag, ok := r.Stats(t.Context(), nil).Lag[in1]; return ok && lag == 0 })
		r.shutdown()
		w.produceRaw(&kgo.Record{Topic: testPrefix + state, Partition: p, Key: []byte("x"), Value: []byte("garbage")})
		for n := 2; n <= 6; n++ {
			w.produce(in1, "a", n)
		}
		r = w.run(w.options(newCounter))
		r.awaitStopped(StateUnreadable, p)
		if lag := r.Stats(t.Context(), nil).Lag[in1]; lag != 5 {
			t.Errorf("a lag of %d, want 5", lag)
		}
		r.shutdown()
	})
}
