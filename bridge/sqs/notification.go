package sqs

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// notification is what the bridge reads of every notification. Amazon writes
// order notifications in PascalCase and feed notifications in camelCase, and
// the decoder minds the case, so both stand here side by side. Shapes: Amazon's
// OrderChangeNotification.json, FeedProcessingFinishedNotification.json and
// ListingsItem*.json;
// OrderStatusChangeNotification was withdrawn after 2023 and is in archives only.
// The buyer's postal code is not in them: what is never decoded cannot leak.
type notification struct {
	Type      string    `json:"NotificationType"`
	EventTime timestamp `json:"EventTime"`
	Payload   payload   `json:"Payload"`
	Metadata  metadata  `json:"NotificationMetadata"`

	CamelType      string        `json:"notificationType"`
	CamelEventTime timestamp     `json:"eventTime"`
	CamelPayload   camelPayload  `json:"payload"`
	CamelMetadata  camelMetadata `json:"notificationMetadata"`

	// Detail is a whole notification where the body is EventBridge's envelope of one.
	Detail jsontext.Value `json:"detail"`
}

type payload struct {
	OrderChange       *orderChange       `json:"OrderChangeNotification"`
	OrderStatusChange *orderStatusChange `json:"OrderStatusChangeNotification"`
	Listing           listing            `json:",embed"`
}

type camelPayload struct {
	FeedProcessingFinished *feedProcessingFinished `json:"feedProcessingFinishedNotification"`
}

type metadata struct {
	NotificationID string    `json:"NotificationId"`
	PublishTime    timestamp `json:"PublishTime"`
}

type camelMetadata struct {
	NotificationID string    `json:"notificationId"`
	PublishTime    timestamp `json:"publishTime"`
}

// Only SellerId and AmazonOrderId of an order change are required: they name the
// order to fetch. The other fields are hints, and are left out where they are odd.
type orderChange struct {
	SellerID   string       `json:"SellerId"`
	OrderID    string       `json:"AmazonOrderId"`
	ChangeType string       `json:"OrderChangeType"`
	Trigger    orderTrigger `json:"OrderChangeTrigger"`
	Summary    orderSummary `json:"Summary"`
}

type orderTrigger struct {
	Time   timestamp `json:"TimeOfOrderChange"`
	Reason string    `json:"ChangeReason"`
}

type orderSummary struct {
	MarketplaceID    string      `json:"MarketplaceId"`
	OrderStatus      string      `json:"OrderStatus"`
	PurchaseDate     timestamp   `json:"PurchaseDate"`
	FulfillmentType  string      `json:"FulfillmentType"`
	OrderType        string      `json:"OrderType"`
	ItemsShipped     *int32      `json:"NumberOfItemsShipped"`
	ItemsUnshipped   *int32      `json:"NumberOfItemsUnshipped"`
	EarliestDelivery timestamp   `json:"EarliestDeliveryDate"`
	LatestDelivery   timestamp   `json:"LatestDeliveryDate"`
	EarliestShip     timestamp   `json:"EarliestShipDate"`
	LatestShip       timestamp   `json:"LatestShipDate"`
	CancelNotify     timestamp   `json:"CancelNotifyDate"`
	OrderPrograms    []string    `json:"OrderPrograms"`
	ShippingPrograms []string    `json:"ShippingPrograms"`
	Items            []orderItem `json:"OrderItems"`
}

type orderItem struct {
	OrderItemID            string `json:"OrderItemId"`
	SellerSKU              string `json:"SellerSKU"`
	SupplySourceID         string `json:"SupplySourceId"`
	Status                 string `json:"OrderItemStatus"`
	Quantity               int32  `json:"Quantity"`
	QuantityShipped        *int32 `json:"QuantityShipped"`
	IsBuyerRequestedCancel *bool  `json:"IsBuyerRequestedCancel"`
}

// orderStatusChange names one item of an order, unlike its successor.
type orderStatusChange struct {
	SellerID           string    `json:"SellerId"`
	MarketplaceID      string    `json:"MarketplaceId"`
	OrderID            string    `json:"AmazonOrderId"`
	PurchaseDate       timestamp `json:"PurchaseDate"`
	OrderStatus        string    `json:"OrderStatus"`
	SupplySourceID     string    `json:"SupplySourceId"`
	OrderItemID        string    `json:"OrderItemId"`
	SellerSKU          string    `json:"SellerSKU"`
	Quantity           int32     `json:"Quantity"`
	FulfillmentChannel string    `json:"FulfillmentChannel"`
}

type feedProcessingFinished struct {
	SellerID             string `json:"sellerId"`
	AccountID            string `json:"accountId"`
	FeedID               string `json:"feedId"`
	FeedType             string `json:"feedType"`
	ProcessingStatus     string `json:"processingStatus"`
	ResultFeedDocumentID string `json:"resultFeedDocumentId"`
}

// timestamp is a time as Amazon writes it: ISO 8601 text, null or "" for none,
// or, in ORDER_STATUS_CHANGE, milliseconds since 1970.
type timestamp struct{ time.Time }

// maxMillis is the year 9999: what Avro and JSON can both say.
const maxMillis = 253402300799999

// UnmarshalJSONFrom implements json.UnmarshalerFrom.
func (t *timestamp) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	value, err := dec.ReadValue()
	if err != nil {
		return err
	}
	t.Time = time.Time{}
	switch value.Kind() {
	case 'n':
		return nil
	case '"':
		if len(value) == len(`""`) {
			return nil
		}
		// A time has nothing to escape, so what stands between the quotes is the text.
		return t.parse(value[1 : len(value)-1])
	case '0':
		millis, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil || millis < 0 || millis > maxMillis {
			return fmt.Errorf("%.40s is not a time in milliseconds", value)
		}
		t.Time = time.UnixMilli(millis).UTC()
		return nil
	}
	return errors.New("a time must be text or a number")
}

func (t *timestamp) parse(text []byte) error {
	var parsed time.Time
	if err := parsed.UnmarshalText(text); err != nil || t.set(parsed) != nil {
		return fmt.Errorf("%.40q is not an ISO 8601 time", text)
	}
	return nil
}

// set takes a time that Avro and JSON can both say.
func (t *timestamp) set(parsed time.Time) error {
	if parsed.UnixMilli() < 0 || parsed.UnixMilli() > maxMillis {
		return errors.New("the time is before 1970 or after 9999")
	}
	t.Time = parsed.UTC()
	return nil
}
