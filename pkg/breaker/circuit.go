package breaker

import "time"

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
	inRow     int           // this many failures without a success between them, or
	least     int           // half of at least this many calls of the last span; 0 for never
	span      time.Duration // from one to two of them, to be exact
	base, max time.Duration // of the wait, which doubles with each failed probe
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
	recent  window
}

func newCircuit(p policy, now time.Time) *circuit {
	return &circuit{policy: p, position: Closed, since: now}
}

// enter asks for a call. If it may not be made, wait is for how long at least.
// probes says whether it may be the one that finds out.
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

// exit takes the end of a call that entered in era, and says whether the
// circuit has opened or closed by it. wait is for how long to open at least.
func (c *circuit) exit(now time.Time, era int, v verdict, cause error, wait time.Duration) (changed bool) {
	switch {
	case era != c.era:
	case c.position == HalfOpen && v == nothing:
		c.turn(Open, now) // the next one may find out at once
	case c.position == HalfOpen && v == good:
		c.turn(Closed, now)
		c.cause, c.inRow, c.recent = nil, 0, window{}
		return true
	case c.position == HalfOpen:
		c.open(now, 2*c.delay, cause, wait)
	case v != nothing:
		return c.count(now, v, cause, wait)
	}
	return false
}

// count takes the end of a call of a closed circuit.
func (c *circuit) count(now time.Time, v verdict, cause error, wait time.Duration) (opened bool) {
	c.inRow++
	if v == good {
		c.inRow = 0
	}
	calls, failures := c.recent.add(now, c.policy.span, v)
	if v == good || c.inRow < c.policy.inRow && (c.policy.least == 0 || calls < c.policy.least || 2*failures < calls) {
		return false
	}
	delay := c.policy.base
	if c.delay > 0 && now.Sub(c.since) < c.policy.max { // it closed too soon
		delay = 2 * c.delay
	}
	c.opened = now
	c.open(now, delay, cause, wait)
	return true
}

func (c *circuit) open(now time.Time, delay time.Duration, cause error, least time.Duration) {
	c.turn(Open, now)
	c.cause = cause
	c.delay = max(min(delay, c.policy.max), least)
	c.probeAt = now.Add(c.delay)
}

func (c *circuit) turn(to Position, now time.Time) {
	c.position, c.since = to, now
	c.era++
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
