package inventory

import (
	"fmt"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// againBase and againLimit bound the wait after a try that settled nothing.
	againBase  = time.Minute
	againLimit = 30 * time.Minute
	// alertPause is how long a lane's next alert about a single SKU waits.
	alertPause = 24 * time.Hour
)

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
	m.unsure(s, u, tx.Now)
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
	failing, f := s.work.had().failing, m.feeds.Lane(s.account(), m.target(s))
	if tx.Now.Before(failing.add(feedlane.AlertAfter).time()) || f.Fails() || tx.Now.Before(f.ToldOf.Add(alertPause)) {
		return
	}
	m.endToldOf(tx, f, "another alert says how it is now")
	f.ToldOf, f.SKUTold = tx.Now, s.Key
	f.Save(tx)
	alert(tx, s.account(), schemas.Alert{
		EventType: alertWaits, Severity: warning, Subject: s.id(), Since: failing.time(),
		Message: fmt.Sprintf("the quantity of SKU %q is not at Amazon: %s (%s). It is tried again with growing waits, for %v in all; then its outcome is "+
			"FAILED or REJECTED. Others of the account may fare alike, and are not reported for %v", s.id(), why.message, why.code, m.cfg.Patience, alertPause),
		Attributes: map[string]string{"marketplaceId": f.Marketplace, "code": why.code},
	})
}

// endTold resolves the alert about a SKU whose quantity Amazon has taken, or that has nothing left to do.
func (m *Machine) endTold(tx *machine.Tx, s *sku) {
	for _, f := range m.feeds.Of(s.account()) {
		if f.SKUTold == s.Key {
			m.endToldOf(tx, f, "inventory-results has what became of it")
		}
	}
}

// endTolds resolves those about SKUs that have nothing left to do at the start. A version that knew
// no ends may have brought that about.
func (m *Machine) endTolds(tx *machine.Tx) {
	for _, f := range m.feeds.All() {
		if s := m.skus[f.SKUTold]; s == nil || s.work == nil {
			m.endToldOf(tx, f, "it has nothing left to do")
		}
	}
}

// endToldOf resolves the alert about a lane's SKU, if one holds, for the reason why.
func (m *Machine) endToldOf(tx *machine.Tx, f *feedLane, why string) {
	if f.SKUTold == "" {
		return
	}
	id := f.SKUTold
	if rest, isKey := strings.CutPrefix(id, skuPrefix+f.Account+"/"); isKey {
		_, id, _ = strings.Cut(rest, "/")
	}
	tx.ResolveRaised(&schemas.Alert{
		EventType: alertWaits, Account: f.Account, Role: Processor, Subject: id, Attributes: map[string]string{"marketplaceId": f.Marketplace},
		Message: fmt.Sprintf("The quantity of SKU %q waited: %s.", id, why),
	}, f.ToldOf)
	f.SKUTold = ""
	f.Save(tx)
}

// overdue is how many SKUs wait because of a lane, where one has waited for AlertAfter: what has only
// just come may go by a patch within seconds.
func (m *Machine) overdue(tx *machine.Tx, f *feedLane) int {
	n, oldest := m.heldLong(tx)[f.Account], machine.Earliest(f.Own.oldest(), f.Own.feedOnly.Due(), f.Oldest())
	for s := range m.account(f.Account).patches {
		oldest = machine.Earliest(oldest, s.work.since.time())
	}
	if !oldest.IsZero() && tx.Now.Sub(oldest) >= feedlane.AlertAfter {
		n += f.Own.waiting() + f.Own.feedOnly.Len() + f.Carried() + m.patches.PendingOf(f.Account)
	}
	return n
}

// heldLong is how many SKUs of each account wait for a time, and have waited for AlertAfter. They can
// be very many: they are counted for all lanes at once, and once per AlertAfter.
func (m *Machine) heldLong(tx *machine.Tx) map[string]int {
	if m.held == nil || tx.Now.Sub(m.heldAt) >= feedlane.AlertAfter {
		m.heldAt, m.held = tx.Now, make(map[string]int)
		for item := range m.holds.All() {
			if s := m.skus[item.Key]; s != nil && s.work != nil && tx.Now.Sub(s.work.since.time()) >= feedlane.AlertAfter {
				m.held[s.account()]++
			}
		}
	}
	return m.held
}

// tell raises one alert when the lane has been in trouble for minutes and SKUs wait
// for more than a feed that Amazon has taken.
func (m *Machine) tell(tx *machine.Tx, f *feedLane) {
	trouble, waiting := m.feeds.Tell(tx, f, func() int { return m.overdue(tx, f) })
	if waiting == 0 {
		return
	}
	alert(tx, f.Account, schemas.Alert{
		EventType: alertWaits, Severity: critical, Subject: f.Marketplace, Since: trouble.Since,
		Message: fmt.Sprintf("%d SKUs wait, and feeds of marketplace %s fail: %s. They are tried with growing waits, and in smaller portions; what may go by "+
			"single calls does. An update that is tried for %v without an answer ends FAILED", waiting, f.Marketplace, trouble.Reason, m.cfg.Patience),
		Attributes: map[string]string{"marketplaceId": f.Marketplace, "failures": fmt.Sprint(trouble.Failures)},
	})
}
