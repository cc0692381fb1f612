package scenario_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

// sellerShips plays a scenario whose orders are all left to their sellers, and
// lists those that can be shipped.
func sellerShips(a *simulatortest.Amazon, orders int) []simulator.Order {
	a.T.Helper()
	if err := a.Run(a.T.Context(), simulator.Scenario{Accounts: []string{simulatortest.German}, Orders: orders, Changes: 3, SellerShips: 1}); err != nil {
		a.T.Fatal(err)
	}
	var unshipped []simulator.Order
	for id, truth := range a.Truth().Orders {
		order, _ := a.World.Order(id)
		switch {
		case !truth.SellerShips:
			a.T.Errorf("order %s is not left to its seller", id)
		case truth.Status == simulator.Unshipped:
			unshipped = append(unshipped, order)
		case truth.Status != simulator.Pending:
			a.T.Errorf("the marketplace made order %s %s by itself", id, truth.Status)
		}
	}
	return unshipped
}

// say confirms shipments as they were said, with the package's own number as its
// reference.
func say(a *simulatortest.Amazon, said []simulator.UpstreamShipment, references map[string]string) {
	a.T.Helper()
	for _, s := range said {
		order, _ := a.World.Order(s.OrderID)
		body, err := json.Marshal(map[string]any{"marketplaceId": order.SalesChannel.MarketplaceID, "packageDetail": map[string]any{
			"packageReferenceId": references[s.PackageID], "carrierCode": "Other", "carrierName": s.Carrier,
			"trackingNumber": s.TrackingNumber, "shipDate": s.Time, "orderItems": s.Items,
		}})
		if err != nil {
			a.T.Fatal(err)
		}
		status := http.StatusNoContent
		if s.Wrong {
			status = http.StatusBadRequest
		}
		a.Confirm(a.Token(simulatortest.SellerToken(1)), s.OrderID, string(body), status)
	}
}

// TestWarehousesShipInEveryWay packs orders in each of the ways of a scenario.
func TestWarehousesShipInEveryWay(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	orders := sellerShips(a, 60)
	pack := func(sc simulator.ShipmentScenario, order simulator.Order) (packages, units int, said []simulator.UpstreamShipment) {
		said, err := a.Pack(sc, order.OrderID)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range said {
			if s.Later || s.Wrong {
				continue
			}
			packages++
			for _, item := range s.Items {
				units += item.Quantity
			}
		}
		return packages, units, said
	}
	for _, order := range orders {
		ordered := 0
		for _, item := range order.Items {
			ordered += item.Quantity
		}
		several := min(2, ordered)
		if packages, units, said := pack(simulator.ShipmentScenario{}, order); packages != 1 || units != ordered || len(said) != 1 {
			t.Errorf("%d of %d units are shipped in %d packages: %+v", units, ordered, packages, said)
		}
		if packages, units, _ := pack(simulator.ShipmentScenario{Split: 1}, order); packages != several || units != ordered {
			t.Errorf("split: %d of %d units are shipped in %d packages", units, ordered, packages)
		}
		if _, units, _ := pack(simulator.ShipmentScenario{Partial: 1}, order); units != max(1, ordered-1) {
			t.Errorf("in part: %d of %d units are shipped", units, ordered)
		}
		if _, _, said := pack(simulator.ShipmentScenario{Corrected: 1}, order); len(said) != 2 || !said[1].Later || !said[1].Time.After(said[0].Time) || said[1].PackageID != said[0].PackageID {
			t.Errorf("corrected: %+v", said)
		}
		if _, _, said := pack(simulator.ShipmentScenario{Corrected: 1, Reordered: 1}, order); len(said) != 2 || !said[1].Later || !said[0].Time.After(said[1].Time) {
			t.Errorf("corrected before: %+v", said)
		}
		if packages, _, said := pack(simulator.ShipmentScenario{Wrong: 1}, order); packages != 1 || len(said) != 2 || !said[1].Wrong {
			t.Errorf("wrong: %+v", said)
		}
	}
	if _, err := a.Pack(simulator.ShipmentScenario{}, "202-0000000-0000000"); err == nil {
		t.Error("an order that does not exist was packed")
	}
}

// TestShipmentsAreChecked spoils what was confirmed in each way that is looked for.
func TestShipmentsAreChecked(t *testing.T) {
	t.Parallel()
	everything := simulator.ShipmentScenario{Split: 1, Partial: 0.5, Corrected: 1, Wrong: 1}
	for name, test := range map[string]struct {
		spoil func(a *simulatortest.Amazon, said []simulator.UpstreamShipment, references map[string]string)
		want  simulator.ShipmentCheck
	}{
		"as it should be": {func(a *simulatortest.Amazon, said []simulator.UpstreamShipment, references map[string]string) {
			say(a, said, references)
		}, simulator.ShipmentCheck{Packages: 2}},
		"an old tracking number came back": {func(a *simulatortest.Amazon, said []simulator.UpstreamShipment, references map[string]string) {
			say(a, append(said, said[0]), references)
		}, simulator.ShipmentCheck{Packages: 2, Wrong: 1}},
		"a package is missing": {func(a *simulatortest.Amazon, said []simulator.UpstreamShipment, references map[string]string) {
			say(a, said[1:2], references)
		}, simulator.ShipmentCheck{Packages: 2, Wrong: 2}},
		"a confirmation was repeated": {func(a *simulatortest.Amazon, said []simulator.UpstreamShipment, references map[string]string) {
			say(a, append(said, said[len(said)-1]), references)
		}, simulator.ShipmentCheck{Packages: 2, Twice: 1}},
		"a package came into being twice": {func(a *simulatortest.Amazon, said []simulator.UpstreamShipment, references map[string]string) {
			half := said[0] // as it fits beside itself
			half.Items = []simulator.Units{{OrderItemID: half.Items[0].OrderItemID, Quantity: 1}}
			say(a, []simulator.UpstreamShipment{half}, references)
			references[half.PackageID] = "99"
			say(a, []simulator.UpstreamShipment{half}, references)
		}, simulator.ShipmentCheck{Packages: 1, Twice: 1}},
	} {
		a := simulatortest.Start(t, nil)
		var order simulator.Order
		for order.OrderID == "" {
			for _, o := range sellerShips(a, 30) {
				if o.Items[0].Quantity > 2 {
					order = o
				}
			}
		}
		said, err := a.Pack(everything, order.OrderID)
		if err != nil {
			t.Fatal(err)
		}
		references := map[string]string{said[0].PackageID: "11", said[1].PackageID: "12", said[2].PackageID: "13"}
		test.spoil(a, said, references)
		if name == "a package came into being twice" {
			said = said[:1]
			said[0].Items = []simulator.Units{{OrderItemID: said[0].Items[0].OrderItemID, Quantity: 1}}
		}
		if got := a.CheckShipments(said); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}
