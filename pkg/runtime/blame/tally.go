package blame

import (
	"maps"
	"sync"
	"time"
)

const (
	// inShort is for how long calls must have failed alike, without a success
	// between them, before the blame moves to what they share. A burst that was sent
	// before the first answer shows no more than that answer did.
	inShort = 5 * time.Second
	// tooOld is the age from which a failure says nothing about the present one. The
	// slowest probe comes more often than that.
	tooOld = 30 * time.Minute
	// needRefused and needGarbled are how many items must fail alike. Items that are
	// refused for themselves are rarely refused access, and often invalid.
	needRefused, needGarbled = 5, 10
	// needAccounts is how many accounts must.
	needAccounts = 3
	// givenBefore is for how long after it gave any account a token Login with Amazon
	// counts as healthy. An account that first fails within that time, or before, fails
	// for itself.
	givenBefore = time.Minute
	// aloneAfter is how long the calls of a single account must go unanswered to show
	// that the host is down.
	aloneAfter = 2 * time.Minute
	// calmAfter is how long what was shared must be over before a new one is reported.
	calmAfter = 10 * time.Minute
	// tellsFrom is how old a cause is when it may have been reported.
	tellsFrom = 5 * time.Minute
	// maxCauses, maxKinds and maxNamed bound what is remembered and reported: causes,
	// different failures of one scope, and names.
	maxCauses, maxKinds, maxNamed = 200, 8, 20
)

// Login is the host of access tokens in a Tally: Login with Amazon and, for accounts
// with a role, STS.
const Login = "Login with Amazon"

// Call is what a Tally knows of a call.
type Call struct {
	Host, Application, Account, Operation string
	Key                                   string // of the item
	// Mute is a call that nobody raises alerts for: Shared.Speaks stays another's.
	Mute bool
	// TokenIssued is when Login with Amazon gave the account its token; zero for never.
	TokenIssued time.Time
}

// Shared is a cause that items or accounts share.
type Shared struct {
	Party       Party
	Cause       string // what they are answered, such as "forbidden (403)"
	Status      string // of the last answer, such as " (503)", where Cause does not have it; "" for none
	Host        string // "" for ourselves
	Application string // "" when it is not the application's
	Since       time.Time
	Operations  []string // that fail so, in order; a few
	Accounts    []string // that are concerned, in order; a few
	Count       int      // how many accounts are concerned
	// Speaks means that whoever gets this Shared should tell people. Only the calls of
	// one operation of one account have it, among all that fail alike. They have it
	// until the cause is over, so remember what was told.
	Speaks bool
	// Told is how many alerts of the cause may have ended: a further one is another.
	Told int
}

// Finding is who a call's end is blamed on, and what it shares with others; nil for
// nothing.
type Finding struct {
	Party  Party
	Shared *Shared
	// Own means that only the item waits: so few of the account's items fail alike that
	// each may be at fault itself, and the others may be well.
	Own bool
}

// Tally moves the blame from items to what they share, when many fail alike in a
// short time and none succeeds between them. One Tally sees all calls of a process.
// A zero Tally is ready to use. It is safe for concurrent use.
type Tally struct {
	mu     sync.Mutex
	items  map[pair]runs        // of an account's operation
	groups map[scope]*group     // of an application's operation at a host
	causes map[causeKey]*cause  // that accounts share
	voices map[string]*voice    // who speaks for an account
	tokens map[string]time.Time // when Login with Amazon last gave one, by application
	// barred are the accounts that were refused access by an operation, and not answered
	// by any since.
	barred map[string]bar
}

// bar is the last operation that refused an account access.
type bar struct {
	operation string
	last      time.Time
}

// Ended takes the end of a call and returns whose fault it is.
func (t *Tally) Ended(call Call, err error, now time.Time) Finding {
	party := Of(call.Operation, err)
	t.mu.Lock()
	defer t.mu.Unlock()
	sign := signOf(call, err, party)
	t.token(call, sign, now)
	if sign.says == answers {
		t.answered(call, now)
	}
	if sign.says != fails {
		return Finding{Party: party}
	}
	if sign.party == Ourselves {
		c, s := t.cause(causeKey{"", sign.alike}, now), scope{operation: call.Operation}
		c.add(s, call.Account, now)
		return Finding{Party: Ourselves, Shared: c.shared(s, Ourselves, call, now)}
	}
	raised := t.item(call, sign, party, now)
	if raised == Item && !sign.passes {
		return Finding{Party: raised}
	}
	if c, wider := t.account(call, sign, now); c != nil {
		return Finding{wider, c.shared(sign.scope, wider, call, now), raised == Item && sign.party == Operation}
	}
	if raised == Item || raised == Host {
		return Finding{Party: raised}
	}
	return Finding{Party: raised, Shared: t.speaks(call, sign, raised, now)}
}

