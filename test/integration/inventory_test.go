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
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	// stockSpeed is how fast the clock of these tests runs: Amazon's quotas of
	// feeds and its minutes then take seconds.
	stockSpeed = 20
	// stockSKUs are enough that a feed is worth while.
	stockSKUs = 120

	createFeed = "createFeed"
)

// newStockEnvironment is one in which an answer that was lost is looked for
// after some ten seconds. Its clock runs at the speed.
func newStockEnvironment(t *testing.T, speed float64) *environment {
	t.Helper()
	epoch := time.Now()
	e := newEnvironmentWith(t, simulator.Config{
		SKUs: 2 * stockSKUs, Clock: clock.NewScaled(epoch, speed),
	}, process.Config{
		Timeout: 5 * time.Second, Speed: speed, Epoch: epoch, More: `
inventory: {apply_delay: 10s, show_delay: 10s, seen_within: 0s, defaults: {fba: allow}}
feeds: {stuck_after: 2m}
`,
	})
	e.carryOn(t)
	return e
}

// TestStockFlow takes quantities to Amazon and their outcomes back, while one
// account's feed is stuck: the other accounts do not notice.
func TestStockFlow(t *testing.T) {
	e := newStockEnvironment(t, stockSpeed)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stuck := e.amazon.Accounts()[1].ID
	simulatortest.Fault(t, e.amazon, simulator.Rule{
		Part: simulator.Processing, Account: stuck, Times: 1,
		Action: simulator.Action{Feed: &simulator.FeedOutcome{Queued: 24 * time.Hour}},
	})
	p := e.start(t)
	ctx, release := p.Watch(ctx)
	plan := e.supply(ctx, t, simulator.InventoryScenario{
		Updates: 3 * 3 * stockSKUs, SKUs: stockSKUs, Unknown: 4, Over: time.Minute, Waves: 2, Reordered: 0.1, Urgent: 0.02,
	})
	results := e.awaitOutcomes(ctx, t, plan)
	rejected := e.checkStock(t, plan, results)
	want := map[string]int{
		"FeedSubmitted": len(e.amazon.Feeds("")), "FeedCompleted": len(e.amazon.Feeds("")), "FeedStuck": 1, "InventoryRejected": rejected,
	}
	e.tap.await(ctx, t, fmt.Sprint(want), func(events map[string][]event) bool {
		return holds(countEvents(events), want)
	})
	release()
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
	events, _ := e.tap.seen()
	if got := countEvents(events); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("events %v, want %v", got, want)
	}

	var told time.Time
	for _, value := range e.readAll(t.Context(), t, schemas.FeedResults) {
		if result, ok := value.(*schemas.FeedResult); ok && result.EventType == "FeedStuck" {
			told = result.DetectedTime
			if result.Account != stuck {
				t.Errorf("a feed of %s is stuck, not of %s", result.Account, stuck)
			}
		}
	}
	for _, result := range results {
		if result.Account != stuck && result.DecidedTime.After(told) {
			t.Errorf("an update of %s waited for the stuck feed of %s: %+v", result.Account, stuck, result)
		}
	}
	feeds := e.amazon.Feeds(stuck)
	if len(feeds) == 0 || feeds[0].Status != "CANCELLED" {
		t.Fatalf("the stuck feed was not cancelled: %+v", feeds)
	}
	// Its quantities go again, in a feed or in patches: checkStock has found each at
	// Amazon, where nothing else of it arrived.
	again := len(e.amazon.Ledger.Calls(simulator.Filter{Part: simulator.SPAPI, Operation: "patchListingsItem", Account: stuck}))
	for _, feed := range feeds[1:] {
		again += feed.Messages
	}
	if again < feeds[0].Messages {
		t.Errorf("of %d quantities in the stuck feed %d at most went again: %+v", feeds[0].Messages, again, feeds)
	}
	t.Logf("%d updates, %d feeds, %d rejected", len(plan.Updates), len(e.amazon.Feeds("")), rejected)
}

