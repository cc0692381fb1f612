package orders

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestFollowsAmazon interleaves changes, duplicated and reordered
// notifications, lagging and failing answers, lost transactions and restarts,
// and then lets everything settle: what was emitted last must be Amazon's
// newest state (rule 4), also where notifications were dropped, rules 1 and 2 must hold at each call, and Amazon must
// never have had to say 429.
func TestFollowsAmazon(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		for range rapid.IntRange(10, 150).Draw(rt, "steps") {
			w.step()
		}
		w.settle()
		w.check()
	})
}

// world is a machine, Amazon, and what is on its way between them.
type world struct {
	*runtime
	rt      *rapid.T
	amazon  *amazon
	random  *rand.Rand
	queue   []any // notifications on their way
	sent    []any // all so far, to repeat some
	flying  []flight
	orders  int
	forged  int
	calm    int  // seconds that pass at once, at most
	dropped int  // of a hundred changes, how many are not notified
	timing  bool // notifications have a time; else Amazon has no lag, since nobody could know
	counter int
	changed time.Time // when anything changed last
}

type flight struct {
	call    machine.Call
	arrives time.Time
	ends    time.Time
	arrived bool
	outcome machine.Outcome
}

func newWorld(t *testing.T, rt *rapid.T) *world {
	w := &world{
		runtime: newRuntimeWith(t, reconciling), rt: rt, amazon: newAmazon(),
		random: rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0)),
		orders: rapid.IntRange(1, 60).Draw(rt, "orders"),
		timing: rapid.Bool().Draw(rt, "timed"),
		calm:   rapid.IntRange(1, 100).Draw(rt, "calm"), dropped: rapid.IntRange(0, 30).Draw(rt, "dropped"),
	}
	if w.timing {
		w.amazon.lag = time.Duration(rapid.IntRange(0, 3000).Draw(rt, "lag")) * time.Millisecond
	}
	w.amazon.second = rapid.Bool().Draw(rt, "second")
	w.v0 = rapid.Bool().Draw(rt, "v0")
	w.amazon.v0, w.Machine.cfg.V0 = w.v0, w.v0
	return w
}

func (w *world) step() {
	switch n := w.random.IntN(100); {
	case n < 35:
		w.change(orderID(w.random.IntN(w.orders)))
	case n < 40 && len(w.sent) > 0: // the same notification again
		w.queue = append(w.queue, w.sent[w.random.IntN(len(w.sent))])
	case n < 43: // a notification about an order that is nobody's
		w.counter++
		id := fmt.Sprintf("999-0000000-%07d", w.random.IntN(3))
		w.queue = append(w.queue, notified(id, fmt.Sprint("forged-", w.counter), w.Now))
		w.forged++
	case n < 47:
		w.restartNow()
	case n < 52:
		w.loseTransaction()
	case n < 60: // everything changes at once: more than the quota's burst
		for i := range w.orders {
			w.change(orderID(i))
		}
		w.deliver(len(w.queue))
	case n < 85:
		w.advance(time.Duration(w.random.IntN(3000)) * time.Millisecond)
	default:
		w.advance(time.Duration(w.random.IntN(w.calm)) * time.Second)
	}
	w.deliver(w.random.IntN(4))
}

// change changes an order at Amazon and sends one to three notifications.
func (w *world) change(id string) {
	if all := w.amazon.versions[id]; len(all) > 0 && w.Now.Sub(all[len(all)-1].at) < 2*time.Second {
		return // finer than a second Amazon's own times say nothing
	}
	v := w.amazon.change(id, w.Now)
	w.changed = w.Now
	if w.random.IntN(100) < w.dropped {
		return
	}
	for range 1 + w.random.IntN(3) {
		w.counter++
		change := notified(id, fmt.Sprint("n-", w.counter), v.at)
		if !w.timing {
			if w.random.IntN(2) == 0 {
				change.ChangeTime = time.Time{}
			} else {
				change.ChangeType = buyerRequestedChange
			}
		}
		w.queue = append(w.queue, change)
		w.sent = append(w.sent, change)
	}
	shuffle(w.random, w.queue)
}

