package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// state is one state of an order: what the simulator says is final, what the
// topic holds, and what EventBridge received are compared by it.
type state struct {
	status  string
	updated int64 // lastUpdatedTime in Unix milliseconds, which is what the schemas keep
}

// originRecovered is the origin of an order that only a search found.
const originRecovered = "RECOVERED"

// amazonFulfils is the code with which a quantity ends that Amazon's own stock must not get.
const amazonFulfils = "fulfilled_by_amazon"

type stateKey struct {
	account, order string
	state
}

// observer watches the outcome from outside the pipeline: a consumer of its
// own on the topics, and the simulator's record of what EventBridge received.
type observer struct {
	sim    *simulator.Simulator
	client *kgo.Client
	codec  *registry.Codec
	clock  clock.Clock // the pipeline's
	prefix string

	upstream *upstream // knows the quantities that Amazon should show

	mu              sync.Mutex          // guards what follow writes
	onTopic         map[stateKey]string // the origin of each state
	waits           waits
	ofStock         outcomes
	ofShipments     outcomes
	ofCancellations outcomes
	refused         int // quantities of SKUs that Amazon fulfils
	tampered        bool
	deadLetters     int
	failure         error

	onBus       map[stateKey]bool // only report reads and writes these
	eventIDs    map[string]int
	detailTypes map[string]int // events, repeats left out
	lastSeen    int64
}

func newObserver(cfg config.Config, sim *simulator.Simulator, codec *registry.Codec, c clock.Clock) (*observer, error) {
	client, err := kclient.NewClient(readerOptions(cfg, schemas.Orders, schemas.InventoryResults, schemas.ShipmentConfirmations, schemas.CancellationResults, schemas.DeadLetters)...)
	if err != nil {
		return nil, err
	}
	return &observer{
		sim: sim, client: client, codec: codec, clock: c, prefix: cfg.Prefix, waits: waits{took: map[string][]time.Duration{}},
		onTopic: map[stateKey]string{}, ofStock: newOutcomes(), ofShipments: newOutcomes(), ofCancellations: newOutcomes(),
		onBus: map[stateKey]bool{}, eventIDs: map[string]int{}, detailTypes: map[string]int{},
	}, nil
}

// readerOptions are those of a client that reads topics from their start.
func readerOptions(cfg config.Config, topics ...string) []kgo.Opt {
	names := make([]string, len(topics))
	for i, topic := range topics {
		names[i] = cfg.Prefix + topic
	}
	return []kgo.Opt{
		kgo.SeedBrokers(cfg.Kafka.Brokers...),
		kgo.ConsumeTopics(names...),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.MetadataMinAge(100 * time.Millisecond), // the topics may be about to be created
		kgo.UnknownTopicRetries(-1),
	}
}

// outcomes counts what a reader sees of the outcomes of a topic's records.
type outcomes struct {
	of     map[place]bool // records that have one
	counts map[string]int // by outcome
}

// place is where a record stands in its topic.
type place struct {
	partition int32
	offset    int64
}

func newOutcomes() outcomes { return outcomes{map[place]bool{}, map[string]int{}} }

func (o *outcomes) take(partition int32, offset int64, outcome string) {
	o.of[place{partition, offset}] = true
	o.counts[outcome]++
}

// follow reads the topics until ctx ends.
func (o *observer) follow(ctx context.Context) {
	defer o.client.Close()
	for {
		fetches := o.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		o.mu.Lock()
		for _, e := range kclient.Errors(fetches) {
			o.failure = errors.Join(o.failure, fmt.Errorf("read %s/%d: %w", e.Topic, e.Partition, e.Err))
		}
		fetches.EachRecord(func(rec *kgo.Record) { o.failure = errors.Join(o.failure, o.take(ctx, rec)) })
		o.mu.Unlock()
	}
}

