package inventory

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// againBase and againLimit bound the wait after a try that settled nothing.
	againBase  = time.Minute
	againLimit = 30 * time.Minute
	// refusedBase and refusedLimit bound the wait after Amazon refused a document or
	// a feed.
	refusedBase  = 5 * time.Second
	refusedLimit = 5 * time.Minute
	// alertAfter is how long something fails before a person is told.
	alertAfter = 5 * time.Minute
	// alertPause is how long a lane's next alert about a single SKU waits.
	alertPause = 24 * time.Hour
)

// trouble is what is wrong with a lane's feeds: they are refused, unanswered, or
// end without a report that can be used.
type trouble struct {
	since  millis // zero for none
	reason string
	count  int32 // failures in a row
	told   bool
}

func (t *trouble) begin(now time.Time, why verdict) {
	if t.since == 0 {
		t.since = millisOf(now)
	}
	t.reason = words(why.message)
	if why.code != "" {
		t.reason = words(why.code + ": " + why.message)
	}
}

// failed counts a failure of what the lane sent, of n SKUs, and has the next feed
// wait. From the second one on the next feeds are half as large each: what a single
// SKU spoils comes to light, and the others get through. When one alone has failed,
// it waits by itself, and the next feed is whole again.
func (f *feedLane) failed(now time.Time, n int, why verdict) {
	f.trouble.begin(now, why)
	f.trouble.count++
	f.heldUntil = millisOf(now.Add(lane.Backoff(f.call.Key, int(f.trouble.count), refusedBase, refusedLimit)))
	switch {
	case n <= 1:
		f.most = 0
	case f.trouble.count > 1:
		f.most = n / 2
	}
}

// works ends the lane's trouble: Amazon has carried out a feed of it.
func (f *feedLane) works() { f.trouble, f.most = trouble{}, 0 }

// tried counts a try that did not settle a SKU's update, and reports whether
// patience with it is over: it was tried for Patience and MaxAttempts times.
func (m *Machine) tried(tx *machine.Tx, w *work) (over bool) {
	t := w.try()
	t.attempts++
	if t.failing == 0 {
		t.failing = millisOf(tx.Now)
	}
	return t.attempts >= int32(m.cfg.MaxAttempts) && !tx.Now.Before(t.failing.add(m.cfg.Patience).time())
}

// again sends an update again that is not settled: a quantity is absolute, so a
// repeat is harmless. What failed alone waits longer each time; what failed with
// others in a feed waits as their lane does. When patience is over (containment
// rule 5) giveUp gives the update its outcome.
func (m *Machine) again(tx *machine.Tx, s *sku, u *update, why verdict, how sending, giveUp ending) {
	w := s.work
	s.applied = unknownQuantity
	if w.newer(u) == nil {
		if m.tried(tx, w) {
			giveUp(tx, s, u, why, how)
			return
		}
		if !how.shared {
			w.try().notBefore = millisOf(tx.Now.Add(lane.Backoff(s.Key, int(w.had().attempts), againBase, againLimit)))
			m.tellOf(tx, s, why)
		}
	}
	m.want(tx, s, u)
}

// ending gives an update the outcome of one that is given up.
type ending func(tx *machine.Tx, s *sku, u *update, why verdict, how sending)

// tellOf raises an alert about a SKU that fails while its lane works, one a day and lane.
func (m *Machine) tellOf(tx *machine.Tx, s *sku, why verdict) {
	failing, f := s.work.had().failing, m.feedLane(s.account(), m.target(s))
	if tx.Now.Before(failing.add(alertAfter).time()) || f.trouble.since != 0 || tx.Now.Before(f.toldOf.Add(alertPause)) {
		return
	}
	f.toldOf = tx.Now
	f.save(tx)
	alert(tx, s.account(), schemas.Alert{
		EventType: alertWaits, Severity: warning, Subject: s.id(), Since: failing.time(),
		Message: fmt.Sprintf("the quantity of SKU %q is not at Amazon: %s (%s). It is tried again with growing waits, for %v in all; then its outcome is "+
			"FAILED or REJECTED. Others of the account may fare alike, and are not reported for %v", s.id(), why.message, why.code, m.cfg.Patience, alertPause),
		Attributes: map[string]string{"marketplaceId": f.marketplace, "code": why.code},
	})
}

// tell raises one alert when the lane has been in trouble for minutes and SKUs wait
// for more than a feed that Amazon has taken.
func (m *Machine) tell(tx *machine.Tx, f *feedLane) {
	t := &f.trouble
	switch due := t.since.add(alertAfter).time(); {
	case t.since == 0 || t.told || f.phase == phaseRunning:
		return
	case tx.Now.Before(due):
		m.wakeAt(f, due)
		return
	}
	waiting := m.pendingOf(f.account)
	for item := range m.holds.All() {
		if s := m.skus[item.Key]; s != nil && s.account() == f.account {
			waiting++
		}
	}
	if waiting == 0 {
		return // all went by patches
	}
	t.told = true
	f.save(tx)
	alert(tx, f.account, schemas.Alert{
		EventType: alertWaits, Severity: critical, Subject: f.marketplace, Since: t.since.time(),
		Message: fmt.Sprintf("%d SKUs wait, and feeds of marketplace %s fail: %s. They are tried with growing waits, and in smaller portions; what may go by "+
			"single calls does. An update that is tried for %v without an answer ends FAILED", waiting, f.marketplace, t.reason, m.cfg.Patience),
		Attributes: map[string]string{"marketplaceId": f.marketplace, "failures": fmt.Sprint(t.count)},
	})
}
