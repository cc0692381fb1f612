package orders

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func look(id string, asked time.Time) *schemas.OrderLook {
	return &schemas.OrderLook{Account: testAccount, OrderID: id, AskedTime: asked}
}

// packed is an order with one of its two units in a package.
func (a *amazon) packed(id string, v version) model.Order {
	order, one := a.order(id, v), int32(1)
	order.Fulfillment.Status = "PARTIALLY_SHIPPED"
	order.Items[0].Fulfillment = &model.ItemFulfillment{QuantityFulfilled: &one}
	order.Packages = []model.OrderPackage{{PackageReferenceID: "7", TrackingNumber: "T1"}}
	return order
}

// Looks at an order cost one call together, and have one answer, whether what Amazon shows is
// new or not. Only what is new is emitted as an order.
func TestALookIsAnsweredWhetherThereIsNewsOrNot(t *testing.T) {
	t.Parallel()
	for _, news := range []bool{false, true} {
		for _, restarts := range []bool{false, true} {
			r, a := newRuntime(t), newAmazon()
			v := a.change(orderID(1), r.Now)
			r.Done(r.Take(notified(orderID(1), "1", v.at))[0], &model.GetOrderResponse{Order: a.packed(orderID(1), v)})
			r.Now = r.Now.Add(time.Hour)
			asked := r.Now
			calls := r.Take(look(orderID(1), asked.Add(-time.Second)), look(orderID(1), asked))
			if more := r.Take(look(orderID(1), asked)); len(calls) != 1 || len(more) > 0 {
				t.Fatalf("%d and %d calls, want one", len(calls), len(more))
			}
			if restarts {
				r.Restart()
				calls = r.Pass(0)
			}
			if news {
				v = a.change(orderID(1), r.Now)
			}
			r.Done(calls[0], &model.GetOrderResponse{Order: a.packed(orderID(1), v)})
			orders := 1
			if news {
				orders = 2
			}
			if len(r.outputs) != orders || len(r.looked) != 1 || news && r.outputs[1].Origin != originRecovered {
				t.Fatalf("news %v, restarts %v: %d orders and %d answers", news, restarts, len(r.outputs), len(r.looked))
			}
			got := r.looked[0]
			if !got.AskedTime.Equal(asked) || got.Status != "PARTIALLY_SHIPPED" || !got.LastUpdatedTime.Equal(v.at) ||
				len(got.Fulfilled) != 1 || got.Fulfilled[0] != (schemas.LineUnits{OrderItemID: "1", Quantity: 1}) ||
				len(got.Packages) != 1 || got.Packages[0] != (schemas.SeenPackage{PackageReferenceID: "7", TrackingNumber: "T1"}) {
				t.Errorf("news %v, restarts %v: %+v", news, restarts, got)
			}
		}
	}
}

// A look costs no call where one is under way or is due, and waits for what notifications
// asked for. An order that Amazon has just said not to know is not asked for.
func TestALookSpendsLittle(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	v := a.change(orderID(1), r.Now)
	calls := r.Take(notified(orderID(1), "1", v.at))
	if more := r.Take(look(orderID(1), r.Now)); len(more) > 0 {
		t.Fatalf("%d calls beside the one in flight", len(more))
	}
	if more := r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), v)}); len(more) > 0 || len(r.looked) != 1 {
		t.Errorf("%d calls more, %d answers", len(more), len(r.looked))
	}
	var waiting []any
	for n := range 29 + 10 { // the burst, less the call above, and more
		waiting = append(waiting, look(orderID(100+n), r.Now))
	}
	under := r.Take(waiting...)
	next := r.Take(notified(orderID(2), "2", r.Now.Add(-time.Second)))
	if next = append(next, r.Pass(5*time.Second)...); len(next) == 0 || next[0].Request.(*model.GetOrderRequest).OrderID != orderID(2) {
		t.Errorf("after %d looks the next call is %s", len(under), callIDs(next))
	}
}

// An order that Amazon has just said not to know is not asked for because of a look.
func TestALookAtAnOrderThatDoesNotExistEnds(t *testing.T) {
	t.Parallel()
	r, calls := newRuntime(t), 0
	for range 3 {
		r.Follow(10*time.Minute, r.Take(look(orderID(1), r.Now)), func(machine.Call) machine.Outcome {
			calls++
			return machine.Reject{Err: &model.Error{Class: model.NotFound, Operation: model.GetOrder, Status: 404}}
		})
	}
	if state := r.order(orderID(1)); calls != maxStale+1 || state.Pending || !state.LookTime.IsZero() || len(r.looked) > 0 {
		t.Errorf("%d calls, %d answers, %+v", calls, len(r.looked), state)
	}
}

// A look at an order of an account that is removed since is void, and no dead letter.
func TestALookOfARemovedAccountIsVoid(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	asked := look(orderID(1), r.Now)
	asked.Account = "nobody"
	if calls := r.Take(asked); len(calls) > 0 || len(r.Letters) > 0 {
		t.Errorf("%d calls, dead letters %+v", len(calls), r.Letters)
	}
}
