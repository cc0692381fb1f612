package orders

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/orders/ordersv0"
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
		got := golden(t, name, newEvent(testAccount, ordersv0.Order(&order.Order, lines), nil))
		noBuyerData(t, answer, got)
	}
	if found < 3 || len(items) == 0 || len(page.Page.Items) == 0 {
		t.Errorf("only %d orders were found, and items of %d", found, len(items))
	}
}

// FuzzOrderOfV0: whatever Orders v0 says, there is an event that can be written.
func FuzzOrderOfV0(f *testing.F) {
	f.Add("2026-11-01T12:00:00Z", "Shipped", "Amazon.de", "10.00", int32(2), int32(1))
	f.Add("9999-12-31T23:59:59-01:00", "", "", "-.", int32(-2147483648), int32(2147483647))
	f.Fuzz(func(t *testing.T, at, status, channel, amount string, ordered, shipped int32) {
		when, _ := time.Parse(time.RFC3339, at)
		order := ordersv0.Order(&model.OrderV0{
			OrderID: "1", LastUpdateDate: when, PurchaseDate: when, EarliestShipDate: when, Status: status, SalesChannel: channel, ServiceLevelCategory: status,
		}, []model.OrderItemV0{{OrderItemID: "1", QuantityOrdered: ordered, QuantityShipped: &shipped, ItemPrice: &model.MoneyV0{Amount: amount}}})
		if event := newEvent(testAccount, order, nil); len(contentID(event)) != 32 || event.Status == "" {
			t.Errorf("%+v", event)
		}
	})
}
