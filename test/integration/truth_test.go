package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
)

// TestWhatAmazonShows is a warehouse's day on a real Kafka: quantities that are accepted and
// then seen, one that somebody changes at Amazon, cancellations and letters by feeds, while
// the answers to two createFeeds are lost. The outcomes must agree with Amazon.
func TestWhatAmazonShows(t *testing.T) {
	epoch := time.Now()
	e := newEnvironmentWith(t, simulator.Config{SKUs: 40, Clock: clock.NewScaled(epoch, stockSpeed), ListingNotifications: true}, process.Config{
		Timeout: 5 * time.Second, Speed: stockSpeed, Epoch: epoch, More: `
inventory: {apply_delay: 10s, show_delay: 10s, look_after: 1m, defaults: {fba: allow}}
shipments: {untracked: feed, apply_delay: 10s}
cancellations: {enabled: true, linger: 5s, apply_delay: 10s, show_delay: 10s}
`,
	})
	e.carryOn(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	account := e.amazon.Accounts()[0].ID
	p := e.start(t)
	ctx, release := p.Watch(ctx)
	said := e.pack(ctx, t, simulator.ShipmentScenario{})

	plan := e.supply(ctx, t, simulator.InventoryScenario{Accounts: []string{account}, Updates: 20, SKUs: 20})
	e.awaitSeen(ctx, t, plan)
	changed := plan.Updates[0]
	if err := e.amazon.Stock.SetByHand(account, changed.SKU, changed.Quantity+7); err != nil {
		t.Fatal(err)
	}

	simulatortest.Fault(t, e.amazon, simulator.Rule{Part: simulator.SPAPI, Operation: model.CreateFeed, Times: 2, Action: simulator.Action{LoseAnswer: true}})
	var letters, cancelled []simulator.UpstreamShipment
	for _, s := range said {
		switch {
		case s.Account != account:
		case len(letters) < 3:
			s.TrackingNumber = ""
			letters = append(letters, s)
		case len(cancelled) < 3:
			cancelled = append(cancelled, s)
		}
	}
	e.cancelOrders(ctx, t, cancelled)
	e.ship(ctx, t, letters, false)
	outcomes := e.readOutcomes(t)
	outcomes.await(ctx, t, len(letters))
	e.follow(ctx, t, schemas.CancellationResults, e.accepted(t, len(cancelled)))
	e.tap.await(ctx, t, "the drift and the cancellations", func(events map[string][]event) bool {
		return holds(countEvents(events), map[string]int{"QuantityDrift": 2, "CancellationAccepted": len(cancelled)}) // with its end
	})
	release()
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}

	if outcomes.counts["CONFIRMED"] != len(letters) {
		t.Errorf("of %d letters the outcomes are %v", len(letters), outcomes.counts)
	}
	for _, s := range cancelled {
		if now, _ := e.amazon.World.Order(s.OrderID); now.Status() != simulator.Cancelled {
			t.Errorf("order %s is %s", s.OrderID, now.Status())
		}
	}
	if rule := e.amazon.Faults.List()[0]; rule.Fired != 2 {
		t.Errorf("%d answers of createFeed were lost, want 2", rule.Fired)
	}
	for _, feed := range e.amazon.Feeds("") {
		if feed.Double != "" || feed.Overlaps {
			t.Errorf("a feed that should not exist: %+v", feed)
		}
	}
	if wrong := e.amazon.WrongQuantities(plan); len(wrong) > 0 {
		t.Errorf("%d SKUs do not have their newest quantity, the first %+v", len(wrong), wrong[0])
	}
	if n := e.amazon.Ledger.Throttled(); n != 0 {
		t.Errorf("Amazon throttled %d calls", n)
	}
	if letters := e.readAll(t.Context(), t, schemas.DeadLetters); len(letters) > 0 {
		t.Errorf("%d dead letters, the first %+v", len(letters), letters[0])
	}
}

// awaitSeen waits until each update is APPLIED, or superseded, and was ACCEPTED before at most once.
func (e *environment) awaitSeen(ctx context.Context, t *testing.T, plan simulator.InventoryPlan) {
	t.Helper()
	final, accepted := map[string]bool{}, map[string]bool{}
	e.follow(ctx, t, schemas.InventoryResults, func(value any) bool {
		r := value.(*schemas.InventoryResult)
		at := fmt.Sprint(r.SourcePartition, "/", r.SourceOffset)
		switch {
		case final[at]:
			t.Errorf("an outcome after the final one: %+v", r)
		case r.Outcome == "ACCEPTED" && accepted[at]:
			t.Errorf("accepted twice: %+v", r)
		case r.Outcome == "ACCEPTED":
			accepted[at] = true
		case r.Outcome == "APPLIED" || r.Outcome == "SUPERSEDED":
			final[at] = true
		default:
			t.Errorf("unexpected: %+v", r)
		}
		return len(final) == len(plan.Updates)
	})
	if len(accepted) == 0 {
		t.Error("nothing was ACCEPTED before it was APPLIED")
	}
}

// cancelOrders produces a cancellation of the whole order of each.
func (e *environment) cancelOrders(ctx context.Context, t *testing.T, said []simulator.UpstreamShipment) {
	t.Helper()
	var records []*kgo.Record
	for _, s := range said {
		value, err := e.codec.AppendEncode(nil, schemas.Cancellations, &schemas.Cancellation{
			CancellationID: "cancel " + s.OrderID, Account: s.Account, OrderID: s.OrderID, Reason: model.NoInventory, EventTime: e.now(), Source: "integration",
		})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &kgo.Record{Topic: e.prefix + schemas.Cancellations, Key: []byte(s.Account), Value: value})
	}
	e.produce(ctx, t, records...)
}

// accepted takes n outcomes of cancellations. Each must be ACCEPTED.
func (e *environment) accepted(t *testing.T, n int) func(value any) bool {
	return func(value any) bool {
		if r := value.(*schemas.CancellationResult); r.Outcome != "ACCEPTED" {
			t.Errorf("unexpected: %+v", r)
		}
		n--
		return n == 0
	}
}
