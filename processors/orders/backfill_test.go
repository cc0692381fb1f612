package orders

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func asked(since time.Time, fulfilledBy ...string) *schemas.Backfill {
	return &schemas.Backfill{Account: testAccount, SinceTime: since, FulfilledBy: fulfilledBy, RequestedTime: testStart, By: "ann@host"}
}

func (r *runtime) backfill() schemas.BackfillState {
	state, _ := r.State(backfillPrefix + testAccount).(*schemas.BackfillState)
	if state == nil {
		return schemas.BackfillState{}
	}
	return *state
}

// place places an order at a time, which has not changed since.
func (a *amazon) place(n int, at time.Time) {
	if a.created == nil {
		a.created = map[string]time.Time{}
	}
	id := orderID(n)
	a.created[id] = at.Truncate(time.Millisecond)
	a.change(id, at)
}

// TestABackfillBringsEachOrderOnce, whatever happens to the process: 30 days of orders,
// some of them known. The search for gaps goes on meanwhile, and what is notified comes
// at once.
func TestABackfillBringsEachOrderOnce(t *testing.T) {
	t.Parallel()
	const orders, days, older = 2000, 30, 20
	r, a := newRuntime(t, reconciling), newAmazon()
	a.page = searchPage
	since := r.Now.Add(-days * 24 * time.Hour)
	for n := range orders {
		a.place(n, since.Add(time.Duration(n)*days*24*time.Hour/orders))
	}
	for n := range older {
		a.place(orders+n, since.Add(-time.Duration(n+1)*time.Minute))
	}
	r.follow(a, time.Hour) // the first search brings those of the last hour
	known := len(r.outputs)
	if known == 0 || known > orders/days {
		t.Fatalf("%d orders are known", known)
	}
	begun := r.Now
	r.Follow(0, r.Take(asked(since)), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
	gap := time.Duration(0)
	for hours := 0; r.backfill().FinishedTime.IsZero(); hours++ {
		if hours > 6 {
			t.Fatalf("after %d hours %+v", hours, r.backfill())
		}
		v := a.change(orderID(9000+hours), r.Now)
		r.Follow(time.Second, r.Take(notified(orderID(9000+hours), fmt.Sprint(hours), v.at)), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
		if last := r.outputs[len(r.outputs)-1]; last.OrderID != orderID(9000+hours) {
			t.Fatalf("a notified order waits: %+v", last)
		}
		for range 12 {
			r.follow(a, 5*time.Minute)
			gap = max(gap, r.Now.Sub(r.searchState().CursorTime))
		}
		r.Restart()
	}
	times := map[string]int{}
	for i, event := range r.outputs {
		times[event.OrderID]++
		if n := slices.IndexFunc(r.outputs, func(o *schemas.Order) bool { return o.OrderID == event.OrderID }); n != i {
			t.Errorf("order %s came again", event.OrderID)
		}
		if i >= known && event.Origin != originBackfill && event.OrderID < orderID(9000) {
			t.Errorf("%+v", event)
		}
	}
	state := r.backfill()
	for n := range orders {
		if times[orderID(n)] != 1 {
			t.Fatalf("order %d came %d times: %+v", n, times[orderID(n)], state)
		}
	}
	if times[orderID(orders)] != 0 || state.Found < int64(orders-known) || gap > searchAge+3*179*time.Second {
		t.Errorf("an older order came %d times, %+v, gaps were searched %v late", times[orderID(orders)], state, gap)
	}
	t.Logf("%d orders came in %v, by %d pages of backfill and gaps and %d getOrder; gaps were searched %v late at most",
		orders-known, state.FinishedTime.Sub(begun), r.started(model.SearchOrders), r.started(model.GetOrder), gap)
	if len(a.Denied) > 0 {
		t.Errorf("Amazon answered 429: %v", a.Denied)
	}
}

// TestABackfillAsksForWhatIsWanted, of one channel, and ends when it is told to.
func TestABackfillAsksForWhatIsWanted(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	calls := r.Take(asked(r.Now.Add(-time.Hour), "MERCHANT"))
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	request := calls[0].Request.(*model.SearchOrdersRequest)
	if !slices.Equal(request.FulfilledBy, []string{"MERCHANT"}) || !request.CreatedAfter.Equal(testStart.Add(-time.Hour)) ||
		!request.CreatedBefore.Equal(testStart.Add(-searchAge)) || !slices.Equal(request.IncludedData, r.Machine.cfg.IncludedData) {
		t.Errorf("%+v", request)
	}
	order := model.SearchOrdersResponse{Orders: []model.Order{newAmazon().order(orderID(1), version{at: testStart.Add(-time.Minute * 30), number: 1})}}
	r.Take(asked(r.Now.Add(-48 * time.Hour))) // in its place, while the page is under way
	if r.End(calls[0], machine.Done{Response: &order}); len(r.outputs) != 0 || r.backfill().Read != 0 {
		t.Errorf("the page of another backfill counts: %+v", r.backfill())
	}
	r.Take(asked(time.Time{}))
	r.Follow(time.Hour, r.Tick(nil), func(machine.Call) machine.Outcome { return machine.Retry{} })
	if state := r.backfill(); state.FinishedTime.IsZero() || state.CursorTime.Before(state.UntilTime) {
		t.Errorf("%+v", state)
	}
}

// TestABackfillThatFailsIsTriedAgain.
func TestABackfillThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]machine.Outcome{
		"unavailable": machine.Retry{}, "refused": machine.Reject{Err: errors.New("400")}, "forbidden": machine.Park{},
		"throttled": machine.Snooze{Throttled: true}, "lost": machine.Ambiguous{}, "another's": machine.Done{Response: &model.GetOrderResponse{}},
		"no end": machine.Done{Response: &model.SearchOrdersResponse{Pagination: &model.Pagination{NextToken: "again"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := newRuntime(t), newAmazon()
			for n := range 3 * pageOrders {
				a.place(n, r.Now.Add(-time.Duration(n+1)*time.Hour))
			}
			r.Follow(2*time.Hour, r.Take(asked(r.Now.Add(-48*time.Hour))), func(machine.Call) machine.Outcome { return outcome })
			if n := r.started(model.SearchOrders); n < 2 || n > 60 {
				t.Errorf("%d tries in two hours that all fail", n)
			}
			r.follow(a, 4*time.Hour)
			if len(r.outputs) != 3*pageOrders || r.backfill().FinishedTime.IsZero() {
				t.Errorf("%d orders came: %+v", len(r.outputs), r.backfill())
			}
		})
	}
}

// TestANewAccountIsFilled where the configuration asks for it, and no other.
func TestANewAccountIsFilled(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling, func(cfg *Config) { cfg.Reconcile.Backfill = 10 * 24 * time.Hour }), newAmazon()
	a.place(1, r.Now.Add(-9*24*time.Hour))
	r.follow(a, 2*time.Hour)
	if len(r.outputs) != 1 || r.outputs[0].Origin != originBackfill || r.backfill().FinishedTime.IsZero() {
		t.Fatalf("wrote %+v: %+v", r.outputs, r.backfill())
	}
	first := r.backfill()
	r.Restart()
	if r.follow(a, time.Hour); !r.backfill().BegunTime.Equal(first.BegunTime) {
		t.Error("it is filled again")
	}
}
