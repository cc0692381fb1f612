package orders

import (
	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
)

// looked is how many orders of each account are looked at for the oldest. Those
// that were not tried yet stand in the order of their age.
const looked = 100

// Observe notes the orders to fetch and their quotas.
func (m *Machine) Observe(stats *machine.Stats) {
	m.reconciler.lanes.Observe(stats) // searches are never pending
	for _, lanes := range []*lane.Lanes{m.lanes, m.v0.heads, m.v0.items} {
		lanes.Observe(stats)
		for item := range lanes.First(looked) {
			if o := m.orders[item.Key]; o != nil {
				stats.Since(o.pendingSince.time())
			}
		}
		for _, account := range stats.Followed {
			stats.Pending(account, lanes.PendingOf(account))
		}
	}
}
