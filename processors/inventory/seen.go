package inventory

import (
	"cmp"
	"math"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// This file owns what a number means that Amazon shows: a look, a feed's report, a
// notification or a report of the catalogue (seen). It is the last accepted one, perhaps
// lowered by orders, or it is another. That is believed only when it shows again minutes
// later: Amazon shows a new number late, and an order can be later here than its units are gone there.

// changedQuantity is the type of a schemas.ListingChange.
const changedQuantity = "QUANTITY"

const (
	// confirmAfter is after what time another number that shows still is believed.
	confirmAfter = 5 * time.Minute
	// confirmLower is the same where an order that is not known yet could explain it.
	confirmLower = 15 * time.Minute
	// oldChange is how old a notification may be, as after a time in which nobody read them.
	oldChange = time.Hour
)

// reading is what a number says that Amazon shows.
type reading byte

const (
	shows   reading = iota // the last accepted quantity, less what was ordered
	unclear                // it could be the one from before, too
	lower                  // it is too low, unless there are orders that are not known yet
	differs                // it is another one
)

// seen takes the quantity that Amazon shows of a listing's channel, as it was at a time. Whoever
// learns one calls it: a number that fits is the proof that an update was applied, and one that does
// not leads to another look.
func (m *Machine) seen(tx *machine.Tx, l listing, channel string, quantity int, at time.Time) {
	if m.cfg.SeenWithin <= 0 {
		return
	}
	for _, s := range m.entriesOf(l) {
		if s.form == ofChannel && s.channel() == channel {
			m.seenOf(tx, s, int32(quantity), at)
		}
	}
}

// seenIn is seen of each quantity of a listing.
func (m *Machine) seenIn(tx *machine.Tx, l listing, item *model.ListingsItem, at time.Time) {
	for i := range item.FulfillmentAvailability {
		if one := &item.FulfillmentAvailability[i]; one.Quantity != nil {
			m.seen(tx, l, one.FulfillmentChannelCode, *one.Quantity, at)
		}
	}
}

// reportShows takes the quantities that a feed's report shows. It comes before the feed's result.
func (m *Machine) reportShows(tx *machine.Tx, part *schemas.FeedIssues) {
	for i := range part.Shown {
		shown := &part.Shown[i]
		m.seen(tx, listing{part.Account, shown.SKU}, cmp.Or(shown.FulfillmentChannelCode, defaultChannel), int(shown.Quantity), part.ShownTime)
	}
}

// listingChanged takes what a notification of Amazon's says. A look tells more than an old one.
func (m *Machine) listingChanged(tx *machine.Tx, change *schemas.ListingChange) {
	if change.Type == changedQuantity && change.Quantity != nil && tx.Now.Sub(change.EventTime) < oldChange {
		m.seen(tx, listing{change.Account, change.SKU}, cmp.Or(change.FulfillmentChannelCode, defaultChannel), int(*change.Quantity), change.EventTime)
	}
}

func (m *Machine) seenOf(tx *machine.Tx, s *sku, quantity int32, at time.Time) {
	if s.work != nil {
		s.work.shown, s.work.shownAt = quantity, millisOf(at)
	}
	if u := s.unseen(); u != nil && !s.work.concerns(u) && quantity == u.send && !at.Before(s.watch.how.at) {
		m.confirmed(tx, s)
		return
	}
	if !m.judges(s, at, tx.Now) {
		return
	}
	switch r := m.reads(s, quantity, tx.Now); r {
	case shows:
		m.confirmed(tx, s)
	case unclear:
		if s.watch.looks > 1 { // no order or every order explains it
			m.confirmed(tx, s)
		}
	default:
		m.suspect(tx, s, quantity, at, r)
	}
}

// judges reports whether a number that shows says something: nothing of ours is under way or in
// doubt, and it was read after the last quantity was sent.
func (m *Machine) judges(s *sku, at, now time.Time) bool {
	inDoubt := s.doubt != nil && s.doubt.until.After(now)
	return s.work == nil && !inDoubt && s.applied != unknownQuantity && !at.Before(s.appliedAt.time()) &&
		s.fulfiller != amazons && !m.cfg.Excluded(s.account(), s.id()) && !m.former.beside(s)
}

// shows reports whether Amazon has shown u, which was sent at a time, while that was under way.
func (w *work) shows(u *update, sent time.Time) bool {
	return w != nil && w.shownAt > 0 && w.shown == u.send && w.shownAt >= millisOf(sent)
}

// reads compares a number that shows with the last accepted one. Orders lower it, and Amazon may
// offer again what is cancelled.
func (m *Machine) reads(s *sku, quantity int32, now time.Time) reading {
	if quantity == s.applied {
		return shows
	}
	if quantity > s.applied+s.returned {
		return differs
	}
	if quantity > s.applied {
		return shows
	}
	sold, known := m.soldOf(s, now)
	sold += s.returned // what Amazon has taken off, and need not offer again
	w := s.watch
	old := w != nil && w.before != unknownQuantity && w.before != s.applied && quantity <= w.before && quantity >= w.before-sold
	switch fits := quantity >= s.applied-sold; {
	case s.appliedAt == 0, !known && !old: // which orders there were is not known
		return shows
	case fits && old:
		return unclear
	case fits:
		return shows
	case old:
		return differs
	}
	return lower
}

// suspect takes a number that is not the last accepted one. It is drift when it shows again.
func (m *Machine) suspect(tx *machine.Tx, s *sku, quantity int32, at time.Time, r reading) {
	wait := confirmAfter
	if r == lower {
		wait = confirmLower
	}
	w := s.watched()
	if w.suspect.IsZero() || m.reads(s, w.suspected, tx.Now) < lower { // orders that came since explain the first number
		w.suspect, w.suspected = at, quantity
	}
	if r == lower && m.account(s.account()).ordersUntil <= millisOf(w.suspect) { // orders are late, or there are none
		wait = max(wait, at.Sub(w.suspect)+confirmLower)
	}
	switch due := machine.Latest(w.suspect.Add(wait), s.resent.time().Add(resendPause)); {
	case at.Before(due):
		m.watches.Add(&w.Item, due)
	default:
		m.drifts(tx, s, quantity, w.suspect)
	}
}

// soldOf is how many units of a SKU were ordered since its last accepted quantity was sent, and
// whether all orders of that time are known, by and by.
func (m *Machine) soldOf(s *sku, now time.Time) (units int32, known bool) {
	since := s.appliedAt.time()
	sold, whole := m.sold(s.listing(), since)
	_, flow := m.sales.gaps[s.account()] // else no order of the account has ever come
	return int32(min(sold, math.MaxInt32)), flow && whole && now.Sub(since) < keepSales
}
