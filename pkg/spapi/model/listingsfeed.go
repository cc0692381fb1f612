package model

import (
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// This file is the document of a JSON_LISTINGS_FEED (listings-feed-schema-v2):
// how it is written, how large it gets, and what is wrong with one.

const (
	// FeedContentType is the content type of a listings feed, for
	// createFeedDocument and, to the letter, for the upload.
	FeedContentType = "application/json; charset=UTF-8"
	// MaxFeedMessages is how many messages Amazon takes in a feed.
	MaxFeedMessages = 25_000
	// MaxFeedBytes is how large a feed may be (Amazon's listings guide).
	MaxFeedBytes = 10 << 20
	// maxMessageID is the schema's.
	maxMessageID = 1<<31 - 1
	// feedVersion is the version of the document's format.
	feedVersion = "2.0"
)

// The fixed parts of a document and of a message.
const (
	afterHeader = `},"messages":[`
	trailer     = `]}`
	beforePatch = `,"patches":[{"op":"merge","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":`
	afterPatch  = `}]}]}`
)

// Size is the length of the document in bytes: Overhead and the EncodedSize of
// each message.
func (f *ListingsFeed) Size() int {
	size := f.Overhead()
	for i := range f.Messages {
		size += f.Messages[i].EncodedSize()
	}
	return size
}

// Overhead is what a document's Size has besides its messages, in bytes.
func (f *ListingsFeed) Overhead() int {
	var space [256]byte
	// EncodedSize counts a comma for each message, and the first has none.
	return len(f.appendHeader(space[:0])) + len(trailer) - 1
}

// EncodedSize is what the message adds to the Size of any document, in bytes.
func (m *QuantityMessage) EncodedSize() int {
	var space [512]byte
	return len(m.append(space[:0])) + 1
}

func (f *ListingsFeed) appendHeader(b []byte) []byte {
	b = append(b, `{"header":{"sellerId":`...)
	b = quote(b, f.SellerID)
	b = append(b, `,"version":"`+feedVersion+`"`...)
	if f.IssueLocale != "" {
		b = append(b, `,"issueLocale":`...)
		b = quote(b, f.IssueLocale)
	}
	if f.Shown {
		b = append(b, `,"report":{"includedData":["fulfillmentAvailability"],"apiVersion":"2021-08-01"}`...)
	}
	return append(b, afterHeader...)
}

func (m *QuantityMessage) append(b []byte) []byte {
	b = append(b, `{"messageId":`...)
	b = strconv.AppendInt(b, int64(m.MessageID), 10)
	b = append(b, `,"sku":`...)
	b = quote(b, m.SKU)
	b = append(b, `,"operationType":"PATCH","productType":`...)
	b = quote(b, m.ProductType)
	b = append(b, beforePatch...)
	b = quote(b, m.FulfillmentChannelCode)
	b = append(b, `,"quantity":`...)
	b = strconv.AppendInt(b, int64(m.Quantity), 10)
	return append(b, afterPatch...)
}

// quote writes text as a JSON string. It replaces bytes that are not UTF-8, which
// Faults reports.
func quote(b []byte, text string) []byte {
	b, _ = jsontext.AppendQuote(b, text)
	return b
}

// FeedType is Amazon's type of the feed.
func (f *ListingsFeed) FeedType() string { return JSONListingsFeed }

// ContentType is the document's content type.
func (f *ListingsFeed) ContentType() string { return FeedContentType }

// Len is how many messages the document has.
func (f *ListingsFeed) Len() int { return len(f.Messages) }

// Reader reads the document, as it is sent, without holding it. Every Reader of the
// same feed reads the same bytes.
func (f *ListingsFeed) Reader() io.Reader {
	return &feedReader{parts: len(f.Messages) + 2, encode: func(b []byte, part int) []byte {
		switch part {
		case 0:
			return f.appendHeader(b)
		case len(f.Messages) + 1:
			return append(b, trailer...)
		case 1:
			return f.Messages[0].append(b)
		}
		return f.Messages[part-1].append(append(b, ','))
	}}
}

// Faults is everything for which Amazon's schema of a listings feed refuses the
// document, and what would make its report ambiguous: an id or a SKU that comes
// twice. There are none when the feed can be uploaded.
func (f *ListingsFeed) Faults() []FeedFault {
	var faults []FeedFault
	whole := func(wrong bool, reason string) {
		if wrong {
			faults = append(faults, FeedFault{Message: -1, Reason: reason})
		}
	}
	whole(f.SellerID == "", "has no seller id")
	whole(!utf8.ValidString(f.SellerID) || !utf8.ValidString(f.IssueLocale), "has a header that is no UTF-8")
	whole(len(f.Messages) == 0, "has no message")
	whole(len(f.Messages) > MaxFeedMessages, fmt.Sprintf("has %d messages; Amazon takes %d", len(f.Messages), MaxFeedMessages))
	size := f.Overhead()
	ids, skus := make(map[int]struct{}, len(f.Messages)), make(map[string]struct{}, len(f.Messages))
	for i := range f.Messages {
		m := &f.Messages[i]
		size += m.EncodedSize()
		reasons := m.faults()
		if _, twice := ids[m.MessageID]; twice {
			reasons = append(reasons, fmt.Sprintf("has the id %d of another message", m.MessageID))
		}
		if _, twice := skus[m.SKU]; twice {
			reasons = append(reasons, "has the SKU of another message")
		}
		ids[m.MessageID], skus[m.SKU] = struct{}{}, struct{}{}
		for _, reason := range reasons {
			faults = append(faults, FeedFault{Message: i, Item: m.SKU, Reason: reason})
		}
	}
	whole(size > MaxFeedBytes, fmt.Sprintf("has %d bytes; Amazon takes %d", size, MaxFeedBytes))
	return faults
}

// faults are what is wrong with a message alone.
func (m *QuantityMessage) faults() []string {
	var reasons []string
	wrong := func(is bool, reason string) {
		if is {
			reasons = append(reasons, reason)
		}
	}
	wrong(m.MessageID < 1 || m.MessageID > maxMessageID, "has an id that is not between 1 and 2147483647")
	wrong(m.SKU == "", "has no SKU")
	wrong(m.ProductType == "", "has no product type")
	wrong(m.FulfillmentChannelCode == "", "has no fulfillment channel code")
	wrong(m.Quantity < 0, "has a negative quantity")
	wrong(!utf8.ValidString(m.SKU) || !utf8.ValidString(m.ProductType) || !utf8.ValidString(m.FulfillmentChannelCode), "is no UTF-8")
	return reasons
}
