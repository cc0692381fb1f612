package inventory

import (
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sellerstream/sellerstream/pkg/account"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// maxAhead is how far ahead of our clock an event time may be. A later one
	// would keep all others of its SKU out until it is past.
	maxAhead = 5 * time.Minute
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
	if u.Account != rec.Account {
		tx.Reject(rec, "account_mismatch", fmt.Sprintf(
			"the record's key names account %q, its value account %q: the producer must key by account", rec.Account, u.Account))
		return
	}
	a, ok := m.cfg.Accounts().ByID(rec.Account)
	if !ok {
		tx.Reject(rec, "unknown_account", fmt.Sprintf(
			"account %q is not configured: configure it, then reprocess this record", rec.Account))
		return
	}
	if reason, message := invalid(u, a, tx.Now); reason != "" {
		tx.Reject(rec, reason, message)
		return
	}
	marketplace := m.scopeOf(a, u)
	key := skuKey(a.ID, marketplace, u.SKU)
	next := newUpdate(u, rec, tx.Now)
	s := m.skus[key]
	if reason, message := unreplayable(rec, u, s != nil, tx.Now); reason != "" {
		tx.Reject(rec, reason, message)
		return
	}
	if s == nil {
		s = newSKU(key, a.ID, marketplace)
		if m.cfg.Excluded(a.ID, u.SKU) { // nothing was ever sent, so nothing need be remembered
			outcome(tx, s, next, schemas.InventoryResult{Outcome: excluded}, sending{})
			return
		}
		m.skus[key] = s
	}
	m.take(tx, s, next)
}

// scopeOf is the marketplace whose quantity an update is; "" for the seller's.
func (m *Machine) scopeOf(a *account.Account, u *schemas.InventoryUpdate) string {
	switch {
	case m.cfg.settings(a.ID).Scope != PerMarketplace:
		return ""
	case u.MarketplaceID != "":
		return u.MarketplaceID
	case len(a.Marketplaces) > 0:
		return a.Marketplaces[0]
	}
	return ""
}

// take makes next the SKU's newest update, unless it is older.
func (m *Machine) take(tx *machine.Tx, s *sku, next *update) {
	switch {
	case next.stamp == s.newest && next.replay == "":
		return // the same record again: it has its outcome, or will have it
	case next.stamp == s.newest && s.work.underWay(next):
		supersede(tx, s, next, next) // by itself: what is under way has the same effect
		return
	case next.before(s.newest):
		supersede(tx, s, next, s.work.newestUpdate())
		return
	}
	s.newest = next.stamp
	if s.work == nil {
		m.working++
	}
	w := s.begin()
	if w.wanted == nil {
		w.since = next.received
	} else {
		supersede(tx, s, w.wanted, next)
	}
	w.wanted, w.patched, w.attempts, w.notBefore = next, false, 0, 0
	m.route(tx, s)
	s.save(tx)
}

// unreplayable says why an update cannot be processed again. A SKU of which nothing is
// remembered has had no update for keepIdle: what is younger than that is newer
// than all that Amazon was ever sent, what is older need not be.
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

// invalid says why an update cannot be taken, as a stable reason and a message
// that says what to do.
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
	case u.EventTime.UnixMilli() <= 0:
		return "no_event_time", "the event time is missing, or lies before 1970: it decides which of a SKU's updates is the newest, so the producer must set it"
	case u.EventTime.After(now.Add(maxAhead)):
		return "event_time_ahead", fmt.Sprintf(
			"the event time %s is more than %v ahead of %s and would keep every other update of the SKU out: set the producer's clock, then produce it again",
			u.EventTime.UTC().Format(time.RFC3339), maxAhead, now.UTC().Format(time.RFC3339))
	case u.MarketplaceID != "" && !slices.Contains(a.Marketplaces, u.MarketplaceID):
		return "unknown_marketplace", fmt.Sprintf(
			"marketplace %q is not among the account's: add it to the account, or correct it at the producer", u.MarketplaceID)
	case len(u.UpdateID) > maxID || len(u.ProductType) > maxID || len(u.FulfillmentChannelCode) > maxID:
		return "field_too_long", fmt.Sprintf("updateId, productType or fulfillmentChannelCode has more than %d bytes: shorten it at the producer", maxID)
	case !utf8.ValidString(u.UpdateID) || !utf8.ValidString(u.ProductType) || !utf8.ValidString(u.FulfillmentChannelCode):
		return "not_utf8", "updateId, productType or fulfillmentChannelCode is not UTF-8: correct it at the producer"
	}
	return "", ""
}
