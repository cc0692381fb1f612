package inventory

import (
	"fmt"
	"math"
	"strconv"
	"time"
	"unique"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// This file owns drift: Amazon shows another quantity than the last accepted one, and no order
// explains it. A person is told, and the quantity is sent once more. What Amazon offers is raised by
// that only where it is known which orders there were: else it could be sold already.

const (
	// resendPause is the least time from one such resend of a SKU to the next.
	resendPause = time.Hour
	// mostDrifts is how many alerts of an account hold at once before more SKUs are reported together,
	// every summaryEvery at most.
	mostDrifts   = 20
	summaryEvery = time.Hour
)

// drifting are the alerts of an account that hold.
type drifting struct {
	skus    map[string]int // how many SKUs an alert holds for, by its event id
	summary schemas.InventoryDrift
}

// drifts takes that a SKU has another quantity at Amazon than it should have.
func (m *Machine) drifts(tx *machine.Tx, s *sku, quantity int32, since time.Time) {
	w := s.watch
	left, known := m.left(s, tx.Now)
	sends := known || left < quantity
	if w.drift == nil {
		m.tellDrift(tx, s, quantity, since, sends)
	}
	w.suspect, s.resent = time.Time{}, minutesOf(tx.Now)
	if sends {
		w.audit.ended(w, corrected)
		w.before = quantity
		m.resend(tx, s)
	} else {
		w.audit.ended(w, nil)
		m.watches.Add(&w.Item, tx.Now.Add(watchLimit))
	}
	s.save(tx)
}

// left is what is left of the last accepted quantity, and whether all orders since are known.
func (m *Machine) left(s *sku, now time.Time) (quantity int32, known bool) {
	if m.reserves(s) && s.basis != nil {
		_, known = m.soldOf(s, s.basis.seen.time(), now)
		return m.offered(s, s.basis), known
	}
	sold, known := m.soldOf(s, s.appliedAt.time(), now)
	return max(0, s.applied-sold), known
}

// resend sends the last accepted quantity once more.
func (m *Machine) resend(tx *machine.Tx, s *sku) {
	if m.reserves(s) && s.basis != nil && !m.spent(s, s.basis, tx.Now) {
		m.replace(tx, s, s.again(tx.Now, s.basis))
		return
	}
	u := m.correction(tx, s)
	work := m.work(s)
	work.wanted, work.since = u, u.received
	m.route(tx, s)
}

// correction is the last accepted quantity less what was ordered since, to be sent once more. What
// has no final outcome yet gets that by it; else nobody asked for it, and it has no outcome.
func (m *Machine) correction(tx *machine.Tx, s *sku) *update {
	quantity, _ := m.left(s, tx.Now)
	if u := s.watch.update; u != nil {
		again := *u
		again.received, again.send = millisOf(tx.Now), quantity
		return &again
	}
	u := &update{
		stamp: s.newest, received: millisOf(tx.Now), quantity: quantity, send: quantity,
		common: unique.Make(common{channel: s.channel(), correction: true}),
	}
	if m.reserves(s) { // orders that become known later are taken off
		u.seen = max(s.appliedAt, millisOf(tx.Now.Add(-keepSales/2)))
		units, _ := m.sold(s.listing(), u.seen.time())
		u.quantity = int32(min(int64(quantity)+units, math.MaxInt32))
	}
	return u
}

// silent reports whether no outcome is due for the update.
func (u *update) silent() bool { return u.common.Value().correction }

// tellDrift raises the alert about a SKU, or one about more than there is room for.
func (m *Machine) tellDrift(tx *machine.Tx, s *sku, quantity int32, since time.Time, sends bool) {
	a := m.account(s.account())
	if held := len(a.drifting.skus); held >= mostDrifts {
		m.tellDrifts(tx, s, since)
		return
	}
	remedy := fmt.Sprintf("It is sent once more, every %v at most", resendPause)
	if !sends {
		remedy = "It is not sent once more, as not all orders since are known: send the SKU's quantity anew"
	}
	told := &schemas.Alert{
		EventType: alertDrift, Severity: warning, Subject: s.id(), Since: since,
		Message: fmt.Sprintf("Amazon shows quantity %d of SKU %q, and had accepted %d; no order that is known explains it. %s. "+
			"If this comes back, look for another program, or a person, that sets its quantity", quantity, s.id(), s.applied, remedy),
		Attributes: map[string]string{"shown": strconv.Itoa(int(quantity)), "accepted": strconv.Itoa(int(s.applied)), "fulfillmentChannelCode": s.channel()},
	}
	if u := s.unseen(); u != nil {
		told.Attributes["updateId"] = u.id
	}
	raise(tx, s.account(), told)
	s.watch.drift = &schemas.InventoryDrift{EventID: told.EventID, Time: tx.Now}
	m.holdDrift(s.account(), s.watch.drift)
}

// tellDrifts adds a SKU to those that are reported together.
func (m *Machine) tellDrifts(tx *machine.Tx, s *sku, since time.Time) {
	d := &m.account(s.account()).drifting
	if d.skus[d.summary.EventID] == 0 || !tx.Now.Before(d.summary.Time.Add(summaryEvery)) {
		told := &schemas.Alert{
			EventType: alertDrift, Severity: warning, Since: since,
			Message: fmt.Sprintf("Besides the %d SKUs with an alert of their own, Amazon shows other quantities than it had accepted, first of SKU %q; no orders that are known explain them. "+
				"They are sent once more, each every %v at most, where that can sell nothing twice. More that are found within %v are not reported. Look for another program that sets quantities of the account",
				mostDrifts, s.id(), resendPause, summaryEvery),
		}
		raise(tx, s.account(), told)
		d.summary = schemas.InventoryDrift{EventID: told.EventID, Time: tx.Now, Summary: true}
	}
	held := d.summary
	s.watch.drift = &held
	m.holdDrift(s.account(), &held)
}

// raise is alert for one whose id is asked for.
func raise(tx *machine.Tx, account string, a *schemas.Alert) {
	a.Account, a.Role = account, Processor
	tx.Alert(a)
}

// holdDrift notes that an alert holds for one SKU more.
func (m *Machine) holdDrift(account string, drift *schemas.InventoryDrift) {
	d := &m.account(account).drifting
	if d.skus == nil {
		d.skus = make(map[string]int)
	}
	d.skus[drift.EventID]++
	if drift.Summary && drift.Time.After(d.summary.Time) {
		d.summary = *drift
	}
}

// endDrift resolves a SKU's alert, if that was its last SKU.
func (m *Machine) endDrift(tx *machine.Tx, s *sku) {
	ended, d := s.watch.drift, &m.account(s.account()).drifting
	if ended == nil {
		return
	}
	s.watch.drift = nil
	if d.skus[ended.EventID]--; d.skus[ended.EventID] > 0 {
		return
	}
	delete(d.skus, ended.EventID)
	resolved := &schemas.Alert{
		EventType: alertDrift, Account: s.account(), Role: Processor, Subject: s.id(), Resolves: ended.EventID,
		Message: fmt.Sprintf("Amazon shows the accepted quantity of SKU %q, or the SKU is not followed any more.", s.id()),
	}
	if ended.Summary {
		resolved.Subject = ""
		resolved.Message = fmt.Sprintf("None of the SKUs that were reported together at %s drifts any more.", ended.Time.UTC().Format(time.RFC3339))
	}
	tx.Resolve(resolved)
}
