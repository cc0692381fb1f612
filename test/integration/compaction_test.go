package integration

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/parts"
)

// TestADeletedKeyLeavesTheLog does to buyer-keys what the orders processor does,
// with the topic's configuration except for its times, which are a second: the key,
// the entry without it, and later a second write. Kafka's log then holds the key
// no more. With the deletion alone it would, in the segment that stays open.
func TestADeletedKeyLeavesTheLog(t *testing.T) {
	brokers := parts.Kafka(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.UnknownTopicRetries(-1)) // the topic is new
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	admin := kadm.NewClient(client)
	table, _ := schemas.TopicOf(schemas.BuyerKeys)
	config := make(map[string]*string)
	for name, value := range table.Config(1) {
		config[name] = &value
	}
	for _, name := range []string{"segment.ms", "max.compaction.lag.ms"} {
		if config[name] == nil {
			t.Fatalf("buyer-keys has no %s", name)
		}
		config[name] = kadm.StringPtr("1000")
	}
	topic := "it-compaction-" + time.Now().Format("150405.000000")
	if _, err := admin.CreateTopic(t.Context(), 1, 1, config, topic); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeTopics(t, brokers, topic) })
	put := func(value string) {
		t.Helper()
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte("acme-eu/1"), Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	put("the wrapped key")
	put("deleted")
	time.Sleep(2 * time.Second) // segment.ms, of the broker's own clock
	put("a second write")

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	reader := topicread.Reader{Admin: admin, Client: []kgo.Opt{kgo.SeedBrokers(brokers...)}}
	for held := true; held; {
		ends, err := reader.Ends(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		held = false
		err = reader.Committed(ctx, topic, map[int32]int64{0: 0}, ends, func(rec *kgo.Record) error {
			held = held || bytes.Contains(rec.Value, []byte("wrapped"))
			return nil
		})
		if err != nil {
			t.Fatalf("the key is still there: %v", err)
		}
		time.Sleep(time.Second) // Kafka has no other way to learn that it has compacted
	}
}
