package model

import "time"

// Values of GetOrderRequest.IncludedData (Orders 2026-01-01). Items always
// come; the fulfillment status comes only with IncludeFulfillment. BUYER,
// RECIPIENT, TAX and PAYMENT bring buyer data and need Amazon roles.
const (
	IncludeFulfillment  = "FULFILLMENT"
	IncludeProceeds     = "PROCEEDS"
	IncludePromotion    = "PROMOTION"
	IncludeCancellation = "CANCELLATION"
	IncludePackages     = "PACKAGES"
	IncludeBuyer        = "BUYER"
	IncludeRecipient    = "RECIPIENT"
)

// StatusCancelled is the fulfillment status of a cancelled order.
const StatusCancelled = "CANCELLED"

// GetOrderRequest asks for one order.
type GetOrderRequest struct {
	OrderID      string
	IncludedData []string // datasets to include; nil for none but the basic ones
}

// GetOrderResponse is the answer to a GetOrderRequest.
type GetOrderResponse struct {
	Order Order `json:"order" answer:"required"`
}

// SearchOrdersRequest asks for a page of the orders of a span of time. Give exactly one
// of CreatedAfter and LastUpdatedAfter, and no other end than the one of its name. The
// end must be at least two minutes ago; zero stands for Amazon's default of two minutes
// ago. Times are sent in milliseconds, and orders of either end's time are included.
// The next page is asked for with the same times and filters and its token.
type SearchOrdersRequest struct {
	CreatedAfter        time.Time
	CreatedBefore       time.Time
	LastUpdatedAfter    time.Time
	LastUpdatedBefore   time.Time
	FulfillmentStatuses []string // empty for all
	MarketplaceIDs      []string // at most 50; empty for all
	FulfilledBy         []string // MERCHANT, AMAZON; empty for both
	MaxResultsPerPage   int      // 1 to 100; 0 for Amazon's default of 100
	PaginationToken     string   // lives 24 hours; "" for the first page
	IncludedData        []string // as GetOrderRequest's
}

// SearchOrdersResponse is a page of orders.
type SearchOrdersResponse struct {
	Orders     []Order     `json:"orders" answer:"required,partial,max=100"`
	Pagination *Pagination `json:"pagination" answer:"strict"` // nil on the last page
	// The end of the span that was searched, whichever the request was about.
	CreatedBefore     time.Time `json:"createdBefore"`
	LastUpdatedBefore time.Time `json:"lastUpdatedBefore"`
}

// Pagination leads to the next page.
type Pagination struct {
	NextToken string `json:"nextToken" answer:"strict,max=16384"`
}

// Order is what this project uses of Amazon's Order (Orders 2026-01-01).
// Statuses and programs are open sets; values unknown today may come.
type Order struct {
	OrderID         string            `json:"orderId" answer:"required,max=64"`
	CreatedTime     time.Time         `json:"createdTime" answer:"required"`
	LastUpdatedTime time.Time         `json:"lastUpdatedTime" answer:"required"`
	Programs        []string          `json:"programs" answer:"max=100"`
	SalesChannel    SalesChannel      `json:"salesChannel"`
	Proceeds        *OrderProceeds    `json:"proceeds"`
	Fulfillment     *OrderFulfillment `json:"fulfillment"`
	Items           []OrderItem       `json:"orderItems" answer:"strict,max=5000"`
	Packages        []OrderPackage    `json:"packages" answer:"max=1000"`
	Buyer           *Buyer            `json:"buyer"`     // nil unless asked for
	Recipient       *Recipient        `json:"recipient"` // nil unless asked for

	// Incomplete are the JSON paths of fields that were left out or cut, because the
	// answer had them too long or of a wrong type.
	Incomplete []string `json:"-"`
}

// Buyer is who bought an order.
type Buyer struct {
	Name                Private `json:"buyerName"`
	Email               Private `json:"buyerEmail"`
	CompanyName         Private `json:"buyerCompanyName"`
	PurchaseOrderNumber Private `json:"buyerPurchaseOrderNumber"`
}

// Recipient is where an order goes, and how it is to be left there.
type Recipient struct {
	Address    *CustomerAddress    `json:"deliveryAddress"`
	Preference *DeliveryPreference `json:"deliveryPreference"`
}

// CustomerAddress is the address of a person.
type CustomerAddress struct {
	Name             Private                `json:"name"`
	CompanyName      Private                `json:"companyName"`
	AddressLine1     Private                `json:"addressLine1"`
	AddressLine2     Private                `json:"addressLine2"`
	AddressLine3     Private                `json:"addressLine3"`
	City             Private                `json:"city"`
	DistrictOrCounty Private                `json:"districtOrCounty"`
	StateOrRegion    Private                `json:"stateOrRegion"`
	Municipality     Private                `json:"municipality"`
	PostalCode       Private                `json:"postalCode"`
	CountryCode      Private                `json:"countryCode"`
	Phone            Private                `json:"phone"`
	AddressType      Private                `json:"addressType"`
	Extended         *AddressExtendedFields `json:"extendedFields"`
}

