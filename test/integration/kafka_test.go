package integration

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
)

// reader reads one topic under read_committed, from its start.
type reader struct {
	topic  string // logical name
	client *kgo.Client
	codec  *registry.Codec
}

// read opens a topic that the pipeline writes. The topic need not exist yet.
func (e *environment) read(t *testing.T, topic string) *reader {
	t.Helper()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(e.brokers...),
		kgo.ConsumeTopics(e.prefix+topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the topic's end is one
		kgo.UnknownTopicRetries(-1),
		kgo.MetadataMinAge(100*time.Millisecond), // topics are made while we look for them
		kgo.MetadataMaxAge(500*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &reader{topic, client, e.codec}
}

// next waits for records and decodes them. It moves the positions, by partition.
func (r *reader) next(ctx context.Context, t *testing.T, positions map[int32]int64) []any {
	t.Helper()
	fetches := r.client.PollFetches(ctx)
	if ctx.Err() != nil {
		t.Fatalf("waiting for more on %s: %v", r.topic, context.Cause(ctx))
	}
	fetches.EachError(func(topic string, partition int32, err error) {
		t.Logf("read %s[%d]: %v", topic, partition, err) // the client tries again
	})
	var values []any
	fetches.EachRecord(func(rec *kgo.Record) {
		positions[rec.Partition] = rec.Offset + 1
		if rec.Attrs.IsControl() || len(rec.Value) == 0 { // or a deletion, in a state topic
			return
		}
		value, err := r.codec.Decode(ctx, r.topic, rec.Value)
		if err != nil {
			t.Fatalf("decode %s[%d]@%d: %v", rec.Topic, rec.Partition, rec.Offset, err)
		}
		values = append(values, value)
	})
	return values
}

// follow reads a topic from its start, and goes on until take says that it is done.
func (e *environment) follow(ctx context.Context, t *testing.T, topic string, take func(value any) (done bool)) {
	t.Helper()
	r, positions := e.read(t, topic), make(map[int32]int64)
	for {
		if slices.ContainsFunc(r.next(ctx, t, positions), take) {
			return
		}
	}
}

// readAll reads a topic from its start to its present end.
func (e *environment) readAll(ctx context.Context, t *testing.T, topic string) []any {
	t.Helper()
	r := e.read(t, topic)
	ends, err := kadm.NewClient(r.client).ListCommittedOffsets(ctx, e.prefix+topic)
	if err != nil {
		t.Fatalf("list the end of %s: %v", topic, err)
	}
	var values []any
	positions := make(map[int32]int64)
	left := ends[e.prefix+topic]
	reached := func(partition int32, end kadm.ListedOffset) bool { return positions[partition] >= end.Offset }
	for maps.DeleteFunc(left, reached); len(left) > 0; maps.DeleteFunc(left, reached) {
		values = append(values, r.next(ctx, t, positions)...)
	}
	return values
}

// removeTopics deletes everything of the test's prefix.
func removeTopics(t *testing.T, brokers []string, prefix string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ctx := context.Background()
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		t.Errorf("list topics: %v", err)
		return
	}
	var ours []string
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, prefix) {
			ours = append(ours, name)
		}
	}
	if _, err := admin.DeleteTopics(ctx, ours...); err != nil {
		t.Errorf("delete the test's topics: %v", err)
	}
}
