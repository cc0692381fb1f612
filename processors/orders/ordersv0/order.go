package ordersv0

import (
	"math/big"
	"strings"
	"time"
	"unicode"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Order is an order of Orders v0 with its lines as Orders 2026-01-01 would show it, so far
// as the two agree. Orders v0 has no packages, and prices rather than the
// proceeds of a line.
func Order(order *model.OrderV0, lines []model.OrderItemV0) *model.Order {
	o := &model.Order{
		OrderID:         order.OrderID,
		CreatedTime:     order.PurchaseDate,
		LastUpdatedTime: order.LastUpdateDate,
		Programs:        programs(order),
		SalesChannel: model.SalesChannel{
			ChannelName: "NON_AMAZON", MarketplaceID: order.MarketplaceID, MarketplaceName: order.SalesChannel,
		},
		Fulfillment: &model.OrderFulfillment{
			Status:          status(order.Status),
			FulfilledBy:     model.FulfilledByOf(order.FulfillmentChannel),
			ServiceLevel:    screaming(order.ServiceLevelCategory),
			ShipByWindow:    window(order.EarliestShipDate, order.LatestShipDate),
			DeliverByWindow: window(order.EarliestDeliveryDate, order.LatestDeliveryDate),
		},
	}
	if order.SalesChannel == "" || strings.HasPrefix(order.SalesChannel, "Amazon.") {
		o.SalesChannel.ChannelName = "AMAZON"
	}
	if total := order.OrderTotal; total != nil {
		o.Proceeds = &model.OrderProceeds{GrandTotal: &model.Money{Amount: total.Amount, CurrencyCode: total.CurrencyCode}}
	}
	for i := range lines {
		o.Items = append(o.Items, itemOf(&lines[i]))
	}
	return o
}

func itemOf(line *model.OrderItemV0) model.OrderItem {
	item := model.OrderItem{
		OrderItemID: line.OrderItemID, QuantityOrdered: line.QuantityOrdered,
		Product: model.ItemProduct{ASIN: line.ASIN, Title: line.Title, SellerSKU: line.SellerSKU},
	}
	if line.IsTransparency {
		item.Programs = []string{"TRANSPARENCY"}
	}
	if price := unitPrice(line.ItemPrice, line.QuantityOrdered); price != nil {
		item.Product.Price = &model.ItemPrice{UnitPrice: price}
	}
	if c := line.BuyerRequestedCancel; c != nil && strings.EqualFold(c.Requested, "true") {
		item.Cancellation = &model.ItemCancellation{
			Request: &model.ItemCancellationRequest{Requester: "BUYER", CancelReason: c.Reason},
		}
	}
	if shipped := line.QuantityShipped; shipped != nil {
		left := max(0, line.QuantityOrdered-*shipped)
		item.Fulfillment = &model.ItemFulfillment{QuantityFulfilled: shipped, QuantityUnfulfilled: &left}
	}
	return item
}

// unitPrice is the price of one of so many units, if it comes out even in the
// decimals that the price of all has; else there is none rather than a wrong one.
func unitPrice(all *model.MoneyV0, units int32) *model.Money {
	if all == nil || units < 1 || len(all.Amount) > 40 || strings.ContainsAny(all.Amount, "eE/_xXpP") {
		return nil
	}
	price, ok := new(big.Rat).SetString(all.Amount)
	if !ok {
		return nil
	}
	price.Quo(price, big.NewRat(int64(units), 1))
	_, decimals, _ := strings.Cut(all.Amount, ".")
	text := price.FloatString(len(decimals))
	if back, ok := new(big.Rat).SetString(text); !ok || back.Cmp(price) != 0 {
		return nil
	}
	return &model.Money{Amount: text, CurrencyCode: all.CurrencyCode}
}

func programs(order *model.OrderV0) []string {
	var in []string
	for _, p := range []struct {
		name string
		is   bool
	}{
		{"AMAZON_BUSINESS", order.IsBusinessOrder},
		{"IN_STORE_PICK_UP", order.IsISPU},
		{"PREMIUM", order.IsPremiumOrder},
		{"PREORDER", order.OrderType == "Preorder"},
		{"PRIME", order.IsPrime},
	} {
		if p.is {
			in = append(in, p.name)
		}
	}
	return in
}

// status is a status in the words of Orders 2026-01-01. InvoiceUnconfirmed has
// none of its own there: all items have been shipped.
func status(status string) string {
	switch status {
	case "Canceled":
		return model.StatusCancelled
	case "InvoiceUnconfirmed":
		return "SHIPPED"
	}
	return screaming(status)
}

// screaming writes "FreeEconomy" as "FREE_ECONOMY".
func screaming(camel string) string {
	var b strings.Builder
	for i, r := range camel {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

func window(earliest, latest time.Time) *model.DateTimeRange {
	if earliest.IsZero() && latest.IsZero() {
		return nil
	}
	return &model.DateTimeRange{Earliest: earliest, Latest: latest}
}
