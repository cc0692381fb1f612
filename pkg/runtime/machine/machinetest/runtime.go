// Package machinetest runs a processor's machine in memory, for its tests, as
// pkg/runtime/stream runs it on Kafka. It owns the unit's committed state, the calls
// under way and the time. A test owns what arrives, how calls end, and when
// time passes; Traffic lets that be at random. It is no part of the binary.
//
// These rules of pkg/runtime/stream hold here too:
//
//   - A tick is one transaction. What the machine makes of results and then
//     records is committed together, or after Decide alone not at all.
//   - Calls follow the commit that asked for them.
//   - A restart builds the machine anew from the committed state, which went
//     through its Avro encoding. What else it knew is lost, and so are the calls
//     under way.
//   - State and outputs are of the kinds that schemas.Topics has the processor
//     write.
//   - A wish to be woken at once comes true a millisecond later.
//
// It also checks what every processor promises: one call in flight for each key, only
// calls of its own operations, and an Observe that reports the quota of each call and
// since when something is pending. Leases, positions and intake that pauses are not
// here: a test that loses a transaction gives its records again.
package machinetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	partition = 3
	minWake   = time.Millisecond
)

// Config is what is particular to a processor.
type Config[M machine.Machine] struct {
	Processor  string               // its role, by which schemas.Topics names it
	Operations []string             // that it may call
	Now        time.Time            // when the test begins
	Build      func() M             // makes a machine, at first and for each restart
	Committed  func(tx *machine.Tx) // takes what a transaction wrote
	Check      func(machine.Call)   // checks a call that starts against the committed state
}

// Runtime runs one unit.
type Runtime[M machine.Machine] struct {
	T       testing.TB
	Machine M
	Now     time.Time
	Wake    time.Time // when the machine wants its next tick; zero for never
	Store   *Store    // committed
	Letters []machine.DeadLetter
	Running map[string]machine.Call   // started and not ended, by key
	Started []machine.Call            // since the start, all of them
	Open    map[string]*schemas.Alert // that hold, by their ids

	config Config[M]
	topics []schemas.Topic
	buffer []byte
	offset int64
}

// New makes a Runtime whose unit has no state.
func New[M machine.Machine](t testing.TB, config Config[M]) *Runtime[M] {
	return &Runtime[M]{
		T: t, Machine: config.Build(), Now: config.Now, Store: NewStore(),
		Running: map[string]machine.Call{}, Open: map[string]*schemas.Alert{}, config: config, topics: schemas.Topics(),
	}
}

// Records makes records of values, each of the topic that carries its kind to
// the processor, at offsets that were not used before.
func (r *Runtime[M]) Records(values ...any) []*machine.Record {
	r.T.Helper()
	var records []*machine.Record
	for _, value := range values {
		i := slices.IndexFunc(r.topics, func(t schemas.Topic) bool {
			return slices.Contains(t.Readers, r.config.Processor) && holds(t, value)
		})
		if i < 0 {
			r.T.Fatalf("no topic carries a %T to %s", value, r.config.Processor)
		}
		records = append(records, &machine.Record{
			Topic: r.topics[i].Name, Partition: partition, Offset: r.offset, Value: value,
			ID:      fmt.Sprintf("%s/%d", r.topics[i].Name, r.offset),
			Account: reflect.ValueOf(value).Elem().FieldByName("Account").String(),
		})
		r.offset++
	}
	return records
}

func holds(t schemas.Topic, value any) bool {
	return slices.Contains(t.Records, reflect.TypeOf(value).Elem().Name())
}

// Take applies records of values in one tick and returns the calls that it started.
func (r *Runtime[M]) Take(values ...any) []machine.Call {
	r.T.Helper()
	return r.Tick(r.Records(values...))
}

// End ends a call in a tick.
func (r *Runtime[M]) End(call machine.Call, outcome machine.Outcome) []machine.Call {
	r.T.Helper()
	return r.Tick(nil, machine.Result{Call: call, Outcome: outcome})
}

// Done ends a call well.
func (r *Runtime[M]) Done(call machine.Call, response any) []machine.Call {
	r.T.Helper()
	return r.End(call, machine.Done{Response: response})
}

