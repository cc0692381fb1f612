package feeds

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Names of what Observe counts.
const (
	CountRunning = "running" // feeds that Amazon has not ended
	CountStuck   = "stuck"   // of these, those past their objective
)

// Observe notes the feeds that have not ended, and the quotas of following them.
func (m *Machine) Observe(stats *machine.Stats) {
	stats.Count(CountRunning, m.status.lanes.Pending())
	stats.Count(CountStuck, 0)
	for _, lanes := range []*lane.Lanes{m.status.lanes, m.reports.lanes} {
		lanes.Observe(stats)
		for item := range lanes.All() {
			f := m.feeds[item.Key]
			if f == nil {
				continue
			}
			stats.Since(f.SubmittedTime)
			if f.Phase == running && !f.StuckTime.IsZero() {
				stats.Count(CountStuck, 1)
			}
		}
		for _, account := range stats.Followed {
			stats.Pending(account, lanes.PendingOf(account))
		}
	}
}
