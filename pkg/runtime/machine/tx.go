package machine

import "time"

// Tx collects what a tick decides. A zero Tx with Now set is ready to use.
type Tx struct {
	// Now is the tick's time on the pipeline's clock.
	Now time.Time
	// Namespace tells the pipeline from others: its cluster and its prefix.
	Namespace string

	// State holds the entries to write, by key; nil deletes. A key that is
	// written twice in a tick is written once. A value may be an Entry.
	State map[string]any
	// Outputs are the records to write, in order.
	Outputs []Output
	// DeadLetters are the input records and the pieces of work that are given up.
	DeadLetters []DeadLetter
	// Calls are started after the commit.
	Calls []Call
	// Wake is when the unit wants its next tick at the latest; zero for never.
	Wake time.Time
}

// DeadLetter is what is set aside, with the reason: an input record with its
// bytes, or a piece of work, which Account and Key name.
type DeadLetter struct {
	Record  *Record // nil for a piece of work
	Account string  // of a piece of work: our name of the seller account
	Key     string  // of a piece of work: its state key
	Reason  string  // a stable code, such as "unknown_account"
	Message string  // for the person who reads it: what is wrong and what to do
	// LastOffset is the last offset of a batch that could not be read. Record then
	// names its first offset and holds nothing.
	LastOffset *int64
}

// Entry is what a machine keeps of a state entry, or of an output, in a form of its own.
// Where it is Put or emitted, its value is made when the tick has ended, and not once for
// each Put.
type Entry interface {
	// Value makes the value to write. It may make it of an earlier one, of any type,
	// that nobody needs any more; nil for none.
	Value(earlier any) any
}

// Put writes a state entry. value is a pointer to a generated type of package
// schemas, or an Entry, and is encoded at the end of the tick: later changes to it
// within the tick are included.
func (tx *Tx) Put(key string, value any) {
	if tx.State == nil {
		tx.State = make(map[string]any)
	}
	tx.State[key] = value
}

// Delete removes a state entry.
func (tx *Tx) Delete(key string) { tx.Put(key, nil) }

// Emit writes a record to an output topic.
func (tx *Tx) Emit(out Output) { tx.Outputs = append(tx.Outputs, out) }

// Call starts a call after the commit.
func (tx *Tx) Call(call Call) { tx.Calls = append(tx.Calls, call) }

// Reject sets an input record aside.
func (tx *Tx) Reject(rec *Record, reason, message string) {
	tx.DeadLetters = append(tx.DeadLetters, DeadLetter{Record: rec, Reason: reason, Message: message})
}

// SetAside says that the work of account under a state key is given up. It does not
// change the state: Put or Delete the entry too.
func (tx *Tx) SetAside(account, key, reason, message string) {
	tx.DeadLetters = append(tx.DeadLetters, DeadLetter{Account: account, Key: key, Reason: reason, Message: message})
}

// WakeAt asks for a tick at t or earlier; the earliest of a tick's wishes holds.
func (tx *Tx) WakeAt(t time.Time) {
	if tx.Wake.IsZero() || t.Before(tx.Wake) {
		tx.Wake = t
	}
}
