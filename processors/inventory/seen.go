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
// lowered by orders, or it is another. That is believed only when a look minutes later shows
// another one still: Amazon shows a new number late, and an order can be later here than its units are gone there.

// Types of a schemas.ListingChange.
const (
	changedQuantity = "QUANTITY"
	changedStatus   = "STATUS"
)

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
	unclear                // nothing certain
	lower                  // it is too low, unless there are orders that are not known yet
	differs                // it is another one
)

// sight is a quantity that Amazon shows, as it was at a time.
type sight struct {
	quantity int32
	at       time.Time
	looked   bool // it answers a question of ours: others come late, twice and out of turn
}

// seen takes the quantity that Amazon shows of a listing's channel. Whoever
// learns one calls it: a number that fits is the proof that an update was applied, and one that does
// not leads to another look.
func (m *Machine) seen(tx *machine.Tx, l listing, channel string, shown sight) {
	if m.cfg.SeenWithin <= 0 {
		return
	}
	for _, s := range m.entriesOf(l) {
		if s.form == ofChannel && s.channel() == channel {
			m.seenOf(tx, s, shown)
		}
	}
}

// seenIn is seen of each quantity of a listing, which answers a question.
func (m *Machine) seenIn(tx *machine.Tx, l listing, item *model.ListingsItem, at time.Time) {
	m.looked(l)
	for i := range item.FulfillmentAvailability {
		if one := &item.FulfillmentAvailability[i]; one.Quantity != nil {
			m.seen(tx, l, one.FulfillmentChannelCode, sight{int32(*one.Quantity), at, true})
		}
	}
}

// reportShows takes the quantities that a feed's report shows. It comes before the feed's result.
func (m *Machine) reportShows(tx *machine.Tx, part *schemas.FeedIssues) {
	for i := range part.Shown {
		shown := &part.Shown[i]
		m.seen(tx, listing{part.Account, shown.SKU}, cmp.Or(shown.FulfillmentChannelCode, defaultChannel), sight{quantity: shown.Quantity, at: part.ShownTime})
	}
}

// listingChanged takes what a notification of Amazon's says. A look tells more than an old one.
// A listing with another status may have gone, or be Amazon's now: it is asked for.
func (m *Machine) listingChanged(tx *machine.Tx, change *schemas.ListingChange) {
	l := listing{change.Account, change.SKU}
	switch entries := m.entriesOf(l); {
	case change.Type == changedStatus && len(entries) > 0 && m.asksBeside(entries[0]):
		m.lookAt(tx, entries[0])
	case change.Type == changedQuantity && change.Quantity != nil && tx.Now.Sub(change.EventTime) < oldChange:
		m.seen(tx, l, cmp.Or(change.FulfillmentChannelCode, defaultChannel), sight{quantity: *change.Quantity, at: change.EventTime})
	}
}

func (m *Machine) seenOf(tx *machine.Tx, s *sku, shown sight) {
	if s.work != nil {
		s.work.shown, s.work.shownAt = shown.quantity, millisOf(shown.at)
	}
	if u := s.unseen(); u != nil && !s.work.concerns(u) && shown.quantity == u.send && !shown.at.Before(s.watch.how.at) {
		m.confirmed(tx, s, shown.at)
		return
	}
	if !m.judges(s, shown.at, tx.Now) {
		return
	}
	switch r := m.reads(s, shown.quantity, tx.Now); r {
	case shows:
		m.confirmed(tx, s, shown.at)
	case lower, differs:
		m.suspect(tx, s, shown, r)
	}
}

// looked counts that Amazon has answered what it shows of a listing.
func (m *Machine) looked(l listing) {
	for _, s := range m.entriesOf(l) {
		if s.watch != nil {
			s.watch.answers++
		}
	}
}

// comparable reports whether it is known which quantity Amazon should show of a SKU.
func (m *Machine) comparable(s *sku) bool {
	return m.cfg.SeenWithin > 0 && s.applied != unknownQuantity && m.offers(s) && !m.cfg.Excluded(s.account(), s.id()) && !m.former.beside(s)
}

// judges reports whether a number that shows says something: nothing of ours is under way or in
// doubt, and it was read after the last quantity was sent.
func (m *Machine) judges(s *sku, at, now time.Time) bool {
	inDoubt := s.doubt != nil && s.doubt.until.After(now)
	return m.comparable(s) && s.work == nil && !inDoubt && !at.Before(s.appliedAt.time())
}

// shows reports whether Amazon has shown u, which was sent at a time, while that was under way.
func (w *work) shows(u *update, sent time.Time) bool {
	return w != nil && w.shownAt > 0 && w.shown == u.send && w.shownAt >= millisOf(sent)
}

// reads compares a number that shows with the last accepted one. Orders lower it, and Amazon may
// offer again what is cancelled. While orders are not known, a lower number says only whether
// Amazon has taken a higher one than it had before.
func (m *Machine) reads(s *sku, quantity int32, now time.Time) reading {
	sold, known := m.soldOf(s, s.appliedAt.time(), now)
	before := int32(unknownQuantity)
	if s.watch != nil && s.watch.before != s.applied {
		before = s.watch.before
	}
	within := func(of int32) bool { return quantity >= of-sold-s.returned && quantity <= of+s.returned }
	old := before != unknownQuantity && within(before)
	switch {
	case quantity == s.applied:
		return shows
	case quantity > s.applied+s.returned:
		return differs
	case quantity > s.applied && !old, quantity < s.applied && before != unknownQuantity && quantity > before+s.returned && !known:
		return shows
	case !known:
		return unclear
	case within(s.applied) && old && (s.watch.answers < 2 || quantity > s.applied-sold): // not all orders may show yet
		return unclear
	case within(s.applied):
		return shows
	}
	return lower
}

// suspect takes a number that is not the last accepted one. It is drift when a look shows it, or
// another such, again.
func (m *Machine) suspect(tx *machine.Tx, s *sku, shown sight, r reading) {
	wait := confirmAfter
	if r == lower {
		wait = confirmLower
	}
	w := s.watched()
	if w.suspect.IsZero() || m.reads(s, w.suspected, tx.Now) < lower { // orders that came since explain the first number
		w.suspect, w.suspected = shown.at, shown.quantity
	}
	if r == lower && m.account(s.account()).ordersUntil <= millisOf(w.suspect) { // orders are late, or there are none
		wait = max(wait, shown.at.Sub(w.suspect)+confirmLower)
	}
	switch due := machine.Latest(w.suspect.Add(wait), s.resent.time().Add(resendPause)); {
	case shown.at.Before(due), !shown.looked:
		m.watches.Add(&w.Item, due)
	default:
		m.drifts(tx, s, shown.quantity, w.suspect)
	}
}

// soldOf is how many units of a SKU were ordered since a time, and whether all orders of that
// time are known, by and by. Orders name no channel: they count for one only.
func (m *Machine) soldOf(s *sku, since, now time.Time) (units int32, known bool) {
	if !m.sells(s) {
		return 0, false
	}
	sold, whole := m.sold(s.listing(), since)
	_, flow := m.sales.gaps[s.account()] // else no order of the account has ever come
	return int32(min(sold, math.MaxInt32)), flow && whole && now.Sub(since) < keepSales
}
