package shipments

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// confirmShipment needs a tracking number. A package without one, such as a letter, goes by a
// feed, where Config.Untracked says so. A feed names no package: what it confirms is a package
// of Amazon's own numbering, and a second message would be a second package. So such a package
// is confirmed once. It is neither sent again, nor corrected, nor given a tracking number later.

// What is done with a shipment without a tracking number (Config.Untracked).
const (
	untrackedRefuse = "refuse" // it is a dead letter
	untrackedFeed   = "feed"   // it goes by a feed
)

// codeNoReference is the code of a correction that Amazon would take as another package.
const codeNoReference = "no_package_reference"

// alertUntracked is the type of the alert about shipments without a tracking number that wait
// while Amazon refuses their feeds.
const alertUntracked = "UntrackedWait"

const (
	// untrackedLinger is how long one waits for others before a feed is begun.
	untrackedLinger = time.Minute
	// carriedPause is how long an order that a feed carries is left alone.
	carriedPause = time.Minute
)

// fed is the shipment of an order that waits for a feed, as the lanes know it.
type fed struct {
	key    string // "" for none
	offset int64
	event  time.Time
	market string
}

func untracked(s *schemas.PendingShipment) bool { return strings.TrimSpace(s.TrackingNumber) == "" }

// newFeeds makes the lanes of a unit.
func (m *Machine) newFeeds() *feedlane.Lanes {
	return feedlane.New(feedlane.Config{
		Role: Processor, FeedType: model.OrderFulfillmentFeed, Item: "package", Items: "shipments without a tracking number",
		Twice: "it confirms a second package with the same units, or is refused", Waits: alertUntracked, Never: true, GivenUp: rejected,
		Limits: m.cfg.Limits, Accounts: m.cfg.Accounts, Linger: untrackedLinger,
		Lease: m.cfg.Lease, CallTime: m.cfg.CallTime, ApplyDelay: m.cfg.ApplyDelay, ShowDelay: m.cfg.ShowDelay, Patience: m.cfg.Patience,
	}, m)
}

// packageKey is what the lanes know a package by.
func (o *order) packageKey(p *schemas.PackageState) string { return o.Key + "/" + p.PackageID }

// carried is the package of an order whose shipment a feed carries; nil for none.
func (m *Machine) carried(o *order) *schemas.PackageState {
	for i := range o.Packages {
		if p := &o.Packages[i]; next(p) != nil && untracked(next(p)) && m.feeds.Carries(o.packageKey(p)) {
			return p
		}
	}
	return nil
}

// feed makes a package's shipment wait for a feed, unless it waits for one already.
func (m *Machine) feed(o *order, p *schemas.PackageState) {
	if now := m.fedOf(o, p); o.fed != now {
		m.unfeed(o)
		o.fed = now
		m.feeds.Add(o.Account, now.market, now.key, next(p).ReceivedTime)
	}
	o.place = inFeed
}

// fedOf is a package's shipment as the lanes know it.
func (m *Machine) fedOf(o *order, p *schemas.PackageState) fed {
	s := next(p)
	return fed{key: o.packageKey(p), offset: s.SourceOffset, event: s.EventTime, market: m.marketplace(o, s)}
}

// claim notes that the lanes have a package, which they may since before a restart.
func (m *Machine) claim(o *order, p *schemas.PackageState) {
	if o.fed.key != o.packageKey(p) {
		m.unfeed(o)
		o.fed = m.fedOf(o, p)
	}
}

// unfeed takes an order's shipment, which no feed carries, out of the wait for one.
func (m *Machine) unfeed(o *order) {
	if o.fed.key != "" {
		m.feeds.Remove(o.fed.key)
		o.fed = fed{}
	}
}

// packageOf is what the lanes mean by a key; nil for what is not known any more.
func (m *Machine) packageOf(key string) (*order, *schemas.PackageState) {
	parts := strings.SplitN(key, "/", 4) // order/<account>/<order id>/<package id>
	if len(parts) < 4 {
		return nil, nil
	}
	o := m.orders[strings.Join(parts[:3], "/")]
	if o == nil {
		return nil, nil
	}
	at := o.find(parts[3])
	if at < 0 || next(&o.Packages[at]) == nil {
		return nil, nil
	}
	return o, &o.Packages[at]
}