// deliver runs a tick with up to n notifications and the calls that have ended.
func (w *world) deliver(n int) {
	n = min(n, len(w.queue))
	records := w.Records(w.queue[:n]...)
	w.queue = w.queue[n:]
	w.launch(w.Tick(records, w.landed()...))
}

// launch gives each call the time at which it arrives at Amazon and ends.
func (w *world) launch(calls []machine.Call) {
	for _, call := range calls {
		arrives := w.Now.Add(time.Duration(w.random.IntN(900)) * time.Millisecond)
		w.flying = append(w.flying, flight{call: call, arrives: arrives, ends: arrives.Add(time.Duration(w.random.IntN(3000)) * time.Millisecond)})
	}
}

// landed are the results of the calls that have ended by now.
func (w *world) landed() []machine.Result {
	var results []machine.Result
	var still []flight
	for _, f := range w.flying {
		if f.ends.After(w.Now) {
			still = append(still, f)
			continue
		}
		results = append(results, machine.Result{Call: f.call, Outcome: f.outcome})
	}
	w.flying = still
	return results
}

// advance moves time on, in steps at which calls arrive at Amazon in order.
func (w *world) advance(d time.Duration) {
	end := w.Now.Add(d)
	for {
		next := -1
		for i, f := range w.flying {
			if !f.arrived && !f.arrives.After(end) && (next < 0 || f.arrives.Before(w.flying[next].arrives)) {
				next = i
			}
		}
		if next < 0 {
			break
		}
		w.arrive(&w.flying[next])
	}
	w.Now = end
}

func (w *world) arrive(f *flight) {
	f.arrived = true
	switch n := w.random.IntN(20); {
	case !w.amazon.arrive(f.call.Operation, f.arrives):
		f.outcome = machine.Snooze{Throttled: true}
	case n == 0:
		f.outcome = machine.Retry{}
	case n == 1:
		f.outcome = machine.Snooze{For: time.Duration(w.random.IntN(10)) * time.Second}
	case n == 2:
		f.outcome = machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.GetOrder, Status: 400}}
	default:
		f.outcome = w.amazon.answerTo(f.call, f.arrives)
	}
}

// restartNow is a crash: calls under way still arrive at Amazon.
func (w *world) restartNow() {
	w.advance(time.Second)
	w.flying = nil
	w.Restart()
}

// loseTransaction has a tick fail before its commit: its inputs come again,
// and nothing it asked for happens.
func (w *world) loseTransaction() {
	n := min(w.random.IntN(4), len(w.queue))
	w.Decide(w.Records(w.queue[:n]...))
	w.restartNow()
}

// settle delivers what is left and follows the machine's own wishes to be woken.
func (w *world) settle() {
	for range 20_000 {
		w.deliver(len(w.queue))
		if w.Machine.unfetched() == 0 && len(w.flying) == 0 && w.searched().After(w.changed) {
			return
		}
		next := w.Wake
		for _, f := range w.flying {
			if next.IsZero() || f.ends.Before(next) {
				next = f.ends
			}
		}
		if next.IsZero() {
			w.T.Fatal("work is pending, and the machine wants no tick")
		}
		w.advance(max(0, next.Sub(w.Now)))
	}
	w.rt.Fatalf("%d orders still pending at %v", w.Machine.unfetched(), w.Now)
}

// unfetched is how many orders are to be fetched, whatever asked for them.
func (m *Machine) unfetched() (n int) {
	for _, o := range m.orders {
		if o.pending {
			n++
		}
	}
	return n
}

func (w *world) check() {
	last := map[string]*schemas.Order{}
	for _, event := range w.outputs {
		if before := last[event.OrderID]; before != nil && before.EventID == event.EventID {
			w.rt.Fatalf("order %s: the state %s was emitted twice in a row", event.OrderID, event.EventID)
		}
		last[event.OrderID] = event
	}
	for id := range w.amazon.versions {
		want := w.amazon.final(id)
		if got := last[id]; got == nil || got.EventID != want.EventID {
			w.rt.Fatalf("order %s: rule 4: emitted last %+v, Amazon has %+v", id, got, want)
		}
	}
	if w.amazon.denied > 0 {
		w.rt.Fatalf("Amazon answered 429 %d times", w.amazon.denied)
	}
}