// Tick applies results and records in one transaction, and starts its calls.
func (r *Runtime[M]) Tick(records []*machine.Record, results ...machine.Result) []machine.Call {
	r.T.Helper()
	tx := r.Decide(records, results...)
	r.Commit(tx)
	for i := range results {
		delete(r.Running, results[i].Call.Key)
	}
	r.start(tx.Calls)
	return tx.Calls
}

// Changed tells the machine of changed accounts, in a tick.
func (r *Runtime[M]) Changed(accounts ...string) []machine.Call {
	r.T.Helper()
	tx := &machine.Tx{Now: r.Now}
	any(r.Machine).(machine.Follower).Changed(tx, accounts)
	r.Machine.Draw(tx)
	r.Commit(tx)
	r.start(tx.Calls)
	return tx.Calls
}

// Decide is a tick whose transaction is not committed yet, or never.
func (r *Runtime[M]) Decide(records []*machine.Record, results ...machine.Result) *machine.Tx {
	tx := &machine.Tx{Now: r.Now}
	for i := range results {
		r.Machine.Result(tx, &results[i])
	}
	for _, rec := range records {
		r.record(tx, rec)
	}
	r.Machine.Draw(tx)
	return tx
}

// record gives the machine a record, in memory that is emptied where the runtime would
// use it again.
func (r *Runtime[M]) record(tx *machine.Tx, rec *machine.Record) {
	copier, ok := any(r.Machine).(machine.Copier)
	if !ok || !copier.Copied(rec.Value) {
		r.Machine.Record(tx, rec)
		return
	}
	given, letters := *rec, len(tx.DeadLetters)
	value := reflect.New(reflect.TypeOf(rec.Value).Elem())
	value.Elem().Set(reflect.ValueOf(rec.Value).Elem())
	given.Value = value.Interface()
	r.Machine.Record(tx, &given)
	if len(tx.DeadLetters) == letters {
		value.Elem().SetZero()
		given = machine.Record{}
	}
}

// Commit makes a transaction durable. It starts no calls.
func (r *Runtime[M]) Commit(tx *machine.Tx) {
	r.T.Helper()
	r.Store.Now = r.Now
	for key, value := range tx.State {
		value = Value(value)
		if value != nil && !r.keeps(value) {
			r.T.Fatalf("state %s is a %T, which stands on no topic of %s's state", key, value, r.config.Processor)
		}
		r.fits(key, value)
		if err := r.Store.Put(key, value); err != nil {
			r.T.Fatal(err)
		}
	}
	for i := range tx.Outputs {
		out := &tx.Outputs[i]
		out.Value = Value(out.Value)
		if !slices.ContainsFunc(r.topics, func(t schemas.Topic) bool {
			return t.Name == out.Topic && slices.Contains(t.Writers, r.config.Processor) && holds(t, out.Value)
		}) {
			r.T.Fatalf("%s wrote a %T to %q", r.config.Processor, out.Value, out.Topic)
		}
		r.fits(out.Topic, out.Value)
		if alert, ok := out.Value.(*schemas.Alert); ok {
			r.alert(alert)
		}
	}
	r.Letters = append(r.Letters, tx.DeadLetters...)
	r.Wake = tx.Wake
	r.config.Committed(tx)
}

// alert notes an alert, or the end of one: that must hold, and be about the same.
func (r *Runtime[M]) alert(a *schemas.Alert) {
	r.T.Helper()
	if a.Resolves == "" {
		r.Open[a.EventID] = a
		return
	}
	raised := r.Open[a.Resolves]
	if raised == nil || raised.Account != a.Account || raised.Role != a.Role || raised.Subject != a.Subject ||
		raised.EventType != a.EventType && raised.EventType+a.EventType != "AccountParkedAccountRecovered" {
		r.T.Fatalf("%+v ends %+v", a, raised)
	}
	delete(r.Open, a.Resolves)
}

// Holding is how many alerts of a type hold.
func (r *Runtime[M]) Holding(kind string) (n int) {
	for _, a := range r.Open {
		if a.EventType == kind {
			n++
		}
	}
	return n
}

// Value is what an entry or an output of a tick writes.
func Value(entry any) any {
	if e, ok := entry.(machine.Entry); ok {
		return e.Value(nil)
	}
	return entry
}

