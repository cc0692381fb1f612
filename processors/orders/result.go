package orders

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Result takes the outcome of a call.
func (m *Machine) Result(tx *machine.Tx, res *machine.Result) {
	if s := m.reconciler.searches[res.Call.Key]; s != nil && s.InFlight() {
		m.searched(tx, s, res)
		return
	}
	o := m.orders[res.Call.Key]
	if o == nil || !o.InFlight() {
		return // a call of the machine before this one; its order is pending and will be fetched
	}
	ended := *res
	park, parks := res.Outcome.(machine.Park)
	own := parks && o.forbidden != 0 && m.answers[o.account] > o.forbidden
	if own { // the account is well: it need not wait for this order
		ended.Outcome = machine.Retry(park)
	}
	m.lane(o).Finish(tx, o.account, &o.Item, &ended)
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		m.answers[o.account] = millisOf(tx.Now)
		m.answered(tx, o, outcome.Response)
	case machine.Reject:
		o.part = nil
		m.refused(tx, o, outcome.Err)
	case machine.Retry, machine.Ambiguous: // a read can simply be repeated
		m.retry(tx, o)
	case machine.Park:
		o.part = nil // it would be old after the wait
		m.forbidden(tx, o, outcome.Err, own)
	case machine.Snooze:
		// The lane waits, not the order.
	}
	// Not later than now: the clock that pendingSince was read from may be another's.
	m.settle(o, min(o.pendingSince, millisOf(tx.Now)))
}

// answered takes what Amazon says.
func (m *Machine) answered(tx *machine.Tx, o *order, response any) {
	var s sealed
	if answer, ok := response.(*buyerdata.Answer); ok {
		response, s = answer.Response, sealed{answer.Data, answer.Key}
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
func (m *Machine) shown(tx *machine.Tx, o *order, given *model.Order, s sealed) {
	buyer := m.retain(tx.Now, o, given, s)
	event := newEvent(o.account, o.origin, given, m.cfg.Excluded)
	addBuyerData(event, buyer.data)
	updated := millisOf(event.LastUpdatedTime)
	if !o.dirty && o.stale < maxStale && o.lags(updated, event.EventID) {
		m.stale(tx, o)
		return
	}
	news := updated >= o.emitted && event.EventID != o.emittedID
	m.keepBuyer(tx, o, buyer, news)
	if news {
		if o.origin == originReplay && updated == o.emitted {
			event.Replaces = o.emittedID
		}
		out := machine.Output{Topic: schemas.Orders, Account: o.account, Value: event}
		if o.received != 0 {
			out.Headers = []machine.Header{{Key: ReceivedAt, Value: strconv.AppendInt(nil, int64(o.received), 10)}}
		}
		tx.Emit(out)
		o.emitted, o.emittedID = updated, event.EventID
	}
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

// stale asks again for an order whose answer is not believed.
func (m *Machine) stale(tx *machine.Tx, o *order) {
	o.stale, o.part = o.stale+1, nil
	m.delay(tx, o, lane.Backoff(o.Key, int(o.stale), staleBase, staleLimit))
}

// refused takes a definite no. An order that Amazon has never shown may be too
// new, so that is asked again a few times, and then its notifications are
// dropped for a while. Any other refusal is asked again more often, and then
// set aside for a person to look at.
func (m *Machine) refused(tx *machine.Tx, o *order, err error) {
	var refusal *model.Error
	if o.emitted == 0 && errors.As(err, &refusal) && refusal.Class == model.NotFound {
		if o.stale < maxStale {
			o.stale++
			m.delay(tx, o, lane.Backoff(o.Key, int(o.stale), missingBase, missingLimit))
			return
		}
		o.reset()
		o.missing = millisOf(tx.Now.Add(missingFor))
		m.save(tx, o)
		return
	}
	if o.attempts < maxRefusals {
		m.retry(tx, o)
		return
	}
	tx.SetAside(o.account, o.Key, reasonRefused, fmt.Sprintf(
		"order %s of account %s was not fetched after %d tries; Amazon's last answer: %v. "+
			"Mend what it names; the next notification of the order fetches it again",
		o.id(), o.account, o.attempts+1, err))
	o.unsatisfied(tx.Now)
	m.save(tx, o)
}

// forbidden takes refused access. Unless the account's other orders have been
// answered since it was last refused to this one, which is then own to the
// order, it is the account that is refused, and no number of tries lets its
// orders go. The order goes behind all that arrive before the account's next
// probe, which is then another's.
func (m *Machine) forbidden(tx *machine.Tx, o *order, err error, own bool) {
	o.forbidden = millisOf(tx.Now)
	if own {
		m.refused(tx, o, err)
		return
	}
	m.delay(tx, o, lane.ProbeAfter+lane.Backoff(o.Key, 1, retryBase, retryLimit))
}

// Changed takes accounts that may be mended: what waits for the next probe of a
// parked one goes on now.
func (m *Machine) Changed(tx *machine.Tx, accounts []string) {
	changed := make(map[string]bool, len(accounts))
	for _, account := range accounts {
		changed[account] = true
		m.lanes.Changed(tx, account)
		m.v0.changed(tx, account)
		m.reconciler.changed(tx, account)
	}
	// No other wait is as long. What the order was refused for is not in the state.
	probe := millisOf(tx.Now.Add(max(retryLimit, lateWait)))
	for _, o := range m.orders {
		if o.pending && !o.InFlight() && changed[o.account] && (o.notBefore > probe || o.forbidden != 0 && o.notBefore > millisOf(tx.Now)) {
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
