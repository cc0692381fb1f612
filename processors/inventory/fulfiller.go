package inventory

import (
	"fmt"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// This file owns who fulfils a SKU, and what that means for its quantity. A SKU that
// Amazon fulfils has Amazon's own stock: a quantity of ours would stand beside it.
// asks.go owns how it is asked for.

// fulfiller is who fulfils a SKU, as far as it is known.
type fulfiller byte

const (
	unlearned fulfiller = iota
	assumed             // the merchant, since Amazon has accepted a quantity, or has not told in time
	unlisted            // Amazon has no such SKU, as it said of the present work; the state does not keep it
	merchants
	amazons
)

// Values of schemas.InventoryState.FulfilledBy; "" where a version before wrote the entry.
const (
	byUnknown  = "UNKNOWN"
	byAssumed  = "ASSUMED"
	byMerchant = "MERCHANT"
	byAmazon   = "AMAZON"
)

// String is what the state says.
func (f fulfiller) String() string {
	switch f {
	case assumed:
		return byAssumed
	case merchants:
		return byMerchant
	case amazons:
		return byAmazon
	}
	return byUnknown
}

// restoredFulfiller is what an entry says. A version that asked nobody took every SKU for
// the merchant's: what it has sent stays so until Amazon says otherwise.
func restoredFulfiller(state *schemas.InventoryState) fulfiller {
	switch state.FulfilledBy {
	case byMerchant:
		return merchants
	case byAmazon:
		return amazons
	case byAssumed:
		return assumed
	case byUnknown:
		return unlearned
	}
	if state.AppliedQuantity != nil || state.MessageID != nil || state.Patch != nil || state.Patched || state.Resend || state.Attempts > 0 {
		return assumed
	}
	return unlearned
}

const (
	// toldFor is how long an answer about a fulfiller holds. After that the SKU's next update
	// has it asked for again, and waits where it would be refused.
	toldFor = 24 * time.Hour
	// codeFulfilledByAmazon is the code of an outcome.
	codeFulfilledByAmazon = "fulfilled_by_amazon"
	// amazonPrefix begins the codes of Amazon's own channels: AMAZON_EU, AMAZON_NA.
	amazonPrefix = "AMAZON_"
)

// minutes is a time in minutes since 1970: it is small, as each SKU has one.
type minutes int32

func minutesOf(t time.Time) minutes {
	if t.IsZero() {
		return 0
	}
	return minutes(t.Unix() / 60)
}

func (m minutes) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(int64(m)*60, 0).UTC()
}

// fulfillerOf is who fulfils a listing. A code without the prefix is the merchant's, or that
// of a supply source of his. A listing without any channel tells nothing: unlearned.
func fulfillerOf(item *model.ListingsItem) fulfiller {
	if len(item.FulfillmentAvailability) == 0 {
		return unlearned
	}
	for i := range item.FulfillmentAvailability {
		if strings.HasPrefix(item.FulfillmentAvailability[i].FulfillmentChannelCode, amazonPrefix) {
			return amazons
		}
	}
	return merchants
}

// stale reports whether what is known of a SKU's fulfiller should be asked for again.
func (s *sku) stale(now time.Time) bool {
	return now.Sub(s.learned.time()) >= toldFor
}

// minds reports whether an account's quantities depend on who fulfils a SKU.
func (m *Machine) minds(account string) bool {
	return m.cfg.FulfillmentWait > 0 && !m.cfg.settings(account).AllowFBA
}

// allows reports whether u may be sent though Amazon fulfils the SKU.
func (m *Machine) allows(s *sku, u *update) bool {
	return u.common.Value().toAmazons || !m.minds(s.account())
}

// barred reports whether u may not be sent to its SKU now.
func (m *Machine) barred(s *sku, u *update) bool {
	return m.cfg.Excluded(s.account(), s.id()) || m.refuses(s, u)
}

// offers reports whether a SKU's accepted quantity is what Amazon should offer: Amazon does not fulfil
// the SKU, or the quantity was allowed all the same.
func (m *Machine) offers(s *sku) bool {
	u := s.unseen()
	return s.fulfiller != amazons || !m.minds(s.account()) || u != nil && m.allows(s, u)
}

