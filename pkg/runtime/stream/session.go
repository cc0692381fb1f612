package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// fetchMaxWait bounds how long a fetch waits at the broker. It is most of what an idle
// unit costs, but after a takeover, or when a partition's leader moves, a fetch may hold
// only an input that is empty, and the others wait so long for the next one.
const fetchMaxWait = 2 * time.Second

// fetchMaxBytes is how much a fetch brings of a partition: a thousand records of
// 1 KB, and no more than 150,000 of none, which take 25 times that in memory.
const fetchMaxBytes = 1 << 20

// session is a unit between a takeover and the first failure: a client, a
// machine, and all that dies with them (7). One goroutine runs it.
type session struct {
	u       *unit
	opts    *Options
	log     *slog.Logger
	client  *kgo.Client
	machine machine.Machine
	calls   *calls
	intake  *intake
	polled  chan kgo.Fetches
	claimed map[string]brokerTime // when, by logical topic of the state
	share   *share                // of what the process may have pending
	entries meanSize              // of the state
	carried carried               // entries of the state that this version does not know
	used    any                   // a value that the machine needs no more
	// namespace is what the ids of events are made with: this pipeline's, or that of the one
	// whose state was imported.
	namespace string

	// What the next tick takes besides records.
	results []machine.Result
	wake    *time.Timer
	healed  *time.Timer // the unit has worked for long enough
	due     bool        // the timer has fired, or the first tick is to come
	drawn   bool        // the machine has drawn

	tick *tick
}

