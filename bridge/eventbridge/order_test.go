package eventbridge_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/schemas"
)

// hanging does not answer requests that hold a text, until it is let go.
type hanging struct {
	eventbridge.API
	text string
	free chan struct{}
}

func (h *hanging) PutEvents(ctx context.Context, in *awseventbridge.PutEventsInput, opts ...func(*awseventbridge.Options)) (*awseventbridge.PutEventsOutput, error) {
	for _, e := range in.Entries {
		if strings.Contains(*e.Detail, h.text) {
			select {
			case <-h.free:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	return h.API.PutEvents(ctx, in, opts...)
}

// An entry that hangs holds back its entity only, for as many events as there are, and the
// entries of its request until they go without it. Whoever takes over sends only
// what had no answer.
func TestAHangingEntryHoldsBackItsEntityOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newVirtualWorld(t, time.Millisecond)
		const events = 3000 // more than wait here of a partition
		for i := range events {
			w.producer.Produce(t.Context(), &kgo.Record{Topic: prefix + schemas.Orders, Key: []byte(account(0)), Value: fmt.Appendf(nil, "order-%04d/0", i)}, nil)
		}
		w.produceValue(account(0), "order-0003/1") // a later state
		opts := w.options()
		client := &hanging{API: opts.Client, text: "order-0003", free: make(chan struct{})}
		opts.Client = client
		opts.Kafka = []kgo.Opt{kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.Dialer(w.net.DialContext)}
		p, stop := w.run(opts)
		awaitPublished(p, events-1)
		stop()
		w.checkOnce(events - 1)

		offsets, err := kadm.NewClient(w.producer).FetchOffsets(t.Context(), prefix+"events")
		if err != nil {
			t.Fatal(err)
		}
		offsets.Each(func(o kadm.OffsetResponse) {
			if o.At > 0 && (o.At != 3 || !strings.Contains(o.Metadata, "done")) {
				t.Errorf("offset %d is committed with %q, want the hanging record's and what is done behind it", o.At, o.Metadata)
			}
		})
		close(client.free)
		p, stop = w.run(opts)
		awaitPublished(p, 2)
		stop()
		w.checkOnce(events + 1)
	})
}

// awaitPublished waits in virtual time.
func awaitPublished(p *eventbridge.Publisher, n int64) {
	for p.Stats().Published < n {
		time.Sleep(100 * time.Millisecond)
	}
}

// What stands beside an offset is nothing that a topic of the same name, made anew,
// or somebody who sets the group back to its beginning, can be hurt by.
func TestProgressOfAnotherLogSaysNothing(t *testing.T) {
	w := newWorld(t)
	number := w.produceValue(account(0), account(0)+"/000000")
	w.produce(1, 9)
	w.produceValue(account(0), account(0)+"/000009")
	admin := kadm.NewClient(w.producer)
	var offsets kadm.Offsets
	// An offset that this log does not have: the client begins at its start.
	offsets.Add(kadm.Offset{Topic: prefix + schemas.Orders, Partition: number, At: 1000, LeaderEpoch: -1, Metadata: `{"done":"AQoK"}`})
	if err := admin.CommitAllOffsets(t.Context(), prefix+"events", offsets); err != nil {
		t.Fatal(err)
	}
	w.run(w.options())
	w.awaitEvents(10)
	w.checkOnce(10)
}
