package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	from, to   = "t.from", "t.to"
	partitions = 3
	patience   = time.Minute
)

type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  []kgo.Opt
	admin   *kadm.Client
	writer  *kgo.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	cluster := fakekafka.New(t, kfake.SeedTopics(partitions, from, to),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	w := &world{t: t, cluster: cluster, client: []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.HeartbeatInterval(50 * time.Millisecond)}}
	w.writer = fakekafka.Client(t, cluster, append(w.client, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	w.admin = kadm.NewClient(w.writer)
	w.raiseTwice()
	return w
}

// raiseTwice makes each new transactional producer raise the epoch twice, as it does at
// Kafka where it meets an open transaction. kfake raises it once, and takes the abort
// that the older producer sends then for one sent twice: it answers with the newer one's
// epoch. Both write into one transaction from then on, and records are copied twice.
func (w *world) raiseTwice() {
	const first = 12_345 // timeout of the request that comes in between, in milliseconds
	w.cluster.ControlKey(int16(kmsg.InitProducerID), func(req kmsg.Request) (kmsg.Response, error, bool) {
		init := req.(*kmsg.InitProducerIDRequest)
		if init.TransactionalID == nil || init.ProducerID >= 0 || init.TransactionTimeoutMillis == first {
			return nil, nil, false
		}
		before := kmsg.NewPtrInitProducerIDRequest()
		before.TransactionalID, before.TransactionTimeoutMillis = init.TransactionalID, first
		w.cluster.SleepControl(func() {
			if _, err := before.RequestWith(context.Background(), w.writer); err != nil {
				w.t.Error(err)
			}
		})
		return nil, nil, false
	})
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

func (w *world) resolve(topic string, a, b replay.Bound, only ...int32) []replay.Range {
	w.t.Helper()
	ranges, err := replay.Resolve(w.t.Context(), w.admin, topic, a, b, only)
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
	run := replay.NewRun("r", 1, w.resolve(from, replay.Bound{}, replay.Bound{}))
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
	ends := w.resolve(to, replay.Bound{}, replay.Bound{})
	next := make(map[int32]int)
	err := replay.Scan(w.t.Context(), topicread.Reader{Admin: w.admin, Client: w.client}, to, replay.NewRun("check", 1, ends), func(rec *kgo.Record) error {
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
			for _, r := range w.resolve(from, test.a, test.b, test.only...) {
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

// Whoever looks on sees the progress of each transaction at once, and none that was not
// made.
func TestProgressIsThatOfTheCopies(t *testing.T) {
	w := newWorld(t)
	w.fill(40, time.Now())
	run := w.begin()
	c := w.copying(run)
	copied := 0
	c.Copied = func(n int) {
		copied += n
		if done, all := run.Progress(); int(done) != copied || all != 40*partitions {
			t.Errorf("%d of %d are done, %d are copied", done, all, copied)
		}
	}
	if err := c.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if copied != 40*partitions {
		t.Errorf("%d are told of as copied", copied)
	}
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

// What is written with a copy is committed with it, or not at all: once each, although
// the transaction of some was undone.
func TestWhatIsWrittenWithACopyIsOfItsTransaction(t *testing.T) {
	w := newWorld(t)
	w.fill(40, time.Now())
	if _, err := w.admin.CreateTopic(t.Context(), 1, 1, nil, "notes"); err != nil {
		t.Fatal(err)
	}
	seen, broken := 0, errors.New("broken")
	copying := func(run *replay.Run) *replay.Copy {
		c := w.copying(run)
		c.Also = func(_ context.Context, rec *kgo.Record) ([]*kgo.Record, error) {
			if seen++; seen == 30 {
				return nil, broken
			}
			return []*kgo.Record{{Topic: "notes", Value: fmt.Append(nil, rec.Partition, "/", rec.Offset)}}, nil
		}
		return c
	}
	if err := copying(w.begin()).Do(t.Context()); !errors.Is(err, broken) {
		t.Fatalf("error %v, want the one of Also", err)
	}
	if err := copying(w.load()).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.checkCopies(40)
	reader, notes := topicread.Reader{Admin: w.admin, Client: w.client}, map[string]int{}
	ends, err := reader.Ends(t.Context(), "notes")
	if err != nil {
		t.Fatal(err)
	}
	err = reader.Committed(t.Context(), "notes", map[int32]int64{0: 0}, ends, func(rec *kgo.Record) error {
		notes[string(rec.Value)]++
		return nil
	})
	for note, n := range notes {
		if n != 1 {
			t.Errorf("%s is noted %d times", note, n)
		}
	}
	if err != nil || len(notes) != 40*partitions {
		t.Errorf("%d notes of %d copies, %v", len(notes), 40*partitions, err)
	}
}

// A copy that Kafka does not take, or the client, ends the run with nothing of its
// transaction: committed without it, the record would be missing for good. Kafka
// commits a transaction all the same whose produce has failed.
func TestCopyThatIsRefusedLosesNoRecord(t *testing.T) {
	t.Run("by Kafka", func(t *testing.T) {
		w := newWorld(t)
		w.fill(40, time.Now())
		c := w.copying(w.begin())
		w.cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			resp := req.ResponseKind().(*kmsg.ProduceResponse)
			for _, topic := range req.(*kmsg.ProduceRequest).Topics {
				answer := kmsg.NewProduceResponseTopic()
				answer.Topic, answer.TopicID = topic.Topic, topic.TopicID
				for _, p := range topic.Partitions {
					refused := kmsg.NewProduceResponseTopicPartition()
					refused.Partition, refused.ErrorCode = p.Partition, kerr.InvalidRecord.Code
					answer.Partitions = append(answer.Partitions, refused)
				}
				resp.Topics = append(resp.Topics, answer)
			}
			return resp, nil, true
		})
		w.checkRefused(c, kerr.InvalidRecord)
	})
	t.Run("by the client", func(t *testing.T) {
		w := newWorld(t)
		w.fill(40, time.Now())
		c := w.copying(w.begin())
		wants, seen := c.Wants, 0
		c.Wants = func(ctx context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
			header, err := wants(ctx, rec)
			if seen++; seen == 7 {
				header.Value = make([]byte, 3<<20)
			}
			return header, err
		}
		w.checkRefused(c, kerr.MessageTooLarge)
	})
}

// checkRefused wants a copy to fail for a reason and to have copied nothing of the
// transaction, and the next one to copy everything once.
func (w *world) checkRefused(c *replay.Copy, want error) {
	w.t.Helper()
	copied := 0
	c.Copied = func(n int) { copied += n }
	if err := c.Do(w.t.Context()); !errors.Is(err, want) {
		w.t.Fatalf("error %v, want %v", err, want)
	}
	if copied != 0 {
		w.t.Errorf("%d records are told of as copied", copied)
	}
	run := w.load()
	if err := w.copying(run).Do(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.checkCopies(40)
	if !run.Done() || !w.load().Done() {
		done, all := run.Progress()
		w.t.Errorf("%d of %d are done, and %v for who looks later", done, all, w.load().Ranges())
	}
}

// What was written in a transaction that was aborted never was: it is not copied.
func TestAbortedRecordsAreNotCopied(t *testing.T) {
	w := newWorld(t)
	client, err := kgo.NewClient(append(w.client, kgo.TransactionalID("t.writer"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	next := 0
	for _, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for p := range int32(partitions) {
			value := fmt.Append(nil, next)
			if end == kgo.TryAbort {
				value = []byte("aborted")
			}
			rec := &kgo.Record{Topic: from, Partition: p, Key: []byte("k"), Value: value, Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("x")}}}
			if err := client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		if end == kgo.TryCommit {
			next++
		}
	}
	run := w.begin()
	c := w.copying(run)
	copied := 0
	c.Wants = func(_ context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
		if string(rec.Value) == "aborted" {
			t.Errorf("an aborted record is copied, partition %d, offset %d", rec.Partition, rec.Offset)
		}
		copied++
		return &kgo.RecordHeader{Key: "from", Value: rec.Value}, nil
	}
	if err := c.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if copied != next*partitions {
		t.Errorf("%d copied, want %d", copied, next*partitions)
	}
	w.checkCopies(next)
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

// A copy whose transaction a newer process has aborted ends, also where a rebalance
// makes it abort the transaction itself.
func TestACopyThatIsTakenOverDoesNotGoOn(t *testing.T) {
	w := newWorld(t)
	w.fill(10, time.Now())
	c := w.copying(w.begin())
	written := make(chan struct{})
	w.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.DropControl()
		close(written)
		return nil, nil, false
	})
	wants, seen := c.Wants, 0
	c.Wants = func(ctx context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
		switch seen++; seen {
		case 1:
			return wants(ctx, rec)
		case 2:
			<-written
			w.takeOver(c)
		}
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := c.Do(ctx); !errors.Is(err, replay.ErrTakenOver) {
		t.Errorf("a copy that was taken over ends with %v", err)
	}
}

// takeOver starts a newer producer with the copy's transactional id, then a member of
// its group. It returns when that one has some of the copy's partitions.
func (w *world) takeOver(c *replay.Copy) {
	newer := fakekafka.Client(w.t, w.cluster, append(w.client, kgo.TransactionalID(c.TransactionalID))...)
	if _, _, err := newer.ProducerID(w.t.Context()); err != nil {
		w.t.Error(err)
	}
	taken := make(chan struct{})
	var once sync.Once
	fakekafka.Client(w.t, w.cluster, append(w.client, kgo.ConsumerGroup(c.Journal.Group), kgo.ConsumeTopics(from), kgo.DisableAutoCommit(),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, added map[string][]int32) {
			if len(added) > 0 {
				once.Do(func() { close(taken) })
			}
		}))...)
	select {
	case <-taken:
	case <-w.t.Context().Done():
	}
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

// A batch that cannot be read is passed, wherever it stands, and so is the last that
// there is: what is behind it is copied, and the run is through for good.
func TestCopyPassesWhatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	broken := func() {
		t.Helper()
		for p := range int32(partitions) {
			if _, err := rawbatch.Produce(t.Context(), w.writer, from, p, rawbatch.Broken()); err != nil {
				t.Fatal(err)
			}
		}
	}
	broken()
	w.fill(2, time.Now())
	broken()
	broken()
	w.fill(1, time.Now())
	broken()
	run := w.begin()
	copying := w.copying(run)
	var log bytes.Buffer
	copying.Logger = slog.New(slog.NewTextHandler(&log, nil))
	if err := copying.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	copied := 0
	err := replay.Scan(t.Context(), topicread.Reader{Admin: w.admin, Client: w.client}, to, replay.NewRun("check", 1, w.resolve(to, replay.Bound{}, replay.Bound{})), func(*kgo.Record) error {
		copied++
		return nil
	})
	if err != nil || copied != 3*partitions {
		t.Errorf("%d copies, %v", copied, err)
	}
	if told := strings.Count(log.String(), "cannot be read"); told != 4*partitions {
		t.Errorf("told of %d batches:\n%s", told, log.String())
	}
	if !w.load().Done() {
		t.Errorf("the next process finds %+v", w.load().Ranges())
	}
}
