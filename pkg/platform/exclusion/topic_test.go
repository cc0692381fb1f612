package exclusion

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

const topicName = "excluded-skus"

// broker is a broker with an empty compacted topic of three partitions.
func broker(t *testing.T) *kfake.Cluster {
	t.Helper()
	cluster := fakekafka.New(t, kfake.DataDir(t.TempDir()))
	compact := "compact"
	segment := "1048576"
	if _, err := kadm.NewClient(fakekafka.Client(t, cluster, kgo.DefaultProduceTopic(topicName))).CreateTopic(t.Context(), 3, 1,
		map[string]*string{"cleanup.policy": &compact, "segment.bytes": &segment}, topicName); err != nil {
		t.Fatal(err)
	}
	return cluster
}

// say produces a key, with a value unless it begins with "-".
func say(t *testing.T, client *kgo.Client, keys ...string) {
	t.Helper()
	for _, key := range keys {
		record := &kgo.Record{Key: []byte(strings.TrimPrefix(key, "-"))}
		if !strings.HasPrefix(key, "-") {
			record.Value = []byte{}
		}
		if err := client.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func load(t *testing.T, topic *Topic) *List {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	list, err := topic.Load(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestTopic(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	client := fakekafka.Client(t, cluster, kgo.DefaultProduceTopic(topicName))
	topic := NewTopic(topicName, kgo.SeedBrokers(cluster.ListenAddrs()...))
	if n := load(t, topic).Len(); n != 0 {
		t.Errorf("an empty topic holds %d entries", n)
	}

	say(t, client, "acme-eu/A", "acme-eu/B/2", "/C", "acme-eu/D", "no key", "acme-eu/", "-acme-eu/D", "acme-us/A", "-acme-us/A", "acme-us/A")
	check := func(when string) {
		t.Helper()
		list := load(t, topic)
		for _, e := range []entry{{"acme-eu", "A"}, {"acme-eu", "B/2"}, {"acme-us", "C"}, {"acme-us", "A"}} {
			if !list.Has(e.account, e.sku) {
				t.Errorf("%s: %v is not excluded", when, e)
			}
		}
		if list.Has("acme-eu", "D") || list.Len() != 4 || list.ignored != 2 {
			t.Errorf("%s: D is excluded: %v; %d entries, %d ignored", when, list.Has("acme-eu", "D"), list.Len(), list.ignored)
		}
	}
	check("as written")
	cluster.Compact()
	check("compacted")
	say(t, client, "-acme-eu/A", "acme-eu/D")
	if list := load(t, topic); list.Has("acme-eu", "A") || !list.Has("acme-eu", "D") {
		t.Error("the newest records do not hold")
	}
}

// TestTopicThatEndsInATransaction has no record at its partitions' ends: there
// stand the end of a transaction, and records that were never committed.
func TestTopicThatEndsInATransaction(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	client := fakekafka.Client(t, cluster, kgo.DefaultProduceTopic(topicName), kgo.TransactionalID("upstream"), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	topic := NewTopic(topicName, kgo.SeedBrokers(cluster.ListenAddrs()...))
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		say(t, client, []string{"acme-eu/A", "acme-eu/B"}[i])
		if err := client.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	say(t, client, "acme-eu/C")
	if list := load(t, topic); list.Len() != 1 || !list.Has("acme-eu", "A") {
		t.Errorf("%d entries, want the committed one alone: %v", list.Len(), list.entries)
	}
	if err := client.EndTransaction(t.Context(), kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}

func TestTopicThatDoesNotExist(t *testing.T) {
	t.Parallel()
	topic := NewTopic("nowhere", kgo.SeedBrokers(broker(t).ListenAddrs()...))
	if _, err := topic.Load(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "cleanup.policy=compact") {
		t.Errorf("got %v", err)
	}
}

// A batch that cannot be read may hold exclusions: no list is believed until it is
// removed in the way that the error says.
func TestTopicWithABatchThatCannotBeRead(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	client := fakekafka.Client(t, cluster, kgo.DefaultProduceTopic(topicName))
	topic := NewTopic(topicName, kgo.SeedBrokers(cluster.ListenAddrs()...))
	say(t, client, "acme-eu/A")
	const partition = 1
	offset, err := rawbatch.Produce(t.Context(), client, topicName, partition, rawbatch.Broken())
	if err != nil {
		t.Fatal(err)
	}
	remedy := fmt.Sprintf("before offset %d of partition %d, set the topic's cleanup.policy to compact,delete", offset+1, partition)
	if _, err := topic.Load(t.Context(), nil); err == nil || !strings.Contains(err.Error(), remedy) || strings.Contains(err.Error(), "batch.size") {
		t.Fatalf("%v; want how to remove the batch", err)
	}
	say(t, client, "acme-eu/A", "acme-eu/B")
	remove := kadm.Offsets{}
	remove.AddOffset(topicName, partition, offset+1, -1)
	if _, err := kadm.NewClient(client).DeleteRecords(t.Context(), remove); err != nil {
		t.Fatal(err)
	}
	if list := load(t, topic); list.Len() != 2 {
		t.Errorf("%d entries", list.Len())
	}
}
