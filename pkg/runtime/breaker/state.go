package breaker

import (
	"context"
	"log/slog"
	"time"
)

// State is a breaker as it stands.
type State struct {
	Host     string // "" for an account's authentication
	Account  string // "" for a host
	Section  string // of the API, such as "orders", or Login
	Position Position
	Since    time.Time // of this position
	Probe    time.Time // when a call may find out, if it is open
	Cause    error     // why it is not closed
}

// Counts are how many breakers stand in each position. Accounts whose breaker is
// closed have none.
type Counts struct{ Sections, Accounts map[Position]int }

// Counts counts the breakers.
func (s *Breakers) Counts() Counts {
	counts := Counts{
		Sections: map[Position]int{Closed: 0, Open: 0, HalfOpen: 0},
		Accounts: map[Position]int{Open: 0, HalfOpen: 0},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.hosts {
		counts.Sections[c.position]++
	}
	for _, c := range s.accounts {
		counts.Accounts[c.position]++
	}
	return counts
}

// state fills in how the circuit stands.
func (c *circuit) state(of State) State {
	of.Position, of.Since, of.Cause = c.position, c.since, c.cause
	if c.position == Open {
		of.Probe = c.probeAt
	}
	return of
}

// change is a breaker that has opened or closed.
type change struct {
	State
	held  time.Duration // how long it was not closed
	quiet bool
}

func changed(c *circuit, of State) change {
	return change{State: c.state(of), held: c.since.Sub(c.opened), quiet: c.quiet}
}

// report logs a change, once, and not what happens to the probes in between.
func (s *Breakers) report(ctx context.Context, c change) {
	of := []any{"host", c.Host, "section", c.Section}
	if c.Account != "" {
		of = []any{"account", c.Account, "section", c.Section}
	}
	opened, closed := slog.LevelWarn, slog.LevelInfo
	if c.quiet {
		opened, closed = slog.LevelDebug, slog.LevelDebug
	}
	if c.Position == Closed {
		s.log.Log(ctx, closed, "breaker closed: calls go on", append(of, "held_for", c.held)...)
		return
	}
	s.log.Log(ctx, opened, "breaker opened: calls wait",
		append(of, "probe_in", c.Probe.Sub(c.Since), "cause", c.Cause)...)
}
