package spapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/property"
)

const notFulfilled = "not finding a matching package or order already fulfilled"

// unshipped places orders until one is UNSHIPPED and has so many items of more
// than one unit.
func unshipped(a *simulatortest.Amazon, items int) simulator.Order {
	a.T.Helper()
	for {
		order, _ := a.World.Order(a.Order(simulatortest.German))
		if order.Status() == simulator.Unshipped && len(order.Items) == items && order.Items[0].Quantity > 1 {
			return order
		}
	}
}

// parcel is a confirmShipment body with these item ids and quantities.
func parcel(reference, tracking string, items ...any) string {
	var list []string
	for i := 0; i < len(items); i += 2 {
		list = append(list, fmt.Sprintf(`{"orderItemId":%q,"quantity":%v}`, items[i], items[i+1]))
	}
	return fmt.Sprintf(`{"marketplaceId":%q,"packageDetail":{"packageReferenceId":%q,"carrierCode":"DHL","trackingNumber":%q,`+
		`"shipDate":"2026-09-01T12:00:00Z","orderItems":[%s]}}`, simulatortest.Germany, reference, tracking, strings.Join(list, ","))
}

func TestConfirmShipment(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	token, order := a.Token(simulatortest.SellerToken(1)), unshipped(a, 2)
	first, second := order.Items[0], order.Items[1]
	id := order.OrderID
	status := func(want simulator.Status) {
		t.Helper()
		if now, _ := a.World.Order(id); now.Status() != want {
			t.Errorf("the order is %s, want %s", now.Status(), want)
		}
	}
	// Part of one item, then its tracking number is corrected, twice with the same.
	a.Confirm(token, id, parcel("7", "A", first.OrderItemID, 1), http.StatusNoContent)
	status(simulator.PartiallyShipped)
	a.Confirm(token, id, parcel("7", "B", first.OrderItemID, 1), http.StatusNoContent)
	a.Confirm(token, id, parcel("7", "B", first.OrderItemID, 1), http.StatusNoContent)
	// The rest in another package.
	a.Confirm(token, id, parcel("8", "C", first.OrderItemID, first.Quantity-1, second.OrderItemID, second.Quantity), http.StatusNoContent)
	status(simulator.Shipped)
	if body := a.Confirm(token, id, parcel("9", "D", first.OrderItemID, 1), http.StatusBadRequest); !strings.Contains(body, notFulfilled) || !strings.Contains(body, "PackageToUpdateNotFound") {
		t.Errorf("one package too many: %s", body)
	}
	a.Confirm(token, id, parcel("8", "E", first.OrderItemID, first.Quantity-1, second.OrderItemID, second.Quantity), http.StatusNoContent)
	// An edit can take units out again.
	a.Confirm(token, id, parcel("8", "E", second.OrderItemID, second.Quantity), http.StatusNoContent)
	status(simulator.PartiallyShipped)

	shipments := a.World.Shipments()
	if len(shipments) != 2 || shipments[0].Confirmed != 3 || shipments[1].Confirmed != 3 {
		t.Fatalf("%+v", shipments)
	}
	var trackings []string
	for _, s := range shipments {
		for _, p := range s.Parcels {
			trackings = append(trackings, s.PackageReferenceID+p.TrackingNumber)
		}
	}
	if got := strings.Join(trackings, " "); got != "7A 7B 8C 8E 8E" {
		t.Errorf("confirmed %s", got)
	}
	got := a.Get(model.Europe, token, simulatortest.OrdersPath+"/"+id+"?includedData=PACKAGES,FULFILLMENT").Body
	if strings.Count(got, `"packageReferenceId"`) != 2 || !strings.Contains(got, `"trackingNumber":"B"`) || !strings.Contains(got, `"carrier":"DHL"`) {
		t.Errorf("getOrder: %s", got)
	}
	if lines := a.Ask(http.MethodGet, "shipments", "").Body; strings.Count(lines, "\n") != 2 || !strings.Contains(lines, `"confirmed":3`) {
		t.Errorf("admin: %s", lines)
	}
}

