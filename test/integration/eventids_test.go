package integration

import (
	"context"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

// eventIDs are the events seen, by id.
type eventIDs map[string]string

// collect takes every event on the environment's topics. An id that was seen
// before is only right for the same state of an order.
func (ids eventIDs) collect(ctx context.Context, t *testing.T, e *environment, when string) {
	t.Helper()
	kinds := make(map[string]int)
	for _, topic := range schemas.EventTopics() {
		for _, value := range e.readAll(ctx, t, topic) {
			if _, part := value.(*schemas.FeedIssues); part { // of a FeedResult, and no event
				continue
			}
			id, content := eventOf(t, value)
			kinds[topic]++
			before, seen := ids[id]
			if _, order := value.(*schemas.Order); seen && (!order || before != content) {
				t.Errorf("%s: id %s stands for\n%s\nand for\n%s", when, id, before, content)
			}
			ids[id] = content
		}
	}
	t.Logf("%s: %v", when, kinds)
	for _, topic := range []string{schemas.Orders, schemas.InventoryResults, schemas.ShipmentConfirmations, schemas.FeedSubmissions, schemas.FeedResults} {
		if kinds[topic] == 0 {
			t.Errorf("%s: no events on %s", when, topic)
		}
	}
}

// eventOf is the id of a record that can be an event, and the record as text.
// Outcomes that EventBridge does not get have ids too.
func eventOf(t *testing.T, value any) (id, content string) {
	t.Helper()
	if order, ok := value.(*schemas.Order); ok { // how we came to the state is no part of it
		state := *order
		state.Origin, state.Replaces = "", ""
		value = &state
	}
	text, err := schemas.AppendJSON(nil, value)
	if err != nil {
		t.Fatal(err)
	}
	switch v := value.(type) {
	case *schemas.Order:
		id = v.EventID
	case *schemas.InventoryResult:
		id = v.EventID
	case *schemas.ShipmentConfirmation:
		id = v.EventID
	case *schemas.FeedSubmission:
		id = v.EventID
	case *schemas.FeedResult:
		id = v.EventID
	case *schemas.Alert:
		id = v.EventID
	default:
		t.Fatalf("a %T is on a topic of events", value)
	}
	return id, string(text)
}

// business sends quantities and shipments through a pipeline that runs, and waits
// for their outcomes.
func (e *environment) business(ctx context.Context, t *testing.T) {
	t.Helper()
	plan := e.supply(ctx, t, simulator.InventoryScenario{Updates: 3 * stockSKUs, SKUs: stockSKUs, Unknown: 1})
	e.ship(ctx, t, e.pack(ctx, t, simulator.ShipmentScenario{Corrected: 0.2}), false)
	e.awaitRecords(ctx, t, schemas.InventoryResults, len(plan.Updates))
	e.awaitRecords(ctx, t, schemas.ShipmentConfirmations, e.shipments)
}

// awaitRecords waits until a topic has n records.
func (e *environment) awaitRecords(ctx context.Context, t *testing.T, topic string, n int) {
	t.Helper()
	has := 0
	e.follow(ctx, t, topic, func(any) bool {
		has++
		return has == n
	})
}

// TestEventIDsAreUnique collects the ids of whole runs: of one pipeline, after a
// replay of its inputs, after all its topics were made anew, so that every offset
// comes again, and of a pipeline with another prefix.
func TestEventIDsAreUnique(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ids := make(eventIDs)
	e := newStockEnvironment(t, stockSpeed)
	p := e.start(t)
	watched, release := p.Watch(ctx)
	e.business(watched, t)
	outcomes := len(e.readAll(watched, t, schemas.InventoryResults))
	shipped := len(e.readAll(watched, t, schemas.ShipmentConfirmations))
	for _, topic := range []string{schemas.InventoryUpdates, schemas.Shipments} {
		e.runs(watched, t, "has taken all in", "replay", "--yes", "--effects", "--topic", topic, "--wait")
	}
	e.awaitRecords(watched, t, schemas.InventoryResults, 2*outcomes)
	e.awaitRecords(watched, t, schemas.ShipmentConfirmations, 2*shipped)
	release()
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
	ids.collect(ctx, t, e, "after a replay")

	removeTopics(t, e.brokers, e.prefix)
	e.shipments = 0
	ids.run(ctx, t, e, "with topics made anew")
	ids.run(ctx, t, newStockEnvironment(t, stockSpeed), "under another prefix")
}

// run is a whole run of a pipeline whose topics are not there.
func (ids eventIDs) run(ctx context.Context, t *testing.T, e *environment, when string) {
	t.Helper()
	p := e.start(t)
	watched, release := p.Watch(ctx)
	e.business(watched, t)
	release()
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
	ids.collect(ctx, t, e, when)
}
