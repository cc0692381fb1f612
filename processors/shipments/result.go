package shipments

import (
	"errors"
	"time"

	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// retryBase and retryLimit bound the wait after a call that settled nothing. A
// shipment is never given up: what waits too long is told by ShipmentAtRisk.
const (
	retryBase  = 2 * time.Second
	retryLimit = 5 * time.Minute
)

// Result takes the outcome of a call.
func (m *Machine) Result(tx *machine.Tx, res *machine.Result) {
	o := m.orders[res.Call.Key]
	if o == nil || !o.InFlight() {
		return // a call of the machine before this one; its shipment is confirmed again
	}
	ended := *res
	park, parks := res.Outcome.(machine.Park)
	own := parks && !o.forbidden.IsZero() && m.answers[o.Account].After(o.forbidden)
	if own { // the account is well: it need not wait for this order
		ended.Outcome = machine.Retry(park)
	}
	m.lanes.Finish(tx, o.Account, &o.Item, &ended)
	p := o.flying
	o.flying = nil
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		m.answers[o.Account] = tx.Now
		o.answered(p)
		m.confirm(tx, o, p, p.Sent)
		p.Units = unitsOf(p.Sent)
		p.Sent = nil
	case machine.Reject:
		m.answers[o.Account] = tx.Now
		m.refused(tx, o, p, outcome.Err)
	case machine.Retry, machine.Ambiguous: // the same id again is an edit
		o.retry(tx)
	case machine.Park:
		o.certain(p)
		o.forbid(tx, own)
	case machine.Snooze:
		o.certain(p)
		if outcome.For == 0 && !outcome.Throttled { // the lane waits, or else the order
			o.NotBefore = tx.Now.Add(retryBase)
		}
	}
	m.settle(tx, o)
}

// refused takes a definite no, or what reads like one.
func (m *Machine) refused(tx *machine.Tx, o *order, p *schemas.PackageState, err error) {
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Confirmation() == model.ShipmentOpen {
		o.retry(tx)
		return
	}
	o.answered(p)
	if refusal.Confirmation() == model.ShipmentFulfilled {
		m.confirm(tx, o, p, p.Sent)
	} else {
		code := refusal.Code
		if code == "" {
			code = string(refusal.Class)
		}
		m.reject(tx, o, p, p.Sent, code, refusal.Message)
	}
	p.Sent = nil
}

// answered notes that Amazon has settled a shipment.
func (o *order) answered(p *schemas.PackageState) {
	o.certain(p)
	o.Attempts, o.NotBefore, o.forbidden = 0, time.Time{}, time.Time{}
}

// certain notes that it is known how the call ended; an earlier one of the same
// shipment may be in doubt still.
func (o *order) certain(p *schemas.PackageState) { p.DoubtUntil = o.doubt }

// retry has the shipment wait, longer each time.
func (o *order) retry(tx *machine.Tx) {
	o.Attempts++
	o.NotBefore = tx.Now.Add(lane.Backoff(o.Key, int(o.Attempts), retryBase, retryLimit))
}

// forbid takes refused access. Unless Amazon has answered about other orders of
// the account since this one was refused, which is then own to the order, it
// is the account that is refused: the order goes behind all that arrive before
// the account's next probe, which is then another's.
func (o *order) forbid(tx *machine.Tx, own bool) {
	if own {
		o.retry(tx)
		return
	}
	o.forbidden = tx.Now
	o.NotBefore = tx.Now.Add(lane.ProbeAfter + lane.Backoff(o.Key, 1, retryBase, retryLimit))
}

// Changed takes accounts that may be mended: what waits for the next probe of a
// parked one, or for its configuration, goes on now.
func (m *Machine) Changed(tx *machine.Tx, accounts []string) {
	changed := make(map[string]bool, len(accounts))
	for _, account := range accounts {
		changed[account] = true
		m.lanes.Changed(tx, account)
	}
	for _, o := range m.orders {
		if o.place != inHold || !changed[o.Account] {
			continue
		}
		// No other wait is as long. What the order was refused for is not in the state.
		if !o.forbidden.IsZero() || o.NotBefore.After(tx.Now.Add(retryLimit)) {
			o.NotBefore = time.Time{}
		}
		m.settle(tx, o)
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
