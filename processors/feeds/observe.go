package feeds

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

// Names of the counts of Observe.
const (
	countRunning = "running"
	countStuck   = "stuck"
)

func metrics() []role.Metric {
	return []role.Metric{
		{Count: countRunning, Name: "feeds_running", Help: "Feeds that Amazon has not ended."},
		{Count: countStuck, Name: "feeds_stuck", Help: "Running feeds past their objective (feeds.stuck_after)."},
	}
}

// Observe notes the feeds that have not ended, and the quotas of following them.
func (m *Machine) Observe(stats *machine.Stats) {
	stats.Count(countRunning, m.status.lanes.Pending())
	stats.Count(countStuck, 0)
	for _, lanes := range []*lane.Lanes{m.status.lanes, m.reports.lanes} {
		lanes.Observe(stats)
		for item := range lanes.All() {
			f := m.feeds[item.Key]
			if f == nil {
				continue
			}
			stats.Since(f.SubmittedTime)
			if f.Phase == running && !f.StuckTime.IsZero() {
				stats.Count(countStuck, 1)
			}
		}
		for _, account := range stats.Followed {
			stats.Pending(account, lanes.PendingOf(account))
		}
	}
}
