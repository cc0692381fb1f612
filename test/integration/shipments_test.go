package integration

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	confirmShipment = "confirmShipment"
	// shippedOrders is how many orders are placed. Most can be shipped.
	shippedOrders = 40
)

// TestShipmentFlow takes shipments of every kind to Amazon and their outcomes back.
func TestShipmentFlow(t *testing.T) {
	e := newEnvironmentWith(t, simulator.Config{}, process.Config{More: "shipments: {carriers: {Velo Kurier: DPD Local}}\n"})
	e.carryOn(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := e.start(t)
	ctx, release := p.Watch(ctx)
	said := e.pack(ctx, t, simulator.ShipmentScenario{Split: 0.4, Partial: 0.2, Corrected: 0.3, Reordered: 0.3, Wrong: 0.2})
	outcomes := e.readOutcomes(t)
	for _, later := range []bool{false, true} { // a correction comes when Amazon has what it corrects
		e.ship(ctx, t, said, later)
		outcomes.await(ctx, t, e.shipments)
	}
	want := map[string]int{"ShipmentConfirmed": outcomes.counts["CONFIRMED"], "ShipmentRejected": outcomes.counts["REJECTED"]}
	e.tap.await(ctx, t, fmt.Sprint(want), func(events map[string][]event) bool { return holds(countEvents(events), want) })
	release()
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
	events, _ := e.tap.seen()
	for detailType, n := range countEvents(events) {
		if of, ours := want[detailType]; ours && n != of {
			t.Errorf("%d events %s, want %d", n, detailType, of)
		}
	}
	wrong := 0
	for _, s := range said {
		if s.Wrong {
			wrong++
		}
	}
	if got := outcomes.counts; got["REJECTED"] != wrong || got["SUPERSEDED"] == 0 || got["CONFIRMED"]+got["REJECTED"]+got["SUPERSEDED"] != len(said) {
		t.Errorf("of %d shipments, %d of them wrong, the outcomes are %v", len(said), wrong, got)
	}
	if check := e.amazon.CheckShipments(said); check.Packages == 0 || check.Wrong != 0 || check.Twice != 0 {
		t.Errorf("what Amazon has of the packages: %+v", check)
	}
	if n := e.amazon.Ledger.Throttled(); n != 0 {
		t.Errorf("Amazon throttled %d calls", n)
	}
	if letters := e.readAll(t.Context(), t, schemas.DeadLetters); len(letters) > 0 {
		t.Errorf("%d dead letters, the first %+v", len(letters), letters[0])
	}
	for _, shipment := range e.amazon.World.Shipments() {
		for _, parcel := range shipment.Parcels {
			if !slices.Contains([]string{"DHL-Paket", "DPD", "UPS", "Hermes", "DPD Local"}, parcel.CarrierCode) {
				t.Errorf("Amazon was told of the carrier %q, %q", parcel.CarrierCode, parcel.CarrierName)
			}
		}
	}
	t.Logf("%d shipments: %v", len(said), outcomes.counts)
}

// TestKilledBeforeAConfirmationIsAnswered kills the process when confirmShipment
// is under way, and corrects the package before another process takes over.
// Whether or not Amazon has carried it out: there is one package, and its newest
// tracking number is the last.
func TestKilledBeforeAConfirmationIsAnswered(t *testing.T) {
	for _, test := range []struct {
		name   string
		action simulator.Action
		made   int // confirmations that Amazon accepts
	}{
		{"applied", simulator.Action{Delay: 10 * time.Second}, 3},
		{"never arrived", simulator.Action{Delay: 10 * time.Second, Drop: true}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			// A correction waits for a call whose answer was lost, since Amazon may
			// carry that out late: some fifteen seconds here.
			e := newEnvironmentWith(t, simulator.Config{}, process.Config{Timeout: 5 * time.Second, More: "shipments: {apply_delay: 5s}\n"})
			e.carryOn(t)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			simulatortest.Fault(t, e.amazon, simulator.Rule{Part: simulator.SPAPI, Operation: confirmShipment, Times: 1, Action: test.action})
			p := e.start(t)
			watched, release := p.Watch(ctx)
			said := e.pack(watched, t, simulator.ShipmentScenario{Corrected: 1})[:2]
			e.ship(watched, t, said[:1], false)
			e.awaitFault(watched, t)
			release()
			p.Kill()
			// Amazon goes on with it, although nobody waits for the answer.
			if _, err := e.amazon.Ledger.Await(ctx, simulator.Filter{Part: simulator.SPAPI, Operation: confirmShipment}, 1); err != nil {
				t.Fatal(err)
			}
			e.ship(ctx, t, said[1:], true)

			p = e.start(t)
			watched, release = p.Watch(ctx)
			outcomes := e.readOutcomes(t)
			outcomes.await(watched, t, e.shipments)
			release()
			if err := p.Stop(time.Minute); err != nil {
				t.Errorf("stop the pipeline: %v", err)
			}
			shipments := e.amazon.World.Shipments()
			if len(shipments) != 1 || shipments[0].Confirmed != test.made || len(shipments[0].Parcels) != 2 {
				t.Fatalf("Amazon has %+v, want one package, confirmed %d times with 2 tracking numbers", shipments, test.made)
			}
			if last := shipments[0].Parcels[1].TrackingNumber; last != said[1].TrackingNumber {
				t.Errorf("the last tracking number is %s, want %s", last, said[1].TrackingNumber)
			}
			if outcomes.counts["CONFIRMED"] != 2 {
				t.Errorf("the outcomes are %v, want 2 CONFIRMED", outcomes.counts)
			}
		})
	}
}

