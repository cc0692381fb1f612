package inventory

// This file owns the oversell guard of accounts with reserve: orders that the warehouse's number
// has not seen are taken off what is sent.
//
// Amazon takes each order off the number that it has, and a number that is sent overwrites that.
// So whoever sends a number must take off all orders that are not in it: those placed after its
// watermark (update.seen). An order that becomes known later was either placed before Amazon
// carried out what was sent last, and is overwritten: then the number is sent once more, lower. Or
// it was placed after that, and Amazon has taken it off. Where that is not known it is sent once
// more, which is right in both cases. The warehouse's next number begins anew.
//
// What is sent is decided when a document or a patch is made (decide), and stands in the state
// with its intent. Each other number for the same update is a correction of it with a stamp of its
// own. So one is as much newer than what is under way as another update is, and is the last.

import (
	"time"
	"unique"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// correctionPause is the least time from what Amazon accepted of a SKU to its next correction: a
// SKU that sells every second must not take all calls. One that sells out does not wait.
const correctionPause = 30 * time.Second

// reserves reports whether orders are taken off what is sent for an entry.
func (m *Machine) reserves(s *sku) bool {
	return m.cfg.settings(s.account()).Reserve && m.sells(s)
}

// offered is what may be sent for u now.
func (m *Machine) offered(s *sku, u *update) int32 {
	if !m.reserves(s) {
		return u.quantity
	}
	units, _ := m.sold(s.listing(), u.seen.time())
	return int32(max(0, int64(u.quantity)-units))
}

// decide fixes what is sent for the wanted update. Where that is another number than before, it is a
// correction. If a feed carries the update, its end is the outcome; and what Amazon has accepted
// already is due its last one only.
func (m *Machine) decide(s *sku, now time.Time) {
	w := s.work
	u := w.wanted
	if !m.reserves(s) {
		return
	}
	send := m.due(s, u, now)
	if send == u.send {
		return
	}
	w.wanted = s.corrected(u, w.carries(u) || u.is(s.unseen()))
	w.wanted.send = send
}

// corrected is the newest version of u.
func (s *sku) corrected(u *update, silent bool) *update {
	next := *u
	if u.same(s.newest) {
		s.newest.corrections++
		next.stamp = s.newest
	} else { // what was newer was given up
		next.corrections++
	}
	if silent {
		next.speaks(false)
	}
	return &next
}

// correct takes a change of an order that was placed at a time. anew reports whether Amazon need not
// have it. The units of a cancelled order that Amazon offers again are right where the warehouse has
// seen the order, unless nothing is left: more may have been sold than there is, and others wait for it. The next number tells.
func (m *Machine) correct(tx *machine.Tx, s *sku, placed millis, anew bool) {
	u, w := s.basis, s.work
	if !m.reserves(s) {
		return
	}
	if anew && w != nil { // Amazon may offer more than it had accepted, until what is under way is
		s.applied = unknownQuantity
		s.save(tx)
	}
	switch {
	case w == nil && !anew && placed > s.until:
		return // Amazon has taken it off
	case w == nil:
	case w.wanted != nil && !w.patched && !w.inCut() && !w.carries(w.wanted):
		if m.offered(s, w.wanted) == 0 { // it is urgent now
			if w.trials != nil && w.wanted.silent() {
				w.trials.notBefore = 0
			}
			m.route(tx, s)
		}
		return // it is taken off when that is sent
	default:
		u = w.newestUpdate()
	}
	if u == nil || m.spent(s, u, tx.Now) || u.send == 0 && !anew || placed <= u.seen && u.send > 0 && m.offered(s, u) > 0 {
		return
	}
	m.replace(tx, s, s.again(tx.Now, u))
	s.save(tx)
}

// again is a version of u that is sent in its place, or after it.
func (s *sku) again(now time.Time, u *update) *update {
	next := s.corrected(u, true)
	next.received, next.urgent = millisOf(now), false
	return next
}

// space holds the wanted update back, if it is a correction that comes too soon.
func (m *Machine) space(s *sku, now time.Time) {
	u := s.work.wanted
	if u == nil || !u.silent() || s.until == 0 {
		return
	}
	if at := s.until.add(correctionPause - m.cfg.ApplyDelay); at > millisOf(now) && m.offered(s, u) > 0 {
		t := s.work.try()
		t.notBefore = max(t.notBefore, at)
	}
}

// misses reports whether orders that u's number does not have may be forgotten by now.
func (m *Machine) misses(s *sku, u *update, now time.Time) bool {
	return u.seen < max(millisOf(now.Add(-keepSales)), m.sales.gaps[s.account()].lost)
}

// due is what is sent for u now: no more than before, where orders may be forgotten.
func (m *Machine) due(s *sku, u *update, now time.Time) int32 {
	send := m.offered(s, u)
	if m.misses(s, u, now) {
		send = min(send, u.send)
	}
	return send
}

// spent reports whether a correction of u could offer again what is sold, as orders are forgotten;
// but not where it is sold out, by those that are known or as was sent last.
func (m *Machine) spent(s *sku, u *update, now time.Time) bool {
	return m.misses(s, u, now) && m.due(s, u, now) > 0
}

// outlived reports whether the wanted update is a correction that has waited too long.
func (m *Machine) outlived(s *sku, now time.Time) bool {
	w := s.work
	u := w.wanted
	return u != nil && u.silent() && m.reserves(s) && m.spent(s, u, now) && !w.carries(u) && !w.inCut() && !w.patched && !w.resend
}

// settles notes that Amazon has accepted u. It may carry it out some time later.
func (m *Machine) settles(tx *machine.Tx, s *sku, u *update) {
	s.basis, s.until = nil, 0
	if m.sells(s) {
		m.sales.seen(tx, s.listing(), u.seen)
	}
	if m.reserves(s) {
		s.basis, s.until = u, millisOf(tx.Now.Add(m.cfg.ApplyDelay))
	}
}

// lapse is whether Amazon has an older number than the newest: orders may have come that only
// something newer was to take off.
type lapse byte

const (
	perhaps lapse = iota + 1
	surely
)

// lapses notes that nothing newer than what Amazon has may be on its way any more.
func (s *sku) lapses() {
	s.work.lapsed = perhaps
	if s.applied == unknownQuantity {
		s.work.lapsed = surely
	}
}

// unsure notes that Amazon may carry u out, or not. The lower number that it may have is
// corrected from then on.
func (m *Machine) unsure(s *sku, u *update, now time.Time) {
	s.applied = unknownQuantity
	if u == nil || s.basis == nil && !m.reserves(s) {
		return
	}
	if s.basis == nil || !u.same(s.basis.stamp) && m.offered(s, u) <= m.offered(s, s.basis) || m.spent(s, s.basis, now) {
		s.basis = u
	}
	s.until = millisOf(now.Add(m.cfg.ApplyDelay))
}

// fallBack corrects what Amazon has when the newest number was given up, which was to take off the
// orders that came meanwhile; and it gives up a correction that has waited too long.
func (m *Machine) fallBack(tx *machine.Tx, s *sku) {
	w, u := s.work, s.basis
	if m.outlived(s, tx.Now) {
		w.wanted = nil
		s.save(tx)
	}
	lapsed := w.lapsed
	w.lapsed = 0
	waits := w.wanted != nil || w.patch != nil || w.message > 0 // a document that is being made is not waited for
	if lapsed == 0 || waits || u == nil || !m.reserves(s) || m.barred(s, u) || m.spent(s, u, tx.Now) || lapsed < surely && (u.same(s.newest) || m.due(s, u, tx.Now) == u.send) {
		return
	}
	m.unplace(s)
	w.wanted = s.again(tx.Now, u)
	w.since = w.wanted.received
	s.save(tx)
}

// seen is until when orders are in each number of a SKU that Amazon has or may get.
func (s *sku) seen() millis {
	updates := []*update{s.basis}
	if w := s.work; w != nil {
		updates = append(updates, w.wanted, w.sent, w.patch)
	}
	seen := millis(0)
	for _, u := range updates {
		if u != nil && (seen == 0 || u.seen < seen) {
			seen = u.seen
		}
	}
	return seen
}

func (u *update) speaks(due bool) {
	c := u.common.Value()
	c.correction = !due
	u.common = unique.Make(c)
}

// succeeds reports whether u takes the place of an earlier version of itself, which is due an
// outcome: then u is.
func (u *update) succeeds(earlier *update) bool {
	if u == nil || earlier == nil || !u.silent() || earlier.silent() || !u.same(earlier.stamp) || u.replay() != earlier.replay() {
		return false
	}
	u.speaks(true)
	return true
}

// differs is what is sent for an update; nil for what was asked for.
func (u *update) differs() *int32 {
	if u.send == u.quantity {
		return nil
	}
	send := u.send
	return &send
}
