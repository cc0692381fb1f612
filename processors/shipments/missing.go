package shipments

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// alertMissing is the type of the alert about a merchant's order whose latest ship date
// is near and that no shipment covers. It is raised once for a latest ship date, and
// resolved when the order is shipped, cancelled or covered, or has another date.
const alertMissing = "ShipmentMissing"

const (
	// mostMissing is how many such alerts of an account hold at once before the orders
	// that come on top are reported together, every summaryEvery at most.
	mostMissing  = 20
	summaryEvery = time.Hour
	// oldNews is how long after its latest ship date an order raises no alert any more:
	// a first start and a backfill bring many of those.
	oldNews = 24 * time.Hour
	// namedMissing is how many orders a summary names.
	namedMissing = 10
)

// missing are the alerts of an account that hold.
type missing struct {
	orders  map[string]int // how many orders an alert holds for, by its event id
	summary schemas.MissingShipment
}

func (a *missing) full() bool { return a != nil && len(a.orders) >= mostMissing }

// counted reports whether an order that is due was about to be reported when the last
// summary was, in a tick that had too many of them.
func (a *missing) counted(o *order, due time.Time) bool {
	return a.orders[a.summary.EventID] > 0 && !due.After(a.summary.Time) && o.TouchedTime.Before(a.summary.Time)
}

// hold notes that an order's alert holds.
func (m *Machine) hold(o *order) {
	a := m.missing[o.Account]
	if a == nil {
		a = &missing{orders: make(map[string]int)}
		m.missing[o.Account] = a
	}
	a.orders[o.Missing.EventID]++
	if o.Missing.Summary && o.Missing.Time.After(a.summary.Time) {
		a.summary = *o.Missing
	}
}

// missingAt is when an order that no shipment covers is reported; zero for never.
func (m *Machine) missingAt(o *order, now time.Time) time.Time {
	if m.cfg.MissingLead <= 0 || o.Missing != nil || o.LatestShipDate.IsZero() || now.After(o.LatestShipDate.Add(oldNews)) || !o.uncovered() {
		return time.Time{}
	}
	if a, configured := m.cfg.Accounts().ByID(o.Account); !configured || !a.Wants(model.FulfilledByMerchant) { // its orders do not come any more
		return time.Time{}
	}
	due := o.LatestShipDate.Add(-m.cfg.MissingLead)
	if a := m.missing[o.Account]; a.full() && !a.counted(o, due) {
		return machine.Latest(due, a.summary.Time.Add(summaryEvery))
	}
	return due
}

// uncovered reports whether the merchant has units of the order to ship that are neither
// shipped, as the order last showed, nor in a shipment that waits or was confirmed.
func (o *order) uncovered() bool {
	if !o.Merchant || o.Status != "UNSHIPPED" && o.Status != "PARTIALLY_SHIPPED" {
		return false
	}
	if len(o.Lines) == 0 { // not shown, or too many to be kept
		return !slices.ContainsFunc(o.Packages, func(p schemas.PackageState) bool { return p.Confirmed || next(&p) != nil })
	}
	open := make(map[string]int64, len(o.Lines))
	for _, line := range o.Lines {
		if !slices.Contains(o.Elsewhere, line.OrderItemID) {
			open[line.OrderItemID] += int64(line.Quantity)
		}
	}
	confirmed := make(map[string]int64) // the order shows these, or will
	for i := range o.Packages {
		p := &o.Packages[i]
		for _, u := range contents(p) {
			if p.Confirmed {
				confirmed[u.OrderItemID] += int64(u.Quantity)
			} else {
				open[u.OrderItemID] -= int64(u.Quantity)
			}
		}
	}
	for _, u := range o.Fulfilled {
		confirmed[u.OrderItemID] = max(confirmed[u.OrderItemID], int64(u.Quantity))
	}
	for id, units := range open {
		if units > confirmed[id] {
			return true
		}
	}
	return false
}

// contents are the units in a package, as its newest shipment has them that was not
// rejected.
func contents(p *schemas.PackageState) []schemas.LineUnits {
	switch {
	case p.Wanted != nil:
		return unitsOf(p.Wanted)
	case p.Sent != nil:
		return unitsOf(p.Sent)
	}
	return p.Units
}

