package inventory

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// route puts a SKU where it belongs now. It may give wanted its outcome.
func (m *Machine) route(tx *machine.Tx, s *sku) {
	if s.InFlight() {
		return // decided when the patch has ended
	}
	m.exclude(tx, s)
	m.consider(tx, s)
	m.fallBack(tx, s)
	m.unplace(s)
	if s.work.done() {
		m.finish(tx, s)
		return
	}
	m.space(s, tx.Now)
	p := m.way(tx, s)
	m.put(tx, s, p)
}

// exclude gives up the wanted quantity of a SKU that another service manages.
func (m *Machine) exclude(tx *machine.Tx, s *sku) {
	w := s.work
	if w.wanted == nil || !m.cfg.Excluded(s.account(), s.id()) {
		return
	}
	if !w.carries(w.wanted) {
		outcome(tx, s, w.wanted, schemas.InventoryResult{Outcome: excluded}, sending{})
	}
	w.wanted, w.patched, w.resend = nil, false, false
	s.save(tx)
}

// way is where a SKU with work belongs.
func (m *Machine) way(tx *machine.Tx, s *sku) place {
	w := s.work
	switch {
	case w.wanted == nil || w.feed != nil && (w.patched || w.failsByPatch() || w.inCut()):
		return nowhere // the feed's end is what it waits for
	case w.patched && m.former.beside(s):
		return nowhere // likewise
	case w.had().notBefore > millisOf(tx.Now):
		return inHold
	case m.asksFirst(s, tx.Now):
		return inAsk
	case m.urgent(tx, s):
		return inPatch
	case w.feed != nil:
		return inFenced
	case w.wanted.replay() != "" || w.failsByPatch(): // behind what may still go by a patch
		return inFeedOnly
	default:
		return inReady
	}
}

// released goes on with a SKU whose time has come: what was accepted while
// something else could still be carried out is sent once more.
func (m *Machine) released(tx *machine.Tx, s *sku) {
	w := s.work
	s.place = nowhere
	if w.trials != nil {
		w.trials.notBefore = 0
	}
	w.patched, w.resend = false, w.resend || w.patched
	m.route(tx, s)
}

// want makes u wait to be sent, again, unless something newer takes its place.
func (m *Machine) want(tx *machine.Tx, s *sku, u *update) {
	w := s.work
	if by := w.newer(u); by != nil || m.former.beside(s) && u.before(s.newest) {
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
	ends := m.offered(s, w.wanted) == 0 && w.wanted.replay() == "" && (s.applied != 0 || w.feed != nil)
	return (w.wanted.urgent || ends || w.resend) && !w.failsByPatch() && m.patchesTake(tx, s)
}
