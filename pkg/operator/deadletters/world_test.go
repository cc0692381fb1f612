package deadletters_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/operator/deadletters"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	prefix = "test."
	queue  = "https://sqs.eu-west-1.amazonaws.com/123456789012/notifications"
)

// world is a cluster with topics, and a queue that notes what it is sent.
type world struct {
	t      *testing.T
	kafka  []kgo.Opt
	client *kgo.Client
	codec  *registry.Codec
	sent   []string
	refuse error // of the queue
	known  bool  // whether it is certain then that nothing was sent
}

func newWorld(t *testing.T) *world {
	t.Helper()
	cluster := fakekafka.Embedded(t, "")
	w := &world{t: t, kafka: []kgo.Opt{kgo.SeedBrokers(cluster.Brokers()...), kgo.MetadataMinAge(10 * time.Millisecond)}}
	var err error
	if w.client, err = kgo.NewClient(w.kafka...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.client.Close)
	needed := []string{schemas.DeadLetters, schemas.DeadLettersResolved, schemas.OrderChanges, schemas.Orders, schemas.InventoryUpdates, schemas.Shipments}
	if _, err := topics.Ensure(t.Context(), kadm.NewClient(w.client), topics.Options{Prefix: prefix, Topics: needed}); err != nil {
		t.Fatal(err)
	}
	w.codec = fakekafka.Codec(t, cluster.RegistryURL(), prefix, needed...)
	return w
}

// Send is the queue.
func (w *world) Send(_ context.Context, _ string, body []byte) (bool, error) {
	if w.refuse != nil {
		return w.known, w.refuse
	}
	w.sent = append(w.sent, string(body))
	return true, nil
}

// open looks at the letters of the moment.
func (w *world) open() *deadletters.Letters {
	w.t.Helper()
	letters, err := deadletters.Open(w.t.Context(), w.client, deadletters.Options{
		Kafka: w.kafka, Prefix: prefix, TransactionalPrefix: prefix + "tx", Codec: w.codec,
		Queues: w, QueueURLs: []string{queue}, By: "ada@test", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return letters
}

// put writes letters.
func (w *world) put(letters ...*schemas.DeadLetter) {
	w.t.Helper()
	for _, letter := range letters {
		if letter.Attributes == nil {
			letter.Attributes = map[string][]byte{}
		}
		value, err := w.codec.AppendEncode(nil, schemas.DeadLetters, letter)
		if err != nil {
			w.t.Fatal(err)
		}
		rec := &kgo.Record{Topic: prefix + schemas.DeadLetters, Key: letter.Key, Value: value}
		if err := w.client.ProduceSync(w.t.Context(), rec).FirstErr(); err != nil {
			w.t.Fatal(err)
		}
	}
}

// records are what is committed on a topic.
func (w *world) records(topic string) []*kgo.Record {
	w.t.Helper()
	ends, err := kadm.NewClient(w.client).ListEndOffsets(w.t.Context(), prefix+topic)
	if err != nil {
		w.t.Fatal(err)
	}
	begin, missing := map[int32]kgo.Offset{}, map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			begin[o.Partition], missing[o.Partition] = kgo.NewOffset().At(0), o.Offset
		}
	})
	reader, err := kgo.NewClient(append([]kgo.Opt{
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{prefix + topic: begin}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	}, w.kafka...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer reader.Close()
	var found []*kgo.Record
	for len(missing) > 0 {
		fetches := reader.PollFetches(w.t.Context())
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			if !rec.Attrs.IsControl() {
				found = append(found, rec)
			}
			if rec.Offset+1 >= missing[rec.Partition] {
				delete(missing, rec.Partition)
			}
		})
	}
	return found
}

// state is what was done about a letter.
func (w *world) state(id string) string {
	w.t.Helper()
	letter, err := w.open().Find(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return letter.Mark.Action
}

// update is the bytes of an inventory update.
func (w *world) update(eventTime time.Time) []byte {
	w.t.Helper()
	value, err := w.codec.AppendEncode(nil, schemas.InventoryUpdates, &schemas.InventoryUpdate{
		UpdateID: "u", Account: "acme-eu", SKU: "ECHO", Quantity: 1, EventTime: eventTime,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return value
}

// fromTopic is the letter of a record.
func fromTopic(id, topic, role string, value []byte) *schemas.DeadLetter {
	partition, offset := int32(3), int64(17)
	return &schemas.DeadLetter{
		ID: id, Time: time.Now(), SourceTime: time.Now(), Role: role, Reason: "unknown_account", Message: "configure it", Account: "acme-eu",
		Source: prefix + topic, Partition: &partition, Offset: &offset, Key: []byte("acme-eu"), Value: value,
		Attributes: map[string][]byte{"trace": []byte("t-1")},
	}
}

// fromQueue is the letter of a message.
func fromQueue(id, body string) *schemas.DeadLetter {
	return &schemas.DeadLetter{
		ID: id, Time: time.Now(), Role: "bridge", Reason: "not_json", Message: "no JSON", Source: queue, Value: []byte(body),
	}
}