func (o *observer) take(ctx context.Context, rec *kgo.Record) error {
	if rec.Topic == o.prefix+schemas.DeadLetters {
		o.deadLetters++
		return nil
	}
	value, err := o.codec.Decode(ctx, strings.TrimPrefix(rec.Topic, o.prefix), rec.Value)
	if err != nil {
		return fmt.Errorf("read %s/%d offset %d: %w", rec.Topic, rec.Partition, rec.Offset, err)
	}
	switch value := value.(type) {
	case *schemas.Order:
		o.onTopic[stateKey{value.Account, value.OrderID, state{value.Status, value.LastUpdatedTime.UnixMilli()}}] = value.Origin
		o.waits.take(o.clock, rec, value)
	case *schemas.InventoryResult:
		if value.Outcome != "ACCEPTED" { // the final one follows
			o.ofStock.take(value.SourcePartition, value.SourceOffset, value.Outcome)
		}
		if value.Code == amazonFulfils {
			o.refused++
		}
		return o.tamper(value)
	case *schemas.ShipmentConfirmation:
		o.ofShipments.take(value.SourcePartition, value.SourceOffset, value.Outcome)
	case *schemas.CancellationResult:
		o.ofCancellations.take(value.SourcePartition, value.SourceOffset, value.Outcome)
	default:
		return fmt.Errorf("%s/%d offset %d holds a %T", rec.Topic, rec.Partition, rec.Offset, value)
	}
	return nil
}

// takeEvents reads what EventBridge received since the last time.
func (o *observer) takeEvents() error {
	events, dropped := o.sim.Events(o.lastSeen)
	if dropped > 0 {
		return fmt.Errorf("the simulator no longer keeps %d events: the result cannot be told", dropped)
	}
	for _, event := range events {
		o.lastSeen = event.Sequence
		var detail struct {
			ID              string    `json:"id"`
			Account         string    `json:"account"`
			OrderID         string    `json:"orderId"`
			Status          string    `json:"status"`
			LastUpdatedTime time.Time `json:"lastUpdatedTime"`
		}
		if err := json.Unmarshal([]byte(event.Detail), &detail); err != nil || detail.ID == "" {
			return fmt.Errorf("EventBridge received a detail without an id, or that is not JSON: %.200s (%w)", event.Detail, err)
		}
		o.eventIDs[detail.ID]++
		if o.eventIDs[detail.ID] == 1 {
			o.detailTypes[event.DetailType]++
		}
		if detail.Status == "" {
			continue // not an order's state; events of other kinds are counted
		}
		o.onBus[stateKey{detail.Account, detail.OrderID, state{detail.Status, detail.LastUpdatedTime.UnixMilli()}}] = true
	}
	return nil
}

// report compares what is with what should be. plan is what upstream services
// say about stock, said what the warehouse says about shipments.
func (o *observer) report(plan simulator.InventoryPlan, said shipped) (Report, error) {
	if err := o.takeEvents(); err != nil {
		return Report{}, err
	}
	r := Report{SPAPI: SPAPI{Calls: map[string]int{}, Throttled: o.sim.Ledger.Throttled()}}
	for _, count := range o.sim.Ledger.Counts() {
		if count.Part == simulator.SPAPI {
			r.SPAPI.Calls[count.Operation] = count.Calls
		}
	}
	truth := o.sim.Truth()
	o.mu.Lock()
	defer o.mu.Unlock()
	r.DeadLetters = o.deadLetters
	r.Orders.Notifications, r.Orders.Distinct = truth.Notifications, len(truth.Orders)
	for id, order := range truth.Orders {
		o.follows(&r, id, order)
	}
	r.Orders.Lost = r.Orders.Distinct - r.Orders.Published
	for _, times := range o.eventIDs {
		if times > 1 {
			r.Orders.PublishedTwice++
		}
	}
	r.Waits = Waits{Merchant: o.waits.of(model.FulfilledByMerchant), Amazon: o.waits.of(model.FulfilledByAmazon)}
	r.Inventory = o.inventory(plan)
	r.Shipments = o.shipments(said, truth)
	r.Cancellations = o.cancellations(said)
	return r, o.failure
}

// follows counts how far the final state of an order has come; o.mu is held.
func (o *observer) follows(r *Report, id string, order simulator.OrderTruth) {
	final := stateKey{order.Account, id, state{string(order.Status), order.LastUpdatedTime.UnixMilli()}}
	origin, enriched := o.onTopic[final]
	if enriched {
		r.Orders.Enriched++
	}
	if o.onBus[final] {
		r.Orders.Published++
	}
	if order.NotifiedTime.Before(order.LastUpdatedTime) {
		r.Orders.Unnotified++
		if origin == originRecovered {
			r.Recovered++
		}
	}
}

// idle reports whether the queue is empty: nothing is on its way into the pipeline.
func (o *observer) idle() (bool, error) {
	queue, err := o.sim.Queue(simulator.DefaultQueue)
	if err != nil {
		return false, err
	}
	return queue.Visible == 0 && queue.InFlight == 0 && queue.Delayed == 0, nil
}
