package model

// Values of ListingsItemSubmission.Status.
const (
	SubmissionAccepted = "ACCEPTED" // being applied
	SubmissionInvalid  = "INVALID"  // refused, although the HTTP status is 200
)

// PatchQuantityRequest sets the quantity of one SKU at once (patchListingsItem
// with one merge of fulfillment_availability). Quantities are absolute, so that
// a repeat is harmless.
type PatchQuantityRequest struct {
	SellerID               string
	MarketplaceID          string
	SKU                    string
	ProductType            string
	FulfillmentChannelCode string
	Quantity               int
	IssueLocale            string // "" for Amazon's default
}

// ListingsItemSubmission is patchListingsItem's answer. A status of INVALID is a
// rejection inside a 200; its reasons are in Issues.
type ListingsItemSubmission struct {
	SKU          string         `json:"sku" answer:"max=400"`
	Status       string         `json:"status" answer:"required,max=64"`
	SubmissionID string         `json:"submissionId" answer:"max=200"`
	Issues       []ListingIssue `json:"issues"`
}

// ListingIssue is one issue of a listing.
type ListingIssue struct {
	Code           string   `json:"code" answer:"max=200"`
	Message        string   `json:"message" answer:"cut=4000"`
	Severity       string   `json:"severity" answer:"max=64"` // ERROR, WARNING or INFO
	AttributeNames []string `json:"attributeNames"`
}

// GetListingsItemRequest reads the fulfillment availability and the issues of one SKU.
type GetListingsItemRequest struct {
	SellerID      string
	MarketplaceID string
	SKU           string
}

// MaxSearchedSKUs is how many SKUs a search can name.
const MaxSearchedSKUs = 20

// SearchListingsItemsRequest reads the fulfillment availability of some SKUs.
type SearchListingsItemsRequest struct {
	SellerID      string
	MarketplaceID string
	SKUs          []string // 1 to MaxSearchedSKUs, none with a comma
}

// SearchListingsItemsResponse has those of them that the seller lists in the marketplace.
type SearchListingsItemsResponse struct {
	Items []ListingsItem `json:"items" answer:"required,partial,max=100"`
}

// ListingsItem is what this project uses of a listing.
type ListingsItem struct {
	SKU                     string                    `json:"sku" answer:"required,max=400"`
	Issues                  []ListingIssue            `json:"issues"`
	FulfillmentAvailability []FulfillmentAvailability `json:"fulfillmentAvailability"`
}

// FulfillmentAvailability is the quantity that is offered through one channel.
type FulfillmentAvailability struct {
	FulfillmentChannelCode string `json:"fulfillmentChannelCode"`
	Quantity               *int   `json:"quantity"` // nil where Amazon gives none
}