// Hold asks whether a call may be made. While a cause is shared, one call at a time
// of those that it concerns finds out whether it is over, after waits that grow to
// longestProbe; the others wait. If the call may be made, Ended or Unmade must follow.
func (t *Tally) Hold(call Call, now time.Time) (found Finding, wait time.Duration, held bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range []scope{scopeOf(call), loginOf(call)} {
		g := t.groups[s]
		if g == nil || g.cause == nil || now.Sub(g.last) >= tooOld {
			continue
		}
		r := g.holds(call.Account)
		if r == nil {
			continue
		}
		if wait := g.probeAt.Sub(now); wait > 0 {
			party := g.cause.party(r.wider)
			return Finding{Party: party, Shared: g.cause.shared(s, party, call, now)}, wait, true
		}
		g.probeAt = now.Add(g.grow())
	}
	return Finding{}, 0, false
}

// Unmade says that a call which Hold let through was not made, because something else
// held it back. why is its reason, which is not counted again.
func (t *Tally) Unmade(call Call, why error, now time.Time) Finding {
	party := Of(call.Operation, why)
	t.mu.Lock()
	defer t.mu.Unlock()
	found := Finding{Party: party}
	sign := signOf(call, why, party)
	for _, s := range []scope{scopeOf(call), loginOf(call)} {
		g := t.groups[s]
		if g == nil || g.cause == nil {
			continue
		}
		if g.holds(call.Account) != nil {
			g.probeAt = now // another finds out
		}
		if r := g.runs[sign.alike]; r != nil && r.shared && sign.says == fails && sign.scope == s {
			g.cause.add(s, call.Account, now)
			found.Party = g.cause.party(r.wider)
			found.Shared = g.cause.shared(s, found.Party, call, now)
		}
	}
	return found
}

// Forget drops what is known of accounts: their configuration has changed.
func (t *Tally) Forget(accounts []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, account := range accounts {
		delete(t.voices, account)
		delete(t.barred, account)
		for s, g := range t.groups {
			if g.forget(account); len(g.runs) == 0 {
				t.over(s, g, g.last)
			}
		}
		maps.DeleteFunc(t.items, func(p pair, _ runs) bool { return p.account == account })
	}
}

// item takes a failure among the account's calls of the operation.
func (t *Tally) item(call Call, sign sign, party Party, now time.Time) Party {
	if sign.need == 0 { // not the item's to begin with
		if sign.party == Account && sign.scope.host != Login {
			t.bars(call, now)
		}
		return party
	}
	// Refused access by another operation too, and answered by none, it is the account.
	if b, is := t.barred[call.Account]; is && sign.party == Account && b.operation != call.Operation && now.Sub(b.last) < tooOld {
		party = Account
	}
	if t.items == nil {
		t.items = make(map[pair]runs)
	}
	key := pair{call.Account, call.Operation}
	if t.items[key] == nil {
		t.items[key] = make(runs)
	}
	r := t.items[key].of(sign, now)
	r.add(call, now)
	if party == Item && len(r.items) >= sign.need && now.Sub(r.since) >= inShort {
		if sign.party == Account {
			t.bars(call, now)
		}
		return sign.party
	}
	return party
}

func (t *Tally) bars(call Call, now time.Time) {
	if t.barred == nil {
		t.barred = make(map[string]bar)
	}
	t.barred[call.Account] = bar{call.Operation, now}
}

// account takes a failure among those of all accounts of the application. The cause
// is nil when they do not share it.
func (t *Tally) account(call Call, sign sign, now time.Time) (*cause, Party) {
	g := t.group(sign.scope, now)
	r := g.runs.of(sign, now)
	r.add(call, now)
	if !r.shared {
		since, many := t.many(r, sign, now)
		if !many {
			return nil, ""
		}
		t.share(g, r, sign, since, now)
	}
	g.cause.add(sign.scope, call.Account, now)
	if sign.alike == g.cause.key.alike { // a group has one cause, whatever else it is answered
		g.cause.status = sign.status
	}
	return g.cause, g.cause.party(r.wider)
}

// share makes a group wait for one cause, whatever else it is answered.
func (t *Tally) share(g *group, r *run, sign sign, since, now time.Time) {
	r.shared = true
	if g.cause == nil {
		g.cause = t.cause(causeKey{sign.scope.host, sign.alike}, since)
		g.probeAt = now.Add(g.grow())
	}
	for account := range r.accounts {
		g.cause.add(sign.scope, account, now)
	}
}

