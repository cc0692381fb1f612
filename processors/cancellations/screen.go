package cancellations

import (
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// alreadyCancelled is the code of an ACCEPTED cancellation that sent nothing.
const alreadyCancelled = "already_cancelled"

// Codes of what is REJECTED, and of what is FAILED.
const (
	whyShipped  = "already_shipped"
	whyAmazons  = "fulfilled_by_amazon"
	whyNoItem   = "unknown_item"
	whyTooLarge = "quantity_too_large"

	codeNoOrder   = "unknown_order"
	codeUncertain = "outcome_unknown"
)

// pendingFor is how long a cancellation waits for an order that Amazon has not released yet.
// Then it is sent, and Amazon decides.
const pendingFor = 24 * time.Hour

const (
	// stamped is by how much Amazon's time of a package may be before ours.
	stamped = time.Minute
	// notStored is for how long after a package was confirmed an order may be changed that
	// does not show it yet. If a later one does not, Amazon has not stored the package.
	notStored = time.Hour
)

// verdict is what the order as it is known says of a cancellation: an outcome, or nothing
// before a time.
type verdict struct {
	outcome, code, message string
	feedID                 string
	until                  time.Time
	by                     *schemas.PendingCancellation // that covers it, of superseded
}

// screen answers a cancellation that needs no call (rule 4), or says until when it waits.
func (m *Machine) screen(o *order, c *schemas.PendingCancellation, now time.Time) verdict {
	refused := func(code, format string, args ...any) verdict {
		return verdict{outcome: rejected, code: code, message: fmt.Sprintf(format, args...)}
	}
	shows := o.ConfirmedTime.Add(m.cfg.WaitForOrder) // by when the order shows it
	switch {
	case o.ByAmazon:
		return refused(whyAmazons, "order %s is fulfilled by Amazon, and only the buyer or Amazon can cancel it", o.OrderID)
	case o.Status == statusCancelled:
		return verdict{outcome: accepted, code: alreadyCancelled}
	case o.Status == statusShipped:
		return refused(whyShipped, "order %s is shipped, and nothing was sent: have the package stopped, or expect its return", o.OrderID)
	case o.ConfirmedTime.After(o.OrderTime) && now.Before(shows): // which of its lines that package has
		return verdict{until: shows}
	case o.packed():
		return refused(whyShipped, "a package of order %s was confirmed at %s, and nothing was sent: have it stopped, or send the cancellation of other lines again when the order shows it",
			o.OrderID, o.ConfirmedTime.UTC().Format(time.RFC3339))
	case o.OrderTime.IsZero():
		if came := c.ReceivedTime.Add(m.cfg.WaitForOrder); now.Before(came) {
			return verdict{until: came}
		}
		if len(c.Items) == 0 {
			return verdict{outcome: failed, code: codeNoOrder, message: fmt.Sprintf(
				"order %s has not come from Amazon for %v, so what to cancel of it is not known: name its items, and send the cancellation again", o.OrderID, m.cfg.WaitForOrder)}
		}
	}
	if v := o.check(c); v.outcome != "" {
		return v
	}
	until := machine.Latest(o.NotBefore, o.AloneTime)
	if o.Status == statusPending || o.Status == statusUnreleased {
		until = machine.Latest(until, c.ReceivedTime.Add(pendingFor))
	}
	return verdict{until: until}
}

// packed reports whether a package was confirmed that the order does not show, as far as is
// known: which of its lines that has cannot be said.
func (o *order) packed() bool {
	if o.ConfirmedTime.IsZero() {
		return false
	}
	if slices.ContainsFunc(o.Lines, func(l schemas.CancelLine) bool { return l.Shipped > 0 }) {
		return o.ConfirmedTime.After(o.OrderTime.Add(stamped))
	}
	return o.OrderTime.Before(o.ConfirmedTime.Add(notStored))
}

// check compares a cancellation with the order's lines, and with what is cancelled already.
func (o *order) check(c *schemas.PendingCancellation) verdict {
	shipped := ""
	for _, item := range c.Items {
		line := o.line(item.OrderItemID)
		done, _ := o.doneOf(item.OrderItemID)
		switch {
		case line == nil && !o.OrderTime.IsZero() && len(o.Lines) > 0 && len(o.Lines) < maxLines:
			return verdict{outcome: rejected, code: whyNoItem, message: fmt.Sprintf(
				"order %s has no line %s: correct the item at the producer", o.OrderID, item.OrderItemID)}
		case o.cancelled(item):
		case item.Quantity > 0 && o.doubts(item.OrderItemID):
			return o.uncertain("an earlier feed ended without saying how many units of line " + item.OrderItemID + " it has cancelled")
		case line == nil:
		case item.Quantity > line.Ordered-line.Unshown+done:
			return verdict{outcome: rejected, code: whyTooLarge, message: fmt.Sprintf(
				"line %s of order %s has %d units, and %d are to be cancelled: correct the quantity at the producer", item.OrderItemID, o.OrderID, line.Ordered, item.Quantity)}
		case left(line) <= 0 || item.Quantity-done > left(line):
			shipped = item.OrderItemID
		}
	}
	if shipped != "" {
		return verdict{outcome: rejected, code: whyShipped, message: fmt.Sprintf(
			"of line %s of order %s so many units are shipped that these cannot be cancelled, and nothing was sent: have the package stopped, or expect its return", shipped, o.OrderID)}
	}
	if len(o.wanted(c)) > 0 {
		return verdict{}
	}
	if len(c.Items) == 0 && !slices.ContainsFunc(o.Lines, func(l schemas.CancelLine) bool { return o.gone(&l) }) {
		return verdict{outcome: rejected, code: whyShipped, message: fmt.Sprintf(
			"order %s has no line left to cancel, and nothing was sent: look at it in Seller Central", o.OrderID)}
	}
	return verdict{outcome: accepted, code: alreadyCancelled}
}

// gone reports whether a line is cancelled as a whole. Orders of the older version say so by
// a number of 0 only.
func (o *order) gone(line *schemas.CancelLine) bool {
	_, all := o.doneOf(line.OrderItemID)
	return line.Cancelled || all || line.Shipped == 0 && left(line) <= 0
}

// left is how many units of a line are neither shipped nor cancelled.
func left(line *schemas.CancelLine) int32 { return line.Ordered - line.Shipped - line.Unshown }

// cancelled reports whether what is asked for of a line is cancelled already.
func (o *order) cancelled(item schemas.CancelItem) bool {
	done, all := o.doneOf(item.OrderItemID)
	line := o.line(item.OrderItemID)
	return all || line != nil && o.gone(line) || item.Quantity > 0 && item.Quantity <= done
}

// none says that nothing of a line is to be sent.
const none = -1

// units is how many units of a line a message has to name: 0 for the line without a number,
// none where it has nothing left to cancel.
func (o *order) units(item schemas.CancelItem) int32 {
	line := o.line(item.OrderItemID)
	switch {
	case o.cancelled(item) || line != nil && left(line) <= 0:
		return none
	case item.Quantity > 0:
		done, _ := o.doneOf(item.OrderItemID)
		return item.Quantity - done
	case line != nil && line.Shipped > 0: // a line without a number may mean all of it
		return left(line)
	}
	return 0
}

// wanted is what a cancellation asks for that is not cancelled already, by line; of a whole
// order, of each line that has something left.
func (o *order) wanted(c *schemas.PendingCancellation) []schemas.CancelItem {
	items := c.Items
	if len(items) == 0 {
		for i := range o.Lines {
			items = append(items, schemas.CancelItem{OrderItemID: o.Lines[i].OrderItemID})
		}
	}
	return slices.DeleteFunc(slices.Clone(items), func(item schemas.CancelItem) bool { return o.units(item) == none })
}

// message is what a feed of now says about a cancellation.
func (o *order) message(c *schemas.PendingCancellation) (items []model.AcknowledgedItem) {
	for _, item := range o.wanted(c) {
		items = append(items, model.AcknowledgedItem{AmazonOrderItemCode: item.OrderItemID, CancelReason: c.Reason, Quantity: int(o.units(item))})
	}
	return items
}

// covers reports whether one cancellation of an order asks for all that another asks for.
func covers(a, b *schemas.PendingCancellation) bool {
	if len(a.Items) == 0 {
		return true
	}
	if len(b.Items) == 0 {
		return false
	}
	for _, item := range b.Items {
		if !slices.ContainsFunc(a.Items, func(other schemas.CancelItem) bool {
			return other.OrderItemID == item.OrderItemID && (other.Quantity == 0 || item.Quantity > 0 && item.Quantity <= other.Quantity)
		}) {
			return false
		}
	}
	return true
}
