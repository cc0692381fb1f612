package machine

import "time"

// Observed is a Machine that can tell how it is doing. Observe is called between
// ticks, when somebody looks: it may go through what is pending, but not through
// all that is remembered.
type Observed interface {
	Observe(stats *Stats)
}

// Stats collect how a unit's machine is doing. A Stats with Now set is ready to use.
type Stats struct {
	// Now is the time on the pipeline's clock.
	Now time.Time
	// Followed are the accounts whose own numbers are wanted, a few of many.
	Followed []string

	// Oldest is since when the oldest of what is pending waits; zero for nothing.
	Oldest time.Time
	// Operations are the quotas, by operation.
	Operations map[string]Quota
	// Shared is what the unit may call in a second within the limits of applications, by
	// operation; without those that cannot bind.
	Shared map[string]float64
	// Parked are the accounts whose calls wait for credentials.
	Parked map[string]struct{}
	// Accounts are the followed ones that have numbers.
	Accounts map[string]*AccountStats
	// Counts are the machine's own numbers, by a name of its package's.
	Counts map[string]int
	// Oldests are since when the oldest of some of what is pending waits, by a name of its
	// package's. A name with nothing pending is left out.
	Oldests map[string]time.Time
}

// Quota is how the accounts stand in an operation's quota.
type Quota struct {
	Tokens  float64 // of the account that has least
	Waiting int     // accounts whose next call waits for a token
}

// AccountStats are a followed account's numbers.
type AccountStats struct {
	Pending int
	Tokens  map[string]float64 // by operation
}

// Since notes that something has been pending since a time.
func (s *Stats) Since(t time.Time) {
	s.Oldest = Earliest(s.Oldest, t)
}

// Bucket notes how many tokens an account has for an operation, and whether its
// next call waits for one.
func (s *Stats) Bucket(account, operation string, tokens float64, waits bool) {
	q, known := s.Operations[operation]
	if !known || tokens < q.Tokens {
		q.Tokens = tokens
	}
	if waits {
		q.Waiting++
	}
	if s.Operations == nil {
		s.Operations = make(map[string]Quota)
	}
	s.Operations[operation] = q
	for _, followed := range s.Followed {
		if followed == account {
			s.account(account).Tokens[operation] = tokens
		}
	}
}

// Share notes a rate that the unit may call at within the limit of an application.
func (s *Stats) Share(operation string, rate float64) {
	if s.Shared == nil {
		s.Shared = make(map[string]float64)
	}
	s.Shared[operation] += rate
}

// Park notes that an account is parked.
func (s *Stats) Park(account string) {
	if s.Parked == nil {
		s.Parked = make(map[string]struct{})
	}
	s.Parked[account] = struct{}{}
}

// Pending notes how much of a followed account is pending.
func (s *Stats) Pending(account string, n int) {
	if n > 0 {
		s.account(account).Pending += n
	}
}

// Count notes a number of the machine's own.
func (s *Stats) Count(name string, n int) {
	if s.Counts == nil {
		s.Counts = make(map[string]int)
	}
	s.Counts[name] += n
}

// SinceOf notes that something of a kind of the machine's own has been pending since a time.
func (s *Stats) SinceOf(name string, t time.Time) {
	if s.Oldests == nil {
		s.Oldests = make(map[string]time.Time)
	}
	s.Oldests[name] = Earliest(s.Oldests[name], t)
}

func (s *Stats) account(id string) *AccountStats {
	if s.Accounts == nil {
		s.Accounts = make(map[string]*AccountStats)
	}
	a := s.Accounts[id]
	if a == nil {
		a = &AccountStats{Tokens: make(map[string]float64)}
		s.Accounts[id] = a
	}
	return a
}
