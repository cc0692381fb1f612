package sqs

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sellerstream/sellerstream/pkg/account"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Reasons of dead letters: stable codes, documented for those who search by them.
const (
	ReasonBodyTooLarge    = "body_too_large"   // longer than Options.MaxBodyBytes
	ReasonNotJSON         = "not_json"         // not one JSON document, or one with a name twice
	ReasonNotNotification = "not_notification" // JSON without a notification type
	ReasonUnsupportedType = "unsupported_type" // a notification that nothing here reads
	ReasonWrongCasing     = "wrong_casing"     // a known type with its names in the other case
	ReasonInvalidField    = "invalid_field"    // a field of another type or form than Amazon documents
	ReasonMissingField    = "missing_field"    // without what a reader needs
	ReasonUnknownAccount  = "unknown_account"  // no account of ours is that seller
	ReasonNotEncodable    = "not_encodable"    // a value that the topic's schema cannot say
	ReasonKafkaRefused    = "kafka_refused"    // Kafka will never take the record, such as one over its size limit
)

// Amazon's notification types that the bridge reads.
const (
	orderChangeType       = "ORDER_CHANGE"
	orderStatusChangeType = "ORDER_STATUS_CHANGE"
	feedFinishedType      = "FEED_PROCESSING_FINISHED"
)

// rejection is why a message is set aside.
type rejection struct {
	reason  string
	message string
}

func reject(reason, format string, args ...any) *rejection {
	return &rejection{reason: reason, message: fmt.Sprintf(format, args...)}
}

// decoder turns bodies into records. It keeps its memory between messages, so
// a value that decode returns is good until the next call.
type decoder struct {
	region  model.Region
	maxBody int

	buf    []byte
	in     notification
	change schemas.OrderChange
	feed   schemas.FeedNotification
}

// decoded is a record to be written.
type decoded struct {
	topic   string // logical name
	account string
	value   any // pointer to a type of package schemas
}

// decode reads one message's body; sent is when it entered the queue.
func (d *decoder) decode(body string, sent time.Time, accounts *account.Directory) (decoded, *rejection) {
	if len(body) > d.maxBody {
		return decoded{}, reject(ReasonBodyTooLarge, "the body has %d bytes, more than the %d that a notification may have", len(body), d.maxBody)
	}
	d.buf = append(d.buf[:0], body...)
	d.in = notification{}
	if err := json.Unmarshal(d.buf, &d.in); err != nil {
		return decoded{}, d.diagnose(err)
	}
	switch {
	case d.in.Type == orderChangeType && d.in.Payload.OrderChange != nil:
		return d.orderChange(d.in.Payload.OrderChange, sent, accounts)
	case d.in.CamelType == feedFinishedType && d.in.CamelPayload.FeedProcessingFinished != nil:
		return d.feedFinished(d.in.CamelPayload.FeedProcessingFinished, sent, accounts)
	case d.in.Type == orderStatusChangeType && d.in.Payload.OrderStatusChange != nil:
		return d.orderStatusChange(d.in.Payload.OrderStatusChange, sent, accounts)
	}
	return decoded{}, classify(d.in.Type, d.in.CamelType)
}

// diagnose finds the reason of a body that did not decode: an unsupported type
// may well have another shape under a name that ours use.
func (d *decoder) diagnose(err error) *rejection {
	if !jsontext.Value(d.buf).IsValid() {
		return reject(ReasonNotJSON, "the body is not one JSON document without repeated names: %s", inJSONTerms(err))
	}
	var kind struct {
		Type      string `json:"NotificationType"`
		CamelType string `json:"notificationType"`
	}
	if json.Unmarshal(d.buf, &kind) != nil {
		return reject(ReasonNotNotification, "the body is not a notification of the Selling Partner API: %s", inJSONTerms(err))
	}
	if kind.Type == orderChangeType || kind.Type == orderStatusChangeType || kind.CamelType == feedFinishedType {
		return reject(ReasonInvalidField, "a field is not as Amazon documents it: %s", inJSONTerms(err))
	}
	return classify(kind.Type, kind.CamelType)
}

