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

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// flushRecords is how many records of a tick the client buffers at most.
	flushRecords = 10_000
	// abortTimeout bounds the abort of a transaction that failed. Kafka aborts it
	// by itself when the next owner fences, or after the transaction's timeout.
	abortTimeout = 2 * time.Second
	// keepBuffer is the largest buffer that is kept for the next tick.
	keepBuffer = 8 << 20
	// minWake keeps a machine that asks for a time that has come from taking the
	// processor for itself; a scaled clock also rounds.
	minWake = time.Millisecond
)

// tick is what one round of a unit writes. Its buffers are used again.
type tick struct {
	s       *session
	tx      machine.Tx
	buf     []byte // encoded values, one behind the other
	records []kgo.Record

	committed bool // whether one has
}

func newTick(s *session) *tick { return &tick{s: s} }

// runTick applies what has arrived, commits, and starts the calls.
func (s *session) runTick() error {
	return s.round(true)
}

// round is a tick; draw tells whether new work may begin.
func (s *session) round(draw bool) error {
	tx := s.tick.begin(s.opts.Clock.Now())
	s.due = false
	results := s.results
	s.results = nil
	s.u.machineTime.start()
	for i := range results {
		s.machine.Result(tx, &results[i])
	}
	write := s.intake.flush
	if draw {
		s.tellChanges(tx)
		taken := s.intake.each(s.u.work, s.opts.MaxTick,
			func(rec *machine.Record) { s.machine.Record(tx, rec) },
			func(dead machine.DeadLetter) { tx.DeadLetters = append(tx.DeadLetters, dead) })
		write = write || taken
		s.machine.Draw(tx)
	}
	s.u.machineTime.stop()
	if len(tx.Calls) > 0 && s.opts.Execute == nil {
		return fatalf("the machine made a call of %s, but the processor has nothing to execute calls with", tx.Calls[0].Operation)
	}
	committed, err := s.tick.commit(write)
	if err != nil {
		return err
	}
	s.calls.start(tx.Calls, committed) // (5)
	s.setWake(tx)
	pending := s.machine.Pending()
	s.intake.settle(pending)
	s.publish(pending)
	return nil
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
	clear(t.tx.State)
	clear(t.tx.Outputs)
	clear(t.tx.DeadLetters)
	clear(t.tx.Calls)
	t.tx = machine.Tx{
		Now: now, State: t.tx.State, Outputs: t.tx.Outputs[:0], DeadLetters: t.tx.DeadLetters[:0], Calls: t.tx.Calls[:0],
	}
	return &t.tx
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
	if err != nil {
		observer.Failed(isFenced(err))
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
			err = produceError(rec, err)
			failed.CompareAndSwap(nil, &err)
		}
	}
	for i := range t.records {
		t.s.client.Produce(ctx, &t.records[i], promise)
		if i%flushRecords == flushRecords-1 {
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

// abort frees the readers behind the transaction early, where it can.
func (t *tick) abort() {
	ctx, cancel := context.WithTimeout(t.s.u.work, abortTimeout)
	defer cancel()
	err := t.s.client.AbortBufferedRecords(ctx)
	if err == nil {
		err = t.s.client.EndTransaction(ctx, kgo.TryAbort)
	}
	if err != nil {
		t.s.log.Debug("the failed transaction was not aborted by us", "error", err)
	}
}

// encode makes the records of the transaction.
func (t *tick) encode(positions bool) error {
	if cap(t.buf) > keepBuffer {
		t.buf = nil
	}
	t.buf = t.buf[:0]
	clear(t.records)
	t.records = t.records[:0]

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
		if strings.HasPrefix(key, reservedKey) {
			return fatalf("state key %q begins with %q, which is the runtime's own", key, reservedKey)
		}
		topic, key := t.s.opts.stateTopic(key)
		if err := t.add(topic, []byte(key), value); err != nil {
			return err
		}
	}
	if positions || len(t.records) > 0 {
		for _, i := range t.s.intake.inputs {
			if i.dirty {
				if err := t.add(t.s.opts.State, []byte(positionPrefix+i.logical), i.position()); err != nil {
					return err
				}
			}
		}
	}
	if len(t.records) == 0 && t.leases() {
		claim := &schemas.Claim{Owner: t.s.u.p.instance, Time: time.Now()}
		return t.add(t.s.opts.State, []byte(claimKey), claim)
	}
	return nil
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
		return fatalf("the machine emitted to topic %q, which is not among the processor's outputs", out.Topic)
	}
	if !t.s.intake.owners.ours(out.Account) {
		return fatalf("the machine emitted a record of account %q to topic %s, but the account does not belong to partition %d",
			out.Account, out.Topic, t.s.u.partition)
	}
	if err := t.add(out.Topic, []byte(out.Account), out.Value); err != nil {
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
		letter := recordLetter(opts.Processor, opts.topic(dead.Record.Topic), t.tx.Now, dead)
		return t.add(schemas.DeadLetters, []byte(dead.Record.Account), letter)
	}
	if !t.s.intake.owners.ours(dead.Account) {
		return fatalf("the machine set aside %q of account %q, but the account does not belong to partition %d",
			dead.Key, dead.Account, t.s.u.partition)
	}
	letter := workLetter(opts.Processor, opts.topic(opts.State), t.tx.Now, dead)
	return t.add(schemas.DeadLetters, []byte(dead.Account), letter)
}

// add encodes a record; a nil value is a tombstone.
func (t *tick) add(logical string, key []byte, value any) error {
	rec := kgo.Record{Topic: t.s.opts.topic(logical), Partition: t.s.u.partition, Key: key}
	if value != nil {
		begin := len(t.buf)
		buf, err := t.s.opts.Codec.AppendEncode(t.buf, logical, value)
		if err != nil {
			return encodeError(logical, string(key), err)
		}
		t.buf = buf
		rec.Value = buf[begin:len(buf):len(buf)]
	}
	t.records = append(t.records, rec)
	return nil
}

// encodeError is fatal unless the schema registry is only away.
func encodeError(topic, key string, err error) error {
	err = fmt.Errorf("encode the record with key %q for topic %s: %w", key, topic, err)
	if errors.Is(err, registry.ErrUnavailable) {
		return err
	}
	return &fatalError{err}
}
