package orders

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// looked is how many orders of each account and class are looked at for the oldest. Those
// that were not tried yet stand in the order of their age or, those that a merchant ships, of their ship-by
// time within a day.
const looked = 100

// Observe notes the orders to fetch and their quotas.
func (m *Machine) Observe(stats *machine.Stats) {
	m.reconciler.lanes.Observe(stats) // searches are never pending
	for _, lanes := range append(m.v0.All(), m.lanes) {
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
	for account, g := range m.gates {
		m.observeGate(stats, account, g)
	}
}

// observeGate notes the unproven orders of an account. Those that were never asked
// for stand in the order of their age.
func (m *Machine) observeGate(stats *machine.Stats, account string, g *gate) {
	seen := 0
	for _, o := range g.came {
		if o.place == amongFresh {
			if seen++; seen > looked {
				break
			}
			stats.Since(o.pendingSince.time())
		}
	}
	for item := range g.again.Next(looked) {
		stats.Since(m.orders[item.Key].pendingSince.time())
	}
	if slices.Contains(stats.Followed, account) {
		stats.Pending(account, g.waiting())
	}
}
