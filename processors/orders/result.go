package orders

import (
	"errors"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Result takes the outcome of a getOrder call.
func (m *Machine) Result(tx *machine.Tx, res *machine.Result) {
	o := m.orders[res.Call.Key]
	if o == nil || !o.InFlight() {
		return // a call of the machine before this one; its order is pending and will be fetched
	}
	m.putQuota(tx, m.lanes.Finish(o.account, &o.Item, res, tx.Now))
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		m.answered(tx, o, outcome.Response)
	case machine.Reject:
		m.refused(tx, o, outcome.Err)
	case machine.Retry, machine.Ambiguous: // a read can simply be repeated
		m.retry(tx, o)
	case machine.Snooze, machine.Park:
		// The lane waits, not the order.
	}
	// Not later than now: the clock that pendingSince was read from may be another's.
	m.settle(o, min(o.pendingSince, millisOf(tx.Now)))
}

// answered takes what Amazon says of an order.
func (m *Machine) answered(tx *machine.Tx, o *order, response any) {
	answer, ok := response.(*model.GetOrderResponse)
	if !ok {
		m.retry(tx, o)
		return
	}
	event := newEvent(o.account, o.origin, &answer.Order)
	updated := millisOf(event.LastUpdatedTime)
	if !o.dirty && o.stale < maxStale && o.lags(updated, event.EventID) {
		o.stale++
		m.delay(tx, o, lane.Backoff(o.Key, int(o.stale), staleBase, staleLimit))
		return
	}
	if updated >= o.emitted && event.EventID != o.emittedID {
		out := machine.Output{Topic: schemas.Orders, Account: o.account, Value: event}
		if o.received != 0 {
			out.Headers = []machine.Header{{Key: ReceivedAt, Value: strconv.AppendInt(nil, int64(o.received), 10)}}
		}
		tx.Emit(out)
		o.emitted, o.emittedID = updated, event.EventID
	}
	o.fetched(tx.Now)
	m.save(tx, o)
}

// refused takes a definite no. An order that Amazon does not show may be too
// new, so that is asked again a few times; any other refusal, more often. Then
// the order is let go, and its notifications are dropped for a while.
func (m *Machine) refused(tx *machine.Tx, o *order, err error) {
	var refusal *model.Error
	if errors.As(err, &refusal) && refusal.Class == model.NotFound {
		if o.stale < maxStale {
			o.stale++
			m.delay(tx, o, lane.Backoff(o.Key, int(o.stale), missingBase, missingLimit))
			return
		}
	} else if o.attempts < maxRefusals {
		m.retry(tx, o)
		return
	}
	o.reset()
	o.missing = millisOf(tx.Now.Add(missingFor))
	m.save(tx, o)
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
