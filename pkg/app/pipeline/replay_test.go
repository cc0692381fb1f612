package pipeline

import (
	"context"
	"maps"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

// replayAll makes a running pipeline process all of an input topic again.
func (e *estate) replayAll(topic string) {
	e.t.Helper()
	opened, stop, err := OpenReplay(e.ctx, e.settings())
	if err != nil {
		e.t.Fatal(err)
	}
	defer stop()
	wire := schemas.DefaultPrefix + topic
	ranges, err := replay.Resolve(e.ctx, opened.Admin, wire, replay.Bound{}, replay.Bound{}, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	run := replay.NewRun("r", 1, ranges)
	journal := &replay.Journal{Admin: opened.Admin, Name: "r", Group: schemas.DefaultPrefix + "replay.r", Topic: wire}
	if err := journal.Begin(e.ctx, run); err != nil {
		e.t.Fatal(err)
	}
	c := opened.Copy(journal, run)
	c.Wants = func(_ context.Context, rec *kgo.Record) (*kgo.RecordHeader, error) {
		origin := schemas.Origin{Replay: run.ID(), Topic: topic, Partition: rec.Partition, Offset: rec.Offset, Timestamp: rec.Timestamp.UnixMilli()}
		return &kgo.RecordHeader{Key: schemas.ReplayHeader, Value: origin.Header()}, nil
	}
	if err := c.Do(e.ctx); err != nil {
		e.t.Fatal(err)
	}
}

func TestOnlyInputsOfOneProcessorHaveAReset(t *testing.T) {
	t.Parallel()
	got := make(map[string]string)
	for _, topic := range schemas.Topics() {
		if processor, ok := processorOf(topic.Name); ok {
			got[topic.Name] = processor
		}
	}
	want := map[string]string{
		schemas.OrderChanges: "orders", schemas.FeedNotifications: "feeds", schemas.Orders: "shipments", schemas.InventoryUpdates: "inventory",
		schemas.FeedSubmissions: "feeds", schemas.FeedResults: "inventory", schemas.Shipments: "shipments",
	}
	if !maps.Equal(got, want) {
		t.Errorf("the topics and processors %v, want %v", got, want)
	}
}

// TestReplayWaitsBehindNewWork replays more orders than there are tokens left. A
// new order is fetched before them, and Amazon has nothing to refuse.
func TestReplayWaitsBehindNewWork(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 1)
	account := e.sim.Accounts()[0].ID
	e.configure(account)
	e.run(nil)
	const orders = 28 // of the 29 calls that may come at once
	for range orders {
		e.order(account)
	}
	e.events(account, orders)
	e.replayAll(schemas.OrderChanges)
	getOrder := simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"}
	if _, err := e.sim.Ledger.Await(e.ctx, getOrder, orders+1); err != nil {
		t.Fatalf("nothing is fetched again: %v\n%s", err, e.log)
	}
	e.order(account)
	e.events(account, orders+1)
	if n := e.calls("getOrder", account); n >= 2*orders {
		t.Errorf("%d calls until the new order: the replay of %d went before it", n, orders)
	}
	e.end()
	if n := e.sim.Ledger.Throttled(); n != 0 {
		t.Errorf("Amazon had to refuse %d calls", n)
	}
	if events, _ := e.sim.Events(0); len(events) != orders+1 {
		t.Errorf("%d events, want %d: nothing has changed", len(events), orders+1)
	}
}
