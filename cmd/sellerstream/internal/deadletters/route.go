package deadletters

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// quantityMemory is how long the inventory processor certainly remembers the
	// newest event time of a SKU. An older update could be sent in place of a newer.
	quantityMemory = 7*24*time.Hour - time.Hour
	// batchOverhead is what a record's batch has besides key, value and headers.
	batchOverhead = 256
)

// Route is where a dead letter goes back to.
type Route struct {
	Topic  string // on the wire; "" for a queue
	Queue  string // URL; "" for a topic
	Writes bool   // whether what reads it makes calls that write at Amazon
	// Refusal says why it goes nowhere, and what to do instead; "" where it goes.
	Refusal string
}

// Target is the route's topic or queue.
func (r Route) Target() string { return r.Topic + r.Queue }

// Route says where a letter came from and may go back to. Its error is about the
// schema registry.
func (l *Letters) Route(ctx context.Context, letter *Letter, now time.Time) (Route, error) {
	switch {
	case letter.DeadLetter.Partition == nil && strings.Contains(letter.Source, "://"):
		return l.toQueue(letter), nil
	case letter.DeadLetter.Partition == nil:
		return Route{Refusal: refuseWork(letter)}, nil
	}
	// The publisher names topics without the prefix, the processors with it.
	logical := strings.TrimPrefix(letter.Source, l.opts.Prefix)
	t, ok := schemas.TopicOf(logical)
	if !ok {
		return Route{Refusal: "topic " + letter.Source + " is not in the table of topics: produce it by hand from `show --raw`"}, nil
	}
	if letter.Reason == "replay_too_old" || letter.Reason == "replay_without_effects" {
		return Route{Refusal: "the replay of it was refused, and as a record that is sent anew it would pass: see its message, and discard it"}, nil
	}
	if logical == schemas.Replays {
		return Route{Refusal: "it is the copy of a record: `sellerstream replay` copies the record again; then discard this"}, nil
	}
	if size := recordSize(letter); size > t.MaxBytes {
		return Route{Refusal: fmt.Sprintf("with the headers that say it is a retry it has %d bytes, more than the %d that topic %s takes: produce it by hand from `show --raw`", size, t.MaxBytes, letter.Source)}, nil
	}
	route := Route{Topic: l.opts.Prefix + logical, Writes: logical == schemas.InventoryUpdates || logical == schemas.Shipments}
	if logical == schemas.InventoryUpdates {
		refusal, err := l.tooOld(ctx, letter, now)
		if refusal != "" || err != nil {
			return Route{Refusal: refusal}, err
		}
	}
	return route, nil
}

func (l *Letters) toQueue(letter *Letter) Route {
	if !slices.Contains(l.opts.QueueURLs, letter.Source) {
		return Route{Refusal: "queue " + letter.Source + " is not under bridge.queues of this configuration, and nothing is sent to others: add it, or use the configuration that has it"}
	}
	return Route{Queue: letter.Source}
}

// refuseWork is for work that was given up: it has no record that could be
// processed again.
func refuseWork(letter *Letter) string {
	order, ok := strings.CutPrefix(string(letter.Key), "order/"+letter.Account+"/")
	if ok && letter.Role == "orders" {
		return fmt.Sprintf("it is work and no record: after mending what it names, `sellerstream replay --topic %s --account %s --order %s` fetches the order again, and so does its next notification; then discard this",
			schemas.OrderChanges, letter.Account, order)
	}
	return "it is work and no record: mend what it names; then discard this"
}

// tooOld says of a quantity that a newer one may have been forgotten meanwhile.
func (l *Letters) tooOld(ctx context.Context, letter *Letter, now time.Time) (string, error) {
	since := letter.SourceTime
	value, err := l.opts.Codec.Decode(ctx, schemas.InventoryUpdates, letter.Value)
	if errors.Is(err, registry.ErrUnavailable) {
		return "", err
	}
	// One that cannot be read still is set aside again, by the same schemas.
	if update, ok := value.(*schemas.InventoryUpdate); ok && err == nil {
		since = update.EventTime
	}
	if now.Sub(since) < quantityMemory {
		return "", nil
	}
	return fmt.Sprintf("its quantity is of %s: a newer one may have been sent and forgotten since, and would be overwritten: produce the quantity that holds now, and discard this",
		since.UTC().Format(time.RFC3339)), nil
}

// recordOf is the record that goes back to the route's topic.
func recordOf(letter *Letter, topic string) *kgo.Record {
	rec := &kgo.Record{Topic: topic, Key: letter.Key, Value: letter.Value}
	for _, name := range slices.Sorted(maps.Keys(letter.Attributes)) {
		if name != schemas.RetryOfHeader && name != schemas.RetryForHeader {
			rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: name, Value: letter.Attributes[name]})
		}
	}
	rec.Headers = append(rec.Headers,
		kgo.RecordHeader{Key: schemas.RetryOfHeader, Value: []byte(letter.ID)},
		kgo.RecordHeader{Key: schemas.RetryForHeader, Value: []byte(letter.Role)})
	return rec
}

func recordSize(letter *Letter) int {
	rec := recordOf(letter, "")
	size := batchOverhead + len(rec.Key) + len(rec.Value)
	for _, h := range rec.Headers {
		size += len(h.Key) + len(h.Value) + 4
	}
	return size
}
