package demo

import (
	"context"
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
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// amazonShips is the share of orders that Amazon ships itself, and sellerShips that
	// of the others which the demo's warehouse ships.
	amazonShips, sellerShips = 0.5, 0.6
	// correctedAfter is when the warehouse corrects a tracking number, on the
	// demo's clock: the first one has gone to Amazon by then.
	correctedAfter = time.Minute
)

// shipping is how the warehouse ships, as untidily as warehouses do.
func shipping() simulator.ShipmentScenario {
	return simulator.ShipmentScenario{Split: 0.3, Partial: 0.1, Corrected: 0.2, Reordered: 0.3, Letters: 0.1, Wrong: 0.1}
}

// warehouse is a service that ships orders: a plain consumer of the topic orders
// and producer to the topic shipments, which shares nothing with the pipeline.
type warehouse struct {
	sim    *simulator.Simulator
	client *kgo.Client
	codec  *registry.Codec
	clock  clock.Clock
	prefix string

	mu      sync.Mutex
	packed  map[string]bool // orders
	said    []simulator.UpstreamShipment
	left    int // shipments that are said later
	failure error

	cancelled []string // ids of orders that were cancelled and not shipped
}

func newWarehouse(cfg config.Config, sim *simulator.Simulator, codec *registry.Codec, c clock.Clock) (*warehouse, error) {
	client, err := kclient.NewClient(readerOptions(cfg, schemas.Orders)...)
	if err != nil {
		return nil, err
	}
	return &warehouse{sim: sim, client: client, codec: codec, clock: c, prefix: cfg.Prefix, packed: map[string]bool{}}, nil
}

// run ships orders as they come, until ctx ends.
func (w *warehouse) run(ctx context.Context) {
	defer w.client.Close()
	var corrections sync.WaitGroup
	defer corrections.Wait()
	for {
		fetches := w.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		for _, e := range kclient.Errors(fetches) {
			w.fail(fmt.Errorf("the warehouse reads %s/%d: %w", e.Topic, e.Partition, e.Err))
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			later, err := w.take(ctx, rec)
			if err != nil {
				w.fail(fmt.Errorf("the warehouse: %w", err))
			}
			if len(later) > 0 {
				corrections.Go(func() { w.correct(ctx, later) })
			}
		})
	}
}

// take ships an order that is ready for it, and returns the records to produce about
// it later.
func (w *warehouse) take(ctx context.Context, rec *kgo.Record) ([]simulator.UpstreamShipment, error) {
	value, err := w.codec.Decode(ctx, strings.TrimPrefix(rec.Topic, w.prefix), rec.Value)
	if err != nil {
		return nil, err
	}
	order, ok := value.(*schemas.Order)
	if !ok || order.Status != string(simulator.Unshipped) {
		return nil, nil
	}
	if placed, ok := w.sim.World.Order(order.OrderID); !ok || !placed.SellerShips {
		return nil, nil // somebody else ships it
	}
	w.mu.Lock()
	known := w.packed[order.OrderID]
	w.packed[order.OrderID] = true
	missing := !known && len(w.packed)%everyMissing == 0
	w.mu.Unlock()
	switch {
	case known:
		return nil, nil
	case missing:
		return nil, w.cancel(ctx, order)
	}
	said, err := w.sim.Pack(shipping(), order.OrderID)
	if err != nil {
		return nil, err
	}
	first := 0
	for first < len(said) && !said[first].Later {
		first++
	}
	w.mu.Lock()
	w.left += len(said) - first
	w.mu.Unlock()
	return said[first:], w.say(ctx, said[:first])
}

func (w *warehouse) correct(ctx context.Context, later []simulator.UpstreamShipment) {
	if clock.Sleep(ctx, w.clock, correctedAfter) != nil {
		return
	}
	if err := w.say(ctx, later); err != nil {
		w.fail(fmt.Errorf("the warehouse: %w", err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left -= len(later)
}

// say produces shipments, in their order.
func (w *warehouse) say(ctx context.Context, shipments []simulator.UpstreamShipment) error {
	for _, s := range shipments {
		w.mu.Lock()
		w.said = append(w.said, s)
		id := fmt.Sprintf("demo-%06d", len(w.said))
		w.mu.Unlock()
		value, err := w.codec.AppendEncode(nil, schemas.Shipments, shipmentOf(id, s))
		if err != nil {
			return err
		}
		w.produce(ctx, &kgo.Record{Topic: w.prefix + schemas.Shipments, Key: []byte(s.Account), Value: value})
	}
	return nil
}

func (w *warehouse) produce(ctx context.Context, record *kgo.Record) {
	w.client.Produce(ctx, record, func(_ *kgo.Record, err error) {
		if err != nil && ctx.Err() == nil {
			w.fail(fmt.Errorf("the warehouse writes to %s: %w", record.Topic, err))
		}
	})
}

func shipmentOf(id string, s simulator.UpstreamShipment) *schemas.Shipment {
	shipment := &schemas.Shipment{
		ShipmentID: id, Account: s.Account, OrderID: s.OrderID, PackageID: s.PackageID, CarrierName: s.Carrier,
		TrackingNumber: s.TrackingNumber, ShipTime: s.Time, EventTime: s.Time, Source: "demo",
	}
	for _, item := range s.Items {
		shipment.Items = append(shipment.Items, schemas.ShipmentItem{OrderItemID: item.OrderItemID, Quantity: int32(item.Quantity)})
	}
	return shipment
}

func (w *warehouse) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failure = errors.Join(w.failure, err)
}

// shipped is what the warehouse has said so far.
type shipped struct {
	said   []simulator.UpstreamShipment
	packed map[string]bool // orders
	left   int             // shipments that are said later

	cancelled []string // ids of orders
}

func (w *warehouse) shipped() (shipped, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := shipped{said: append([]simulator.UpstreamShipment(nil), w.said...), packed: make(map[string]bool, len(w.packed)), left: w.left}
	for id := range w.packed {
		s.packed[id] = true
	}
	s.cancelled = append(s.cancelled, w.cancelled...)
	return s, w.failure
}

// shipments compares what is with what should be; o.mu is held.
func (o *observer) shipments(s shipped, truth simulator.Truth) Shipments {
	counts := o.ofShipments.counts
	r := Shipments{
		Requested: len(s.said), Confirmed: counts["CONFIRMED"], Rejected: counts["REJECTED"], Superseded: counts["SUPERSEDED"],
		Unresolved: len(s.said) - len(o.ofShipments.of), unsaid: s.left,
	}
	for id, order := range truth.Orders {
		if order.SellerShips && order.Status != simulator.Pending && !s.packed[id] {
			r.unsaid++
		}
	}
	for _, shipment := range s.said {
		if shipment.Wrong {
			r.wrong++
		}
		if shipment.TrackingNumber == "" {
			r.Letters++
		}
	}
	r.EventsMissing = max(0, r.Confirmed-o.detailTypes["ShipmentConfirmed"]) + max(0, r.Rejected-o.detailTypes["ShipmentRejected"])
	check := o.sim.CheckShipments(s.said)
	r.Packages, r.ConfirmedTwice = check.Packages, check.Twice
	if r.Unresolved == 0 {
		r.PackagesWrong = check.Wrong
	}
	return r
}
