package model

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"time"
	"unicode/utf8"
)

// This file is the XML documents of the feeds about orders: how they are written, how
// large they get, and what is wrong with one. Amazon's schemas are of 2021
// (OrderAcknowledgement.xsd, OrderFulfillment.xsd); the order of elements matters in them.

// Types of feeds about orders.
const (
	// OrderAcknowledgementFeed cancels orders that are not shipped, or lines of them.
	OrderAcknowledgementFeed = "POST_ORDER_ACKNOWLEDGEMENT_DATA"
	// OrderFulfillmentFeed confirms shipments, also those without a tracking number.
	OrderFulfillmentFeed = "POST_ORDER_FULFILLMENT_DATA"
)

const (
	// orderFeedContentType is the content type of an order feed, for createFeedDocument
	// and, to the letter, for the upload.
	orderFeedContentType = "text/xml; charset=UTF-8"
	// MaxTransparencyCodes is how many an item of an order feed may have.
	MaxTransparencyCodes = 10
)

// Reasons of a cancellation: OrderAcknowledgement.xsd's CancelReason.
const (
	NoInventory                  = "NoInventory"
	ShippingAddressUndeliverable = "ShippingAddressUndeliverable"
	CustomerExchange             = "CustomerExchange"
	BuyerCanceled                = "BuyerCanceled"
	GeneralAdjustment            = "GeneralAdjustment"
	PricingError                 = "PricingError"
)

// CancelReasons returns the reasons that Amazon's schema has.
func CancelReasons() []string {
	return []string{
		NoInventory, ShippingAddressUndeliverable, CustomerExchange, BuyerCanceled, GeneralAdjustment,
		"CarrierCreditDecision", "RiskAssessmentInformationNotValid", "CarrierCoverageFailure", "CustomerReturn",
		"MerchandiseNotReceived", "CannotVerifyInformation", PricingError, "RejectOrder", "WeatherDelay",
	}
}

// OrderFeed is the document of a feed about orders. All its messages are of Type.
type OrderFeed struct {
	Type     string // OrderAcknowledgementFeed or OrderFulfillmentFeed
	SellerID string
	Messages []OrderMessage
}

// OrderMessage is one message of an OrderFeed.
type OrderMessage struct {
	MessageID int // unique in the feed, from 1
	// Exactly one is set, as the feed's type says.
	Acknowledgement *OrderAcknowledgement
	Fulfillment     *PackageFulfillment
}

// OrderAcknowledgement tells Amazon that the merchant does not fulfil lines of an order.
type OrderAcknowledgement struct {
	AmazonOrderID string
	// StatusCode is Failure, which cancels. Success has had no use for years.
	StatusCode string
	Items      []AcknowledgedItem `xml:"Item"` // at least one
}

// AcknowledgementFailure is the StatusCode that cancels.
const AcknowledgementFailure = "Failure"

// AcknowledgedItem is a line of an order that is cancelled, or units of it.
type AcknowledgedItem struct {
	AmazonOrderItemCode string
	CancelReason        string `xml:",omitempty"` // one of CancelReasons
	Quantity            int    `xml:",omitempty"` // 0 for all units
}

// PackageFulfillment confirms a package (OrderFulfillment in the schema). Everything but the order and the time is optional.
type PackageFulfillment struct {
	AmazonOrderID         string
	FulfillmentDate       time.Time
	CarrierCode           string          `xml:"FulfillmentData>CarrierCode,omitempty"`
	CarrierName           string          `xml:"FulfillmentData>CarrierName,omitempty"`
	ShippingMethod        string          `xml:"FulfillmentData>ShippingMethod,omitempty"`
	ShipperTrackingNumber string          `xml:"FulfillmentData>ShipperTrackingNumber,omitempty"`
	CODCollectionMethod   string          `xml:",omitempty"` // Japan: DirectPayment
	Items                 []FulfilledItem `xml:"Item"`       // none for the whole order
}

