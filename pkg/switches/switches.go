// Package switches owns which calls to Amazon an operator has paused: those of
// one account, or the writing calls of all. What is switched stands in a
// compacted topic, so that it survives restarts, and every process follows it.
package switches

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// Codec turns the values of records into bytes and back; *registry.Codec has it.
type Codec interface {
	AppendEncode(dst []byte, topic string, value any) ([]byte, error)
	Decode(ctx context.Context, topic string, data []byte) (any, error)
}

// Options are all required, except Changed.
type Options struct {
	Kafka  []kgo.Opt // seed brokers, TLS and the like
	Prefix string    // of the topic's name, such as "sellerstream."
	Codec  Codec
	Logger *slog.Logger
	// Changed hears of each switch that was turned while Run follows them.
	Changed func(schemas.Switch)
}

// Switches are those of the moment. It may be used from any goroutine.
type Switches struct {
	opts   Options
	topic  string
	client *kgo.Client
	now    atomic.Pointer[map[string]schemas.Switch] // by subject; replaced, never changed
	read   bool                                      // whether all that was there at first has been read
}

// Open reads all switches. It returns when it has those that were there when it
// began, however long Kafka or the registry take, or when ctx ends: nobody may
// call Amazon before.
func Open(ctx context.Context, opts Options) (*Switches, error) {
	s := &Switches{opts: opts, topic: opts.Prefix + schemas.Switches}
	s.now.Store(&map[string]schemas.Switch{})
	client, err := kgo.NewClient(append([]kgo.Opt{
		// The push of client metrics delays every Close by up to a second.
		kgo.DisableClientMetrics(),
		kgo.ConsumeTopics(s.topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
	}, opts.Kafka...)...)
	if err != nil {
		return nil, fmt.Errorf("switches: Kafka client: %w", err)
	}
	s.client = client
	if err := s.readAll(ctx); err != nil {
		client.Close()
		return nil, fmt.Errorf("read the switches from topic %s: %w", s.topic, err)
	}
	s.read = true
	return s, nil
}

// Close ends the connection to Kafka.
func (s *Switches) Close() { s.client.Close() }

// Run logs what is paused, and follows the switches until ctx ends.
func (s *Switches) Run(ctx context.Context) {
	for _, paused := range s.Paused() {
		s.log(ctx, paused, "calls are paused")
	}
	for ctx.Err() == nil {
		s.take(ctx, s.client.PollFetches(ctx))
	}
}

// take applies what was fetched.
func (s *Switches) take(ctx context.Context, fetches kgo.Fetches) {
	fetches.EachError(func(_ string, number int32, err error) {
		if ctx.Err() == nil && !errors.Is(err, context.DeadlineExceeded) {
			s.opts.Logger.WarnContext(ctx, "cannot follow the switches; those known stay as they are", "topic", s.topic, "partition", number, "error", err)
		}
	})
	fetches.EachRecord(func(rec *kgo.Record) { s.apply(ctx, rec) })
}

// apply takes one record. A null value stands for a switch that is as if it had
// never been turned; one that cannot be read holds calls back, since that can
// be mended and a call cannot.
func (s *Switches) apply(ctx context.Context, rec *kgo.Record) {
	turned := schemas.Switch{Since: rec.Timestamp}
	if rec.Value != nil {
		value, err := s.decode(ctx, rec.Value)
		switch {
		case err == nil:
			turned = *value
		case ctx.Err() != nil:
			return
		default:
			s.opts.Logger.ErrorContext(ctx, "a switch cannot be read and counts as paused: turn it again", "subject", string(rec.Key),
				"topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
			turned.Paused, turned.By, turned.Reason = true, "a record that cannot be read", err.Error()
		}
	}
	turned.Subject = string(rec.Key)
	before := *s.now.Load()
	next := maps.Clone(before)
	next[turned.Subject] = turned
	s.now.Store(&next)
	if !s.read || before[turned.Subject].Paused == turned.Paused {
		return
	}
	what := "calls go on"
	if turned.Paused {
		what = "calls are paused"
	}
	s.log(ctx, turned, what)
	if s.opts.Changed != nil {
		s.opts.Changed(turned)
	}
}

func (s *Switches) log(ctx context.Context, turned schemas.Switch, what string) {
	level := slog.LevelInfo
	if turned.Paused {
		level = slog.LevelWarn
	}
	s.opts.Logger.Log(ctx, level, what, "calls", about(turned.Subject), "since", turned.Since, "by", turned.By, "reason", turned.Reason)
}

// about is a subject in words.
func about(subject string) string {
	if subject == schemas.AllWrites {
		return "all that write"
	}
	return "of account " + subject
}

// Held says why a call of an account may not be made; nil when it may.
func (s *Switches) Held(account string, writes bool) error {
	now := *s.now.Load()
	if turned := now[account]; turned.Paused {
		return &HeldError{turned}
	}
	if turned := now[schemas.AllWrites]; writes && turned.Paused {
		return &HeldError{turned}
	}
	return nil
}

// HeldError is a call that is not made because it is paused.
type HeldError struct{ schemas.Switch }

// Error says who paused it, and how it goes on.
func (e *HeldError) Error() string {
	resume := "--account " + e.Subject
	if e.Subject == schemas.AllWrites {
		resume = "--writes"
	}
	reason := ""
	if e.Reason != "" {
		reason = " (" + e.Reason + ")"
	}
	return fmt.Sprintf("calls %s were paused by %s at %s%s: `sellerstream resume %s` lets them go on",
		about(e.Subject), e.By, e.Since.Format(time.RFC3339), reason, resume)
}

// Paused are the switches by which calls wait: all writes first, then accounts
// by name.
func (s *Switches) Paused() []schemas.Switch {
	var list []schemas.Switch
	for _, turned := range *s.now.Load() {
		if turned.Paused {
			list = append(list, turned)
		}
	}
	// "*" comes before all that can begin an account's name.
	slices.SortFunc(list, func(a, b schemas.Switch) int { return strings.Compare(a.Subject, b.Subject) })
	return list
}

// Turn turns a switch, and says how it stood. One that stands so already is left
// as it is.
func (s *Switches) Turn(ctx context.Context, turned schemas.Switch) (before schemas.Switch, err error) {
	before = (*s.now.Load())[turned.Subject]
	if before.Paused == turned.Paused {
		return before, nil
	}
	value, err := s.opts.Codec.AppendEncode(nil, schemas.Switches, &turned)
	if err != nil {
		return before, fmt.Errorf("encode a switch for topic %s: %w", s.topic, err)
	}
	rec := &kgo.Record{Topic: s.topic, Key: []byte(turned.Subject), Value: value}
	if err := s.client.ProduceSync(ctx, rec).FirstErr(); err != nil {
		return before, fmt.Errorf("write a switch to topic %s: %w", s.topic, err)
	}
	return before, nil
}
