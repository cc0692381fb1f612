package orders

import (
	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Orders v0 gives an order in several calls: getOrder, then getOrderItems once
// for each page, each under its own quota. The order comes first, so that its
// items are never older than the time that the event has: a change between the
// calls is notified, and fetched again. Buyer data comes with getOrder, which then
// needs a restricted data token: the client keeps one for each account, and asks
// for it once an hour.

// maxPagesV0 is how many pages of items are believed. Amazon gives no number;
// an order has few.
const maxPagesV0 = 200

// partV0 is the part of an order that has been fetched.
type partV0 struct {
	order model.OrderV0
	items []model.OrderItemV0
	next  string // token of the page to fetch; "" for the first
	pages int
	sealed
}

// v0Lanes are the orders to fetch with Orders v0.
type v0Lanes struct {
	heads *lane.Lanes // by their getOrder
	items *lane.Lanes // by a page of their items
}

func newV0Lanes(limits quota.Overrides) v0Lanes {
	return v0Lanes{heads: lane.New(model.GetOrderV0, limits.Of).In(Processor), items: lane.New(model.GetOrderItemsV0, limits.Of).In(Processor)}
}

func (l v0Lanes) of(o *order) *lane.Lanes {
	if o.part == nil {
		return l.heads
	}
	return l.items
}

func (l v0Lanes) restore(state any) bool {
	return l.heads.Restore(state) || l.items.Restore(state)
}

func (l v0Lanes) known(account string) {
	l.heads.Known(account)
	l.items.Known(account)
}

func (l v0Lanes) changed(tx *machine.Tx, account string) {
	l.heads.Changed(tx, account)
	l.items.Changed(tx, account)
}

func (l v0Lanes) pending() int { return l.heads.Pending() + l.items.Pending() }

// drawV0 starts the calls to Orders v0 that quota allows.
func (m *Machine) drawV0(tx *machine.Tx) {
	m.v0.items.Draw(tx, func(item *lane.Item) {
		o := m.orders[item.Key]
		tx.Call(machine.Call{
			Account: o.account, Operation: model.GetOrderItemsV0, Key: item.Key,
			Request: &model.GetOrderItemsV0Request{OrderID: o.id(), NextToken: o.part.next},
		})
	})
	m.v0.heads.Draw(tx, func(item *lane.Item) {
		o := m.orders[item.Key]
		tx.Call(machine.Call{
			Account: o.account, Operation: model.GetOrderV0, Key: item.Key,
			Request: m.request(tx, o, &model.GetOrderV0Request{OrderID: o.id()}),
		})
	})
}

// headOfV0 takes an order without its items.
func (m *Machine) headOfV0(tx *machine.Tx, o *order, shown *model.OrderV0, s sealed) {
	updated, ok := timeV0(shown.LastUpdateDate)
	switch {
	case o.part != nil || shown.OrderID != o.id() || !ok:
		m.restartV0(tx, o)
	case !o.dirty && o.stale < maxStale && o.behind(millisOf(updated)):
		m.stale(tx, o) // the items would be fetched for nothing
	default:
		o.part, o.notBefore = &partV0{order: *shown, sealed: s}, 0
	}
}

// itemsOfV0 takes a page of an order's items. The last one completes the order.
func (m *Machine) itemsOfV0(tx *machine.Tx, o *order, page *model.OrderItemPageV0) {
	if o.part == nil || page.OrderID != o.id() || o.part.pages == maxPagesV0 {
		m.restartV0(tx, o)
		return
	}
	part := o.part
	part.items = append(part.items, page.Items...)
	part.next = page.NextToken
	part.pages++
	o.notBefore = 0
	if part.next == "" {
		m.shown(tx, o, orderOfV0(&part.order, part.items), part.sealed)
	}
}

// restartV0 begins again after an answer that makes no sense.
func (m *Machine) restartV0(tx *machine.Tx, o *order) {
	o.part = nil
	m.retry(tx, o)
}
