package orders

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/long"
)

// TestADaysBacklogIsCaughtUp in less than half of the time that getOrder alone needs:
// 5,000 orders changed while we were away, and are notified at once. One in fifty was
// not, and is found by the same pages.
func TestADaysBacklogIsCaughtUp(t *testing.T) {
	t.Parallel()
	const orders, missed = 5000, 50
	for _, test := range []struct {
		name   string
		search bool
		known  bool // the orders were emitted before
		buyers bool // their buyer data is wanted
		late   bool // notifications come after the first search
		short  bool // not only in test-long
	}{
		{name: "getOrder alone"},
		{name: "both, new orders", search: true, short: true},
		{name: "both, with buyer data, the search first", search: true, buyers: true, late: true, short: true},
		{name: "both, known orders", search: true, known: true},
		{name: "both, new orders, the search first", search: true, late: true},
		{name: "both, with buyer data", search: true, known: true, buyers: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if !test.short {
				long.Only(t)
			}
			r, a := newRuntime(t, reconciling, func(cfg *Config) {
				if !test.search {
					cfg.Reconcile.Every = 0
				}
				if test.buyers {
					withBuyerData(t, cfg)
				}
			}), newAmazon()
			a.sealer = newGuarded(t).sealer()
			a.page = searchPage
			r.follow(a, 10*time.Minute) // until all that is searched is searched
			if test.known {
				for n := range orders {
					r.Follow(0, r.Take(notified(orderID(n), fmt.Sprint("first-", n), a.change(orderID(n), r.Now).at)),
						func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
				}
				r.follow(a, 12*time.Hour)
				if waits := r.Machine.unfetched(); waits > 0 {
					t.Fatalf("%d orders wait before the outage", waits)
				}
			}
			before, begun := len(r.outputs), r.Now
			var changes []any
			for n := range orders {
				at := begun.Add(time.Duration(n) * 24 * time.Hour / orders)
				if v := a.change(orderID(n), at); !test.search || n%missed != 0 {
					changes = append(changes, notified(orderID(n), fmt.Sprint(n), v.at))
				}
			}
			r.Now = begun.Add(24 * time.Hour)
			r.Restart()
			started, took := r.Now, time.Duration(0)
			if test.late {
				r.follow(a, time.Second)
			}
			calls := r.Take(changes...)
			for r.Machine.unfetched() > 0 && took < 4*time.Hour {
				r.Follow(10*time.Second, calls, func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
				took, calls = r.Now.Sub(started), r.Tick(nil)
			}
			gets, pages := r.started(model.GetOrder), r.started(model.SearchOrders)
			const get, page = 0.5, 0.0056 * searchPage
			alone := (orders - 30) / get
			best := (orders - 30 - 20*searchPage) / (get + page)
			t.Logf("%d orders in %.0f s by %d getOrder and %d searchOrders; getOrder alone needs %.0f s, both at their best %.0f s",
				orders, took.Seconds(), gets, pages, alone, best)
			if test.search && took.Seconds() > alone/2 {
				t.Errorf("it took %v", took)
			}
			r.follow(a, 4*time.Hour) // and the rest of the gap, for what was not notified
			if len(r.outputs)-before != orders {
				t.Errorf("%d of %d orders came", len(r.outputs)-before, orders)
			}
			if len(a.Denied) > 0 {
				t.Errorf("Amazon answered 429: %v", a.Denied)
			}
			for _, event := range r.outputs {
				if (event.BuyerData != nil) != test.buyers {
					t.Fatalf("%+v", event)
				}
			}
		})
	}
}

func TestABacklogIsOnlyWhatSearchesHelp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		waiting int
		v0      bool
		want    bool
	}{
		"a minute's": {waiting: 30}, "more": {waiting: 31, want: true}, "of v0": {waiting: 31, v0: true},
	} {
		r := newRuntime(t, reconciling, func(cfg *Config) { cfg.V0 = test.v0 })
		var changes []any
		for n := range test.waiting {
			changes = append(changes, notified(orderID(n), fmt.Sprint(n), r.Now))
		}
		r.Take(changes...)
		if got := r.Machine.backlogged(testAccount); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestWhatGetOrderFailsForIsServedByASearch that shows it, also if the call is in flight
// while the page comes.
func TestWhatGetOrderFailsForIsServedByASearch(t *testing.T) {
	t.Parallel()
	refusal := func(class model.Class, status int) machine.Outcome {
		return machine.Reject{Err: &model.Error{Class: class, Operation: model.GetOrder, Status: status}}
	}
	for name, outcome := range map[string]machine.Outcome{
		"400": refusal(model.Invalid, 400), "404": refusal(model.NotFound, 404), "unreadable": refusal(model.Malformed, 200),
		"403": machine.Park{}, "503": machine.Retry{}, "lost": machine.Ambiguous{}, "breaker": machine.Snooze{For: time.Hour},
	} {
		for _, how := range []struct{ flying, buyers bool }{{}, {flying: true}, {buyers: true}} {
			flying := how.flying
			t.Run(fmt.Sprintf("%s, %+v", name, how), func(t *testing.T) {
				t.Parallel()
				r, a := newRuntime(t, reconciling, func(cfg *Config) {
					if how.buyers {
						withBuyerData(t, cfg)
					}
				}), newAmazon()
				a.sealer = newGuarded(t).sealer()
				r.follow(a, 10*time.Minute)
				v := a.change(orderID(1), r.Now)
				late := r.Take(notified(orderID(1), "n", v.at))
				if !flying {
					r.End(late[0], outcome)
				}
				r.Follow(11*time.Minute, r.Tick(nil), func(call machine.Call) machine.Outcome {
					if call.Operation == model.GetOrder {
						return outcome
					}
					return a.answerTo(call, r.Now)
				})
				if flying {
					r.End(late[0], outcome)
				}
				want := a.final(orderID(1))
				if len(r.outputs) != 1 || !how.buyers && r.outputs[0].EventID != want.EventID || (r.outputs[0].BuyerData != nil) != how.buyers || r.order(orderID(1)).Pending {
					t.Fatalf("wrote %+v, the order is %+v", r.outputs, r.order(orderID(1)))
				}
				r.follow(a, time.Hour)
				if len(r.outputs) != 1 {
					t.Errorf("the order came %d times", len(r.outputs))
				}
			})
		}
	}
}

// TestAPageThatCannotBeReadCompletelySettlesNothing.
func TestAPageThatCannotBeReadCompletelySettlesNothing(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling), newAmazon()
	a.odd = true
	a.change(orderID(1), r.Now.Add(-30*time.Minute))
	r.follow(a, time.Minute)
	if len(r.outputs) != 1 || r.started(model.GetOrder) != 1 {
		t.Fatalf("%d orders came by %d getOrder, want 1 by 1", len(r.outputs), r.started(model.GetOrder))
	}
}

