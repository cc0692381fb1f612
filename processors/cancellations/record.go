package cancellations

import (
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Bounds of a cancellation, and of how many of an order wait. Together they fit a record.
const (
	maxID      = 256
	maxBytes   = 16 << 10
	maxWaiting = 20
	// maxUnits is more than any line has.
	maxUnits = 1_000_000
	// skew is by how much the clocks of two owners may differ, and event times be ahead of
	// them, when the oldest cancellation that may be replayed is looked for.
	skew = time.Hour
)

// cancellation takes a cancellation in: it waits, or is answered at once.
func (m *Machine) cancellation(tx *machine.Tx, rec *machine.Record, a *account.Account, given *schemas.Cancellation) {
	given.EventTime = rec.EventTime(given.EventTime)
	if reason, message := invalid(given, a, tx.Now); reason != "" {
		tx.Reject(rec, reason, message)
		return
	}
	o := m.orders[orderKey(a.ID, given.OrderID)]
	if reason, message := unreplayable(rec, given, o != nil, tx.Now); reason != "" {
		tx.Reject(rec, reason, message)
		return
	}
	c := &schemas.PendingCancellation{
		CancellationID: given.CancellationID, SourceID: rec.ID, SourcePartition: rec.Partition, SourceOffset: rec.Offset,
		EventTime: given.EventTime, ReceivedTime: tx.Now, Reason: given.Reason, Items: given.Items, MarketplaceID: given.MarketplaceID,
	}
	if rec.Replay != nil {
		c.Replay = rec.Replay.ID
	}
	if o == nil {
		o = m.add(a.ID, given.OrderID)
	}
	if by := o.covering(c); by != nil {
		m.answer(tx, o, c, verdict{outcome: superseded, by: by})
		return
	}
	if len(o.Waiting) >= maxWaiting {
		tx.Reject(rec, "too_many_cancellations", fmt.Sprintf(
			"order %s has %d cancellations that wait, the most that are kept: send one that names all of its items", given.OrderID, maxWaiting))
		return
	}
	// Those that wait and that this one covers need not be sent. One that a document
	// names goes on: it may be at Amazon before this one.
	var waiting []schemas.PendingCancellation
	for i := range o.Waiting {
		if earlier := &o.Waiting[i]; (i > 0 || !o.making) && covers(c, earlier) {
			m.answer(tx, o, earlier, verdict{outcome: superseded, by: c})
			continue
		}
		waiting = append(waiting, o.Waiting[i])
	}
	o.Waiting = append(waiting, *c)
	o.Failure = nil
	m.settle(tx, o)
}

// covering is a cancellation of the order without an outcome that asks for all that another
// one asks for; nil for none.
func (o *order) covering(c *schemas.PendingCancellation) *schemas.PendingCancellation {
	if o.Sent != nil && covers(o.Sent, c) {
		return o.Sent
	}
	if i := slices.IndexFunc(o.Waiting, func(w schemas.PendingCancellation) bool { return covers(&w, c) }); i >= 0 {
		return &o.Waiting[i]
	}
	return nil
}

// unreplayable returns why a cancellation cannot be processed again. What was cancelled of an
// order is remembered for keepOrders: after that, numbers of units could be taken twice.
func unreplayable(rec *machine.Record, c *schemas.Cancellation, known bool, now time.Time) (reason, message string) {
	switch {
	case rec.Replay == nil:
	case !rec.Replay.Effects:
		return "replay_without_effects", "to process a cancellation again is to send it to Amazon: replay it with --effects"
	case !known && !c.EventTime.After(now.Add(skew-keepOrders)):
		return "replay_too_old", fmt.Sprintf(
			"the cancellation is from %s, and what was cancelled of an order is remembered for %.0f days only: produce it again, if it is still right",
			c.EventTime.UTC().Format(time.RFC3339), keepOrders.Hours()/24)
	}
	return "", ""
}

// invalid returns why a cancellation cannot be taken, as a stable reason and a message with
// the remedy.
func invalid(c *schemas.Cancellation, a *account.Account, now time.Time) (reason, message string) {
	if err := model.CheckOrderID(c.OrderID); err != nil {
		return "invalid_order_id", err.Error()
	}
	switch {
	case len(c.CancellationID) == 0 || len(c.CancellationID) > maxID || !utf8.ValidString(c.CancellationID):
		return "invalid_cancellation_id", fmt.Sprintf("cancellationId is empty, no UTF-8, or has more than %d bytes: correct it at the producer", maxID)
	case !slices.Contains(model.CancelReasons(), c.Reason):
		return "invalid_reason", fmt.Sprintf("reason %.80q is none of Amazon's, such as %s: correct it at the producer", c.Reason, model.NoInventory)
	case schemas.WrongUnit(c.EventTime, now) != "":
		return "wrong_time_unit", "eventTime: " + schemas.WrongUnit(c.EventTime, now)
	}
	subject := machine.Subject{Name: "order", Record: "cancellation"}
	if reason, message = subject.InvalidEventTime(c.EventTime, now); reason != "" {
		return reason, message
	}
	if reason, message = machine.UnknownMarketplace(c.MarketplaceID, a.Marketplaces); reason != "" {
		return reason, message
	}
	bytes := 0
	for i, item := range c.Items {
		bytes += len(item.OrderItemID) + 16
		switch {
		case model.CheckOrderItemID(item.OrderItemID) != nil || item.Quantity < 0 || item.Quantity > maxUnits:
			return "invalid_item", "an item has no orderItemId of Amazon's, or its quantity is below 0 or above a million: correct it at the producer"
		case slices.ContainsFunc(c.Items[:i], func(other schemas.CancelItem) bool { return other.OrderItemID == item.OrderItemID }):
			return "invalid_item", fmt.Sprintf("line %s is named twice: name it once at the producer, with all of its units", item.OrderItemID)
		case bytes > maxBytes:
			return "too_large", fmt.Sprintf("the items have more than %d bytes: name none, to cancel the whole order", maxBytes)
		}
	}
	return "", ""
}
