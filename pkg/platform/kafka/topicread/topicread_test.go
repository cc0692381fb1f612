package topicread_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const topic = "t"

// world is a topic of two partitions. The first ends with a transaction that was
// committed, the second with one that was aborted.
func world(t *testing.T) (topicread.Reader, *kgo.Client) {
	t.Helper()
	cluster := fakekafka.New(t, kfake.SeedTopics(2, topic))
	seeds := kgo.SeedBrokers(cluster.ListenAddrs()...)
	writer := fakekafka.Client(t, cluster, kgo.TransactionalID("writer"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	return topicread.Reader{Admin: kadm.NewClient(writer), Client: []kgo.Opt{seeds}}, writer
}

// write writes "key=value" texts in one transaction; without "=" the key is deleted.
func write(t *testing.T, writer *kgo.Client, partition int32, end kgo.TransactionEndTry, texts ...string) {
	t.Helper()
	if err := writer.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		rec := &kgo.Record{Topic: topic, Partition: partition, Key: []byte(text[:1])}
		if len(text) > 1 {
			rec.Value = []byte(text)
		}
		if err := writer.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.EndTransaction(t.Context(), end); err != nil {
		t.Fatal(err)
	}
}

func TestReadsWhatIsCommitted(t *testing.T) {
	t.Parallel()
	reader, writer := world(t)
	write(t, writer, 0, kgo.TryCommit, "a=1", "b=1")
	write(t, writer, 1, kgo.TryCommit, "c=1")
	write(t, writer, 1, kgo.TryAbort, "c=2", "d=2")
	write(t, writer, 0, kgo.TryCommit, "a=2", "b")
	ends, err := reader.Ends(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	write(t, writer, 0, kgo.TryCommit, "z=1") // comes later than the moment
	starts, err := reader.Starts(t.Context(), topic, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = reader.Committed(t.Context(), topic, starts, ends, func(rec *kgo.Record) error {
		got = append(got, fmt.Sprintf("%d %s %s", rec.Partition, rec.Key, rec.Value))
		return nil
	})
	slices.SortStableFunc(got, func(a, b string) int { return int(a[0]) - int(b[0]) })
	if want := []string{"0 a a=1", "0 b b=1", "0 a a=2", "0 b ", "1 c c=1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	newest, err := reader.Newest(t.Context(), topic, 0, ends[0])
	if err != nil || len(newest) != 1 || string(newest["a"]) != "a=2" {
		t.Errorf("the newest of each key: %q, %v", newest, err)
	}
}

func TestAnErrorEndsTheScan(t *testing.T) {
	t.Parallel()
	reader, writer := world(t)
	write(t, writer, 0, kgo.TryCommit, "a=1", "b=1")
	enough, seen := errors.New("enough"), 0
	err := reader.Committed(t.Context(), topic, nil, map[int32]int64{0: 2}, func(*kgo.Record) error { seen++; return enough })
	if !errors.Is(err, enough) || seen != 1 {
		t.Errorf("%d records, %v", seen, err)
	}
}

func TestRecordsThatAreRemovedArePassedOver(t *testing.T) {
	t.Parallel()
	reader, writer := world(t)
	write(t, writer, 0, kgo.TryCommit, "a=1", "b=1", "c=1")
	ends, err := reader.Ends(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	remove := kadm.Offsets{}
	remove.AddOffset(topic, 0, ends[0], -1)
	if _, err := reader.Admin.DeleteRecords(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
	err = reader.Committed(t.Context(), topic, map[int32]int64{0: 0}, ends, func(rec *kgo.Record) error {
		t.Errorf("read %s", rec.Value)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What never comes counts as removed, unless half of a topic must not pass for all.
func TestAPatientScanWaitsForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &kfake.VirtualNetwork{}
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(network.Listen), kfake.SeedTopics(1, topic))
		if err != nil {
			t.Fatal(err)
		}
		defer cluster.Close()
		options := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.Dialer(network.DialContext)}
		client, err := kgo.NewClient(append(options, kgo.DisableClientMetrics())...)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("1")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		for patient, want := range map[bool]error{false: nil, true: context.DeadlineExceeded} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			reader, seen := topicread.Reader{Admin: kadm.NewClient(client), Client: options, Patient: patient}, 0
			err := reader.Committed(ctx, topic, nil, map[int32]int64{0: 2}, func(*kgo.Record) error { seen++; return nil })
			if !errors.Is(err, want) || seen != 1 {
				t.Errorf("patient %v: %d records, %v", patient, seen, err)
			}
			cancel()
		}
	})
}

// A batch that cannot be read ends a scan, or is reported and passed, wherever it
// stands; one that does not belong to the scan does neither.
func TestABatchThatCannotBeRead(t *testing.T) {
	t.Parallel()
	reader, writer := world(t)
	broken := func() {
		t.Helper()
		if _, err := rawbatch.Produce(t.Context(), writer, topic, 0, rawbatch.Broken()); err != nil {
			t.Fatal(err)
		}
	}
	broken()                                         // 0
	write(t, writer, 0, kgo.TryCommit, "a=1", "b=1") // 1 to 3
	broken()                                         // 4
	broken()                                         // 5
	write(t, writer, 0, kgo.TryCommit, "a=2")        // 6 and 7
	broken()                                         // 8
	ends, err := reader.Ends(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	broken()
	var batch *kclient.UnreadableError
	if _, err := reader.Newest(t.Context(), topic, 0, ends[0]); !errors.As(err, &batch) || batch.First != 0 {
		t.Errorf("a scan that cannot pass a batch: %v", err)
	}
	var passed []int64
	reader.Unreadable = func(batch *kclient.UnreadableError) { passed = append(passed, batch.First) }
	newest, err := reader.Newest(t.Context(), topic, 0, ends[0])
	if err != nil || string(newest["a"]) != "a=2" || string(newest["b"]) != "b=1" || !slices.Equal(passed, []int64{0, 4, 5, 8}) {
		t.Errorf("the newest of each key: %q, %v, passed %v", newest, err, passed)
	}
}

func TestNoTopic(t *testing.T) {
	t.Parallel()
	reader, _ := world(t)
	if _, err := reader.Ends(t.Context(), "none"); !errors.Is(err, topicread.ErrNoTopic) {
		t.Errorf("got %v", err)
	}
}
