package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// flushRecords is how many records of a tick the client buffers at most.
	flushRecords = 10_000
	// abortTimeout bounds the abort of a transaction that failed. Kafka aborts it
	// by itself when the next owner fences, or after the transaction's timeout.
	abortTimeout = 2 * time.Second
	// chunkBytes is how much a chunk of encoded records holds.
	chunkBytes = 128 << 10
	// minWake is the least wait for a tick that the machine asks for. Without it a
	// machine that asks for a time in the past would use up the CPU; a scaled clock
	// also rounds.
	minWake = time.Millisecond
)

// chunk is used again by all units of a processor. While they are idle the garbage
// collector has it.
type chunk [chunkBytes]byte

// tick is what one round of a unit writes. Its buffers are used again.
type tick struct {
	s       *session
	tx      machine.Tx
	chunks  []*chunk // keys and values of the records, one behind the other
	free    []byte   // what is left of the last chunk; its length is 0
	records []kgo.Record
	topics  map[string]string // names on the wire, by logical name
	earlier any               // value of an Entry that is encoded already

	committed bool // whether one has
}

func newTick(s *session) *tick {
	t := &tick{s: s, topics: make(map[string]string)}
	for _, logical := range s.opts.topics() {
		t.topics[logical] = s.opts.topic(logical)
	}
	return t
}

// runTick applies what has arrived, commits, and starts the calls.
func (s *session) runTick() error {
	return s.round(true)
}

// round is a tick; draw reports whether new work may begin.
func (s *session) round(draw bool) error {
	tx := s.tick.begin(s.opts.Clock.Now())
	s.due = false
	s.u.machineTime.start()
	write := s.intake.flush
	if s.u.odd.careful() {
		write = s.oneItem(tx, draw) || write
	} else {
		write = s.allItems(tx, draw) || write
	}
	s.u.machineTime.stop()
	if len(tx.Calls) > 0 && s.opts.Execute == nil {
		return stopf(Faulty, s.opts.Remedies.Fault, "the machine made a call of %s, but Options.Execute is nil", tx.Calls[0].Operation)
	}
	committed, err := s.tick.commit(write)
	if err != nil {
		return err
	}
	s.calls.start(tx.Calls, committed) // (5)
	s.setWake(tx)
	s.tick.end()
	s.publish(s.settle())
	return nil
}

// settle pauses and resumes the intake by what is pending, and returns that.
func (s *session) settle() int {
	pending := s.machine.Pending()
	held := pending
	if m, ok := s.machine.(machine.Holder); ok {
		held = m.Held()
	}
	over := s.share.set(Load{Records: held, Bytes: s.entries.of(held), Queued: s.intake.bytes()})
	s.intake.settle(pending, over)
	return pending
}

// allItems gives the machine all that is there, and reports whether there were
// records among it.
func (s *session) allItems(tx *machine.Tx, draw bool) (records bool) {
	results := s.results
	s.results = nil
	for i := range results {
		s.machine.Result(tx, s.u.odd.answer(&results[i]))
	}
	if draw {
		s.tellChanges(tx)
		records = s.records(tx, s.opts.MaxTick)
		s.draw(tx)
	}
	return records
}

// records gives the machine at most so many records, and reports whether there were any.
func (s *session) records(tx *machine.Tx, most int) bool {
	return s.intake.each(s.u.work, most,
		func(rec *machine.Record) {
			letters := len(tx.DeadLetters)
			s.machine.Record(tx, rec)
			if len(tx.DeadLetters) == letters && s.spent(rec.Value) {
				*rec = machine.Record{}
				s.intake.spare = rec
			}
		},
		func(dead machine.DeadLetter) { tx.DeadLetters = append(tx.DeadLetters, dead) })
}

func (s *session) draw(tx *machine.Tx) {
	s.drawn = true
	s.machine.Draw(tx)
}

// setWake sets the timer for the machine's wish, on the real clock.
func (s *session) setWake(tx *machine.Tx) {
	if tx.Wake.IsZero() {
		s.wake.Stop()
		return
	}
	s.wake.Reset(max(minWake, s.opts.Clock.Real(tx.Wake.Sub(tx.Now))))
}

// drain ends a unit that is handed over (8): calls that have not started are
// turned away, started ones may end within DrainTimeout, what they said is
// committed, and no new work begins.
func (s *session) drain() error {
	s.results = append(s.results, s.calls.turnAway()...)
	deadline := time.NewTimer(s.opts.DrainTimeout)
	defer deadline.Stop()
	s.intake.flush = true
	for {
		if err := s.round(false); err != nil {
			return err
		}
		if len(s.results) > 0 {
			continue
		}
		if s.calls.running == 0 {
			return errDrained
		}
		select {
		case res := <-s.calls.done:
			s.ended(res)
		case <-deadline.C:
			s.log.Warn("calls did not end in time and are cancelled", "calls", s.calls.running)
			s.calls.cancel()
		case <-s.u.work.Done():
			return context.Cause(s.u.work)
		}
	}
}

