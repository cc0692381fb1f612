package shipments

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// alertNotShown is the type of the alert about a package that Amazon has accepted
// twice (204) and that no order shows. Amazon is known to store nothing of such a
// confirmation (selling-partner-api-models#5232): the order then stays unshipped.
const alertNotShown = "ShipmentNotShown"

// leastVerify is how long at least an order has to show a package.
const leastVerify = 15 * time.Minute

// told notes that Amazon has accepted a package's shipment. A correction of a package
// that was shown is not waited for: its order need not come again because of it.
func (m *Machine) told(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment) {
	if p.Wanted == nil && !o.shows(p) {
		p.Told, p.ToldTime = s, tx.Now
	}
}

// shows reports whether the order, as it last came, shows a package: it is shipped, or
// as many units of the package's lines are shipped as Amazon was told in all packages.
// A cancelled order shows no more than that: Amazon cancels what stays unconfirmed.
func (o *order) shows(p *schemas.PackageState) bool {
	switch {
	case o.Status == "SHIPPED":
		return true
	case len(o.Fulfilled) == 0: // Orders v0 need not tell the lines
		return o.Status == "PARTIALLY_SHIPPED"
	}
	told := make(map[string]int64)
	for i := range o.Packages {
		for _, u := range o.Packages[i].Units {
			told[u.OrderItemID] += int64(u.Quantity)
		}
	}
	for _, u := range o.Fulfilled {
		told[u.OrderItemID] -= int64(u.Quantity)
	}
	for _, u := range p.Units {
		if told[u.OrderItemID] > 0 {
			return false
		}
	}
	return true
}

// show takes from an order which of its packages it shows.
func (o *order) show(given *schemas.Order) {
	o.Fulfilled = nil
	for i := range given.Items {
		if n := given.Items[i].QuantityFulfilled; n != nil && *n > 0 {
			o.Fulfilled = append(o.Fulfilled, schemas.LineUnits{OrderItemID: given.Items[i].OrderItemID, Quantity: *n})
		}
	}
	named := make(map[string]bool)
	for i := range given.Packages {
		named[given.Packages[i].PackageReferenceID] = true
	}
	for i := range o.Packages {
		p := &o.Packages[i]
		if p.Told != nil && (named[p.PackageReferenceID] || o.shows(p)) {
			p.Told, p.ToldTime = nil, time.Time{}
		}
	}
}

// verifyAt is when a package that no order shows is confirmed again, or reported:
// after VerifyAfter, and before the latest ship date comes near; at once in a cancelled
// order; zero for none.
func (m *Machine) verifyAt(o *order, p *schemas.PackageState) time.Time {
	if p.Told == nil {
		return time.Time{}
	}
	if o.cancelled() { // there is nothing to wait for
		return p.ToldTime
	}
	at := p.ToldTime.Add(m.cfg.VerifyAfter)
	if !o.LatestShipDate.IsZero() {
		at = machine.Earliest(at, o.LatestShipDate.Add(-m.cfg.RiskMargin))
	}
	return machine.Latest(at, p.ToldTime.Add(leastVerify))
}

// await queues an order for when the next of its packages must have been shown.
func (m *Machine) await(o *order) {
	var next time.Time
	for i := range o.Packages {
		next = machine.Earliest(next, m.verifyAt(o, &o.Packages[i]))
	}
	if next.IsZero() {
		m.unshown.Remove(&o.check)
		return
	}
	m.unshown.Add(&o.check, next)
}

// drawUnshown confirms the packages once more that no order has shown, and reports
// those for which that was done.
func (m *Machine) drawUnshown(tx *machine.Tx) {
	for range sweepBatch {
		item := m.unshown.Pop(tx.Now)
		if item == nil {
			return
		}
		o := m.orders[item.Key]
		if o.InFlight() { // the call's end may change what the order needs
			m.unshown.Add(item, tx.Now.Add(retryBase))
			continue
		}
		for i := range o.Packages {
			if p := &o.Packages[i]; p.Told != nil && !m.verifyAt(o, p).After(tx.Now) {
				m.notShown(tx, o, p)
			}
		}
		m.settle(tx, o)
	}
}

// notShown acts on a package that no order has shown in time. Where no order of the
// account comes at all, nothing can be told from that.
func (m *Machine) notShown(tx *machine.Tx, o *order, p *schemas.PackageState) {
	told, since := p.Told, p.ToldTime
	p.Told, p.ToldTime = nil, time.Time{}
	switch {
	case o.cancelled():
		m.tellNotShown(tx, o, p, since, "has accepted its confirmation")
	case o.OrderTime.IsZero() && !m.shown[o.Account]:
	case !told.Settled: // the same packageReferenceId: an edit, not a second package
		told.Settled = true
		p.Wanted = told
	default:
		m.tellNotShown(tx, o, p, since, "has accepted its confirmation twice")
	}
}

func (m *Machine) tellNotShown(tx *machine.Tx, o *order, p *schemas.PackageState, since time.Time, what string) {
	severity, date := "WARNING", ""
	if !o.LatestShipDate.IsZero() {
		date = o.LatestShipDate.UTC().Format(time.RFC3339)
		if !tx.Now.Before(o.LatestShipDate) {
			severity = "CRITICAL"
		}
	}
	remedy := "Unconfirmed orders are cancelled. Look at the order in Seller Central and confirm the package there; " +
		"where Amazon sells the label (Amazon Shipping, Easy Ship), it may want no confirmation."
	if o.cancelled() {
		severity = "CRITICAL"
		remedy = "The package may be on its way: stop it, or speak with the buyer. Amazon cancels orders that stay unconfirmed."
	}
	status := o.Status
	if status == "" {
		status = "not there"
	}
	tx.Alert(&schemas.Alert{
		EventType: alertNotShown, Account: o.Account, Role: Processor, Severity: severity, Subject: o.OrderID, Since: since,
		Message: fmt.Sprintf("Amazon %s for package %s of order %s, and the order does not show it: it is %s. %s",
			what, schemas.Brief(p.PackageID), o.OrderID, status, remedy),
		Attributes: map[string]string{"packageReferenceId": p.PackageReferenceID, "latestShipDate": date, "marketplaceId": o.MarketplaceID},
	})
}
