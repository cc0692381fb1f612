package shipments

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// alertNotShown is the type of the alert about a package that Amazon has accepted
// twice (204) and that no order shows. Amazon is known to store nothing of such a
// confirmation (selling-partner-api-models#5232): the order then stays unshipped.
const alertNotShown = "ShipmentNotShown"

// A package that Amazon has accepted is looked for in each order that comes. Where none has
// shown it after lookAfter, the role orders is asked to read the order (OrderLook), which
// answers what it shows. An order that does not show the package then has it confirmed once
// more, and, looked at again, reported. Where no answer comes, that is done after VerifyAfter.
// All of it comes sooner where the latest ship date is near (actAt, lookAt).
const (
	// lookAfter is how long an order has to show a package by itself, and leastVerify how
	// long it has at least, where the latest ship date leaves so much.
	lookAfter   = 15 * time.Minute
	leastVerify = 15 * time.Minute
	// lookTakes is how long a look has to be answered at least. More than all but a
	// long backlog of the role orders needs.
	lookTakes = 2 * time.Minute
)

// told notes that Amazon has accepted a package's shipment, in place of one with the former
// tracking number.
func (m *Machine) told(tx *machine.Tx, o *order, p *schemas.PackageState, s *schemas.PendingShipment, former string) {
	if !s.Settled { // else it is the same one again
		p.FormerTrackingNumber = former
	}
	p.Told, p.ToldTime = nil, time.Time{}
	if corrects := p.FormerTrackingNumber != "" && !sameNumber(p.FormerTrackingNumber, s.TrackingNumber); corrects || !o.shows(p) {
		p.Told, p.ToldTime = s, tx.Now.Truncate(time.Millisecond)
	}
}