func (t *tick) begin(now time.Time) *machine.Tx {
	t.tx = machine.Tx{
		Now: now, Namespace: t.s.namespace, State: t.tx.State, Outputs: t.tx.Outputs[:0], DeadLetters: t.tx.DeadLetters[:0], Calls: t.tx.Calls[:0],
	}
	return &t.tx
}

// end lets go of what the tick has written, so that an idle unit keeps no records in
// memory.
func (t *tick) end() {
	clear(t.tx.State)
	clear(t.tx.Outputs)
	clear(t.tx.DeadLetters)
	clear(t.tx.Calls)
	clear(t.records)
	t.records = t.records[:0]
	for _, c := range t.chunks {
		t.s.u.p.chunks.Put(c)
	}
	clear(t.chunks)
	t.chunks, t.free = t.chunks[:0], nil
	t.earlier, t.s.used = nil, nil
}

// commit writes the tick in one transaction (4), and returns a time at which
// the unit was certainly still ours. Without anything to write it does
// nothing, except that calls with a lease need a fresh proof of ownership.
func (t *tick) commit(positions bool) (time.Time, error) {
	if err := t.encode(positions); err != nil {
		return time.Time{}, err
	}
	if len(t.records) == 0 {
		return time.Time{}, nil
	}
	began, observer := time.Now(), t.s.opts.Observer
	before, err := t.transact(t.s.u.work)
	if errors.Is(err, errLetterTooLarge) {
		t.s.u.letterBytes = max(t.s.u.letterBytes/4, schemas.LeastDeadLetterBytes)
	}
	if err != nil {
		observer.Failed(isFenced(err))
		if large := (*tooLargeError)(nil); errors.As(err, &large) {
			err = t.s.u.odd.refused(large, &t.s.opts.Remedies)
		}
		return time.Time{}, err
	}
	observer.Committed(&t.tx, time.Since(began))
	t.committed = true
	t.s.intake.written()
	return before, nil
}

// transact writes the tick's records, and returns when it began to commit them.
func (t *tick) transact(ctx context.Context) (before time.Time, err error) {
	client := t.s.client
	if err := client.BeginTransaction(); err != nil {
		return time.Time{}, fmt.Errorf("begin a transaction: %w", err)
	}
	if err := t.produce(ctx); err != nil {
		t.abort()
		return time.Time{}, err
	}
	before = time.Now()
	if err := client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return time.Time{}, fmt.Errorf("commit: %w", err)
	}
	return before, nil
}

