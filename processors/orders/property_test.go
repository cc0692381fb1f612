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
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// TestFollowsAmazon interleaves changes, duplicated and reordered
// notifications, lagging and failing answers, lost transactions and restarts,
// and then lets everything settle: what was emitted last must be Amazon's
// newest state (rule 4), also where notifications were dropped, rules 1 and 2 must hold at each call, and Amazon must
// never have had to say 429.
func TestFollowsAmazon(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 60, property.FixedSeeds)), func(rt *rapid.T) {
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

// TestReadsThatDisagree never make the published state go back: each read of getOrder and
// each page lags by another time, pages by minutes, and changes come that do not move
// lastUpdatedTime.
func TestReadsThatDisagree(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 20, property.FixedSeeds)), func(rt *rapid.T) {
		w := newWorld(t, rt)
		w.v0, w.amazon.v0, w.Machine.cfg.V0 = false, false, false
		w.timing, w.amazon.second = true, false
		w.amazon.random = w.Random
		w.amazon.lag = time.Duration(rapid.IntRange(0, 6000).Draw(rt, "replicas")) * time.Millisecond
		w.amazon.behind = time.Duration(rapid.IntRange(0, 600).Draw(rt, "index")) * time.Second
		w.orders = rapid.IntRange(1, 3).Draw(rt, "few")
		w.trouble = rapid.IntRange(0, 60).Draw(rt, "trouble")
		for range rapid.IntRange(50, 300).Draw(rt, "steps") {
			if w.Random.IntN(6) == 0 {
				w.step()
			}
			w.changeSilently(orderID(w.Random.IntN(w.orders)))
			w.Advance(time.Duration(w.Random.IntN(10_000)) * time.Millisecond)
			w.Deliver(1)
		}
		if err := w.Settle(20_000, func() bool { return w.Machine.unfetched() == 0 && w.searchState().CursorTime.After(w.changed) }); err != nil {
			rt.Fatalf("%d orders to fetch: %v", w.Machine.unfetched(), err)
		}
		w.neverBack()
	})
}

// changeSilently changes an order, seconds after its last change, without moving its
// lastUpdatedTime.
func (w *world) changeSilently(id string) {
	all := w.amazon.versions[id]
	if len(all) == 0 {
		return
	}
	last := all[len(all)-1]
	if w.Now.Sub(machine.Latest(last.at, last.since)) < 7*time.Second {
		return
	}
	w.amazon.versions[id] = append(all, version{at: last.at, since: w.Now, number: last.number + 1})
	for range 1 + w.Random.IntN(2) {
		w.counter++
		change := notified(id, fmt.Sprint("silent-", w.counter), w.Now)
		change.ChangeType = buyerRequestedChange
		w.Queue = append(w.Queue, w.Records(change)...)
	}
}

// neverBack fails where a state that was emitted is older than the one before, or comes
// again after another.
func (w *world) neverBack() {
	last, gone := map[string]*schemas.Order{}, map[string]bool{}
	for _, event := range w.outputs {
		before := last[event.OrderID]
		last[event.OrderID] = event
		if before == nil {
			continue
		}
		if event.LastUpdatedTime.Before(before.LastUpdatedTime) || gone[event.EventID] {
			w.rt.Fatalf("order %s went back from %+v to %+v", event.OrderID, before, event)
		}
		gone[before.EventID] = true
	}
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
	trouble int  // of a hundred getOrder calls, how many fail besides
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
	w.amazon.behind = time.Duration(rapid.IntRange(0, 120).Draw(rt, "behind")) * time.Second
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
		change := notified(id, fmt.Sprint("forged-", w.counter), w.Now)
		w.claim(change)
		w.Queue = append(w.Queue, w.Records(change)...)
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
	w.countUrgent()
}

// countUrgent holds the number of urgent orders against the orders themselves. One that a
// narrow gate has let through counts as urgent.
func (w *world) countUrgent() {
	stats, want := machine.Stats{Now: w.Now}, 0
	w.Machine.Observe(&stats)
	for _, o := range w.Machine.orders {
		if o.pending && o.urgency <= urgentMerchant {
			want++
		}
	}
	if got := stats.Counts[urgentOnes]; got < want || got > want+1 || (stats.Oldests[urgentOnes].IsZero()) != (want == 0) {
		w.rt.Fatalf("%d orders are urgent since %v, want %d", got, stats.Oldests[urgentOnes], want)
	}
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
		w.claim(change)
		w.Queue = append(w.Queue, w.Records(change)...)
		w.sent = append(w.sent, change)
	}
	w.Random.Shuffle(len(w.Queue), func(i, j int) { w.Queue[i], w.Queue[j] = w.Queue[j], w.Queue[i] })
}

// claim has a notification say how urgent it is.
func (w *world) claim(change *schemas.OrderChange) {
	change.FulfillmentType = []string{"", "MFN", byAmazon}[w.Random.IntN(3)]
	change.OrderStatus = []string{"Unshipped", statusCanceled, statusShipped}[w.Random.IntN(3)]
	if w.Random.IntN(2) == 0 {
		change.LatestShipDate = w.Now.Add(time.Duration(w.Random.IntN(72)-12) * time.Hour)
	}
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
	if f.Call.Operation == model.GetOrder && w.Random.IntN(100) < w.trouble {
		return machine.Retry{}
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
	w.neverBack()
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
