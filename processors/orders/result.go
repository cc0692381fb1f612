package orders

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Result takes the outcome of a call.
func (m *Machine) Result(tx *machine.Tx, res *machine.Result) {
	if s := m.reconciler.searches[res.Call.Key]; s != nil && s.InFlight() {
		m.searched(tx, s, res)
		return
	}
	if b := m.reconciler.backfills[res.Call.Key]; b != nil && b.InFlight() {
		m.backfilled(tx, b, res)
		return
	}
	o := m.orders[res.Call.Key]
	if o == nil || !o.InFlight() {
		return // a call of the machine before this one; its order is pending and will be fetched
	}
	m.lane(o).Finish(tx, o.account, &o.Item, res)
	if m.servedInstead(tx, o, res.Outcome) {
		return
	}
	m.passed(o, res.Outcome, tx.Now)
	if _, done := res.Outcome.(machine.Done); !done {
		m.searchBack(tx, o)
	}
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		m.answered(tx, o, outcome.Response)
	case machine.Reject:
		m.refused(tx, o, outcome.Err)
	case machine.Retry, machine.Ambiguous: // a read can simply be repeated
		m.retry(tx, o)
	case machine.Park:
		o.part = nil // it would be old after the wait
		m.parked(tx, o)
	case machine.Snooze:
		// The lane waits, not the order.
	}
	m.settle(o, o.turn(tx.Now))
}

// answered takes what Amazon says.
func (m *Machine) answered(tx *machine.Tx, o *order, response any) {
	var s buyerdata.Sealed
	if answer, ok := response.(*buyerdata.Answer); ok {
		response, s = answer.Response, answer.Sealed
	}
	switch answer := response.(type) {
	case *model.GetOrderResponse:
		m.shown(tx, o, &answer.Order, s)
	case *model.GetOrderV0Response:
		m.headOfV0(tx, o, &answer.Order, s)
	case *model.GetOrderItemsV0Response:
		m.itemsOfV0(tx, o, &answer.Page)
	default:
		m.retry(tx, o)
	}
}

// shown takes an order as Amazon shows it.
func (m *Machine) shown(tx *machine.Tx, o *order, given *model.Order, s buyerdata.Sealed) {
	if m.unwanted(o.account, given) {
		m.leaveOut(tx, o)
		return
	}
	buyer := m.retain(tx.Now, o, given, s)
	event := newEvent(o.account, given, m.cfg.Excluded)
	event.BuyerData = buyer.data // a part of the content: encrypted, it says nothing by that
	m.answeredAtAll(tx, o)
	if !fit(event) {
		m.giveUp(tx, o, reasonTooLarge, fmt.Sprintf("order %s of account %s has %d lines and does not fit a record: its %d bytes are more than %d. Look at it in Seller Central",
			o.id(), o.account, len(event.Items), size(event), maxOrder))
		return
	}
	content, updated := contentID(event), millisOf(event.LastUpdatedTime)
	if !o.dirty && o.stale < maxStale && o.lags(updated, content, millisOf(tx.Now)) {
		m.stale(tx, o)
		return
	}
	m.publish(tx, o, event, content, buyer)
	switch {
	case o.dirty || !o.behind(updated):
		o.fetched(tx.Now)
	case o.stale < maxStale+maxLate:
		o.stale, o.part = o.stale+1, nil
		m.delay(tx, o, lateWait)
		return
	default:
		o.unsatisfied(tx.Now)
	}
	m.save(tx, o)
}

// answeredAtAll takes note that Amazon shows an order that is pending.
func (m *Machine) answeredAtAll(tx *machine.Tx, o *order) {
	m.forgive(o)
	o.failure = nil
	if o.emitted == 0 && o.received != 0 {
		m.watch.heard(tx, o.account, o.received.time())
	}
}

// publish emits a state of an order, if it is news. One that lags is none, though it is
// looked at because of a change that came during the call: the next answer tells.
func (m *Machine) publish(tx *machine.Tx, o *order, event *schemas.Order, content string, buyer retained) {
	m.answerLook(tx, o, event)
	updated := millisOf(event.LastUpdatedTime)
	news := updated >= o.emitted && content != o.emittedID && !(o.dirty && o.doubtful(updated, content, millisOf(tx.Now)))
	m.keepBuyer(tx, o, buyer, news)
	if !news {
		return
	}
	event.EventID, event.Origin = eventID(tx, content), o.origin
	if o.origin == originReplay && updated == o.emitted {
		event.Replaces = eventID(tx, o.emittedID)
	}
	out := machine.Output{Topic: schemas.Orders, Account: o.account, Value: event}
	if o.received != 0 {
		out.Headers = []machine.Header{{Key: ReceivedAt, Value: strconv.AppendInt(nil, int64(o.received), 10)}}
	}
	tx.Emit(out)
	m.lookFor(tx, o, event)
	o.show(updated, content, millisOf(tx.Now))
}

// stale asks again for an order whose answer is not believed.
func (m *Machine) stale(tx *machine.Tx, o *order) {
	o.stale, o.part = o.stale+1, nil
	m.delay(tx, o, lane.Backoff(o.Key, int(o.stale), staleBase, staleLimit))
}

// Changed takes accounts that may be mended: what waits for the next probe of a
// parked one goes on now.
func (m *Machine) Changed(tx *machine.Tx, accounts []string) {
	changed := make(map[string]bool, len(accounts))
	for _, account := range accounts {
		changed[account] = true
		m.lanes.Changed(tx, account)
		m.v0.Changed(tx, account)
		m.searchChanged(tx, account)
	}
	// What an order waits for is not in the state: one more look does no harm.
	for _, o := range m.orders {
		if o.pending && !o.InFlight() && changed[o.account] && o.notBefore > millisOf(tx.Now) {
			o.notBefore = 0
			m.save(tx, o)
			m.queue(o, min(o.pendingSince, millisOf(tx.Now)))
		}
	}
}

// retry keeps the order pending for another try, which costs an attempt.
func (m *Machine) retry(tx *machine.Tx, o *order) {
	o.attempts++
	m.delay(tx, o, lane.Backoff(o.Key, int(o.attempts), retryBase, retryLimit))
}

// delay keeps the order pending for another try.
func (m *Machine) delay(tx *machine.Tx, o *order, wait time.Duration) {
	o.notBefore = millisOf(tx.Now.Add(wait))
	m.save(tx, o)
}
