package kclient_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

// Every record is read once and in its order, and every batch that cannot be read is
// reported once, however many of them stand in however many partitions.
func TestReaderPassesWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	const partitions, rounds = 4, 5
	cluster, err := kfake.NewCluster(kfake.NumBrokers(2), kfake.SeedTopics(partitions, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	seeds := kgo.SeedBrokers(cluster.ListenAddrs()...)
	writer, err := kclient.NewClient(seeds, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	from := make(map[int32]int64)
	for p := range int32(partitions) {
		from[p] = 0
		for range rounds { // even offsets cannot be read
			if _, err := rawbatch.Produce(t.Context(), writer, "t", p, rawbatch.Broken()); err != nil {
				t.Fatal(err)
			}
			if err := writer.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Partition: p, Value: []byte("v")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	client, err := kclient.NewClient(seeds, kgo.ConsumeTopics("t"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	reader := kclient.NewReader(client, "t", from)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next := make(map[int32]int64)
	see := func(partition int32, first, last, odd int64) {
		if first != next[partition] || first != last || first%2 != odd {
			t.Errorf("partition %d: offsets %d to %d where %d belongs", partition, first, last, next[partition])
		}
		next[partition] = last + 1
	}
	for left := 2 * partitions * rounds; left > 0; {
		fetches, passed, errs := reader.Poll(ctx)
		if len(errs) > 0 {
			t.Fatal(errs[0].Err, next)
		}
		fetches.EachRecord(func(rec *kgo.Record) { see(rec.Partition, rec.Offset, rec.Offset, 1) })
		for _, batch := range passed {
			see(batch.Partition, batch.First, batch.Last, 0)
		}
		left -= fetches.NumRecords() + len(passed)
	}
	if want := fmt.Sprint(map[int32]int64{0: 10, 1: 10, 2: 10, 3: 10}); fmt.Sprint(next) != want {
		t.Errorf("read up to %v", next)
	}
}