// awaitFault waits until the fault that is scripted has met a call.
func (e *environment) awaitFault(ctx context.Context, t *testing.T) {
	t.Helper()
	for {
		if rules := e.amazon.Faults.List(); rules[0].Fired > 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no call met the fault: %v", context.Cause(ctx))
		case <-time.After(10 * time.Millisecond): // a fault tells nobody
		}
	}
}

// pack places orders, waits until the pipeline has them, and decides how they are
// shipped. What is said of one order stands together, and corrections follow.
func (e *environment) pack(ctx context.Context, t *testing.T, scenario simulator.ShipmentScenario) []simulator.UpstreamShipment {
	t.Helper()
	if err := e.amazon.Run(ctx, simulator.Scenario{Orders: shippedOrders, Changes: 1, SellerShips: 1}); err != nil {
		t.Fatal(err)
	}
	unshipped := 0
	for _, order := range e.amazon.Truth().Orders {
		if order.Status == simulator.Unshipped {
			unshipped++
		}
	}
	var said []simulator.UpstreamShipment
	reader, seen, positions := e.read(t, schemas.Orders), make(map[string]bool), make(map[int32]int64)
	for len(seen) < unshipped {
		for _, value := range reader.next(ctx, t, positions) {
			order := value.(*schemas.Order)
			if order.Status != string(simulator.Unshipped) || seen[order.OrderID] {
				continue
			}
			seen[order.OrderID] = true
			packed, err := e.amazon.Pack(scenario, order.OrderID)
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, packed...)
		}
	}
	return said
}

// ship produces what a warehouse says at once, or what it says later.
func (e *environment) ship(ctx context.Context, t *testing.T, said []simulator.UpstreamShipment, later bool) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	for _, s := range said {
		if s.Later != later {
			continue
		}
		e.shipments++
		shipment := &schemas.Shipment{
			ShipmentID: fmt.Sprintf("it-%d", e.shipments), Account: s.Account, OrderID: s.OrderID, PackageID: s.PackageID,
			CarrierName: s.Carrier, TrackingNumber: s.TrackingNumber, ShipTime: s.Time, EventTime: s.Time, Source: "integration",
		}
		for _, item := range s.Items {
			shipment.Items = append(shipment.Items, schemas.ShipmentItem{OrderItemID: item.OrderItemID, Quantity: int32(item.Quantity)})
		}
		value, err := e.codec.AppendEncode(nil, schemas.Shipments, shipment)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &kgo.Record{Topic: e.prefix + schemas.Shipments, Key: []byte(s.Account), Value: value})
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		t.Fatalf("produce a shipment: %v (%v)", err, context.Cause(ctx))
	}
}

// shipmentOutcomes is what stands on shipment-confirmations.
type shipmentOutcomes struct {
	reader    *reader
	positions map[int32]int64
	of        map[string]string // by shipmentId
	counts    map[string]int
}

func (e *environment) readOutcomes(t *testing.T) *shipmentOutcomes {
	t.Helper()
	return &shipmentOutcomes{e.read(t, schemas.ShipmentConfirmations), map[int32]int64{}, map[string]string{}, map[string]int{}}
}

// await waits until so many shipments have their outcome.
func (o *shipmentOutcomes) await(ctx context.Context, t *testing.T, n int) {
	t.Helper()
	for len(o.of) < n {
		for _, value := range o.reader.next(ctx, t, o.positions) {
			c := value.(*schemas.ShipmentConfirmation)
			if before := o.of[c.ShipmentID]; before != "" {
				t.Errorf("shipment %s has two outcomes, %s and %s", c.ShipmentID, before, c.Outcome)
			}
			o.of[c.ShipmentID] = c.Outcome
			o.counts[c.Outcome]++
		}
	}
}
