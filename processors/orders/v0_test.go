package orders

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
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
	}
	return machine.Reject{Err: fmt.Errorf("no answer to a %T", call.Request)}
}

// orderV0 is a version of an order, with three lines. Its times are whole seconds.
func (a *amazon) orderV0(id string, v version) (model.OrderV0, []model.OrderItemV0) {
	head := model.OrderV0{
		OrderID: id, PurchaseDate: testStart.Format(time.RFC3339), LastUpdateDate: v.at.Truncate(time.Second).Format(time.RFC3339),
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
	good := model.OrderV0{OrderID: orderID(1), LastUpdateDate: "2026-11-01T12:00:00Z"}
	for name, answers := range map[string][]any{
		"another order":        {&model.GetOrderV0Response{Order: model.OrderV0{OrderID: orderID(2), LastUpdateDate: good.LastUpdateDate}}},
		"no time":              {&model.GetOrderV0Response{Order: model.OrderV0{OrderID: orderID(1), LastUpdateDate: "yesterday"}}},
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
		if state := r.order(orderID(1)); len(r.outputs) != 0 || !state.Pending || state.Attempts != 1 {
			t.Errorf("%s: %d outputs, %+v", name, len(r.outputs), state)
		}
	}
}

// TestPagesWithoutEndAreGivenUp: a token that leads to itself costs a bounded
// number of calls for each try.
func TestPagesWithoutEndAreGivenUp(t *testing.T) {
	t.Parallel()
	r, a := newRuntimeV0(t)
	v := a.change(orderID(1), r.Now)
	calls := r.Take(notified(orderID(1), "n", v.at))
	calls = r.End(calls[0], a.answerTo(calls[0], r.Now))
	pages := 0
	for ; r.order(orderID(1)).Attempts == 0 && pages < 10*maxPagesV0; pages++ {
		for len(calls) == 0 {
			r.Now = r.Wake
			calls = r.Tick(nil)
		}
		endless := &model.GetOrderItemsV0Response{Page: model.OrderItemPageV0{OrderID: orderID(1), NextToken: "again"}}
		calls = r.Done(calls[0], endless)
	}
	if pages != maxPagesV0+1 || len(r.outputs) != 0 {
		t.Errorf("%d pages, %d outputs", pages, len(r.outputs))
	}
}
