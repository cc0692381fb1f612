package shipments

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/carriers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// maxID, maxBytes and maxPackages bound a shipment and an order; see also maxState.
	maxID       = 256
	maxBytes    = 16 << 10
	maxPackages = 60
	// skew is by how much the clocks of two owners may differ, and event times be
	// ahead of them, when the oldest shipment that may be replayed is looked for.
	skew = time.Hour
)

// shipment takes a shipment in: at once it is its package's newest, or superseded.
func (m *Machine) shipment(tx *machine.Tx, rec *machine.Record, a *account.Account, s *schemas.Shipment) {
	s.EventTime = rec.EventTime(s.EventTime)
	if reason, message := m.invalid(s, a, tx.Now); reason != "" {
		tx.Reject(rec, reason, message)
		return
	}
	o := m.orders[orderKey(a.ID, s.OrderID)]
	if o == nil {
		o = newOrder(&schemas.ShipmentState{Account: a.ID, OrderID: s.OrderID})
	}
	chosen := m.cfg.Carriers.Choose(s.CarrierCode, s.CarrierName)
	if chosen.Name == "" && chosen.Code == model.CarrierOther { // a letter need not have one
		chosen = carriers.Choice{}
	}
	next := pending(rec, s, chosen, tx.Now)
	at := o.find(s.PackageID)
	if reason, message := unreplayable(rec, s, at >= 0, tx.Now); reason != "" {
		tx.Reject(rec, reason, message)
		return
	}
	switch {
	case at < 0 && len(o.Packages) == maxPackages:
		tx.Reject(rec, "too_many_packages", fmt.Sprintf(
			"order %s has %d packages already, the most that are followed: confirm this one in Seller Central", s.OrderID, maxPackages))
		return
	case at < 0 && o.room(tx, rec, at, next):
		at = m.addPackage(o, s.PackageID)
	case at < 0:
		return
	case sameRecord(&o.Packages[at], next) && rec.Replay == nil:
		return // the same record again: it has its outcome, or will have it
	case underWay(&o.Packages[at], rec.Offset):
		m.supersede(tx, o, &o.Packages[at], next) // by itself: what is under way has the same effect
		return
	case older(next, o.Packages[at].NewestTime, o.Packages[at].NewestOffset):
		m.supersede(tx, o, &o.Packages[at], next)
		return
	case !o.room(tx, rec, at, next):
		return
	}
	p := &o.Packages[at]
	p.NewestTime, p.NewestOffset, p.NewestShipmentID = next.EventTime, next.SourceOffset, next.ShipmentID
	switch {
	case p.Wanted == nil:
	case m.carried(o) == p && p.Sent == nil: // the end of its feed settles it
		p.Sent = p.Wanted
	default:
		m.supersede(tx, o, p, p.Wanted)
	}
	p.Wanted, p.Failure = next, nil
	m.orders[o.Key] = o
	m.tellCarrier(tx, a.ID, chosen)
	m.settle(tx, o)
}

// addPackage adds a package to an order, and is its index.
func (m *Machine) addPackage(o *order, id string) int {
	flying := -1
	if o.flying != nil {
		flying = o.find(o.flying.PackageID)
	}
	o.Packages = append(o.Packages, schemas.PackageState{
		PackageID: id, PackageReferenceID: m.newReference(o, id), Units: []schemas.LineUnits{},
	})
	if flying >= 0 { // the packages may have moved
		o.flying = &o.Packages[flying]
	}
	return len(o.Packages) - 1
}

// pending is what is remembered of a shipment until it has its outcome.
func pending(rec *machine.Record, s *schemas.Shipment, chosen carriers.Choice, now time.Time) *schemas.PendingShipment {
	return &schemas.PendingShipment{
		ShipmentID: s.ShipmentID, SourceID: rec.ID, SourcePartition: rec.Partition, SourceOffset: rec.Offset, EventTime: s.EventTime,
		MarketplaceID: s.MarketplaceID, Items: s.Items, CarrierCode: chosen.Code, CarrierName: chosen.Name,
		ShippingMethod: s.ShippingMethod, TrackingNumber: s.TrackingNumber, ShipTime: s.ShipTime,
		ShipFromSupplySourceID: s.ShipFromSupplySourceID, ReceivedTime: now, Replay: replayOf(rec), Cancellation: s.Cancellation,
		ConfirmAnyway: s.ConfirmAnyway, CodCollectionMethod: s.CodCollectionMethod,
	}
}

