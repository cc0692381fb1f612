package orders

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/orders/ordersv0"
	"github.com/sellerstream/sellerstream/test/long"
)

// answerTo answers a call of either API.
func (a *amazon) answerTo(call machine.Call, now time.Time) machine.Outcome {
	switch request := call.Request.(type) {
	case *model.GetOrderV0Request:
		shown, refusal := a.shown(request.OrderID, now)
		if shown == nil {
			return refusal
		}
		head, _ := a.orderV0(request.OrderID, *shown)
		return machine.Done{Response: &model.GetOrderV0Response{Order: head}}
	case *model.GetOrderItemsV0Request:
		shown, refusal := a.shown(request.OrderID, now)
		if shown == nil {
			return refusal
		}
		return machine.Done{Response: &model.GetOrderItemsV0Response{Page: a.pageV0(request, *shown)}}
	case *model.GetOrderRequest:
		return a.answer(request.OrderID, now)
	case *model.SearchOrdersRequest:
		return a.search(request, now)
	case *buyerdata.Request, *buyerdata.PageRequest:
		return a.sealer.Guard(func(_ context.Context, read machine.Call) machine.Result {
			return machine.Result{Outcome: giveBuyers(a.answerTo(read, now))}
		})(context.Background(), call).Outcome
	}
	return machine.Reject{Err: fmt.Errorf("no answer to a %T", call.Request)}
}

// orderV0 is a version of an order, with three lines. Its times are whole seconds.
func (a *amazon) orderV0(id string, v version) (model.OrderV0, []model.OrderItemV0) {
	head := model.OrderV0{
		OrderID: id, PurchaseDate: testStart, LastUpdateDate: v.at.Truncate(time.Second),
		Status: "Unshipped", FulfillmentChannel: "MFN", SalesChannel: "Amazon.de",
	}
	var lines []model.OrderItemV0
	for i := range 3 {
		lines = append(lines, model.OrderItemV0{OrderItemID: fmt.Sprint(i + 1), QuantityOrdered: int32(v.number), SellerSKU: "SKU"})
	}
	return head, lines
}

// pageV0 is a page of one line.
func (a *amazon) pageV0(request *model.GetOrderItemsV0Request, v version) model.OrderItemPageV0 {
	_, lines := a.orderV0(request.OrderID, v)
	first := 0
	if request.NextToken != "" {
		_, _ = fmt.Sscanf(request.NextToken, "page-%d", &first)
	}
	page := model.OrderItemPageV0{OrderID: request.OrderID, Items: lines[first : first+1]}
	if first+1 < len(lines) {
		page.NextToken = fmt.Sprintf("page-%d", first+1)
	}
	return page
}

func newRuntimeV0(t *testing.T) (*runtime, *amazon) {
	r, a := newRuntime(t), newAmazon()
	r.v0, r.Machine.cfg.V0, a.v0 = true, true, true
	return r, a
}

// run answers calls until there are none, and gives their operations.
func (r *runtime) run(a *amazon, calls []machine.Call) (made []string) {
	r.T.Helper()
	for len(calls) > 0 {
		made = append(made, calls[0].Operation)
		calls = r.End(calls[0], a.answerTo(calls[0], r.Now))
	}
	return made
}

func TestAnOrderOfV0IsOneEvent(t *testing.T) {
	t.Parallel()
	r, a := newRuntimeV0(t)
	v := a.change(orderID(1), r.Now)
	made := r.run(a, r.Take(notified(orderID(1), "n", v.at)))
	page := model.GetOrderItemsV0
	if !slices.Equal(made, []string{model.GetOrderV0, page, page, page}) {
		t.Errorf("called %v", made)
	}
	if len(r.outputs) != 1 || r.outputs[0].EventID != a.final(orderID(1)).EventID || len(r.outputs[0].Items) != 3 || r.order(orderID(1)).Pending {
		t.Errorf("%+v", r.outputs)
	}
}

// TestNewsOfAHalfFetchedOrder begins it again: what was fetched of it may be
// from before.
func TestNewsOfAHalfFetchedOrder(t *testing.T) {
	t.Parallel()
	r, a := newRuntimeV0(t)
	v := a.change(orderID(1), r.Now)
	calls := r.Take(notified(orderID(1), "n", v.at))
	// Amazon throttles the items, so that the order waits for them.
	items := r.End(calls[0], a.answerTo(calls[0], r.Now))
	if len(items) != 1 || items[0].Operation != model.GetOrderItemsV0 {
		t.Fatalf("%+v", items)
	}
	r.End(items[0], machine.Snooze{Throttled: true, For: time.Minute})
	r.Now = r.Now.Add(5 * time.Second)
	again := a.change(orderID(1), r.Now)
	calls = r.Take(notified(orderID(1), "m", again.at))
	if len(calls) != 1 || calls[0].Operation != model.GetOrderV0 {
		t.Fatalf("after the news: %+v", calls)
	}
	r.run(a, calls)
	r.Now = r.Now.Add(2 * time.Minute)
	r.run(a, r.Tick(nil))
	for range 3 { // a page for each token that comes back
		r.Now = r.Now.Add(time.Minute)
		r.run(a, r.Tick(nil))
	}
	if len(r.outputs) != 1 || r.outputs[0].EventID != a.final(orderID(1)).EventID {
		t.Errorf("%+v", r.outputs)
	}
}

