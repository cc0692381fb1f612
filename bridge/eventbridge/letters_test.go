package eventbridge_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sellerstream/sellerstream/schemas"
)

// noting keeps the letters that it encodes.
type noting struct {
	plain
	mu      sync.Mutex
	letters []schemas.DeadLetter
}

func (n *noting) AppendEncode(dst []byte, topic string, value any) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.letters = append(n.letters, *value.(*schemas.DeadLetter))
	return n.plain.AppendEncode(dst, topic, value)
}

// A letter says where its record stands, and has the id that a record of that
// topic, as Kafka knows it, has for ever.
func TestALetterNamesItsRecord(t *testing.T) {
	w := newWorld(t)
	found, err := kadm.NewClient(w.producer).ListTopics(t.Context(), prefix+schemas.Orders)
	if err != nil {
		t.Fatal(err)
	}
	type place struct {
		partition int32
		offset    int64
	}
	want := make(map[place]string) // ids
	next := make(map[int32]int64)
	for i := range 18 {
		partition := w.produceValue(account(i), "undecodable")
		want[place{partition, next[partition]}] = schemas.EventID("DeadLetter", "events", prefix+schemas.Orders,
			found[prefix+schemas.Orders].ID.String(), fmt.Sprint(partition), fmt.Sprint(next[partition]))
		next[partition]++
	}
	codec := &noting{}
	opts := w.options()
	opts.Codec = codec
	w.run(opts)
	w.deadLetters(18)
	codec.mu.Lock()
	defer codec.mu.Unlock()
	for _, letter := range codec.letters {
		at := place{*letter.Partition, *letter.Offset}
		if letter.ID != want[at] || letter.Source != schemas.Orders {
			t.Errorf("the letter of %s, partition %d, offset %d has the id %s, want %s", letter.Source, at.partition, at.offset, letter.ID, want[at])
		}
		delete(want, at)
	}
	if len(want) > 0 {
		t.Errorf("%d records have no letter", len(want))
	}
}

// A letter that its topic does not take is cut until it does.
func TestALetterIsCutUntilKafkaTakesIt(t *testing.T) {
	w := newWorld(t)
	w.produceValue(account(0), strings.Repeat("x", 500_000))
	w.cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		for _, topic := range req.(*kmsg.ProduceRequest).Topics {
			for _, p := range topic.Partitions {
				if len(p.Records) > 200_000 { // as max.message.bytes does
					return refusal(req.(*kmsg.ProduceRequest), kerr.MessageTooLarge), nil, true
				}
			}
		}
		return nil, nil, false
	})
	opts := w.options()
	opts.Codec, opts.MaxEntryBytes = whole{}, 1000
	opts.Kafka = append(opts.Kafka, kgo.ProducerBatchCompression(kgo.NoCompression()))
	w.run(opts)
	for _, letter := range w.deadLetters(1) {
		if len(letter) > 200_000 || !strings.Contains(letter, "xxx") {
			t.Errorf("a letter of %d bytes", len(letter))
		}
	}
}

// A letter that Kafka does not take is tried again with growing waits.
func TestALetterThatKafkaRefusesWaits(t *testing.T) {
	w := newWorld(t)
	w.produceValue(account(0), "unmappable")
	var tries atomic.Int32
	w.cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		tries.Add(1)
		return refusal(req.(*kmsg.ProduceRequest), kerr.InvalidRecord), nil, true
	})
	w.run(w.options())
	began := time.Now()
	w.await("a fourth try", func() bool { return tries.Load() >= 4 })
	if took := time.Since(began); took < 430*time.Millisecond { // 62 ms, 125 and 250 at least
		t.Errorf("four tries in %v", took)
	}
}

// A dry run leaves no trace: a later run publishes and sets aside as if it was the first.
func TestADryRunCommitsAndWritesNothing(t *testing.T) {
	w := newWorld(t)
	w.produceValue(account(0), "undecodable")
	w.produceValue(account(0), account(0)+"/1")
	opts := w.options()
	opts.DryRun = true
	_, stop := w.run(opts)
	w.awaitEvents(1)
	stop()
	admin := kadm.NewClient(w.producer)
	offsets, err := admin.FetchOffsets(t.Context(), prefix+"events")
	if err != nil {
		t.Fatal(err)
	}
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.At >= 0 {
			t.Errorf("offset %d of partition %d is committed", o.At, o.Partition)
		}
	})
	ends, err := admin.ListEndOffsets(t.Context(), prefix+schemas.DeadLetters)
	if err != nil {
		t.Fatal(err)
	}
	ends.Each(func(end kadm.ListedOffset) {
		if end.Offset != 0 {
			t.Errorf("%d dead letters in partition %d", end.Offset, end.Partition)
		}
	})
	w.run(w.options())
	w.deadLetters(1)
	w.await("the event again", func() bool { return w.counts()[`{"id":"account-00/1"}`] == 2 })
}

// A group whose position the topic has removed goes on with what is left.
func TestGoesOnBehindWhatTheTopicForgot(t *testing.T) {
	w := newWorld(t)
	var partition int32
	for i := range 10 {
		partition = w.produceValue(account(0), fmt.Sprintf("%s/%06d", account(0), i))
	}
	admin, topic := kadm.NewClient(w.producer), prefix+schemas.Orders
	var committed, removed kadm.Offsets
	committed.AddOffset(topic, partition, 2, -1)
	removed.AddOffset(topic, partition, 5, -1)
	if err := admin.CommitAllOffsets(t.Context(), prefix+"events", committed); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.DeleteRecords(t.Context(), removed); err != nil {
		t.Fatal(err)
	}
	w.run(w.options())
	w.awaitEvents(5)
	w.checkOnce(5)
}

// Large records of one partition go out one after the other, however often it was
// paused for their bytes.
func TestAPartitionOfLargeRecordsGoesOn(t *testing.T) {
	w := newWorld(t)
	const n = 40
	for i := range n {
		w.produceValue(account(0), fmt.Sprintf("%s/%06d", account(0), i)+strings.Repeat("x", 100<<10))
	}
	w.run(w.options())
	w.awaitEvents(n)
	w.checkOnce(n)
}
