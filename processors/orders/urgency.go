package orders

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/schemas"
)

// An account's orders are fetched by need. The classes say who needs them, the most
// urgent first; a notification may be forged or late, so that a class decides about the
// order of calls and nothing else. Within a class the order that waits longest is first,
// but among a merchant's orders the one that must be shipped first.
//
// One call in fairShare goes to the order with the earliest time of all classes. That of
// a merchant's order is when it must be shipped, but at most shipAhead after it was
// wanted, and that of others when they were wanted. So each order waits for at most
// fairShare calls for each that was wanted before it; a merchant's order also for those
// that are wanted within shipAhead of it.

// urgency is the class of a pending order's fetch. Less is more urgent.
type urgency uint8

const (
	urgentBuyer    urgency = iota // a merchant's order that is to be cancelled, or may be
	urgentMerchant                // a merchant ships it, or may have to
	urgentAmazon                  // Amazon ships it
	urgentLow                     // no notification asked for it
)

const (
	fairShare = 20
	shipAhead = millis(24 * time.Hour / time.Millisecond)
)

// Values of a notification.
const (
	byAmazon       = "AFN"
	statusCanceled = "Canceled"
	statusShipped  = "Shipped"
)

// need is how urgent a notified change is, and until when the order must be shipped; 0
// where that does not count.
func need(change *schemas.OrderChange) (urgency, millis) {
	switch {
	case change.FulfillmentType == byAmazon:
		return urgentAmazon, 0
	case change.ChangeType == buyerRequestedChange, !change.CancelNotifyDate.IsZero(), change.OrderStatus == statusCanceled:
		return urgentBuyer, 0
	case change.OrderStatus == statusShipped:
		return urgentMerchant, 0
	}
	return urgentMerchant, millisOf(change.LatestShipDate)
}

// hasten makes the pending fetch as urgent as a further change is. It becomes no less
// urgent.
func (o *order) hasten(change *schemas.OrderChange) {
	class, shipBy := need(change)
	o.urgency, o.shipBy = min(o.urgency, class), earliest(o.shipBy, shipBy)
}

// laneTurn is the order's turn in its lane or at its gate, not before due. One that was
// tried in vain counts from when it may be tried again.
func (o *order) laneTurn(due millis) lane.Turn {
	due = max(due, o.notBefore)
	by := max(o.pendingSince, due)
	turn := lane.Turn{Due: due.time(), Class: uint8(o.urgency), Uncounted: o.paged()}
	switch {
	case o.place == ahead:
		turn.Class = 0
		return turn
	case o.urgency == urgentMerchant && o.shipBy != 0 && o.fetchedPages() == 0:
		by = min(max(o.shipBy, by), by+shipAhead)
	case o.urgency == urgentMerchant:
		by += shipAhead
	}
	turn.By = by.time()
	return turn
}

// String is the class in the state's words.
func (u urgency) String() string {
	return [...]string{urgentBuyer: "BUYER", urgentMerchant: "MERCHANT", urgentAmazon: "AMAZON", urgentLow: "LOW"}[u]
}

// urgencyOf is the class of a fetch in the committed state. Versions before it had none.
func urgencyOf(state *schemas.OrderState) urgency {
	for u := urgentBuyer; u <= urgentLow; u++ {
		if u.String() == state.Urgency {
			return u
		}
	}
	if state.Pending && state.Origin != originNotification {
		return urgentLow
	}
	return urgentMerchant
}
