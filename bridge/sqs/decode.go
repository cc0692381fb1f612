package sqs

import (
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
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
	odd    []oddity // of the last body
	change schemas.OrderChange
	feed   schemas.FeedNotification
	listed schemas.ListingChange
}

// decoded is a record to be written.
type decoded struct {
	topic   string // logical name
	account string
	value   any                // pointer to a type of package schemas
	others  []*account.Account // those who get the same value under their own name
	// Whether the account does not want the order, by who ships it, so that nothing is written.
	unwanted bool
}

// arrival is what SQS says of a message.
type arrival struct {
	id   string    // the message's, the same whenever it comes again
	sent time.Time // when it entered the queue
}

// decode reads one message's body.
func (d *decoder) decode(body string, in arrival, accounts *account.Directory) (decoded, *rejection) {
	d.odd = d.odd[:0]
	switch {
	case len(body) > d.maxBody:
		return decoded{}, reject(ReasonBodyTooLarge, "the body has %d bytes, more than the %d that a notification may have", len(body), d.maxBody)
	case tooDeep(body):
		return decoded{}, reject(ReasonNotJSON, "the body is nested more than %d deep: it is not a notification of the Selling Partner API", maxDepth)
	}
	d.buf = append(d.buf[:0], body...)
	strict, err := d.read()
	if err == nil && d.unwrap() {
		strict, err = d.read()
	}
	if err != nil {
		return decoded{}, d.diagnose(strict)
	}
	out, wrong, ours := d.notification(in, accounts)
	switch {
	case !ours && strict != nil:
		return decoded{}, d.diagnose(strict)
	case !ours:
		return decoded{}, d.classify(d.in.Type, d.in.CamelType)
	case wrong != nil:
		wrong.message += d.oddities()
	}
	return out, wrong
}

// read decodes d.buf. strict is what is not as Amazon documents it, and err why nothing
// could be read.
func (d *decoder) read() (strict, err error) {
	d.in = notification{}
	if strict = json.Unmarshal(d.buf, &d.in); strict != nil {
		err = d.leniently()
	}
	return strict, err
}

// notification makes the record of a body that has been read; ours is false for
// one that nothing here reads.
func (d *decoder) notification(in arrival, accounts *account.Directory) (out decoded, wrong *rejection, ours bool) {
	ours = true
	kind := listingKind(d.in.Type)
	switch {
	case kind != "":
		out, wrong = d.listingChange(kind, in, accounts)
	case d.in.Type == orderChangeType && d.in.Payload.OrderChange != nil:
		out, wrong = d.orderChange(d.in.Payload.OrderChange, in, accounts)
	case d.in.CamelType == feedFinishedType && d.in.CamelPayload.FeedProcessingFinished != nil:
		out, wrong = d.feedFinished(d.in.CamelPayload.FeedProcessingFinished, in, accounts)
	case d.in.Type == orderStatusChangeType && d.in.Payload.OrderStatusChange != nil:
		out, wrong = d.orderStatusChange(d.in.Payload.OrderStatusChange, in, accounts)
	default:
		ours = false
	}
	return out, wrong, ours
}

// maxDepth bounds the nesting of a body; Amazon's notifications have a depth of 6.
const maxDepth = 64

