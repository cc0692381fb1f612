package inventory

import (
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// maxSKU is the longest SKU in characters that Seller Central takes; and a
	// producer's id longer than maxID is a mistake. They bound the state.
	maxSKU = 40
	maxID  = 256
	// skew is by how much the clocks of two owners may differ, and event times be
	// ahead of them, when the oldest update that may be replayed is looked for.
	skew = time.Hour
)

// update takes an update in: at once it is the SKU's newest, or superseded.
func (m *Machine) update(tx *machine.Tx, rec *machine.Record, u *schemas.InventoryUpdate) {
	a, ok := machine.AccountOf(tx, rec, u.Account, m.cfg.Accounts().ByID)
	if !ok {
		return
	}
	u.EventTime = rec.EventTime(u.EventTime)
	if reason, message := invalid(u, a, tx.Now); reason != "" {
		tx.Reject(rec, reason, message)
		return
	}
	next := newUpdate(u, rec, tx.Now)
	channel := m.cfg.channel(a.ID, next)
	s := m.known(tx, a.ID, channel, u.SKU)
	if reason, message := unreplayable(rec, u, s != nil, tx.Now); reason != "" {
		tx.Reject(rec, reason, message)
		return
	}
	if s == nil {
		s = m.newSKU(a.ID, channel, u.SKU)
		if m.cfg.Excluded(a.ID, u.SKU) { // nothing was ever sent, so nothing need be remembered
			outcome(tx, s, next, schemas.InventoryResult{Outcome: excluded}, sending{})
			return
		}
		if others := m.entriesOf(s.listing()); len(others) > 0 {
			s.fulfiller, s.learned = others[0].fulfiller, others[0].learned
		} else {
			s.fulfiller, s.learned = m.listed(a.ID, u.SKU)
		}
		m.enter(s)
		m.followCatalogue(tx, a.ID)
	}
	m.take(tx, s, next)
}

// take makes next the SKU's newest update, unless it is older.
func (m *Machine) take(tx *machine.Tx, s *sku, next *update) {
	again := next.same(s.newest)
	switch {
	case again && next.replay() == "":
		return // the same record again: it has its outcome, or will have it
	case again && s.work.underWay(next):
		supersede(tx, s, next, next) // by itself: what is under way has the same effect
		return
	case again:
		next.corrections = s.newest.corrections + 1
	case next.before(s.newest):
		supersede(tx, s, next, s.work.newestUpdate())
		return
	}
	m.assign(s, next)
	m.work(s).calm()
	m.replace(tx, s, next)
	if s.stale(tx.Now) {
		m.ask(tx, s)
	}
	s.save(tx)
}

// replace makes next the wanted update of a SKU. The newest can be newer, where that was given up
// and next is a correction of what Amazon has.
func (m *Machine) replace(tx *machine.Tx, s *sku, next *update) {
	if !next.before(s.newest) {
		s.newest, s.failure = next.stamp, nil
	}
	w := m.work(s)
	if w.wanted == nil || w.carries(w.wanted) { // which the feed settles
		w.since = next.received
	} else {
		supersede(tx, s, w.wanted, next)
	}
	w.resend = w.resend || w.patched
	w.wanted, w.patched = next, false
	m.route(tx, s)
}

// unreplayable returns why an update cannot be processed again. A SKU without an entry has
// had no update for keepIdle. A younger update is newer than all that Amazon was
// ever sent; an older one need not be.
func unreplayable(rec *machine.Record, u *schemas.InventoryUpdate, known bool, now time.Time) (reason, message string) {
	switch {
	case rec.Replay == nil:
	case !rec.Replay.Effects:
		return "replay_without_effects", "to process an update again is to send its quantity to Amazon: replay it with --effects"
	case !known && !u.EventTime.After(now.Add(skew-keepIdle)):
		return "replay_too_old", fmt.Sprintf(
			"the update is from %s, and which quantity of a SKU is the newest is remembered for %.0f days only: produce it again, with the event time of now, if it is still the right one",
			u.EventTime.UTC().Format(time.RFC3339), keepIdle.Hours()/24)
	}
	return "", ""
}

// invalid returns why an update cannot be taken, as a stable reason and a message
// with the remedy.
func invalid(u *schemas.InventoryUpdate, a *account.Account, now time.Time) (reason, message string) {
	switch {
	case u.SKU == "":
		return "empty_sku", "the SKU is empty: the producer must name one"
	case utf8.RuneCountInString(u.SKU) > maxSKU || !utf8.ValidString(u.SKU):
		return "invalid_sku", fmt.Sprintf("the SKU has more than the %d characters that Amazon allows, or is not UTF-8: correct it at the producer", maxSKU)
	case slices.ContainsFunc([]rune(u.SKU), unicode.IsControl):
		return "invalid_sku", "the SKU holds a control character, such as a line feed: correct it at the producer"
	case u.Quantity < 0:
		return "negative_quantity", fmt.Sprintf("the quantity is %d: it is the number of units to offer, not a difference", u.Quantity)
	case schemas.WrongUnit(u.EventTime, now) != "":
		return "wrong_time_unit", "eventTime: " + schemas.WrongUnit(u.EventTime, now)
	case !u.SeenOrders.IsZero() && schemas.WrongUnit(u.SeenOrders, now) != "":
		return "wrong_time_unit", "seenOrders: " + schemas.WrongUnit(u.SeenOrders, now)
	}
	subject := machine.Subject{Name: "SKU", Record: "update"}
	if reason, message = subject.InvalidEventTime(u.EventTime, now); reason != "" {
		return reason, message
	}
	if reason, message = machine.UnknownMarketplace(u.MarketplaceID, a.Marketplaces); reason != "" {
		return reason, message
	}
	switch {
	case len(u.UpdateID) > maxID || len(u.ProductType) > maxID || len(u.FulfillmentChannelCode) > maxID:
		return "field_too_long", fmt.Sprintf("updateId, productType or fulfillmentChannelCode has more than %d bytes: shorten it at the producer", maxID)
	case !utf8.ValidString(u.UpdateID) || !utf8.ValidString(u.ProductType) || !utf8.ValidString(u.FulfillmentChannelCode):
		return "not_utf8", "updateId, productType or fulfillmentChannelCode is not UTF-8: correct it at the producer"
	}
	return "", ""
}
