package inventory

import (
	"fmt"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// This file owns what Amazon has accepted and not shown yet. "Accepted" means "being
// applied", and Amazon has been seen to apply nothing. seen.go owns what is made of a number
// that Amazon shows, drift.go what follows if that is another one.

const (
	// watchLimit bounds the growing waits between two looks at a SKU.
	watchLimit = time.Hour
	// maxLooks is how often a SKU is looked at because of a number that a look does not confirm.
	maxLooks = 5
	// codeNotShown is the code of the outcome UNSEEN.
	codeNotShown = "not_shown"
)

// watch is why a SKU is looked at: its quantity was accepted and has not been seen, or Amazon
// shows another one. A SKU that is settled has none.
type watch struct {
	lane.Item                         // its place in Machine.watches
	update    *update                 // that has no final outcome yet; nil where there is none such
	how       sending                 // how it was sent last
	since     millis                  // when it was accepted first
	before    int32                   // the quantity that Amazon had before, as far as is known
	looks     int32                   // since it was sent last
	answers   int32                   // that these had
	suspect   time.Time               // since when another number shows; the state does not keep it
	suspected int32                   // which it was
	drift     *schemas.InventoryDrift // the alert that holds
	audit     *audit                  // that suspects it
}

// watched is the SKU's watch, made when it has none.
func (s *sku) watched() *watch {
	if s.watch == nil {
		s.watch = &watch{Item: lane.Item{Key: s.Key}, before: unknownQuantity}
	}
	return s.watch
}

// unseen is the update that was accepted and has no final outcome, or nil.
func (s *sku) unseen() *update {
	if s.watch == nil {
		return nil
	}
	return s.watch.update
}

// is reports whether both are one update, processed at the same time.
func (u *update) is(other *update) bool {
	return u != nil && other != nil && u.stamp == other.stamp && u.replay() == other.replay()
}

// concerns reports whether an update is to be sent, or under way.
func (w *work) concerns(u *update) bool {
	return w != nil && (u.is(w.wanted) || u.is(w.sent) || u.is(w.patch))
}

// took takes what Amazon has accepted, and that was settled by that. It is looked for
// until it shows.
func (m *Machine) took(tx *machine.Tx, s *sku, u *update, how sending, before int32) {
	again := u.is(s.unseen()) || u.succeeds(s.unseen())
	if again { // perhaps with another number, for what was ordered meanwhile
		s.watch.update = u
	}
	if m.cfg.SeenWithin <= 0 {
		m.outdated(tx, s, u)
		outcome(tx, s, u, schemas.InventoryResult{Outcome: applied}, how)
		m.unwatch(tx, s)
		return
	}
	if !again && !u.silent() {
		m.outdated(tx, s, u)
		if m.cfg.Accepted {
			m.accept(tx, s, u, how)
		}
	}
	w := s.watched()
	w.how, w.looks, w.answers, w.suspect = how, 0, 0, time.Time{}
	if !again && !u.silent() {
		w.update, w.since, w.before = u, millisOf(tx.Now), before
	}
	if s.work.shows(u, how.at) {
		m.confirmed(tx, s, tx.Now)
		return
	}
	m.watches.Add(&w.Item, tx.Now.Add(m.cfg.LookAfter))
}

// outdated ends what is not seen yet, since u takes its place.
func (m *Machine) outdated(tx *machine.Tx, s *sku, u *update) {
	if earlier := s.unseen(); earlier != nil && !u.is(earlier) {
		supersede(tx, s, earlier, u)
	}
}

// accept writes that Amazon took an update: the first of its two outcomes.
func (m *Machine) accept(tx *machine.Tx, s *sku, u *update, how sending) {
	result := schemas.InventoryResult{Outcome: onlyTaken, EventID: tx.EventID("InventoryAccepted", outcomeID(tx, s, u)), DecidedTime: tx.Now}
	about(&result, s, u)
	result.SentQuantity = u.differs()
	result.Via, result.FeedID, result.MarketplaceID = how.via, how.feedID, how.marketplace
	tx.Emit(machine.Output{Topic: schemas.InventoryResults, Account: s.account(), Value: &result})
}

// confirmed takes that Amazon has shown what it has accepted at a time, which ends the watch
// unless it shows another one since.
func (m *Machine) confirmed(tx *machine.Tx, s *sku, at time.Time) {
	w := s.watch
	if w == nil {
		return
	}
	if w.update != nil || w.drift != nil {
		s.save(tx)
	}
	if u := w.update; u != nil {
		outcome(tx, s, u, schemas.InventoryResult{Outcome: applied}, w.how)
	}
	if at.Before(w.suspect) {
		return
	}
	w.audit.ended(w, explained)
	m.unwatch(tx, s)
}

// unwatch forgets a watch, and resolves its alert. What it waited for has its final outcome.
func (m *Machine) unwatch(tx *machine.Tx, s *sku) {
	w := s.watch
	if w == nil {
		return
	}
	w.audit.ended(w, nil)
	m.endDrift(tx, s)
	m.watches.Remove(&w.Item)
	s.watch = nil
}

// lookAround looks at the SKUs whose time has come.
func (m *Machine) lookAround(tx *machine.Tx) {
	for range releaseBatch {
		item := m.watches.Pop(tx.Now)
		if item == nil {
			break
		}
		m.lookFor(tx, m.skus[item.Key])
	}
}

// forget drops a SKU that has been without work for long.
func (m *Machine) forget(tx *machine.Tx, s *sku) {
	if s.unseen() != nil {
		m.unshown(tx, s)
	}
	m.unwatch(tx, s)
	m.leave(s)
	tx.Delete(s.Key)
}

// lookFor asks what Amazon shows of a SKU, unless its time is up or the answer would tell nothing.
func (m *Machine) lookFor(tx *machine.Tx, s *sku) {
	w := s.watch
	if w.update != nil && !s.work.concerns(w.update) && !tx.Now.Before(w.since.time().Add(m.cfg.SeenWithin)) {
		switch {
		case m.cfg.SeenWithin <= 0: // nobody looks any more
			m.confirmed(tx, s, tx.Now)
			return
		case w.answers > 0:
			m.unshown(tx, s)
		}
	}
	suspected := !w.suspect.IsZero() && w.looks < maxLooks
	if w.update == nil && (w.drift == nil && !suspected || s.work == nil && !m.comparable(s)) {
		held := w.drift != nil
		m.unwatch(tx, s)
		if held {
			s.save(tx)
		}
		return
	}
	if s.work == nil || w.update != nil && !s.work.concerns(w.update) {
		if !m.lookAt(tx, s) {
			m.watches.Add(&w.Item, tx.Now.Add(absentWait))
			return
		}
		w.looks++
	}
	m.watches.Add(&w.Item, tx.Now.Add(lane.Backoff(s.Key, int(w.looks), 2*m.cfg.LookAfter, watchLimit)))
}

// unshown gives up an update that Amazon has accepted and does not show: nobody knows whether it
// ever will.
func (m *Machine) unshown(tx *machine.Tx, s *sku) {
	w := s.watch
	u := w.update
	outcome(tx, s, u, schemas.InventoryResult{
		Outcome: unseen, Code: codeNotShown,
		Message: fmt.Sprintf("Amazon accepted this quantity, and did not show it within %v. Look at the listing in Seller Central", m.cfg.SeenWithin),
	}, w.how)
	s.save(tx)
	a := m.account(s.account())
	if tx.Now.Before(a.toldUnseen.Add(tellPause)) {
		return
	}
	a.toldUnseen = tx.Now
	alert(tx, s.account(), schemas.Alert{
		EventType: alertNotApplied, Severity: warning, Subject: s.id(), Since: w.since.time(),
		Message: fmt.Sprintf("Amazon accepted quantity %d of SKU %q, and has not shown it for %v: look at the listing in Seller Central, whether searchListingsItems "+
			"and getListingsItem work, and whether something else sets its quantity. Others of the account may fare alike, and are not reported for %v",
			u.send, s.id(), m.cfg.SeenWithin, tellPause),
		Attributes: map[string]string{"marketplaceId": w.how.marketplace, "updateId": u.id},
	})
}

// state is what an entry says of a watch.
func (w *watch) state(state *schemas.InventoryState) {
	if w == nil {
		return
	}
	if w.update != nil {
		state.Unseen = &schemas.InventoryUnseen{
			Update: *w.update.state(nil), Via: w.how.via, FeedID: w.how.feedID, MarketplaceID: w.how.marketplace,
			SentTime: w.how.at, AcceptedTime: w.since.time(),
		}
	}
	if before := w.before; before != unknownQuantity && state.Unseen != nil {
		state.Unseen.QuantityBefore = &before
	}
	if w.drift != nil {
		drift := *w.drift
		state.Drift = &drift
	}
}

// restoreWatch takes over what an entry says that is to be looked for.
func (m *Machine) restoreWatch(s *sku, state *schemas.InventoryState) {
	if state.Unseen == nil && state.Drift == nil {
		return
	}
	w := s.watched()
	due := state.TouchedTime
	if u := state.Unseen; u != nil {
		w.update, w.since = restoredUpdate(&u.Update), millisOf(u.AcceptedTime)
		w.how = sending{via: viaPatch, feedID: strings.Clone(u.FeedID), marketplace: strings.Clone(u.MarketplaceID), at: u.SentTime}
		if u.Via == viaFeed {
			w.how.via = viaFeed
		}
		if u.QuantityBefore != nil {
			w.before = *u.QuantityBefore
		}
		due = u.AcceptedTime
	}
	if d := state.Drift; d != nil {
		held := *d
		held.EventID = strings.Clone(d.EventID)
		w.drift = &held
		m.holdDrift(s.account(), w.drift)
	}
	m.watches.Add(&w.Item, due.Add(m.cfg.LookAfter))
}
