// Package pause owns which calls to Amazon an operator has paused: those of
// one account, or the writing calls of all. What is switched stands in a
// compacted topic, so that it survives restarts, and every process follows it. The
// topic has the feature level, too (pkg/platform/level).
package pause

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

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/schemas"
)

// Codec turns the values of records into bytes and back; *registry.Codec has it, and
// Plain where no registry answers. No bytes stand for a switch that is deleted.
type Codec interface {
	AppendEncode(dst []byte, topic string, value any) ([]byte, error)
	Decode(ctx context.Context, topic string, data []byte) (any, error)
}

// Options are all required, except Changed and Retried.
type Options struct {
	Kafka  []kgo.Opt // seed brokers, TLS and the like
	Prefix string    // of the topic's name, such as "sellerstream."
	Codec  Codec
	Logger *slog.Logger
	// Changed hears of each switch that was turned while Run follows them.
	Changed func(schemas.Switch)
	// Retried hears of each account that an operator wants to be tried now.
	Retried func(account string)
}

// Switches are those of the moment. It may be used from any goroutine.
type Switches struct {
	opts   Options
	topic  string
	client *kgo.Client
	reader *kclient.Reader
	now    atomic.Pointer[map[string]standing] // by subject; replaced, never changed
	writes atomic.Pointer[schemas.Switch]      // by which all writing calls are paused; nil for none
	read   bool                                // whether all that was there at first has been read
}

// standing is a subject's newest record.
type standing struct {
	schemas.Switch
	unreadable bool // and so paused here; to whoever can read it, it may say the contrary
}