// many reports whether so many fail alike that they share it, and since when.
func (t *Tally) many(r *run, sign sign, now time.Time) (since time.Time, many bool) {
	login, own := sign.scope.host == Login, time.Time{}
	if login && sign.party == Account {
		own = t.tokens[sign.scope.application].Add(givenBefore)
	}
	since, accounts := r.after(own)
	age := now.Sub(since)
	switch {
	case sign.atOnce:
		return since, true
	case accounts >= needAccounts && age >= inShort && (login || len(r.items) >= max(sign.need, needRefused)):
		return since, true
	}
	return since, sign.alike == unavailable && age >= aloneAfter && (login || len(r.items) >= needAccounts)
}

// group is the scope's, begun anew if nothing has failed for long.
func (t *Tally) group(s scope, now time.Time) *group {
	g := t.groups[s]
	if g != nil && now.Sub(g.last) >= tooOld {
		t.over(s, g, now)
		g = nil
	}
	if g == nil {
		g = &group{runs: make(runs), longest: longestProbe}
		if s.host == Login {
			g.longest = longestLogin
		}
		if t.groups == nil {
			t.groups = make(map[scope]*group)
		}
		t.groups[s] = g
	}
	g.last = now
	return g
}

// answered takes a call that shows that the account, and what it shares with others,
// is well.
func (t *Tally) answered(call Call, now time.Time) {
	delete(t.items, pair{call.Account, call.Operation})
	delete(t.barred, call.Account)
	if v := t.voices[call.Account]; v != nil && v.of(call) {
		delete(t.voices, call.Account)
	}
	if g := t.groups[scopeOf(call)]; g != nil {
		t.over(scopeOf(call), g, now)
	}
}

// token takes a call that had an access token: so Login with Amazon answers its
// account. Accounts that were refused by themselves stay refused.
func (t *Tally) token(call Call, sign sign, now time.Time) {
	if sign.says == nothing || sign.scope.host == Login {
		return
	}
	if t.tokens == nil {
		t.tokens = make(map[string]time.Time)
	}
	if call.TokenIssued.After(t.tokens[call.Application]) {
		t.tokens[call.Application] = call.TokenIssued
	}
	s := loginOf(call)
	g := t.groups[s]
	if g == nil || !g.concerns(call.Account) {
		return
	}
	g.end(s, now)
	g.forget(call.Account)
	maps.DeleteFunc(g.runs, func(_ string, r *run) bool { return r.party != Account })
	if len(g.runs) == 0 {
		delete(t.groups, s)
	}
}

// over ends a group, and a cause whose last group it was.
func (t *Tally) over(s scope, g *group, now time.Time) {
	delete(t.groups, s)
	g.end(s, now)
}

// cause is the one of that key, begun anew if the last was over for long.
func (t *Tally) cause(key causeKey, since time.Time) *cause {
	if t.causes == nil {
		t.causes = make(map[causeKey]*cause)
	}
	c := t.causes[key]
	if c != nil && (len(c.open) > 0 && since.Sub(c.last) < tooOld || since.Sub(c.ended) < calmAfter) {
		return c
	}
	if c == nil && len(t.causes) >= maxCauses {
		t.dropOldest()
	}
	c = &cause{key: key, since: since, open: make(map[scope]struct{}), accounts: make(map[string]struct{})}
	t.causes[key] = c
	return c
}

func (t *Tally) dropOldest() {
	var oldest causeKey
	var last time.Time
	for key, c := range t.causes {
		if last.IsZero() || c.last.Before(last) {
			oldest, last = key, c.last
		}
	}
	maps.DeleteFunc(t.groups, func(_ scope, g *group) bool { return g.cause == t.causes[oldest] })
	delete(t.causes, oldest)
}

// speaks is a cause of one account: its operations share it.
func (t *Tally) speaks(call Call, sign sign, party Party, now time.Time) *Shared {
	if t.voices == nil {
		t.voices = make(map[string]*voice)
	}
	v := t.voices[call.Account]
	if v == nil || v.alike != sign.alike {
		v = &voice{alike: sign.alike}
		t.voices[call.Account] = v
	}
	since := now
	if !call.Mute {
		since = v.heard(pair{call.Account, call.Operation}, now)
	}
	return &Shared{
		Party: party, Cause: sign.alike, Host: call.Host, Since: since, Operations: []string{call.Operation},
		Accounts: []string{call.Account}, Count: 1, Speaks: v.of(call),
	}
}