// TestAPageTooLargeIsAskedForInSmallerOnes, and at full size again by the next search.
func TestAPageTooLargeIsAskedForInSmallerOnes(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling), newAmazon()
	a.page = searchPage
	for n := range 100 {
		a.change(orderID(n), r.Now.Add(-30*time.Minute))
	}
	var sizes []int
	r.Follow(time.Hour, r.Tick(nil), func(call machine.Call) machine.Outcome {
		request, ok := call.Request.(*model.SearchOrdersRequest)
		if ok {
			sizes = append(sizes, request.MaxResultsPerPage)
		}
		if ok && request.MaxResultsPerPage > 30 && len(r.outputs) < 100 {
			return machine.Reject{Err: &model.Error{Class: model.Malformed, Operation: model.SearchOrders, Status: 200}}
		}
		return a.answerTo(call, r.Now)
	})
	if len(r.outputs) != 100 || !slices.Equal(sizes[:7], []int{100, 50, 25, 25, 25, 25, 100}) {
		t.Errorf("%d orders came by pages of %v", len(r.outputs), sizes)
	}
}

// TestALargeOrderIsTheSameByBothReads: what does not fit a record is cut before its id is
// made, whichever operation shows it.
func TestALargeOrderIsTheSameByBothReads(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, reconciling)
	line := model.OrderItem{OrderItemID: "1", QuantityOrdered: 1, Product: model.ItemProduct{Title: strings.Repeat("T", 2000)}}
	large := model.Order{
		OrderID: orderID(1), CreatedTime: testStart, LastUpdatedTime: r.Now.Add(-30 * time.Minute), Fulfillment: &model.OrderFulfillment{Status: "UNSHIPPED"}, Items: slices.Repeat([]model.OrderItem{line}, 600),
	}
	answer := func(call machine.Call) machine.Outcome {
		if call.Operation == model.GetOrder {
			return machine.Done{Response: &model.GetOrderResponse{Order: large}}
		}
		return machine.Done{Response: &model.SearchOrdersResponse{Orders: []model.Order{large}}}
	}
	r.Follow(10*time.Minute, r.Tick(nil), answer)
	if len(r.outputs) != 1 || r.started(model.GetOrder) != 0 {
		t.Fatalf("%d orders came by %d getOrder, want 1 by none", len(r.outputs), r.started(model.GetOrder))
	}
	change := notified(orderID(1), "n", r.Now)
	change.ChangeTime = time.Time{}
	r.Follow(time.Hour, r.Take(change), answer)
	if len(r.outputs) != 1 || r.started(model.GetOrder) == 0 {
		t.Errorf("%d orders came, and %d getOrder", len(r.outputs), r.started(model.GetOrder))
	}
}

