package inventory

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// accepted settles an update that Amazon took, unless something else may still be
// carried out after it: rule 5.
func (m *Machine) accepted(tx *machine.Tx, s *sku, u *update, how sending) {
	if s.doubt.unsettles(u, how.at) || m.former.undoes(s, u) {
		m.onceMore(tx, s, u, how.at)
		return
	}
	m.tellTaken(tx, s, u)
	m.endTold(tx, s)
	before := s.applied
	s.applied, s.appliedAt, s.returned = u.send, millisOf(how.at), 0
	if u.same(s.newest) {
		s.failure = nil
	} else {
		s.work.lapsed = perhaps
	}
	m.settles(tx, s, u)
	if (s.fulfiller == unlearned || s.fulfiller == unlisted) && !u.common.Value().toAmazons {
		s.fulfiller = assumed
	}
	s.listed = ""
	if home := m.cfg.marketplaces(s.account()); len(home) == 0 || home[0] != how.marketplace {
		s.listed = how.marketplace
	}
	if s.work.wanted == nil {
		s.work.settled()
	}
	m.took(tx, s, u, how, before)
}

// vague makes a SKU wait for a second refusal of u when the first may be Amazon's own
// trouble, unless something newer takes its place.
func (s *sku) vague(tx *machine.Tx, u *update, err error) bool {
	w := s.work
	if !blame.Vague(err) || w.newer(u) != nil {
		return false
	}
	t := w.try()
	if t.failing == 0 {
		t.failing = millisOf(tx.Now)
	}
	t.notBefore = t.failing.add(blame.VagueFor)
	return tx.Now.Before(t.notBefore.time())
}

// refused settles an update that Amazon refused, or has it sent again: later,
// or to another marketplace.
func (m *Machine) refused(tx *machine.Tx, s *sku, u *update, v verdict, how sending) {
	w := s.work
	switch {
	case m.cfg.NotListed(v.code):
		t := w.try()
		if !slices.Contains(t.tried, how.marketplace) {
			t.tried = append(t.tried, how.marketplace)
		}
		if next := m.elsewhere(s); next != "" {
			s.listed = next
			m.want(tx, s, u)
			return
		}
		// Listed nowhere now. The next update looks again, at home first.
		s.listed, t.tried = "", nil
	case m.cfg.Transient(v.code):
		m.again(tx, s, u, v, how, reject)
		return
	}
	reject(tx, s, u, v, how)
}

// elsewhere is a marketplace of the account in which the SKU was not tried, or "".
func (m *Machine) elsewhere(s *sku) string {
	for _, marketplace := range m.cfg.marketplaces(s.account()) {
		if !slices.Contains(s.work.had().tried, marketplace) {
			return marketplace
		}
	}
	return ""
}