// produce writes the records and waits until Kafka has all of them.
func (t *tick) produce(ctx context.Context) error {
	var failed atomic.Pointer[error]
	promise := func(rec *kgo.Record, err error) {
		if err != nil {
			err = t.produceError(rec, err)
			failed.CompareAndSwap(nil, &err)
		}
	}
	batch := flushRecords
	if t.s.u.odd.careful() {
		batch = 1 // a refusal is then of this record, and of no other
	}
	for i := range t.records {
		t.s.client.Produce(ctx, &t.records[i], promise)
		if failed.Load() != nil {
			break
		}
		if i%batch == batch-1 {
			if err := t.s.client.Flush(ctx); err != nil {
				return fmt.Errorf("flush: %w", err)
			}
		}
	}
	if err := t.s.client.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// produceError returns the error of a record that was not written. One that is too
// large for its topic does not stop the unit: a dead letter is cut further, as long as
// there is something to cut, and for any other record the item that made it is looked
// for.
func (t *tick) produceError(rec *kgo.Record, err error) error {
	letter := rec.Topic == t.s.opts.topic(t.s.opts.DeadLetters)
	switch {
	case !tooLarge(err):
	case !letter:
		return newTooLargeError(rec, err)
	case t.s.u.letterBytes > schemas.LeastDeadLetterBytes:
		return fmt.Errorf("%w of %d bytes at topic %s: %s", errLetterTooLarge, len(rec.Value), rec.Topic, t.s.opts.Remedies.LetterTooLarge)
	}
	return t.s.opts.Remedies.produceError(rec, err)
}

// abort frees the readers behind the transaction early, where it can.
func (t *tick) abort() {
	ctx, cancel := context.WithTimeout(t.s.u.work, abortTimeout)
	defer cancel()
	err := t.s.client.AbortBufferedRecords(ctx)
	if err == nil {
		err = t.s.client.EndTransaction(ctx, kgo.TryAbort)
	}
	if err != nil {
		t.s.log.Debug("the failed transaction could not be aborted here; Kafka aborts it", "error", err)
	}
}

// encode makes the records of the transaction.
func (t *tick) encode(positions bool) error {
	// A state entry, a dead letter and an output each, a position of each input, or a claim.
	most := len(t.tx.State) + len(t.tx.DeadLetters) + len(t.tx.Outputs) + len(t.s.intake.inputs) + 1
	t.records = slices.Grow(t.records[:0], most)

	for i := range t.tx.Outputs {
		if err := t.output(&t.tx.Outputs[i]); err != nil {
			return err
		}
	}
	for i := range t.tx.DeadLetters {
		if err := t.deadLetter(&t.tx.DeadLetters[i]); err != nil {
			return err
		}
	}
	for key, value := range t.tx.State {
		if err := t.entry(key, value); err != nil {
			return err
		}
	}
	if positions || len(t.records) > 0 {
		for _, i := range t.s.intake.inputs {
			if i.dirty {
				if err := t.add(t.s.opts.State, positionPrefix+i.logical, i.position()); err != nil {
					return err
				}
			}
		}
	}
	if len(t.records) == 0 && t.leases() {
		claim := &schemas.Claim{Owner: t.s.u.p.instance, Time: time.Now()}
		return t.add(t.s.opts.State, claimKey, claim)
	}
	return nil
}

// entry makes the record of a state entry.
func (t *tick) entry(key string, value any) error {
	if strings.HasPrefix(key, reservedKey) {
		return stopf(Faulty, t.s.opts.Remedies.Fault, "state key %q begins with %q, which is the runtime's own", key, reservedKey)
	}
	if t.s.carried.has(key) {
		return t.s.overwrites(key)
	}
	value = t.made(value)
	topic, key := t.s.opts.stateTopic(key)
	err := t.add(topic, key, value)
	if err == nil && value != nil {
		t.s.entries.add(len(key) + len(t.records[len(t.records)-1].Value))
	}
	return err
}

func (t *tick) leases() bool {
	for i := range t.tx.Calls {
		if t.tx.Calls[i].Lease > 0 {
			return true
		}
	}
	return false
}

func (t *tick) output(out *machine.Output) error {
	if !slices.Contains(t.s.opts.Outputs, out.Topic) {
		return stopf(Faulty, t.s.opts.Remedies.Fault, "the machine emitted to topic %q, which is not among the processor's outputs", out.Topic)
	}
	if !t.s.intake.owners.ours(out.Account) {
		return stopf(Faulty, t.s.opts.Remedies.Fault, "the machine emitted a record of account %q to topic %s, but the account does not belong to partition %d",
			out.Account, out.Topic, t.s.u.partition)
	}
	if err := t.add(out.Topic, out.Account, t.made(out.Value)); err != nil {
		return err
	}
	rec := &t.records[len(t.records)-1]
	for _, h := range out.Headers {
		rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return nil
}

func (t *tick) deadLetter(dead *machine.DeadLetter) error {
	opts := t.s.opts
	if dead.Record != nil {
		return t.letter(recordLetter(&t.tx, opts.Processor, opts.topic(dead.Record.Topic), dead))
	}
	if !t.s.intake.owners.ours(dead.Account) {
		return stopf(Faulty, t.s.opts.Remedies.Fault, "the machine set aside %q of account %q, but the account does not belong to partition %d",
			dead.Key, dead.Account, t.s.u.partition)
	}
	return t.letter(workLetter(&t.tx, opts.Processor, opts.topic(opts.State), dead))
}

// made is the value of an Entry, or a value itself, until the next is made.
func (t *tick) made(value any) any {
	entry, ok := value.(machine.Entry)
	if !ok {
		return value
	}
	t.earlier = entry.Value(t.earlier)
	return t.earlier
}

// letter adds a dead letter that its topic takes (containment rule 2).
func (t *tick) letter(letter *schemas.DeadLetter) error {
	letter.Bound(t.s.u.letterBytes)
	key := letter.RecordKey()
	err := t.add(t.s.opts.DeadLetters, string(key), letter)
	if err == nil && key == nil {
		t.records[len(t.records)-1].Key = nil
	}
	return err
}

// add encodes a record; a nil value is a tombstone.
func (t *tick) add(logical, key string, value any) error {
	data := append(t.room(), key...)
	if value != nil {
		var err error
		if data, err = t.s.opts.codecOf(value).AppendEncode(data, logical, value); err != nil {
			return encodeError(logical, key, t.s.opts.Remedies.Fault, err)
		}
	}
	data = t.keep(data)
	rec := kgo.Record{Topic: t.topics[logical], Partition: t.s.u.partition, Key: data[:len(key):len(key)]}
	if value != nil {
		rec.Value = data[len(key):]
	}
	t.records = append(t.records, rec)
	return nil
}

// room returns where the next record is appended.
func (t *tick) room() []byte {
	if t.free == nil {
		c, ok := t.s.u.p.chunks.Get().(*chunk)
		if !ok { // the pool is empty
			c = new(chunk)
		}
		t.chunks = append(t.chunks, c)
		t.free = c[:0]
	}
	return t.free
}

// keep takes a record that was appended to room, until the end of the tick. Where there
// was too little room, append has taken memory for this record alone.
func (t *tick) keep(data []byte) []byte {
	switch {
	case cap(data) == cap(t.free):
		t.free = data[len(data):]
	case cap(t.free) < chunkBytes/4:
		t.free = nil
	}
	return data[:len(data):len(data)]
}

// encodeError stops the unit, with a remedy, unless the schema registry is only away.
func encodeError(topic, key, remedy string, err error) error {
	err = fmt.Errorf("encode the record with key %q for topic %s: %w", key, topic, err)
	if errors.Is(err, registry.ErrUnavailable) {
		return err
	}
	return &stopError{Faulty, err, remedy}
}