// newSession makes the unit's client, which does not connect yet.
func newSession(u *unit) (*session, error) {
	opts := &u.p.opts
	deadLetters := opts.topic(opts.DeadLetters)
	client, err := kclient.NewClient(u.p.clientOptions(
		kgo.WithContext(u.work),
		kgo.TransactionalID(transactionalID(opts.TransactionalPrefix, opts.Processor, u.partition)),
		kgo.TransactionTimeout(opts.TransactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// A tick is flushed at its end, as one request per broker.
		kgo.ManualFlushing(),
		kgo.MaxBufferedRecords(2*flushRecords),
		kgo.ProducerBatchMaxBytesFn(func(topic string) int32 {
			if topic == deadLetters {
				return int32(max(u.letterBytes, 2*schemas.LeastDeadLetterBytes))
			}
			return schemas.MaxRecordBytes
		}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(fetchMaxWait),
		kgo.FetchMaxPartitionBytes(fetchMaxBytes),
		// A session saves naming a handful of partitions, takes one of the broker's
		// thousand slots, and closing it races with a fetch that just begins
		// (franz-go 1.22.2).
		kgo.DisableFetchSessions(),
		// A position past a transaction's marker must be known: retention can
		// remove the marker, and the position before it is then out of range
		// although nothing was lost.
		kgo.KeepControlRecords(),
		// A position outside the log is an error, never a jump (6).
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)...)
	if err != nil {
		return nil, stopf(Faulty, opts.Remedies.Fault, "Kafka client: %w", err)
	}
	s := &session{
		u: u, opts: opts, log: u.log, client: client,
		machine: opts.New(u.machineUnit()),
		calls:   newCalls(u.work, u.log, opts.Execute, opts.MaxCalls),
		polled:  make(chan kgo.Fetches),
		wake:    stoppedTimer(),
		healed:  stoppedTimer(),
		share:   opts.Memory.share(), namespace: u.p.namespace,
		due: true,
	}
	s.intake = newIntake(s)
	s.tick = newTick(s)
	return s, nil
}

// transactionalID is a unit's, the same for every owner (1).
func transactionalID(prefix, processor string, partition int32) string {
	return fmt.Sprintf("%s-%s-%d", prefix, processor, partition)
}

func (s *session) close() {
	s.wake.Stop()
	s.healed.Stop()
	s.intake.stop()
	s.calls.stop()
	s.client.Close()
	s.share.close()
}

// loop runs ticks until an error, which is errDrained after a handover.
func (s *session) loop() error {
	polling, stopPolling := context.WithCancel(s.u.intake)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.poll(polling)
	}()
	defer func() {
		stopPolling()
		<-stopped
	}()
	for {
		if err := s.gather(); err != nil {
			return s.stopping(err)
		}
		if s.u.work.Err() != nil {
			return context.Cause(s.u.work)
		}
		if s.u.intake.Err() != nil {
			return s.drain()
		}
		if err := s.runTick(); err != nil {
			return err
		}
		if err := s.intake.unfit; err != nil {
			return s.stopping(err)
		}
	}
}

// stopping lets calls that have started end before the unit stops, and returns
// why it stops. After any other error nothing can be committed any more (7).
func (s *session) stopping(err error) error {
	var stop *stopError
	if !errors.As(err, &stop) {
		return err
	}
	if drained := s.drain(); !errors.Is(drained, errDrained) {
		return drained
	}
	return err
}

// poll feeds fetches to the loop. It never waits for anything but the loop.
func (s *session) poll(ctx context.Context) {
	for ctx.Err() == nil {
		fetches := s.client.PollRecords(ctx, s.opts.MaxTick)
		select {
		case s.polled <- fetches:
		case <-ctx.Done():
		}
	}
}

// gather waits until there is something to do and the tick's turn has come, and takes
// all that is there.
func (s *session) gather() error {
	if !s.due && len(s.results) == 0 && !s.intake.ready() {
		select {
		case <-s.u.intake.Done():
			return nil
		case res := <-s.calls.done:
			s.ended(res)
		case <-s.wake.C:
			s.due = true
		case <-s.healed.C:
			s.u.healed()
		case q := <-s.u.asked:
			s.answer(q)
		case <-s.u.changed.signal:
			s.due = true
		case <-s.share.freed:
			s.due = true
		case <-s.intake.retry.C:
			s.intake.tryAgain()
		case <-s.intake.lag.C:
			s.intake.flush = true
		case fetches := <-s.polling():
			if err := s.take(fetches); err != nil {
				return err
			}
		}
	}
	s.await()
	for {
		select {
		case res := <-s.calls.done:
			s.ended(res)
		case <-s.wake.C:
			s.due = true
		case <-s.healed.C:
			s.u.healed()
		case q := <-s.u.asked:
			s.answer(q)
		case fetches := <-s.polling():
			if err := s.take(fetches); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// polling is where fetches come from, while there is room for them.
func (s *session) polling() <-chan kgo.Fetches {
	if !s.intake.room() {
		return nil
	}
	return s.polled
}

// decode decodes a value for the machine, where it can into the one that is used.
func (s *session) decode(ctx context.Context, codec Codec, topic string, data []byte) (any, error) {
	reuser, ok := codec.(Reuser)
	if !ok || s.used == nil {
		return codec.Decode(ctx, topic, data)
	}
	used := s.used
	s.used = nil
	return reuser.DecodeInto(ctx, topic, data, used)
}

// spent notes that the machine has had a value, and reports whether its memory is used
// again.
func (s *session) spent(value any) bool {
	copier, ok := s.machine.(machine.Copier)
	if ok = ok && copier.Copied(value); ok {
		s.used = value
	}
	return ok
}

func (s *session) ended(res machine.Result) {
	s.results = append(s.results, res)
	s.calls.ended()
}

// take queues fetched records, after it has looked for errors: what comes
// with an error may be from after a jump.
func (s *session) take(fetches kgo.Fetches) error {
	var unreadable []*kclient.UnreadableError
	for _, e := range kclient.Errors(fetches) {
		if batch := (*kclient.UnreadableError)(nil); errors.As(e.Err, &batch) {
			unreadable = append(unreadable, batch)
		} else if err := s.fetchError(e); err != nil {
			return err
		}
	}
	fetches.EachTopic(s.intake.identify)
	fetches.EachRecord(s.intake.add)
	for _, batch := range unreadable {
		s.intake.skip(batch)
	}
	return nil
}

func (s *session) fetchError(e kgo.FetchError) error {
	var loss *kgo.ErrDataLoss
	switch {
	case s.u.work.Err() != nil:
		return context.Cause(s.u.work)
	case errors.Is(e.Err, context.Canceled), errors.Is(e.Err, kgo.ErrClientClosed):
		return nil
	case errors.Is(e.Err, kerr.OffsetOutOfRange), errors.As(e.Err, &loss):
		return s.outOfRange(e)
	default:
		return fmt.Errorf("fetch topic %s, partition %d: %w", e.Topic, e.Partition, e.Err)
	}
}

// outOfRange explains a position that is not in the log (6). A unit does not stop for
// lost copies of a replay: they can be copied anew.
func (s *session) outOfRange(e kgo.FetchError) error {
	in := s.intake.byTopic[e.Topic]
	if in == nil {
		return fmt.Errorf("fetch topic %s, partition %d: %w", e.Topic, e.Partition, e.Err)
	}
	has, start := "its range is unknown", "OFFSET"
	admin := kadm.NewClient(s.client)
	starts, err1 := admin.ListStartOffsets(s.u.work, e.Topic)
	ends, err2 := admin.ListEndOffsets(s.u.work, e.Topic)
	if errors.Join(err1, err2) == nil {
		first, _ := starts.Lookup(e.Topic, e.Partition)
		end, _ := ends.Lookup(e.Topic, e.Partition)
		has, start = fmt.Sprintf("it has offsets %d to %d", first.Offset, end.Offset), strconv.FormatInt(first.Offset, 10)
	}
	if in.rank == rankReplayed {
		s.log.Error("records to be processed again were removed before they were read: replay them again", "topic", e.Topic, "position", in.next, "log", has)
		s.intake.restart(in)
		return nil
	}
	return stopf(PositionLost,
		fmt.Sprintf("look which records are missing, then skip them with `%s`, while the processes run", s.opts.Remedies.Reset(s.opts.Processor, in.logical, e.Partition, start)),
		"topic %s, partition %d: the position %d is not in the log (%s): %w; records were removed before they were read (retention too short, topic made anew, or data lost)",
		e.Topic, e.Partition, in.next, has, e.Err)
}