// reportMissing raises the alert for an order that is due now. It reports false for one
// that is to be reported together with others.
func (m *Machine) reportMissing(tx *machine.Tx, o *order) bool {
	switch a := m.missing[o.Account]; {
	case !a.full():
		date := o.LatestShipDate.UTC().Format(time.RFC3339)
		alert := &schemas.Alert{
			EventType: alertMissing, Account: o.Account, Role: Processor, Severity: severityAt(o.LatestShipDate, tx.Now), Subject: o.OrderID, Since: tx.Now,
			Message: fmt.Sprintf("Order %s must be shipped by %s, and no shipment covers all of it: it is %s. "+
				"Ask the warehouse. If it was shipped, have the shipment produced, or confirm it in Seller Central. Amazon cancels orders that stay unconfirmed.",
				o.OrderID, date, o.Status),
			Attributes: map[string]string{"latestShipDate": date, "marketplaceId": o.MarketplaceID},
		}
		tx.Alert(alert)
		o.Missing = &schemas.MissingShipment{EventID: alert.EventID, Time: tx.Now, LatestShipDate: o.LatestShipDate}
	case a.counted(o, o.LatestShipDate.Add(-m.cfg.MissingLead)):
		held := a.summary
		held.LatestShipDate = o.LatestShipDate
		o.Missing = &held
	default:
		return false
	}
	m.hold(o)
	m.save(tx, o)
	return true
}

// summarize raises one alert for orders of an account.
func (m *Machine) summarize(tx *machine.Tx, account string, orders []*order) {
	slices.SortFunc(orders, func(a, b *order) int {
		return cmp.Or(a.LatestShipDate.Compare(b.LatestShipDate), cmp.Compare(a.OrderID, b.OrderID))
	})
	first := orders[0].LatestShipDate
	var named []string
	for _, o := range orders[:min(namedMissing, len(orders))] {
		named = append(named, o.OrderID)
	}
	date := first.UTC().Format(time.RFC3339)
	alert := &schemas.Alert{
		EventType: alertMissing, Account: account, Role: Processor, Severity: severityAt(first, tx.Now), Since: tx.Now,
		Message: fmt.Sprintf("Besides the orders with an alert of their own, at least %d must be shipped soon, the first by %s, and no shipment covers all of them. "+
			"The first: %s. Ask the warehouse whether it works and whether its shipments are produced; compare the orders in Seller Central.",
			len(orders), date, strings.Join(named, ", ")),
		Attributes: map[string]string{"latestShipDate": date, "orders": strconv.Itoa(len(orders))},
	}
	tx.Alert(alert)
	for _, o := range orders {
		o.Missing = &schemas.MissingShipment{EventID: alert.EventID, Time: tx.Now, LatestShipDate: o.LatestShipDate, Summary: true}
		m.hold(o)
		m.save(tx, o)
	}
}

// severityAt is the severity of an alert about a latest ship date.
func severityAt(date, now time.Time) string {
	if now.Before(date) {
		return "WARNING"
	}
	return "CRITICAL"
}

// endMissing resolves the alert about an order when it does not hold any more.
func (m *Machine) endMissing(tx *machine.Tx, o *order) {
	if o.Missing == nil || o.uncovered() && o.Missing.LatestShipDate.Equal(o.LatestShipDate) {
		return
	}
	why := "a shipment of it has come"
	switch {
	case o.done():
		why = "it is " + o.Status
	case o.uncovered():
		why = "its latest ship date is another one now"
	}
	m.resolveMissing(tx, o, why)
}

// resolveMissing ends the alert about an order, and resolves it where it was the last.
func (m *Machine) resolveMissing(tx *machine.Tx, o *order, why string) {
	ended, a := o.Missing, m.missing[o.Account]
	o.Missing = nil
	if a.orders[ended.EventID]--; a.orders[ended.EventID] > 0 {
		return
	}
	delete(a.orders, ended.EventID)
	alert := &schemas.Alert{
		EventType: alertMissing, Account: o.Account, Role: Processor, Subject: o.OrderID, Resolves: ended.EventID,
		Message: fmt.Sprintf("Order %s misses no shipment any more: %s.", o.OrderID, why),
	}
	if ended.Summary {
		alert.Subject = ""
		alert.Message = fmt.Sprintf("None of the orders that were reported together at %s misses a shipment any more.", ended.Time.UTC().Format(time.RFC3339))
	}
	tx.Resolve(alert)
}
