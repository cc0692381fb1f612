package integration

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/schemas"
)

// movedPartitions is another number than that of the tests' pipelines.
const movedPartitions = 7

// elsewhere is the pipeline under another prefix, with another number of partitions; on
// the Kafka and registry that ELSEWHERE_BROKERS and ELSEWHERE_REGISTRY_URL name, if they do.
func (e *environment) elsewhere(t *testing.T) *environment {
	t.Helper()
	there := *e
	there.prefix = strings.TrimSuffix(e.prefix, ".") + "-moved."
	there.settings.Prefix, there.settings.Partitions = there.prefix, movedPartitions
	if brokers, url := os.Getenv("ELSEWHERE_BROKERS"), os.Getenv("ELSEWHERE_REGISTRY_URL"); brokers != "" && url != "" {
		there.brokers, there.registry = strings.Split(brokers, ","), url
		there.settings.Brokers, there.settings.Registry = there.brokers, url
	}
	t.Cleanup(func() { removeTopics(t, there.brokers, there.prefix) })
	codec, err := registry.New(t.Context(), registry.Config{
		Client: []sr.ClientOpt{sr.URLs(there.registry)}, Prefix: there.prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	there.codec = codec
	if there.config, err = there.settings.Write(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return &there
}

// TestStateGoesElsewhere stops a pipeline with quantities, orders and shipments under way,
// some of them not read, and has one with another prefix and number of partitions go on. By
// Amazon's ledger nothing is lost, doubled or throttled, and no event id stands for two.
func TestStateGoesElsewhere(t *testing.T) {
	e := newStockEnvironment(t, stockSpeed)
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	accounts := e.amazon.Accounts()
	p := e.start(t)
	watched, release := p.Watch(ctx)
	said := e.pack(watched, t, simulator.ShipmentScenario{Split: 0.4})
	half := len(said) / 2
	e.ship(watched, t, said[:half], false)
	simulatortest.Fault(t, e.amazon, simulator.Rule{Part: simulator.SPAPI, Operation: "getOrder", Action: simulator.Action{Status: 503}})
	for range 10 {
		e.order(t, accounts[0].ID)
	}
	plans := []simulator.InventoryPlan{e.supply(watched, t, simulator.InventoryScenario{
		Accounts: []string{accounts[0].ID, accounts[1].ID}, Updates: 4 * stockSKUs, SKUs: stockSKUs, Unknown: 2,
	})}
	e.follow(watched, t, schemas.FeedSubmissions, func(any) bool { return true })
	release()
	if err := p.Stop(grace); err != nil {
		t.Fatal(err)
	}
	e.ship(ctx, t, said[half:], false)
	plans = append(plans, e.supply(ctx, t, simulator.InventoryScenario{Accounts: []string{accounts[2].ID}, Updates: 2 * stockSKUs, SKUs: stockSKUs}))
	before := e.outcomesOf(ctx, t)
	e.amazon.Faults.Clear()

	moved := time.Now()
	there := e.elsewhere(t)
	file := filepath.Join(t.TempDir(), "state.gz")
	e.runs(ctx, t, "exported: entries", "state", "export", file, "--buyer-keys")
	there.runs(ctx, t, "created", "topics", "apply", "--yes")
	there.runs(ctx, t, "imported: entries", "state", "import", file)
	there.runs(ctx, t, "imported here before", "state", "import", file)
	p = there.start(t)
	watched, release = p.Watch(ctx)
	total := len(plans[0].Updates) + len(plans[1].Updates) + len(said)
	outcomes := before
	for len(outcomes) < total {
		select {
		case <-time.After(200 * time.Millisecond):
		case <-watched.Done():
			t.Fatalf("of %d updates and shipments %d have an outcome: %v", total, len(outcomes), context.Cause(watched))
		}
		outcomes = there.outcomesOf(watched, t, e)
	}
	there.awaitEmpty(watched, t)
	final := there.awaitFinalOf(watched, t, e)
	there.tap.await(watched, t, "every confirmation and order", func(events map[string][]event) bool {
		for _, id := range final {
			if len(events[id]) == 0 {
				return false
			}
		}
		return holds(countEvents(events), map[string]int{"ShipmentConfirmed": len(said)})
	})
	release()
	if err := p.Stop(grace); err != nil {
		t.Error(err)
	}
	if len(before) == 0 || len(before) == total {
		t.Errorf("%d of %d were done before: the test shows nothing", len(before), total)
	}
	there.checkMoved(ctx, t, e, plans, said)
	there.checkSentOnce(t, moved, e.exportedEvents(ctx, t, file))
	t.Logf("of %d updates and shipments %d were done before, and %d orders", total, len(before), len(final))
}

// eventsOf are all events of pipelines by id. One that stands in both is the same.
func (e *environment) eventsOf(ctx context.Context, t *testing.T, others ...*environment) map[string]any {
	t.Helper()
	found, texts := make(map[string]any), make(map[string]string)
	for _, env := range append(others, e) {
		here := make(map[string]bool)
		for _, topic := range []string{schemas.Orders, schemas.InventoryResults, schemas.ShipmentConfirmations, schemas.FeedSubmissions} {
			for _, value := range env.readAll(ctx, t, topic) {
				id, text := eventOf(t, value)
				if here[id] || texts[id] != "" && texts[id] != text {
					t.Errorf("id %s stands for\n%s\nand for\n%s", id, texts[id], text)
				}
				found[id], texts[id], here[id] = value, text, true
			}
		}
	}
	return found
}

// outcomesOf are the ids of the outcomes of updates and shipments, by what they are of.
func (e *environment) outcomesOf(ctx context.Context, t *testing.T, others ...*environment) map[string]string {
	t.Helper()
	outcomes := make(map[string]string)
	for id, value := range e.eventsOf(ctx, t, others...) {
		var of string
		switch v := value.(type) {
		case *schemas.InventoryResult:
			of = fmt.Sprint(v.Account, " ", v.UpdateID, " ", v.EventTime)
		case *schemas.ShipmentConfirmation:
			of = v.ShipmentID
		default:
			continue
		}
		if before, twice := outcomes[of]; twice && before != id {
			t.Errorf("%s has two outcomes, with the ids %s and %s", of, before, id)
		}
		outcomes[of] = id
	}
	return outcomes
}

// awaitFinalOf waits until the final state of every order stands on one of the topics, and
// returns the ids of those states.
func (e *environment) awaitFinalOf(ctx context.Context, t *testing.T, other *environment) []string {
	t.Helper()
	truth := e.amazon.Truth().Orders
	for {
		final := make(map[string]bool)
		var ids []string
		for id, value := range e.eventsOf(ctx, t, other) {
			if order, ok := value.(*schemas.Order); ok && isFinal(order, truth[order.OrderID]) {
				final[order.OrderID] = true
				ids = append(ids, id)
			}
		}
		if len(final) == len(truth) {
			return ids
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%d of %d orders are as they are at Amazon: %v", len(final), len(truth), context.Cause(ctx))
		}
	}
}

// checkMoved compares what Amazon has with what was said.
func (e *environment) checkMoved(ctx context.Context, t *testing.T, other *environment, plans []simulator.InventoryPlan, said []simulator.UpstreamShipment) {
	t.Helper()
	for _, plan := range plans {
		if wrong := e.amazon.WrongQuantities(plan); len(wrong) > 0 {
			t.Errorf("%d SKUs do not have their newest quantity, the first %+v", len(wrong), wrong[0])
		}
	}
	if truth := e.amazon.InventoryCounts(); truth.FeedsDouble != 0 || truth.Overlapping != 0 {
		t.Errorf("feeds that should not exist: %+v", truth)
	}
	if check := e.amazon.CheckShipments(said); check.Packages != len(said) || check.Wrong != 0 || check.Twice != 0 {
		t.Errorf("of %d packages Amazon has %+v", len(said), check)
	}
	for _, shipment := range e.amazon.World.Shipments() {
		if shipment.Confirmed != 1 {
			t.Errorf("a package was confirmed %d times: %+v", shipment.Confirmed, shipment)
		}
	}
	if n := e.amazon.Ledger.Throttled(); n != 0 {
		t.Errorf("Amazon throttled %d calls", n)
	}
	for _, env := range []*environment{other, e} {
		for _, value := range env.readAll(ctx, t, schemas.DeadLetters) {
			t.Errorf("a dead letter: %+v", value)
		}
	}
}

// exportedEvents are the ids of the events whose records an export holds: some role had not
// read them yet.
func (e *environment) exportedEvents(ctx context.Context, t *testing.T, name string) map[string]bool {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in, err := statefile.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	eventTopics := []string{
		schemas.Orders, schemas.InventoryResults, schemas.ShipmentConfirmations, schemas.FeedSubmissions, schemas.FeedResults, schemas.Alerts,
	}
	for {
		line, err := in.Next()
		if errors.Is(err, io.EOF) {
			return ids
		}
		if err != nil {
			t.Fatal(err)
		}
		if line.Record == nil || !slices.Contains(eventTopics, line.Record.Topic) {
			continue
		}
		value, err := e.codec.Decode(ctx, line.Record.Topic, line.Record.Value)
		if err != nil {
			t.Fatal(err)
		}
		id, _ := eventOf(t, value)
		ids[id] = true
	}
}

// checkSentOnce wants each event sent once. One whose record the export holds may have been
// sent before the move, and is sent after it.
func (e *environment) checkSentOnce(t *testing.T, moved time.Time, exported map[string]bool) {
	t.Helper()
	sent, unanswered := e.tap.seen()
	for id, times := range sent {
		for i, again := range times[1:] {
			carried := exported[id] && times[i].arrived.Before(moved) && again.arrived.After(moved)
			if !carried && !unanswered[id] || string(again.detail) != string(times[0].detail) {
				t.Errorf("event %s was sent again:\n%s\n%s", id, times[0].detail, again.detail)
			}
		}
	}
}