// FulfilledItem is units of an order's line in a package.
type FulfilledItem struct {
	AmazonOrderItemCode string
	Quantity            int      `xml:",omitempty"` // 0 for all units
	TransparencyCodes   []string `xml:"TransparencyCode"`
}

// FeedType is Amazon's type of the feed.
func (f *OrderFeed) FeedType() string { return f.Type }

// ContentType is the document's content type.
func (f *OrderFeed) ContentType() string { return orderFeedContentType }

// Len is how many messages the document has.
func (f *OrderFeed) Len() int { return len(f.Messages) }

// messageType is the envelope's word for what its messages are; "" for an unknown feed.
func (f *OrderFeed) messageType() string {
	switch f.Type {
	case OrderAcknowledgementFeed:
		return "OrderAcknowledgement"
	case OrderFulfillmentFeed:
		return "OrderFulfillment"
	}
	return ""
}

const envelopeEnd = "</AmazonEnvelope>"

func (f *OrderFeed) appendHeader(b []byte) []byte {
	w := bytes.NewBuffer(append(b, xml.Header+"<AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion><MerchantIdentifier>"...))
	_ = xml.EscapeText(w, []byte(f.SellerID)) // a Buffer takes everything
	fmt.Fprintf(w, "</MerchantIdentifier></Header><MessageType>%s</MessageType>", f.messageType())
	return w.Bytes()
}

// append writes the message. What is no character of XML becomes U+FFFD; Faults reports it.
func (m *OrderMessage) append(b []byte) []byte {
	w := bytes.NewBuffer(append(b, "<Message>"...))
	encoder := xml.NewEncoder(w)
	// Neither the writer nor these types can fail.
	_ = encoder.EncodeElement(m.MessageID, xml.StartElement{Name: xml.Name{Local: "MessageID"}})
	if m.Acknowledgement != nil {
		_ = encoder.Encode(m.Acknowledgement)
	}
	if m.Fulfillment != nil {
		whole := *m.Fulfillment
		whole.FulfillmentDate = whole.FulfillmentDate.UTC().Truncate(time.Second)
		_ = encoder.EncodeElement(whole, xml.StartElement{Name: xml.Name{Local: "OrderFulfillment"}})
	}
	w.WriteString("</Message>")
	return w.Bytes()
}

// Size is the length of the document in bytes: Overhead and the EncodedSize of each
// message.
func (f *OrderFeed) Size() int {
	size := f.Overhead()
	for i := range f.Messages {
		size += f.Messages[i].EncodedSize()
	}
	return size
}

// Overhead is what a document's Size has besides its messages, in bytes.
func (f *OrderFeed) Overhead() int { return len(f.appendHeader(nil)) + len(envelopeEnd) }

// EncodedSize is what the message adds to the Size of any document, in bytes.
func (m *OrderMessage) EncodedSize() int { return len(m.append(nil)) }

// Reader reads the document, as it is sent, without holding it. Every Reader of the same
// feed reads the same bytes.
func (f *OrderFeed) Reader() io.Reader {
	return &feedReader{parts: len(f.Messages) + 2, encode: func(b []byte, part int) []byte {
		switch part {
		case 0:
			return f.appendHeader(b)
		case len(f.Messages) + 1:
			return append(b, envelopeEnd...)
		}
		return f.Messages[part-1].append(b)
	}}
}

