package orders

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Another role may have to know what an order shows by now, where nothing says that it has
// changed. It asks for a look at it (OrderLook). The order is then fetched behind what
// notifications asked for, or with the fetch that is pending or in flight, and what it shows is
// answered (OrderLooked), also where it is what was emitted. A page of a search answers only
// where it shows something newer: Amazon's index may be late.

// lookAsked takes a wish for a look at an order. The newest one of an order counts. One of an
// account that is removed since is void: who asked does not depend on the answer.
func (m *Machine) lookAsked(tx *machine.Tx, rec *machine.Record, asked *schemas.OrderLook) {
	if _, configured := m.cfg.Accounts().ByID(rec.Account); !tx.Keyed(rec, asked.Account) || !configured {
		return
	}
	if err := model.CheckOrderID(asked.OrderID); err != nil {
		tx.Reject(rec, "invalid_order_id", err.Error())
		return
	}
	key := orderKey(rec.Account, asked.OrderID)
	o := m.orders[key]
	if o == nil {
		o = newOrder(key, rec.Account)
		m.orders[key] = o
	}
	wasPending := o.pending
	if !wasPending && millisOf(tx.Now) >= o.missing {
		o.want(tx.Now, originRecovered, 0, false)
	}
	if !o.pending { // Amazon has just said that there is none
		return
	}
	o.look = millisOf(asked.AskedTime)
	m.save(tx, o)
	if !wasPending {
		m.settle(o, o.pendingSince)
	}
}

// answerLook answers the look that a fetch was for, if it was, and does not show something
// older than what is known.
func (m *Machine) answerLook(tx *machine.Tx, o *order, event *schemas.Order) {
	if o.look == 0 || millisOf(event.LastUpdatedTime) < o.emitted {
		return
	}
	looked := event.Looked()
	looked.AskedTime = o.look.time()
	o.look = 0
	tx.Emit(machine.Output{Topic: schemas.OrderLooksAnswered, Account: o.account, Value: looked})
}
