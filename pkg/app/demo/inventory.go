package demo

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// waves is how many bursts the updates come in, as upstream services count
	// stock: the first at once, the last when three quarters of the time are over.
	waves = 4
	// stretch is the time of Amazon's over which the demo's business happens.
	stretch = 10 * time.Minute

	// The feed that takes long: the second of one account.
	slowQueued, slowProcessing = 2 * time.Minute, 3 * time.Minute
)

// maxSKUs is fewer than each simulated seller lists.
const maxSKUs = 1500

// skus is how many SKUs of each account change: each several times.
func skus(opts Options) int { return min(max(1, opts.Updates/opts.Accounts/5), maxSKUs) }

// stock is what upstream services say about quantities, as disorderly as the
// orders are: late, of SKUs that Amazon does not know, or that others manage.
func stock(opts Options) simulator.InventoryScenario {
	return simulator.InventoryScenario{
		Updates: opts.Updates, SKUs: skus(opts), Over: stretch, Waves: waves,
		Unknown: skus(opts) / 20, Excluded: skus(opts) / 20,
		Reordered: 0.1, Urgent: 0.02, SoldOut: 0.01,
	}
}

// slowFeed makes one feed of one account take minutes, while the others go on.
func slowFeed(sim *simulator.Simulator) error {
	accounts := sim.Accounts()
	_, err := sim.Faults.Add(simulator.Rule{
		Name: "slow-feed", Part: simulator.Processing, Account: accounts[len(accounts)/2].ID, Skip: 1, Times: 1,
		Action: simulator.Action{Feed: &simulator.FeedOutcome{Queued: slowQueued, Processing: slowProcessing}},
	})
	return err
}

// upstream is a service that knows quantities: a plain producer of Avro records
// that shares nothing with the pipeline.
type upstream struct {
	sim    *simulator.Simulator
	client *kgo.Client
	codec  *registry.Codec
	topic  string
	source string

	mu      sync.Mutex
	plan    simulator.InventoryPlan
	drifts  drift
	failure error
}

func newUpstream(cfg config.Config, sim *simulator.Simulator, codec *registry.Codec) (*upstream, error) {
	client, err := kclient.NewClient(kafka.Access{Config: cfg.Kafka}.Options()...)
	if err != nil {
		return nil, err
	}
	return &upstream{sim: sim, client: client, codec: codec, topic: cfg.Prefix + schemas.InventoryUpdates, source: "demo"}, nil
}

// run produces the updates of a scenario, each when it happens.
func (u *upstream) run(ctx context.Context, scenario simulator.InventoryScenario) error {
	if err := u.awaitTopic(ctx); err != nil {
		return err
	}
	plan, err := u.sim.PlanInventory(scenario)
	if err != nil {
		return err
	}
	u.mu.Lock()
	u.plan, u.drifts = plan, drifting(u.sim, plan, u.source)
	u.mu.Unlock()
	n := 0
	err = u.sim.Produce(ctx, plan, func(update simulator.InventoryUpdate) error {
		n++
		return u.produce(ctx, updateID(u.source, n-1), update)
	})
	if err := errors.Join(err, u.client.Flush(ctx)); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.failure
}

// awaitTopic waits until the pipeline has created the topic: the producer's own
// wait for it takes seconds, which are minutes on a fast clock.
func (u *upstream) awaitTopic(ctx context.Context) error {
	for {
		found, err := kadm.NewClient(u.client).ListTopics(ctx, u.topic)
		if err != nil {
			return err
		}
		if found.Has(u.topic) {
			return nil
		}
		if err := clock.Sleep(ctx, clock.Real{}, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

func (u *upstream) produce(ctx context.Context, id string, update simulator.InventoryUpdate) error {
	value, err := u.codec.AppendEncode(nil, schemas.InventoryUpdates, &schemas.InventoryUpdate{
		UpdateID: id, Account: update.Account, SKU: update.SKU, Quantity: int32(update.Quantity),
		EventTime: update.Time, Urgent: update.Urgent, Source: u.source,
	})
	if err != nil {
		return err
	}
	record := &kgo.Record{Topic: u.topic, Key: []byte(update.Account), Value: value}
	u.client.Produce(ctx, record, func(_ *kgo.Record, err error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.failure = errors.Join(u.failure, err)
	})
	return nil
}

// planned is what is produced, once that is decided.
func (u *upstream) planned() simulator.InventoryPlan {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.plan
}

// drift is the SKU whose quantity somebody changes at Amazon, once that is decided.
func (u *upstream) drift() drift {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.drifts
}

// inventory compares what is with what should be; o.mu is held.
func (o *observer) inventory(plan simulator.InventoryPlan) Inventory {
	truth := o.sim.InventoryCounts()
	counts := o.ofStock.counts
	i := Inventory{
		Updates: len(plan.Updates), Feeds: truth.Feeds, Patches: truth.Patches, FeedsDouble: truth.FeedsDouble,
		Applied: counts["APPLIED"], Rejected: counts["REJECTED"], Superseded: counts["SUPERSEDED"],
		AmazonFulfils: o.refused, Excluded: counts["EXCLUDED"], Failed: counts["FAILED"],
		Unresolved: len(plan.Updates) - len(o.ofStock.of),
	}
	for _, skus := range plan.Newest() {
		i.SKUs += len(skus)
	}
	i.EventsMissing = max(0, i.Rejected-o.detailTypes["InventoryRejected"]) +
		max(0, i.Failed-o.detailTypes["InventoryFailed"]) +
		max(0, 2*i.Feeds-o.detailTypes["FeedSubmitted"]-o.detailTypes["FeedCompleted"])
	if o.drifts(&i); i.Unresolved == 0 {
		i.QuantitiesWrong = len(o.sim.WrongQuantities(plan))
	}
	return i
}
