package orders

import (
	"errors"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Orders v0 gives an order in several calls: getOrder, then getOrderItems once
// for each page, each under its own quota. The order comes first, so that its
// items are never older than the time that the event has: a change between the
// calls is notified, and fetched again. Buyer data comes with getOrder, which then
// needs a restricted data token: the client keeps one for each account, and asks
// for it once an hour.

// maxPagesV0 is how many pages of items an order may have. Amazon gives no number;
// an order has few.
const maxPagesV0 = 20

// maxItemsV0 is how many items of an order are, as with Orders 2026-01-01.
const maxItemsV0 = 5000

// refusedPage is the time between the pages of an order that was refused before: five
// times what Amazon's default plan needs for a token.
const refusedPage = 10 * time.Second

// partV0 is the part of an order that has been fetched.
type partV0 struct {
	order model.OrderV0
	items []model.OrderItemV0
	// incomplete is of the pages; see model.Order.Incomplete.
	incomplete []string
	next       string // token of the page to fetch; "" for the first
	paging     model.Paging
	sealed
}

// v0Lanes are the orders to fetch with Orders v0.
type v0Lanes struct {
	heads *lane.Lanes // by their getOrder
	items *lane.Lanes // by a page of their items
}

func newV0Lanes(limits quota.Overrides) v0Lanes {
	return v0Lanes{heads: lane.New(model.GetOrderV0, limits.Of).In(Processor, commands.Doctor), items: lane.New(model.GetOrderItemsV0, limits.Of).In(Processor, commands.Doctor)}
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
	switch {
	case o.part != nil || shown.OrderID != o.id() || shown.LastUpdateDate.IsZero():
		m.restartV0(tx, o)
	case !o.dirty && o.stale < maxStale && o.behind(millisOf(shown.LastUpdateDate)):
		m.stale(tx, o) // the items would be fetched for nothing
	default:
		o.part, o.notBefore = &partV0{order: *shown, sealed: s}, 0
	}
}

// itemsOfV0 takes a page of an order's items. The last one completes the order.
func (m *Machine) itemsOfV0(tx *machine.Tx, o *order, page *model.OrderItemPageV0) {
	if o.part == nil || page.OrderID != o.id() {
		m.restartV0(tx, o)
		return
	}
	part := o.part
	part.items = append(part.items, page.Items...)
	part.incomplete = append(part.incomplete, page.Incomplete...)
	if err := part.follow(page); err != nil {
		m.refuseV0(tx, o, err.Error())
		return
	}
	o.notBefore = 0
	if part.next == "" {
		whole := orderOfV0(&part.order, part.items)
		whole.Incomplete = few(append(part.incomplete, part.order.Incomplete...))
		m.shown(tx, o, whole, part.sealed)
	}
}

// follow turns to the page after one, unless the pages are no order's.
func (p *partV0) follow(page *model.OrderItemPageV0) error {
	switch {
	case len(p.items) > maxItemsV0:
		return fmt.Errorf("it has more than %d items", maxItemsV0)
	case page.NextToken != "" && len(page.Items) == 0:
		return errors.New("a page of its items is empty and names a next one")
	}
	p.next = page.NextToken
	return p.paging.Next(p.next, maxPagesV0)
}

// turn is when an order's next call has its turn: as old as the wish for the order,
// except for later pages of its items. Those go behind what waits by now and, once the
// order has been refused, come slowly: pages that lead to nothing cost the others
// neither their turn nor the burst (containment rule 4).
func (o *order) turn(now time.Time) millis {
	switch {
	case o.part == nil || o.part.paging.Pages() == 0:
		return min(o.pendingSince, millisOf(now)) // the clock that pendingSince was read from may be another's
	case o.refusals > 0:
		return millisOf(now.Add(refusedPage))
	default:
		return millisOf(now)
	}
}

// restartV0 begins again after an answer that makes no sense.
func (m *Machine) restartV0(tx *machine.Tx, o *order) {
	m.refuseV0(tx, o, "the answer is about another order, or out of turn")
}

// refuseV0 takes answers that cannot be used as an order.
func (m *Machine) refuseV0(tx *machine.Tx, o *order, why string) {
	m.refused(tx, o, &model.Error{
		Class: model.Malformed, Operation: model.GetOrderItemsV0, Account: o.account, Message: why,
	})
}
