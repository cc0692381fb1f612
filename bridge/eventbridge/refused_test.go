package eventbridge_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/logged"
	"github.com/sellerstream/sellerstream/test/rawbatch"
)

// An entry that EventBridge itself finds too large is set aside as well, and
// one that it calls malformed; the others of the request go out.
func TestEventBridgeRefuses(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Client = &refuses{API: opts.Client}
	large := strings.Repeat("x", 300<<10)
	for i, value := range []string{"account-00/1", large, "malformed", "account-01/1"} {
		w.produceValue(account(i), value)
	}
	w.run(opts)
	w.awaitEvents(2)
	w.deadLetters(2)
	w.checkOnce(2)
}

// refuses stands for a region that takes 256 KiB at most.
type refuses struct{ eventbridge.API }

func (r *refuses) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	total := 0
	malformed := -1
	for i, e := range in.Entries {
		total += len(*e.Detail)
		if strings.Contains(*e.Detail, "malformed") {
			malformed = i
		}
	}
	if total > 256<<10 {
		return nil, validation("too large")
	}
	if malformed >= 0 {
		in.Entries[malformed].Detail = aws.String("{")
	}
	return r.API.PutEvents(ctx, in, opts...)
}

// A request that is too much together goes out in parts: nothing is set aside
// or waits, although no entry is too large.
func TestRequestTooLargeTogether(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Client = &refuses{API: opts.Client}
	for i := range 18 {
		w.produceValue(account(i), fmt.Sprintf("%s/%06d", account(i), i)+strings.Repeat("x", 100<<10))
	}
	p, _ := w.run(opts)
	w.awaitEvents(18)
	w.checkOnce(18)
	if got := p.Stats(); got.DeadLetters != 0 || got.Failed == 0 {
		t.Errorf("stats %+v, want a refused request and no dead letter", got)
	}
}

// One entry for which EventBridge refuses every request that it is in is set
// aside, and keeps no other back.
func TestEntryInvalidatesRequest(t *testing.T) {
	w := newWorld(t)
	opts := w.options()
	opts.Client = refusesText{opts.Client, "account-04/000013", validation("1 validation error detected: Value at 'entries.1.member.detail' failed to satisfy constraint")}
	w.produce(0, 45)
	p, _ := w.run(opts)
	w.awaitEvents(44)
	if got, want := w.deadLetters(1), eventbridge.ReasonRefused+" account-04/000013"; got[0] != want {
		t.Errorf("dead letter %q, want %q", got[0], want)
	}
	w.checkOnce(44)
	if got := p.Stats(); got.DeadLetters != 1 {
		t.Errorf("stats %+v", got)
	}
}

// A bus or a source that is not valid is no fault of the events: none is set aside.
func TestInvalidBusSetsNothingAside(t *testing.T) {
	for _, member := range []string{"eventBusName", "source"} {
		t.Run(member, func(t *testing.T) {
			w := newWorld(t)
			opts := w.options()
			opts.Client = refusesText{opts.Client, "", validation("1 validation error detected: Value 'a b' at 'entries.1.member." + member + "' failed to satisfy constraint")}
			w.produce(0, 1)
			p, _ := w.run(opts)
			w.await("a third try", func() bool { return p.Stats().Failed >= 3 })
			if got := p.Stats(); got.DeadLetters != 0 {
				t.Errorf("stats %+v", got)
			}
		})
	}
}

// refusesText fails every request with an entry that contains the text.
type refusesText struct {
	eventbridge.API
	text string
	err  error
}

func (r refusesText) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	for _, e := range in.Entries {
		if strings.Contains(*e.Detail, r.text) {
			return nil, r.err
		}
	}
	return r.API.PutEvents(ctx, in, opts...)
}

// A bus that does not exist is one line for each request, which names the
// configuration's key.
func TestMissingBusIsLoggedOncePerRequest(t *testing.T) {
	w := newWorld(t)
	var log logged.Text
	opts := w.options()
	opts.Bus = "absent"
	requests := &measures{API: opts.Client}
	opts.Client = requests
	opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	w.produce(0, 90)
	p, stop := w.run(opts)
	w.await("refused entries", func() bool { return p.Stats().Failed >= 20 })
	stop()
	if got, n := log.Count("check events.bus"), requests.requests; got != n || int64(n) >= p.Stats().Failed {
		t.Errorf("%d lines with the remedy for %d requests and %d refused entries", got, n, p.Stats().Failed)
	}
}

// whole writes letters with all that is in them.
type whole struct{ plain }

func (whole) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	return value.(*schemas.DeadLetter).AppendAvro(dst), nil
}

// A record of whatever size is one letter that Kafka takes, and the next record is
// published.
func TestOneLetterForWhateverIsTooLarge(t *testing.T) {
	w := newWorld(t)
	producer := fakekafka.Client(w.t, w.cluster, kgo.ProducerBatchMaxBytes(64<<20), kgo.MaxBufferedBytes(256<<20), kgo.ProducerBatchCompression(kgo.GzipCompression()))
	defer producer.Close()
	key := strings.Repeat("k", 800_000)
	for _, rec := range []*kgo.Record{
		{Key: []byte(key), Value: []byte("unmappable")},
		{Key: []byte(account(0)), Value: make([]byte, 3<<20)},
		{Key: []byte(account(0)), Value: []byte("unmappable"), Headers: []kgo.RecordHeader{{Key: key, Value: []byte(key)}}},
		{Key: []byte("\xff"), Value: []byte("unmappable")},
	} {
		rec.Topic = prefix + schemas.Orders
		if err := producer.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	w.produceValue(account(0), account(0)+"/1")
	opts := w.options()
	opts.Codec = whole{}
	w.run(opts)
	w.awaitEvents(1)
	for _, letter := range w.deadLetters(4) {
		if len(letter) > 200_000 {
			t.Errorf("a letter has %d bytes", len(letter))
		}
	}
}

// A batch that cannot be read is one letter that names its offsets, and what is
// behind it is published: the first that there ever was, in a partition that nothing
// was committed of, and later ones.
func TestOneLetterForABatchThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	partitioner, batch := kgo.StickyKeyPartitioner(nil).ForTopic(""), rawbatch.Zeros(account(0), 10, 4)
	bomb := func(key string) {
		partition := int32(partitioner.Partition(&kgo.Record{Key: []byte(key)}, partitions))
		if _, err := rawbatch.Produce(t.Context(), w.producer, prefix+schemas.Orders, partition, batch); err != nil {
			t.Fatal(err)
		}
	}
	bomb(account(0))
	w.produceValue(account(0), account(0)+"/1")
	bomb(account(0))
	w.produceValue(account(1), account(1)+"/1")
	bomb(account(1))
	w.produceValue(account(1), account(1)+"/2")
	w.produceValue(account(0), account(0)+"/2")
	opts := w.options()
	opts.Codec = whole{}
	_, stop := w.run(opts)
	w.awaitEvents(4)
	w.deadLetters(3)
	bomb(account(2))
	bomb(account(0))
	w.produceValue(account(2), account(2)+"/1")
	w.produceValue(account(0), account(0)+"/3")
	w.awaitEvents(6)
	for _, letter := range w.deadLetters(5) {
		if !strings.Contains(letter, "batch_unreadable") || len(letter) > 1000 {
			t.Errorf("a letter of %d bytes", len(letter))
		}
	}
	stop()
	w.checkOnce(6)
}
