package stock

import (
	"slices"
	"sort"
	"time"
)

// agenda is what happens in virtual time, in order.
type agenda struct {
	now    time.Duration // since the start
	events []event       // the next one last: most of what is added happens soon
}

type event struct {
	at time.Duration
	do func()
}

// at has do happen at t, or now if that is past. Events of the same time happen in the
// order in which they were added.
func (a *agenda) at(t time.Duration, do func()) {
	t = max(t, a.now)
	i := sort.Search(len(a.events), func(i int) bool { return a.events[i].at <= t })
	a.events = slices.Insert(a.events, i, event{t, do})
}

// in has do happen after d.
func (a *agenda) in(d time.Duration, do func()) { a.at(a.now+d, do) }

// step lets the next event happen; false when there is none.
func (a *agenda) step() bool {
	last := len(a.events) - 1
	if last < 0 {
		return false
	}
	next := a.events[last]
	a.events = slices.Delete(a.events, last, last+1)
	a.now = next.at
	next.do()
	return true
}