func TestConfirmShipmentRefuses(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	token, order := a.Token(simulatortest.SellerToken(1)), unshipped(a, 1)
	item, units := order.Items[0].OrderItemID, order.Items[0].Quantity
	good := parcel("1", "A", item, 1)
	for name, body := range map[string]string{
		"no JSON":                   `{`,
		"no package":                `{"marketplaceId":"A1PA6795UKMFR9"}`,
		"no marketplace":            strings.Replace(good, simulatortest.Germany, "", 1),
		"another marketplace":       strings.Replace(good, simulatortest.Germany, "A1F83G8C2ARO7P", 1),
		"a number as reference":     strings.Replace(good, `"packageReferenceId":"1"`, `"packageReferenceId":1`, 1),
		"letters in the reference":  parcel("1a", "A", item, 1),
		"zero as reference":         parcel("00", "A", item, 1),
		"no reference":              parcel("", "A", item, 1),
		"no carrier":                strings.Replace(good, `"DHL"`, `""`, 1),
		"a carrier of no list":      strings.Replace(good, `"DHL"`, `"VELO"`, 1),
		"a code in another case":    strings.Replace(good, `"DHL"`, `"dhl"`, 1),
		"another carrier, unnamed":  strings.Replace(good, `"DHL"`, `"Other"`, 1),
		"no tracking":               parcel("1", "", item, 1),
		"a date that is none":       strings.Replace(good, "2026-09-01T12:00:00Z", "02/21/2022", 1),
		"no items":                  parcel("1", "A"),
		"an item of another order":  parcel("1", "A", "12345", 1),
		"no units":                  parcel("1", "A", item, 0),
		"too many units":            parcel("1", "A", item, units+1),
		"too many units in two":     parcel("1", "A", item, units, item, 1),
		"a quantity in quotes":      parcel("1", "A", item, `"1"`),
		"a field that is not there": strings.Replace(good, `"carrierCode"`, `"carrier_code"`, 1),
	} {
		if answer := a.Call(http.MethodPost, token, simulatortest.OrdersV0Path+"/"+order.OrderID+"/shipmentConfirmation", body); answer.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
		}
	}
	a.Confirm(token, a.Order(simulatortest.American), good, http.StatusNotFound)
	a.Confirm(token, "111-1111111-1111111", good, http.StatusNotFound)
	a.Confirm(token, order.OrderID, parcel("1", "A", item, units-1), http.StatusNoContent)
	a.Confirm(token, order.OrderID, parcel("2", "A", item, 2), http.StatusBadRequest) // one is left
	if shipments := a.World.Shipments(); len(shipments) != 1 || shipments[0].Confirmed != 1 {
		t.Errorf("what was refused was confirmed: %+v", shipments)
	}
}

// TestA204ThatStoresNothing scripts what Amazon has been seen to do
// (selling-partner-api-models#5232): the order stays as it was.
func TestA204ThatStoresNothing(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	token, order := a.Token(simulatortest.SellerToken(1)), unshipped(a, 1)
	body := parcel("1", "A", order.Items[0].OrderItemID, 1)
	if _, err := a.Faults.Add(simulator.Rule{Operation: "confirmShipment", Times: 1, Action: simulator.Action{Status: http.StatusNoContent}}); err != nil {
		t.Fatal(err)
	}
	a.Confirm(token, order.OrderID, body, http.StatusNoContent)
	if now, _ := a.World.Order(order.OrderID); now.Status() != simulator.Unshipped || len(a.World.Shipments()) != 0 {
		t.Errorf("%s, %d packages", now.Status(), len(a.World.Shipments()))
	}
	a.Confirm(token, order.OrderID, body, http.StatusNoContent)
	if len(a.World.Shipments()) != 1 {
		t.Error("the next one is not stored")
	}
}

// TestPackagesNeverHoldMoreThanWasOrdered tries confirmations at random.
func TestPackagesNeverHoldMoreThanWasOrdered(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) {
		c.Rates = map[string]simulator.Rate{"confirmShipment": {PerSecond: 1e6, Burst: 1_000_000}}
	})
	token := a.Token(simulatortest.SellerToken(1))
	property.Check(t, func(r *rapid.T) {
		order, accepted := unshipped(a, 2), 0
		for range rapid.IntRange(1, 8).Draw(r, "confirmations") {
			item := order.Items[rapid.IntRange(0, 1).Draw(r, "item")]
			body := parcel(fmt.Sprint(rapid.IntRange(1, 3).Draw(r, "package")), "A", item.OrderItemID, rapid.IntRange(1, 3).Draw(r, "units"))
			if a.Call(http.MethodPost, token, simulatortest.OrdersV0Path+"/"+order.OrderID+"/shipmentConfirmation", body).Status == http.StatusNoContent {
				accepted++
			}
		}
		now, _ := a.World.Order(order.OrderID)
		packed := map[string]int{}
		for _, p := range now.Packages {
			for _, units := range p.Items {
				packed[units.OrderItemID] += units.Quantity
			}
		}
		open := false
		for _, item := range now.Items {
			open = open || item.Fulfillment.Unfulfilled > 0
			if packed[item.OrderItemID] != item.Fulfillment.Fulfilled || item.Fulfillment.Fulfilled+item.Fulfillment.Unfulfilled != item.Quantity || item.Fulfillment.Unfulfilled < 0 {
				r.Errorf("item %+v, %d packed", item.Fulfillment, packed[item.OrderItemID])
			}
		}
		if accepted > 0 && (now.Status() == simulator.Shipped) == open {
			r.Errorf("the order is %s", now.Status())
		}
		confirmed := 0
		for _, s := range a.World.Shipments() {
			if s.OrderID == order.OrderID {
				confirmed += s.Confirmed
			}
		}
		if confirmed != accepted {
			r.Errorf("%d confirmations were accepted, %d are recorded", accepted, confirmed)
		}
	})
}

func TestAConfirmedShipmentIsNotified(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	token, order := a.Token(simulatortest.SellerToken(1)), unshipped(a, 1)
	body := parcel("1", "A", order.Items[0].OrderItemID, order.Items[0].Quantity)
	a.Confirm(token, order.OrderID, body, http.StatusNoContent)
	a.Confirm(token, order.OrderID, body, http.StatusNoContent) // changes nothing
	all, _ := a.Drain()
	if len(all) != 1 || all[0].Payload.OrderChangeNotification.AmazonOrderID != order.OrderID {
		t.Errorf("%+v", all)
	}
}
