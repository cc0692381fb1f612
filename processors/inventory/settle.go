package inventory

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// againBase and againLimit bound the wait after Amazon failed by itself.
const (
	againBase  = 10 * time.Second
	againLimit = 10 * time.Minute
)

// accepted settles an update that Amazon took.
func (m *Machine) accepted(tx *machine.Tx, s *sku, u *update, how sending) {
	before := s.applied
	s.applied = u.quantity
	s.listed = ""
	if home := m.cfg.marketplaces(s.account); s.market == 0 && (len(home) == 0 || home[0] != how.marketplace) {
		s.listed = how.marketplace
	}
	if s.work.wanted == nil {
		s.work.tried, s.work.attempts, s.work.doubts = nil, 0, 0
	}
	outcome(tx, s, u, schemas.InventoryResult{Outcome: applied}, how)
	m.readbacks.sample(tx, s, u, how.marketplace, before)
}

// refused settles an update that Amazon refused, or has it sent again: later,
// or to another marketplace.
func (m *Machine) refused(tx *machine.Tx, s *sku, u *update, v verdict, how sending) {
	w := s.work
	switch {
	case m.cfg.NotListed(v.code):
		if !slices.Contains(w.tried, how.marketplace) {
			w.tried = append(w.tried, how.marketplace)
		}
		if next := m.elsewhere(s); next != "" {
			s.listed = next
			m.want(tx, s, u)
			return
		}
		// Listed nowhere now. The next update looks again, at home first.
		s.listed, w.tried = "", nil
	case m.cfg.Transient(v.code):
		if w.attempts+1 < int32(m.cfg.MaxAttempts) {
			if w.newer(u) == nil {
				w.notBefore = millisOf(tx.Now.Add(lane.Backoff(s.Key, int(w.attempts)+1, againBase, againLimit)))
			}
			m.again(tx, s, u, v, how)
			return
		}
	}
	reject(tx, s, u, v, how)
}

// again has an update sent again of which it is not known what became of it: a
// quantity is absolute, so a repeat is harmless. After too many it is given up.
func (m *Machine) again(tx *machine.Tx, s *sku, u *update, why verdict, how sending) {
	w := s.work
	if s.applied = unknownQuantity; w.newer(u) == nil {
		w.attempts++
		if w.attempts >= int32(m.cfg.MaxAttempts) {
			fail(tx, s, u, why, how)
			return
		}
	}
	m.want(tx, s, u)
}
