package cancellations

import "github.com/sellerstream/sellerstream/pkg/runtime/machine"

// Observe notes the cancellations without an outcome, and the quotas of sending them.
func (m *Machine) Observe(stats *machine.Stats) {
	for _, calls := range m.feeds.Calls() {
		calls.Observe(stats)
	}
	m.feeds.Observe(stats)
	for o := range m.open {
		switch {
		case o.Sent != nil:
			stats.Since(o.Sent.ReceivedTime)
		case len(o.Waiting) > 0:
			stats.Since(o.Waiting[0].ReceivedTime)
		}
	}
	for _, account := range stats.Followed {
		stats.Pending(account, m.working[account])
	}
}
