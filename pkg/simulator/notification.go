package simulator

import (
	"slices"
	"time"
)

// The ORDER_CHANGE notification, in Amazon's PascalCase (its schema is
// OrderChangeNotification.json). Buyer data, such as the postal code, is there
// so that tests can prove that it is left out later.

type notification struct {
	NotificationVersion  string
	NotificationType     string
	PayloadVersion       string
	EventTime            timestamp
	Payload              notificationPayload
	NotificationMetadata notificationMetadata
}

type notificationPayload struct {
	OrderChangeNotification orderChange
}

type notificationMetadata struct {
	ApplicationID  string `json:"ApplicationId"`
	SubscriptionID string `json:"SubscriptionId"`
	PublishTime    timestamp
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
	TimeOfOrderChange *timestamp
	ChangeReason      string
}

type orderSummary struct {
	MarketplaceID          string `json:"MarketplaceId"`
	OrderStatus            string
	PurchaseDate           *timestamp
	DestinationPostalCode  *string
	FulfillmentType        string
	OrderType              string
	NumberOfItemsShipped   int
	NumberOfItemsUnshipped int
	EarliestDeliveryDate   timestamp
	LatestDeliveryDate     timestamp
	EarliestShipDate       timestamp
	LatestShipDate         timestamp
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

// notificationStatus is an order's status as notifications write it, which is
// not how the Orders API does.
func notificationStatus(s Status) string {
	switch s {
	case Pending:
		return "Pending"
	case PartiallyShipped:
		return "PartiallyShipped"
	case Shipped:
		return "Shipped"
	case Cancelled:
		return "Canceled"
	}
	return "Unshipped"
}

// Notification is the JSON of a change's ORDER_CHANGE notification. Sending the
// same bytes again is what Amazon's duplicates are.
func (s *Simulator) Notification(c Change) []byte {
	now := timestamp(s.clock.Now())
	change := orderChange{
		NotificationLevel:  "OrderLevel",
		SellerID:           c.Account.SellerID,
		AmazonOrderID:      c.Order.OrderID,
		OrderChangeType:    c.Type,
		OrderChangeTrigger: orderChangeTrigger{ChangeReason: c.Reason},
		Summary:            summarize(&c.Order),
	}
	if c.Time != nil {
		at := timestamp(*c.Time)
		change.OrderChangeTrigger.TimeOfOrderChange = &at
	}
	return mustJSON(notification{
		NotificationVersion: "1.0",
		NotificationType:    "ORDER_CHANGE",
		PayloadVersion:      "1.0",
		EventTime:           now,
		Payload:             notificationPayload{change},
		NotificationMetadata: notificationMetadata{
			ApplicationID:  "amzn1.sp.solution." + c.Account.Application,
			SubscriptionID: "subscription-" + c.Account.SellerID,
			PublishTime:    now,
			NotificationID: s.newID(),
		},
	})
}

func summarize(o *Order) orderSummary {
	summary := orderSummary{
		MarketplaceID:        o.SalesChannel.MarketplaceID,
		OrderStatus:          notificationStatus(o.Status()),
		PurchaseDate:         &o.CreatedTime,
		FulfillmentType:      "MFN",
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
	for _, item := range o.Items {
		line := summaryItem{
			OrderItemID:            item.OrderItemID,
			SellerSKU:              item.Product.SellerSKU,
			Quantity:               item.Quantity,
			QuantityShipped:        item.Fulfillment.Fulfilled,
			IsBuyerRequestedCancel: item.Cancellation != nil && item.Cancellation.Request != nil,
		}
		if o.Status() == PartiallyShipped {
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

// Notify sends a change's notification to its seller's queue and remembers that
// the order was notified.
func (s *Simulator) Notify(c Change) {
	s.deliver(c, s.Notification(c))
}

// deliver puts a notification into the queues that it belongs to. What goes
// nowhere was not notified.
func (s *Simulator) deliver(c Change, body []byte) {
	wanted := func(sub *subscription) bool { return sub.wants(c) }
	if s.sendTo(c.Account, orderChangeType, wanted, body) {
		s.truth.notified(c.Account, c.Order.OrderID, time.Time(c.Order.LastUpdatedTime))
	}
}

// sendTo puts a seller's notification of one type into the queues that it
// belongs to, and reports whether there is any.
func (s *Simulator) sendTo(a *Account, kind string, wanted func(*subscription) bool, body []byte) bool {
	names := []string{a.Queue}
	if s.config.SubscribedOnly {
		names = s.subscriptions.queuesOf(a, kind, wanted)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return s.queues.get(name) == nil })
	for _, name := range names {
		s.queues.get(name).send(string(body), 0)
	}
	return len(names) > 0
}
