package world

import (
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

// Agenda is what will happen in the marketplace at known times of the
// simulator's clock: feeds that start and end, effects that come late. What is
// due happens when a timer says so, or before a call that arrives later: a
// caller never sees a marketplace that is behind the clock.
type Agenda struct {
	clock clock.Clock

	running sync.Mutex // held while things happen, so that they happen in order

	mu      sync.Mutex
	planned Timeline[func()]
	timer   *time.Timer
	closed  bool
}

// NewAgenda makes an agenda of nothing.
func NewAgenda(c clock.Clock) *Agenda { return &Agenda{clock: c} }

// Schedule makes something happen at a time. It may be called from what happens.
func (a *Agenda) Schedule(at time.Time, happen func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	a.planned.Add(at, happen)
	a.arm()
}

// arm sets the timer to what comes first; call it with mu held.
func (a *Agenda) arm() {
	if a.timer != nil {
		a.timer.Stop()
		a.timer = nil
	}
	first, planned := a.planned.First()
	if a.closed || !planned {
		return
	}
	// A scaled clock rounds: without the addition it could wake up just too early.
	wait := a.clock.Real(max(first.Sub(a.clock.Now()), 0)) + time.Microsecond
	a.timer = time.AfterFunc(wait, func() { a.Run(a.clock.Now()) })
}

// Run lets everything happen that is due.
func (a *Agenda) Run(now time.Time) {
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
func (a *Agenda) next(now time.Time) func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if first, planned := a.planned.First(); a.closed || !planned || first.After(now) {
		a.arm()
		return nil
	}
	_, happen := a.planned.Take()
	return happen
}

// Close ends the agenda: nothing happens any more once it returns.
func (a *Agenda) Close() {
	a.mu.Lock()
	a.closed = true
	a.arm()
	a.mu.Unlock()
	a.running.Lock() // waits for what is happening
	defer a.running.Unlock()
}
