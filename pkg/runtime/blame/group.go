package blame

import "time"

const (
	// firstProbe and longestProbe bound the wait between the calls that find out
	// whether a shared cause is over.
	firstProbe, longestProbe = 5 * time.Second, time.Minute
	// longestLogin bounds it where Login with Amazon does not answer: all work waits
	// for that, and finding out is one token request.
	longestLogin = 30 * time.Second
)

// run is failures alike without a success between them.
type run struct {
	since, last time.Time
	accounts    map[string]time.Time // when each failed first
	items       map[string]struct{}  // a few
	party       Party                // of its items
	wider       Party                // of its accounts, when they share it
	unheld      bool                 // see sign
	shared      bool                 // so many accounts fail alike
}

func (r *run) add(call Call, now time.Time) {
	if _, known := r.accounts[call.Account]; !known {
		r.accounts[call.Account] = now
	}
	if len(r.items) < needGarbled {
		r.items[call.Account+"/"+call.Key] = struct{}{}
	}
}

// after returns how many accounts had their first failure after a time, and the
// earliest of these failures.
func (r *run) after(t time.Time) (since time.Time, accounts int) {
	for _, first := range r.accounts {
		if !first.After(t) {
			continue
		}
		if accounts++; accounts == 1 || first.Before(since) {
			since = first
		}
	}
	return since, accounts
}

// runs are the runs since the last success, by what their failures have in common:
// Amazon gives different answers in one outage.
type runs map[string]*run

// of is the run of failures like sign, begun anew if the last was long ago.
func (r runs) of(sign sign, now time.Time) *run {
	found := r[sign.alike]
	if found == nil && len(r) >= maxKinds {
		r.dropOldest()
	}
	if found == nil || now.Sub(found.last) >= tooOld {
		found = &run{
			since: now, accounts: make(map[string]time.Time), items: make(map[string]struct{}),
			party: sign.party, wider: sign.wider, unheld: sign.unheld,
		}
		r[sign.alike] = found
	}
	found.last = now
	return found
}

func (r runs) dropOldest() {
	oldest := ""
	for alike, run := range r {
		if oldest == "" || run.last.Before(r[oldest].last) {
			oldest = alike
		}
	}
	delete(r, oldest)
}

// group is the failures of what accounts share, since the last success.
type group struct {
	longest time.Duration // between the calls that find out
	runs    runs
	last    time.Time
	cause   *cause // nil until it is shared
	probeAt time.Time
	wait    time.Duration
}

// grow is the wait before the next call that finds out.
func (g *group) grow() time.Duration {
	g.wait = min(max(2*g.wait, firstProbe), g.longest)
	return g.wait
}

// holds is the shared run that an account's calls wait for; nil for none.
func (g *group) holds(account string) *run {
	for _, r := range g.runs {
		if _, concerned := r.accounts[account]; concerned && r.shared && !r.unheld {
			return r
		}
	}
	return nil
}

func (g *group) concerns(account string) bool {
	for _, r := range g.runs {
		if _, concerned := r.accounts[account]; concerned {
			return true
		}
	}
	return false
}

// forget drops an account.
func (g *group) forget(account string) {
	for alike, r := range g.runs {
		if delete(r.accounts, account); len(r.accounts) == 0 {
			delete(g.runs, alike)
		}
	}
}

// end ends what is shared, and a cause whose last group it was.
func (g *group) end(s scope, now time.Time) {
	for _, r := range g.runs {
		r.shared = false
	}
	if g.cause == nil {
		return
	}
	g.cause.end(s, now)
	g.cause, g.wait = nil, 0
}
