package orders

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

// urgentOnes is the name of the urgent orders' numbers in Observe.
const urgentOnes = "urgent"

func metrics() []role.Metric {
	return []role.Metric{
		{Count: urgentOnes, Name: "orders_urgent", Help: "Orders to fetch that a merchant ships, or may have to: they are fetched before all others."},
		{Oldest: urgentOnes, Name: "orders_urgent_oldest_seconds", Help: "How long the oldest of them has been waiting, on the pipeline's clock."},
	}
}

// looked is how many orders of each account and class are looked at for the oldest. Those
// that were not tried yet stand in the order of their age or, those that a merchant ships, of their ship-by
// time within a day: where more of them wait than that, one with a late ship-by time may be older.
const looked = 100

// Observe notes the orders to fetch and their quotas.
func (m *Machine) Observe(stats *machine.Stats) {
	m.reconciler.lanes.Observe(stats) // searches are never pending
	for _, lanes := range append(m.v0.All(), m.lanes) {
		lanes.Observe(stats)
		for item := range lanes.First(looked) {
			if o := m.orders[item.Key]; o != nil {
				o.observe(stats)
				if o.InFlight() && o.urgency <= urgentMerchant {
					stats.Count(urgentOnes, 1)
				}
			}
		}
		stats.Count(urgentOnes, lanes.QueuedUpTo(uint8(urgentMerchant)))
		for _, account := range stats.Followed {
			stats.Pending(account, lanes.PendingOf(account))
		}
	}
	for account, g := range m.gates {
		m.observeGate(stats, account, g)
	}
}

// observe notes since when the order waits.
func (o *order) observe(stats *machine.Stats) {
	stats.Since(o.pendingSince.time())
	if o.urgency <= urgentMerchant {
		stats.SinceOf(urgentOnes, o.pendingSince.time())
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
			o.observe(stats)
		}
	}
	for _, waiting := range []*lane.Ranked{&g.fresh, &g.again} {
		stats.Count(urgentOnes, waiting.UpTo(uint8(urgentMerchant)))
		for item := range waiting.Next(looked) {
			m.orders[item.Key].observe(stats)
		}
	}
	if slices.Contains(stats.Followed, account) {
		stats.Pending(account, g.waiting())
	}
}
