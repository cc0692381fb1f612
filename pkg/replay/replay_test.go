package replay_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/replay"
	"github.com/sellerstream/sellerstream/pkg/scan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	from, to   = "t.from", "t.to"
	partitions = 3
	patience   = time.Minute
)

type world struct {
	t      *testing.T
	client []kgo.Opt
	admin  *kadm.Client
	writer *kgo.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, from, to),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	w := &world{t: t, client: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.HeartbeatInterval(50 * time.Millisecond)}}
	w.writer, err = kgo.NewClient(append(w.client, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.writer.Close)
	w.admin = kadm.NewClient(w.writer)
	return w
}

// fill writes n records to each partition of from, at times a second apart.
func (w *world) fill(n int, began time.Time) {
	w.t.Helper()
	for i := range n {
		for p := range int32(partitions) {
			rec := &kgo.Record{
				Topic: from, Partition: p, Key: []byte("k"), Value: fmt.Append(nil, i),
				Timestamp: began.Add(time.Duration(i) * time.Second), Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("x")}},
			}
			if err := w.writer.ProduceSync(w.t.Context(), rec).FirstErr(); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

func (w *world) resolve(a, b replay.Bound, only ...int32) []replay.Range {
	w.t.Helper()
	ranges, err := replay.Resolve(w.t.Context(), w.admin, from, a, b, only)
	if err != nil {
		w.t.Fatal(err)
	}
	return ranges
}

func (w *world) journal() *replay.Journal {
	return &replay.Journal{Admin: w.admin, Name: "r", Group: "t.replay.r", Topic: from}
}

// begin begins the first run over all that there is.
func (w *world) begin() *replay.Run {
	w.t.Helper()
	run := replay.NewRun("r", 1, w.resolve(replay.Bound{}, replay.Bound{}))
	if err := w.journal().Begin(w.t.Context(), run); err != nil {
		w.t.Fatal(err)
	}
	return run
}

// load is the run as the next process finds it.
func (w *world) load() *replay.Run {
	w.t.Helper()
	run, err := w.journal().Load(w.t.Context())
	if err != nil || run == nil {
		w.t.Fatalf("run %v, %v", run, err)
	}
	return run
}

func (w *world) copying(run *replay.Run) *replay.Copy {
	return &replay.Copy{
		Client: w.client, Journal: w.journal(), TransactionalID: "t.replay.r", To: to, Run: run, Logger: slog.New(slog.DiscardHandler),
		Wants: func(_ context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
			return &kgo.RecordHeader{Key: "from", Value: fmt.Append(nil, rec.Offset)}, nil
		},
	}
}

// checkCopies wants each record of from in to, once and in its order.
func (w *world) checkCopies(n int) {
	w.t.Helper()
	ends := w.resolveOf(to)
	next := make(map[int32]int)
	err := replay.Scan(w.t.Context(), scan.Reader{Admin: w.admin, Client: w.client}, to, replay.NewRun("check", 1, ends), func(rec *kgo.Record) error {
		if want := fmt.Sprint(next[rec.Partition]); string(rec.Value) != want || string(rec.Headers[1].Value) != want || rec.Headers[0].Key != "trace" {
			w.t.Errorf("partition %d: record %s with headers %v stands where %s belongs", rec.Partition, rec.Value, rec.Headers, want)
		}
		next[rec.Partition]++
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for p := range int32(partitions) {
		if next[p] != n {
			w.t.Errorf("partition %d has %d copies, want %d", p, next[p], n)
		}
	}
}

func (w *world) resolveOf(topic string) []replay.Range {
	w.t.Helper()
	ranges, err := replay.Resolve(w.t.Context(), w.admin, topic, replay.Bound{}, replay.Bound{}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return ranges
}

func TestResolve(t *testing.T) {
	w := newWorld(t)
	began := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	w.fill(10, began)
	at := func(seconds float64) replay.Bound {
		return replay.Bound{Time: began.Add(time.Duration(seconds * float64(time.Second)))}
	}
	offsets := func(o map[int32]int64) replay.Bound { return replay.Bound{Offsets: o} }
	for _, test := range []struct {
		name string
		a, b replay.Bound
		only []int32
		want string
	}{
		{"all", replay.Bound{}, replay.Bound{}, nil, "0:0-10 1:0-10 2:0-10"},
		{"some partitions", replay.Bound{}, replay.Bound{}, []int32{2, 0}, "0:0-10 2:0-10"},
		{"between times", at(2.5), at(7), nil, "0:3-7 1:3-7 2:3-7"},
		{"from after the last record", at(100), replay.Bound{}, nil, "0:10-10 1:10-10 2:10-10"},
		{"to before from", at(7), at(2), nil, "0:7-7 1:7-7 2:7-7"},
		{"offsets name their partitions", offsets(map[int32]int64{1: 4}), replay.Bound{}, nil, "1:4-10"},
		{"offsets at both ends", offsets(map[int32]int64{1: 4}), offsets(map[int32]int64{1: 6}), nil, "1:4-6"},
		{"an offset and a time", offsets(map[int32]int64{1: 4}), at(7), nil, "1:4-7"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, r := range w.resolve(test.a, test.b, test.only...) {
				got = append(got, fmt.Sprintf("%d:%d-%d", r.Partition, r.From, r.Until))
				if r.Next != r.From {
					t.Errorf("partition %d goes on at %d, want %d", r.Partition, r.Next, r.From)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%v, want %s", got, test.want)
			}
		})
	}
	_, err := replay.Resolve(t.Context(), w.admin, from, offsets(map[int32]int64{0: 11, 1: -1, 7: 0}), replay.Bound{}, nil)
	for _, part := range []string{"offset 11 is not in partition 0", "offset -1 is not in partition 1", "no partition 7", "0 to 10"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

func TestCopyIsThroughOnce(t *testing.T) {
	w := newWorld(t)
	w.fill(50, time.Now())
	run := w.begin()
	w.fill(1, time.Now()) // what comes later is not meant
	if err := w.copying(run).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.checkCopies(50)
	again := w.load()
	if !again.Done() || again.ID() != "r-1" {
		t.Errorf("run %s is done: %v", again.ID(), again.Done())
	}
	if err := w.copying(again).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.checkCopies(50)
}

// Wherever a Copy is stopped, the next one goes on, and each record is copied once.
func TestCopyGoesOnWhereItWas(t *testing.T) {
	w := newWorld(t)
	const n = 1500 // more than a transaction's
	w.fill(n, time.Now())
	w.begin()
	for interrupted := 0; ; interrupted++ {
		run := w.load()
		if run.Done() {
			if interrupted < 2 {
				t.Errorf("%d interruptions: the test shows nothing", interrupted)
			}
			break
		}
		ctx, stop := context.WithCancel(t.Context())
		c := w.copying(run)
		c.Copied = func(int) { stop() }
		err := c.Do(ctx)
		stop()
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	w.checkCopies(n)
}

// An error in the middle of a transaction leaves nothing of it.
func TestCopyThatFailsLeavesNoHalfTransaction(t *testing.T) {
	w := newWorld(t)
	w.fill(40, time.Now())
	c := w.copying(w.begin())
	seen, broken := 0, errors.New("broken")
	wants := c.Wants
	c.Wants = func(ctx context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
		if seen++; seen == 30 {
			return nil, broken
		}
		return wants(ctx, rec)
	}
	if err := c.Do(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("error %v, want the one of Wants", err)
	}
	if err := w.copying(w.load()).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.checkCopies(40)
}

// Two processes that do the same replay copy each record once between them.
func TestTwoCopiesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.fill(1500, time.Now())
	w.begin()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var both sync.WaitGroup
	for range 2 {
		c := w.copying(w.load())
		both.Go(func() {
			if err := c.Do(ctx); err != nil && !errors.Is(err, replay.ErrTakenOver) {
				t.Errorf("a copy ends with %v", err)
			}
		})
	}
	both.Wait()
	if err := w.copying(w.load()).Do(ctx); err != nil {
		t.Fatal(err)
	}
	w.checkCopies(1500)
}

func TestJournalOfNoReplay(t *testing.T) {
	w := newWorld(t)
	if run, err := w.journal().Load(t.Context()); run != nil || err != nil {
		t.Errorf("%v, %v; want none", run, err)
	}
	var foreign kadm.Offsets
	foreign.Add(kadm.Offset{Topic: from, Partition: 0, At: 0, LeaderEpoch: -1, Metadata: "not ours"})
	if err := w.admin.CommitAllOffsets(t.Context(), w.journal().Group, foreign); err != nil {
		t.Fatal(err)
	}
	if run, err := w.journal().Load(t.Context()); run != nil || err != nil {
		t.Errorf("%v, %v; want none", run, err)
	}
}
