package inventory

import "github.com/sellerstream/sellerstream/pkg/runtime/machine"

// Changed takes accounts that may be mended: their calls do not wait for the
// next probe of a parked lane, and have the limits of now.
func (m *Machine) Changed(tx *machine.Tx, accounts []string) {
	changed := make(map[string]bool, len(accounts))
	for _, account := range accounts {
		changed[account] = true
		if a := m.account(account); a.questions.flow.After(tx.Now) {
			a.questions.flow = tx.Now
		}
		for _, lanes := range m.lanes() {
			lanes.Changed(tx, account)
		}
	}
	for _, f := range m.feeds {
		if changed[f.account] {
			m.wakeNow(tx, f) // a feed is cut when its calls can follow
		}
	}
}
