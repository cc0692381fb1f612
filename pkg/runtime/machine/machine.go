// Package machine is the contract between a processor's logic and the runtime
// that runs it (pkg/runtime/stream). A Machine is pure: it has no I/O, no clock and no
// goroutine; time comes to it in Tx.Now, and what it wants done it writes into
// the Tx. The runtime commits state, outputs and input positions of a tick in
// one Kafka transaction and only then starts the tick's calls.
//
// This package knows neither Kafka nor HTTP, so that processors can be proven
// free of both by their import list.
package machine

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
)

// Unit names the part of a processor that one Machine runs: partition
// Partition of each of its input topics and of its state topic.
type Unit struct {
	Processor  string // role name, such as "orders"
	Partition  int32
	Partitions int32 // the number of partitions, the same for every account-scoped topic
}

// Machine is the logic of one unit. Its methods are called by one goroutine.
// When a transaction fails the runtime drops the Machine and builds a new one
// from the committed state, so what it remembers need not be undone.
type Machine interface {
	// Restore receives each entry of the unit's committed state once, in no
	// particular order, before the first Record. value has the Go type that was
	// Put, or that its Entry made. An error stops the unit: state that cannot be read is
	// never skipped. One that matches schemas.ErrUnknownKind leaves the entry as it
	// stands: it is of a later version, and no business of this machine's.
	Restore(key string, value any) error
	// Record takes one input record. It must not wait for anything: work that
	// needs a call is put into the state, to be drawn later.
	Record(tx *Tx, rec *Record)
	// Result takes the outcome of a call that an earlier tick started.
	Result(tx *Tx, res *Result)
	// Draw ends a tick, after its records and results: it starts the calls that
	// quota and time allow now, and asks with Tx.WakeAt for the next tick that
	// time alone would cause.
	Draw(tx *Tx)
	// Pending is how many entries wait for work. Above the runtime's mark the
	// unit's intake pauses, for all of its accounts: what one account's trouble
	// holds up must not count like the rest (lane.Apart).
	Pending() int
}

// Holder is a Machine whose Pending counts some of what waits for less, such as the work
// of a parked account. Held is all of it: what takes memory.
type Holder interface{ Held() int }

// Aged is a Machine with state that expires after some time, whoever owns the unit by
// then.
type Aged interface {
	// RestoreAged is called in place of Restore. age is how long before the takeover
	// the entry was committed, at least: on the pipeline's clock, and by the brokers'
	// time alone, so that no two processes' clocks are compared. It is 0 where the
	// brokers do not tell.
	RestoreAged(key string, value any, age time.Duration) error
}

// Copier is a Machine that copies what it keeps of some values.
type Copier interface {
	// Copied reports whether the machine keeps no pointer to a value that it was given,
	// nor into it, nor to its Record: the next one of that type comes in the same
	// memory. It may keep their texts, and a Record that it has set aside.
	Copied(value any) bool
}

// Record is one decoded record of an input topic.
type Record struct {
	Topic     string // logical name, without the prefix
	Partition int32
	Offset    int64
	Time      time.Time // the record's timestamp in Kafka
	// Came is that time on the pipeline's clock (Tx.Now). A record that `sellerstream
	// deadletters retry` or `replay` has brought again came when the first one did.
	Came     time.Time
	Account  string // whose it is: our name of the seller account
	Value    any    // pointer to the generated type of package schemas
	Headers  []Header
	Key, Raw []byte // the key and the value as they stood in Kafka, for a dead letter
	// ID tells the record from every other one, of any topic, of a topic made anew
	// and of a replay too: what is processed again has another ID. It is short, and
	// safe to keep.
	ID     string
	Replay *Replay // nil for a record that is read for the first time
}

// Replay says that a record was read before and is to be processed again. Topic,
// Partition, Offset and Time are those of the first time.
type Replay struct {
	ID      string // of the replay, the same for all records of it
	Effects bool   // whether calls that write at Amazon are allowed
}

// Header is a Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// Output is a record to write to a topic, keyed by Account.
type Output struct {
	Topic   string // logical name
	Account string
	Value   any // pointer to a generated type of package schemas, or an Entry
	Headers []Header
}

// Call is one request to Amazon. It starts after the transaction that asked
// for it has committed.
type Call struct {
	Account   string
	Operation string // Amazon's operation name, such as "getOrder"
	Key       string // state key of the intent that this call carries out
	Request   any    // a request type of pkg/spapi/model
	// Lease, if not zero, is for a call that writes: it must start within this
	// real time after its commit began, so that a process that was stopped
	// meanwhile cannot act on work that has moved elsewhere. It does not bound the
	// answer: one that comes later counts as long as the unit is still here.
	Lease time.Duration
	// StartBy is when the lease ends, by the monotonic clock. The runtime sets it;
	// zero for a call without a lease.
	StartBy time.Time
}

// Result is how a call ended.
type Result struct {
	Call    Call
	Outcome Outcome
	// Blame is whose fault it is that the call failed (containment rule 4); Nobody
	// for a success.
	Blame blame.Party
	// Shared is what the failure shares with others; one alert reports them all. nil
	// for nothing.
	Shared *blame.Shared
	// RateLimit is the pair's rate in requests per second as the answer's
	// x-amzn-RateLimit-Limit header gave it; 0 when it gave none.
	RateLimit float64
}

// Outcome is one of Done, Retry, Snooze, Park, Reject and Ambiguous.
type Outcome interface{ outcome() }

// Done is success. Response is the operation's response type of pkg/spapi/model.
type Done struct{ Response any }

// Retry is a transient failure: it costs an attempt and is tried again with
// backoff and jitter.
type Retry struct{ Err error }

// Snooze is a wait that is not the call's fault and costs no attempt: the call was
// throttled, a breaker was open, or it never started. A writing call that is snoozed
// has certainly not happened at Amazon, even a throttled one: it can be made again
// without a look.
type Snooze struct {
	For       time.Duration // at least this long; 0 lets the machine choose
	Throttled bool          // Amazon answered 429: the bucket must be drained
	// Application reports whether the 429 was for the limit that the accounts of the
	// application share, and not for the account's own.
	Application bool
	Own         bool // the wait is this work's own: the account's other work goes on
	Unspent     bool // the call never left, so its token is not spent at Amazon either
	Parked      bool // another call has found the account refused: its work waits like that of a Park
	Err         error
}

// Park is a failure of the account rather than of the call: its credentials
// are refused. Work of the account waits until somebody mends it.
type Park struct{ Err error }

// Reject is Amazon's definite no. Err is usually a *model.Error.
type Reject struct{ Err error }

// Ambiguous is a writing call that may or may not have happened.
type Ambiguous struct{ Err error }

func (Done) outcome()      {}
func (Retry) outcome()     {}
func (Snooze) outcome()    {}
func (Park) outcome()      {}
func (Reject) outcome()    {}
func (Ambiguous) outcome() {}