// refuses reports whether u is a quantity for a SKU that Amazon fulfils.
func (m *Machine) refuses(s *sku, u *update) bool { return s.fulfiller == amazons && !m.allows(s, u) }

// asksFirst reports whether the wanted quantity waits for the SKU's fulfiller.
func (m *Machine) asksFirst(s *sku, now time.Time) bool {
	switch s.fulfiller {
	case assumed, merchants:
		return false
	case amazons:
		if !s.stale(now) {
			return false
		}
	case unlisted:
		if m.cfg.settings(s.account()).SendUnknown {
			return false
		}
	}
	return s.work != nil && s.work.wanted != nil && !m.allows(s, s.work.wanted)
}

// askedUntil is how long a quantity waits for the SKU's fulfiller. The time in which nobody
// could ask does not count, that before this owner and that in which the account's questions
// are held up: a pause, refused credentials, an outage. Twice the wait is the end of that,
// except for half of it to ask in after each takeover, and after what held the questions up.
// Where Amazon takes quantities of the account meanwhile, only its questions fail, and twice
// the wait is the end of it.
func (m *Machine) askedUntil(s *sku) time.Time {
	wait, since, a := m.cfg.FulfillmentWait, s.work.since.time(), m.account(s.account())
	bound := since.Add(2 * wait)
	began := machine.Latest(since, m.since, a.questions.flow)
	if !began.Add(wait).After(bound) {
		return began.Add(wait)
	}
	if a.questions.failAlone(a.taken) {
		began = machine.Latest(since, m.since)
	}
	return machine.Latest(bound, began.Add(wait/2))
}

// questions is what is known of an account's questions for fulfillers.
type questions struct {
	held time.Time // since when they are held up; zero while they are not
	flow time.Time // since or from when they are not, as far as is known
}

// failAlone reports whether the questions are held up though Amazon has taken a quantity.
func (q *questions) failAlone(taken time.Time) bool { return !q.held.IsZero() && taken.After(q.held) }

// heldGap parts one time in which questions are held up from the next.
const heldGap = time.Hour

// took notes what the outcome of a question says of the account's others.
func (q *questions) took(outcome machine.Outcome, probe, now time.Time) {
	until := probe
	switch outcome := outcome.(type) {
	case machine.Done, machine.Reject:
		q.held = time.Time{}
		return
	case machine.Snooze:
		if outcome.Throttled || outcome.Own {
			return
		}
		until = now.Add(outcome.For)
	case machine.Park:
	default:
		return
	}
	if q.held.IsZero() || now.Sub(q.flow) > heldGap {
		q.held = now
	}
	q.flow = machine.Latest(q.flow, until)
}

// consider ends the wanted quantity of a SKU that Amazon fulfils, or does not know after a
// wait. What Amazon has told nothing about by then is sent: that must not hold stock up.
func (m *Machine) consider(tx *machine.Tx, s *sku) {
	w := s.work
	if w.wanted == nil {
		return
	}
	asks := m.asksFirst(s, tx.Now)
	switch over := !tx.Now.Before(m.askedUntil(s)); {
	case asks && !over:
	case asks && s.fulfiller == unlearned:
		s.fulfiller = assumed
		m.waitedNoMore(tx, s)
		m.tellUnchecked(tx, s)
		s.save(tx)
	case asks && s.fulfiller == unlisted:
		m.withdraw(tx, s, m.absence(s))
	case m.refuses(s, w.wanted):
		m.withdraw(tx, s, verdict{
			code: codeFulfilledByAmazon,
			message: "Amazon fulfils this SKU: its listing has a channel " + amazonPrefix + "*, so its quantity is that of Amazon's own stock. " +
				s.reached() + ". Leave its quantity to Amazon; or set allowFulfilledByAmazon in the update, or fba: allow for the account",
		})
	}
}

// reached is what is known of a wanted quantity at Amazon, in words.
func (s *sku) reached() string {
	w := s.work
	t := w.had()
	const look = ", and may stand beside that now: look at the listing in Seller Central"
	switch u := s.unseen(); {
	case w.patched || w.resend || u != nil && w.wanted.same(u.stamp):
		return "This quantity had been accepted before that was known" + look
	case t.attempts > 0 || t.doubts > 0 || s.doubt != nil || w.wanted.before(s.newest): // which comes back from a feed in doubt
		return "Amazon may have taken this quantity before that was known" + look
	}
	return "Nothing was sent"
}

