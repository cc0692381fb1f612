package integration

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

// TestHugeBatches writes what a real broker takes and no memory does: a batch that
// is a thousand times its size once decompressed, batches of large keys, and large
// values (containment rules 1 and 2). Each is one letter, the update behind it has
// its outcome, and the process stays small.
func TestHugeBatches(t *testing.T) {
	e := newStockEnvironment(t, stockSpeed)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	binary, err := process.Build(ctx, t.TempDir()) // the race detector takes memory of its own
	if err != nil {
		t.Fatal(err)
	}
	e.binary = binary
	p := e.start(t)
	ctx, release := p.Watch(ctx)
	defer release()
	e.awaitUp(ctx, t, p)
	account := e.amazon.Accounts()[0].ID
	skus, err := e.amazon.SKUs(account)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.MaxBufferedBytes(2<<30), kgo.ProducerBatchMaxBytes(64<<20),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topic, partition := e.prefix+schemas.InventoryUpdates, partitionOf(account)
	record := func(key string, value []byte) *kgo.Record {
		return &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: value}
	}

	at, err := rawbatch.Produce(ctx, client, topic, partition, rawbatch.Zeros(account, 1, 900))
	if err != nil {
		t.Fatal(err)
	}
	keys, values := make([]*kgo.Record, 300), make([]*kgo.Record, 300)
	for i := range keys {
		keys[i] = record(strings.Repeat(string(rune('a'+i%26)), 500_000), nil)
		values[i] = record(account, make([]byte, 3<<20))
	}
	odd := append(e.produceAll(ctx, t, client, slices.Concat(keys, values)), at)

	results := &stockOutcomes{reader: e.read(t, schemas.InventoryResults), positions: map[int32]int64{}, decided: map[string]time.Time{}}
	now := e.now().Truncate(time.Millisecond)
	good := e.updateRecord(t, account, &schemas.InventoryUpdate{UpdateID: "good", Account: account, SKU: skus[0], Quantity: 3, EventTime: now, Urgent: true})
	good.Partition = partition
	if err := client.ProduceSync(ctx, good).FirstErr(); err != nil {
		t.Fatal(err)
	}
	results.await(ctx, t, updateKey(account, skus[0], now))
	e.checkSpans(ctx, t, topic, partition, odd)
	usage, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the process needed %d MiB", usage.MaxRSS>>20)
	if usage.MaxRSS > hostileMemory {
		t.Errorf("the process needed %d MiB", usage.MaxRSS>>20)
	}
	release()
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
}

// produceAll writes records in batches as they come, and returns their offsets.
func (e *environment) produceAll(ctx context.Context, t *testing.T, client *kgo.Client, records []*kgo.Record) (offsets []int64) {
	t.Helper()
	for batch := range slices.Chunk(records, 20) { // 60 MB at most in one
		if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
			t.Fatalf("produce %d records: %v", len(batch), err)
		}
		for _, rec := range batch {
			offsets = append(offsets, rec.Offset)
		}
	}
	return offsets
}

// checkSpans wants each offset in one letter, be it the letter of its record or of
// its batch.
func (e *environment) checkSpans(ctx context.Context, t *testing.T, topic string, partition int32, offsets []int64) {
	t.Helper()
	found := make(map[int64]int)
	for _, value := range e.readAll(ctx, t, schemas.DeadLetters) {
		letter := value.(*schemas.DeadLetter)
		if letter.Source != topic || letter.Offset == nil || letter.Partition == nil || *letter.Partition != partition {
			t.Errorf("a letter from elsewhere: %s: %s", letter.Source, letter.Message)
			continue
		}
		last := *letter.Offset
		if letter.LastOffset != nil {
			last = *letter.LastOffset
		}
		for offset := *letter.Offset; offset <= last; offset++ {
			found[offset]++
		}
	}
	for _, offset := range offsets {
		if n := found[offset]; n != 1 {
			t.Errorf("offset %d stands in %d letters, want one", offset, n)
		}
	}
	t.Logf("%d records and batches, %d offsets in letters", len(offsets), len(found))
}
