package feeds

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Changed takes accounts that may be mended: what waits for the next probe of a
// parked one goes on now.
func (m *Machine) Changed(tx *machine.Tx, accounts []string) {
	changed := make(map[string]bool, len(accounts))
	for _, account := range accounts {
		changed[account] = true
		m.status.lanes.Changed(tx, account)
		m.reports.lanes.Changed(tx, account)
	}
	for _, f := range m.feeds {
		// That a feed was refused is not in the state; one more look at a feed that
		// only waits for its next poll does no harm.
		if changed[f.Account] && f.Item.Queued() && f.NotBefore.After(tx.Now) {
			f.NotBefore = earlier(f.SubmittedTime, tx.Now)
			m.save(tx, f)
		}
	}
}
