package orders

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Which orders an account wants is decided by who ships them (account.Wants). The bridge
// drops notifications of others, and searches do not ask for them. What is fetched all the
// same, such as in a replay of older notifications, is looked at here.

// fulfilledBy is what a search of an account asks for; nil for all.
func (m *Machine) fulfilledBy(account string) []string {
	if a, ok := m.cfg.Accounts().ByID(account); ok && len(a.FulfilledBy) == 1 {
		return a.FulfilledBy
	}
	return nil
}

// unwanted reports whether an account does not want an order that Amazon shows.
func (m *Machine) unwanted(account string, given *model.Order) bool {
	a, ok := m.cfg.Accounts().ByID(account)
	return ok && given.Fulfillment != nil && !a.Wants(given.Fulfillment.FulfilledBy)
}

// leaveOut ends the fetch of an order that its account does not want, without an event.
func (m *Machine) leaveOut(tx *machine.Tx, o *order) {
	m.forgive(o)
	o.failure = nil
	o.fetched(tx.Now)
	m.save(tx, o)
}
