package orders

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/orders/ordersv0"
)

// refusedPage is the time between the pages of an order that was refused before: five
// times what Amazon's default limit needs for a token.
const refusedPage = 10 * time.Second

// partV0 is what Orders v0 has given of an order so far, and what came with it of the
// buyer.
type partV0 struct {
	ordersv0.Part
	buyerdata.Sealed
}

// fetchedV0 is what has been fetched of an order, nil for nothing.
func (o *order) fetchedV0() *ordersv0.Part {
	if o.part == nil {
		return nil
	}
	return &o.part.Part
}

// fetchedPages is how many pages of an order's items have been fetched.
func (o *order) fetchedPages() int {
	if o.part == nil {
		return 0
	}
	return o.part.Pages()
}

// drawV0 starts the calls to Orders v0 that quota allows.
func (m *Machine) drawV0(tx *machine.Tx) {
	m.v0.Draw(tx, func(item *lane.Item) {
		o := m.orders[item.Key]
		tx.Call(machine.Call{
			Account: o.account, Operation: model.GetOrderV0, Key: item.Key,
			Request: m.request(tx, o, &model.GetOrderV0Request{OrderID: o.id()}),
		})
		m.started(tx, o)
	}, func(item *lane.Item) {
		o := m.orders[item.Key]
		tx.Call(machine.Call{
			Account: o.account, Operation: model.GetOrderItemsV0, Key: item.Key, Request: o.part.Request(),
		})
	})
}

// headOfV0 takes an order without its items.
func (m *Machine) headOfV0(tx *machine.Tx, o *order, shown *model.OrderV0, s buyerdata.Sealed) {
	switch {
	case o.part != nil || shown.OrderID != o.id() || shown.LastUpdateDate.IsZero():
		m.refuseV0(tx, o, "the answer is about another order, or out of turn")
	case !o.dirty && o.stale < maxStale && o.behind(millisOf(shown.LastUpdateDate)):
		m.stale(tx, o) // the items would be fetched for nothing
	default:
		o.part, o.notBefore = &partV0{ordersv0.Begin(shown), s}, 0
	}
}

// itemsOfV0 takes a page of an order's items. The last one completes the order.
func (m *Machine) itemsOfV0(tx *machine.Tx, o *order, page *model.OrderItemPageV0) {
	if o.part == nil {
		m.refuseV0(tx, o, "the answer is about another order, or out of turn")
		return
	}
	whole, err := o.part.Add(page)
	if err != nil {
		m.refuseV0(tx, o, err.Error())
		return
	}
	o.notBefore = 0
	if whole != nil {
		m.shown(tx, o, whole, o.part.Sealed)
	}
}

// turn is when an order's next call has its turn: as old as the wish for the order,
// except for later pages of its items. Those go behind what waits by now and, once the
// order has been refused, come slowly: pages that lead to nothing cost the others
// neither their turn nor the burst (containment rule 4).
func (o *order) turn(now time.Time) millis {
	switch {
	case o.fetchedPages() == 0:
		return min(o.pendingSince, millisOf(now)) // the clock that pendingSince was read from may be another's
	case o.refusals > 0:
		return millisOf(now.Add(refusedPage))
	default:
		return millisOf(now)
	}
}

// refuseV0 takes answers that cannot be used as an order.
func (m *Machine) refuseV0(tx *machine.Tx, o *order, why string) {
	m.refused(tx, o, &model.Error{
		Class: model.Malformed, Operation: model.GetOrderItemsV0, Account: o.account, Message: why,
	})
}
