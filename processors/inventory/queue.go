package inventory

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
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
		w.feed.fenced.Add(&s.Item, turn)
		m.wakeNow(tx, w.feed)
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
		s.place, w.lane = p, m.feedLane(s.account(), target)
		w.lane.queueOf(p).Add(&s.Item, turn)
		m.wakeNow(tx, w.lane)
	}
}

// unplace takes a SKU out of its queue.
func (m *Machine) unplace(s *sku) {
	switch s.place {
	case inIdle:
		m.idle.Remove(&s.Item)
	case inReady, inFeedOnly:
		s.work.lane.queueOf(s.place).Remove(&s.Item)
	case inFenced:
		s.work.feed.fenced.Remove(&s.Item)
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

// queueOf is the queue of the SKUs that wait for a feed of the lane.
func (f *feedLane) queueOf(p place) *lane.Queue {
	if p == inFeedOnly {
		return &f.feedOnly
	}
	return &f.ready
}

// works counts a SKU that begins to have work, or has none any more.
func (m *Machine) works(s *sku, n int) {
	m.working += n
	m.account(s.account()).working += n
}

// perAccount is what the feed lanes of an account share.
type perAccount struct {
	working int // SKUs with work
	feeds   []*feedLane
	patches map[*sku]struct{} // that are queued in Machine.patches
	cutting *feedLane         // the lane that makes or submits a feed: the token is for it
	former  []string          // marketplaces with entries that a version before left

	questions questions // for the fulfillers of its SKUs
	taken     time.Time // when Amazon last took a feed or a quantity

	toldUnchecked, toldSent time.Time // when alerts about who fulfils SKUs were raised
}

func (m *Machine) account(id string) *perAccount {
	a := m.accounts[id]
	if a == nil {
		a = &perAccount{patches: make(map[*sku]struct{})}
		m.accounts[id] = a
	}
	return a
}

// feedLane is the lane of an account and a marketplace, made when it is not there.
func (m *Machine) feedLane(account, marketplace string) *feedLane {
	for _, f := range m.account(account).feeds {
		if f.marketplace == marketplace {
			return f
		}
	}
	f := newFeedLane(feedKey(account, marketplace), account, marketplace)
	m.addFeedLane(f)
	return f
}

func (m *Machine) addFeedLane(f *feedLane) {
	m.feeds[f.call.Key] = f
	a := m.account(f.account)
	a.feeds = append(a.feeds, f)
}

// wakeNow makes Draw look at a lane (advance) in this tick, or the next if there is no Draw.
func (m *Machine) wakeNow(tx *machine.Tx, f *feedLane) { m.wakeAt(f, tx.Now) }

// wakeAt makes Draw look at a lane by t at the latest.
func (m *Machine) wakeAt(f *feedLane, t time.Time) {
	if !f.timer.Queued() || t.Before(f.due) {
		f.due = t
		m.timers.Add(&f.timer, t)
	}
}