// replayOf is the replay that a record is of; "" for none.
func replayOf(rec *machine.Record) string {
	if rec.Replay == nil {
		return ""
	}
	return rec.Replay.ID
}

// underWay reports whether the shipment of an offset is a package's newest and has no
// outcome yet.
func underWay(p *schemas.PackageState, offset int64) bool {
	for _, s := range []*schemas.PendingShipment{p.Wanted, p.Sent} {
		if s != nil && s.SourceOffset == offset && offset == p.NewestOffset {
			return true
		}
	}
	return false
}

// unreplayable returns why a shipment cannot be processed again. A package without an
// entry has had no shipment for keepPackages. A younger shipment is newer than
// all that Amazon was ever told; an older one need not be.
func unreplayable(rec *machine.Record, s *schemas.Shipment, known bool, now time.Time) (reason, message string) {
	switch {
	case rec.Replay == nil:
	case !rec.Replay.Effects:
		return "replay_without_effects", "to process a shipment again is to confirm it to Amazon: replay it with --effects"
	case !known && !s.EventTime.After(now.Add(skew-keepPackages)):
		return "replay_too_old", fmt.Sprintf(
			"the shipment is from %s, and which shipment of a package is the newest is remembered for %.0f days only: produce it again, with the event time of now, if it is still right",
			s.EventTime.UTC().Format(time.RFC3339), keepPackages.Hours()/24)
	}
	return "", ""
}

// known takes an order as Amazon has it, unless something newer is known of it.
func (m *Machine) known(tx *machine.Tx, rec *machine.Record, given *schemas.Order) {
	if err := model.CheckOrderID(given.OrderID); err != nil {
		tx.Reject(rec, "invalid_order_id", err.Error())
		return
	}
	key := orderKey(given.Account, given.OrderID)
	o := m.orders[key]
	if o == nil {
		o = newOrder(&schemas.ShipmentState{Account: given.Account, OrderID: given.OrderID})
		m.orders[key] = o
	}
	if given.LastUpdatedTime.Before(o.OrderTime) {
		return
	}
	o.OrderTime, o.MarketplaceID, o.Status = given.LastUpdatedTime, given.MarketplaceID, given.Status
	o.LatestShipDate = time.Time{}
	if given.ShipBy != nil {
		o.LatestShipDate = given.ShipBy.Latest
	}
	o.PlacedTime = given.CreatedTime
	o.Merchant = given.FulfilledBy == "MERCHANT" && given.Responsibility != "ELSEWHERE"
	o.Lines, o.Elsewhere, o.CancelLines = make([]schemas.LineUnits, 0, len(given.Items)), nil, nil
	for i := range given.Items {
		if given.Items[i].ManagedElsewhere {
			o.Elsewhere = append(o.Elsewhere, given.Items[i].OrderItemID)
		}
		if given.Items[i].CancelRequestedBy != "" {
			o.CancelLines = append(o.CancelLines, given.Items[i].OrderItemID)
		}
		o.Lines = append(o.Lines, schemas.LineUnits{
			OrderItemID: given.Items[i].OrderItemID, Quantity: given.Items[i].QuantityOrdered,
		})
	}
	o.LabelProgram = ""
	for _, program := range []string{model.ProgramShipPlus, model.ProgramEasyShip} {
		if slices.Contains(given.Programs, program) {
			o.LabelProgram = program
		}
	}
	o.Others = others(given.Packages)
	m.shown[o.Account] = true
	m.show(tx, o, given.Looked())
	o.bound(0)
	m.settle(tx, o)
}

