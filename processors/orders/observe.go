package orders

import (
	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
)

// Observe notes the orders to fetch and their quotas.
func (m *Machine) Observe(stats *machine.Stats) {
	for _, lanes := range []*lane.Lanes{m.lanes, m.v0.heads, m.v0.items} {
		lanes.Observe(stats)
		for item := range lanes.All() {
			if o := m.orders[item.Key]; o != nil {
				stats.Since(o.pendingSince.time())
			}
		}
		for _, account := range stats.Followed {
			stats.Pending(account, lanes.PendingOf(account))
		}
	}
}
