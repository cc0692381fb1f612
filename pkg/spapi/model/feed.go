package model

import "time"

// JSONListingsFeed is the one feed type for listings that Amazon still takes:
// XML and flat-file feeds of this kind end FATAL since 2025-07-31.
const JSONListingsFeed = "JSON_LISTINGS_FEED"

// Values of Feed.ProcessingStatus. Others may come.
const (
	FeedInQueue    = "IN_QUEUE"
	FeedInProgress = "IN_PROGRESS"
	FeedDone       = "DONE"
	FeedCancelled  = "CANCELLED"
	FeedFatal      = "FATAL" // some, none or all of it may have been applied
)

// ListingsFeed is the document of a JSON_LISTINGS_FEED that sets quantities.
// It has at most 25,000 messages.
type ListingsFeed struct {
	SellerID    string
	IssueLocale string // such as "en_US"; "" for Amazon's default
	Shown       bool   // whether the report shows the quantities that the SKUs have then
	Messages    []QuantityMessage
}

// QuantityMessage sets the quantity of one SKU by a PATCH that merges
// fulfillment_availability, so that lead time and restock date stay.
type QuantityMessage struct {
	MessageID              int // unique in the feed, from 1
	SKU                    string
	ProductType            string // such as "LUGGAGE"; "PRODUCT" fits all
	FulfillmentChannelCode string // "DEFAULT" for the merchant's own stock
	Quantity               int
}

// UploadFeedRequest makes a feed document (createFeedDocument, whose quota it spends)
// and uploads Feed to it. It can be repeated: a document that no feed names has no
// effect.
type UploadFeedRequest struct {
	Feed FeedDocument
}

// UploadFeedResponse is an uploaded document.
type UploadFeedResponse struct {
	FeedDocumentID string
	SHA256         string // of the document, in hexadecimal
	Bytes          int64
}

// CreateFeedRequest is createFeed's body: the one call that must not be
// repeated before it is known how it ended.
type CreateFeedRequest struct {
	FeedType            string   `json:"feedType"`
	MarketplaceIDs      []string `json:"marketplaceIds"` // exactly one for a JSON_LISTINGS_FEED
	InputFeedDocumentID string   `json:"inputFeedDocumentId"`
}

// CreateFeedResponse is createFeed's answer.
type CreateFeedResponse struct {
	FeedID string `json:"feedId"` // unique only with the seller
}

// GetFeedRequest asks how a feed is doing.
type GetFeedRequest struct{ FeedID string }

// Feed is a feed as getFeed and getFeeds show it. It names neither its input
// document nor its options.
type Feed struct {
	FeedID               string     `json:"feedId" answer:"max=8388608"` // spapi bounds it
	FeedType             string     `json:"feedType"`
	MarketplaceIDs       []string   `json:"marketplaceIds"`
	CreatedTime          time.Time  `json:"createdTime"`
	ProcessingStatus     string     `json:"processingStatus"`
	ProcessingStartTime  *time.Time `json:"processingStartTime"`
	ProcessingEndTime    *time.Time `json:"processingEndTime"`
	ResultFeedDocumentID string     `json:"resultFeedDocumentId" answer:"max=8388608"` // "" until there is a report, and for ever if there is none
}

// GetFeedsRequest lists feeds, newest first. NextToken excludes all the others.
type GetFeedsRequest struct {
	FeedTypes          []string  // at most 10
	MarketplaceIDs     []string  // at most 10; empty for all
	ProcessingStatuses []string  // empty for all
	CreatedSince       time.Time // zero for Amazon's default of 90 days ago
	CreatedUntil       time.Time // zero for now
	PageSize           int       // 1 to 100; 0 for Amazon's default of 10
	NextToken          string
}

// GetFeedsResponse is one page.
type GetFeedsResponse struct {
	Feeds     []Feed `json:"feeds" answer:"strict"`
	NextToken string `json:"nextToken" answer:"strict,max=16384"` // "" on the last page
}

// CancelFeedRequest cancels a feed that is IN_QUEUE; any other is refused.
type CancelFeedRequest struct{ FeedID string }

// CancelFeedResponse says that Amazon took the cancellation. Whether the feed
// was cancelled is in its status.
type CancelFeedResponse struct{}

// ReadFeedReportRequest reads a feed's processing report (getFeedDocument,
// whose quota it spends, then the download).
type ReadFeedReportRequest struct {
	FeedDocumentID string // Feed.ResultFeedDocumentID
}

// FeedReport is a processing report (listings-feed-processing-report-schema-v2, or the
// ProcessingReport in XML of a feed about orders). Only severity and message of an issue
// are sure to be there.
type FeedReport struct {
	FeedID string // as the report's header names it; "" where it does not
	Issues []FeedIssue
	// IssuesOmitted counts the issues that were left out of a report that has more
	// than a client can keep. The first error of each message is always kept.
	IssuesOmitted int
	Summary       FeedReportSummary
	// Shown are the quantities that the listings have, where the feed asked for them.
	Shown []ShownQuantity
	// Unreadable is why the document cannot be read as a report, such as the text of
	// a flat-file feed; "" for one that was read. A fault that a repeat could mend
	// is an error of the call instead.
	Unreadable string
}

// FeedIssue is one issue of a report.
type FeedIssue struct {
	MessageID     int // 0 for an issue of the feed as a whole
	SKU           string
	Code          string
	Severity      string // ERROR, WARNING or INFO; others may come
	Message       string
	AttributeName string
}

// ShownQuantity is the quantity of a listing's channel in a report.
type ShownQuantity struct {
	SKU                    string
	FulfillmentChannelCode string
	Quantity               int
}

// FeedReportSummary is the report's count. Accepted means "being applied".
type FeedReportSummary struct {
	Errors            int
	Warnings          int
	MessagesProcessed int
	MessagesAccepted  int
	MessagesInvalid   int
}
