package orders

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// An order that Amazon refuses, or answers with what cannot be used, is its own
// concern (containment rule 4): it waits longer after each try, and nobody waits
// with it. It is not given up before Config.Patience has passed (containment rule
// 5): Amazon has refused all orders of an account for twelve hours, and then none.
// One alert for each account says after minutes that orders wait. What is given up
// is one dead letter, which `sellerstream deadletters retry` sends back.

const (
	// defaultPatience is twice as long as the longest such trouble that was reported
	// (amzn/selling-partner-api-models#5365: 400 to getOrder for twelve hours).
	defaultPatience = 24 * time.Hour
	// refusedLimit bounds the wait after a refusal.
	refusedLimit = time.Hour
	// minRefusals is how many refusals there are at least before an order is given
	// up: it may have waited for other reasons.
	minRefusals = 12
	// refusedTold is for how long, and toldRefusals how often at least, an order is
	// refused before an alert reports it.
	refusedTold  = 15 * time.Minute
	toldRefusals = 4

	// waveGrowth is how many times as many orders must be refused as were reported for
	// another alert.
	waveGrowth = 10

	alertRefused = "OrdersRefused"

	// reasonRefused and reasonTooLarge are the dead letters' reasons for an order
	// that is given up.
	reasonRefused  = "order_refused"
	reasonTooLarge = "order_too_large"
)

// refused takes a definite no, or an answer that cannot be used. An order that
// Amazon has never shown may be too new, so that is asked again a few times, and
// then its notifications are dropped for a while.
func (m *Machine) refused(tx *machine.Tx, o *order, err error) {
	o.part = nil
	if o.emitted == 0 && isNotFound(err) {
		m.unknown(tx, o)
		return
	}
	told := o.refusedLong(o.touched)
	o.refusals++
	o.refusedSince = cmp.Or(o.refusedSince, millisOf(tx.Now))
	if !told && o.refusedLong(millisOf(tx.Now)) {
		m.tellRefused(tx, o, err)
	}
	if o.refusals < minRefusals || tx.Now.Sub(o.refusedSince.time()) < m.cfg.Patience {
		m.delay(tx, o, lane.Backoff(o.Key, int(o.refusals), retryBase, refusedLimit))
		return
	}
	m.giveUp(tx, o, reasonRefused, fmt.Sprintf("order %s of account %s was not fetched in %s and %d tries; Amazon's last answer: %v. Mend what it names",
		o.id(), o.account, tx.Now.Sub(o.refusedSince.time()).Round(time.Minute), o.refusals, err))
}

func isNotFound(err error) bool { return isOf(model.NotFound, err) }

func isMalformed(err error) bool { return isOf(model.Malformed, err) }

func isOf(class model.Class, err error) bool {
	var refusal *model.Error
	return errors.As(err, &refusal) && refusal.Class == class
}

// unknown takes "no such order" about one that Amazon has never shown.
func (m *Machine) unknown(tx *machine.Tx, o *order) {
	if o.stale < maxStale {
		o.stale++
		m.delay(tx, o, lane.Backoff(o.Key, int(o.stale), missingBase, missingLimit))
		return
	}
	m.forgive(o)
	o.failure = nil
	o.reset()
	o.wanted, o.seen = 0, nil // a search that finds it all the same has it fetched
	o.missing = millisOf(tx.Now.Add(missingFor))
	m.save(tx, o)
}

// giveUp sets an order's fetch aside for a person to look at.
func (m *Machine) giveUp(tx *machine.Tx, o *order, reason, why string) {
	tx.SetAside(o.account, o.Key, reason, why+
		"; `sellerstream deadletters retry` then has it fetched again, as does the next notification of the order")
	o.failure = &schemas.Failure{Time: tx.Now, Code: reason, Message: schemas.Brief(why)}
	m.forgive(o)
	o.unsatisfied(tx.Now)
	m.save(tx, o)
}

// forgive forgets that an order was refused: it has been answered, or given up.
func (m *Machine) forgive(o *order) {
	o.refusals, o.refusedSince = 0, 0
	if w := m.waiting[o.account]; w != nil {
		delete(w.keys, o.Key)
		if w.told = min(w.told, len(w.keys)); w.told == 0 {
			delete(m.waiting, o.account)
		}
	}
}

// refusedLong reports whether the order was refused for long at a time.
func (o *order) refusedLong(at millis) bool {
	return o.refusedSince != 0 && o.refusals >= toldRefusals && at.time().Sub(o.refusedSince.time()) >= refusedTold
}

// refusedOrders are an account's orders that were refused for so long that they are
// reported.
type refusedOrders struct {
	keys map[string]struct{} // of the state
	told int                 // how many were refused when an alert last reported them, less those that are well
}

// noteRefused remembers that an order waits because it is refused.
func (m *Machine) noteRefused(o *order) *refusedOrders {
	w := m.waiting[o.account]
	if w == nil {
		w = &refusedOrders{keys: make(map[string]struct{})}
		m.waiting[o.account] = w
	}
	w.keys[o.Key] = struct{}{}
	return w
}

// refusing is how many orders of an account are refused at the moment.
func (m *Machine) refusing(account string) (n int) {
	for _, o := range m.orders {
		if o.account == account && o.refusals > 0 {
			n++
		}
	}
	return n
}

// tellRefused reports an order that waits, if none of its account does so far, or if
// ten times as many do as were reported: one odd order must not hide a wave.
func (m *Machine) tellRefused(tx *machine.Tx, o *order, err error) {
	w := m.noteRefused(o)
	if len(w.keys) < waveGrowth*w.told {
		return
	}
	w.told = m.refusing(o.account)
	since := o.refusedSince.time()
	tx.Alert(&schemas.Alert{
		EventType: alertRefused, Account: o.account, Role: Processor, Severity: "WARNING", Subject: o.id(), Since: since,
		Message: fmt.Sprintf("Amazon refuses order %s of account %s since %s, or answers with what cannot be used: %v. It is tried again for %s, with waits up to %s, "+
			"then it is a dead letter; other orders of the account go on. %d of the account are refused at the moment, "+
			"and the next alert comes at %d times as many. If many are, look with %s.",
			o.id(), o.account, since.UTC().Format(time.RFC3339), err, m.cfg.Patience, refusedLimit, w.told, waveGrowth, commands.Doctor(o.account)),
	})
}

// parked takes a refusal of the account: no number of tries lets its orders go. The
// order goes behind all that arrive before the account's next probe, which is then
// another's.
func (m *Machine) parked(tx *machine.Tx, o *order) {
	m.delay(tx, o, m.lane(o).Probe(o.account, tx.Now).Sub(tx.Now)+lane.Backoff(o.Key, 1, retryBase, retryLimit))
}
