package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// Keys of the runtime in a state topic. A machine's keys never begin with "@".
const (
	reservedKey    = "@"
	claimKey       = "@claim"
	positionPrefix = "@position/"
)

// foreignTimeout bounds what a takeover waits for only to warn somebody.
const foreignTimeout = time.Second

// takeOver fences the unit's earlier owner, claims the state, restores it and
// begins to consume where it says.
func (s *session) takeOver(ctx context.Context) error {
	turn, err := s.opts.Memory.turn(ctx)
	if err != nil {
		return err
	}
	defer turn.end()
	// Again: the unit may have moved while it waited for its turn.
	if err := s.u.g.confirm(ctx); err != nil {
		return err
	}
	began := time.Now()
	if _, _, err := s.client.ProducerID(ctx); err != nil { // (1)
		return fmt.Errorf("fence the previous owner: %w", err)
	}
	claims, err := s.claim(ctx)
	if err != nil {
		return err
	}
	entries, err := s.readState(ctx, turn, claims)
	if err != nil {
		return err
	}
	restored, err := s.restore(ctx, entries)
	if err != nil {
		return err
	}
	if err := s.intake.settleRecent(ctx); err != nil {
		return err
	}
	s.noteForeignOffsets(ctx)
	s.intake.start()
	s.publish(s.settle())
	s.opts.Observer.Restored(time.Since(began))
	s.log.Debug("unit restored", "entries", restored, "took", time.Since(began))
	turn.restored(restored)
	return nil
}

