package scenario

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// ShipmentScenario is how warehouses ship orders. It only decides: whoever asked
// produces the shipments. Shares are between 0 and 1.
type ShipmentScenario struct {
	Split     float64 // share of orders that go in two packages
	Partial   float64 // share of orders that leave a unit behind
	Corrected float64 // share of packages whose tracking number is corrected later
	Reordered float64 // share of those whose correction comes before what it corrects
	Letters   float64 // share of those in one uncorrected package that have no tracking number
	Wrong     float64 // share of orders with one more package, of units that were not ordered
}

// UpstreamShipment is what a warehouse says about one package.
type UpstreamShipment struct {
	Account        string        `json:"account"`
	OrderID        string        `json:"orderId"`
	PackageID      string        `json:"packageId"`
	Carrier        string        `json:"carrier"` // as the warehouse calls it
	TrackingNumber string        `json:"trackingNumber"`
	Items          []world.Units `json:"items"`
	Time           time.Time     `json:"time"`            // when it was known upstream; unique within a package
	Later          bool          `json:"later,omitempty"` // it is to be produced after the others, when those have been confirmed
	Wrong          bool          `json:"wrong,omitempty"` // the order does not have these items, or not so many
}

// Pack decides how a warehouse ships an order: the same for the same order. What
// it says comes in the order in which it is to be produced.
func (p *Player) Pack(sc ShipmentScenario, orderID string) ([]UpstreamShipment, error) {
	account, order, ok := p.world.Owned(orderID)
	if !ok {
		return nil, fmt.Errorf("shipment scenario: no order %s", orderID)
	}
	hash := fnv.New64a()
	hash.Write([]byte(orderID))
	w := &packing{
		scenario: sc, random: p.seed.Stream(chance.Stream(hash.Sum64())),
		now: p.clock.Now().UTC().Truncate(time.Millisecond), account: account.ID, order: order,
	}
	units := unitsOf(&order)
	if len(units) > 1 && chance.Happens(w.random, sc.Partial) {
		units = units[:len(units)-1]
	}
	if len(units) > 1 && chance.Happens(w.random, sc.Split) {
		at := 1 + w.random.IntN(len(units)-1)
		w.ship(units[:at])
		units = units[at:]
	}
	w.ship(units)
	if chance.Happens(w.random, sc.Wrong) {
		w.wrong()
	}
	said := append(w.first, w.later...)
	if len(said) == 1 && chance.Happens(w.random, sc.Letters) {
		said[0].TrackingNumber = ""
	}
	return said, nil
}

// unitsOf are the ids of an order's items, each as often as it was ordered.
func unitsOf(o *world.Order) []string {
	var units []string
	for _, item := range o.Items {
		for range item.Quantity {
			units = append(units, item.OrderItemID)
		}
	}
	return units
}

// packing is an order while a warehouse packs it.
type packing struct {
	scenario     ShipmentScenario
	random       *rand.Rand
	now          time.Time
	account      string
	order        world.Order
	packages     int
	first, later []UpstreamShipment
}

// upstreamCarriers are names as people write them; the last is of no carrier that
// Amazon knows.
func upstreamCarriers() []string {
	return []string{"DHL Paket", "dpd", "UPS", "Hermes", "Velo Kurier"}
}

// pack puts units into the next package.
func (p *packing) pack(units []string) UpstreamShipment {
	p.packages++
	return UpstreamShipment{
		Account: p.account, OrderID: p.order.OrderID, PackageID: fmt.Sprintf("%s-%d", p.order.OrderID, p.packages),
		Carrier: upstreamCarriers()[p.random.IntN(len(upstreamCarriers()))], TrackingNumber: p.tracking(),
		Items: countUnits(units), Time: p.now.Add(-time.Millisecond),
	}
}

// ship says that units have gone, in one package, and perhaps corrects it.
func (p *packing) ship(units []string) {
	s := p.pack(units)
	if !chance.Happens(p.random, p.scenario.Corrected) {
		p.first = append(p.first, s)
		return
	}
	correction := s
	correction.TrackingNumber, correction.Time = p.tracking(), p.now
	if chance.Happens(p.random, p.scenario.Reordered) {
		s, correction = correction, s
	}
	correction.Later = true
	p.first, p.later = append(p.first, s), append(p.later, correction)
}

// wrong adds a package of an item that the order does not have, or of more units
// than it has.
func (p *packing) wrong() {
	s := p.pack([]string{"00000000000000"})
	s.Wrong = true
	if p.random.IntN(2) == 0 {
		s.Items = []world.Units{{OrderItemID: p.order.Items[0].OrderItemID, Quantity: p.order.Items[0].Quantity + 1}}
	}
	p.first = append(p.first, s)
}

func (p *packing) tracking() string {
	return fmt.Sprintf("TRK%012d", p.random.Int64N(1_000_000_000_000))
}

func countUnits(units []string) []world.Units {
	var counted []world.Units
	for _, id := range units {
		if n := len(counted); n > 0 && counted[n-1].OrderItemID == id {
			counted[n-1].Quantity++
		} else {
			counted = append(counted, world.Units{OrderItemID: id, Quantity: 1})
		}
	}
	return counted
}

// ShipmentCheck compares what was confirmed with what warehouses said.
type ShipmentCheck struct {
	Packages int `json:"packages"` // that Amazon should have
	Wrong    int `json:"wrong"`    // of those, not there, or not as they were last said to be
	Twice    int `json:"twice"`    // packages that Amazon has besides, and confirmations that said nothing new
}

// CheckShipments compares the confirmed packages with shipments that warehouses
// produced, once all of it is settled. Orders that were not shipped so are not
// looked at.
func (p *Player) CheckShipments(said []UpstreamShipment) ShipmentCheck {
	newest := make(map[string]map[string]UpstreamShipment) // order → package
	for _, u := range said {
		packages := newest[u.OrderID]
		if packages == nil {
			packages = make(map[string]UpstreamShipment)
			newest[u.OrderID] = packages
		}
		if old, ok := packages[u.PackageID]; !u.Wrong && (!ok || u.Time.After(old.Time)) {
			packages[u.PackageID] = u
		}
	}
	var check ShipmentCheck
	shown := make(map[string]map[string]world.Parcel) // order → tracking number
	found := make(map[string]int)                     // packages of each order
	for _, confirmed := range p.world.Shipments() {
		id := confirmed.OrderID
		if newest[id] == nil {
			continue
		}
		if shown[id] == nil {
			shown[id] = make(map[string]world.Parcel)
		}
		last := confirmed.Parcels[len(confirmed.Parcels)-1]
		shown[id][last.TrackingNumber] = last
		found[id]++
		check.Twice += confirmed.Confirmed - len(confirmed.Parcels)
	}
	for id, packages := range newest {
		check.Packages += len(packages)
		check.Twice += max(0, found[id]-len(packages))
		for _, u := range packages {
			if last, ok := shown[id][u.TrackingNumber]; !ok || !slices.Equal(last.Items, u.Items) {
				check.Wrong++
			}
		}
	}
	return check
}