// TestKilledBetweenIntentAndAnswer kills the process when createFeed is under
// way: where Amazon has carried it out the feed is found and adopted, and where
// not it is sent again. Either way there is one.
func TestKilledBetweenIntentAndAnswer(t *testing.T) {
	for _, test := range []struct {
		name    string
		action  simulator.Action
		applied bool
	}{
		{"applied", simulator.Action{SlowBody: time.Hour}, true},
		{"never arrived", simulator.Action{Delay: 10 * time.Second, Drop: true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := newStockEnvironment(t, stockSpeed)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			simulatortest.Fault(t, e.amazon, simulator.Rule{Part: simulator.SPAPI, Operation: createFeed, Times: 1, Action: test.action})
			account := e.amazon.Accounts()[0].ID
			p := e.start(t)
			watched, release := p.Watch(ctx)
			plan := e.supply(watched, t, simulator.InventoryScenario{Accounts: []string{account}, Updates: stockSKUs, SKUs: stockSKUs})
			e.follow(watched, t, schemas.StateInventory, func(value any) bool {
				lane, ok := value.(*schemas.FeedLaneState)
				return ok && lane.Phase == "INTENT"
			})
			if test.applied {
				if _, err := e.amazon.Ledger.Await(watched, simulator.Filter{Part: simulator.SPAPI, Operation: createFeed}, 1); err != nil {
					t.Fatal(err)
				}
			}
			release()
			p.Kill()

			p = e.start(t)
			watched, release = p.Watch(ctx)
			e.checkStock(t, plan, e.awaitOutcomes(watched, t, plan))
			release()
			if err := p.Stop(time.Minute); err != nil {
				t.Errorf("stop the pipeline: %v", err)
			}
			if feeds := e.amazon.Feeds(account); len(feeds) != 1 {
				t.Errorf("there are %d feeds, want 1: %+v", len(feeds), feeds)
			}
			submissions := e.readAll(t.Context(), t, schemas.FeedSubmissions)
			if len(submissions) != 1 || submissions[0].(*schemas.FeedSubmission).Adopted != test.applied {
				t.Errorf("%d submissions, the first %+v; want 1, adopted: %v", len(submissions), submissions[0], test.applied)
			}
		})
	}
}

// supply produces what upstream services say, once the pipeline has made the topic.
func (e *environment) supply(ctx context.Context, t *testing.T, scenario simulator.InventoryScenario) simulator.InventoryPlan {
	t.Helper()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(e.brokers...), kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(100*time.Millisecond),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	plan, err := e.amazon.PlanInventory(scenario)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, len(plan.Updates))
	err = e.amazon.Produce(ctx, plan, func(u simulator.InventoryUpdate) error {
		value, err := e.codec.AppendEncode(nil, schemas.InventoryUpdates, &schemas.InventoryUpdate{
			UpdateID: fmt.Sprintf("%s/%d", u.SKU, u.Quantity), Account: u.Account, SKU: u.SKU, Quantity: int32(u.Quantity),
			EventTime: u.Time, Urgent: u.Urgent, Source: "integration",
		})
		if err != nil {
			return err
		}
		record := &kgo.Record{Topic: e.prefix + schemas.InventoryUpdates, Key: []byte(u.Account), Value: value}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) { failed <- err })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range plan.Updates {
		if err := <-failed; err != nil {
			t.Fatalf("produce an update: %v (%v)", err, context.Cause(ctx))
		}
	}
	return plan
}

// awaitOutcomes waits until every update has its outcome, and returns all that
// stand on the topic then.
func (e *environment) awaitOutcomes(ctx context.Context, t *testing.T, plan simulator.InventoryPlan) []*schemas.InventoryResult {
	t.Helper()
	seen := 0
	e.follow(ctx, t, schemas.InventoryResults, func(any) bool {
		seen++
		return seen == len(plan.Updates)
	})
	var results []*schemas.InventoryResult
	for _, value := range e.readAll(ctx, t, schemas.InventoryResults) { // a second outcome too
		results = append(results, value.(*schemas.InventoryResult))
	}
	return results
}

// checkStock compares the outcomes, and the quantities at Amazon, with what
// upstream said. It returns how many updates were rejected.
func (e *environment) checkStock(t *testing.T, plan simulator.InventoryPlan, results []*schemas.InventoryResult) (rejected int) {
	t.Helper()
	type position struct {
		partition int32
		offset    int64
	}
	outcomes := make(map[position]string)
	for _, result := range results {
		at := position{result.SourcePartition, result.SourceOffset}
		if outcomes[at] != "" {
			t.Errorf("update %+v has two outcomes, %s and %s", at, outcomes[at], result.Outcome)
		}
		outcomes[at] = result.Outcome
		switch result.Outcome {
		case "APPLIED", "SUPERSEDED":
		case "REJECTED":
			rejected++
		default:
			t.Errorf("unexpected: %+v", result)
		}
	}
	if len(outcomes) != len(plan.Updates) {
		t.Errorf("%d of %d updates have an outcome", len(outcomes), len(plan.Updates))
	}
	if wrong := e.amazon.WrongQuantities(plan); len(wrong) > 0 {
		t.Errorf("%d SKUs do not have their newest quantity, the first %+v", len(wrong), wrong[0])
	}
	if truth := e.amazon.InventoryCounts(); truth.FeedsDouble != 0 || truth.Overlapping != 0 {
		t.Errorf("feeds that should not exist: %+v", truth)
	}
	if n := e.amazon.Ledger.Throttled(); n != 0 {
		t.Errorf("Amazon throttled %d calls", n)
	}
	return rejected
}

// countEvents counts what was sent by detail-type, repeats included.
func countEvents(events map[string][]event) map[string]int {
	counts := make(map[string]int)
	for _, sent := range events {
		counts[sent[0].detailType] += len(sent)
	}
	return counts
}

// holds reports whether there are as many as wanted of each.
func holds(counts, want map[string]int) bool {
	for detailType, n := range want {
		if counts[detailType] < n {
			return false
		}
	}
	return true
}
