package inventory

import (
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// This file owns the calls that learn a SKU's fulfiller. searchListingsItems tells it of
// twenty SKUs at a time. What a search does not show, or cannot name, getListingsItem is
// asked for: it has a word for a SKU that is not listed, and knows one that is new.

// Classes of turns in the lanes of both.
const (
	askWaited     = 1 // a quantity waits for the answer
	askBackground = 2
)

const (
	// askPrefix begins the keys of the calls; nothing stands under them in the state.
	askPrefix = "fulfilled/"
	// maxAsks bounds the questions of a unit: those that nothing waits for take half of them, and
	// maxBackground of an account. Else an account whose calls fail would take them from the others.
	maxAsks       = 100_000
	maxBackground = 5_000
	// fewRefusals is how often a question is tried that nothing waits for.
	fewRefusals = 3
	// askBase and askLimit bound the wait after an answer that told nothing, and absentBase and
	// absentLimit after one that Amazon has no such SKU.
	askBase     = 10 * time.Second
	askLimit    = 5 * time.Minute
	absentBase  = time.Minute
	absentLimit = 30 * time.Minute
)

// ask is a question for a listing's fulfiller. It is lost with its owner: the SKU's next update,
// or the one that waits, asks again.
type ask struct {
	lane.Item
	sku         *sku // an entry of the listing
	marketplace string
	absent      []string // marketplaces in which Amazon has no such SKU
	why         *verdict // Amazon's words for that; nil while there are none
	refusals    int
	alone       bool      // by getListingsItem
	along       bool      // the search of another asks for it too, at this moment
	with        []*ask    // these others, of the one whose search it is
	asked       time.Time // when the call began: its answer is of that time at least
}

// askedKey is the key of a SKU's question: one for all its channels.
func askedKey(s *sku) string {
	if s.between() == "" {
		return s.Key
	}
	return skuKey(s.account(), "", s.id())
}

// entry is the question's own.
func (q *ask) entry() string { return askEntry(q.Key) }

// waiting is an entry of a question's listing whose quantity waits for the answer, or nil.
func (m *Machine) waiting(tx *machine.Tx, q *ask) *sku {
	if m.asksFirst(q.sku, tx.Now) {
		return q.sku
	}
	for _, s := range m.entriesOf(q.sku.listing()) {
		if m.asksFirst(s, tx.Now) {
			return s
		}
	}
	return nil
}

// stands reports whether a question's listing is known still, and ends the question if not.
func (m *Machine) stands(q *ask) bool {
	if m.skus[q.sku.Key] == q.sku {
		return true
	}
	entries := m.entriesOf(q.sku.listing())
	if len(entries) == 0 {
		m.endAsk(q)
		return false
	}
	q.sku = entries[0]
	return true
}

func askEntry(key string) string { return strings.TrimPrefix(key, askPrefix) }

// lanesOf are those of the call that asks.
func (m *Machine) lanesOf(q *ask) *lane.Lanes {
	if q.alone {
		return m.items
	}
	return m.searches
}

// searchable reports whether a list of SKUs can name one: Amazon's are parted by commas.
func searchable(id string) bool { return !strings.Contains(id, ",") && strings.TrimSpace(id) == id }

// ask queues the question for a SKU's fulfiller, if there is room for it. Nothing happens if
// it is asked already.
func (m *Machine) ask(tx *machine.Tx, s *sku) {
	q, waited := m.asks[askedKey(s)], m.asksFirst(s, tx.Now)
	if q != nil && m.skus[q.sku.Key] != q.sku {
		q.sku = s
	}
	switch target := m.target(s); {
	case q != nil && (!waited || q.why != nil || q.refusals > 0):
		return // it is asked in its turn
	case q == nil && (target == "" || len(m.asks) >= maxAsks || !waited && !m.asksBeside(s)):
		return
	case q == nil:
		q = m.newAsk(s, target)
	}
	if !q.InFlight() && !q.along {
		m.askAt(tx, q, tx.Now)
	}
}

func (m *Machine) newAsk(s *sku, target string) *ask {
	q := &ask{Item: lane.Item{Key: askPrefix + askedKey(s)}, sku: s, marketplace: target, alone: !searchable(s.id())}
	m.asks[q.entry()] = q
	m.account(s.account()).asks++
	return q
}

func (m *Machine) endAsk(q *ask) {
	delete(m.asks, q.entry())
	m.account(q.sku.account()).asks--
}

// roomBeside reports whether an account may ask something that nothing waits for.
func (m *Machine) roomBeside(account string) bool {
	return len(m.asks) < maxAsks/2 && m.account(account).asks < maxBackground
}

// lookAt asks what Amazon shows of a SKU, behind what quantities wait for, if it can be asked now. Any answer about the
// SKU tells it, so nothing happens if it is asked for already.
func (m *Machine) lookAt(tx *machine.Tx, s *sku) bool {
	if m.asks[askedKey(s)] != nil {
		return true
	}
	target := m.target(s)
	if target == "" || !m.roomBeside(s.account()) || m.searches.Parked(s.account()) {
		return false
	}
	m.askAt(tx, m.newAsk(s, target), tx.Now)
	return true
}

// asksBeside reports whether a SKU is asked for though no quantity waits for it.
func (m *Machine) asksBeside(s *sku) bool {
	return m.roomBeside(s.account()) && m.minds(s.account()) && !m.cfg.Excluded(s.account(), s.id())
}

// askAt queues a question. What is urgent, or has sold out, comes first of those that
// a quantity waits for; what is asked for again has its turn anew.
func (m *Machine) askAt(tx *machine.Tx, q *ask, due time.Time) {
	turn := lane.Turn{Due: due, By: due, Class: askBackground}
	if s := m.waiting(tx, q); s != nil {
		w := s.work
		turn.Class = askWaited
		if q.refusals == 0 {
			turn.By = w.since.time()
		}
		if w.wanted.urgent || m.offered(s, w.wanted) == 0 {
			turn.By = turn.By.Add(-resendAhead)
		}
	}
	m.lanesOf(q).AddTurn(q.sku.account(), &q.Item, turn)
}

// waitedNoMore puts a SKU's question behind those that a quantity waits for.
func (m *Machine) waitedNoMore(tx *machine.Tx, s *sku) {
	if q := m.asks[askedKey(s)]; q != nil && q.Queued() {
		m.askAt(tx, q, tx.Now)
	}
}

// search starts a question, with as many others of its account as one search answers.
func (m *Machine) search(tx *machine.Tx, q *ask) {
	account, skus := q.sku.account(), []string{q.sku.id()}
	others := m.searches.Along(account, tx.Now, model.MaxSearchedSKUs-1, func(item *lane.Item) bool {
		other := m.asks[askEntry(item.Key)]
		fits := other.marketplace == q.marketplace
		if fits {
			skus = append(skus, other.sku.id())
		}
		return fits
	})
	q.with, q.asked = nil, tx.Now
	for _, item := range others {
		other := m.asks[askEntry(item.Key)]
		other.along, other.asked = true, tx.Now
		q.with = append(q.with, other)
	}
	tx.Call(machine.Call{
		Account: account, Operation: model.SearchListingsItems, Key: q.Key,
		Request: &model.SearchListingsItemsRequest{SellerID: m.cfg.sellerID(account), MarketplaceID: q.marketplace, SKUs: skus},
	})
}

// searched takes the answer to a search.
func (m *Machine) searched(tx *machine.Tx, res *machine.Result) {
	q := m.asks[askEntry(res.Call.Key)]
	if q == nil || !q.InFlight() {
		return // of the machine before this one
	}
	m.finishAsk(tx, q, res)
	shown := map[string]*model.ListingsItem{}
	done, _ := res.Outcome.(machine.Done)
	response, ok := done.Response.(*model.SearchListingsItemsResponse)
	if ok {
		for i := range response.Items {
			shown[response.Items[i].SKU] = &response.Items[i]
		}
	}
	_, refused := res.Outcome.(machine.Reject)
	for _, one := range append([]*ask{q}, q.with...) {
		one.along = false
		item, found := shown[one.sku.id()]
		switch {
		case !m.stands(one): // forgotten meanwhile
		case found:
			m.answeredAsk(tx, one, item)
		case ok || refused:
			one.alone = true
			m.askAt(tx, one, tx.Now)
		default:
			m.askAgain(tx, one, res.Outcome)
		}
	}
	q.with = nil
}

// finishAsk ends a question's call.
func (m *Machine) finishAsk(tx *machine.Tx, q *ask, res *machine.Result) {
	account, lanes := q.sku.account(), m.lanesOf(q)
	lanes.Finish(tx, account, &q.Item, res)
	m.account(account).questions.took(res.Outcome, lanes.Probe(account, tx.Now), tx.Now)
}

// askAgain asks again after an outcome that tells nothing.
func (m *Machine) askAgain(tx *machine.Tx, q *ask, outcome machine.Outcome) {
	switch outcome.(type) {
	case machine.Snooze, machine.Park: // the account waits, not the SKU
		m.askAt(tx, q, tx.Now)
	default:
		m.askLater(tx, q)
	}
}

// asking starts a question alone.
func (m *Machine) asking(tx *machine.Tx, q *ask) {
	account := q.sku.account()
	q.asked = tx.Now
	tx.Call(machine.Call{
		Account: account, Operation: model.GetListingsItem, Key: q.Key,
		Request: &model.GetListingsItemRequest{SellerID: m.cfg.sellerID(account), MarketplaceID: q.marketplace, SKU: q.sku.id()},
	})
}

// asked takes the answer to a question that was asked alone.
func (m *Machine) asked(tx *machine.Tx, res *machine.Result) {
	q := m.asks[askEntry(res.Call.Key)]
	if q == nil || !q.InFlight() {
		return // of the machine before this one
	}
	m.finishAsk(tx, q, res)
	if !m.stands(q) { // forgotten meanwhile
		return
	}
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		if item, ok := outcome.Response.(*model.ListingsItem); ok {
			m.answeredAsk(tx, q, item)
			return
		}
	case machine.Reject:
		if why := patchVerdict(outcome.Err); m.cfg.NotListed(why.code) {
			m.absent(tx, q, why)
			return
		}
	}
	m.askAgain(tx, q, res.Outcome)
}

