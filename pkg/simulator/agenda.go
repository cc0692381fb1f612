package simulator

import (
	"container/heap"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

// agenda is what will happen in the marketplace at known times of the
// simulator's clock: feeds that start and end, effects that come late. What is
// due happens when a timer says so, or before a call that arrives later: a
// caller never sees a marketplace that is behind the clock.
type agenda struct {
	clock clock.Clock

	running sync.Mutex // held while things happen, so that they happen in order

	mu       sync.Mutex
	planned  happenings
	sequence int
	timer    *time.Timer
	closed   bool
}

// schedule makes something happen at a time. It may be called from what happens.
func (a *agenda) schedule(at time.Time, happen func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.sequence++
	heap.Push(&a.planned, happening{at, a.sequence, happen})
	a.arm()
}

// arm sets the timer to what comes first; call it with mu held.
func (a *agenda) arm() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	if a.closed || len(a.planned) == 0 {
		return
	}
	// A scaled clock rounds: without the addition it could wake up just too early.
	wait := a.clock.Real(max(a.planned[0].at.Sub(a.clock.Now()), 0)) + time.Microsecond
	a.timer = time.AfterFunc(wait, func() { a.run(a.clock.Now()) })
}

// run lets everything happen that is due.
func (a *agenda) run(now time.Time) {
	a.running.Lock()
	defer a.running.Unlock()
	for {
		happen := a.next(now)
		if happen == nil {
			return
		}
		happen()
	}
}

// next takes out what is due first; nil when nothing is.
func (a *agenda) next(now time.Time) func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed || len(a.planned) == 0 || a.planned[0].at.After(now) {
		a.arm()
		return nil
	}
	return heap.Pop(&a.planned).(happening).happen
}

// close ends the agenda: nothing happens any more once it returns.
func (a *agenda) close() {
	a.mu.Lock()
	a.closed = true
	a.arm()
	a.mu.Unlock()
	a.running.Lock() // waits for what is happening
	defer a.running.Unlock()
}

// happening is something that happens at a time; among equals the one planned first.
type happening struct {
	at       time.Time
	sequence int
	happen   func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].sequence < h[j].sequence
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	(*h)[last] = happening{} // lets go of what it refers to
	*h = (*h)[:last]
	return x
}
