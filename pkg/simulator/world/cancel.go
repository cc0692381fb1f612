package world

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Cancellation is what a seller does not fulfil of an order: so many units of items, and
// all of an item that are left where the quantity is 0.
type Cancellation struct {
	OrderID string
	Reason  string
	Items   []Units
}

// Cancel cancels items of an order of a seller's. Any error but ErrNoOrder is Amazon's
// message of refusal; Amazon publishes none, so the words are the simulator's.
func (w *World) Cancel(accountID string, c *Cancellation) (Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.orders[c.OrderID]
	if h == nil || h.account.ID != accountID {
		return Change{}, ErrNoOrder
	}
	if complaint := h.latest().keep(c); complaint != "" {
		return Change{}, errors.New(complaint)
	}
	w.amend(h, func(o *Order, _ time.Time) { o.cancel(c) })
	return statusChange(h), nil
}

// keep returns why an order's items cannot be cancelled, or "".
func (o *Order) keep(c *Cancellation) string {
	switch o.Status() {
	case Shipped, Cancelled, Pending:
		return fmt.Sprintf("Order %s cannot be cancelled: it is %s.", o.OrderID, o.Status())
	}
	if o.ByAmazon() {
		return fmt.Sprintf("Order %s cannot be cancelled: it is fulfilled by Amazon.", o.OrderID)
	}
	wanted := make(map[string]int)
	for _, units := range c.Items {
		item := o.item(units.OrderItemID)
		if item == nil {
			return fmt.Sprintf("OrderItemId %s is not an item of order %s.", units.OrderItemID, o.OrderID)
		}
		wanted[units.OrderItemID] += max(units.Quantity, 1)
		if left := item.Fulfillment.Unfulfilled; wanted[units.OrderItemID] > left {
			return fmt.Sprintf("The quantity of OrderItemId %s is larger than the %d that are left to ship.", units.OrderItemID, left)
		}
	}
	return ""
}

func (o *Order) item(id string) *Item {
	if at := slices.IndexFunc(o.Items, func(i Item) bool { return i.OrderItemID == id }); at >= 0 {
		return &o.Items[at]
	}
	return nil
}

// cancel takes units out of a version of an order that is still being made. It replaces
// what earlier versions share rather than change it.
func (o *Order) cancel(c *Cancellation) {
	for _, units := range c.Items {
		item := o.item(units.OrderItemID)
		left := *item.Fulfillment
		gone := cmp.Or(units.Quantity, left.Unfulfilled)
		left.Unfulfilled -= gone
		item.Fulfillment = &left
		if left.Unfulfilled+left.Fulfilled > 0 {
			item.Quantity -= gone
			continue
		}
		cancelled := itemCancellation{Execution: &cancellationExecution{CancelledBy: byMerchant, Reason: c.Reason}}
		if item.Cancellation != nil {
			cancelled.Request = item.Cancellation.Request
		}
		item.Cancellation = &cancelled
	}
	open, sent := 0, 0
	for i := range o.Items {
		open += o.Items[i].Fulfillment.Unfulfilled
		sent += o.Items[i].Fulfillment.Fulfilled
	}
	if open > 0 {
		return
	}
	fulfillment := *o.Fulfillment
	fulfillment.Status = Cancelled
	if sent > 0 {
		fulfillment.Status = Shipped
	}
	o.Fulfillment = &fulfillment
}
