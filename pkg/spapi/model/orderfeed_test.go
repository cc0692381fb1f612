package model

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/property"
)

func textOf(t interface{ Fatal(...any) }, f FeedDocument) string {
	text, err := io.ReadAll(f.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOrderFeedDocuments(t *testing.T) {
	t.Parallel()
	const begin = `<?xml version="1.0" encoding="UTF-8"?>` + "\n<AmazonEnvelope><Header><DocumentVersion>1.01</DocumentVersion>" +
		"<MerchantIdentifier>AXXXXXXXXXXXX</MerchantIdentifier></Header>"
	for name, test := range map[string]struct {
		feed OrderFeed
		want string
	}{
		"a cancellation": {OrderFeed{Type: OrderAcknowledgementFeed, SellerID: "AXXXXXXXXXXXX", Messages: []OrderMessage{
			{MessageID: 1, Acknowledgement: &OrderAcknowledgement{AmazonOrderID: "302-1234567-1234567", StatusCode: AcknowledgementFailure, Items: []AcknowledgedItem{
				{AmazonOrderItemCode: "1", CancelReason: NoInventory, Quantity: 2}, {AmazonOrderItemCode: `<&">`},
			}}},
		}}, begin + "<MessageType>OrderAcknowledgement</MessageType><Message><MessageID>1</MessageID><OrderAcknowledgement>" +
			"<AmazonOrderID>302-1234567-1234567</AmazonOrderID><StatusCode>Failure</StatusCode>" +
			"<Item><AmazonOrderItemCode>1</AmazonOrderItemCode><CancelReason>NoInventory</CancelReason><Quantity>2</Quantity></Item>" +
			"<Item><AmazonOrderItemCode>&lt;&amp;&#34;&gt;</AmazonOrderItemCode></Item></OrderAcknowledgement></Message></AmazonEnvelope>"},
		"packages": {OrderFeed{Type: OrderFulfillmentFeed, SellerID: "AXXXXXXXXXXXX", Messages: []OrderMessage{
			{MessageID: 1, Fulfillment: &PackageFulfillment{AmazonOrderID: "o", FulfillmentDate: time.Date(2026, 11, 30, 12, 0, 0, 5e8, time.FixedZone("", 3600)),
				CarrierCode: "Other", CarrierName: "Post & Co", ShippingMethod: "Letter", ShipperTrackingNumber: "1Z", CODCollectionMethod: "DirectPayment",
				Items: []FulfilledItem{{AmazonOrderItemCode: "1", Quantity: 2, TransparencyCodes: []string{"a", "b"}}}}},
			{MessageID: 2, Fulfillment: &PackageFulfillment{AmazonOrderID: "p", FulfillmentDate: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), ShippingMethod: "Letter"}},
			{MessageID: 3, Fulfillment: &PackageFulfillment{AmazonOrderID: "q", FulfillmentDate: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}},
		}}, begin + "<MessageType>OrderFulfillment</MessageType><Message><MessageID>1</MessageID><OrderFulfillment>" +
			"<AmazonOrderID>o</AmazonOrderID><FulfillmentDate>2026-11-30T11:00:00Z</FulfillmentDate><FulfillmentData><CarrierCode>Other</CarrierCode>" +
			"<CarrierName>Post &amp; Co</CarrierName><ShippingMethod>Letter</ShippingMethod><ShipperTrackingNumber>1Z</ShipperTrackingNumber></FulfillmentData>" +
			"<CODCollectionMethod>DirectPayment</CODCollectionMethod><Item><AmazonOrderItemCode>1</AmazonOrderItemCode><Quantity>2</Quantity>" +
			"<TransparencyCode>a</TransparencyCode><TransparencyCode>b</TransparencyCode></Item></OrderFulfillment></Message>" +
			"<Message><MessageID>2</MessageID><OrderFulfillment><AmazonOrderID>p</AmazonOrderID><FulfillmentDate>2026-11-30T12:00:00Z</FulfillmentDate>" +
			"<FulfillmentData><ShippingMethod>Letter</ShippingMethod></FulfillmentData></OrderFulfillment></Message>" +
			"<Message><MessageID>3</MessageID><OrderFulfillment><AmazonOrderID>q</AmazonOrderID><FulfillmentDate>2026-11-30T12:00:00Z</FulfillmentDate>" +
			"<FulfillmentData></FulfillmentData></OrderFulfillment></Message></AmazonEnvelope>"},
	} {
		got := textOf(t, &test.feed)
		if got != test.want {
			t.Errorf("%s: %s\nwant\n%s", name, got, test.want)
		}
		if faults := test.feed.Faults(); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
		if err := orderFeedSchema.check(got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEachOrderFeedFitsTheSchema writes feeds with hostile texts: one without faults fits
// the schema and holds the content that it was given, and each is well-formed and as large as Size says.
func TestEachOrderFeedFitsTheSchema(t *testing.T) {
	t.Parallel()
	property.Check(t, func(r *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "]]>", "<!--", "&#0;", "\x00", "\xff", "\ufffe", "\r\n"}))
		feed := OrderFeed{SellerID: text.Draw(r, "seller"), Type: rapid.SampledFrom([]string{OrderAcknowledgementFeed, OrderFulfillmentFeed}).Draw(r, "type")}
		for i := range rapid.IntRange(0, 60).Draw(r, "messages") {
			m := OrderMessage{MessageID: i + 1}
			items := rapid.IntRange(0, 3).Draw(r, "items")
			if feed.Type == OrderAcknowledgementFeed {
				m.Acknowledgement = &OrderAcknowledgement{AmazonOrderID: text.Draw(r, "order"), StatusCode: AcknowledgementFailure}
				for range items {
					m.Acknowledgement.Items = append(m.Acknowledgement.Items, AcknowledgedItem{
						AmazonOrderItemCode: text.Draw(r, "item"), CancelReason: rapid.SampledFrom(append(CancelReasons(), "")).Draw(r, "reason"), Quantity: rapid.IntRange(-1, 9).Draw(r, "quantity"),
					})
				}
			} else {
				m.Fulfillment = &PackageFulfillment{
					AmazonOrderID: text.Draw(r, "order"), FulfillmentDate: time.Unix(rapid.Int64Range(946684800, 4e9).Draw(r, "at"), 1),
					CarrierCode: text.Draw(r, "code"), CarrierName: text.Draw(r, "name"), ShippingMethod: text.Draw(r, "method"),
					ShipperTrackingNumber: text.Draw(r, "number"), CODCollectionMethod: rapid.SampledFrom([]string{"", "DirectPayment"}).Draw(r, "cod"),
				}
				for range items {
					m.Fulfillment.Items = append(m.Fulfillment.Items, FulfilledItem{
						AmazonOrderItemCode: text.Draw(r, "item"), Quantity: rapid.IntRange(-1, 9).Draw(r, "quantity"), TransparencyCodes: rapid.SliceOfN(text, 0, 11).Draw(r, "codes"),
					})
				}
			}
			feed.Messages = append(feed.Messages, m)
		}
		document := textOf(r, &feed)
		if len(document) != feed.Size() {
			r.Fatalf("Size says %d of %d bytes", feed.Size(), len(document))
		}
		if err := iotest.TestReader(feed.Reader(), []byte(document)); err != nil {
			r.Fatal(err)
		}
		err := orderFeedSchema.check(document)
		if len(feed.Faults()) == 0 && err != nil {
			r.Fatalf("%v in a feed without faults:\n%s", err, document)
		}
		var malformed *xml.SyntaxError
		if errors.As(err, &malformed) {
			r.Fatal(err)
		}
	})
}

func TestOrderFeedFaults(t *testing.T) {
	t.Parallel()
	ack := func(change func(a *OrderAcknowledgement)) OrderMessage {
		a := &OrderAcknowledgement{AmazonOrderID: "o", StatusCode: AcknowledgementFailure, Items: []AcknowledgedItem{{AmazonOrderItemCode: "1"}}}
		change(a)
		return OrderMessage{MessageID: 1, Acknowledgement: a}
	}
	for says, messages := range map[string][]OrderMessage{
		"the feed has no message":                                        nil,
		`message 1 ("o") has an id that is not between`:                  {func() OrderMessage { m := ack(func(*OrderAcknowledgement) {}); m.MessageID = 0; return m }()},
		`message 2 ("o") has the id 1 of another message`:                {ack(func(*OrderAcknowledgement) {}), ack(func(*OrderAcknowledgement) {})},
		`message 1 ("o") has no item`:                                    {ack(func(a *OrderAcknowledgement) { a.Items = nil })},
		`message 1 ("") has no order id`:                                 {ack(func(a *OrderAcknowledgement) { a.AmazonOrderID = "" })},
		`message 1 ("o") has a status code that does not cancel`:         {ack(func(a *OrderAcknowledgement) { a.StatusCode = "Success" })},
		`message 1 ("o") has a reason that is not in Amazon's schema`:    {ack(func(a *OrderAcknowledgement) { a.Items[0].CancelReason = "NO_INVENTORY" })},
		`message 1 ("o") has an item with a negative quantity`:           {ack(func(a *OrderAcknowledgement) { a.Items[0].Quantity = -1 })},
		`message 1 ("o") has an item without a code`:                     {ack(func(a *OrderAcknowledgement) { a.Items[0].AmazonOrderItemCode = "\x01" })},
		`message 1 ("p") is not what the feed's type says`:               {{MessageID: 1, Fulfillment: &PackageFulfillment{AmazonOrderID: "p", FulfillmentDate: time.Now()}}},
		`message 1 ("p") has no time of fulfillment`:                     {{MessageID: 1, Fulfillment: &PackageFulfillment{AmazonOrderID: "p"}}},
		`message 1 ("p") has a text that XML cannot hold`:                {{MessageID: 1, Fulfillment: &PackageFulfillment{AmazonOrderID: "p", CarrierName: "\x00"}}},
		`message 1 ("p") has an item with more than 10 transparency cod`: {{MessageID: 1, Fulfillment: &PackageFulfillment{AmazonOrderID: "p", Items: []FulfilledItem{{TransparencyCodes: make([]string, 11)}}}}},
	} {
		feed := OrderFeed{Type: OrderAcknowledgementFeed, SellerID: "A", Messages: messages}
		if !slices.ContainsFunc(feed.Faults(), func(f FeedFault) bool { return strings.HasPrefix(f.Error(), says) }) {
			t.Errorf("%v, want %q", feed.Faults(), says)
		}
	}
	large := OrderFeed{Type: OrderAcknowledgementFeed, SellerID: "A", Messages: []OrderMessage{
		ack(func(a *OrderAcknowledgement) { a.AmazonOrderID = strings.Repeat("o", MaxFeedBytes) })}}
	if faults := large.Faults(); len(faults) != 1 || !strings.Contains(faults[0].Error(), "bytes; Amazon takes") {
		t.Errorf("%d faults", len(faults))
	}
	if faults := (&OrderFeed{Type: JSONListingsFeed}).Faults(); len(faults) != 3 {
		t.Error(faults)
	}
}

// schema is what Amazon's schemas of 2021 say of an element, as far as this client writes
// it: the elements in it, in this order, or the check of its text.
type schema struct {
	elements []part
	text     func(string) error
}

// part is an element's place in another one.
type part struct {
	name        string
	least, most int // how often it comes
	schema
}

var (
	anyText  = schema{text: func(text string) error { return require(text != "", "no text") }}
	wholeNum = schema{text: func(text string) error {
		n, err := strconv.Atoi(text)
		return errors.Join(err, require(n > 0, "not above 0"))
	}}
	orderFeed = part{"AmazonEnvelope", 1, 1, schema{elements: []part{
		{"Header", 1, 1, schema{elements: []part{{"DocumentVersion", 1, 1, oneOf("1.01")}, {"MerchantIdentifier", 1, 1, anyText}}}},
		{"MessageType", 1, 1, oneOf("OrderAcknowledgement", "OrderFulfillment")},
		{"Message", 1, 1 << 30, schema{elements: []part{
			{"MessageID", 1, 1, wholeNum},
			{"OrderAcknowledgement", 0, 1, schema{elements: []part{
				{"AmazonOrderID", 1, 1, anyText}, {"MerchantOrderID", 0, 1, anyText}, {"StatusCode", 1, 1, oneOf("Success", "Failure")},
				{"Item", 1, 1 << 30, schema{elements: []part{
					{"AmazonOrderItemCode", 1, 1, anyText}, {"MerchantOrderItemID", 0, 1, anyText}, {"CancelReason", 0, 1, oneOf(CancelReasons()...)}, {"Quantity", 0, 1, wholeNum},
				}}},
			}}},
			{"OrderFulfillment", 0, 1, schema{elements: []part{
				{"AmazonOrderID", 1, 1, anyText}, {"MerchantFulfillmentID", 0, 1, wholeNum}, {"FulfillmentDate", 1, 1, aTime()},
				{"FulfillmentData", 0, 1, schema{elements: []part{
					{"CarrierCode", 0, 1, anyText}, {"CarrierName", 0, 1, anyText}, {"ShippingMethod", 0, 1, anyText}, {"ShipperTrackingNumber", 0, 1, anyText},
				}}},
				{"CODCollectionMethod", 0, 1, oneOf("DirectPayment")},
				{"Item", 0, 1 << 30, schema{elements: []part{
					{"AmazonOrderItemCode", 1, 1, anyText}, {"MerchantFulfillmentItemID", 0, 1, wholeNum}, {"Quantity", 0, 1, wholeNum}, {"TransparencyCode", 0, 10, anyText},
				}}},
			}}},
		}}},
	}}}
	orderFeedSchema = schema{elements: []part{orderFeed}}
)

func require(is bool, otherwise string) error {
	if is {
		return nil
	}
	return errors.New(otherwise)
}

func oneOf(words ...string) schema {
	return schema{text: func(text string) error { return require(slices.Contains(words, text), "none of the schema's words") }}
}

func aTime() schema {
	return schema{text: func(text string) error { _, err := time.Parse("2006-01-02T15:04:05Z", text); return err }}
}

func (s *schema) check(document string) error {
	d := xml.NewDecoder(bytes.NewReader([]byte(document)))
	if err := s.element(d); !errors.Is(err, io.EOF) {
		return errors.Join(err, errors.New("the document does not end where it should"))
	}
	return nil
}

// element reads to the element's end, and returns io.EOF at the document's.
func (s *schema) element(d *xml.Decoder) error {
	counts := make([]int, len(s.elements))
	at, text := 0, ""
	for {
		token, err := d.Token()
		switch token := token.(type) {
		case xml.StartElement:
			for at < len(s.elements) && s.elements[at].name != token.Name.Local {
				at++
			}
			if at == len(s.elements) {
				return fmt.Errorf("%s is out of order, or unknown", token.Name.Local)
			}
			counts[at]++
			if err := s.elements[at].element(d); err != nil {
				return fmt.Errorf("%s: %w", token.Name.Local, err)
			}
			continue
		case xml.CharData:
			text += string(token)
			continue
		case xml.ProcInst:
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for i, n := range counts {
			if p := &s.elements[i]; n < p.least || n > p.most {
				return fmt.Errorf("%s comes %d times", p.name, n)
			}
		}
		if s.text != nil {
			return s.text(text)
		}
		return errors.Join(err, require(strings.TrimSpace(text) == "", "text between elements"))
	}
}
