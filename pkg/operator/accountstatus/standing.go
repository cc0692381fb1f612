// Package accountstatus tells how each seller account stands: what waits, for how
// long, for which quota, and what holds it up. It knows that from the state
// topics alone, so it answers beside a running pipeline and without one, and
// costs Amazon no call.
package accountstatus

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// Standing is how an account stands at a moment of the pipeline's clock.
type Standing struct {
	Account    string      `json:"account"`
	Configured bool        `json:"configured"` // false: only the state knows it, and its work waits for it to come back
	Paused     *Pause      `json:"paused,omitzero"`
	Work       []Work      `json:"work"`       // by role; those that have any
	Operations []Operation `json:"operations"` // those that have been called, or are to be
	Feeds      []role.Feed `json:"feeds"`      // that Amazon has not ended
	// Notifications is how notifications and searches of orders stand; nil for an
	// account without any so far.
	Notifications *role.Notifications `json:"notifications,omitzero"`
	Backfill      *Backfill           `json:"backfill,omitzero"` // of its orders, the last one; nil for none
	Absent        []Absent            `json:"absent,omitzero"`   // parts of its orders that are asked for and do not come
	Waits         []role.Wait         `json:"waits"`             // what holds calls up, besides their quota
	Doubts        []role.Doubt        `json:"doubts,omitempty"`
	Failed        []Failed            `json:"failed,omitempty"` // most first
	// Stopped are the units that own the account and stand still: all its work of
	// those roles waits.
	Stopped []stream.Stopped `json:"stopped,omitempty"`
}

// Pause is an operator's switch.
type Pause struct {
	Since  time.Time `json:"since"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitzero"`
}

// Work is what a role has to do for the account.
type Work struct {
	Role      string    `json:"role"`
	Pending   int       `json:"pending"`           // orders, SKUs, feeds or packages without an outcome
	UnderWay  int       `json:"underWay"`          // of these, what Amazon has been told and has not answered for
	Oldest    time.Time `json:"oldest,omitzero"`   // since when the oldest of them waits
	OldestKey string    `json:"oldestOf,omitzero"` // which that is

	Failing   int `json:"failing,omitzero"`   // of the pending ones, those whose last try has failed
	MostTries int `json:"mostTries,omitzero"` // how often the one of these has failed that has most often

	Urgent       int       `json:"urgent,omitzero"`       // of the pending ones, orders that a merchant ships or may have to: they are fetched first
	OldestUrgent time.Time `json:"oldestUrgent,omitzero"` // since when the oldest of these waits
}

// Operation is the account's quota of one operation of Amazon's.
type Operation struct {
	Operation string    `json:"operation"`
	Tokens    float64   `json:"tokens"` // calls that may be made now
	Burst     int       `json:"burst"`
	Rate      float64   `json:"rate"`            // calls per second in force: learned, or Plan
	Plan      float64   `json:"plan"`            // calls per second by configuration or Amazon's default
	Waiting   int       `json:"waiting"`         // calls that the pending work needs, at least
	Clears    time.Time `json:"clears,omitzero"` // when quota allows the last of them; zero where nothing waits, or it cannot be told
}

// Pending is how much is without an outcome, over all roles.
func (s *Standing) Pending() int {
	pending := 0
	for _, w := range s.Work {
		pending += w.Pending
	}
	return pending
}

// Oldest is since when the oldest work waits; zero where there is none.
func (s *Standing) Oldest() time.Time {
	var oldest time.Time
	for _, w := range s.Work {
		oldest = machine.Earliest(oldest, w.Oldest)
	}
	return oldest
}

// Clears is when quota allows the last call that pending work needs; known is
// false where that cannot be told, since something else holds calls up.
func (s *Standing) Clears() (at time.Time, known bool) {
	known = s.Paused == nil && s.Configured && len(s.Stopped) == 0
	for _, o := range s.Operations {
		if o.Waiting > 0 && o.Clears.IsZero() {
			known = false
		}
		if o.Clears.After(at) {
			at = o.Clears
		}
	}
	return at, known
}

// Parked reports whether Amazon refuses the account's credentials.
func (s *Standing) Parked() bool {
	for _, w := range s.Waits {
		if w.Parked {
			return true
		}
	}
	return false
}

// Of is the work of one role.
func (s *Standing) Of(role string) Work {
	for _, w := range s.Work {
		if w.Role == role {
			return w
		}
	}
	return Work{Role: role}
}

// highest is the greatest severity.
const highest = 6

// severity orders standings by how much they want a person.
func (s *Standing) severity() int {
	switch {
	case len(s.Stopped) > 0:
		return highest
	case s.Parked():
		return 5
	case len(s.Failed) > 0:
		return 4
	case len(s.Waits) > 0:
		return 3
	case s.Paused != nil || !s.Configured && s.Pending() > 0:
		return 2
	case s.Pending() > 0:
		return 1
	}
	return 0
}

// Roles are those that have work of accounts, in the order in which they are shown.
func Roles() (names []string) {
	for _, r := range roles.Processors() {
		names = append(names, r.Name)
	}
	return names
}

// Topics are the topics that standings are read from, by their logical names.
func Topics() (topics []string) {
	for _, r := range roles.Processors() {
		topics = append(topics, r.State[0].Topic)
	}
	return append(topics, schemas.Switches)
}
