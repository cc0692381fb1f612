// Package inventory turns wanted quantities into few, large feeds, and gives
// every update one outcome. Its Machine remembers the newest quantity wanted of
// each SKU, cuts feeds of them when createFeed has a token, sends small and
// urgent sets by patchListingsItem, and settles each SKU when it is known what
// Amazon made of it.
//
// The rules that it keeps, which the property test cites:
//
//  1. Every call that writes was preceded by the committed intent of it: a
//     feed lane in phase INTENT for createFeed, InventoryState.patch for a
//     patch, FeedLaneState.cancel for a cancellation.
//  2. A feed lane has at most one intent or running feed, a SKU at most one
//     patch in flight.
//  3. An intent whose end is not known is submitted again only
//     when getFeeds, asked after the quarantine, does not show its feed, or cannot
//     be read to its end for as long again. The quarantine ends ApplyDelay and
//     ShowDelay after the answer was lost; for an intent that an owner finds at
//     takeover, so much and CommitTime and CallTime after it was written, however
//     often the unit moves.
//  4. Every record that is not a dead letter has exactly one final outcome, and one
//     more for each replay of it. Before that it has ACCEPTED once at most.
//  5. While anything that may still be carried out holds another quantity of a
//     SKU, the newest is not settled: it is sent at once, and once more when that
//     has ended. So the newest is always last, though not always in between.
//  6. Within the quota: each call has a token.
//  7. What may heal is tried for Patience, with growing waits (containment rule 5),
//     and what one SKU spoils is found out by smaller feeds and by patches.
//  8. A SKU that is known to be fulfilled by Amazon is sent no quantity, unless the
//     update or its account allows that.
//     Where an account has reserve, what is sent is the newest quantity less the orders that it
//     has not seen (reserve.go).
//  9. A quantity that Amazon shows, and that neither we sent nor orders explain, is sent
//     over once an hour and SKU at most, and never while anything of ours is under way for it.
//
// An older update than the newest seen gets SUPERSEDED at once, which names the
// newer one while that has no outcome of its own yet. The newest is remembered
// for keepIdle after the last change, as long as the topic holds updates, so
// that a replay can neither send an older quantity nor settle a record twice:
// the newest is sent again unless it is under way, an older one is superseded,
// and one of a SKU without an entry must be younger than that. A SKU of Amazon's is
// remembered for keepAmazons.
package inventory