// sameNumber reports whether two tracking numbers are the same: Amazon may write one in another way.
func sameNumber(a, b string) bool {
	bare := func(number string) string { return strings.ToUpper(strings.Join(strings.Fields(number), "")) }
	return bare(a) == bare(b)
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

// show takes from an order which of its packages it shows, and what it holds of those that
// Amazon would not correct. What was not read because somebody asked may be older than that.
func (m *Machine) show(tx *machine.Tx, o *order, shown *schemas.OrderLooked) {
	o.Fulfilled = shown.Fulfilled
	tracking := make(map[string]string)
	for i := range shown.Packages {
		tracking[shown.Packages[i].PackageReferenceID] = shown.Packages[i].TrackingNumber
	}
	for i := range o.Packages {
		p := &o.Packages[i]
		held, named := tracking[p.PackageReferenceID]
		if p.Told != nil {
			uncorrected := named && p.FormerTrackingNumber != "" && sameNumber(held, p.FormerTrackingNumber) && !sameNumber(held, p.Told.TrackingNumber)
			if !uncorrected && (named || o.shows(p)) {
				p.Told, p.ToldTime = nil, time.Time{}
			}
		}
		if inQuestion(p) {
			for i := range shown.Packages { // perhaps in a package of somebody else's
				if other := shown.Packages[i].TrackingNumber; sameNumber(other, p.Wanted.TrackingNumber) {
					held = other
				}
			}
			if held != "" && (!shown.AskedTime.IsZero() || sameNumber(held, p.Wanted.TrackingNumber)) {
				m.endFulfilled(tx, o, p, held)
			}
		}
	}
}

// looked takes the answer to a look: an order that does not show by now what it was asked
// about will hardly do so.
func (m *Machine) looked(tx *machine.Tx, shown *schemas.OrderLooked) {
	o := m.orders[orderKey(shown.Account, shown.OrderID)]
	if o == nil || !shown.AskedTime.Equal(o.LookTime) || shown.LastUpdatedTime.Before(o.OrderTime) {
		return // of a look before the last one, or the order has come since
	}
	o.Status = shown.Status
	m.show(tx, o, shown)
	for i := range o.Packages {
		p := &o.Packages[i]
		switch at := m.lookAt(o, p); {
		case at.IsZero() || at.After(shown.AskedTime):
		case inQuestion(p):
			m.endFulfilled(tx, o, p, "")
		default:
			m.notShown(tx, o, p)
		}
	}
	m.settle(tx, o)
}

// since is from when an order is looked at for a package: since Amazon has accepted it, or
// would not correct it; zero for none, also while another shipment of it is on its way.
func since(p *schemas.PackageState) time.Time {
	switch {
	case inQuestion(p):
		return p.Wanted.FulfilledTime
	case next(p) != nil:
		return time.Time{}
	}
	return p.ToldTime
}

// inQuestion reports whether Amazon would not take a package's shipment because the order is
// fulfilled already: its outcome waits for what a look at the order shows.
func inQuestion(p *schemas.PackageState) bool {
	return p.Wanted != nil && !p.Wanted.FulfilledTime.IsZero()
}

// actAt is when what no order has shown is confirmed again, or reported, though no look was
// answered: after VerifyAfter, and before the latest ship date comes near. The first time at
// most half of what is left until that date has passed, and the second time half of the rest.
// It is at once in a cancelled order, and zero for nothing.
func (m *Machine) actAt(o *order, p *schemas.PackageState) time.Time {
	from := since(p)
	switch {
	case inQuestion(p):
		return from.Add(lookAfter)
	case from.IsZero() || o.cancelled(): // there is nothing to wait for
		return from
	}
	at := from.Add(m.cfg.VerifyAfter)
	if left := o.LatestShipDate.Sub(from); !o.LatestShipDate.IsZero() {
		at = machine.Earliest(at, o.LatestShipDate.Add(-m.cfg.RiskMargin))
		at = machine.Latest(at, from.Add(leastVerify))
		if left > 0 {
			at = machine.Earliest(at, from.Add(left/2))
		}
	}
	return machine.Latest(at, from.Add(lookTakes))
}

// lookAt is when an order is looked at for a package that it has not shown; zero for never.
func (m *Machine) lookAt(o *order, p *schemas.PackageState) time.Time {
	from := since(p)
	switch {
	case from.IsZero():
		return from
	case inQuestion(p):
		return from.Add(lookTakes)
	}
	half := from.Add(m.actAt(o, p).Sub(from) / 2)
	return machine.Earliest(from.Add(lookAfter), half).Truncate(time.Millisecond)
}

// verifyAt is when there is next something to do for what no order shows, and whether that is
// a look at the order; zero for nothing.
func (m *Machine) verifyAt(o *order, p *schemas.PackageState) (at time.Time, look bool) {
	act, at := m.actAt(o, p), m.lookAt(o, p)
	_, configured := m.cfg.Accounts().ByID(o.Account) // else orders does not read it any more
	switch {
	case act.IsZero() || o.cancelled() && !inQuestion(p):
		return act, false
	case configured && m.ordersCome(o) && o.LookTime.Before(at):
		return at, true
	}
	return machine.Latest(act, o.LookTime.Add(lookTakes)), false
}

// await queues an order for when the next of its packages must have been shown.
func (m *Machine) await(o *order) {
	var next time.Time
	for i := range o.Packages {
		at, _ := m.verifyAt(o, &o.Packages[i])
		next = machine.Earliest(next, at)
	}
	if next.IsZero() {
		m.unshown.Remove(&o.check)
		return
	}
	m.unshown.Add(&o.check, next)
}

// drawUnshown asks for a look at orders that have not shown a package, and, where no answer comes,
// confirms the packages once more, or reports those for which that was done.
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
		if m.carried(o) != nil {
			m.unshown.Add(item, tx.Now.Add(carriedPause))
			continue
		}
		asks := false
		for i := range o.Packages {
			p := &o.Packages[i]
			switch at, look := m.verifyAt(o, p); {
			case at.IsZero() || at.After(tx.Now):
			case look:
				asks = true
			case inQuestion(p):
				m.endFulfilled(tx, o, p, "")
			case o.shows(p): // whether as corrected is for a look to say
				p.Told, p.ToldTime = nil, time.Time{}
			default:
				m.notShown(tx, o, p)
			}
		}
		if asks {
			o.LookTime = tx.Now.Truncate(time.Millisecond)
			tx.Emit(machine.Output{Topic: schemas.OrderLooks, Account: o.Account, Value: &schemas.OrderLook{
				Account: o.Account, OrderID: o.OrderID, AskedTime: o.LookTime,
			}})
		}
		m.settle(tx, o)
	}
}

// ordersCome reports whether orders of an order's account come at all. Where none does,
// nothing can be told from that.
func (m *Machine) ordersCome(o *order) bool { return !o.OrderTime.IsZero() || m.shown[o.Account] }

// notShown acts on a package that no order has shown in time.
func (m *Machine) notShown(tx *machine.Tx, o *order, p *schemas.PackageState) {
	told, since := p.Told, p.ToldTime
	p.Told, p.ToldTime = nil, time.Time{}
	switch {
	case o.cancelled():
		m.tellNotShown(tx, o, p, since, "has accepted its confirmation")
	case !m.ordersCome(o):
	case untracked(told): // a second message could be a second package
		m.tellNotShown(tx, o, p, since, "has accepted its confirmation by a feed")
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
		if !tx.Now.Before(o.LatestShipDate) && !o.shows(p) {
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
		Message: fmt.Sprintf("Amazon %s for package %s of order %s (tracking number: %s), and the order does not show it: it is %s. %s",
			what, schemas.Brief(p.PackageID), o.OrderID, cmp.Or(schemas.Brief(p.TrackingNumber), "none"), status, remedy),
		Attributes: map[string]string{"packageReferenceId": p.PackageReferenceID, "latestShipDate": date, "marketplaceId": o.MarketplaceID},
	})
}
