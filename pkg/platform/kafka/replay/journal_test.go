package replay_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/schemas"
)

// A new run of some partitions takes over nothing of the run before, which had all.
func TestARunHasItsOwnRangesOnly(t *testing.T) {
	w := newWorld(t)
	w.fill(10, time.Now())
	first := w.begin()
	if err := w.journal().Begin(t.Context(), replay.NewRun("r", 2, w.resolve(from, replay.Bound{}, replay.Bound{}, 1))); err != nil {
		t.Fatal(err)
	}
	if run := w.load(); run.Number() != 2 || len(run.Ranges()) != 1 || run.Ranges()[0].Partition != 1 {
		t.Errorf("run %d has %v, want run 2 with partition 1", run.Number(), run.Ranges())
	}
	// What the second run does is no progress of the first.
	done := w.load()
	done.Advance(1, 10)
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: from, Partition: 1, At: 10, LeaderEpoch: -1, Metadata: done.Metadata(1, "")})
	if err := w.admin.CommitAllOffsets(t.Context(), w.journal().Group, offsets); err != nil {
		t.Fatal(err)
	}
	if err := w.journal().Refresh(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if n, _ := first.Progress(); n != 0 {
		t.Errorf("%d offsets of the first run are done by the second", n)
	}
}

// An offset before the range, which no version of ours commits, does not widen it.
func TestAnOffsetBeforeTheRangeDoesNotWidenIt(t *testing.T) {
	w := newWorld(t)
	w.fill(10, time.Now())
	run := replay.NewRun("r", 1, w.resolve(from, replay.Bound{Offsets: map[int32]int64{0: 5}}, replay.Bound{}))
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: from, Partition: 0, At: 2, LeaderEpoch: -1, Metadata: run.Metadata(0, "")})
	if err := w.admin.CommitAllOffsets(t.Context(), w.journal().Group, offsets); err != nil {
		t.Fatal(err)
	}
	if loaded := w.load(); loaded.Has(0, 4) || !loaded.Has(0, 5) {
		t.Errorf("the run has %v", loaded.Ranges())
	}
}

// Neither what is done nor what begins behind the range is meant any more.
func TestARunHasWhatIsLeftOfItsRanges(t *testing.T) {
	t.Parallel()
	run := replay.NewRun("r", 1, []replay.Range{{Partition: 0, From: 3, Until: 9, Next: 3}})
	run.Advance(0, 5)
	run.Advance(0, 4) // told late
	for offset, has := range map[int64]bool{2: false, 3: false, 4: false, 5: true, 8: true, 9: false} {
		if run.Has(0, offset) != has {
			t.Errorf("offset %d is meant: %t", offset, !has)
		}
	}
}

// What retention removes while a replay waits can be copied by nobody: the copy ends.
func TestACopyEndsAlthoughTheTopicHasForgotten(t *testing.T) {
	w := newWorld(t)
	w.fill(10, time.Now())
	run := w.begin()
	var offsets kadm.Offsets
	for p := range int32(partitions) {
		offsets.Add(kadm.Offset{Topic: from, Partition: p, At: 10})
	}
	if _, err := w.admin.DeleteRecords(t.Context(), offsets); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := w.copying(run).Do(ctx); err != nil || !run.Done() {
		t.Errorf("%v; done: %t", err, run.Done())
	}
}

// What is still in an open transaction when the bounds are resolved is not meant: a
// replay would wait for its end.
func TestResolveLeavesOutWhatIsNotCommitted(t *testing.T) {
	w := newWorld(t)
	w.fill(3, time.Now())
	writer, err := kgo.NewClient(append(w.client, kgo.TransactionalID("t.writer"), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := writer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: from, Value: []byte("open")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if r := w.resolve(from, replay.Bound{}, replay.Bound{}, 0)[0]; r.Until != 3 {
		t.Errorf("the range ends at %d, want 3", r.Until)
	}
	if err := writer.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

// A copy that fails leaves no transaction open, behind which nobody could read.
func TestACopyThatFailsAbortsItsTransaction(t *testing.T) {
	w := newWorld(t)
	w.fill(40, time.Now())
	c := w.copying(w.begin())
	broken, seen, wants := errors.New("broken"), 0, c.Wants
	c.Wants = func(ctx context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
		if seen++; seen == 30 {
			return nil, broken
		}
		return wants(ctx, rec)
	}
	if err := c.Do(t.Context()); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	ends, err := w.admin.ListEndOffsets(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	readable, err := w.admin.ListCommittedOffsets(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	written := int64(0)
	ends.Each(func(end kadm.ListedOffset) {
		written += end.Offset
		if at, _ := readable.Lookup(to, end.Partition); at.Offset != end.Offset {
			t.Errorf("partition %d can be read up to %d of %d", end.Partition, at.Offset, end.Offset)
		}
	})
	if written == 0 {
		t.Error("nothing was written before the copy failed: the test shows nothing")
	}
}

// A stop does not cut off the transaction that is under way.
func TestAStopLetsTheTransactionEnd(t *testing.T) {
	w := newWorld(t)
	w.fill(40, time.Now())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	c := w.copying(w.begin())
	copied, wants := 0, c.Wants
	c.Copied = func(n int) { copied += n }
	c.Wants = func(ctx context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
		stop()
		return wants(ctx, rec)
	}
	if err := c.Do(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("a stop ends the copy with %v", err)
	}
	if copied == 0 {
		t.Error("nothing of the transaction under way was copied")
	}
}

// A topic that cannot be read ends the copy, which says so.
func TestACopySaysThatItCannotRead(t *testing.T) {
	w := newWorld(t)
	w.fill(1, time.Now())
	run := w.begin()
	w.cluster.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		for _, topic := range req.(*kmsg.FetchRequest).Topics {
			answer := kmsg.FetchResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID}
			for _, p := range topic.Partitions {
				denied := kmsg.NewFetchResponseTopicPartition()
				denied.Partition, denied.ErrorCode = p.Partition, kerr.TopicAuthorizationFailed.Code
				answer.Partitions = append(answer.Partitions, denied)
			}
			resp.Topics = append(resp.Topics, answer)
		}
		return resp, nil, true
	})
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	if err := w.copying(run).Do(ctx); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("%v", err)
	}
}

// The largest record that an input topic takes can be copied with its header.
func TestTheLargestRecordIsCopied(t *testing.T) {
	w := newWorld(t)
	if _, err := w.admin.AlterTopicConfigs(t.Context(), []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "max.message.bytes", Value: kadm.StringPtr("4000000")},
	}, from, to); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, schemas.MaxRecordBytes-75) // with its batch it is as large as a topic takes
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(value)
	writer, err := kgo.NewClient(append(w.client, kgo.ProducerBatchMaxBytes(2<<20))...)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: from, Value: value}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	c, copied := w.copying(w.begin()), 0
	c.Copied = func(n int) { copied += n }
	if err := c.Do(t.Context()); err != nil || copied != 1 {
		t.Errorf("%d copied, %v", copied, err)
	}
}
