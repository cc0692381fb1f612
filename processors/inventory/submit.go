package inventory

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
)

// This file owns what an intent to submit a feed means to the SKUs that it carries.

// carried writes into the SKUs' own entries that the intent carries them.
func (m *Machine) carried(tx *machine.Tx, f *feedLane) {
	for i, s := range f.Members {
		w := s.work
		w.message = int32(i + 1)
		if w.sent == w.wanted {
			w.wanted, w.since = nil, 0
		} else { // something newer came while the document was made
			m.unsure(s, w.sent, tx.Now)
			w.sent = nil
		}
		s.save(tx)
	}
}

// givenBack makes a SKU of an intent that became no feed wait again.
func (m *Machine) givenBack(tx *machine.Tx, s *sku) { m.route(tx, m.requeue(tx, s)) }

// requeue takes a SKU out of the feed that carries it, and has what the feed
// carried sent again, unless something newer is wanted. It returns the SKU's own entry.
func (m *Machine) requeue(tx *machine.Tx, s *sku) *sku {
	s, u := m.takeOut(tx, s)
	if u != nil {
		m.want(tx, s, u)
	}
	s.save(tx)
	return s
}

// takeOut takes a SKU out of the feed that carries it, and returns its own entry and
// what the feed carried; nil where that was superseded before.
func (m *Machine) takeOut(tx *machine.Tx, s *sku) (*sku, *update) {
	w := s.work
	m.unplace(s) // it may be in the feed's queue
	u := w.sent
	if w.carries(w.wanted) { // what was to go by a patch as well
		w.wanted, w.patched = nil, false
	}
	if w.patched { // the feed may have undone it
		w.patched, w.resend, w.try().notBefore = false, true, 0
	}
	w.feed, w.message, w.sent = nil, 0, nil
	if w.trials != nil {
		w.trials.verdict = nil
	}
	if u != nil && w.patch != nil && w.patch.stamp == u.stamp {
		return s, nil // the patch under way settles it
	}
	s = m.own(tx, s)
	if u == nil || u.before(s.newest) { // what was newer may have been given up meanwhile
		s.lapses()
	}
	return s, u
}

// verdictOf is what a refused call says.
func verdictOf(err error) verdict { return verdictFrom(feedlane.VerdictOf(err)) }

func verdictFrom(v feedlane.Verdict) verdict { return verdict{code: v.Code, message: v.Message} }
