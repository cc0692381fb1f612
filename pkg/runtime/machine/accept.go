package machine

import (
	"fmt"
	"slices"
	"time"
)

// maxAhead is how far ahead of our clock an event time may be. A later one would keep
// all other records of its subject out until it is past.
const maxAhead = 5 * time.Minute

// AccountOf returns the account of a record, as find has it. named is the account that
// the record's value names. The record is set aside, and ok is false, where its key is
// another account or find does not know it.
func AccountOf[A any](tx *Tx, rec *Record, named string, find func(id string) (A, bool)) (a A, ok bool) {
	if !tx.Keyed(rec, named) {
		return a, false
	}
	return Configured(tx, rec, find)
}

// Keyed reports whether a record's key is the account that its value names, and sets
// the record aside where it is not.
func (tx *Tx) Keyed(rec *Record, named string) bool {
	if named == rec.Account {
		return true
	}
	tx.Reject(rec, "account_mismatch", fmt.Sprintf(
		"the record's key names account %q, its value account %q: the producer must key by account", rec.Account, named))
	return false
}

// Configured returns the account that a record's key names, and sets the record aside
// where find does not know it.
func Configured[A any](tx *Tx, rec *Record, find func(id string) (A, bool)) (a A, ok bool) {
	if a, ok = find(rec.Account); !ok {
		tx.Reject(rec, "unknown_account", fmt.Sprintf(
			"account %q is not configured: configure it, then reprocess this record", rec.Account))
	}
	return a, ok
}

// Unexpected sets aside a record whose value is of a type that its topic should not
// hold. belongs names the right type, such as "an OrderChange".
func (tx *Tx) Unexpected(rec *Record, belongs string) {
	tx.Reject(rec, "unexpected_type", fmt.Sprintf("topic %s holds a %T where %s belongs", rec.Topic, rec.Value, belongs))
}

// Subject names, for messages, what the records of a topic are about, where the newest
// record about each subject counts.
type Subject struct {
	Name   string // such as "SKU"
	Record string // one record about it, such as "update"
}

// EventTime returns the event time of a record: the one that its producer gave, or when
// Kafka got the record where it gave none (0 milliseconds since 1970).
func (rec *Record) EventTime(given time.Time) time.Time {
	if given.UnixMilli() != 0 {
		return given
	}
	return rec.Came
}

// InvalidEventTime returns why a record cannot be taken by its event time: it is
// before 1970, or too far ahead of now. The reason is "" for a time that can be taken.
func (s Subject) InvalidEventTime(event, now time.Time) (reason, message string) {
	switch {
	case event.UnixMilli() <= 0:
		return "no_event_time", fmt.Sprintf(
			"the event time lies before 1970: it decides which of a %s's %ss is the newest, so the producer must set it, or leave it out (0) for the timestamp of the Kafka record", s.Name, s.Record)
	case event.After(now.Add(maxAhead)):
		return "event_time_ahead", fmt.Sprintf(
			"the event time %s is more than %v ahead of %s and would keep every other %s of the %s out: set the producer's clock, then produce it again",
			event.UTC().Format(time.RFC3339), maxAhead, now.UTC().Format(time.RFC3339), s.Record, s.Name)
	}
	return "", ""
}

// UnknownMarketplace returns why a record cannot be taken whose marketplace is not
// among its account's. The reason is "" for one that is, and for a record without one.
func UnknownMarketplace(id string, known []string) (reason, message string) {
	if id == "" || slices.Contains(known, id) {
		return "", ""
	}
	return "unknown_marketplace", fmt.Sprintf(
		"marketplace %q is not among the account's: add it to the account, or correct it at the producer", id)
}