// classify says what is wrong with a notification by its type alone.
func classify(pascal, camel string) *rejection {
	switch {
	case pascal == "" && camel == "":
		return reject(ReasonNotNotification, "the body has neither NotificationType nor notificationType: it is not a notification of the Selling Partner API")
	case pascal == orderChangeType || pascal == orderStatusChangeType:
		return reject(ReasonMissingField, "the %s notification has no payload of that type", pascal)
	case camel == feedFinishedType:
		return reject(ReasonMissingField, "the %s notification has no payload of that type", camel)
	case camel == orderChangeType || camel == orderStatusChangeType:
		return reject(ReasonWrongCasing, "%s has its names in camelCase; Amazon writes it in PascalCase (NotificationType, Payload): see what rewrites the messages on their way", camel)
	case pascal == feedFinishedType:
		return reject(ReasonWrongCasing, "%s has its names in PascalCase; Amazon writes it in camelCase (notificationType, payload): see what rewrites the messages on their way", pascal)
	}
	return reject(ReasonUnsupportedType, "nothing here reads notifications of type %.100q: end that subscription or give it a queue of its own", pascal+camel)
}

func (d *decoder) orderChange(in *orderChange, sent time.Time, accounts *account.Directory) (decoded, *rejection) {
	owner, wrong := d.orderOwner(in.SellerID, in.OrderID, in.Summary.MarketplaceID, accounts)
	if wrong != nil {
		return decoded{}, wrong
	}
	s := &in.Summary
	d.change = schemas.OrderChange{
		NotificationID: d.in.Metadata.NotificationID, NotificationType: d.in.Type,
		Account: owner.ID, SellerID: in.SellerID, MarketplaceID: s.MarketplaceID, OrderID: in.OrderID,
		ChangeType: in.ChangeType, ChangeReason: in.Trigger.Reason, ChangeTime: in.Trigger.Time.Time,
		EventTime: d.in.EventTime.Time, PublishTime: d.in.Metadata.PublishTime.Time, ReceivedTime: sent,
		OrderStatus: s.OrderStatus, PurchaseDate: s.PurchaseDate.Time,
		FulfillmentType: s.FulfillmentType, OrderType: s.OrderType,
		ItemsShipped: s.ItemsShipped, ItemsUnshipped: s.ItemsUnshipped,
		EarliestShipDate: s.EarliestShip.Time, LatestShipDate: s.LatestShip.Time,
		EarliestDeliveryDate: s.EarliestDelivery.Time, LatestDeliveryDate: s.LatestDelivery.Time,
		CancelNotifyDate: s.CancelNotify.Time,
		OrderPrograms:    s.OrderPrograms, ShippingPrograms: s.ShippingPrograms,
		Items: d.change.Items[:0],
	}
	for i := range s.Items {
		d.change.Items = append(d.change.Items, schemas.OrderChangeItem(s.Items[i]))
	}
	return decoded{schemas.OrderChanges, owner.ID, &d.change}, nil
}

func (d *decoder) orderStatusChange(in *orderStatusChange, sent time.Time, accounts *account.Directory) (decoded, *rejection) {
	owner, wrong := d.orderOwner(in.SellerID, in.OrderID, in.MarketplaceID, accounts)
	if wrong != nil {
		return decoded{}, wrong
	}
	d.change = schemas.OrderChange{
		NotificationID: d.in.Metadata.NotificationID, NotificationType: d.in.Type,
		Account: owner.ID, SellerID: in.SellerID, MarketplaceID: in.MarketplaceID, OrderID: in.OrderID,
		ChangeType: "OrderStatusChange",
		EventTime:  d.in.EventTime.Time, PublishTime: d.in.Metadata.PublishTime.Time, ReceivedTime: sent,
		OrderStatus: in.OrderStatus, PurchaseDate: in.PurchaseDate.Time, FulfillmentType: in.FulfillmentChannel,
		Items: append(d.change.Items[:0], schemas.OrderChangeItem{
			OrderItemID: in.OrderItemID, SellerSKU: in.SellerSKU, SupplySourceID: in.SupplySourceID, Quantity: in.Quantity,
		}),
	}
	return decoded{schemas.OrderChanges, owner.ID, &d.change}, nil
}

