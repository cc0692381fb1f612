package ordersv0

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Operations are the operations whose quota the lanes take.
func Operations() []string { return []string{model.GetOrderV0, model.GetOrderItemsV0} }

// Lanes are where orders wait to be fetched with Orders v0.
type Lanes struct {
	heads *lane.Lanes // by their getOrder
	items *lane.Lanes // by a page of their items
}

// NewLanes makes lanes, each with open.
func NewLanes(open func(operation string) *lane.Lanes) Lanes {
	return Lanes{heads: open(model.GetOrderV0), items: open(model.GetOrderItemsV0)}
}

// Of is the lane of an order, given what has been fetched of it; nil for nothing.
func (l Lanes) Of(part *Part) *lane.Lanes {
	if part == nil {
		return l.heads
	}
	return l.items
}

// All are the lanes one by one.
func (l Lanes) All() []*lane.Lanes { return []*lane.Lanes{l.heads, l.items} }

// Restore takes an entry of the committed state, and reports whether it is of these lanes.
func (l Lanes) Restore(state any) bool { return l.heads.Restore(state) || l.items.Restore(state) }

// Known is like that of lane.Lanes.
func (l Lanes) Known(account string) {
	l.heads.Known(account)
	l.items.Known(account)
}

// Changed is like that of lane.Lanes.
func (l Lanes) Changed(tx *machine.Tx, account string) {
	l.heads.Changed(tx, account)
	l.items.Changed(tx, account)
}

// Pending is like that of lane.Lanes.
func (l Lanes) Pending() int { return l.heads.Pending() + l.items.Pending() }

// Held is like that of lane.Lanes.
func (l Lanes) Held() int { return l.heads.Held() + l.items.Held() }

// Draw starts the calls that quota allows, the pages of half-fetched orders first.
func (l Lanes) Draw(tx *machine.Tx, head, page func(item *lane.Item)) {
	l.items.Draw(tx, page)
	l.heads.Draw(tx, head)
}
