package shipments

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// alertAtRisk is the type of the alert about an order that waits too long. It is
// raised once before each latest ship date of an order, and once more, as
// CRITICAL, when the date has passed, and resolved when nothing waits or the date is another;
// and only for a package
// that was shipped and waits to be confirmed for the first time: for an order
// without a shipment there is alertMissing, and a correction is in no
// hurry.
const alertAtRisk = "ShipmentAtRisk"

// watch makes the machine look at an order again when it will be at risk or misses a
// shipment; ready is when its next shipment may go.
func (m *Machine) watch(o *order, ready, now time.Time) {
	at := machine.Earliest(m.riskAt(o, ready, now), m.missingAt(o, now))
	if at.IsZero() {
		m.risks.Remove(&o.risk)
	} else {
		m.risks.Add(&o.risk, at)
	}
}

// riskAt is when the latest ship date, less the margin, is nearer than the wait
// that is expected now; zero when there is nothing to tell.
func (m *Machine) riskAt(o *order, ready, now time.Time) time.Time {
	if o.LatestShipDate.IsZero() || o.LateDate.Equal(o.LatestShipDate) || o.done() || !o.unconfirmed() {
		return time.Time{}
	}
	if o.AlertedDate.Equal(o.LatestShipDate) {
		return o.LatestShipDate
	}
	return o.LatestShipDate.Add(-m.cfg.RiskMargin - m.wait(o.Account, ready, now))
}

// wait is how long a shipment that may go at ready is expected to wait, at most:
// all of the account's that wait for a call go before it. While a parked
// account's probe is under way nothing is known, and nothing is added.
func (m *Machine) wait(account string, ready, now time.Time) time.Duration {
	next := machine.Latest(now, ready, m.lanes.Next(account, now))
	wait := next.Sub(now)
	if rate := m.cfg.Limits.Of(account, model.ConfirmShipment).Rate; rate > 0 {
		wait += time.Duration(float64(m.backlog[account]) / rate * float64(time.Second))
	}
	return wait
}

// drawRisks raises the alerts for the orders that are at risk, or miss a shipment, now.
func (m *Machine) drawRisks(tx *machine.Tx) {
	summaries := make(map[string][]*order)
	for range riskBatch {
		item := m.risks.Pop(tx.Now)
		if item == nil {
			break
		}
		o := m.orders[item.Key]
		ready := m.readyAt(o, tx.Now)
		if at := m.riskAt(o, ready, tx.Now); !at.IsZero() && !at.After(tx.Now) { // else others were faster than expected
			m.alert(tx, o)
		}
		if at := m.missingAt(o, tx.Now); !at.IsZero() && !at.After(tx.Now) && !m.reportMissing(tx, o) {
			summaries[o.Account] = append(summaries[o.Account], o)
			continue
		}
		m.watch(o, ready, tx.Now)
	}
	for _, account := range slices.Sorted(maps.Keys(summaries)) {
		m.summarize(tx, account, summaries[account])
		for _, o := range summaries[account] {
			m.watch(o, m.readyAt(o, tx.Now), tx.Now)
		}
	}
}

func (m *Machine) alert(tx *machine.Tx, o *order) {
	o.AlertedDate = o.LatestShipDate
	if !tx.Now.Before(o.LatestShipDate) {
		o.LateDate = o.LatestShipDate
	}
	date := o.LatestShipDate.UTC().Format(time.RFC3339)
	message := fmt.Sprintf(
		"Order %s must be confirmed as shipped by %s, and its shipment still waits to be sent to Amazon (%d orders of the account wait, tried %d times). "+
			"Look for calls that are refused or throttled, or confirm it in Seller Central.",
		o.OrderID, date, m.backlog[o.Account], o.Attempts)
	if at := o.plannedTime(); !at.IsZero() {
		message = fmt.Sprintf("Order %s must be confirmed as shipped by %s, and a shipment of it waits for its ship time, %s. "+
			"Where it has gone by now, send it again with a newer eventTime and the right shipTime.", o.OrderID, date, at.UTC().Format(time.RFC3339))
	}
	if o.HeldAlert != "" {
		message = fmt.Sprintf("Order %s must be confirmed as shipped by %s, and its shipment is held: somebody asked to cancel it. %s says what to do.", o.OrderID, date, alertHeld)
	}
	alert := &schemas.Alert{
		EventType: alertAtRisk, Account: o.Account, Role: Processor, Severity: severityAt(o.LatestShipDate, tx.Now), Subject: o.OrderID,
		Message: message, Since: tx.Now,
		Attributes: map[string]string{"latestShipDate": date, "marketplaceId": o.MarketplaceID},
	}
	tx.Alert(alert)
	o.RiskAlerts = append(o.RiskAlerts, alert.EventID)
	m.save(tx, o)
}

// endRisk resolves the alerts about an order that is not at risk any more.
func (m *Machine) endRisk(tx *machine.Tx, o *order) {
	why := "no shipment of it waits to be confirmed"
	switch {
	case len(o.RiskAlerts) == 0:
		return
	case o.done():
		why = "it is " + o.Status
	case o.unconfirmed() && o.AlertedDate.Equal(o.LatestShipDate):
		return
	case o.unconfirmed():
		why = "its latest ship date is another one now"
	}
	for _, id := range o.RiskAlerts {
		tx.Resolve(&schemas.Alert{
			EventType: alertAtRisk, Account: o.Account, Role: Processor, Subject: o.OrderID, Resolves: id,
			Message: fmt.Sprintf("Order %s is not at risk any more: %s.", o.OrderID, why),
		})
	}
	o.RiskAlerts = nil
	if !o.done() { // the same date can be missed anew
		o.AlertedDate, o.LateDate = time.Time{}, time.Time{}
	}
}
