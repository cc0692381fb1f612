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
		c.EventID = tx.EventID("ShipmentConfirmation", o.Account, fmt.Sprint(s.SourcePartition), fmt.Sprint(s.SourceOffset), s.Replay)
	}
	c.Replay = s.Replay
	c.ShipmentID, c.SourcePartition, c.SourceOffset = s.ShipmentID, s.SourcePartition, s.SourceOffset
	c.Account, c.OrderID = o.Account, o.OrderID
	c.PackageID, c.PackageReferenceID = p.PackageID, p.PackageReferenceID
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
	p.Confirmed, p.Units, p.TrackingNumber, p.Failure = true, unitsOf(s), s.TrackingNumber, nil
	m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: confirmed})
	m.told(tx, o, p, s)
}

// codeFulfilled is the code of a CONFIRMED shipment that changed nothing at Amazon.
const codeFulfilled = "already_fulfilled"

// fulfilled settles a shipment of an order that Amazon has as fulfilled already.
// As the answer to a repeat that says that an earlier try was taken. Else Amazon
// took nothing of it, and may hold another tracking number.
func (m *Machine) fulfilled(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment, repeat bool, words string) {
	c := schemas.ShipmentConfirmation{Outcome: confirmed}
	if !repeat && p.TrackingNumber != s.TrackingNumber {
		holds := "the tracking number of a package that was confirmed elsewhere"
		if p.TrackingNumber != "" {
			holds = "the tracking number " + schemas.Brief(p.TrackingNumber)
		}
		c.Code = codeFulfilled
		c.Message = cut(fmt.Sprintf("Amazon has order %s as fulfilled already and took nothing of package %s: it may still hold %s and not %s. "+
			"Compare the order in Seller Central, and correct it there. Amazon's words: %s",
			o.OrderID, schemas.Brief(p.PackageID), holds, schemas.Brief(s.TrackingNumber), schemas.Printable(words)))
	}
	p.Confirmed, p.Failure = true, nil
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
	partition, offset := s.SourcePartition, s.SourceOffset
	return &schemas.Failure{Time: now, Code: schemas.Brief(code), Message: schemas.Brief(message), SourcePartition: &partition, SourceOffset: &offset}
}

// supersede gives a shipment the outcome that a newer one took its place.
func (m *Machine) supersede(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment) {
	m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: superseded, SupersededBy: p.NewestShipmentID})
}
