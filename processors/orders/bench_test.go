package orders

import (
	"fmt"
	goruntime "runtime"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// BenchmarkRestore restores a unit's entries, one in ten of them pending. It
// is the machine's part of a takeover.
func BenchmarkRestore(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			states, keys := ordersOf(n)
			b.ReportAllocs()
			var m *Machine
			before := machinetest.HeapInUse()
			for b.Loop() {
				m = newMachine(b)
				for i, state := range states {
					if err := m.Restore(keys[i], state); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/entry")
			b.ReportMetric(float64(machinetest.HeapInUse()-before)/float64(n), "bytes/order")
			goruntime.KeepAlive(m)
			goruntime.KeepAlive(states)
		})
	}
}

// ordersOf are entries of the state, one in ten of them pending.
func ordersOf(n int) ([]*schemas.OrderState, []string) {
	states, keys := make([]*schemas.OrderState, n), make([]string, n)
	for i := range states {
		o := newOrder(orderKey(testAccount, orderID(i)), testAccount)
		o.touched = millisOf(testStart) + millis(i)
		o.emitted, o.emittedID = o.touched, fmt.Sprintf("%032d", i)
		if i%10 == 0 {
			o.want(testStart, originNotification, o.touched, false)
		}
		keys[i], states[i] = o.Key, o.state()
	}
	return states, keys
}

// BenchmarkRecord takes notifications of new orders in.
func BenchmarkRecord(b *testing.B) {
	m, tx := newMachine(b), &machine.Tx{Now: testStart}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Record(tx, &machine.Record{Account: testAccount, Value: notified(orderID(i), "n", testStart)})
		if i%1000 == 0 {
			tx = &machine.Tx{Now: testStart}
		}
	}
}

// BenchmarkObserve looks at a unit with as much pending as its intake allows by
// default, which is what a scrape costs at the most.
func BenchmarkObserve(b *testing.B) {
	const pending = 200_000
	m, tx := newMachine(b), &machine.Tx{Now: testStart}
	for i := range pending {
		m.Record(tx, &machine.Record{Account: testAccount, Value: notified(orderID(i), "n", testStart)})
	}
	for b.Loop() {
		m.Observe(&machine.Stats{Now: testStart})
	}
}

// BenchmarkEvent makes the record of an ordinary order, as Result does for each answer.
func BenchmarkEvent(b *testing.B) {
	order := ordinary()
	b.ReportAllocs()
	for b.Loop() {
		event := newEvent(testAccount, order, nil)
		if !fit(event) {
			b.Fatal("it does not fit")
		}
		event.EventID = contentID(event)
		_ = event.AppendAvro(nil)
	}
}

// ordinary is an order of two lines with what Amazon gives of nearly every order.
func ordinary() *model.Order {
	euros := &model.Money{Amount: "25.80", CurrencyCode: "EUR"}
	window := &model.DateTimeRange{Earliest: testStart, Latest: testStart.Add(24 * time.Hour)}
	one, none := int32(1), int32(0)
	order := &model.Order{
		OrderID: orderID(1), CreatedTime: testStart, LastUpdatedTime: testStart, Programs: []string{"PRIME"},
		SalesChannel: model.SalesChannel{ChannelName: "AMAZON", MarketplaceID: "A1PA6795UKMFR9", MarketplaceName: "Amazon.de"},
		Proceeds:     &model.OrderProceeds{GrandTotal: euros},
		Fulfillment: &model.OrderFulfillment{
			Status: "SHIPPED", FulfilledBy: "MERCHANT", ServiceLevel: "STANDARD", ShipByWindow: window, DeliverByWindow: window,
		},
		Packages: []model.OrderPackage{{
			PackageReferenceID: "1", PackageStatus: &model.PackageStatus{Status: "IN_TRANSIT"}, Carrier: "DHL", ShippingService: "Paket",
			TrackingNumber: "00340434161094021501", ShipTime: testStart, Items: []model.PackageItem{{OrderItemID: "68828574383266", Quantity: 1}},
		}},
	}
	for _, id := range []string{"68828574383266", "68828574383267"} {
		order.Items = append(order.Items, model.OrderItem{
			OrderItemID: id, QuantityOrdered: 1,
			Product: model.ItemProduct{
				ASIN: "B08DFPV54V", Title: "Echo Dot (4th Gen) | Smart speaker with Alexa | Charcoal", SellerSKU: "ECHO-DOT-4-UK-CHARCOAL-3PACK",
				Price: &model.ItemPrice{UnitPrice: euros},
			},
			Proceeds:    &model.ItemProceeds{Total: euros},
			Fulfillment: &model.ItemFulfillment{QuantityFulfilled: &one, QuantityUnfulfilled: &none},
		})
	}
	return order
}
