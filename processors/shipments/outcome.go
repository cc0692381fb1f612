package shipments

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// Outcomes; see schemas.ShipmentConfirmation.
const (
	confirmed  = "CONFIRMED"
	rejected   = "REJECTED"
	superseded = "SUPERSEDED"
)

// maxWords bounds what is passed on of Amazon's words.
const maxWords = 1000

// outcome writes the one outcome of a shipment.
func (m *Machine) outcome(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment, c schemas.ShipmentConfirmation) {
	c.EventID = hash(o.Account, fmt.Sprint(s.SourcePartition), fmt.Sprint(s.SourceOffset))
	if s.Replay != "" {
		c.EventID = hash(o.Account, fmt.Sprint(s.SourcePartition), fmt.Sprint(s.SourceOffset), s.Replay)
	}
	c.Replay = s.Replay
	c.ShipmentID, c.SourcePartition, c.SourceOffset = s.ShipmentID, s.SourcePartition, s.SourceOffset
	c.Account, c.OrderID = o.Account, o.OrderID
	c.PackageID, c.PackageReferenceID = p.PackageID, p.PackageReferenceID
	c.MarketplaceID = m.marketplace(o, s)
	c.CarrierCode, c.CarrierName, c.TrackingNumber, c.ShipTime = s.CarrierCode, s.CarrierName, s.TrackingNumber, s.ShipTime
	c.LatestShipDate, c.DecidedTime = o.LatestShipDate, tx.Now
	tx.Emit(machine.Output{Topic: schemas.ShipmentConfirmations, Account: o.Account, Value: &c})
}

// confirm settles a shipment that Amazon has.
func (m *Machine) confirm(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment) {
	p.Confirmed = true
	m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: confirmed})
}

// reject settles a shipment that Amazon, or the check against the order, refused.
func (m *Machine) reject(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment, code, message string) {
	message = strings.ToValidUTF8(message[:min(len(message), maxWords)], "?")
	m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: rejected, Code: code, Message: message})
}

// supersede gives a shipment the outcome that a newer one took its place.
func (m *Machine) supersede(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment) {
	m.outcome(tx, o, p, s, schemas.ShipmentConfirmation{Outcome: superseded, SupersededBy: p.NewestShipmentID})
}

// hash is an id of the parts: the same for ever.
func hash(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:%s", len(part), part) // so that no two lists of parts read the same
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}
