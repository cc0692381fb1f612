package stream

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// pacedSession is one that shares its pace with others.
func pacedSession(t *testing.T, p *Processor) *session {
	u := &unit{p: p, asked: make(chan question)}
	u.intake, u.stopIntake = context.WithCancelCause(t.Context())
	return &session{u: u, calls: &calls{done: make(chan machine.Result, 1), running: 1}}
}

// TestTicksOfManyUnitsShareTheirPace lets 12 and 48 units have something to do all the
// time: both make as many ticks in all. A unit that has rested does not wait.
func TestTicksOfManyUnitsShareTheirPace(t *testing.T) {
	t.Parallel()
	const load = 10 * time.Second
	for _, units := range []int{12, 48} {
		synctest.Test(t, func(t *testing.T) {
			p := &Processor{pace: newPace()}
			ticks := make([]int, units)
			began := time.Now()
			var all sync.WaitGroup
			for i := range ticks {
				s := pacedSession(t, p)
				all.Go(func() {
					for {
						last := time.Now()
						s.await()
						if time.Since(began) > load {
							return
						}
						if waited := time.Since(last); waited > paceMost {
							t.Errorf("a tick waited %s", waited)
						}
						ticks[i]++
					}
				})
			}
			all.Wait()
			time.Sleep(time.Second)
			total := 0
			for _, n := range ticks {
				total += n
				if fair := paceRate * 10 / units; n < fair*9/10 {
					t.Errorf("a unit of %d made %d ticks; a fair share is %d", units, n, fair)
				}
			}
			if most := paceRate*10 + paceBurst; total > most || total < most*9/10 {
				t.Errorf("%d units made %d ticks in %s, want %d", units, total, load, most)
			}
			rested := time.Now()
			for range paceBurst {
				pacedSession(t, p).await()
			}
			if waited := time.Since(rested); waited != 0 {
				t.Errorf("after a rest of a second ticks waited %s", waited)
			}
		})
	}
}

// TestNothingElseWaitsForATick: calls that end while a tick waits are taken, and a
// handover ends the wait.
func TestNothingElseWaitsForATick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &Processor{pace: newPace()}
		s := pacedSession(t, p)
		p.pace.ReserveN(time.Now(), paceBurst)
		p.pace.ReserveN(time.Now(), paceRate/20) // a wait of 50 ms
		s.calls.done <- machine.Result{}
		began := time.Now()
		time.AfterFunc(10*time.Millisecond, func() { s.u.stopIntake(errDrained) })
		if s.await(); len(s.results) != 1 || time.Since(began) != 10*time.Millisecond {
			t.Errorf("%d results after %s, want 1 after 10ms", len(s.results), time.Since(began))
		}
	})
}