// answeredAsk takes a listing, which shows who fulfils a SKU and its quantities. One that was found elsewhere is sent for that marketplace.
// A listing without any channel is that of a new offer of the merchant's, which has no quantity
// yet: it must not wait. Where Amazon had another word, that holds.
func (m *Machine) answeredAsk(tx *machine.Tx, q *ask, item *model.ListingsItem) {
	f := fulfillerOf(item)
	if f == unlearned {
		if q.sku.fulfiller == amazons {
			m.askLater(tx, q)
			return
		}
		f = assumed
	}
	m.endAsk(q)
	if len(q.absent) > 0 {
		for _, s := range m.entriesOf(q.sku.listing()) {
			s.listed = q.marketplace
		}
	}
	m.learn(tx, q.sku.listing(), f)
	m.seenIn(tx, q.sku.listing(), item, q.asked)
}

// absent takes that a marketplace has no such SKU: the account's others are asked, and
// later all once more, as a listing may be new.
func (m *Machine) absent(tx *machine.Tx, q *ask, why verdict) {
	s := q.sku
	q.absent, q.why = append(q.absent, q.marketplace), &why
	for _, other := range m.cfg.marketplaces(s.account()) {
		if !slices.Contains(q.absent, other) {
			q.marketplace = other
			m.askAt(tx, q, tx.Now)
			return
		}
	}
	q.absent, q.marketplace = nil, m.target(s)
	for _, s := range m.entriesOf(s.listing()) {
		if m.asksFirst(s, tx.Now) {
			s.fulfiller = unlisted
			m.route(tx, s)
		}
	}
	if m.waiting(tx, q) != nil {
		m.askLater(tx, q)
		return
	}
	m.looked(s.listing())
	m.giveUpAsk(tx, q)
}

