package inventory

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// note keeps what a report says against a SKU.
func (m *Machine) note(tx *machine.Tx, s *sku, issue *schemas.FeedIssue) {
	s.work.try().verdict = &verdict{words(issue.Code), words(issue.Message), words(issue.AttributeName)}
	s.save(tx)
}

// settle takes what the end of a feed means to its SKUs.
func (m *Machine) settle(tx *machine.Tx, f *feedLane, members []*sku, end feedlane.End) {
	how := sending{
		via: viaFeed, feedID: end.FeedID, marketplace: f.Marketplace, at: end.At,
		shared: !end.Applied && (len(members) > 1 || end.Foreign || end.Disturbed),
	}
	for _, s := range members {
		if s == nil {
			continue
		}
		v := s.work.had().verdict
		s, u := m.takeOut(tx, s)
		switch {
		case u == nil: // superseded before the feed was submitted
			s.applied, s.work.lapsed = unknownQuantity, surely
			if s.basis != nil {
				s.until = millisOf(tx.Now.Add(m.cfg.ApplyDelay))
			}
		case v != nil && !end.Foreign:
			m.refused(tx, s, u, *v, how)
		case end.Applied:
			m.accepted(tx, s, u, how)
		default:
			m.again(tx, s, u, verdictFrom(end.Why), how, fail)
		}
		m.route(tx, s)
		s.save(tx)
	}
}
