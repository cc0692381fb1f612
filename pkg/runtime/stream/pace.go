package stream

import (
	"time"

	"golang.org/x/time/rate"
)

const (
	// paceRate is how many ticks a second the units of a processor have together before
	// they wait for more records. On a busy machine a tick costs about half a millisecond
	// of CPU besides its records, with its fetches: all of them, a quarter of a core.
	paceRate = 500
	// paceBurst is how many ticks come at once. With less to do than paceRate no unit
	// ever waits.
	paceBurst = 100
	// paceMost bounds the wait of a tick.
	paceMost = 100 * time.Millisecond
)

// newPace is what the units of a processor share. Under load each tick waits for its
// turn, and meanwhile the broker gathers more records for it: with many units the
// transactions would otherwise be many and small.
func newPace() *rate.Limiter { return rate.NewLimiter(paceRate, paceBurst) }

// await waits for the tick's turn. Calls that end meanwhile make room for others.
func (s *session) await() {
	turn := s.u.p.pace.Reserve()
	wait := turn.Delay()
	if wait == 0 {
		return
	}
	if wait > paceMost {
		turn.Cancel() // or a debt would grow that is paid when the load is over
		wait = paceMost
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return
		case <-s.u.intake.Done():
			return
		case res := <-s.calls.done:
			s.ended(res)
		case q := <-s.u.asked:
			s.answer(q)
		}
	}
}
