package breaker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Login is the section of an account's authentication: LWA, and STS where the
// account has a role.
const Login = "login"

// namedAccounts is how many accounts without a token the log names: package lane
// reports once what they share.
const namedAccounts = 5

// refusedFirst is the first wait of an account whose credentials are refused. It is
// short, since an outage that refuses all accounts for minutes refuses one of them
// first.
const refusedFirst = time.Minute

// slowCall is how long, in real time, a call may take to count as answered. A call that
// carries a document may take longer: that depends on the document's size and our line,
// not on Amazon.
const slowCall = 15 * time.Second

// key is who is called, or who calls, and the section of the API.
type key struct{ who, section string }

// Breakers are the breakers and the budgets of a process. It may be used from
// any goroutine.
type Breakers struct {
	clock clock.Clock
	log   *slog.Logger

	mu       sync.Mutex
	hosts    map[key]*circuit    // by (host, section)
	accounts map[string]*circuit // those that are not closed, by account
	budgets  map[key]*budget     // those that are not full, by (account, section)
}

// New makes breakers that wait by clk and log their changes.
func New(clk clock.Clock, log *slog.Logger) *Breakers {
	return &Breakers{
		clock: clk, log: log,
		hosts: make(map[key]*circuit), accounts: make(map[string]*circuit), budgets: make(map[key]*budget),
	}
}

func hostPolicy() policy {
	return policy{inRow: 5, least: 20, span: 30 * time.Second, base: 5 * time.Second, max: time.Minute, well: 30 * time.Second}
}

// loginPolicy is of the one breaker for all accounts' token requests. Its waits are short:
// a probe is a single request, for whichever account asks next. An account that was given
// a token asks again in an hour.
func loginPolicy() policy {
	return policy{inRow: 5, least: 20, span: 30 * time.Second, base: 5 * time.Second, max: 30 * time.Second, well: time.Hour}
}

func accountPolicy() policy {
	return policy{inRow: 1, base: 10 * time.Second, max: time.Minute}
}

// OpenError is a call that was held back.
type OpenError struct {
	Operation string
	Account   string
	Wait      time.Duration // on the breakers' clock; each caller has another
	What      string        // which breaker
	Cause     error         // why it is open
}

// Error returns what is waited for.
func (e *OpenError) Error() string {
	return fmt.Sprintf("%s of %s was not made: the breaker of %s is open: %v", e.Operation, e.Account, e.What, e.Cause)
}

// Unwrap is why the breaker is open.
func (e *OpenError) Unwrap() error { return e.Cause }

// Pass is a call that may be made. Exit must be called when it has ended.
type Pass struct {
	s         *Breakers
	host      key
	account   string
	operation model.Operation
	item      string                      // "" for a call that is about none
	eras      struct{ host, account int } // account's is 0 where it had no breaker
	began     time.Time                   // real
}

// Enter asks for a call to host. account names whose token the call needs. An
// application's name is never an account's. Its error is an *OpenError.
func (s *Breakers) Enter(host, account, operation string) (*Pass, error) {
	return s.EnterFor(host, account, operation, "")
}

