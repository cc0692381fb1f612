package model

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/property"
)

func read(t interface{ Fatal(...any) }, f *ListingsFeed) []byte {
	text, err := io.ReadAll(f.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestListingsFeedDocument(t *testing.T) {
	t.Parallel()
	feed := ListingsFeed{SellerID: "AXXXXXXXXXXXX", IssueLocale: "en_US", Messages: []QuantityMessage{
		{MessageID: 1, SKU: `My "SKU"\A`, ProductType: "LUGGAGE", FulfillmentChannelCode: "DEFAULT", Quantity: 10},
		{MessageID: 7, SKU: "ä€\u2028<&>\x01", ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT"},
	}}
	const want = `{"header":{"sellerId":"AXXXXXXXXXXXX","version":"2.0","issueLocale":"en_US"},"messages":[` +
		`{"messageId":1,"sku":"My \"SKU\"\\A","operationType":"PATCH","productType":"LUGGAGE","patches":[{"op":"merge",` +
		`"path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":10}]}]},` +
		`{"messageId":7,"sku":"ä€` + "\u2028" + `<&>\u0001","operationType":"PATCH","productType":"PRODUCT","patches":[{"op":"merge",` +
		`"path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":0}]}]}]}`
	if got := string(read(t, &feed)); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	feed.Shown = true
	if got := string(read(t, &feed)); len(got) != feed.Size() || !strings.Contains(got, `"issueLocale":"en_US","report":{"includedData":["fulfillmentAvailability"],"apiVersion":"2021-08-01"}},"messages":[`) {
		t.Errorf("with quantities in its report: %s", got)
	}
	feed.IssueLocale, feed.Messages, feed.Shown = "", nil, false
	if got := string(read(t, &feed)); got != `{"header":{"sellerId":"AXXXXXXXXXXXX","version":"2.0"},"messages":[]}` {
		t.Errorf("without a message: %s", got)
	}
}

func anyMessage(r *rapid.T) QuantityMessage {
	return QuantityMessage{
		MessageID: rapid.Int().Draw(r, "id"), SKU: rapid.String().Draw(r, "sku"), ProductType: rapid.String().Draw(r, "type"),
		FulfillmentChannelCode: rapid.String().Draw(r, "channel"), Quantity: rapid.Int().Draw(r, "quantity"),
	}
}

// TestSizeIsTheDocuments also reads in pieces of every size, and twice.
func TestSizeIsTheDocuments(t *testing.T) {
	t.Parallel()
	property.Check(t, func(r *rapid.T) {
		feed := ListingsFeed{
			SellerID: rapid.String().Draw(r, "seller"), IssueLocale: rapid.String().Draw(r, "locale"),
			Messages: rapid.SliceOf(rapid.Custom(anyMessage)).Draw(r, "messages"),
		}
		// Enough of them for several chunks.
		if n := len(feed.Messages); n > 0 {
			feed.Messages = slices.Repeat(feed.Messages, rapid.IntRange(1, 1+300/n).Draw(r, "times"))
		}
		text := read(r, &feed)
		if len(feed.Messages) > 0 && feed.Size() != len(text) {
			r.Fatalf("Size says %d of %d bytes", feed.Size(), len(text))
		}
		if !json.Valid(text) {
			r.Fatalf("no JSON: %q", text)
		}
		if err := iotest.TestReader(feed.Reader(), text); err != nil {
			r.Fatal(err)
		}
	})
}

func TestChunksEndAnywhere(t *testing.T) {
	t.Parallel()
	// One message that grows past the border of a chunk, byte by byte.
	for size := chunk - 260; size < chunk-180; size++ {
		feed := ListingsFeed{SellerID: "A", Messages: []QuantityMessage{{MessageID: 1, SKU: strings.Repeat("x", size)}}}
		if text := read(t, &feed); len(text) != feed.Size() || !json.Valid(text) {
			t.Fatalf("at %d: %d bytes, Size says %d", size, len(text), feed.Size())
		}
	}
}

func TestListingsFeedFaults(t *testing.T) {
	t.Parallel()
	good := QuantityMessage{MessageID: 1, SKU: "S", ProductType: "P", FulfillmentChannelCode: "DEFAULT", Quantity: 1}
	with := func(change func(*QuantityMessage)) []QuantityMessage {
		changed := good
		changed.MessageID, changed.SKU = 2, "T"
		change(&changed)
		return []QuantityMessage{good, changed}
	}
	many := func(count, length int) []QuantityMessage {
		messages := make([]QuantityMessage, count)
		for i := range messages {
			messages[i] = good
			messages[i].MessageID, messages[i].SKU = i+1, fmt.Sprintf("%0*d", length, i)
		}
		return messages
	}
	for _, test := range []struct {
		name string
		feed ListingsFeed
		want []string // what the faults say
	}{
		{"good", ListingsFeed{SellerID: "A", Messages: with(func(*QuantityMessage) {})}, nil},
		{"all of it", ListingsFeed{SellerID: "A", Messages: many(MaxFeedMessages, 40)}, nil},
		{"too many", ListingsFeed{SellerID: "A", Messages: many(MaxFeedMessages+1, 5)}, []string{"the feed has 25001 messages"}},
		{"too large", ListingsFeed{SellerID: "A", Messages: many(MaxFeedMessages, 300)}, []string{"the feed has"}},
		{"nothing", ListingsFeed{}, []string{"the feed has no seller id", "the feed has no message"}},
		{"header", ListingsFeed{SellerID: "\xff", Messages: []QuantityMessage{good}}, []string{"header that is no UTF-8"}},
		{"all of a message", ListingsFeed{SellerID: "A", Messages: []QuantityMessage{{Quantity: -1}}}, []string{
			"message 1 (\"\") has an id", "has no SKU", "has no product type", "has no fulfillment channel code", "has a negative quantity",
		}},
		{"id too large", ListingsFeed{SellerID: "A", Messages: with(func(m *QuantityMessage) { m.MessageID = 1 << 31 })}, []string{"message 2 (\"T\") has an id"}},
		{"no UTF-8", ListingsFeed{SellerID: "A", Messages: with(func(m *QuantityMessage) { m.SKU = "\xff" })}, []string{`message 2 ("\xff") is no UTF-8`}},
		{"twins", ListingsFeed{SellerID: "A", Messages: []QuantityMessage{good, good}}, []string{"has the id 1 of another message", "has the SKU of another message"}},
	} {
		faults := test.feed.Faults()
		for i, want := range test.want {
			if i >= len(faults) || !strings.Contains(faults[i].Error(), want) {
				t.Errorf("%s: %v, want %q", test.name, faults, want)
			}
		}
		if len(faults) != len(test.want) {
			t.Errorf("%s: %v", test.name, faults)
		}
	}
}

// TestAFeedCanBeCutToTheByte fills a feed as far as it goes.
func TestAFeedCanBeCutToTheByte(t *testing.T) {
	t.Parallel()
	feed := ListingsFeed{SellerID: "A"}
	message := QuantityMessage{SKU: strings.Repeat("x", 100_000), ProductType: "P", FulfillmentChannelCode: "DEFAULT"}
	size := feed.Overhead()
	for {
		message.MessageID++
		next := message
		next.SKU += fmt.Sprint(message.MessageID)
		if size+next.EncodedSize() > MaxFeedBytes {
			next.SKU = next.SKU[:max(0, len(next.SKU)-(size+next.EncodedSize()-MaxFeedBytes))]
			feed.Messages = append(feed.Messages, next)
			break
		}
		size += next.EncodedSize()
		feed.Messages = append(feed.Messages, next)
	}
	if text := read(t, &feed); len(text) != MaxFeedBytes || len(feed.Faults()) != 0 {
		t.Fatalf("%d bytes, %v", len(text), feed.Faults())
	}
	feed.Messages[0].Quantity = 10
	if faults := feed.Faults(); len(faults) != 1 || !strings.Contains(faults[0].Error(), "has 10485761 bytes") {
		t.Errorf("%v at one byte more", faults)
	}
}

func BenchmarkEncodedSize(b *testing.B) {
	message := QuantityMessage{MessageID: 12345, SKU: "SKU-0123456789-ABCDEF", ProductType: "PRODUCT", FulfillmentChannelCode: "DEFAULT", Quantity: 10}
	b.ReportAllocs()
	for b.Loop() {
		_ = message.EncodedSize()
	}
}
