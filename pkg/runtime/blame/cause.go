package blame

import (
	"slices"
	"time"
)

type causeKey struct{ host, alike string }

// voice is which operation of an account speaks of a cause.
type voice struct {
	alike string
	pair  pair
	scope scope // by which it concerns the pair
	since time.Time
	last  time.Time
}

// heard takes a failure. Its operation speaks for the account unless another does
// already.
func (v *voice) heard(p pair, now time.Time) (since time.Time) {
	if v.since.IsZero() || now.Sub(v.last) >= tooOld {
		v.pair, v.since = p, now
	}
	if v.pair == p {
		v.last = now
	}
	return v.since
}

func (v *voice) of(call Call) bool { return v.pair == pair{call.Account, call.Operation} }

// cause is what several runs of accounts have in common: one thing to report.
type cause struct {
	key      causeKey
	since    time.Time
	last     time.Time // when it was last seen
	ended    time.Time // when no run was left
	status   string    // of the last answer, where the key does not have it
	open     map[scope]struct{}
	accounts map[string]struct{}
	voice    voice
	told     int // how many alerts of it have ended, as far as is known here
}

// add notes that the cause was seen.
func (c *cause) add(s scope, account string, now time.Time) {
	c.open[s], c.accounts[account] = struct{}{}, struct{}{}
	c.last = now
}

// party is the application, or the host when several applications are concerned.
func (c *cause) party(of Party) Party {
	if of != Application {
		return of
	}
	first, one := "", true
	for s := range c.open {
		if first != "" && s.application != first {
			one = false
		}
		first = s.application
	}
	if one {
		return Application
	}
	return Host
}

// shared is the cause as a call that it concerns sees it.
func (c *cause) shared(s scope, party Party, call Call, now time.Time) *Shared {
	if !call.Mute {
		if c.voice.heard(pair{call.Account, call.Operation}, now); c.voice.of(call) {
			c.voice.scope = s
		}
	}
	found := &Shared{
		Party: party, Cause: c.key.alike, Status: c.status, Host: c.key.host, Since: c.since, Count: len(c.accounts),
		Operations: sorted(c.open, func(s scope) string { return s.operation }),
		Accounts:   sorted(c.accounts, func(account string) string { return account }),
		Speaks:     c.voice.of(call), Told: c.told,
	}
	if party == Application {
		found.Application = call.Application
	}
	return found
}

// end ends a scope's part in the cause. What else fails gets a speaker where the scope's was
// it: that one's alert ends, and the next needs an id of its own.
func (c *cause) end(s scope, now time.Time) {
	delete(c.open, s)
	over, spoke := len(c.open) == 0, c.voice.scope == s
	if (over || spoke) && now.Sub(c.since) >= tellsFrom {
		c.told++
	}
	switch {
	case over:
		c.ended = now
	case spoke:
		c.voice = voice{}
	}
}

// sorted are a few of a set, in order.
func sorted[K comparable](set map[K]struct{}, text func(K) string) []string {
	all := make([]string, 0, len(set))
	for k := range set {
		all = append(all, text(k))
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), maxNamed)]
}