// fits holds each record to containment rule 1: its topic takes it, with its key, its
// headers and the batch around it.
func (r *Runtime[M]) fits(where string, value any) {
	r.T.Helper()
	if v, ok := value.(schemas.Value); ok {
		r.buffer = v.AppendAvro(r.buffer[:0])
		if size := len(r.buffer); size > schemas.MaxRecordBytes-8<<10 {
			r.T.Fatalf("%s: a %T of %d bytes is more than its topic takes", where, value, size)
		}
	}
}

// keeps reports whether a value is of a kind that the processor's state has.
func (r *Runtime[M]) keeps(value any) bool {
	return slices.ContainsFunc(r.topics, func(t schemas.Topic) bool {
		return t.Compacted() && slices.Contains(t.Writers, r.config.Processor) && holds(t, value)
	})
}

func (r *Runtime[M]) start(calls []machine.Call) {
	r.T.Helper()
	for _, call := range calls {
		if !model.Covers(r.config.Operations, call.Operation) {
			r.T.Fatalf("called %s, which is not the processor's own", call.Operation)
		}
		if _, twice := r.Running[call.Key]; twice {
			r.T.Fatalf("two calls for %s in flight", call.Key)
		}
		r.Running[call.Key] = call
		r.Started = append(r.Started, call)
		r.config.Check(call)
	}
	if len(calls) > 0 {
		r.observe(calls)
	}
}

// observe compares what the machine reports about itself with what it did.
func (r *Runtime[M]) observe(calls []machine.Call) {
	r.T.Helper()
	observed, ok := any(r.Machine).(machine.Observed)
	if !ok {
		return
	}
	stats := &machine.Stats{Now: r.Now}
	observed.Observe(stats)
	for _, call := range calls {
		if !model.Covers(slices.Collect(maps.Keys(stats.Operations)), call.Operation) {
			r.T.Fatalf("it has called %s, and Observe does not name its quota: %v", call.Operation, stats.Operations)
		}
	}
	if r.Machine.Pending() > 0 && stats.Oldest.IsZero() {
		r.T.Fatalf("%d are pending, and Observe does not tell since when", r.Machine.Pending())
	}
}

// State is the committed entry of a key; nil for none.
func (r *Runtime[M]) State(key string) any {
	r.T.Helper()
	value, err := r.Store.Get(key)
	if err != nil {
		r.T.Fatal(err)
	}
	return value
}

// Restart drops the machine and builds one from the committed state, as after
// a crash or a handover. Its first tick is due.
func (r *Runtime[M]) Restart() {
	r.T.Helper()
	r.Machine, r.Wake = r.config.Build(), r.Now
	clear(r.Running)
	r.Store.Now = r.Now
	if err := r.Store.Restore(r.Machine, slices.Collect(r.Store.Keys())); err != nil {
		r.T.Fatal(err)
	}
}

// Pass lets time pass, with the ticks that the machine asks for, and returns
// the calls that they started. They do not end.
func (r *Runtime[M]) Pass(d time.Duration) []machine.Call {
	r.T.Helper()
	end := r.Now.Add(d)
	calls := r.Tick(nil)
	for r.wakes(end) {
		calls = append(calls, r.Tick(nil)...)
	}
	return append(calls, r.Tick(nil)...)
}

// Follow lets time pass, with the ticks that the machine asks for, and answers
// calls and all that follow at once.
func (r *Runtime[M]) Follow(d time.Duration, calls []machine.Call, answer func(machine.Call) machine.Outcome) {
	r.T.Helper()
	for end := r.Now.Add(d); len(calls) > 0 || r.wakes(end); {
		var results []machine.Result
		for _, call := range calls {
			results = append(results, machine.Result{Call: call, Outcome: answer(call)})
		}
		calls = r.Tick(nil, results...)
	}
}

// wakes goes on to when the machine wants its next tick, or to the end if that
// comes first.
func (r *Runtime[M]) wakes(end time.Time) bool {
	next := r.Now.Add(minWake)
	if r.Wake.After(next) {
		next = r.Wake
	}
	if r.Wake.IsZero() || next.After(end) {
		r.Now = end
		return false
	}
	r.Now = next
	return true
}
