package orders

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// replayed are records of changes that are processed again.
func (r *runtime) replayed(changes ...any) []*machine.Record {
	r.T.Helper()
	records := r.Records(changes...)
	for _, rec := range records {
		rec.Replay = &machine.Replay{ID: "r1"}
	}
	return records
}

func TestAReplayedChangeIsFetchedAgain(t *testing.T) {
	t.Parallel()
	shown := func(a *amazon, with func(*model.Order)) machine.Outcome {
		order := a.order(orderID(1), a.versions[orderID(1)][len(a.versions[orderID(1)])-1])
		with(&order)
		return machine.Done{Response: &model.GetOrderResponse{Order: order}}
	}
	for _, test := range []struct {
		name     string
		answer   func(a *amazon, now time.Time) machine.Outcome
		emits    bool
		replaces bool
	}{
		{"what Amazon says is as before", func(a *amazon, _ time.Time) machine.Outcome { return shown(a, func(*model.Order) {}) }, false, false},
		{"the same state reads otherwise", func(a *amazon, _ time.Time) machine.Outcome {
			return shown(a, func(o *model.Order) { o.Programs = []string{"PRIME"} })
		}, true, true},
		{"the order has changed without a word", func(a *amazon, now time.Time) machine.Outcome {
			a.change(orderID(1), now)
			return shown(a, func(*model.Order) {})
		}, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, a := newRuntime(t), newAmazon()
			a.change(orderID(1), r.Now)
			change := notified(orderID(1), "1", r.Now)
			r.End(r.Take(change)[0], a.answer(orderID(1), r.Now))
			first := r.outputs[0]
			r.Pass(time.Hour)
			calls := r.Tick(r.replayed(change))
			if callIDs(calls) != orderID(1) {
				t.Fatalf("fetched %q, want the order again", callIDs(calls))
			}
			r.Tick(r.replayed(change)) // it is asked already
			if calls := r.End(calls[0], test.answer(a, r.Now)); len(calls) > 0 {
				t.Errorf("fetched %q once more", callIDs(calls))
			}
			if emitted := len(r.outputs) == 2; emitted != test.emits {
				t.Fatalf("%d orders were emitted", len(r.outputs))
			}
			if !test.emits {
				return
			}
			got, replaces := r.outputs[1], ""
			if test.replaces {
				replaces = first.EventID
			}
			if got.Origin != originReplay || got.EventID == first.EventID || got.Replaces != replaces {
				t.Errorf("event %s of origin %s replaces %q, want %q", got.EventID, got.Origin, got.Replaces, replaces)
			}
		})
	}
}

// Notifications are fetched first, also when the replay came before them and a
// new owner took over in between.
func TestReplayedOrdersAreFetchedLast(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	var changes []any
	for n := range 40 { // more than there are tokens
		a.change(orderID(n), r.Now)
		changes = append(changes, notified(orderID(n), "1", r.Now))
	}
	r.Follow(time.Hour, r.Take(changes...), func(call machine.Call) machine.Outcome {
		return a.answer(call.Request.(*model.GetOrderRequest).OrderID, r.Now)
	})
	began := len(r.Started)
	answer := func(call machine.Call) machine.Outcome {
		return a.answer(call.Request.(*model.GetOrderRequest).OrderID, r.Now)
	}
	first := r.Tick(r.replayed(changes...))
	r.Restart()
	a.change(orderID(99), r.Now)
	r.Take(notified(orderID(99), "1", r.Now))
	r.Follow(time.Hour, r.Pass(time.Second), answer)
	fetched := r.Started[began+len(first):]
	if len(fetched) != 41 || callIDs(fetched[:1]) != orderID(99) {
		t.Errorf("%d fetched, %s first; want 41, and the notified one first", len(fetched), callIDs(fetched[:1]))
	}
	if len(a.Denied) > 0 {
		t.Errorf("Amazon had to refuse %v", a.Denied)
	}
	if len(r.outputs) != 41 {
		t.Errorf("%d orders were emitted, want 41: nothing has changed", len(r.outputs))
	}
}

// A replay takes no part in what notifications are compared with.
func TestANotificationDuringAReplayIsTakenAsEver(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	a.change(orderID(1), r.Now)
	change := notified(orderID(1), "1", r.Now)
	r.End(r.Take(change)[0], a.answer(orderID(1), r.Now))
	r.Pass(time.Minute)
	call := r.Tick(r.replayed(change))[0]
	r.Now = r.Now.Add(time.Second)
	old := a.answer(orderID(1), r.Now)
	r.Take(notified(orderID(1), "2", a.change(orderID(1), r.Now).at))
	again := r.End(call, old)
	if callIDs(again) != orderID(1) {
		t.Fatalf("fetched %q, want the changed order", callIDs(again))
	}
	r.End(again[0], a.answer(orderID(1), r.Now))
	want := []string{originNotification, originNotification}
	for i, o := range r.outputs {
		if o.Origin != want[i] || o.Replaces != "" {
			t.Errorf("order %d has the origin %s and replaces %q", i, o.Origin, o.Replaces)
		}
	}
	if state := r.order(orderID(1)); state.Pending || len(r.outputs) != 2 {
		t.Errorf("%d emitted, state %+v", len(r.outputs), state)
	}
}
