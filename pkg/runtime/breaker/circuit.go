package breaker

import (
	"cmp"
	"slices"
	"time"
)

// Position is what a breaker does with calls.
type Position string

// The positions.
const (
	Closed   Position = "closed"    // lets all through
	Open     Position = "open"      // holds all back
	HalfOpen Position = "half-open" // has let one through, and waits for its end
)

// policy says when a circuit opens and for how long.
type policy struct {
	inRow     int           // this many items that fail without a success between them, or
	least     int           // half of at least this many calls of the last span; 0 for never
	span      time.Duration // from one to two of them, to be exact
	base, max time.Duration // of the wait, which doubles with each failed probe
	// well is for how long an answer to another account shows that one account fails by
	// itself.
	well time.Duration
}

// verdict is what the end of a call says of what it called.
type verdict int

const (
	nothing verdict = iota // the call says nothing of it
	good
	bad
)

// circuit is one breaker, without lock or clock.
type circuit struct {
	policy   policy
	position Position
	since    time.Time
	// era counts the changes of position. A call that began in an earlier one
	// says nothing of the present one.
	era     int
	cause   error // why it opened; nil when closed
	opened  time.Time
	delay   time.Duration // of the last wait
	probeAt time.Time     // the end of the wait
	inRow   int
	row     []string // the items that inRow counts
	recent  window
	failing failing
	quiet   bool // its changes are for whoever looks closely
}

func newCircuit(p policy, now time.Time) *circuit {
	return &circuit{policy: p, position: Closed, since: now}
}

// enter asks for a call. If it may not be made, wait is for how long at least.
// probes reports whether it may be the one that finds out.
func (c *circuit) enter(now time.Time, probes bool) (wait time.Duration, ok bool) {
	switch {
	case c.position == Closed:
		return 0, true
	case c.position == HalfOpen:
		return c.policy.base, false
	case c.probeAt.After(now):
		return c.probeAt.Sub(now), false
	case !probes:
		return time.Second, false
	}
	c.turn(HalfOpen, now)
	return 0, true
}

// ended is the end of a call.
type ended struct {
	era     int // in which it entered
	account string
	item    string
	verdict verdict
	cause   error
	wait    time.Duration // for how long to open at least
	most    time.Duration // for how long at most, in place of the policy's; 0 for that
}

// exit takes the end of a call, and reports whether the circuit has opened or
// closed by it.
func (c *circuit) exit(now time.Time, e ended) (changed bool) {
	switch {
	case e.era != c.era:
	case c.position == HalfOpen && e.verdict == nothing:
		c.turn(Open, now) // the next one may find out at once
	case c.position == HalfOpen && e.verdict == good:
		c.turn(Closed, now)
		c.cause, c.inRow, c.row, c.recent, c.failing = nil, 0, nil, window{}, failing{}
		return true
	case c.position == HalfOpen:
		c.open(now, 2*c.delay, e)
	case e.verdict != nothing:
		return c.count(now, e)
	}
	return false
}

// count takes the end of a call of a closed circuit.
func (c *circuit) count(now time.Time, e ended) (opened bool) {
	switch {
	case e.verdict == good:
		c.inRow, c.row = 0, nil
	case e.item == "":
		c.inRow++
	case c.inRow < c.policy.inRow && !slices.Contains(c.row, e.account+"/"+e.item):
		c.inRow++
		c.row = append(c.row, e.account+"/"+e.item)
	}
	calls, failures := c.recent.add(now, c.policy.span, e.verdict)
	c.failing.add(now, c.policy.span, e)
	switch {
	case e.verdict == good,
		c.inRow < c.policy.inRow && (c.policy.least == 0 || calls < c.policy.least || 2*failures < calls),
		c.failing.alone(now, c.policy.well):
		return false
	}
	delay := c.policy.base
	if c.delay > 0 && now.Sub(c.since) < c.policy.max { // it closed too soon
		delay = 2 * c.delay
	}
	c.opened = now
	c.open(now, delay, e)
	return true
}

func (c *circuit) open(now time.Time, delay time.Duration, e ended) {
	c.turn(Open, now)
	c.cause = e.cause
	c.delay = max(min(delay, cmp.Or(e.most, c.policy.max)), e.wait)
	c.probeAt = now.Add(c.delay)
}

func (c *circuit) turn(to Position, now time.Time) {
	c.position, c.since = to, now
	c.era++
}

// failing tells an account that fails by itself from a host that fails. The first
// must not slow the other accounts.
type failing struct {
	account string // whose calls fail; "" for none
	several bool   // whether another's do too
	since   time.Time
	well    string // who was answered last, except for account
	wellAt  time.Time
}

func (b *failing) add(now time.Time, span time.Duration, e ended) {
	if now.Sub(b.since) >= span {
		*b = failing{since: now, well: b.well, wellAt: b.wellAt}
	}
	switch {
	case e.verdict == good && e.account != b.account:
		b.well, b.wellAt = e.account, now
	case e.verdict == good:
	case b.account == "":
		b.account = e.account
	case b.account != e.account:
		b.several = true
	}
}

// alone reports whether one account fails while another is answered.
func (b *failing) alone(now time.Time, well time.Duration) bool {
	return !b.several && b.well != b.account && now.Sub(b.wellAt) < well
}

// window counts the calls of the last one to two spans.
type window struct {
	begins       time.Time
	now, earlier struct{ calls, failures int }
}

func (w *window) add(now time.Time, span time.Duration, v verdict) (calls, failures int) {
	switch age := now.Sub(w.begins); {
	case age >= 2*span:
		*w = window{begins: now}
	case age >= span:
		w.begins, w.earlier = w.begins.Add(span), w.now
		w.now.calls, w.now.failures = 0, 0
	}
	w.now.calls++
	if v == bad {
		w.now.failures++
	}
	return w.now.calls + w.earlier.calls, w.now.failures + w.earlier.failures
}
