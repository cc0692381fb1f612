package machinetest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// Flight is a call on its way to Amazon and back.
type Flight struct {
	Call    machine.Call
	Began   time.Time // when its intent was committed
	Arrives time.Time // at Amazon
	Ends    time.Time // when the machine has the answer
	Arrived bool
	Outcome machine.Outcome
	Fault   string // what goes wrong with it, in the words of the test
}

// Traffic is what is on its way to a machine and between it and Amazon, for tests that
// interleave records, calls, crashes and lost transactions at random. It owns how long
// things take. A test owns what arrives and what Amazon makes of calls.
type Traffic[M machine.Machine] struct {
	Random *rand.Rand
	Queue  []*machine.Record // input on its way, in order
	Flying []*Flight

	// Slowest is the longest that Amazon takes for an answer; 3 s by default.
	Slowest time.Duration
	// Arrive carries out a call that has arrived at Amazon, and returns how it ends.
	Arrive func(*Flight) machine.Outcome
	// Depart, if not nil, sees a call that begins.
	Depart func(*Flight)
	// Intake, if not nil, queues what has come up by now, and returns when more will;
	// zero for what only an event brings.
	Intake func() time.Time

	unit    *Runtime[M]
	effects []effect
}

// effect is something that happens at Amazon by itself.
type effect struct {
	at time.Time
	do func(at time.Time)
}

// NewTraffic makes a Traffic of a unit without anything on its way.
func NewTraffic[M machine.Machine](unit *Runtime[M], random *rand.Rand, arrive func(*Flight) machine.Outcome) *Traffic[M] {
	return &Traffic[M]{Random: random, Slowest: 3 * time.Second, Arrive: arrive, unit: unit}
}

// Deliver runs a tick with up to n queued records and the calls that have ended. The
// calls that it starts are on their way then.
func (t *Traffic[M]) Deliver(n int) {
	t.unit.T.Helper()
	t.intake()
	n = min(n, len(t.Queue))
	records := t.Queue[:n]
	t.Queue = t.Queue[n:]
	for _, call := range t.unit.Tick(records, t.Landed()...) {
		arrives := t.unit.Now.Add(t.upTo(900 * time.Millisecond))
		f := &Flight{Call: call, Began: t.unit.Now, Arrives: arrives, Ends: arrives.Add(t.upTo(t.Slowest))}
		if t.Depart != nil {
			t.Depart(f)
		}
		t.Flying = append(t.Flying, f)
	}
}

// DeliverAll is Deliver with all that is queued.
func (t *Traffic[M]) DeliverAll() {
	t.unit.T.Helper()
	t.Deliver(math.MaxInt)
}

// upTo returns a random time below d, in whole milliseconds.
func (t *Traffic[M]) upTo(d time.Duration) time.Duration {
	return time.Duration(t.Random.IntN(int(d.Milliseconds()))) * time.Millisecond
}

func (t *Traffic[M]) intake() (next time.Time) {
	if t.Intake == nil {
		return time.Time{}
	}
	return t.Intake()
}

// Landed takes out the calls that have ended by now, and returns their results.
func (t *Traffic[M]) Landed() (results []machine.Result) {
	var flying []*Flight
	for _, f := range t.Flying {
		if f.Ends.After(t.unit.Now) {
			flying = append(flying, f)
			continue
		}
		results = append(results, machine.Result{Call: f.Call, Outcome: f.Outcome})
	}
	t.Flying = flying
	return results
}

// After has something happen at Amazon by itself, at a time.
func (t *Traffic[M]) After(at time.Time, do func(at time.Time)) {
	t.effects = append(t.effects, effect{at, do})
}

// Advance moves time on. Calls arrive at Amazon, and things happen there, in the order
// of their times.
func (t *Traffic[M]) Advance(d time.Duration) {
	end := t.unit.Now.Add(d)
	for f := t.arrival(end); f != nil; f = t.arrival(end) {
		t.happen(f.Arrives)
		f.Arrived, f.Outcome = true, t.Arrive(f)
	}
	t.happen(end)
	t.unit.Now = end
}

// arrival is the next call that arrives at Amazon until a time; nil for none.
func (t *Traffic[M]) arrival(until time.Time) (next *Flight) {
	for _, f := range t.Flying {
		if !f.Arrived && !f.Arrives.After(until) && (next == nil || f.Arrives.Before(next.Arrives)) {
			next = f
		}
	}
	return next
}

// happen makes all happen that is due by now, in order; effects may cause others.
func (t *Traffic[M]) happen(now time.Time) {
	for {
		i := t.nextEffect()
		if i < 0 || t.effects[i].at.After(now) {
			return
		}
		e := t.effects[i]
		t.effects = slices.Delete(t.effects, i, i+1)
		e.do(e.at)
	}
}

// nextEffect is the index of the first effect; -1 for none.
func (t *Traffic[M]) nextEffect() int {
	next := -1
	for i := range t.effects {
		if next < 0 || t.effects[i].at.Before(t.effects[next].at) {
			next = i
		}
	}
	return next
}

// Crash ends the process and starts another one. The calls under way still arrive at
// Amazon within a second, and nobody hears of their ends.
func (t *Traffic[M]) Crash() {
	t.unit.T.Helper()
	t.Advance(time.Second)
	t.Flying = nil
	t.unit.Restart()
}

// Lose makes a tick with up to n queued records crash before its commit: its input comes
// again, and nothing that it asked for happens.
func (t *Traffic[M]) Lose(n int) {
	t.unit.T.Helper()
	t.intake()
	t.unit.Decide(t.Queue[:min(n, len(t.Queue))])
	t.Crash()
}

// Settle delivers what is left, and then ticks when the machine wants it, when calls
// end and when anything happens, until nothing flies and settled reports true. It
// returns an error where that does not come within so many ticks, or never will.
func (t *Traffic[M]) Settle(ticks int, settled func() bool) error {
	t.unit.T.Helper()
	for range ticks {
		t.DeliverAll()
		more := t.intake()
		switch {
		case len(t.Queue) > 0: // it has come up meanwhile
			continue
		case len(t.Flying) == 0 && settled():
			return nil
		}
		next := t.next(more)
		if next.IsZero() {
			return errors.New("work is pending, and the machine wants no tick")
		}
		t.Advance(max(0, next.Sub(t.unit.Now)))
	}
	return fmt.Errorf("%d are still pending at %v", t.unit.Machine.Pending(), t.unit.Now)
}

// next is the earliest of more and of what else causes a tick; zero for nothing.
func (t *Traffic[M]) next(more time.Time) time.Time {
	next := machine.Earliest(more, t.unit.Wake)
	for _, f := range t.Flying {
		next = machine.Earliest(next, f.Ends)
	}
	if i := t.nextEffect(); i >= 0 {
		next = machine.Earliest(next, t.effects[i].at)
	}
	return next
}