// Open reads all switches. It returns when it has those that were there when it
// began, however long Kafka or the registry take, or when ctx ends: nobody may
// call Amazon before.
func Open(ctx context.Context, opts Options) (*Switches, error) {
	s := &Switches{opts: opts, topic: opts.Prefix + schemas.Switches}
	s.now.Store(&map[string]standing{})
	client, err := kclient.NewClient(append([]kgo.Opt{
		// The push of client metrics delays every Close by up to a second.
		kgo.DisableClientMetrics(),
		kgo.ConsumeTopics(s.topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// Somebody may write switches in transactions. A pause acts at once, even behind one
		// that is open, so what is not committed is read too; and a partition can end with a
		// transaction's marker.
		kgo.KeepControlRecords(),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		kgo.RecordPartitioner(partitioner()),
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
		s.poll(ctx)
	}
}

// fetched is what a poll brought.
type fetched struct {
	next map[int32]int64 // behind what was read of each partition
	errs int
}

// poll applies what it fetches within lookEvery.
func (s *Switches) poll(ctx context.Context) fetched {
	wait, cancel := context.WithTimeout(ctx, lookEvery)
	fetches, passed, errs := s.reader.Poll(wait)
	cancel()
	for _, e := range errs {
		if ctx.Err() == nil && !errors.Is(e.Err, context.DeadlineExceeded) {
			s.opts.Logger.WarnContext(ctx, "cannot follow the switches; those known stay as they are", "topic", s.topic, "partition", e.Partition, "error", e.Err)
		}
	}
	got := fetched{make(map[int32]int64), len(errs)}
	fetches.EachRecord(func(rec *kgo.Record) {
		if !rec.Attrs.IsControl() {
			s.apply(ctx, rec)
		}
		got.next[rec.Partition] = rec.Offset + 1
	})
	for _, batch := range passed {
		s.hide(ctx, batch)
		got.next[batch.Partition] = batch.Last + 1
	}
	return got
}

// apply takes one record. A null value stands for a switch that is as if it had
// never been turned; one that cannot be read holds calls back, since that can
// be mended and a call cannot.
func (s *Switches) apply(ctx context.Context, rec *kgo.Record) {
	turned := standing{Switch: schemas.Switch{Since: rec.Timestamp, By: header(rec, byHeader), Reason: header(rec, reasonHeader)}}
	if rec.Value != nil {
		value, err := s.decode(ctx, rec.Value)
		switch {
		case err == nil:
			turned.Switch = *value
		case ctx.Err() != nil:
			return
		default:
			s.opts.Logger.ErrorContext(ctx, "a switch cannot be read and counts as paused: turn it again", "subject", string(rec.Key),
				"topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "error", err)
			if s.read && string(rec.Key) == schemas.FeatureLevel {
				return // whoever runs knows the level, and goes on
			}
			turned.unreadable = true
			turned.Level = s.Of(string(rec.Key)).Level // which stood at least
			turned.Paused, turned.By, turned.Reason = true, "a record that cannot be read", err.Error()
		}
	}
	turned.Subject = string(rec.Key)
	s.put(ctx, turned)
}

// put makes a switch stand as it was turned.
func (s *Switches) put(ctx context.Context, stands standing) {
	turned := stands.Switch
	if account, retry := strings.CutPrefix(turned.Subject, schemas.RetryPrefix); retry {
		s.retried(ctx, account, turned)
		return
	}
	before := *s.now.Load()
	next := maps.Clone(before)
	next[turned.Subject] = stands
	s.now.Store(&next)
	s.writes.Store(pausedWrites(next))
	if !s.read || same(before[turned.Subject].Switch, turned) {
		return
	}
	if turned.Subject == schemas.FeatureLevel {
		s.opts.Logger.InfoContext(ctx, "the feature level is raised", "level", turned.Level, "by", turned.By)
		if s.opts.Changed != nil {
			s.opts.Changed(turned)
		}
		return
	}
	what := "calls go on"
	if turned.Paused {
		what = "calls are paused"
	}
	s.log(ctx, turned, what)
	if s.opts.Changed != nil {
		if ofWrites(turned.Subject) {
			turned.Subject = schemas.AllWrites
		}
		s.opts.Changed(turned)
	}
}

// retried takes an operator's wish. One that was there at first is over: whoever starts
// tries every account anyway.
func (s *Switches) retried(ctx context.Context, account string, wish schemas.Switch) {
	if !s.read || s.opts.Retried == nil {
		return
	}
	s.opts.Logger.InfoContext(ctx, "an account is tried now", "account", account, "by", wish.By, "reason", wish.Reason)
	s.opts.Retried(account)
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
	if ofWrites(subject) {
		return "all that write"
	}
	return "of account " + subject
}

// Held returns why a call of an account may not be made; nil when it may.
func (s *Switches) Held(account string, writes bool) error {
	now := *s.now.Load()
	if turned := now[account]; turned.Paused {
		return &HeldError{turned.Switch}
	}
	if turned := s.writes.Load(); writes && turned != nil {
		return &HeldError{*turned}
	}
	return nil
}

// HeldError is a call that is not made because it is paused.
type HeldError struct{ schemas.Switch }

// Error says who paused it, and how it goes on.
func (e *HeldError) Error() string {
	resume := "--account " + e.Subject
	if ofWrites(e.Subject) {
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
			list = append(list, turned.Switch)
		}
	}
	// "*" comes before all that can begin an account's name.
	slices.SortFunc(list, func(a, b schemas.Switch) int { return strings.Compare(a.Subject, b.Subject) })
	return list
}

// Turn turns a switch, and returns how it stood. One that stands so already is left
// as it is, unless its record cannot be read: others may read there that calls go on.
func (s *Switches) Turn(ctx context.Context, turned schemas.Switch) (before schemas.Switch, err error) {
	before = s.Of(turned.Subject)
	if turned.Subject == schemas.AllWrites && !turned.Paused {
		before, err = s.uncover(ctx, turned, before)
	}
	if err != nil || same(before, turned) && !s.Unreadable(turned.Subject) {
		return before, err
	}
	return before, s.write(ctx, turned)
}

// same reports whether two records of a subject say the same.
func same(a, b schemas.Switch) bool { return a.Paused == b.Paused && a.Level == b.Level }

// Of is a subject's record; zero where there is none.
func (s *Switches) Of(subject string) schemas.Switch { return (*s.now.Load())[subject].Switch }

// Unreadable reports whether a subject is paused because its record cannot be read.
func (s *Switches) Unreadable(subject string) bool { return (*s.now.Load())[subject].unreadable }

// Retry asks the processes that run now to try an account whose calls wait.
func (s *Switches) Retry(ctx context.Context, account, by, reason string) error {
	return s.write(ctx, schemas.Switch{Subject: schemas.RetryPrefix + account, Since: time.Now().UTC(), By: by, Reason: reason})
}

func (s *Switches) write(ctx context.Context, turned schemas.Switch) error {
	value, err := s.opts.Codec.AppendEncode(nil, schemas.Switches, &turned)
	if err != nil {
		return fmt.Errorf("encode a switch for topic %s: %w", s.topic, err)
	}
	rec := &kgo.Record{Topic: s.topic, Key: []byte(turned.Subject), Value: value}
	if value == nil {
		rec.Headers = []kgo.RecordHeader{{Key: byHeader, Value: []byte(turned.By)}, {Key: reasonHeader, Value: []byte(turned.Reason)}}
	}
	if err := s.client.ProduceSync(ctx, rec).FirstErr(); err != nil {
		return fmt.Errorf("write a switch to topic %s: %w", s.topic, err)
	}
	return nil
}
