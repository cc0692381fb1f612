package orders

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

// TestFollowsAmazon interleaves changes, duplicated and reordered
// notifications, lagging and failing answers, lost transactions and restarts,
// and then lets everything settle: what was emitted last must be Amazon's
// newest state (rule 4), also where notifications were dropped, rules 1 and 2 must hold at each call, and Amazon must
// never have had to say 429.
func TestFollowsAmazon(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		for range rapid.IntRange(10, 150).Draw(rt, "steps") {
			w.step()
		}
		if err := w.Settle(20_000, func() bool { return w.Machine.unfetched() == 0 && w.searchState().CursorTime.After(w.changed) }); err != nil {
			rt.Fatalf("%d orders to fetch: %v", w.Machine.unfetched(), err)
		}
		w.check()
	})
}

// world is a machine, Amazon, and what is on its way between them.
type world struct {
	*runtime
	*machinetest.Traffic[*Machine]
	rt      *rapid.T
	amazon  *amazon
	sent    []any // all notifications so far, to repeat some
	orders  int
	forged  int
	calm    int  // seconds that pass at once, at most
	dropped int  // of a hundred changes, how many are not notified
	timing  bool // notifications have a time; else Amazon has no lag, since nobody could know
	counter int
	changed time.Time // when anything changed last
}

func newWorld(t *testing.T, rt *rapid.T) *world {
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
	w := &world{
		runtime: newRuntime(t, reconciling), rt: rt, amazon: newAmazon(),
		orders: rapid.IntRange(1, 60).Draw(rt, "orders"),
		timing: rapid.Bool().Draw(rt, "timed"),
		calm:   rapid.IntRange(1, 100).Draw(rt, "calm"), dropped: rapid.IntRange(0, 30).Draw(rt, "dropped"),
	}
	w.Traffic = machinetest.NewTraffic(w.Runtime, random, w.arrive)
	if w.timing {
		w.amazon.lag = time.Duration(rapid.IntRange(0, 3000).Draw(rt, "lag")) * time.Millisecond
	}
	w.amazon.second = rapid.Bool().Draw(rt, "second")
	w.v0 = rapid.Bool().Draw(rt, "v0")
	w.amazon.v0, w.Machine.cfg.V0 = w.v0, w.v0
	return w
}

func (w *world) step() {
	switch n := w.Random.IntN(100); {
	case n < 35:
		w.change(orderID(w.Random.IntN(w.orders)))
	case n < 40 && len(w.sent) > 0: // the same notification again
		w.Queue = append(w.Queue, w.Records(w.sent[w.Random.IntN(len(w.sent))])...)
	case n < 43: // a notification about an order that nobody placed
		w.counter++
		id := fmt.Sprintf("999-0000000-%07d", w.Random.IntN(3))
		w.Queue = append(w.Queue, w.Records(notified(id, fmt.Sprint("forged-", w.counter), w.Now))...)
		w.forged++
	case n < 47:
		w.Crash()
	case n < 52:
		w.Lose(w.Random.IntN(4))
	case n < 60: // everything changes at once: more than the quota's burst
		for i := range w.orders {
			w.change(orderID(i))
		}
		w.DeliverAll()
	case n < 85:
		w.Advance(time.Duration(w.Random.IntN(3000)) * time.Millisecond)
	default:
		w.Advance(time.Duration(w.Random.IntN(w.calm)) * time.Second)
	}
	w.Deliver(w.Random.IntN(4))
}

// change changes an order at Amazon and sends one to three notifications.
func (w *world) change(id string) {
	if all := w.amazon.versions[id]; len(all) > 0 && w.Now.Sub(all[len(all)-1].at) < 2*time.Second {
		return // finer than a second Amazon's own times say nothing
	}
	v := w.amazon.change(id, w.Now)
	w.changed = w.Now
	if w.Random.IntN(100) < w.dropped {
		return
	}
	for range 1 + w.Random.IntN(3) {
		w.counter++
		change := notified(id, fmt.Sprint("n-", w.counter), v.at)
		if !w.timing {
			if w.Random.IntN(2) == 0 {
				change.ChangeTime = time.Time{}
			} else {
				change.ChangeType = buyerRequestedChange
			}
		}
		w.Queue = append(w.Queue, w.Records(change)...)
		w.sent = append(w.sent, change)
	}
	w.Random.Shuffle(len(w.Queue), func(i, j int) { w.Queue[i], w.Queue[j] = w.Queue[j], w.Queue[i] })
}

func (w *world) arrive(f *machinetest.Flight) machine.Outcome {
	switch n := w.Random.IntN(20); {
	case !w.amazon.Admit(testAccount, f.Arrives, f.Call.Operation):
		return machine.Snooze{Throttled: true}
	case n == 0:
		return machine.Retry{}
	case n == 1:
		return machine.Snooze{For: time.Duration(w.Random.IntN(10)) * time.Second}
	case n == 2:
		return machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.GetOrder, Status: 400}}
	}
	return w.amazon.answerTo(f.Call, f.Arrives)
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
	if len(w.amazon.Denied) > 0 {
		w.rt.Fatalf("Amazon answered 429: %v", w.amazon.Denied)
	}
}
