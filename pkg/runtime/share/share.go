// Package share owns what a unit may spend of a limit that the accounts of an application
// share: Amazon limits some operations per application, beside the limit of each account.
// It is pure, like package quota, whose buckets keep to the accounts' own limits.
//
// A group is the accounts of one application in one region. Each unit has a part of the
// group's limit, in proportion to its accounts, so that the parts together are the limit
// wherever the units run. Where the accounts' own limits together are below the
// application's, that cannot bind: nothing is divided, and nothing is told to anybody.
//
// While some unit wants more than its part, each unit tells the others once a second what
// it wants, and lends what it can spare (loans.go). Nobody decides but the lender, and a
// loan ends for its borrower before it ends for its lender. So the units together never
// have more than the limit, however late they hear of each other, and whoever has died.
package share

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
)

// Terms are what a unit is told about a group's limit of an operation.
type Terms struct {
	Limit quota.Limit // of the whole group
	// Part is the unit's part of the limit, 0 to 1. The parts of all units are 1.
	Part float64
	// Binds reports whether the accounts' own limits together exceed the group's.
	Binds bool
}

// Groups are who shares which limit, as it is configured at the moment.
type Groups interface {
	// Of names the group whose limit of an operation an account shares; "" for none.
	Of(account, operation string) string
	// Terms are what a unit is told about a group.
	Terms(group, operation string) Terms
}

// Unit is where the shares of a unit come from.
type Unit struct {
	Number int32 // its partition
	Groups Groups
	Board  *Board // of the process
}

const (
	// leastSpeed is the least part of its rate that 429s can slow a share down to, and
	// recovery is how long it takes from a standstill to the whole rate.
	leastSpeed = 1.0 / 16
	recovery   = time.Minute
	// burstPart is the part of the limit's burst that all units together may hold. The
	// rest is for calls that are delayed on their way and arrive together.
	burstPart = 0.5
)

// Share is what one unit may spend of a group's limit. It holds no token when it begins:
// an earlier owner may have spent them. It is used by one goroutine.
type Share struct {
	unit  int32
	terms Terms

	tokens float64
	at     time.Time // when tokens, speed and loans were reckoned; zero before the first method
	speed  float64   // part of the rate that is in force since the last 429
	spent  bool      // whether a token was taken since then
	held   time.Time // no token before

	exchange
}

// New makes the share of a unit.
func New(unit int32, terms Terms) *Share { return &Share{unit: unit, terms: terms, speed: 1} }

// Set puts other terms in force.
func (s *Share) Set(terms Terms, now time.Time) {
	if terms != s.terms {
		s.pass(now)
		s.terms = terms
		s.tokens = min(s.tokens, s.room())
	}
}

// Take spends a token, if there is one.
func (s *Share) Take(now time.Time) bool {
	s.pass(now)
	if s.tokens < 1 || now.Before(s.held) {
		return false
	}
	s.tokens--
	s.spent = true
	return true
}

// Return gives a token back whose call was never made.
func (s *Share) Return(now time.Time) {
	s.pass(now)
	s.tokens = min(s.tokens+1, s.room())
}

// Next is about when Take will succeed, if nobody takes before: later if a loan ends
// meanwhile. It is zero while the unit may spend nothing.
func (s *Share) Next(now time.Time) time.Time {
	s.pass(now)
	rate := s.Rate()
	switch {
	case s.tokens >= 1:
		return later(now, s.held)
	case rate <= 0:
		return time.Time{}
	}
	// A microsecond more than the quotient, so that rounding cannot wake the caller a
	// moment too early, over and over.
	wait := (1 - s.tokens) / rate
	return later(now.Add(time.Duration(min(wait, time.Hour.Seconds())*float64(time.Second))+time.Microsecond), s.held)
}

// Throttled takes note that Amazon has refused a call because of the group's limit: the
// group's bucket is empty, so ours is too. The rate is halved, once for all calls that
// were sent before the first 429. Nothing is spent for wait.
func (s *Share) Throttled(wait time.Duration, now time.Time) {
	s.pass(now)
	if s.spent {
		s.spent = false
		s.speed = max(s.speed/2, leastSpeed)
	}
	s.tokens = 0
	s.held = later(s.held, now.Add(wait))
}

// Binds reports whether the limit can bind.
func (s *Share) Binds() bool { return s.terms.Binds }

// Rate is how many tokens come in a second.
func (s *Share) Rate() float64 { return s.allowed() * s.speed }

// allowed is the rate that is the unit's at the moment: its part, less what it has lent,
// with what it has borrowed. Where the limit cannot bind it is all of it, which the
// unit's accounts cannot exceed.
func (s *Share) allowed() float64 {
	if !s.terms.Binds {
		return s.terms.Limit.Rate
	}
	return max(0, s.part()-sum(s.lent)) + sum(s.borrowed)
}

// part is the unit's own part of the limit, in tokens a second.
func (s *Share) part() float64 { return s.terms.Part * s.terms.Limit.Rate }

// room is how many tokens there can be.
func (s *Share) room() float64 {
	rate := s.allowed()
	if rate <= 0 {
		return 0
	}
	return max(1, rate/s.terms.Limit.Rate*float64(s.terms.Limit.Burst)*burstPart)
}

// pass adds what has come in since the last time, from loan's end to loan's end.
func (s *Share) pass(now time.Time) {
	if s.at.IsZero() {
		s.at = now
		s.inherit(now)
		if !s.terms.Binds {
			s.tokens = s.room()
		}
	}
	for s.at.Before(now) {
		until := s.nextEnd(now)
		elapsed := until.Sub(s.at).Seconds()
		s.tokens += s.Rate() * elapsed
		s.speed = min(1, s.speed+elapsed/recovery.Seconds())
		s.at = until
		s.forget(until)
		s.tokens = min(s.tokens, s.room())
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
