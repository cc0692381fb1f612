package shipments

import (
	"errors"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// retryBase and retryLimit bound the wait after a call that settled nothing. A
// shipment is never given up: what waits too long is told by ShipmentAtRisk.
const (
	retryBase  = 2 * time.Second
	retryLimit = 5 * time.Minute

	// refusedLimit is the longest wait after a refusal that may pass, and tellRefused
	// after how long of them they are reported.
	refusedLimit = 30 * time.Minute
	tellRefused  = 10 * time.Minute
	// leastRefusals is how many refusals there are at least before a shipment is given
	// up, and toldRefusals before they are reported: its account may have been parked, or
	// paused, for all of the time between two of them.
	leastRefusals = 12
	toldRefusals  = 4
)

// alertRefused is the type of the alert about a shipment that Amazon refuses in a
// way that may pass.
const alertRefused = "ShipmentRefused"

// Result takes the outcome of a call.
func (m *Machine) Result(tx *machine.Tx, res *machine.Result) {
	if m.feeds.Result(tx, res) {
		return
	}
	o := m.orders[res.Call.Key]
	if o == nil || !o.InFlight() {
		return // a call of the machine before this one; its shipment is confirmed again
	}
	m.lanes.Finish(tx, o.Account, &o.Item, res)
	p := o.flying
	o.flying = nil
	if res.Shared != nil && o.Refusals == 0 { // others fail alike: a vague refusal was none of the shipment
		o.RefusedSince = time.Time{}
	}
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		o.answered(p)
		m.confirm(tx, o, p, p.Sent)
		p.Sent = nil
	case machine.Reject:
		m.refused(tx, o, p, outcome.Err)
	case machine.Retry, machine.Ambiguous: // the same id again is an edit
		o.retry(tx)
	case machine.Park:
		o.certain(p)
		// Behind all that arrive before the account's next probe, which is then another's.
		o.NotBefore = m.lanes.Probe(o.Account, tx.Now).Add(lane.Backoff(o.Key, 1, retryBase, retryLimit))
	case machine.Snooze:
		o.certain(p)
		if outcome.For == 0 && !outcome.Throttled { // the lane waits, or else the order
			o.NotBefore = tx.Now.Add(retryBase)
		}
	}
	m.settle(tx, o)
}

// refused takes a definite no, or what reads like one. It is this shipment's alone
// (containment rule 4).
func (m *Machine) refused(tx *machine.Tx, o *order, p *schemas.PackageState, err error) {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		refusal = &model.Error{Class: model.Unavailable, Operation: model.ConfirmShipment, Err: err}
	}
	verdict := refusal.Confirmation()
	// An order that Amazon does not know yet may come; so may a right to it.
	passes := verdict == model.ShipmentOpen || verdict == model.ShipmentRefused && refusal.Class == model.NotFound
	if passes && m.patient(tx, o, refusal) || verdict == model.ShipmentRefused && o.vague(tx, p, refusal) {
		return
	}
	repeat := !o.doubt.IsZero() || p.Sent.Settled
	o.answered(p)
	if verdict == model.ShipmentFulfilled {
		m.fulfilled(tx, o, p, p.Sent, repeat, refusal.Message)
	} else {
		m.reject(tx, o, p, p.Sent, codeOf(refusal), fmt.Sprintf(
			"Amazon refused confirmShipment for package %s of order %s%s: %s. Correct what it names, and send the package again with a newer event time, or confirm it in Seller Central",
			schemas.Brief(p.PackageID), o.OrderID, m.forHowLong(passes), schemas.Printable(wordsOf(refusal))))
	}
	p.Sent = nil
}

// vague makes a shipment wait for a second refusal when the first may be Amazon's own
// trouble, unless a newer one takes its place.
func (o *order) vague(tx *machine.Tx, p *schemas.PackageState, refusal *model.Error) bool {
	newest := p.Sent.SourceOffset == p.NewestOffset && p.Sent.EventTime.Equal(p.NewestTime)
	if !newest || !blame.Vague(refusal) {
		return false
	}
	if o.RefusedSince.IsZero() {
		o.RefusedSince = tx.Now
	}
	end := o.RefusedSince.Add(blame.VagueFor)
	if !tx.Now.Before(end) {
		return false
	}
	o.certain(p)
	o.NotBefore = end
	return true
}

