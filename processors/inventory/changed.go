package inventory

import "github.com/sellerstream/sellerstream/pkg/runtime/machine"

// Changed takes accounts that may be mended: their calls do not wait for the
// next probe of a parked lane, and have the limits of now.
func (m *Machine) Changed(tx *machine.Tx, accounts []string) {
	for _, account := range accounts {
		if a := m.account(account); a.questions.flow.After(tx.Now) {
			a.questions.flow = tx.Now
		}
		for _, lanes := range m.lanes() {
			lanes.Changed(tx, account)
		}
		m.feeds.Changed(tx, account) // a feed is made when its calls can follow
	}
}
