// Package role owns the form in which a role of the pipeline describes itself. Each
// role has one such description (role.go of its folder), and what the rest of the
// program knows of a role comes from there: which topics it reads and writes, which
// dead letters and alerts it can write, and what a repeat of its input does.
package role

import (
	"slices"
	"time"
)

// Role describes a part of the pipeline that can run in a process of its own.
type Role struct {
	Name  string
	About string // what it does, for the help of `run`; lines of at most 60 characters
	// Item is what it works on, as a person calls one of them; "" for a role that has
	// no work of accounts.
	Item string
	// Heading is the heading of the column that counts the waiting ones, in a table.
	Heading string

	Inputs  []Input
	Outputs []string // topics, besides dead-letters and its state
	State   []State  // a processor's topics of state, its own first
	// Read notes what an entry of its state says about an account: of gives the account's
	// standing, nil for one that is not asked for. Entries of the runtime, such as
	// schemas.QuotaState, and of other roles are passed over.
	Read     func(entry any, of func(account string) Standing)
	Metrics  []Metric // of its own, besides those that each role has
	Sections []string // of the configuration with settings of its own
	// Exclusions reports whether it reads the list of excluded SKUs.
	Exclusions bool
	// Turns is the topic whose partitions say which of its processes works, where one
	// works at a time; "" for a role whose processes share the work. It reads no record of
	// the topic.
	Turns string

	Operations []string // of SP-API, whose quota it owns
	Reasons    []Reason // of its dead letters
	Alerts     []string // types of its alerts; the runbook has a section for each
	GivesUp    []string // codes of its own with which an outcome gives something up
}

// Input is a topic that a role reads.
type Input struct {
	Topic string
	// NeverPaused is for an input that ends what others begin: it is read however
	// much work waits.
	NeverPaused bool
	// Replayed is for an input whose records can be copied, to be processed again.
	Replayed bool
	// Effects reports whether processing a record again writes at Amazon.
	Effects bool
	// Recent is for an input that older records of are of no use: a unit without a position
	// in it, as after an upgrade, begins with those of so long ago. 0 begins with the oldest.
	Recent time.Duration
	// Memory is for how long the role remembers, at least, that a newer record came.
	// After that an older one that is sent again could undo it. 0 for an input where
	// that does not matter.
	Memory time.Duration
}

// State is a topic of a processor's state.
type State struct {
	Topic  string
	Prefix string // of the topic's keys; "" for the processor's own topic
}

// Metric is a number of a machine's own, as a gauge: a count (machine.Stats.Counts), or how
// many seconds ago a time was (machine.Stats.Oldests).
type Metric struct {
	Name   string // after "sellerstream_"
	Help   string
	Count  string // the name of the machine's count
	Oldest string // or of the machine's time; 0 seconds where nothing is pending
}

// Reason is why a record, message or piece of work is set aside.
type Reason struct {
	Code   string // stable, such as "unknown_account"
	Remedy string // what to do about the letter, for a person
}

// Mistakes are reasons for which a producer is to blame.
func Mistakes(codes ...string) (reasons []Reason) {
	for _, code := range codes {
		reasons = append(reasons, Reason{code, "have the producer correct it and send it again; then discard it"})
	}
	return reasons
}

// Input finds one of the role's inputs by its topic.
func (r Role) Input(topic string) (Input, bool) {
	i := slices.IndexFunc(r.Inputs, func(in Input) bool { return in.Topic == topic })
	if i < 0 {
		return Input{}, false
	}
	return r.Inputs[i], true
}

// Topics are the topics of the inputs that match.
func (r Role) Topics(match func(Input) bool) (topics []string) {
	for _, in := range r.Inputs {
		if match(in) {
			topics = append(topics, in.Topic)
		}
	}
	return topics
}
