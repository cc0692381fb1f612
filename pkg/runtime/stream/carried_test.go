package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	features "github.com/sellerstream/sellerstream/pkg/platform/level"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// note is a kind of entry that only later versions know.
type note struct{ Text string }

// laterCodec is codec of a later version.
func laterCodec() fakekafka.JSON {
	c := codec(nil)
	c.Kinds = append(c.Kinds, &note{})
	return c
}

// later is a machine of a later version: it counts as counter does, and remembers in a
// note each account's last text. It emits the note that it was restored with.
type later struct {
	counter
	notes  map[string]string
	allows func() bool // whether the installation's feature level lets it write notes
}

func newLater(machine.Unit) machine.Machine {
	return &later{counter{counts: make(map[string]int)}, make(map[string]string), func() bool { return true }}
}

func (m *later) Restore(key string, value any) error {
	if n, ok := value.(*note); ok {
		m.notes[key] = n.Text
		return nil
	}
	return m.counter.Restore(key, value)
}

func (m *later) Record(tx *machine.Tx, rec *machine.Record) {
	m.counts[rec.Account]++
	key := "note/" + rec.Account
	tx.Put(rec.Account, &payload{Account: rec.Account, N: m.counts[rec.Account]})
	tx.Emit(machine.Output{Topic: out, Account: rec.Account, Value: &payload{Account: rec.Account, N: m.counts[rec.Account], Text: m.notes[key]}})
	if !m.allows() {
		return
	}
	m.notes[key] = fmt.Sprint("of ", m.counts[rec.Account])
	tx.Put(key, &note{m.notes[key]})
}

func (w *world) later() Options {
	opts := w.options(newLater)
	opts.Codec = laterCodec()
	return opts
}

// entry is the newest record of a key of the state, deleted or not.
func (w *world) entry(key string) *kgo.Record {
	w.t.Helper()
	var newest *kgo.Record
	for _, rec := range w.readFor(state, 1000, 2*time.Second) {
		if string(rec.Key) == key {
			newest = rec
		}
	}
	if newest == nil {
		w.t.Fatalf("the state has no entry %s", key)
	}
	return newest
}

// Entries of a kind that a version does not know outlive it: takeovers, its own writes and
// compaction. So a version can be rolled back and brought again, and both may run at once.
func TestEntriesOfALaterVersionAreCarriedAlong(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		w.setTopicConfig(state, "cleanup.policy", "compact")
		w.setTopicConfig(state, "segment.bytes", "300")
		canary := w.run(w.later())
		w.produce(in1, "a", 1)
		w.read(out, 1)
		canary.kill()
		<-canary.finished
		partition := partitionOf("a")
		// The runtime's own may be of a later version, too.
		w.produceRaw(&kgo.Record{Topic: testPrefix + state, Partition: partition, Key: []byte("@later"), Value: []byte("anything")})
		before := w.entry("note/a").Offset

		for n := 2; n <= 4; n++ {
			r := w.run(w.options(newCounter))
			w.produce(in1, "a", n)
			if got := decode[payload](t, w.read(out, n)[n-1]); got.N != n {
				t.Errorf("after the rollback record %d has number %d", n, got.N)
			}
			if stats := r.Stats(t.Context(), nil); stats.Unknown != 2 || len(stats.Stopped) > 0 {
				t.Errorf("%d entries are unknown, and stopped are %v; want 2 and none", stats.Unknown, stats.Stopped)
			}
			r.shutdown()
			w.cluster.Compact()
		}
		if told := w.logs.Count("the state has entries of a later version"); told != 3 {
			t.Errorf("told %d times, want once for each takeover", told)
		}
		for _, key := range []string{"note/a", "@later"} {
			if rec := w.entry(key); rec.Value == nil {
				t.Errorf("entry %s was deleted", key)
			}
		}
		if after := w.entry("note/a").Offset; after != before {
			t.Errorf("the entry was at offset %d and is at %d: somebody wrote it anew", before, after)
		}
		again := w.run(w.later())
		w.produce(in1, "a", 5)
		if got := decode[payload](t, w.read(out, 5)[4]); got.N != 5 || got.Text != "of 1" {
			t.Errorf("the later version finds %+v; want the note of its last record", got)
		}
		again.shutdown()
	})
}