// Faults is everything for which Amazon's schema of an order feed refuses the document,
// and what would make its report ambiguous: an id that comes twice. There are none when
// the feed can be uploaded.
func (f *OrderFeed) Faults() []FeedFault {
	var faults []FeedFault
	whole := func(wrong bool, reason string) {
		if wrong {
			faults = append(faults, FeedFault{Message: -1, Reason: reason})
		}
	}
	whole(f.messageType() == "", "has the type of another feed: it must be one about orders")
	whole(!xmlText(f.SellerID), "has no seller id, or one that XML cannot hold")
	whole(len(f.Messages) == 0, "has no message")
	whole(len(f.Messages) > MaxFeedMessages, fmt.Sprintf("has %d messages; Amazon takes %d", len(f.Messages), MaxFeedMessages))
	size := f.Overhead()
	ids := make(map[int]struct{}, len(f.Messages))
	for i := range f.Messages {
		m := &f.Messages[i]
		size += m.EncodedSize()
		reasons := m.faults(f.Type)
		if _, twice := ids[m.MessageID]; twice {
			reasons = append(reasons, fmt.Sprintf("has the id %d of another message", m.MessageID))
		}
		ids[m.MessageID] = struct{}{}
		for _, reason := range reasons {
			faults = append(faults, FeedFault{Message: i, Item: m.order(), Reason: reason})
		}
	}
	whole(size > MaxFeedBytes, fmt.Sprintf("has %d bytes; Amazon takes %d", size, MaxFeedBytes))
	return faults
}

func (m *OrderMessage) order() string {
	switch {
	case m.Acknowledgement != nil:
		return m.Acknowledgement.AmazonOrderID
	case m.Fulfillment != nil:
		return m.Fulfillment.AmazonOrderID
	}
	return ""
}

// faults are what is wrong with a message alone.
func (m *OrderMessage) faults(feedType string) []string {
	var reasons faultList
	reasons.add(m.MessageID < 1 || m.MessageID > maxMessageID, "has an id that is not between 1 and 2147483647")
	reasons.add((m.Acknowledgement != nil) != (feedType == OrderAcknowledgementFeed) || (m.Fulfillment != nil) != (feedType == OrderFulfillmentFeed),
		"is not what the feed's type says")
	if a := m.Acknowledgement; a != nil {
		a.faults(&reasons)
	}
	if f := m.Fulfillment; f != nil {
		f.faults(&reasons)
	}
	return reasons
}

type faultList []string

func (l *faultList) add(wrong bool, reason string) {
	if wrong {
		*l = append(*l, reason)
	}
}

func (a *OrderAcknowledgement) faults(reasons *faultList) {
	reasons.add(!xmlText(a.AmazonOrderID), "has no order id, or one that XML cannot hold")
	reasons.add(a.StatusCode != AcknowledgementFailure, "has a status code that does not cancel")
	reasons.add(len(a.Items) == 0, "has no item")
	for _, item := range a.Items {
		reasons.add(!xmlText(item.AmazonOrderItemCode), "has an item without a code, or with one that XML cannot hold")
		reasons.add(item.CancelReason != "" && !slices.Contains(CancelReasons(), item.CancelReason), "has a reason that is not in Amazon's schema")
		reasons.add(item.Quantity < 0, "has an item with a negative quantity")
	}
}

func (f *PackageFulfillment) faults(reasons *faultList) {
	reasons.add(!xmlText(f.AmazonOrderID), "has no order id, or one that XML cannot hold")
	reasons.add(f.FulfillmentDate.Year() < 2000 || f.FulfillmentDate.Year() > 9999, "has no time of fulfillment")
	for _, text := range []string{f.CarrierCode, f.CarrierName, f.ShippingMethod, f.ShipperTrackingNumber, f.CODCollectionMethod} {
		reasons.add(text != "" && !xmlText(text), "has a text that XML cannot hold")
	}
	for _, item := range f.Items {
		reasons.add(!xmlText(item.AmazonOrderItemCode), "has an item without a code, or with one that XML cannot hold")
		reasons.add(item.Quantity < 0, "has an item with a negative quantity")
		reasons.add(len(item.TransparencyCodes) > MaxTransparencyCodes, "has an item with more than 10 transparency codes")
		reasons.add(slices.ContainsFunc(item.TransparencyCodes, func(code string) bool { return !xmlText(code) }),
			"has a transparency code that XML cannot hold")
	}
}

// xmlText reports whether text is not empty and consists of characters of XML 1.0 alone.
func xmlText(text string) bool {
	if text == "" || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return false
		}
	}
	return true
}