// askLater asks again after a while, for as long as a quantity waits for it, and some times
// if none does.
func (m *Machine) askLater(tx *machine.Tx, q *ask) {
	if q.refusals++; q.marketplace == "" || q.refusals >= fewRefusals && m.waiting(tx, q) == nil {
		m.giveUpAsk(tx, q)
		return
	}
	base, limit := askBase, askLimit
	if q.why != nil {
		base, limit = absentBase, absentLimit
	}
	m.askAt(tx, q, tx.Now.Add(lane.Backoff(q.Key, q.refusals, base, limit)))
}

// giveUpAsk ends a question that nothing waits for, until an update after toldFor.
func (m *Machine) giveUpAsk(tx *machine.Tx, q *ask) {
	m.endAsk(q)
	for _, s := range m.entriesOf(q.sku.listing()) {
		s.learned = minutesOf(tx.Now)
	}
}

// dismiss ends a SKU's question, unless its call is under way or another channel waits for it.
func (m *Machine) dismiss(tx *machine.Tx, s *sku) {
	if q := m.asks[askedKey(s)]; q != nil && q.Queued() && m.waiting(tx, q) == nil {
		m.lanesOf(q).Remove(s.account(), &q.Item)
		m.endAsk(q)
	}
}

// absence is Amazon's word for a SKU that it does not have.
func (m *Machine) absence(s *sku) verdict {
	if q := m.asks[askedKey(s)]; q != nil && q.why != nil {
		return *q.why
	}
	return verdict{code: "NOT_FOUND", message: "Amazon has no such SKU"}
}
