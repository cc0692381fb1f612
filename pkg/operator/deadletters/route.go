package deadletters

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/sqs"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/schemas"
)

// batchOverhead is what a record's batch has besides key, value and headers.
const batchOverhead = 256

// Route is where a dead letter goes back to.
type Route struct {
	Topic  string // on the wire; "" for a queue
	Queue  string // URL; "" for a topic
	Writes bool   // whether what reads it makes calls that write at Amazon
	// Refusal is why it goes nowhere, and what to do instead; "" where it goes.
	Refusal string
}

// Target is the route's topic or queue.
func (r Route) Target() string { return r.Topic + r.Queue }

// Route returns where a letter came from and may go back to. Its error is about the
// schema registry.
func (l *Letters) Route(ctx context.Context, letter *Letter, now time.Time) (Route, error) {
	_, route, err := l.route(ctx, letter, now)
	return route, err
}

// route is Route, and the letter with all of its record.
func (l *Letters) route(ctx context.Context, letter *Letter, now time.Time) (*Letter, Route, error) {
	if letter.LastOffset != nil {
		return nil, Route{Refusal: refuseBatch(letter)}, nil
	}
	if !letter.Whole() {
		whole, refusal, err := l.original(ctx, letter)
		if whole == nil {
			return nil, Route{Refusal: refusal}, err
		}
		letter = whole
	}
	route, err := l.routeWhole(ctx, letter, now)
	return letter, route, err
}

func (l *Letters) routeWhole(ctx context.Context, letter *Letter, now time.Time) (Route, error) {
	switch {
	case letter.DeadLetter.Partition == nil && strings.Contains(letter.Source, "://"):
		return l.toQueue(letter), nil
	case letter.DeadLetter.Partition == nil:
		return l.ofWork(letter), nil
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
	_, input, writes := roles.Reader(logical, func(in role.Input) bool { return in.Effects })
	route := Route{Topic: l.opts.Prefix + logical, Writes: writes}
	if input.Memory > 0 {
		refusal, err := l.tooOld(ctx, letter, now, input.Memory)
		if refusal != "" || err != nil {
			return Route{Refusal: refusal}, err
		}
	}
	return route, nil
}

func (l *Letters) toQueue(letter *Letter) Route {
	if letter.Reason == sqs.ReasonSecret {
		return Route{Refusal: "its body may have held a secret and was written nowhere, so there is nothing to send: discard it"}
	}
	if !slices.Contains(l.opts.QueueURLs, letter.Source) {
		return Route{Refusal: "queue " + letter.Source + " is not under bridge.queues of this configuration, and nothing is sent to others: add it, or use the configuration that has it"}
	}
	return Route{Queue: letter.Source}
}

// refuseBatch is for a batch that nothing was read of.
func refuseBatch(letter *Letter) string {
	return fmt.Sprintf("it is a whole batch of records that could not be read, offsets %d to %d of topic %s, partition %d: have its producer send what was in it again, in smaller batches; then discard this",
		*letter.DeadLetter.Offset, *letter.LastOffset, schemas.Brief(letter.Source), *letter.DeadLetter.Partition)
}

// ofWork is for work that was given up. That of an order is begun anew by a
// change of it; other work has no record that could be processed again.
func (l *Letters) ofWork(letter *Letter) Route {
	if _, ok := orderOf(letter); ok {
		return Route{Topic: l.opts.Prefix + schemas.OrderChanges}
	}
	return Route{Refusal: "it is work and no record: mend what it names; then discard this"}
}

// orderOf is the order whose work a letter is about.
func orderOf(letter *Letter) (id string, ok bool) {
	if letter.Role != "orders" || letter.DeadLetter.Partition != nil {
		return "", false
	}
	return strings.CutPrefix(string(letter.Key), "order/"+letter.Account+"/")
}

// changeOf is the record that has an order fetched again: a change without a time,
// which is never older than what is known of the order.
func (l *Letters) changeOf(letter *Letter, id string, now time.Time) (*kgo.Record, error) {
	value, err := l.opts.Codec.AppendEncode(nil, schemas.OrderChanges, &schemas.OrderChange{
		NotificationID: fmt.Sprintf("retry-%d-%.32s", now.UnixNano(), letter.ID), NotificationType: "ORDER_CHANGE", Account: letter.Account, OrderID: id,
		ChangeType: schemas.RetryChange, EventTime: now, ReceivedTime: now,
	})
	if err != nil {
		return nil, err
	}
	return &kgo.Record{Topic: l.opts.Prefix + schemas.OrderChanges, Key: []byte(letter.Account), Value: value, Headers: retryHeaders(letter)}, nil
}

func retryHeaders(letter *Letter) []kgo.RecordHeader {
	headers := []kgo.RecordHeader{
		{Key: schemas.RetryOfHeader, Value: []byte(letter.ID)}, {Key: schemas.RetryForHeader, Value: []byte(letter.Role)},
	}
	if first := firstTime(letter); !first.IsZero() { // else it is of work and no record
		headers = append(headers, kgo.RecordHeader{Key: schemas.RetryTimeHeader, Value: strconv.AppendInt(nil, first.UnixMilli(), 10)})
	}
	return headers
}

// firstTime is the timestamp of the record that was set aside: of the first one, where a
// record that was put back was set aside again.
func firstTime(letter *Letter) time.Time {
	if at, ok := schemas.RetryTime(letter.Attributes[schemas.RetryTimeHeader]); ok {
		return at
	}
	return letter.SourceTime
}

// tooOld says of a quantity that a newer one may have been forgotten meanwhile:
// memory is how long its reader certainly knows of that.
func (l *Letters) tooOld(ctx context.Context, letter *Letter, now time.Time, memory time.Duration) (string, error) {
	since := firstTime(letter)
	value, err := l.opts.Codec.Decode(ctx, schemas.InventoryUpdates, letter.Value)
	if errors.Is(err, registry.ErrUnavailable) {
		return "", err
	}
	// One that cannot be read still is set aside again, by the same schemas.
	if update, ok := value.(*schemas.InventoryUpdate); ok && err == nil && update.EventTime.UnixMilli() != 0 {
		since = update.EventTime
	}
	if now.Sub(since) < memory {
		return "", nil
	}
	return fmt.Sprintf("its quantity is of %s: a newer one may have been sent and forgotten since, and would be overwritten: produce the quantity that holds now, and discard this",
		since.UTC().Format(time.RFC3339)), nil
}

// recordOf is the record that goes back to the route's topic.
func recordOf(letter *Letter, topic string) *kgo.Record {
	rec := &kgo.Record{Topic: topic, Key: letter.Key, Value: letter.Value}
	for _, name := range slices.Sorted(maps.Keys(letter.Attributes)) {
		if !slices.Contains([]string{schemas.RetryOfHeader, schemas.RetryForHeader, schemas.RetryTimeHeader}, name) {
			rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: name, Value: letter.Attributes[name]})
		}
	}
	rec.Headers = append(rec.Headers, retryHeaders(letter)...)
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
