package breaker

import (
	"math/rand/v2"
	"time"
)

const (
	// retryShare is how many retries each call earns, so that on a bad day the
	// load grows by a fifth and not by whatever fails.
	retryShare = 0.2
	// retryFloor is how many retries an account has without other calls, at most.
	// retryEvery brings one back, so that a single order that always fails has some.
	retryFloor = 10
	retryEvery = time.Minute
	// retryPause is how long an account's calls wait, at least, when there are
	// none left; at most half as long again.
	retryPause = 30 * time.Second
)

// budget is what is left of an account's retries in one section of the API.
type budget struct {
	left float64
	at   time.Time
}

func (b *budget) earn(now time.Time, share float64) {
	b.left = min(b.left+share+max(0, now.Sub(b.at).Seconds())/retryEvery.Seconds(), retryFloor)
	b.at = now
}

// Retry reports whether a call of account that failed for the moment may be made
// again as soon as its backoff is over. If not, the account's calls of the
// operation should wait.
func (s *Breakers) Retry(account, operation string) (wait time.Duration, ok bool) {
	now := s.clock.Now()
	key := key{account, sectionOf(operation)}
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.budgets[key]
	if b == nil {
		b = &budget{left: retryFloor, at: now}
		s.budgets[key] = b
	}
	b.earn(now, 0)
	if b.left < 1 {
		return retryPause + rand.N(retryPause/2), false
	}
	b.left--
	return 0, true
}

// earn credits a call. A budget that is full again is forgotten.
func (s *Breakers) earn(key key, now time.Time) {
	if b := s.budgets[key]; b != nil {
		if b.earn(now, retryShare); b.left >= retryFloor {
			delete(s.budgets, key)
		}
	}
}
