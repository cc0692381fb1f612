package shipments

import (
	"fmt"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// Outcomes; see schemas.ShipmentConfirmation.
const (
	confirmed  = "CONFIRMED"
	rejected   = "REJECTED"
	superseded = "SUPERSEDED"
	dropped    = "DROPPED"
)

// maxWords bounds what is passed on of Amazon's words.
const maxWords = 1000

// outcome writes the one outcome of a shipment.
func (m *Machine) outcome(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment, c schemas.ShipmentConfirmation) {
	if s.Settled {
		return // it has its outcome: see notShown
	}
	c.EventID = tx.EventID("ShipmentConfirmation", s.SourceID)
	if s.SourceID == "" { // a version that knew no ids has put it into the state
		c.EventID = tx.EventID("ShipmentConfirmation", o.Account, fmt.Sprint(s.SourcePartition), fmt.Sprint(schemas.SourceOffset(s.SourceOffset)), s.Replay)
	}
	c.Replay = s.Replay
	c.ShipmentID, c.SourcePartition, c.SourceOffset = s.ShipmentID, s.SourcePartition, schemas.SourceOffset(s.SourceOffset)
	c.Account, c.OrderID = o.Account, o.OrderID
	c.PackageID, c.PackageReferenceID = p.PackageID, p.PackageReferenceID
	if untracked(s) { // Amazon was given none
		c.PackageReferenceID = ""
	}
	c.MarketplaceID = m.marketplace(o, s)
	c.CarrierCode, c.CarrierName, c.TrackingNumber, c.ShipTime = s.CarrierCode, s.CarrierName, s.TrackingNumber, s.ShipTime
	c.LatestShipDate, c.DecidedTime = o.LatestShipDate, tx.Now
	c.CancelRequested = m.cfg.BuyerCancel != cancelShip && o.asked(s)
	if c.Outcome == confirmed && c.CancelRequested && c.Message == "" {
		c.Message = "somebody asked to cancel a line of the package, and Amazon was told all the same that it is shipped: stop it, or expect its return"
	}
	tx.Emit(machine.Output{Topic: schemas.ShipmentConfirmations, Account: o.Account, Value: &c})
}

// confirm settles a shipment that Amazon has accepted.
func (m *Machine) confirm(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment) {
	former := p.TrackingNumber
	p.Confirmed, p.Units, p.TrackingNumber, p.Failure = true, unitsOf(s), s.TrackingNumber, nil
	m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: confirmed})
	m.told(tx, o, p, s, former)
}

// codeFulfilled is the code of a CONFIRMED shipment that changed nothing at Amazon.
const codeFulfilled = "already_fulfilled"

// fulfilled takes Amazon's word that it has an order as fulfilled already. As the answer to a
// repeat that says that an earlier try was taken. Else Amazon took nothing of the shipment,
// and may hold another tracking number: its outcome waits until the order has been looked at.
func (m *Machine) fulfilled(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment, repeat bool, words string) {
	p.Confirmed, p.Failure = true, nil
	if repeat || p.TrackingNumber == s.TrackingNumber {
		m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: confirmed})
		return
	}
	newer := p.Wanted
	p.Wanted, s.FulfilledTime, s.Words = s, tx.Now.Truncate(time.Millisecond), schemas.Brief(words)
	if newer != nil || !m.ordersCome(o) {
		m.endFulfilled(tx, o, p, "")
		p.Wanted = newer
	}
}

// endFulfilled settles such a shipment. held is the tracking number that the order shows for
// its package; "" where that is not known.
func (m *Machine) endFulfilled(tx *machine.Tx, o *order, p *schemas.PackageState, held string) {
	s := p.Wanted
	p.Wanted = nil
	c := schemas.ShipmentConfirmation{Outcome: confirmed, HeldTrackingNumber: held}
	if !sameNumber(held, s.TrackingNumber) {
		holds := "may still hold the tracking number of a package that was confirmed elsewhere"
		switch {
		case held != "":
			holds = "holds the tracking number " + schemas.Brief(held)
		case p.TrackingNumber != "":
			holds = "may still hold the tracking number " + schemas.Brief(p.TrackingNumber)
		}
		c.Code = codeFulfilled
		c.Message = cut(fmt.Sprintf("Amazon has order %s as fulfilled already and took nothing of package %s: it %s and not %s. "+
			"Compare the order in Seller Central, and correct it there. Amazon's words: %s",
			o.OrderID, schemas.Brief(p.PackageID), holds, schemas.Brief(s.TrackingNumber), schemas.Printable(s.Words)))
	}
	if held != "" {
		p.TrackingNumber = held
	}
	m.outcome(tx, o, p, s, c)
}

func cut(message string) string {
	return strings.ToValidUTF8(message[:min(len(message), maxWords)], "?")
}

// reject settles a shipment that Amazon, or the check against the order, refused.
func (m *Machine) reject(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment, code, message string) {
	if s.Settled { // Amazon has accepted it before
		m.tellNotShown(tx, o, p, tx.Now, "accepted the confirmation once and refuses it now ("+schemas.Brief(message)+")")
		return
	}
	if s.SourceOffset == p.NewestOffset && s.EventTime.Equal(p.NewestTime) { // else a newer one is on its way
		p.Failure = failureOf(s, code, message, tx.Now)
	}
	m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: rejected, Code: code, Message: cut(message)})
}

// failureOf is what `accounts` and `doctor` show of a shipment that was rejected.
func failureOf(s *schemas.PendingShipment, code, message string, now time.Time) *schemas.Failure {
	return schemas.FailureOf(now, schemas.Brief(code), schemas.Brief(message), s.SourcePartition, s.SourceOffset)
}

// supersede gives a shipment the outcome that a newer one took its place.
func (m *Machine) supersede(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment) {
	m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: superseded, SupersededBy: p.NewestShipmentID, SupersededByEventTime: p.NewestTime})
}
