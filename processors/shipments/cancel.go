package shipments

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// What is done with a shipment of a line that somebody asked to cancel
// (Config.BuyerCancel).
const (
	cancelHold = "hold" // it waits for a word
	cancelShip = "ship" // it is confirmed
	cancelWarn = "warn" // it is confirmed, and its outcome says so
)

// What a shipment says itself about a cancellation; see schemas.Shipment.
const (
	wordShip = "SHIP"
	wordDrop = "DROP"
)

// Codes of shipments that are not sent because of a cancellation, or cannot be dropped.
const (
	codeCancelled = "order_cancelled"
	codeAsked     = "cancel_requested"
	codeKept      = "already_confirmed"
)

// alertHeld is the type of the alert about an order with a shipment that is held. It is
// raised once, and resolved when none is held any more.
const alertHeld = "ShipmentHeld"

// holdFor is how long a shipment is held at most.
const holdFor = 7 * 24 * time.Hour

// asked reports whether somebody has asked to cancel a line of a shipment.
func (o *order) asked(s *schemas.PendingShipment) bool {
	return len(o.CancelLines) > 0 && slices.ContainsFunc(s.Items, func(item schemas.ShipmentItem) bool {
		return slices.Contains(o.CancelLines, item.OrderItemID)
	})
}

// held reports whether a package's shipment waits until somebody says what to do with it.
// One that Amazon has, or may have, does not, nor one of an order that is shipped: nothing
// is won by that.
func (m *Machine) held(o *order, p *schemas.PackageState) bool {
	s := p.Wanted
	return m.cfg.BuyerCancel == cancelHold && s != nil && p.Sent == nil && !p.Confirmed && s.Cancellation == "" && !o.done() && o.asked(s)
}

// waitsUntil is when the first of an order's held shipments is given up, or that of those
// that wait for their ship time may go; zero for none.
func (m *Machine) waitsUntil(o *order) (until time.Time) {
	for i := range o.Packages {
		switch p := &o.Packages[i]; {
		case m.held(o, p):
			until = machine.Earliest(until, p.Wanted.ReceivedTime.Add(holdFor))
		case o.aside(p):
			until = machine.Earliest(until, planned(p.Wanted))
		}
	}
	return until
}

// drop settles the shipments that are not to be sent because of a cancellation, or because a
// feed has said the same.
func (m *Machine) drop(tx *machine.Tx, o *order) {
	for i := range o.Packages {
		p := &o.Packages[i]
		s := p.Wanted
		switch {
		case s == nil || p.Sent != nil || inQuestion(p):
			continue
		case s.Cancellation != wordDrop && repeats(p):
			m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: confirmed})
		case s.Cancellation == wordDrop && p.Confirmed:
			m.reject(tx, o, p, s, codeKept, fmt.Sprintf(
				"Amazon has package %s of order %s as shipped already, so it cannot be dropped: refund the order or correct it in Seller Central", schemas.Brief(p.PackageID), o.OrderID))
		case s.Cancellation == wordDrop:
			m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: dropped})
		case o.cancelled() && s.Cancellation != wordShip:
			m.reject(tx, o, p, s, codeCancelled, fmt.Sprintf(
				"order %s is cancelled, so package %s was not confirmed: stop the package, or speak with the buyer. To have Amazon asked all the same, send the package again with a newer eventTime and cancellation %s",
				o.OrderID, schemas.Brief(p.PackageID), wordShip))
		case m.held(o, p) && !tx.Now.Before(s.ReceivedTime.Add(holdFor)):
			m.reject(tx, o, p, s, codeAsked, fmt.Sprintf(
				"somebody asked to cancel a line of package %s of order %s, and nobody has said for %.0f days what to do: look at the order in Seller Central. To have it confirmed, send the package again with a newer eventTime and cancellation %s",
				schemas.Brief(p.PackageID), o.OrderID, holdFor.Hours()/24, wordShip))
		default:
			continue
		}
		p.Wanted = nil
	}
}

// tellHeld raises the alert about an order's held shipments, or resolves it.
func (m *Machine) tellHeld(tx *machine.Tx, o *order) {
	var packages []string
	for i := range o.Packages {
		if p := &o.Packages[i]; m.held(o, p) {
			packages = append(packages, schemas.Brief(p.PackageID))
		}
	}
	switch {
	case len(packages) > 0 && o.HeldAlert == "":
		date := ""
		if !o.LatestShipDate.IsZero() {
			date = o.LatestShipDate.UTC().Format(time.RFC3339)
		}
		alert := &schemas.Alert{
			EventType: alertHeld, Account: o.Account, Role: Processor, Severity: "WARNING", Subject: o.OrderID, Since: tx.Now,
			Message: cut(fmt.Sprintf("Somebody asked to cancel a line of order %s, so the shipment of package %s is held. Stop the package and cancel the order in Seller Central, "+
				"or send the package again with a newer eventTime and cancellation %s, or %s to end it. Amazon cancels orders that stay unconfirmed.",
				o.OrderID, strings.Join(packages, ", "), wordShip, wordDrop)),
			Attributes: map[string]string{"latestShipDate": date, "marketplaceId": o.MarketplaceID},
		}
		tx.Alert(alert)
		o.HeldAlert = alert.EventID
	case len(packages) == 0 && o.HeldAlert != "":
		tx.Resolve(&schemas.Alert{
			EventType: alertHeld, Account: o.Account, Role: Processor, Subject: o.OrderID, Resolves: o.HeldAlert,
			Message: fmt.Sprintf("No shipment of order %s is held any more.", o.OrderID),
		})
		o.HeldAlert = ""
	}
}
