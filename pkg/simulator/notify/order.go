package notify

import (
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// The ORDER_CHANGE notification, in Amazon's PascalCase (its schema is
// OrderChangeNotification.json). Buyer data, such as the postal code, is there
// so that tests can prove that it is left out later.

type notification struct {
	NotificationVersion  string
	NotificationType     string
	PayloadVersion       string
	EventTime            wire.Time
	Payload              notificationPayload
	NotificationMetadata notificationMetadata
}

type notificationPayload struct {
	OrderChangeNotification orderChange
}

type notificationMetadata struct {
	ApplicationID  string `json:"ApplicationId"`
	SubscriptionID string `json:"SubscriptionId"`
	PublishTime    wire.Time
	NotificationID string `json:"NotificationId"`
}

type orderChange struct {
	NotificationLevel  string
	SellerID           string `json:"SellerId"`
	AmazonOrderID      string `json:"AmazonOrderId"`
	OrderChangeType    string
	OrderChangeTrigger orderChangeTrigger
	Summary            orderSummary
}

type orderChangeTrigger struct {
	TimeOfOrderChange *wire.Time
	ChangeReason      string
}

type orderSummary struct {
	MarketplaceID          string `json:"MarketplaceId"`
	OrderStatus            string
	PurchaseDate           *wire.Time
	DestinationPostalCode  *string
	FulfillmentType        string
	OrderType              string
	NumberOfItemsShipped   int
	NumberOfItemsUnshipped int
	EarliestDeliveryDate   wire.Time
	LatestDeliveryDate     wire.Time
	EarliestShipDate       wire.Time
	LatestShipDate         wire.Time
	OrderPrograms          []string `json:",omitempty"`
	OrderItems             []summaryItem
}

type summaryItem struct {
	OrderItemID            string  `json:"OrderItemId"`
	SellerSKU              string  // Amazon's casing
	SupplySourceID         *string `json:"SupplySourceId"`
	OrderItemStatus        string  `json:",omitempty"`
	Quantity               int
	QuantityShipped        int
	IsBuyerRequestedCancel bool
}

// Notification is the JSON of a change's ORDER_CHANGE notification. Sending the
// same bytes again is what Amazon's duplicates are.
func (n *Notifier) Notification(c world.Change) []byte {
	now := wire.Time(n.clock.Now())
	change := orderChange{
		NotificationLevel:  "OrderLevel",
		SellerID:           c.Account.SellerID,
		AmazonOrderID:      c.Order.OrderID,
		OrderChangeType:    c.Type,
		OrderChangeTrigger: orderChangeTrigger{ChangeReason: c.Reason},
		Summary:            summarize(&c.Order),
	}
	if c.Time != nil {
		at := wire.Time(*c.Time)
		change.OrderChangeTrigger.TimeOfOrderChange = &at
	}
	return wire.JSON(notification{
		NotificationVersion: "1.0",
		NotificationType:    OrderChange,
		PayloadVersion:      PayloadVersion,
		EventTime:           now,
		Payload:             notificationPayload{change},
		NotificationMetadata: notificationMetadata{
			ApplicationID:  applicationID(c.Account.Application),
			SubscriptionID: "subscription-" + c.Account.SellerID,
			PublishTime:    now,
			NotificationID: n.ids.New(),
		},
	})
}

func summarize(o *world.Order) orderSummary {
	summary := orderSummary{
		MarketplaceID:        o.SalesChannel.MarketplaceID,
		OrderStatus:          o.Status().Old(),
		PurchaseDate:         &o.CreatedTime,
		FulfillmentType:      o.FulfillmentType(),
		OrderType:            "StandardOrder",
		EarliestDeliveryDate: o.Fulfillment.DeliverWindow.Earliest,
		LatestDeliveryDate:   o.Fulfillment.DeliverWindow.Latest,
		EarliestShipDate:     o.Fulfillment.ShipByWindow.Earliest,
		LatestShipDate:       o.Fulfillment.ShipByWindow.Latest,
	}
	if code := o.Recipient.Address.PostalCode; code != "" {
		summary.DestinationPostalCode = &code
	}
	if o.Buyer.CompanyName != "" {
		summary.OrderPrograms = []string{"Business"}
	}
	if len(o.Associated) > 0 {
		summary.OrderPrograms = append(summary.OrderPrograms, "Replacement")
	}
	for _, item := range o.Items {
		line := summaryItem{
			OrderItemID:            item.OrderItemID,
			SellerSKU:              item.Product.SellerSKU,
			Quantity:               item.Quantity,
			QuantityShipped:        item.Fulfillment.Fulfilled,
			IsBuyerRequestedCancel: item.Cancellation != nil && item.Cancellation.Request != nil,
		}
		if o.Status() == world.PartiallyShipped {
			line.OrderItemStatus = "Unshipped"
			if item.Fulfillment.Unfulfilled == 0 {
				line.OrderItemStatus = "Shipped"
			}
		}
		summary.NumberOfItemsShipped += item.Fulfillment.Fulfilled
		summary.NumberOfItemsUnshipped += item.Fulfillment.Unfulfilled
		summary.OrderItems = append(summary.OrderItems, line)
	}
	return summary
}
