package orders

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// TestGoldenV0 does for Orders v0 what TestGolden does: Amazon's example of an
// order with that of items, and the sandbox's orders with the items that it has
// for them.
func TestGoldenV0(t *testing.T) {
	t.Parallel()
	const path = "/orders/v0/orders/{orderId}"
	example, sandbox := answers(t, "ordersV0.json", path)
	exampleItems, sandboxItems := answers(t, "ordersV0.json", path+"/orderItems")
	read := func(answer json.RawMessage, into any) {
		t.Helper()
		if err := json.Unmarshal(answer, into); err != nil {
			t.Fatal(err)
		}
	}
	items := make(map[string][]model.OrderItemV0)
	for _, answer := range sandboxItems {
		var page model.GetOrderItemsV0Response
		read(answer, &page)
		items[page.Page.OrderID] = page.Page.Items
	}
	var page model.GetOrderItemsV0Response
	read(exampleItems, &page)
	found := 0
	for _, answer := range append(sandbox, example) {
		var order model.GetOrderV0Response
		read(answer, &order)
		name, lines := "v0-sandbox-"+order.Order.OrderID, items[order.Order.OrderID]
		if found++; found > len(sandbox) {
			name, lines = "v0-example", page.Page.Items
		}
		got := golden(t, name, newEvent(testAccount, orderOfV0(&order.Order, lines), nil))
		noBuyerData(t, answer, got)
	}
	if found < 3 || len(items) == 0 || len(page.Page.Items) == 0 {
		t.Errorf("only %d orders were found, and items of %d", found, len(items))
	}
}

func TestWordsOfV0(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Pending": "PENDING", "Unshipped": "UNSHIPPED", "PartiallyShipped": "PARTIALLY_SHIPPED", "Shipped": "SHIPPED",
		"Canceled": "CANCELLED", "Unfulfillable": "UNFULFILLABLE", "InvoiceUnconfirmed": "SHIPPED",
		"PendingAvailability": "PENDING_AVAILABILITY", "": "", "SomethingNew": "SOMETHING_NEW",
	} {
		if got := statusV0(given); got != want {
			t.Errorf("%s is %s, want %s", given, got, want)
		}
	}
	for _, test := range []struct {
		amount string
		units  int32
		want   string
	}{
		{"10.00", 1, "10.00"}, {"10.00", 4, "2.50"}, {"10.00", 3, ""}, {"1000", 2, "500"}, {"1001", 2, ""}, {"0.00", 2, "0.00"},
		{"-3.00", 2, "-1.50"}, {"", 1, ""}, {"ten", 1, ""}, {"1e9", 1, ""}, {"1/2", 1, ""}, {"10.00", 0, ""}, {"10.00", -1, ""},
	} {
		got := unitPriceV0(&model.MoneyV0{Amount: test.amount, CurrencyCode: "EUR"}, test.units)
		if (got == nil) != (test.want == "") || got != nil && (got.Amount != test.want || got.CurrencyCode != "EUR") {
			t.Errorf("%s for %d: %+v, want %q", test.amount, test.units, got, test.want)
		}
	}
	if unitPriceV0(nil, 1) != nil {
		t.Error("no price has a unit price")
	}
}

// FuzzOrderOfV0: whatever Orders v0 says, there is an event that can be written.
func FuzzOrderOfV0(f *testing.F) {
	f.Add("2026-11-01T12:00:00Z", "Shipped", "Amazon.de", "10.00", int32(2), int32(1))
	f.Add("9999-12-31T23:59:59-01:00", "", "", "-.", int32(-2147483648), int32(2147483647))
	f.Fuzz(func(t *testing.T, at, status, channel, amount string, ordered, shipped int32) {
		when, _ := time.Parse(time.RFC3339, at)
		order := orderOfV0(&model.OrderV0{
			OrderID: "1", LastUpdateDate: when, PurchaseDate: when, EarliestShipDate: when, Status: status, SalesChannel: channel, ServiceLevelCategory: status,
		}, []model.OrderItemV0{{OrderItemID: "1", QuantityOrdered: ordered, QuantityShipped: &shipped, ItemPrice: &model.MoneyV0{Amount: amount}}})
		if event := newEvent(testAccount, order, nil); len(contentID(event)) != 32 || event.Status == "" {
			t.Errorf("%+v", event)
		}
	})
}