// orderOwner checks what every order notification must have and finds its account.
func (d *decoder) orderOwner(seller, order, marketplace string, accounts *account.Directory) (*account.Account, *rejection) {
	if wrong := d.required(d.in.Metadata.NotificationID, d.in.EventTime.Time); wrong != nil {
		return nil, wrong
	}
	if wrong := checkIDs(field{"SellerId", seller}, field{"AmazonOrderId", order}); wrong != nil {
		return nil, wrong
	}
	region := model.RegionOf(marketplace)
	if region == "" {
		region = d.region
	}
	owner, ok := accounts.BySeller(seller, region)
	if !ok {
		return nil, reject(ReasonUnknownAccount, "no account is configured for seller %s in %s (marketplace %.40q): add it to the configuration, or end its subscription", seller, place(region), marketplace)
	}
	return owner, nil
}

func (d *decoder) feedFinished(in *feedProcessingFinished, sent time.Time, accounts *account.Directory) (decoded, *rejection) {
	if wrong := d.required(d.in.CamelMetadata.NotificationID, d.in.CamelEventTime.Time); wrong != nil {
		return decoded{}, wrong
	}
	if wrong := checkIDs(field{"feedId", in.FeedID}, field{"processingStatus", in.ProcessingStatus}); wrong != nil {
		return decoded{}, wrong
	}
	owner, ok := accounts.BySeller(in.SellerID, d.region)
	if !ok {
		owner, ok = accounts.ByAmazonAccount(in.AccountID, d.region)
	}
	if !ok {
		return decoded{}, reject(ReasonUnknownAccount, "no account is configured for sellerId %.64q or accountId %.64q in %s: add it to the configuration, or end its subscription", in.SellerID, in.AccountID, place(d.region))
	}
	d.feed = schemas.FeedNotification{
		NotificationID: d.in.CamelMetadata.NotificationID, Account: owner.ID,
		SellerID: in.SellerID, AmazonAccountID: in.AccountID,
		FeedID: in.FeedID, FeedType: in.FeedType, ProcessingStatus: in.ProcessingStatus,
		ResultFeedDocumentID: in.ResultFeedDocumentID,
		EventTime:            d.in.CamelEventTime.Time, PublishTime: d.in.CamelMetadata.PublishTime.Time, ReceivedTime: sent,
	}
	return decoded{schemas.FeedNotifications, owner.ID, &d.feed}, nil
}

func place(region model.Region) string {
	if region == "" {
		return "any one region (the queue's configuration names none)"
	}
	return "region " + string(region)
}

func (d *decoder) required(notificationID string, event time.Time) *rejection {
	if event.IsZero() {
		return reject(ReasonMissingField, "the notification has no event time")
	}
	return checkIDs(field{"notification id", notificationID})
}

type field struct{ name, value string }

// checkIDs refuses ids that Amazon would not write: they become parts of keys
// and of URLs.
func checkIDs(fields ...field) *rejection {
	for _, f := range fields {
		if f.value == "" {
			return reject(ReasonMissingField, "the notification has no %s", f.name)
		}
		if len(f.value) > 128 {
			return reject(ReasonInvalidField, "%s has %d characters", f.name, len(f.value))
		}
		for i := range len(f.value) {
			if c := f.value[i]; !isIDByte(c) {
				return reject(ReasonInvalidField, "%s %q has a character that Amazon's ids do not have", f.name, f.value)
			}
		}
	}
	return nil
}

func isIDByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.'
}