// tooDeep reports whether a body is nested deeper than maxDepth, before anything
// is decoded. An ordinary one has not even that many brackets.
func tooDeep(body string) bool {
	if strings.Count(body, "{")+strings.Count(body, "[") <= maxDepth {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// diagnose finds the reason of a body that did not decode: an unsupported type
// may well have another shape under a name that ours use.
func (d *decoder) diagnose(err error) *rejection {
	if !jsontext.Value(d.buf).IsValid() {
		return reject(ReasonNotJSON, "the body is not one JSON document, or it repeats a name: %s", inJSONTerms(err))
	}
	var kind struct {
		Type      string `json:"NotificationType"`
		CamelType string `json:"notificationType"`
	}
	if json.Unmarshal(d.buf, &kind) != nil {
		return reject(ReasonNotNotification, "the body is not a notification of the Selling Partner API: %s", inJSONTerms(err))
	}
	if kind.Type == orderChangeType || listingKind(kind.Type) != "" || kind.Type == orderStatusChangeType || kind.CamelType == feedFinishedType {
		return reject(ReasonInvalidField, "a field is not as Amazon documents it: %s", inJSONTerms(err))
	}
	return d.classify(kind.Type, kind.CamelType)
}

// classify returns what is wrong with a notification by its type alone, and with
// what has none by its shape.
func (d *decoder) classify(pascal, camel string) *rejection {
	switch {
	case pascal == "" && camel == "":
		if wrapped := envelope(d.buf); wrapped != nil {
			return wrapped
		}
		return reject(ReasonNotNotification, "the body has neither NotificationType nor notificationType: it is not a notification of the Selling Partner API")
	case pascal == orderChangeType || pascal == orderStatusChangeType:
		return reject(ReasonMissingField, "the %s notification has no payload of that type", pascal)
	case camel == feedFinishedType:
		return reject(ReasonMissingField, "the %s notification has no payload of that type", camel)
	case camel == orderChangeType || camel == orderStatusChangeType || listingKind(camel) != "":
		return reject(ReasonWrongCasing, "%s has its names in camelCase; Amazon writes it in PascalCase (NotificationType, Payload): see what rewrites the messages on their way", camel)
	case pascal == feedFinishedType:
		return reject(ReasonWrongCasing, "%s has its names in PascalCase; Amazon writes it in camelCase (notificationType, payload): see what rewrites the messages on their way", pascal)
	}
	return reject(ReasonUnsupportedType, "nothing here reads notifications of type %.100q: end that subscription or give it a queue of its own", pascal+camel)
}

func (d *decoder) orderChange(in *orderChange, at arrival, accounts *account.Directory) (decoded, *rejection) {
	owner, wrong := d.orderOwner(in.SellerID, in.OrderID, in.Summary.MarketplaceID, accounts)
	if wrong != nil {
		return decoded{}, wrong
	}
	s := &in.Summary
	d.change = schemas.OrderChange{
		NotificationID: d.notificationID(d.in.Metadata.NotificationID, at), NotificationType: d.in.Type,
		Account: owner.ID, SellerID: in.SellerID, MarketplaceID: s.MarketplaceID, OrderID: in.OrderID,
		ChangeType: in.ChangeType, ChangeReason: in.Trigger.Reason, ChangeTime: in.Trigger.Time.Time,
		EventTime: d.eventTime(d.in.EventTime, d.in.Metadata.PublishTime, at), PublishTime: d.in.Metadata.PublishTime.Time, ReceivedTime: at.sent,
		OrderStatus: s.OrderStatus, PurchaseDate: s.PurchaseDate.Time,
		FulfillmentType: s.FulfillmentType, OrderType: s.OrderType,
		ItemsShipped: s.ItemsShipped, ItemsUnshipped: s.ItemsUnshipped,
		EarliestShipDate: s.EarliestShip.Time, LatestShipDate: s.LatestShip.Time,
		EarliestDeliveryDate: s.EarliestDelivery.Time, LatestDeliveryDate: s.LatestDelivery.Time,
		CancelNotifyDate: s.CancelNotify.Time,
		OrderPrograms:    s.OrderPrograms, ShippingPrograms: s.ShippingPrograms,
		Items: d.change.Items[:0],
	}
	for i := range s.Items[:min(len(s.Items), maxItems)] {
		if s.Items[i] != (orderItem{}) {
			d.change.Items = append(d.change.Items, schemas.OrderChangeItem(s.Items[i]))
		}
	}
	return d.ofOrder(owner), nil
}

func (d *decoder) orderStatusChange(in *orderStatusChange, at arrival, accounts *account.Directory) (decoded, *rejection) {
	owner, wrong := d.orderOwner(in.SellerID, in.OrderID, in.MarketplaceID, accounts)
	if wrong != nil {
		return decoded{}, wrong
	}
	d.change = schemas.OrderChange{
		NotificationID: d.notificationID(d.in.Metadata.NotificationID, at), NotificationType: d.in.Type,
		Account: owner.ID, SellerID: in.SellerID, MarketplaceID: in.MarketplaceID, OrderID: in.OrderID,
		ChangeType: "OrderStatusChange",
		EventTime:  d.eventTime(d.in.EventTime, d.in.Metadata.PublishTime, at), PublishTime: d.in.Metadata.PublishTime.Time, ReceivedTime: at.sent,
		OrderStatus: in.OrderStatus, PurchaseDate: in.PurchaseDate.Time, FulfillmentType: in.FulfillmentChannel,
		Items: append(d.change.Items[:0], schemas.OrderChangeItem{
			OrderItemID: in.OrderItemID, SellerSKU: in.SellerSKU, SupplySourceID: in.SupplySourceID, Quantity: in.Quantity,
		}),
	}
	return d.ofOrder(owner), nil
}

// ofOrder makes the record of d.change.
func (d *decoder) ofOrder(owner *account.Account) decoded {
	return decoded{
		topic: schemas.OrderChanges, account: owner.ID, value: &d.change,
		unwanted: !owner.Wants(model.FulfilledByOf(d.change.FulfillmentType)),
	}
}

// orderOwner checks what every order notification must have and finds its account.
func (d *decoder) orderOwner(seller, order, marketplace string, accounts *account.Directory) (*account.Account, *rejection) {
	if wrong := checkIDs(field{"AmazonOrderId", order}); wrong != nil {
		return nil, wrong
	}
	return d.owner(seller, marketplace, accounts)
}

// owner finds the account of a seller in the region of a marketplace or, where none is
// known, of the queue.
func (d *decoder) owner(seller, marketplace string, accounts *account.Directory) (*account.Account, *rejection) {
	if wrong := checkIDs(field{"SellerId", seller}); wrong != nil {
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

// readdress makes a feed's value that of the next account that it may be of.
func (d *decoder) readdress(out *decoded) (account string) {
	d.feed.Account = out.others[0].ID
	out.others = out.others[1:]
	return d.feed.Account
}

// feedFinished makes the record of a feed's end. It names the seller and not the
// region, and one queue can serve several: where the seller is more than one
// account of ours, each gets the record, marked as a candidate, and takes it if
// it submitted that feed.
func (d *decoder) feedFinished(in *feedProcessingFinished, at arrival, accounts *account.Directory) (decoded, *rejection) {
	if wrong := checkIDs(field{"feedId", in.FeedID}); wrong != nil {
		return decoded{}, wrong
	}
	owners := accounts.OfSeller(in.SellerID, in.AccountID)
	if len(owners) == 0 {
		return decoded{}, reject(ReasonUnknownAccount, "no account is configured for sellerId %.64q or accountId %.64q: add it to the configuration, or end its subscription", in.SellerID, in.AccountID)
	}
	d.feed = schemas.FeedNotification{
		NotificationID: d.notificationID(d.in.CamelMetadata.NotificationID, at), Account: owners[0].ID,
		SellerID: in.SellerID, AmazonAccountID: in.AccountID,
		FeedID: in.FeedID, FeedType: in.FeedType, ProcessingStatus: in.ProcessingStatus,
		ResultFeedDocumentID: in.ResultFeedDocumentID,
		EventTime:            d.eventTime(d.in.CamelEventTime, d.in.CamelMetadata.PublishTime, at),
		PublishTime:          d.in.CamelMetadata.PublishTime.Time, ReceivedTime: at.sent,
		Candidate: len(owners) > 1 || d.region != "" && owners[0].Region != d.region,
	}
	return decoded{topic: schemas.FeedNotifications, account: owners[0].ID, value: &d.feed, others: owners[1:]}, nil
}

func place(region model.Region) string {
	if region == "" {
		return "any one region (the queue's configuration names none)"
	}
	return "region " + string(region)
}

// notificationID is Amazon's id of a notification or, where that is missing or
// odd, one of its message: readers know repeats by it.
func (d *decoder) notificationID(given string, at arrival) string {
	if checkIDs(field{"notification id", given}) == nil {
		return given
	}
	d.odd = append(d.odd, oddity{"/NotificationMetadata/NotificationId", "the notification has no id, or an odd one"})
	return "sqs-" + at.id
}

// eventTime is when it happened or, where that is not known, the nearest time
// that is.
func (d *decoder) eventTime(given, published timestamp, at arrival) time.Time {
	switch {
	case !given.IsZero():
		return given.Time
	case !published.IsZero():
		return published.Time
	}
	return at.sent
}

// maxItems bounds the items of an order change; Amazon's orders have fewer.
const maxItems = 1000

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
