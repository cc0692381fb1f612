package inventory

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// unplace takes a SKU out of its queue.
func (m *Machine) unplace(s *sku) {
	switch s.place {
	case inIdle:
		m.idle.Remove(&s.Item)
	case inReady:
		s.work.lane.ready.Remove(&s.Item)
	case inFeedOnly:
		s.work.lane.feedOnly.Remove(&s.Item)
	case inFenced:
		s.work.feed.fenced.Remove(&s.Item)
	case inHold:
		m.holds.Remove(&s.Item)
	case inPatch:
		m.patches.Remove(s.account, &s.Item)
		delete(m.account(s.account).patches, s)
	}
	s.place = nowhere
}

// settle puts a SKU without work among the idle.
func (m *Machine) settle(s *sku) {
	m.unplace(s)
	s.place = inIdle
	m.idle.Add(&s.Item, s.touched.time().Add(keepIdle))
}

// route puts a SKU where it belongs now. It may give wanted its outcome.
func (m *Machine) route(tx *machine.Tx, s *sku) {
	w := s.work
	if s.InFlight() {
		return // decided when the patch has ended
	}
	if w.wanted != nil && m.cfg.Excluded(s.account, s.id()) {
		m.unplace(s)
		if !w.carries(w.wanted) {
			outcome(tx, s, w.wanted, schemas.InventoryResult{Outcome: excluded}, sending{})
		}
		w.wanted, w.patched, w.resend = nil, false, false
		s.save(tx)
	}
	if w.done() {
		m.unplace(s)
		s.work = nil
		m.works(s, -1)
		s.touched = millisOf(tx.Now)
		m.settle(s)
		return
	}
	now := millisOf(tx.Now)
	m.unplace(s)
	switch {
	case w.wanted == nil || w.feed != nil && (w.patched || w.failsByPatch() || w.inCut()):
		// The feed's end is what it waits for.
	case w.notBefore > now:
		m.hold(s, w.notBefore.time())
	case m.urgent(tx, s):
		m.queuePatch(tx, s)
	case w.feed != nil:
		s.place = inFenced
		w.feed.fenced.Add(&s.Item, min(w.since, now).time())
		m.wakeNow(tx, w.feed)
	default:
		m.queueFeed(tx, s)
	}
}

// inCut reports whether the document that is being made holds the wanted quantity.
func (w *work) inCut() bool { return w.feed != nil && w.message == 0 && w.sent == w.wanted }

// hold makes the machine look at a SKU again at a time.
func (m *Machine) hold(s *sku, until time.Time) {
	s.place = inHold
	m.holds.Add(&s.Item, until)
}

// released goes on with a SKU whose time has come: what was accepted while
// something else could still be carried out is sent once more.
func (m *Machine) released(tx *machine.Tx, s *sku) {
	w := s.work
	s.place, w.notBefore = nowhere, 0
	w.patched, w.resend = false, w.resend || w.patched
	m.route(tx, s)
}

// newer is what takes the place of u: something newer that is wanted, or that a
// patch may still bring.
func (w *work) newer(u *update) *update {
	for _, other := range []*update{w.wanted, w.patch} {
		if other != nil && u.before(other.stamp) {
			return other
		}
	}
	return nil
}

// want makes u wait to be sent, again, unless something newer takes its place.
func (m *Machine) want(tx *machine.Tx, s *sku, u *update) {
	w := s.work
	if by := w.newer(u); by != nil {
		supersede(tx, s, u, by)
		return
	}
	w.wanted, w.since, w.patched, w.resend = u, u.received, false, false
}

// urgent reports whether a SKU goes by a patch at once: the producer said so, its
// stock has come to an end, or Amazon may hold an older quantity of it than it had
// accepted; and there is room for it.
func (m *Machine) urgent(tx *machine.Tx, s *sku) bool {
	w := s.work
	ends := w.wanted.quantity == 0 && w.wanted.replay == "" && (s.applied != 0 || w.feed != nil)
	return (w.wanted.urgent || ends || w.resend) && !w.failsByPatch() && len(m.account(s.account).patches) < m.cfg.PatchMost &&
		(m.patchesFlow(tx, s.account) || w.resend && m.patches.Next(s.account, tx.Now).IsZero()) // all tokens are under way
}

// patchesFlow reports whether an account's patches are not held up, as they are
// while the account is parked or throttled: a feed may be the better way then.
func (m *Machine) patchesFlow(tx *machine.Tx, account string) bool {
	next := m.patches.Next(account, tx.Now)
	return !next.IsZero() && !next.After(tx.Now.Add(m.cfg.PatchLinger))
}

func (m *Machine) queuePatch(tx *machine.Tx, s *sku) {
	if m.target(s) == "" {
		m.hold(s, tx.Now.Add(absentWait))
		return
	}
	s.place = inPatch
	m.account(s.account).patches[s] = struct{}{}
	// By since when, so that a SKU that changes again and again keeps its turn.
	due := min(s.work.since, millisOf(tx.Now)).time()
	if s.work.resend {
		due = due.Add(-resendAhead)
	}
	m.patches.Add(s.account, &s.Item, due)
}

// queueFeed makes a SKU wait for the next feed.
func (m *Machine) queueFeed(tx *machine.Tx, s *sku) {
	target := m.target(s)
	if target == "" {
		m.hold(s, tx.Now.Add(absentWait))
		return
	}
	f := m.feedLane(s.account, target)
	queue := &f.ready
	s.place, s.work.lane = inReady, f
	if s.work.wanted.replay != "" || s.work.failsByPatch() { // behind what may still go by a patch
		s.place, queue = inFeedOnly, &f.feedOnly
	}
	queue.Add(&s.Item, min(s.work.since, millisOf(tx.Now)).time())
	m.wakeNow(tx, f)
}

// target is the marketplace that a SKU is sent for, or "" when there is none.
func (m *Machine) target(s *sku) string {
	if s.market > 0 {
		return s.marketplace()
	}
	all := m.cfg.marketplaces(s.account)
	switch {
	case len(all) == 0:
		return ""
	case slices.Contains(all, s.listed): // which it may not be any more
		return s.listed
	}
	return all[0]
}

// elsewhere is a marketplace of the account in which the SKU was not tried, or
// "". Where each marketplace has a quantity of its own there is no other.
func (m *Machine) elsewhere(s *sku) string {
	if s.market > 0 {
		return ""
	}
	for _, marketplace := range m.cfg.marketplaces(s.account) {
		if !slices.Contains(s.work.tried, marketplace) {
			return marketplace
		}
	}
	return ""
}
