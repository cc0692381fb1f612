package inventory

import (
	"maps"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Observe notes the SKUs that have no outcome yet and the quotas of sending them.
func (m *Machine) Observe(stats *machine.Stats) {
	for _, lanes := range m.stockLanes() {
		lanes.Observe(stats)
	}
	parked := maps.Clone(stats.Parked) // without those whose reports alone are refused: nothing waits for these
	for _, lanes := range m.catalogues.lanes() {
		lanes.Observe(stats)
	}
	stats.Parked = parked
	m.feeds.Observe(stats)
	for _, f := range m.feeds.All() {
		stats.Since(f.Own.oldest())
	}
	for item := range m.patches.All() {
		m.observe(stats, m.skus[item.Key])
	}
	held := make(map[string]int)
	for item := range m.holds.All() {
		if s := m.skus[item.Key]; s != nil {
			m.observe(stats, s)
			held[s.account()]++
		}
	}
	for _, account := range stats.Followed {
		stats.Pending(account, m.pendingOf(account)+held[account])
	}
}

// observe notes since when a SKU waits.
func (m *Machine) observe(stats *machine.Stats, s *sku) {
	switch {
	case s == nil || s.work == nil:
	case s.work.patch != nil:
		stats.Since(s.work.patch.received.time())
	case s.work.wanted != nil:
		stats.Since(s.work.wanted.received.time())
	}
}

// pendingOf is how many SKUs of an account wait for a feed or a patch, or are in
// one. One that wants something newer than what its feed carries counts twice.
func (m *Machine) pendingOf(account string) int {
	a := m.accounts[account]
	if a == nil {
		return 0
	}
	n := m.patches.PendingOf(account)
	for _, f := range m.feeds.Of(account) {
		n += f.Own.waiting() + f.Carried()
	}
	return n
}
