package ledger

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"
)

// Part names one of the services that are simulated.
type Part string

// The parts.
const (
	LWA         Part = "lwa"
	SPAPI       Part = "spapi"
	SQS         Part = "sqs"
	EventBridge Part = "eventbridge"
	Documents   Part = "documents" // where presigned URLs lead
	// Processing is no service and has no calls: a Rule of this part meets a feed
	// that comes into being, whose Operation is its type.
	Processing Part = "processing"
)

// Call is one request that reached the simulator.
type Call struct {
	Sequence   int64             `json:"sequence"` // order in which calls were answered, over all parts
	Time       time.Time         `json:"time"`     // when it arrived, on the simulator's clock
	Part       Part              `json:"part"`
	Operation  string            `json:"operation"`         // Amazon's name of it; "token" for LWA; "" if it matched none
	Account    string            `json:"account,omitempty"` // our name of the seller; the queue's name for SQS
	Parameters map[string]string `json:"parameters,omitempty"`
	RequestID  string            `json:"requestId"`
	Status     int               `json:"status"`           // the HTTP status decided on, 0 if it was dropped unanswered
	Applied    bool              `json:"applied"`          // whether it took effect: neither refused nor met by a fault before it
	Throttled  bool              `json:"throttled"`        // whether a quota refused it
	Fault      string            `json:"fault,omitempty"`  // name of the fault rule that met it
	Answered   bool              `json:"answered"`         // false if a fault cut the connection in place of the answer
	Detail     string            `json:"detail,omitempty"` // the error's code where there is one
	Duration   time.Duration     `json:"durationNanos"`    // real time from arrival to the answer's first byte
}

// Filter selects calls. A zero field matches every call.
type Filter struct {
	Part      Part
	Operation string
	Account   string
	Status    int
	After     int64 // only calls with a greater Sequence
}

func (f Filter) match(c *Call) bool {
	return (f.Part == "" || f.Part == c.Part) &&
		(f.Operation == "" || f.Operation == c.Operation) &&
		(f.Account == "" || f.Account == c.Account) &&
		(f.Status == 0 || f.Status == c.Status) &&
		c.Sequence > f.After
}

// Count sums the calls of one operation. Counts are never dropped.
type Count struct {
	Part      Part   `json:"part"`
	Operation string `json:"operation"`
	Calls     int    `json:"calls"`
	Applied   int    `json:"applied"`
	Throttled int    `json:"throttled"`
	Errors    int    `json:"errors"` // status 400 and above, throttled ones included
	Faults    int    `json:"faults"`
}

// Ledger records every call to every part, in the order of their answers. It
// only grows, up to a bound per part; the oldest calls beyond it are dropped
// and counted, so that an idle SQS poller cannot push SP-API calls out.
type Ledger struct {
	mu       sync.Mutex
	kept     int
	sequence int64
	calls    map[Part]*Ring[Call]
	counts   []Count       // in the order of their first calls
	changed  chan struct{} // closed by the next record; nil while nobody waits
}

// New makes a ledger that keeps so many calls of each part.
func New(kept int) *Ledger {
	return &Ledger{kept: kept, calls: make(map[Part]*Ring[Call])}
}

// Record takes a call in.
func (l *Ledger) Record(c Call) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sequence++
	c.Sequence = l.sequence
	calls := l.calls[c.Part]
	if calls == nil {
		calls = &Ring[Call]{Limit: l.kept}
		l.calls[c.Part] = calls
	}
	calls.Push(c)
	l.count(&c)
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

func (l *Ledger) count(c *Call) {
	i := slices.IndexFunc(l.counts, func(known Count) bool { return known.Part == c.Part && known.Operation == c.Operation })
	if i < 0 {
		i = len(l.counts)
		l.counts = append(l.counts, Count{Part: c.Part, Operation: c.Operation})
	}
	count := &l.counts[i]
	count.Calls++
	if c.Applied {
		count.Applied++
	}
	if c.Throttled {
		count.Throttled++
	}
	if c.Status >= 400 {
		count.Errors++
	}
	if c.Fault != "" {
		count.Faults++
	}
}

// Calls lists the kept calls that match, oldest first within each part.
func (l *Ledger) Calls(f Filter) []Call {
	l.mu.Lock()
	defer l.mu.Unlock()
	var matched []Call
	for _, part := range []Part{LWA, SPAPI, SQS, EventBridge, Documents} {
		if calls := l.calls[part]; calls != nil && (f.Part == "" || f.Part == part) {
			newer := sort.Search(len(calls.values), func(i int) bool { return calls.at(i).Sequence > f.After })
			for i := newer; i < len(calls.values); i++ {
				if c := calls.at(i); f.match(c) {
					matched = append(matched, *c)
				}
			}
		}
	}
	return matched
}

// Await waits until n calls match, and returns them. It fails with ctx's cause.
func (l *Ledger) Await(ctx context.Context, f Filter, n int) ([]Call, error) {
	var matched []Call
	for {
		changed := l.next()
		for _, c := range l.Calls(f) { // those that are new
			matched = append(matched, c)
			f.After = max(f.After, c.Sequence)
		}
		if len(matched) >= n {
			return matched, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// next is closed when the next call is recorded.
func (l *Ledger) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// Counts lists the number of calls of every operation seen, in the order in
// which the operations were first called.
func (l *Ledger) Counts() []Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Count{}, l.counts...)
}

// Throttled is how many calls the quotas of the SP-API refused.
func (l *Ledger) Throttled() int {
	throttled := 0
	for _, c := range l.Counts() {
		throttled += c.Throttled
	}
	return throttled
}

// Dropped is how many calls are counted but no longer kept.
func (l *Ledger) Dropped() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	dropped := 0
	for _, calls := range l.calls {
		dropped += calls.Dropped
	}
	return dropped
}

// Ring keeps the newest limit values. It grows as needed.
type Ring[T any] struct {
	Limit   int // how many are kept
	values  []T
	next    int // where the next value goes once values is full
	Dropped int // how many are no longer kept
}

// Push adds a value.
func (r *Ring[T]) Push(v T) {
	if len(r.values) < r.Limit {
		r.values = append(r.values, v)
		return
	}
	r.values[r.next] = v
	r.next = (r.next + 1) % r.Limit
	r.Dropped++
}

// Each visits the kept values, oldest first.
func (r *Ring[T]) Each(visit func(*T)) {
	for i := range r.values {
		visit(r.at(i))
	}
}

// at is the i-th of the kept values, the oldest first.
func (r *Ring[T]) at(i int) *T { return &r.values[(r.next+i)%len(r.values)] }