// TestAnswersOfV0ThatMakeNoSense are never emitted.
func TestAnswersOfV0ThatMakeNoSense(t *testing.T) {
	t.Parallel()
	good := model.OrderV0{OrderID: orderID(1), LastUpdateDate: testStart}
	for name, answers := range map[string][]any{
		"another order":        {&model.GetOrderV0Response{Order: model.OrderV0{OrderID: orderID(2), LastUpdateDate: good.LastUpdateDate}}},
		"no time":              {&model.GetOrderV0Response{Order: model.OrderV0{OrderID: orderID(1)}}},
		"another order's page": {&model.GetOrderV0Response{Order: good}, &model.GetOrderItemsV0Response{Page: model.OrderItemPageV0{OrderID: orderID(2)}}},
		"an order for a page":  {&model.GetOrderV0Response{Order: good}, &model.GetOrderV0Response{Order: good}},
		"a page for an order":  {&model.GetOrderItemsV0Response{Page: model.OrderItemPageV0{OrderID: orderID(1)}}},
	} {
		r, _ := newRuntimeV0(t)
		calls := r.Take(notified(orderID(1), "n", testStart))
		for _, answer := range answers {
			if len(calls) != 1 {
				t.Fatalf("%s: %d calls", name, len(calls))
			}
			calls = r.Done(calls[0], answer)
		}
		if state := r.order(orderID(1)); len(r.outputs) != 0 || !state.Pending || state.Refusals != 1 {
			t.Errorf("%s: %d outputs, %+v", name, len(r.outputs), state)
		}
	}
}

// endless are the pages of an order's items that lead to no end, as Amazon gives them.
func endless(kind string, page int) model.OrderItemPageV0 {
	line := []model.OrderItemV0{{OrderItemID: fmt.Sprint(page), QuantityOrdered: 1}}
	switch kind {
	case "the same token":
		return model.OrderItemPageV0{Items: line, NextToken: "again"}
	case "two tokens in turn":
		return model.OrderItemPageV0{Items: line, NextToken: fmt.Sprint(page % 2)}
	case "no items":
		return model.OrderItemPageV0{NextToken: fmt.Sprint(page)}
	default:
		return model.OrderItemPageV0{Items: line, NextToken: fmt.Sprint(page)}
	}
}

// TestPagesWithoutEndCostTheirOrder: whatever its tokens do, an order whose items never
// end is tried as any other that cannot be read, and the others do not notice. In half
// a day such an order had cost 4,623 calls, and others waited up to 25 minutes.
func TestPagesWithoutEndCostTheirOrder(t *testing.T) {
	t.Parallel()
	span := long.Pick(t, 2*time.Hour, 6*time.Hour)
	run := func(kind string) (p99 time.Duration, pages int, r *runtime) {
		r, a := newRuntimeV0(t)
		bad := orderKey(testAccount, orderID(0))
		page := 0
		took := stream(r, a, 10*time.Second, span, func(call machine.Call) machine.Outcome {
			if call.Key != bad || call.Operation != model.GetOrderItemsV0 || kind == "" {
				return nil
			}
			page++
			answer := endless(kind, page)
			answer.OrderID = orderID(0)
			return machine.Done{Response: &model.GetOrderItemsV0Response{Page: answer}}
		})
		return took[len(took)*99/100], page, r
	}
	without, _, _ := run("")
	for kind, most := range map[string]int{"the same token": 2, "two tokens in turn": 4, "no items": 1, "other tokens": ordersv0.MaxPages} {
		p99, pages, r := run(kind)
		if p99 > without+without/10 {
			t.Errorf("%s: p99 of the others is %v, without it %v", kind, p99, without)
		}
		state := r.order(orderID(0))
		if tries := int(state.Refusals); tries < minRefusals || pages > (tries+1)*most {
			t.Errorf("%s: %d pages in %d tries", kind, pages, tries)
		}
		if len(r.alerts) != 1 || len(r.Letters) != 0 {
			t.Errorf("%s: %d alerts, %d letters", kind, len(r.alerts), len(r.Letters))
		}
	}
}