// withdraw rejects the wanted quantity. If a feed carries the same, its end is the outcome.
func (m *Machine) withdraw(tx *machine.Tx, s *sku, why verdict) {
	w := s.work
	if !w.carries(w.wanted) {
		reject(tx, s, w.wanted, why, sending{})
	}
	w.wanted, w.patched, w.resend = nil, false, false
	s.save(tx)
}

// learn notes who fulfils a listing, and goes on with its entries.
func (m *Machine) learn(tx *machine.Tx, l listing, f fulfiller) {
	for _, s := range m.entriesOf(l) {
		m.learnOne(tx, s, f)
	}
}

func (m *Machine) learnOne(tx *machine.Tx, s *sku, f fulfiller) {
	if f == s.fulfiller && s.work == nil && (s.watch != nil || !s.stale(tx.Now)) {
		s.learned = minutesOf(tx.Now)
		return // a look has asked, and nothing is new
	}
	if w := s.work; f == amazons && s.fulfiller != amazons && m.minds(s.account()) {
		switch {
		case w != nil && w.wanted != nil && (w.patched || w.resend): // accepted, and to be sent once more
			m.tellSent(tx, s, w.wanted.send)
		case s.applied != unknownQuantity && s.fulfiller != unlearned && (s.unseen() == nil || !m.allows(s, s.unseen())): // what is accepted and leaves it unlearned was allowed
			m.tellSent(tx, s, s.applied)
		}
	}
	s.fulfiller, s.learned = f, minutesOf(tx.Now)
	if s.work != nil {
		m.route(tx, s)
	}
	s.save(tx)
	if s.place == inIdle { // for how long it is remembered depends on it
		m.unplace(s)
		m.rest(s)
	}
}

// tellPause is how long the next alert of a kind about an account's fulfillers waits.
const tellPause = 24 * time.Hour

// tellUnchecked tells a person that a quantity goes to a SKU whose fulfiller is not known.
func (m *Machine) tellUnchecked(tx *machine.Tx, s *sku) {
	a := m.account(s.account())
	if tx.Now.Before(a.toldUnchecked.Add(tellPause)) {
		return
	}
	a.toldUnchecked = tx.Now
	alert(tx, s.account(), schemas.Alert{
		EventType: alertUnchecked, Severity: warning, Subject: s.id(), Since: s.work.since.time(),
		Message: fmt.Sprintf("the quantity of SKU %q is sent without knowing who fulfils it: Amazon has not answered within %v. There may be many new SKUs, "+
			"or searchListingsItems and getListingsItem fail. They are asked for all the same, and sent nothing more if they are Amazon's. Others of the account may fare alike, "+
			"and are not reported for %v", s.id(), m.cfg.FulfillmentWait, tellPause),
	})
}

// tellTaken tells a person if Amazon has accepted u for a SKU that it fulfils, as was learned
// while u was under way.
func (m *Machine) tellTaken(tx *machine.Tx, s *sku, u *update) {
	if m.refuses(s, u) {
		m.tellSent(tx, s, u.send)
	}
}

// tellSent tells a person that Amazon fulfils a SKU that had a quantity of ours.
func (m *Machine) tellSent(tx *machine.Tx, s *sku, quantity int32) {
	a := m.account(s.account())
	if tx.Now.Before(a.toldSent.Add(tellPause)) {
		return
	}
	a.toldSent = tx.Now
	alert(tx, s.account(), schemas.Alert{
		EventType: alertAmazons, Severity: warning, Subject: s.id(), Since: tx.Now,
		Message: fmt.Sprintf("Amazon fulfils SKU %q, and has accepted quantity %d for it, which was sent before that was known. Look whether its listing has a second, "+
			"merchant's offer, and remove that in Seller Central. Its updates are REJECTED from now on. Others of the account may fare alike, "+
			"and are not reported for %v", s.id(), quantity, tellPause),
	})
}
