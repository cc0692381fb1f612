package inventory

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
)

// This file owns the queues in which SKUs wait, and when a feed lane is looked at next.

// place is where a SKU that waits is queued.
type place byte

const (
	nowhere    place = iota // with a feed that carries it, or with a call
	inIdle                  // Machine.idle: nothing is to be done
	inReady                 // feed.ready of work.lane: waits for the next feed
	inFeedOnly              // feed.feedOnly of work.lane: waits for room in a feed
	inFenced                // feed.fenced of work.feed: waits for that feed's end
	inPatch                 // Machine.patches
	inHold                  // Machine.holds: waits for a time
	inAsk                   // Machine.holds too: waits for its channel, until a time
)

// put queues a SKU that is nowhere, in its turn: by since when, so that a SKU that
// changes again and again keeps it.
func (m *Machine) put(tx *machine.Tx, s *sku, p place) {
	w, target := s.work, m.target(s)
	turn := min(w.since, millisOf(tx.Now)).time()
	switch {
	case p == nowhere:
	case p == inHold:
		m.hold(s, w.had().notBefore.time())
	case p == inFenced:
		s.place = inFenced
		w.feed.Own.fenced.Add(&s.Item, turn)
		m.feeds.WakeNow(tx, w.feed)
	case target == "":
		m.hold(s, tx.Now.Add(absentWait))
	case p == inAsk:
		until := m.askedUntil(s)
		if m.ask(tx, s); m.asks[askedKey(s)] == nil { // there may be room for its question soon
			until = machine.Earliest(until, tx.Now.Add(absentWait))
		}
		m.hold(s, until)
	case p == inPatch:
		s.place = inPatch
		m.account(s.account()).patches[s] = struct{}{}
		if w.resend {
			turn = turn.Add(-resendAhead)
		}
		m.patches.Add(s.account(), &s.Item, turn)
	default:
		s.place, w.lane = p, m.feeds.Lane(s.account(), target)
		w.lane.Own.queueOf(p).Add(&s.Item, turn)
		m.feeds.WakeNow(tx, w.lane)
	}
}

// unplace takes a SKU out of its queue.
func (m *Machine) unplace(s *sku) {
	switch s.place {
	case inIdle:
		m.idle.Remove(&s.Item)
	case inReady, inFeedOnly:
		s.work.lane.Own.queueOf(s.place).Remove(&s.Item)
	case inFenced:
		s.work.feed.Own.fenced.Remove(&s.Item)
	case inHold:
		m.holds.Remove(&s.Item)
	case inPatch:
		m.patches.Remove(s.account(), &s.Item)
		delete(m.account(s.account()).patches, s)
	}
	s.place = nowhere
}

// rest puts a SKU without work, that is nowhere, among the idle.
func (m *Machine) rest(s *sku) {
	keep := keepIdle
	if s.fulfiller == amazons {
		keep = keepAmazons
	}
	s.place = inIdle
	m.idle.Add(&s.Item, s.touched.time().Add(keep))
}

// finish puts a SKU that has nothing left to do among the idle.
func (m *Machine) finish(tx *machine.Tx, s *sku) {
	s.work = nil
	m.endTold(tx, s)
	if s.fulfiller == unlisted { // the next update asks anew, and not when this question would
		s.fulfiller = unlearned
		m.dismiss(tx, s)
	}
	m.works(s, -1)
	s.touched = millisOf(tx.Now)
	m.rest(s)
}

// hold makes the machine look at a SKU again at a time.
func (m *Machine) hold(s *sku, until time.Time) {
	s.place = inHold
	m.holds.Add(&s.Item, until)
}

// patchesTake reports whether there is room for a SKU among its account's patches.
func (m *Machine) patchesTake(tx *machine.Tx, s *sku) bool {
	return len(m.account(s.account()).patches) < m.cfg.PatchMost &&
		(m.patchesFlow(tx, s.account()) || s.work.resend && m.patches.Next(s.account(), tx.Now).IsZero()) // all tokens are under way
}

// patchesFlow reports whether an account's patches are not held up, as they are
// while the account is parked or throttled: a feed may be the better way then.
func (m *Machine) patchesFlow(tx *machine.Tx, account string) bool {
	next := m.patches.Next(account, tx.Now)
	return !next.IsZero() && !next.After(tx.Now.Add(m.cfg.PatchLinger))
}

// target is the marketplace that a SKU is sent for, or "" when there is none.
func (m *Machine) target(s *sku) string {
	all := m.cfg.marketplaces(s.account())
	switch {
	case len(all) == 0:
		return ""
	case slices.Contains(all, s.listed): // which it may not be any more
		return s.listed
	}
	return all[0]
}

// feedLane is a lane of feeds with the SKUs that wait for it.
type feedLane = feedlane.Lane[sku, queues]

// queues are where SKUs wait for the feeds of a lane.
type queues struct {
	ready    lane.Queue // SKUs to send, by since when
	feedOnly lane.Queue // SKUs that go by no patch: replayed ones, and those whose patches fail, take the room that ready leaves
	fenced   lane.Queue // SKUs that the feed carries and that want something newer
}

// queueOf is the queue of the SKUs that wait for a feed of the lane.
func (q *queues) queueOf(p place) *lane.Queue {
	if p == inFeedOnly {
		return &q.feedOnly
	}
	return &q.ready
}

// waiting is how many SKUs want something newer than what was sent for them.
func (q *queues) waiting() int { return q.ready.Len() + q.fenced.Len() }

// oldest is since when the first of them waits; zero for none.
func (q *queues) oldest() time.Time { return machine.Earliest(q.ready.Due(), q.fenced.Due()) }

// forFeed is how many SKUs wait for a feed, and since when the first does.
func (q *queues) forFeed() (n int, since time.Time) {
	return q.ready.Len() + q.feedOnly.Len(), machine.Earliest(q.ready.Due(), q.feedOnly.Due())
}

// pop takes out the SKU whose turn it is for a feed, with since when it waits.
func (q *queues) pop(now time.Time) (since time.Time, item *lane.Item) {
	since = q.ready.Due()
	if item = q.ready.Pop(now); item == nil {
		return q.popFeedOnly(now)
	}
	return since, item
}

// popFeedOnly is pop of those that only a feed may carry.
func (q *queues) popFeedOnly(now time.Time) (since time.Time, item *lane.Item) {
	return q.feedOnly.Due(), q.feedOnly.Pop(now)
}

// works counts a SKU that begins to have work, or has none any more.
func (m *Machine) works(s *sku, n int) {
	m.working += n
	m.account(s.account()).working += n
}

// perAccount is what the SKUs of an account share.
type perAccount struct {
	working int               // SKUs with work
	patches map[*sku]struct{} // that are queued in Machine.patches
	former  []string          // marketplaces with entries that a version before left

	asks      int       // questions for its SKUs
	questions questions // for the fulfillers of its SKUs
	taken     time.Time // when Amazon last took a feed or a quantity

	toldUnchecked, toldSent time.Time // when alerts about who fulfils SKUs were raised
	toldUnseen              time.Time // when one about a quantity that does not show was
	drifting                drifting
	ordersUntil             millis // when the newest order that has come had last changed
}

func (m *Machine) account(id string) *perAccount {
	a := m.accounts[id]
	if a == nil {
		a = &perAccount{patches: make(map[*sku]struct{})}
		m.accounts[id] = a
	}
	return a
}