// EnterFor is Enter for a call about one item, such as an order: one item that is
// never answered opens nothing, however often it is tried.
func (s *Breakers) EnterFor(host, account, operation, item string) (*Pass, error) {
	now := s.clock.Now()
	called, _ := model.Describe(operation)
	p := &Pass{s: s, host: key{host, sectionOf(operation)}, account: account, operation: called, item: item, began: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	login := s.accounts[account]
	if login != nil {
		if wait, ok := login.enter(now, true); !ok {
			return nil, s.held(login, account, operation, "its authentication", wait)
		}
		p.eras.account = login.era
	}
	c := s.hosts[p.host]
	if c == nil {
		c = newCircuit(hostPolicy(), now)
		s.hosts[p.host] = c
	}
	// Only a call that can be repeated when its answer is lost may find out whether
	// Amazon is back.
	if wait, ok := c.enter(now, called.Repeatable()); !ok {
		if login != nil {
			login.exit(now, ended{era: login.era})
		}
		return nil, s.held(c, account, operation, p.host.section+" at "+host, wait)
	}
	p.eras.host = c.era
	return p, nil
}

// Login is asked before a token request for an account, as spapi.Config.Login says. While
// Login with Amazon does not answer, one request at a time finds out for all accounts.
func (s *Breakers) Login(account string) (done func(error), wait time.Duration, err error) {
	now := s.clock.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.hosts[loginKey()]
	if c == nil {
		c = newCircuit(loginPolicy(), now)
		s.hosts[loginKey()] = c
	}
	wait, ok := c.enter(now, true)
	if !ok {
		return nil, spread(wait), c.cause
	}
	era := c.era
	return func(err error) { s.loginEnded(c, era, account, err) }, 0, nil
}

func (s *Breakers) loginEnded(c *circuit, era int, account string, err error) {
	e := ended{era: era, account: account, verdict: good, cause: err}
	var refusal *model.Error
	if errors.As(err, &refusal) && blame.Of("", err) == blame.Host {
		// An account's own breaker heeds a longer Retry-After. All others must not wait for
		// what one was asked, nor read its name.
		ofAny := *refusal
		ofAny.Account = ""
		e.verdict, e.wait, e.cause = bad, min(refusal.RetryAfter, c.policy.max), &ofAny
	}
	s.mu.Lock()
	changes := c.exit(s.clock.Now(), e)
	now := changed(c, State{Host: blame.Login, Section: Login})
	s.mu.Unlock()
	if changes {
		s.report(context.Background(), now)
	}
}

func loginKey() key { return key{blame.Login, Login} }

// loginFails reports whether Login with Amazon does not answer: then the accounts'
// breakers open without a word each. s.mu is held.
func (s *Breakers) loginFails() bool {
	c := s.hosts[loginKey()]
	return c != nil && (c.position != Closed || c.inRow > 0)
}

func (s *Breakers) held(c *circuit, account, operation, what string, wait time.Duration) *OpenError {
	return &OpenError{Operation: operation, Account: account, Wait: spread(wait), What: what, Cause: c.cause}
}

// spread keeps those that wait from coming back at once.
func spread(wait time.Duration) time.Duration { return wait + rand.N(time.Second+wait/4) }

// sectionOf is an operation's own name where its section is not known.
func sectionOf(operation string) string {
	called, _ := model.Describe(operation)
	return cmp.Or(called.Section, operation)
}

// Exit takes the end of the call; err is what package spapi returned, ctx the
// call's context.
func (p *Pass) Exit(ctx context.Context, err error) {
	s, now := p.s, p.s.clock.Now()
	slow := time.Since(p.began) >= slowCall && !p.operation.Document
	v := judge(p.operation.Name, err, slow, ctx.Err() != nil)
	if slow && err == nil {
		err = fmt.Errorf("a call took longer than %s", slowCall)
	}
	var changes []change
	s.mu.Lock()
	s.earn(key{p.account, p.host.section}, now)
	if c := s.hosts[p.host]; c.exit(now, ended{era: p.eras.host, account: p.account, item: p.item, verdict: v.host, cause: err}) {
		changes = append(changes, changed(c, State{Host: p.host.who, Section: p.host.section}))
	}
	if c := s.exitAccount(p, now, v, err); c != nil {
		changes = append(changes, changed(c, State{Account: p.account, Section: Login}))
	}
	s.mu.Unlock()
	for _, c := range changes {
		s.report(ctx, c)
	}
}

// exitAccount is the account's breaker if it has changed. Most accounts have none.
func (s *Breakers) exitAccount(p *Pass, now time.Time, v verdicts, err error) *circuit {
	c := s.accounts[p.account]
	if c == nil {
		if v.login != bad {
			return nil
		}
		c = newCircuit(accountPolicy(), now)
		c.quiet = len(s.accounts) >= namedAccounts || s.loginFails()
	}
	if !c.exit(now, ended{era: p.eras.account, account: p.account, verdict: v.login, cause: err, wait: v.least, most: v.most}) {
		return nil
	}
	s.accounts[p.account] = c
	if c.position == Closed {
		delete(s.accounts, p.account)
	}
	return c
}

// Forget closes the breakers of accounts' authentication: what they know is of
// credentials that have been replaced.
func (s *Breakers) Forget(accounts []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, account := range accounts {
		delete(s.accounts, account)
	}
}

// Try lets the next call of an account find out at once, and that of each section that
// does not answer and was not called for the first wait of its policy: many accounts that
// are tried in a row must not be a probe each.
func (s *Breakers) Try(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, account)
	for _, c := range s.hosts {
		if c.position == Open {
			c.probeAt = earlier(c.probeAt, c.since.Add(c.policy.base))
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// verdicts are what the end of a call says about the host and about the account's
// authentication. If the authentication is bad its breaker opens for least at first,
// and for most after many probes; 0 stands for the policy's.
type verdicts struct {
	host, login verdict
	least, most time.Duration
}

// judge reads the end of a call of operation. For the host it counts only what the
// table of package blame blames on the host. ended means that the call's context
// has ended: unless the call was slow already, that was us and not Amazon.
func judge(operation string, err error, slow, ended bool) verdicts {
	var refusal *model.Error
	v := verdicts{host: good, login: good}
	if slow {
		v.host = bad
	}
	known := errors.As(err, &refusal)
	switch party := blame.Of(operation, err); {
	case known && refusal.TokenMissing && refusal.NotSent: // Login with Amazon was not asked
		v = verdicts{}
	case known && refusal.TokenMissing:
		v = verdicts{login: bad, least: refusal.RetryAfter}
		if party != blame.Host {
			v.least, v.most = max(refusedFirst, v.least), lane.ProbeAfter
		} else if ended {
			v.login = nothing
		}
	case party == blame.Host:
		v.host = bad
		if ended && !slow {
			v.host = nothing
		}
		if !known {
			v.login = nothing
		}
	case party == blame.Ourselves && !slow && !answered(refusal), // we stopped it
		known && refusal.Class == model.Invalid && refusal.Status == 0 && refusal.Setting == "": // refused before it was sent
		v = verdicts{}
	}
	return v
}

// answered reports whether Amazon has answered a call that we are to blame for.
func answered(refusal *model.Error) bool {
	return refusal != nil && (refusal.StaleToken || refusal.Setting != "")
}
