package shipments

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Observe notes the shipments to confirm and their quota.
func (m *Machine) Observe(stats *machine.Stats) {
	m.lanes.Observe(stats)
	m.feeds.Observe(stats)
	held := make(map[string]int)
	for item := range m.lanes.All() {
		m.observe(stats, item)
	}
	for item := range m.holds.All() {
		if o := m.observe(stats, item); o != nil {
			held[o.Account]++
		}
	}
	for _, account := range stats.Followed {
		stats.Pending(account, m.lanes.PendingOf(account)+m.feeds.PendingOf(account)+held[account])
	}
}

// observe notes since when the shipments of a pending order wait.
func (m *Machine) observe(stats *machine.Stats, item *lane.Item) *order {
	o := m.orders[item.Key]
	if o == nil {
		return nil
	}
	for i := range o.Packages {
		p := &o.Packages[i]
		if s := next(p); s != nil && !m.held(o, p) && !o.early(p) { // what is held has its alert
			stats.Since(machine.Latest(s.ReceivedTime, planned(s)))
		}
	}
	return o
}
