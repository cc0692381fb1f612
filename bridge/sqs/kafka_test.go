package sqs_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// The same with the clients that a process has: the tuned SDK client over HTTP
// and kgo, and with the largest body that SQS allows.
func TestOnKafka(t *testing.T) {
	t.Parallel()
	w := newWorld(t, newCodec(t))
	urls, err := w.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	cluster := fakekafka.New(t, kfake.SeedTopics(12, prefix+schemas.OrderChanges, prefix+schemas.DeadLetters))
	largest := `{"notificationType":"` + strings.Repeat("x", 1<<20-23) + `"}`
	if len(largest) != 1<<20 {
		t.Fatalf("the largest body has %d bytes", len(largest))
	}
	want := w.send(200)
	w.put(largest)

	producer := fakekafka.Client(t, cluster, sqs.ProducerOptions(prefix)...)
	cfg := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "")}
	opts := w.options()
	opts.Queue, opts.Client, opts.Producer = urls.QueueURL(simulator.DefaultQueue), sqs.NewClient(cfg, urls.SQS), producer
	_, stop := w.run(opts)

	records := consume(t, cluster, len(want)+1)
	if err := stop(); err != nil {
		t.Error(err)
	}
	w.checkEmpty(len(want) + 1)
	var orders []string
	partitions := make(map[string]int32)
	for _, rec := range records {
		value, err := w.codec.Decode(t.Context(), strings.TrimPrefix(rec.Topic, prefix), rec.Value)
		if err != nil {
			t.Fatal(err)
		}
		switch value := value.(type) {
		case *schemas.DeadLetter:
			if value.Reason != sqs.ReasonBodyTooLarge || string(value.Value) != largest {
				t.Errorf("dead letter %s of %d bytes", value.Reason, len(value.Value))
			}
		case *schemas.OrderChange:
			orders = append(orders, value.OrderID)
			if p, ok := partitions[value.Account]; ok && p != rec.Partition {
				t.Errorf("account %s is in partitions %d and %d", value.Account, p, rec.Partition)
			}
			partitions[value.Account] = rec.Partition
		}
	}
	slices.Sort(orders)
	if !slices.Equal(orders, want) {
		t.Errorf("%d orders, want each of %d once", len(orders), len(want))
	}
}

// consume reads n records of both topics.
func consume(t *testing.T, cluster *kfake.Cluster, n int) (records []*kgo.Record) {
	t.Helper()
	client := fakekafka.Client(t, cluster, kgo.ConsumeTopics(prefix+schemas.OrderChanges, prefix+schemas.DeadLetters),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(records) < n {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d records, want %d: %v", len(records), n, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}
