package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/registry"
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
	began := time.Now()
	if _, _, err := s.client.ProducerID(ctx); err != nil { // (1)
		return fmt.Errorf("fence the previous owner: %w", err)
	}
	claim, err := s.claim(ctx)
	if err != nil {
		return err
	}
	entries, err := s.readState(ctx, claim)
	if err != nil {
		return err
	}
	restored, err := s.restore(ctx, entries)
	if err != nil {
		return err
	}
	s.noteForeignOffsets(ctx)
	s.intake.start()
	s.log.Info("unit restored", "entries", restored, "took", time.Since(began))
	return nil
}

// claim commits a record to the state partition and returns its offset: the
// end of what has to be read (3).
func (s *session) claim(ctx context.Context) (int64, error) {
	rec, err := s.claimRecord()
	if err != nil {
		return 0, err
	}
	if err := s.client.BeginTransaction(); err != nil {
		return 0, fmt.Errorf("claim the state: %w", err)
	}
	var produced error
	s.client.Produce(ctx, rec, func(rec *kgo.Record, err error) {
		if err != nil {
			produced = produceError(rec, err)
		}
	})
	if err := s.client.Flush(ctx); err != nil {
		return 0, fmt.Errorf("claim the state: %w", err)
	}
	if produced != nil {
		return 0, fmt.Errorf("claim the state: %w", produced)
	}
	if err := s.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return 0, fmt.Errorf("claim the state: %w", err)
	}
	return rec.Offset, nil
}

func (s *session) claimRecord() (*kgo.Record, error) {
	value, err := s.opts.Codec.AppendEncode(nil, s.opts.State, &schemas.Claim{Owner: s.u.p.instance, Time: time.Now()})
	if err != nil {
		return nil, encodeError(s.opts.State, claimKey, err)
	}
	return &kgo.Record{Topic: s.opts.topic(s.opts.State), Partition: s.u.partition, Key: []byte(claimKey), Value: value}, nil
}

// readState reads the state partition up to the claim, and returns the newest
// value of each key.
func (s *session) readState(ctx context.Context, claim int64) (map[string][]byte, error) {
	topic := s.opts.topic(s.opts.State)
	s.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: {s.u.partition: kgo.NewOffset().AtStart()}})
	entries := make(map[string][]byte)
	for end := false; !end; {
		fetches := s.client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if errs := fetches.Errors(); len(errs) > 0 {
			return nil, fmt.Errorf("read the state, topic %s, partition %d: %w", topic, s.u.partition, errs[0].Err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			end = end || rec.Offset >= claim
			switch {
			case rec.Attrs.IsControl() || rec.Offset > claim:
			case rec.Value == nil:
				delete(entries, string(rec.Key))
			default:
				// A copy: the record's value would keep its whole fetch in memory.
				entries[string(rec.Key)] = append([]byte(nil), rec.Value...)
			}
		})
	}
	s.client.PurgeTopicsFromConsuming(topic)
	return entries, nil
}

// restore gives the entries to the machine and the positions to the intake,
// and returns how many the machine got.
func (s *session) restore(ctx context.Context, entries map[string][]byte) (int, error) {
	restored := 0
	for key, data := range entries {
		if key == claimKey {
			continue
		}
		value, err := s.decodeState(ctx, key, data)
		if err != nil {
			return 0, err
		}
		if strings.HasPrefix(key, positionPrefix) {
			position, ok := value.(*schemas.Position)
			if !ok {
				return 0, s.unreadable(key, fmt.Errorf("it is a %T, not a position", value))
			}
			s.intake.restore(position)
			continue
		}
		if err := s.machine.Restore(key, value); err != nil {
			return 0, s.unreadable(key, err)
		}
		restored++
	}
	return restored, nil
}

// decodeState waits while the schema registry cannot be reached.
func (s *session) decodeState(ctx context.Context, key string, data []byte) (any, error) {
	for attempt := 0; ; attempt++ {
		value, err := s.opts.Codec.Decode(ctx, s.opts.State, data)
		if err == nil {
			return value, nil
		}
		if !errors.Is(err, registry.ErrUnavailable) {
			return nil, s.unreadable(key, err)
		}
		s.log.Warn("the state waits for its schema", "key", key, "error", err)
		if err := sleep(ctx, backoff(attempt)); err != nil {
			return nil, err
		}
	}
}

func (s *session) unreadable(key string, err error) error {
	return fatalf("state topic %s, partition %d, key %q cannot be read: %w; "+
		"run the version that wrote it, or mend the entry under this key; it is never skipped",
		s.opts.topic(s.opts.State), s.u.partition, key, err)
}

// noteForeignOffsets says when somebody has set the group's offsets: they do
// not move a unit (2). Ours carry a mark.
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
		if !ok || at.Err != nil || at.At < 0 || at.At == in.next || at.Metadata == commitMetadata {
			continue
		}
		s.log.Warn("the group's offset was set by another tool and has no effect: the unit goes on at the position in its state; "+
			"to move it, stop all processes of the group and run the command, then start them again",
			"topic", in.topic, "group", s.opts.Group, "offset", at.At, "position", in.next,
			"command", resetCommand(in.logical, s.u.partition, strconv.FormatInt(at.At, 10)))
	}
}

// resetCommand is what an operator runs to move a unit.
func resetCommand(topic string, partition int32, offset string) string {
	return fmt.Sprintf("sellerstream replay --config FILE --reset --topic %s --from-offset %d:%s", topic, partition, offset)
}