// invalid returns why a shipment cannot be taken, as a stable reason and a message
// with the remedy.
func (m *Machine) invalid(s *schemas.Shipment, a *account.Account, now time.Time) (reason, message string) {
	if err := model.CheckOrderID(s.OrderID); err != nil {
		return "invalid_order_id", err.Error()
	}
	noNumber := strings.TrimSpace(s.TrackingNumber) == ""
	switch {
	case s.PackageID == "" || len(s.PackageID) > maxID || len(s.ShipmentID) > maxID:
		return "invalid_package_id", fmt.Sprintf(
			"packageId is empty, or it or shipmentId has more than %d bytes: correct it at the producer", maxID)
	case noNumber && m.cfg.Untracked != untrackedFeed:
		return "no_tracking_number", "Amazon wants a tracking number for each package: add it at the producer, or set shipments.untracked to feed for letters"
	case !noNumber && carriers.Key(s.CarrierName) == "" && !carriers.Names(s.CarrierCode):
		return "no_carrier", "neither carrierCode nor carrierName says who has the package: add one at the producer"
	case schemas.WrongUnit(s.ShipTime, now) != "":
		return "wrong_time_unit", "shipTime: " + schemas.WrongUnit(s.ShipTime, now)
	case schemas.WrongUnit(s.EventTime, now) != "":
		return "wrong_time_unit", "eventTime: " + schemas.WrongUnit(s.EventTime, now)
	case s.ShipTime.Unix() <= 0 || s.ShipTime.Year() > 9998:
		return "invalid_ship_time", "shipTime is no time: it is when the carrier took the package"
	case s.ShipTime.After(now.Add(mostAhead)) && s.Cancellation != wordDrop:
		return "ship_time_ahead", fmt.Sprintf(
			"shipTime %s is more than %.0f hours ahead of %s: it is when the carrier takes the package, so the producer must send it later, or set its clock",
			s.ShipTime.UTC().Format(time.RFC3339), mostAhead.Hours(), now.UTC().Format(time.RFC3339))
	}
	if s.CodCollectionMethod != "" && s.CodCollectionMethod != model.CODDirectPayment {
		return "invalid_cod_collection_method", fmt.Sprintf("codCollectionMethod is neither %s nor null: correct it at the producer", model.CODDirectPayment)
	}
	if s.Cancellation != "" && s.Cancellation != wordShip && s.Cancellation != wordDrop {
		return "invalid_cancellation", fmt.Sprintf("cancellation is none of %s, %s and null: correct it at the producer", wordShip, wordDrop)
	}
	subject := machine.Subject{Name: "package", Record: "shipment"}
	if reason, message = subject.InvalidEventTime(s.EventTime, now); reason != "" {
		return reason, message
	}
	if reason, message = machine.UnknownMarketplace(s.MarketplaceID, a.Marketplaces); reason != "" {
		return reason, message
	}
	if reason, message = invalidContent(s); reason != "" || !noNumber {
		return reason, message
	}
	return invalidForFeed(s)
}

func invalidContent(s *schemas.Shipment) (reason, message string) {
	texts := []string{
		s.ShipmentID, s.PackageID, s.CarrierCode, s.CarrierName, s.ShippingMethod, s.TrackingNumber, s.ShipFromSupplySourceID,
	}
	for _, item := range s.Items {
		if item.OrderItemID == "" || item.Quantity < 1 {
			return "invalid_item", "an item has no orderItemId, or its quantity is not above 0: correct it at the producer"
		}
		texts = append(append(texts, item.OrderItemID), item.TransparencyCodes...)
	}
	bytes := 0
	for _, text := range texts {
		if bytes += len(text) + 8; !utf8.ValidString(text) {
			return "not_utf8", "a text of the shipment is not UTF-8: correct it at the producer"
		}
	}
	switch {
	case len(s.Items) == 0:
		return "no_items", "the package has no items: say at the producer what is in it"
	case bytes > maxBytes:
		return "too_large", fmt.Sprintf("the shipment has more than %d bytes: divide the package at the producer", maxBytes)
	}
	return "", ""
}

// sameRecord reports whether a shipment is the newest of its package. Its offset alone
// does not tell: a topic that is made anew counts from 0 again.
func sameRecord(p *schemas.PackageState, s *schemas.PendingShipment) bool {
	return p.NewestOffset == s.SourceOffset && p.NewestTime.Equal(s.EventTime) && p.NewestShipmentID == s.ShipmentID
}