func (m *Machine) forHowLong(passes bool) string {
	if !passes {
		return ""
	}
	return " for " + m.cfg.Patience.String()
}

func codeOf(refusal *model.Error) string {
	if refusal.Code != "" {
		return refusal.Code
	}
	return string(refusal.Class)
}

// wordsOf are Amazon's words or, where it gave none, its status.
func wordsOf(refusal *model.Error) string {
	if refusal.Message != "" {
		return refusal.Message
	}
	return refusal.Error()
}

// patient makes a shipment wait whose refusal may pass, and reports it once. It
// reports false when the patience is over.
func (m *Machine) patient(tx *machine.Tx, o *order, refusal *model.Error) bool {
	if o.RefusedSince.IsZero() {
		o.RefusedSince = tx.Now
	}
	o.Refusals++
	refused := tx.Now.Sub(o.RefusedSince)
	if refused >= m.cfg.Patience && o.Refusals >= leastRefusals {
		return false
	}
	if refused >= tellRefused && o.Refusals >= toldRefusals && !o.RefusedAlerted {
		o.RefusedAlerted = true
		tx.Alert(&schemas.Alert{
			EventType: alertRefused, Account: o.Account, Role: Processor, Severity: "WARNING", Subject: o.OrderID, Since: o.RefusedSince,
			Message: fmt.Sprintf("Amazon refuses to confirm the shipment of order %s: %s (%s). It is tried again, ever more seldom, until %s; then its outcome is REJECTED. "+
				"Other orders go on. Look whether the order is this account's and in its marketplace, or confirm it in Seller Central.",
				o.OrderID, schemas.Brief(wordsOf(refusal)), codeOf(refusal), machine.Latest(o.RefusedSince.Add(m.cfg.Patience), tx.Now).UTC().Format(time.RFC3339)),
			Attributes: map[string]string{"code": codeOf(refusal), "marketplaceId": o.MarketplaceID},
		})
	}
	o.Attempts++
	o.NotBefore = tx.Now.Add(lane.Backoff(o.Key, int(o.Attempts), retryBase, refusedLimit))
	if end := o.RefusedSince.Add(m.cfg.Patience); end.After(tx.Now) {
		o.NotBefore = machine.Earliest(o.NotBefore, end)
	}
	return true
}

// answered notes that Amazon has settled a shipment.
func (o *order) answered(p *schemas.PackageState) {
	o.certain(p)
	o.Attempts, o.NotBefore = 0, time.Time{}
	o.RefusedSince, o.RefusedAlerted, o.Refusals = time.Time{}, false, 0
}

// certain notes that it is known how the call ended; an earlier one of the same
// shipment may be in doubt still.
func (o *order) certain(p *schemas.PackageState) { p.DoubtUntil = o.doubt }

// retry makes the shipment wait, longer each time.
func (o *order) retry(tx *machine.Tx) {
	o.Attempts++
	o.NotBefore = tx.Now.Add(lane.Backoff(o.Key, int(o.Attempts), retryBase, retryLimit))
}

// Changed takes accounts that may be mended: what waits for the next probe of a
// parked one, or for its configuration, goes on now.
func (m *Machine) Changed(tx *machine.Tx, accounts []string) {
	m.feeds.Changed(tx, accounts)
	changed := make(map[string]bool, len(accounts))
	for _, account := range accounts {
		changed[account] = true
		m.lanes.Changed(tx, account)
	}
	for _, o := range m.orders {
		switch {
		case !changed[o.Account]:
		case o.place == inHold:
			o.NotBefore = time.Time{} // one more try does no harm, whatever it waits for
			m.settle(tx, o)
		case o.place == inIdle: // its account may be configured again
			m.watch(o, tx.Now, tx.Now)
		}
	}
}

// unitsOf is what is in a shipment, by line.
func unitsOf(s *schemas.PendingShipment) []schemas.LineUnits {
	units := make([]schemas.LineUnits, 0, len(s.Items))
	for _, item := range s.Items {
		units = append(units, schemas.LineUnits{OrderItemID: item.OrderItemID, Quantity: item.Quantity})
	}
	return units
}