// AddressExtendedFields are parts of an address that some countries have.
type AddressExtendedFields struct {
	StreetName   Private `json:"streetName"`
	StreetNumber Private `json:"streetNumber"`
	Complement   Private `json:"complement"`
	Neighborhood Private `json:"neighborhood"`
}

// DeliveryPreference is what a buyer wishes of a delivery.
type DeliveryPreference struct {
	DropOffLocation    Private `json:"dropOffLocation"`
	AddressInstruction Private `json:"addressInstruction"`
}

// SalesChannel is where an order was placed.
type SalesChannel struct {
	ChannelName     string `json:"channelName" answer:"max=64"` // AMAZON or NON_AMAZON
	MarketplaceID   string `json:"marketplaceId" answer:"max=64"`
	MarketplaceName string `json:"marketplaceName" answer:"cut=100"`
}

// OrderProceeds is what the seller receives for an order.
type OrderProceeds struct {
	GrandTotal *Money `json:"grandTotal"`
}

// Money is an amount as Amazon writes it: decimal text, never a float.
type Money struct {
	Amount       string `json:"amount" answer:"required,max=40"`
	CurrencyCode string `json:"currencyCode" answer:"required,max=8"` // ISO 4217
}

// OrderFulfillment describes how far an order is, and what was promised.
type OrderFulfillment struct {
	Status          string         `json:"fulfillmentStatus" answer:"strict,max=64"`
	FulfilledBy     string         `json:"fulfilledBy" answer:"max=64"` // AMAZON or MERCHANT
	ServiceLevel    string         `json:"fulfillmentServiceLevel" answer:"max=100"`
	ShipByWindow    *DateTimeRange `json:"shipByWindow"`
	DeliverByWindow *DateTimeRange `json:"deliverByWindow"`
}

// DateTimeRange is a span of time; either end can be missing (zero).
type DateTimeRange struct {
	Earliest time.Time `json:"earliestDateTime"`
	Latest   time.Time `json:"latestDateTime"`
}

// OrderItem is one line of an order.
type OrderItem struct {
	OrderItemID     string            `json:"orderItemId" answer:"required,max=64"`
	QuantityOrdered int32             `json:"quantityOrdered" answer:"required"`
	Programs        []string          `json:"programs" answer:"max=100"`
	Product         ItemProduct       `json:"product"`
	Proceeds        *ItemProceeds     `json:"proceeds"`
	Cancellation    *ItemCancellation `json:"cancellation"`
	Fulfillment     *ItemFulfillment  `json:"fulfillment"`
}

// ItemProduct is what was ordered.
type ItemProduct struct {
	ASIN      string     `json:"asin" answer:"max=64"`
	Title     string     `json:"title" answer:"cut=2000"`
	SellerSKU string     `json:"sellerSku" answer:"strict,max=400"`
	Price     *ItemPrice `json:"price"`
}

// ItemPrice is a product's price.
type ItemPrice struct {
	UnitPrice *Money `json:"unitPrice"`
}

// ItemProceeds is what the seller receives for a line.
type ItemProceeds struct {
	Total *Money `json:"proceedsTotal"`
}

// ItemCancellation says who asked to cancel a line.
type ItemCancellation struct {
	Request *ItemCancellationRequest `json:"cancellationRequest"`
}

// ItemCancellationRequest is a wish to cancel a line.
type ItemCancellationRequest struct {
	Requester    string `json:"requester" answer:"max=64"` // such as BUYER
	CancelReason string `json:"cancelReason" answer:"cut=1000"`
}

// ItemFulfillment counts a line's units.
type ItemFulfillment struct {
	QuantityFulfilled   *int32 `json:"quantityFulfilled"`
	QuantityUnfulfilled *int32 `json:"quantityUnfulfilled"`
}

// OrderPackage is a package shipped for an order.
type OrderPackage struct {
	PackageReferenceID string         `json:"packageReferenceId" answer:"required,max=100"`
	PackageStatus      *PackageStatus `json:"packageStatus"`
	Carrier            string         `json:"carrier" answer:"cut=200"`
	ShipTime           time.Time      `json:"shipTime"`
	ShippingService    string         `json:"shippingService" answer:"cut=200"`
	TrackingNumber     string         `json:"trackingNumber" answer:"max=200"`
	Items              []PackageItem  `json:"packageItems" answer:"max=5000"`
}

// PackageStatus is how far a package is.
type PackageStatus struct {
	Status string `json:"status" answer:"max=64"`
}

// PackageItem is units of one line in a package.
type PackageItem struct {
	OrderItemID string `json:"orderItemId" answer:"required,max=64"`
	Quantity    int32  `json:"quantity" answer:"required"`
}
