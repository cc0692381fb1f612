package orders

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
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

// TestABackfillTakesTurnsWithALongSearch: a search that has pages for hours leaves every
// third call to a backfill once the burst is used up, and takes the others.
func TestABackfillTakesTurnsWithALongSearch(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling), newAmazon()
	const orders = (searchPages - 1) * pageOrders
	for n := range orders {
		a.change(orderID(n), r.Now.Add(-time.Hour+time.Duration(n)*time.Second))
		a.place(orders+n, r.Now.Add(-time.Duration(n+2)*time.Hour))
	}
	r.Follow(0, r.Take(asked(r.Now.Add(-30*24*time.Hour))), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
	r.follow(a, 2*time.Hour)
	before := len(r.Started)
	r.follow(a, 2*time.Hour)
	fills, searches := 0, 0
	for _, call := range r.Started[before:] {
		switch request, _ := call.Request.(*model.SearchOrdersRequest); {
		case request == nil:
		case request.CreatedAfter.IsZero():
			searches++
		default:
			fills++
		}
	}
	if state := r.searchState(); state.EndTime.IsZero() {
		t.Fatalf("the search has ended: %+v", state)
	}
	if all := fills + searches; all < 35 || fills < all/(backfillShare+1) || searches < fills {
		t.Errorf("%d pages of the backfill and %d of the search, want one of three", fills, searches)
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

// TestABackfillReadsOnlyTheOrdersThatTheAccountWants: it asks for them alone unless an
// operator asks for others, and emits no others, whatever Amazon shows.
func TestABackfillReadsOnlyTheOrdersThatTheAccountWants(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ wanted, asked, request []string }{
		"all":                 {nil, nil, nil},
		"both":                {[]string{"MERCHANT", "AMAZON"}, nil, nil},
		"the merchant's":      {[]string{"MERCHANT"}, nil, []string{"MERCHANT"}},
		"Amazon's":            {[]string{"AMAZON"}, nil, []string{"AMAZON"}},
		"others are asked of": {[]string{"MERCHANT"}, []string{"AMAZON"}, []string{"AMAZON"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := account.Account{ID: testAccount, SellerID: "A1", Region: model.Europe, FulfilledBy: test.wanted}
			r, a := newRuntime(t, func(cfg *Config) { cfg.Accounts = machinetest.Directory(t, owner) }), newAmazon()
			shippers := []string{"MERCHANT", "AMAZON", "", "ROBOT"}
			want := 0
			for n, by := range shippers {
				a.place(n, r.Now.Add(-time.Duration(n+1)*time.Hour))
				if owner.Wants(by) {
					want++
				}
			}
			r.Follow(2*time.Hour, r.Take(asked(r.Now.Add(-24*time.Hour), test.asked...)), func(call machine.Call) machine.Outcome {
				request := call.Request.(*model.SearchOrdersRequest)
				if !slices.Equal(request.FulfilledBy, test.request) {
					t.Errorf("it asks for %v", request.FulfilledBy)
				}
				outcome := a.search(request, r.Now) // and Amazon shows all
				orders := outcome.(machine.Done).Response.(*model.SearchOrdersResponse).Orders
				for i := range orders {
					for n, by := range shippers {
						if orders[i].OrderID == orderID(n) {
							orders[i].Fulfillment.FulfilledBy = by
						}
					}
				}
				return outcome
			})
			for _, event := range r.outputs {
				if !owner.Wants(event.FulfilledBy) {
					t.Errorf("emitted an order that %q ships", event.FulfilledBy)
				}
			}
			if state := r.backfill(); len(r.outputs) != want || state.Found != int64(want) || state.FinishedTime.IsZero() {
				t.Errorf("%d orders came, want %d: %+v", len(r.outputs), want, state)
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