// TestAnOldPageLeavesAnUntimedChangePending: a buyer's request moves no lastUpdatedTime, so
// that a page of before looks like the newest state; also where getOrder has failed.
func TestAnOldPageLeavesAnUntimedChangePending(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, reconciling)
	order := model.Order{
		OrderID: orderID(1), CreatedTime: testStart, LastUpdatedTime: r.Now.Add(-30 * time.Minute),
		Fulfillment: &model.OrderFulfillment{Status: "UNSHIPPED"}, Items: []model.OrderItem{{OrderItemID: "1", QuantityOrdered: 1}},
	}
	before, failing := order, false
	answer := func(call machine.Call) machine.Outcome {
		switch {
		case call.Operation != model.GetOrder:
			return machine.Done{Response: &model.SearchOrdersResponse{Orders: []model.Order{before}}}
		case failing:
			return machine.Retry{}
		}
		return machine.Done{Response: &model.GetOrderResponse{Order: order}}
	}
	r.Follow(10*time.Minute, r.Tick(nil), answer)
	change := notified(orderID(1), "n", r.Now)
	change.ChangeType, change.ChangeTime = buyerRequestedChange, time.Time{}
	failing = true
	r.Follow(10*time.Minute, r.Take(change), answer)
	if !r.order(orderID(1)).Pending || len(r.outputs) != 1 {
		t.Fatalf("%d orders came, the order is %+v", len(r.outputs), r.order(orderID(1)))
	}
	failing = false
	order.Items = []model.OrderItem{{OrderItemID: "1", QuantityOrdered: 1, Cancellation: &model.ItemCancellation{Request: &model.ItemCancellationRequest{Requester: "BUYER"}}}}
	r.Follow(time.Hour, r.Tick(nil), answer)
	if len(r.outputs) != 2 || r.outputs[1].Items[0].CancelRequestedBy != "BUYER" {
		t.Errorf("%d orders came", len(r.outputs))
	}
}

// TestAPageOfAnotherQuestionSettlesNothing: the version before searched for less, and its
// token may bring that.
func TestAPageOfAnotherQuestionSettlesNothing(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling), newAmazon()
	a.change(orderID(1), r.Now.Add(-30*time.Minute))
	r.Follow(time.Minute, r.Tick(nil), func(call machine.Call) machine.Outcome {
		outcome := a.answerTo(call, r.Now)
		if done, ok := outcome.(machine.Done); ok && call.Operation == model.SearchOrders {
			for i := range done.Response.(*model.SearchOrdersResponse).Orders {
				done.Response.(*model.SearchOrdersResponse).Orders[i].Fulfillment = nil
			}
		}
		return outcome
	})
	if len(r.outputs) != 1 || r.started(model.GetOrder) != 1 {
		t.Fatalf("%d orders came by %d getOrder, want 1 by 1", len(r.outputs), r.started(model.GetOrder))
	}
}
