package orders

import (
	"iter"
	"math"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// backlogged reports whether an account has more orders to fetch than getOrder gives in
// backlogOf, and searches help.
func (m *Machine) backlogged(account string) bool {
	if _, ok := m.cfg.Accounts().ByID(account); !ok || m.cfg.V0 {
		return false
	}
	waiting := m.lanes.PendingOf(account)
	if g := m.gates[account]; g != nil {
		waiting += g.waiting()
	}
	return float64(waiting) > m.cfg.Limits.Of(account, model.GetOrder).Rate*backlogOf.Seconds()
}

// hurrySearch lets an account's search that waits take account of a backlog.
func (m *Machine) hurrySearch(account string, now time.Time) {
	if s := m.reconciler.searches[searchPrefix+account]; s != nil && s.Queued() && m.backlogged(account) {
		m.queueSearch(s, now)
	}
}

// part returns where the next part of a search begins: at the cursor (zero) or, with a
// backlog, where as many orders are known to have changed since as can be paged now.
func (m *Machine) part(s *search, now time.Time) time.Time {
	if !m.backlogged(s.Account) {
		return time.Time{}
	}
	pages := 1 + int(m.reconciler.lanes.Tokens(s.Account, now)) // the token of this one has been taken
	changes := m.waitingSince(s.Account, millisOf(s.CursorTime)+1, millisOf(s.left()))
	if len(changes) <= pages*backlogPage {
		return time.Time{}
	}
	slices.Sort(changes)
	return changes[len(changes)-pages*backlogPage].time()
}

// waitingSince are the times of the changes in a span for which an account's orders wait.
func (m *Machine) waitingSince(account string, from, to millis) (changes []millis) {
	for o := range m.waitingOf(account) {
		if from <= o.wanted && o.wanted < to {
			changes = append(changes, o.wanted)
		}
	}
	return changes
}

// waitingOf are the orders of an account that wait for getOrder, in any order.
func (m *Machine) waitingOf(account string) iter.Seq[*order] {
	return func(yield func(*order) bool) {
		for item := range m.lanes.Of(account) {
			if o := m.orders[item.Key]; o != nil && !yield(o) {
				return
			}
		}
		g := m.gates[account]
		if g == nil {
			return
		}
		for _, waiting := range []*lane.Ranked{&g.fresh, &g.again} {
			for item := range waiting.Next(math.MaxInt) {
				if o := m.orders[item.Key]; o != nil && !yield(o) {
					return
				}
			}
		}
	}
}