import (
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// Processor is the name of the role.
const Processor = "inventory"

// skuPrefix begins the state keys of SKUs.
const skuPrefix = "sku/"

const (
	// keepIdle is how long a SKU without work is remembered: as long as an update
	// can stay in the input topic.
	keepIdle = 7 * 24 * time.Hour
	// keepAmazons is how long one of Amazon's is: its next quantity would be sent if Amazon
	// did not answer then, and nothing were known.
	keepAmazons = 90 * 24 * time.Hour
	// sweepBatch bounds the deletions of one tick.
	sweepBatch = 1000
	// releaseBatch bounds the SKUs whose wait ends in one tick: after a takeover those that
	// wait for their fulfiller have all waited alike.
	releaseBatch = 1000
	// absentWait is how long the SKUs of an account wait that is not configured,
	// or has no marketplace, before that is looked at again.
	absentWait = time.Minute
)

// Machine is the logic of one unit.
type Machine struct {
	cfg        Config
	skus       map[string]*sku    // by state key
	beside     map[listing][]*sku // those whose key is not just that of a listing
	feeds      *feedlane.Core[sku, queues]
	accounts   map[string]*perAccount
	former     formers
	sales      sales
	catalogues catalogues

	idle    lane.Queue // SKUs without work, by when they are forgotten
	holds   lane.Queue // SKUs that wait for a time
	watches lane.Queue // what Amazon has accepted and not shown, by when it is looked for

	held   map[string]int // SKUs of each account that have waited for long: see heldLong
	heldAt time.Time      // when they were counted

	patches  *lane.Lanes     // patchListingsItem: SKUs
	searches *lane.Lanes     // searchListingsItems: SKUs whose fulfiller, or quantity, is asked for
	items    *lane.Lanes     // getListingsItem: likewise
	asks     map[string]*ask // in searches or items, by the key of the SKU's first entry

	working  int         // SKUs with work
	restored []inherited // SKUs with work or in doubt, of the committed state, until the first tick
	fresh    bool        // no tick yet
	since    time.Time   // the first tick
}

// New makes the machine of one unit, without state.
func New(cfg Config) *Machine {
	m := &Machine{
		cfg: cfg.withDefaults(), skus: make(map[string]*sku), beside: make(map[listing][]*sku),
		accounts: make(map[string]*perAccount), former: newFormers(), sales: newSales(), asks: make(map[string]*ask), fresh: true,
	}
	m.feeds = feedlane.NewCore(m.cfg.feeds(), feedlane.Hooks[sku, queues]{
		Waiting: func(f *feedLane) (int, time.Time) { return f.Own.forFeed() }, Look: m.look, Gather: m.gather,
		Barred:  func(s *sku) bool { return m.barred(s, s.work.sent) },
		Carried: m.carried, Taken: func(tx *machine.Tx, f *feedLane) { m.account(f.Account).taken = tx.Now },
		Refused: m.feedRefused, Dissolved: m.dissolved, GivenBack: m.givenBack, Thaw: m.thaw, Freeze: m.freeze,
		Note: m.note, Noted: func(s *sku) bool { return s.work.had().verdict != nil }, Name: (*sku).id, Settle: m.settle,
	})
	m.patches = lane.New(model.PatchListingsItem, m.cfg.Limits.Of).In(Processor, commands.Doctor).Sharing(m.cfg.Sharing)
	m.searches = lane.New(model.SearchListingsItems, m.cfg.Limits.Of).In(Processor, commands.Doctor)
	m.items = lane.New(model.GetListingsItem, m.cfg.Limits.Of).In(Processor, commands.Doctor).Sharing(m.cfg.Sharing)
	m.catalogues = newCatalogues(&m.cfg)
	return m
}

// lanes are all sets of calls.
func (m *Machine) lanes() []*lane.Lanes { return append(m.stockLanes(), m.catalogues.lanes()...) }

// stockLanes are those that quantities wait for.
func (m *Machine) stockLanes() []*lane.Lanes {
	return append(m.feeds.Calls(), m.patches, m.searches, m.items)
}

// Restore takes an entry of the committed state, of an age that is not known.
func (m *Machine) Restore(key string, value any) error { return m.RestoreAged(key, value, 0) }

// RestoreAged takes an entry of the committed state. No bucket is given a past
// without a checkpoint: the first token of each is committed before it is spent.
func (m *Machine) RestoreAged(key string, value any, age time.Duration) error {
	switch state := value.(type) {
	case *schemas.QuotaState, *schemas.LaneState, *schemas.ShareState:
		for _, lanes := range m.lanes() {
			if lanes.Restore(state) {
				return nil
			}
		}
		return fmt.Errorf("inventory: state %s is of an operation that is not ours: %w", key, schemas.ErrUnknownKind)
	case *schemas.InventoryState:
		if !isSKUKey(key, state) {
			return fmt.Errorf("inventory: state %s is about SKU %q of account %s, marketplace %q", key, state.SKU, state.Account, state.MarketplaceID)
		}
		s := restoredSKU(key, state)
		m.enter(s)
		m.restoreWatch(s, state)
		if s.form == ofMarketplace {
			m.account(state.Account).formerly(state.MarketplaceID)
		}
		if s.work != nil || s.doubt != nil {
			m.restored = append(m.restored, inherited{s, age})
		}
		if s.work == nil {
			m.rest(s)
			return nil
		}
		m.works(s, +1)
		if s.work.message > 0 {
			s.work.feed = m.feeds.Lane(state.Account, state.FeedMarketplaceID)
		}
	case *schemas.CatalogueState:
		return m.catalogues.restore(key, state)
	case *schemas.SaleState:
		return m.restoreSale(key, state)
	case *schemas.FeedLaneState:
		return m.feeds.Restore(key, state, age)
	default:
		return fmt.Errorf("inventory: state %s is a %T: %w", key, value, schemas.ErrUnknownKind)
	}
	return nil
}

// Copied reports whether nothing of a value is kept but copies.
func (m *Machine) Copied(value any) bool {
	switch value.(type) {
	case *schemas.InventoryState, *schemas.InventoryUpdate, *schemas.Order:
		return true
	}
	return false
}

// start puts what was restored to work, at the first moment that has a time.
func (m *Machine) start(tx *machine.Tx) {
	if !m.fresh {
		return
	}
	m.fresh, m.since = false, tx.Now
	for _, i := range m.restored {
		if w := i.sku.work; w != nil && w.message > 0 && !w.feed.Carry(w.message, i.sku) {
			m.requeue(tx, i.sku)
		}
		m.inherit(tx, i)
	}
	m.adopt(tx)
	for _, i := range m.restored {
		if s := i.sku; s.work != nil && m.skus[s.Key] == s {
			m.route(tx, s)
		}
	}
	m.restored = nil
	m.feeds.Start(tx)
	m.endTolds(tx)
	m.startCatalogues(tx)
}

// Record takes an update, an order, or what became of a feed.
func (m *Machine) Record(tx *machine.Tx, rec *machine.Record) {
	m.start(tx)
	switch value := rec.Value.(type) {
	case *schemas.InventoryUpdate:
		m.update(tx, rec, value)
	case *schemas.Order:
		m.order(tx, rec, value)
	case *schemas.FeedIssues:
		m.feeds.Issues(tx, value)
		m.reportShows(tx, value)
	case *schemas.FeedResult:
		m.feeds.Ended(tx, value)
	case *schemas.ListingChange:
		m.listingChanged(tx, value)
	default:
		tx.Reject(rec, "unexpected_type", fmt.Sprintf("topic %s holds a %T, which has no meaning there", rec.Topic, rec.Value))
	}
}

// Result takes the outcome of a call.
func (m *Machine) Result(tx *machine.Tx, res *machine.Result) {
	m.start(tx)
	if res.Call.Operation == model.GetListingsItem {
		m.asked(tx, res)
		return
	}
	switch res.Call.Operation {
	case model.SearchListingsItems:
		m.searched(tx, res)
		return
	case model.CreateReport, model.GetReport, model.GetReportDocument:
		m.reported(tx, res)
		return
	}
	if s := m.skus[res.Call.Key]; s != nil && s.InFlight() {
		m.patched(tx, s, res)
		return
	}
	m.feeds.Result(tx, res)
}

// Draw starts the calls that quota and time allow, and forgets old SKUs.
func (m *Machine) Draw(tx *machine.Tx) {
	m.start(tx)
	for range releaseBatch {
		item := m.holds.Pop(tx.Now)
		if item == nil {
			break
		}
		m.released(tx, m.skus[item.Key])
	}
	m.lookAround(tx)
	m.expire(tx)
	m.drawCatalogues(tx) // whose rows end the waits of SKUs
	m.feeds.Draw(tx)
	m.patches.Draw(tx, func(item *lane.Item) { m.patch(tx, m.skus[item.Key]) })
	m.searches.Draw(tx, func(item *lane.Item) { m.search(tx, m.asks[askEntry(item.Key)]) })
	m.items.Draw(tx, func(item *lane.Item) { m.asking(tx, m.asks[askEntry(item.Key)]) })
	for range sweepBatch {
		item := m.idle.Pop(tx.Now)
		if item == nil {
			break
		}
		m.forget(tx, m.skus[item.Key])
	}
	for _, next := range []time.Time{m.holds.Due(), m.idle.Due(), m.sales.ends.Due(), m.watches.Due(), m.feeds.Due()} {
		if !next.IsZero() {
			tx.WakeAt(next)
		}
	}
}

// Pending is how many SKUs have something to do. They are bounded by the
// catalogues, since any number of updates of a SKU is one entry; and while
// intake rests, updates cannot supersede each other and other accounts of the
// unit wait too: those of a parked account are counted apart. So the runtime's mark should be what memory bears, a million,
// and feed results, which end the work, must not rest with the rest.
func (m *Machine) Pending() int {
	parked := 0
	for id, a := range m.accounts {
		if a.working > 0 && slices.ContainsFunc(m.stockLanes(), func(l *lane.Lanes) bool { return l.Parked(id) }) {
			parked += a.working
		}
	}
	return lane.Apart(m.working-parked, parked)
}

// Held is how many SKUs have something to do, those of parked accounts too.
func (m *Machine) Held() int { return m.working }
