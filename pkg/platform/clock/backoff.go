package clock

import (
	"math/rand/v2"
	"time"
)

// Backoff returns how long to wait after a try has failed, failures tries having failed
// before it: first, doubled for each of those, at most limit, less a random part of up to
// a half, so that many do not come back at once.
func Backoff(failures int, first, limit time.Duration) time.Duration {
	wait, doublings := limit, max(failures, 0)
	if first <= limit>>doublings {
		wait = first << doublings
	}
	return wait - rand.N(max(wait/2, 1))
}