// Message is what a feed says of a package; see feedlane.Owner.
func (m *Machine) Message(key string) (message model.OrderMessage, known bool) {
	o, p := m.packageOf(key)
	if o == nil {
		return message, false
	}
	s := next(p)
	fulfillment := &model.PackageFulfillment{
		AmazonOrderID: o.OrderID, FulfillmentDate: o.shipDate(s), CarrierCode: s.CarrierCode, CarrierName: s.CarrierName,
		ShippingMethod: s.ShippingMethod, CODCollectionMethod: s.CodCollectionMethod,
	}
	for _, item := range s.Items {
		fulfillment.Items = append(fulfillment.Items, model.FulfilledItem{
			AmazonOrderItemCode: item.OrderItemID, Quantity: int(item.Quantity), TransparencyCodes: item.TransparencyCodes,
		})
	}
	return model.OrderMessage{Fulfillment: fulfillment}, true
}

// Returned decides anew about a package that no feed carries any more; see feedlane.Owner.
func (m *Machine) Returned(tx *machine.Tx, key string) {
	if o, p := m.packageOf(key); o != nil {
		m.claim(o, p)
		m.settle(tx, o)
	}
}

// Settled takes how a package's feed ended; see feedlane.Owner.
func (m *Machine) Settled(tx *machine.Tx, key string, end feedlane.Settlement) {
	o, p := m.packageOf(key)
	if o == nil || !untracked(next(p)) {
		return
	}
	s := next(p)
	if p.Sent == nil {
		p.Wanted = nil
	}
	p.Sent, o.fed = nil, fed{}
	switch end.Kind {
	case feedlane.Accepted:
		p.Untracked = true
		m.confirm(tx, o, p, s)
	case feedlane.Rejected:
		m.reject(tx, o, p, s, end.Code, fmt.Sprintf(
			"Amazon refused package %s of order %s in feed %s: %s. Correct what it names, and send the package again with a newer event time, or confirm it in Seller Central",
			schemas.Brief(p.PackageID), o.OrderID, end.FeedID, schemas.Printable(end.Message)))
	case feedlane.Failed:
		m.reject(tx, o, p, s, end.Code, fmt.Sprintf(
			"it is not known whether Amazon has confirmed package %s of order %s, so it is not sent again: %s. Look at the order in Seller Central, and confirm the package there if it does not show it",
			schemas.Brief(p.PackageID), o.OrderID, schemas.Printable(end.Message)))
	}
	m.settle(tx, o)
}

// uncorrectable returns why Amazon cannot take a package's shipment as a correction: either it,
// or what Amazon has of the package, has no packageReferenceId.
func (o *order) uncorrectable(p *schemas.PackageState) (code, message string) {
	s := p.Wanted
	if s.Settled || !p.Untracked && !(p.Confirmed && untracked(s)) {
		return "", ""
	}
	has := "without a tracking number"
	if !p.Untracked {
		has = "with the tracking number " + schemas.Brief(p.TrackingNumber)
	}
	return codeNoReference, fmt.Sprintf(
		"Amazon has package %s of order %s as shipped %s, and what is confirmed without a number cannot be told apart from other packages: this shipment would be a second package. Correct it in Seller Central",
		schemas.Brief(p.PackageID), o.OrderID, has)
}

// repeats reports whether a package's shipment says what a feed has confirmed.
func repeats(p *schemas.PackageState) bool {
	return p.Untracked && untracked(p.Wanted) && slices.Equal(p.Units, unitsOf(p.Wanted))
}

// invalidForFeed returns why a feed cannot say a shipment.
func invalidForFeed(s *schemas.Shipment) (reason, message string) {
	texts := []string{s.OrderID, s.CarrierCode, s.CarrierName, s.ShippingMethod}
	for _, item := range s.Items {
		if len(item.TransparencyCodes) > model.MaxTransparencyCodes {
			return "invalid_for_feed", fmt.Sprintf("an item has more than %d transparency codes, which a shipment without a tracking number cannot have: divide the package at the producer", model.MaxTransparencyCodes)
		}
		texts = append(append(texts, item.OrderItemID), item.TransparencyCodes...)
	}
	for _, text := range texts {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == '\ufffe' || r == '\uffff' }) {
			return "invalid_for_feed", "a text of a shipment without a tracking number has a control character: correct it at the producer"
		}
	}
	return "", ""
}