// claim commits a record to each of the state's partitions and returns their
// offsets by topic: the ends of what has to be read (3).
func (s *session) claim(ctx context.Context) (map[string]int64, error) {
	records, err := s.claimRecords()
	if err != nil {
		return nil, err
	}
	if err := s.client.BeginTransaction(); err != nil {
		return nil, fmt.Errorf("claim the state: %w", err)
	}
	var failed atomic.Pointer[error]
	for _, rec := range records {
		s.client.Produce(ctx, rec, func(rec *kgo.Record, err error) {
			if err != nil {
				err = s.opts.Remedies.produceError(rec, err)
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	if err := s.client.Flush(ctx); err != nil {
		return nil, fmt.Errorf("claim the state: %w", err)
	}
	if err := failed.Load(); err != nil {
		return nil, fmt.Errorf("claim the state: %w", *err)
	}
	if err := s.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return nil, fmt.Errorf("claim the state: %w", err)
	}
	ends := make(map[string]int64, len(records))
	for _, rec := range records {
		ends[rec.Topic] = rec.Offset
	}
	return ends, nil
}

func (s *session) claimRecords() ([]*kgo.Record, error) {
	var records []*kgo.Record
	claim := &schemas.Claim{Owner: s.u.p.instance, Time: time.Now()}
	for _, logical := range s.opts.stateTopics() {
		value, err := s.opts.Own.AppendEncode(nil, logical, claim)
		if err != nil {
			return nil, encodeError(logical, claimKey, s.opts.Remedies.Fault, err)
		}
		records = append(records, &kgo.Record{Topic: s.opts.topic(logical), Partition: s.u.partition, Key: []byte(claimKey), Value: value})
	}
	return records, nil
}

// readState reads the state's partitions up to the claims, and returns the
// newest value of each key.
func (s *session) readState(ctx context.Context, turn *turn, claims map[string]int64) (map[string]stateEntry, error) {
	logical := make(map[string]string, len(claims)) // of the topics still to be read
	offsets := make(map[string]map[int32]kgo.Offset, len(claims))
	for _, name := range s.opts.stateTopics() {
		topic := s.opts.topic(name)
		logical[topic] = name
		offsets[topic] = map[int32]kgo.Offset{s.u.partition: kgo.NewOffset().AtStart()}
	}
	s.client.AddConsumePartitions(offsets)
	entries := make(map[string]stateEntry)
	s.claimed = make(map[string]brokerTime, len(claims))
	for len(logical) > 0 {
		fetches := s.client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if errs := kclient.Errors(fetches); len(errs) > 0 {
			return nil, s.stateError(errs[0])
		}
		read := 0
		fetches.EachRecord(func(rec *kgo.Record) {
			claim, name := claims[rec.Topic], logical[rec.Topic]
			if rec.Offset >= claim {
				delete(logical, rec.Topic)
				s.claimed[name] = brokerTimeOf(rec)
			}
			if name == "" || rec.Attrs.IsControl() || rec.Offset >= claim {
				return
			}
			read += s.readEntry(entries, name, rec)
		})
		if err := turn.hold(ctx, read); err != nil {
			return nil, err
		}
	}
	s.client.PurgeTopicsFromConsuming(slices.Collect(maps.Keys(claims))...)
	return entries, nil
}

// readEntry notes a record of the state, and returns how many bytes more are held.
func (s *session) readEntry(entries map[string]stateEntry, logical string, rec *kgo.Record) (more int) {
	key := s.opts.stateKey(logical, string(rec.Key))
	before := entries[key]
	if rec.Value == nil {
		delete(entries, key)
		return -before.size(key)
	}
	// A copy: the record's value would keep its whole fetch in memory.
	value, n := before.value, len(rec.Value)
	if value == nil || cap(value) < n || cap(value) > 2*n {
		value = make([]byte, n)
	}
	value = value[:n]
	copy(value, rec.Value)
	entry := stateEntry{value, brokerTimeOf(rec)}
	entries[key] = entry
	return entry.size(key) - before.size(key)
}

// stateError returns why the state cannot be read. A batch that cannot be read does not
// go away by itself, and may hold any entry.
func (s *session) stateError(e kgo.FetchError) error {
	if batch := (*kclient.UnreadableError)(nil); errors.As(e.Err, &batch) {
		return stopf(StateUnreadable, "no process of the pipeline writes such a batch: see who else may write there; the runbook's section "+
			"SellerstreamUnitStopped says what else is lost with it; "+batch.Removal(), "read the state: %w", batch)
	}
	return fmt.Errorf("read the state, topic %s, partition %d: %w", e.Topic, s.u.partition, e.Err)
}

// restore gives the entries to the machine and the positions to the intake,
// and returns how many the machine got.
func (s *session) restore(ctx context.Context, entries map[string]stateEntry) (int, error) {
	restored := 0
	for key, entry := range entries {
		delete(entries, key) // the machine has it from now on
		if key == claimKey {
			continue
		}
		if key == ImportedKey {
			if err := s.takeImported(ctx, entry); err != nil {
				return 0, err
			}
			continue
		}
		position := strings.HasPrefix(key, positionPrefix)
		var err error
		if position {
			err = s.restorePosition(ctx, key, entry)
		} else {
			err = s.restoreOne(ctx, key, entry)
		}
		switch {
		case err == nil && !position:
			restored++
		case err == nil:
		case ctx.Err() != nil:
			return 0, err
		case position || !errors.Is(err, schemas.ErrUnknownKind):
			return 0, s.unreadable(key, err)
		case !s.carried.add(key, err):
			return 0, s.tooManyCarried()
		}
	}
	s.carried.tell(s)
	return restored, nil
}

func (s *session) restorePosition(ctx context.Context, key string, entry stateEntry) error {
	value, err := s.decodeState(ctx, key, entry.value)
	if err != nil {
		return err
	}
	position, ok := value.(*schemas.Position)
	if !ok {
		return fmt.Errorf("it is a %T, not a position", value)
	}
	s.intake.restore(position)
	return nil
}

// restoreOne gives an entry to the machine.
func (s *session) restoreOne(ctx context.Context, key string, entry stateEntry) error {
	if strings.HasPrefix(key, reservedKey) {
		return fmt.Errorf("it is the runtime's own: %w", schemas.ErrUnknownKind)
	}
	value, err := s.decodeState(ctx, key, entry.value)
	if err == nil {
		err = s.restoreEntry(key, value, entry.at)
	}
	if err != nil {
		return err
	}
	s.spent(value)
	s.entries.add(len(key) + len(entry.value))
	return nil
}

// decodeState waits while the schema registry cannot be reached.
func (s *session) decodeState(ctx context.Context, key string, data []byte) (any, error) {
	logical, _ := s.opts.stateTopic(key)
	codec := s.opts.Codec
	if strings.HasPrefix(key, positionPrefix) {
		codec = s.opts.Own
	}
	for attempt := 0; ; attempt++ {
		value, err := s.decode(ctx, codec, logical, data)
		if err == nil {
			return value, nil
		}
		if !errors.Is(err, registry.ErrUnavailable) {
			return nil, err
		}
		s.log.Warn("the state waits for its schema", "key", key, "error", err)
		if err := sleep(ctx, backoff(attempt)); err != nil {
			return nil, err
		}
	}
}

func (s *session) unreadable(key string, err error) error {
	logical, key := s.opts.stateTopic(key)
	return stopf(StateUnreadable, "run the version that wrote it, or mend the entry: write a newer record with this key, or one without a value to remove it",
		"state topic %s, partition %d, key %s cannot be read: %w", s.opts.topic(logical), s.u.partition, schemas.Brief(key), err)
}

// noteForeignOffsets warns where somebody has set the group's offsets: they do not move
// a unit (2). Ours carry a mark.
func (s *session) noteForeignOffsets(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, foreignTimeout)
	defer cancel()
	offsets, err := kadm.NewClient(s.client).FetchOffsets(ctx, s.opts.Group)
	if err != nil {
		s.log.Debug("the group's offsets are not known", "error", err)
		return
	}
	for _, in := range s.intake.inputs {
		at, ok := offsets.Lookup(in.topic, s.u.partition)
		if !ok || at.Err != nil || at.At < 0 || at.At == in.next || ours(at.Metadata) {
			continue
		}
		if in.rank == rankReplayed { // there is no such command for them
			s.log.Warn("the group's offset was set by another tool and has no effect: the unit goes on at the position in its state; "+
				"to process records again, replay them again",
				"topic", in.topic, "group", s.opts.Group, "offset", at.At, "position", in.next)
			continue
		}
		s.log.Warn("the group's offset was set by another tool and has no effect: the unit goes on at the position in its state; "+
			"to move it, stop all processes of the role and run the command, then start them again",
			"topic", in.topic, "group", s.opts.Group, "offset", at.At, "position", in.next,
			"command", s.opts.Remedies.Reset(s.opts.Processor, in.logical, s.u.partition, strconv.FormatInt(at.At, 10)))
	}
}