// What a version does not know it does not write over either: it would act on half of what
// is known. Its unit stops before a call, and goes on with the version that knows.
func TestNothingIsWrittenOverAnEntryOfALaterVersion(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		value, err := laterCodec().AppendEncode(nil, state, &note{"all of a"})
		if err != nil {
			t.Fatal(err)
		}
		partition := partitionOf("a")
		w.produceRaw(&kgo.Record{Topic: testPrefix + state, Partition: partition, Key: []byte("a"), Value: value})
		r := w.run(w.options(newCounter))
		r.othersGoOn(-1) // so far no record needs the entry
		w.produce(in1, "a", 1)
		stopped := r.awaitStopped(StateUnreadable, partition)
		if !strings.Contains(stopped.Cause, "nothing may be written over it") || !strings.Contains(stopped.Cause, "key a") {
			t.Errorf("%s; want the entry and why it is not written over", stopped)
		}
		r.othersGoOn(partition)
		r.shutdown()
		if rec := w.entry("a"); string(rec.Value) != string(value) {
			t.Errorf("the entry is %s now", rec.Value)
		}
	})
}

// A position that cannot be read is no knowledge to be left aside: the unit would begin
// its input anew.
func TestAPositionOfALaterVersionStops(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		value, err := laterCodec().AppendEncode(nil, state, &note{"somewhere"})
		if err != nil {
			t.Fatal(err)
		}
		w.produceRaw(&kgo.Record{Topic: testPrefix + state, Partition: 1, Key: []byte(positionPrefix + in1), Value: value})
		r := w.run(w.options(newCounter))
		r.awaitStopped(StateUnreadable, 1)
		r.shutdown()
	})
}

// A new kind waits for its feature level. Before that both versions run in any order and
// the older knows all that there is; then the older does not start any more.
func TestANewKindWaitsForItsFeatureLevel(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, w *world) {
		const next = features.Newest + 1
		if err := w.cluster.CreateTopic(testPrefix+schemas.Switches, 1, nil); err != nil {
			t.Fatal(err)
		}
		switches, err := pause.Open(t.Context(), pause.Options{
			Kafka: w.clientOptions(), Prefix: testPrefix, Logger: w.logs.Logger(slog.LevelInfo),
			Codec: pause.Plain{},
		})
		if err != nil {
			t.Fatal(err)
		}
		following, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); switches.Run(following) }()
		defer func() { stop(); <-done; switches.Close() }()
		opts := w.later()
		opts.Member = features.ClientID("test", "v2", next)
		opts.New = func(u machine.Unit) machine.Machine {
			m := newLater(u).(*later)
			m.allows = func() bool { return features.Of(switches) >= next }
			return m
		}
		admin := kadm.NewClient(w.client)
		raise := func() error {
			members, err := features.Members(t.Context(), admin, testPrefix, []string{"test"})
			if err != nil {
				return err
			}
			return features.Raise(t.Context(), switches, members, next, "me")
		}

		for n, version := range []Options{opts, w.options(newCounter), opts} {
			r := w.run(version)
			w.produce(in1, "a", n+1)
			w.read(out, n+1)
			if unknown := r.Stats(t.Context(), nil).Unknown; unknown != 0 {
				t.Errorf("run %d: %d entries are not known", n, unknown)
			}
			if version.Member == "" {
				if err := raise(); err == nil {
					t.Error("the level was raised while the older version runs")
				}
			}
			if n < 2 {
				r.shutdown()
			}
		}
		if err := raise(); err != nil {
			t.Fatal(err)
		}
		w.eventually("the level is known", func() bool { return features.Of(switches) == next })
		w.produce(in1, "a", 4)
		w.read(out, 4)
		if rec := w.entry("note/a"); rec.Value == nil {
			t.Error("there is no note at the new level")
		}
		if err := features.Check(switches, features.Newest, "v1"); err == nil {
			t.Error("the older version may start")
		}
	})
}

func TestCarriedEntriesAreBounded(t *testing.T) {
	t.Parallel()
	var c carried
	for n := range maxCarried {
		if !c.add(fmt.Sprint("key-", n), schemas.ErrUnknownKind) {
			t.Fatalf("no room for %d", n)
		}
	}
	if c.add("one more", schemas.ErrUnknownKind) {
		t.Error("there is room for more than the bound")
	}
	s := &session{u: &unit{}, opts: &Options{}, carried: c}
	if err := s.tooManyCarried(); !errors.Is(err, schemas.ErrUnknownKind) || !strings.Contains(err.Error(), "key-0") {
		t.Errorf("%v; want the kind and an example", err)
	}
}
