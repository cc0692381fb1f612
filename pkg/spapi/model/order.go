package model

import (
	"time"

	"github.com/sellerstream/sellerstream/schemas"
)

// Values of GetOrderRequest.IncludedData (Orders 2026-01-01). Items always
// come; the fulfillment status comes only with IncludeFulfillment. BUYER,
// RECIPIENT, TAX and PAYMENT bring buyer data and need Amazon roles.
const (
	IncludeFulfillment       = "FULFILLMENT"
	IncludeProceeds          = "PROCEEDS"
	IncludePromotion         = "PROMOTION"
	IncludeCancellation      = "CANCELLATION"
	IncludePackages          = "PACKAGES"
	IncludeExpense           = "EXPENSE"
	IncludeFulfillmentOrders = "FULFILLMENT_ORDERS"
	IncludePayment           = "PAYMENT"
	IncludeTax               = "TAX"
	IncludeBuyer             = "BUYER"
	IncludeRecipient         = "RECIPIENT"
)

// StatusCancelled is the fulfillment status of a cancelled order.
const StatusCancelled = "CANCELLED"

// Who ships an order.
const (
	FulfilledByMerchant = "MERCHANT"
	FulfilledByAmazon   = "AMAZON"
)

// FulfilledByOf returns who ships an order by the fulfillment type of a notification or of
// Orders v0: MFN or AFN. One that is unknown stays as it is.
func FulfilledByOf(fulfillmentType string) string {
	switch fulfillmentType {
	case "MFN":
		return FulfilledByMerchant
	case "AFN":
		return FulfilledByAmazon
	}
	return fulfillmentType
}

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

	// Incomplete reports whether fields of an order were left out or cut, because they
	// were too long or of a wrong type: read the orders that matter by themselves.
	Incomplete bool `json:"-"`
}

// Pagination leads to the next page.
type Pagination struct {
	NextToken string `json:"nextToken" answer:"strict,max=16384"`
}

// Order is Amazon's Order (Orders 2026-01-01), whole: a test compares it with Amazon's
// model. Statuses and programs are open sets; values unknown today may come. Parts that
// our record has with the same names are of its types.
type Order struct {
	OrderID           string                    `json:"orderId" answer:"required,max=64"`
	Aliases           []schemas.OrderAlias      `json:"orderAliases" answer:"max=100"`
	CreatedTime       time.Time                 `json:"createdTime" answer:"required"`
	LastUpdatedTime   time.Time                 `json:"lastUpdatedTime" answer:"required"`
	Programs          []string                  `json:"programs" answer:"max=100"`
	AssociatedOrders  []schemas.AssociatedOrder `json:"associatedOrders" answer:"max=100"`
	SalesChannel      SalesChannel              `json:"salesChannel"`
	Proceeds          *OrderProceeds            `json:"proceeds"`
	Payment           *OrderPayment             `json:"payment"`
	Tax               *OrderTax                 `json:"tax"`
	Fulfillment       *OrderFulfillment         `json:"fulfillment"`
	Items             []OrderItem               `json:"orderItems" answer:"strict,max=5000"`
	Packages          []OrderPackage            `json:"packages" answer:"max=1000"`
	FulfillmentOrders []FulfillmentOrder        `json:"fulfillmentOrders" answer:"max=1000"`
	Buyer             *Buyer                    `json:"buyer"`     // nil unless asked for
	Recipient         *Recipient                `json:"recipient"` // nil unless asked for

	// Incomplete are the JSON paths of fields that were left out or cut, because the
	// answer had them too long or of a wrong type.
	Incomplete []string `json:"-"`
	// Extra is what the answer holds that is not above.
	Extra []Unknown `json:"-"`
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

// Each calls do for each part that an address may have, with Amazon's name of it.
func (a *CustomerAddress) Each(do func(name string, value Private)) {
	do("name", a.Name)
	do("companyName", a.CompanyName)
	do("addressLine1", a.AddressLine1)
	do("addressLine2", a.AddressLine2)
	do("addressLine3", a.AddressLine3)
	do("city", a.City)
	do("districtOrCounty", a.DistrictOrCounty)
	do("stateOrRegion", a.StateOrRegion)
	do("municipality", a.Municipality)
	do("postalCode", a.PostalCode)
	do("countryCode", a.CountryCode)
	do("phone", a.Phone)
	do("addressType", a.AddressType)
	if e := a.Extended; e != nil {
		do("streetName", e.StreetName)
		do("streetNumber", e.StreetNumber)
		do("complement", e.Complement)
		do("neighborhood", e.Neighborhood)
	}
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
	// The rest is JSON, as Amazon writes it: business hours with exceptions, and what the
	// place can take.
	DeliveryTime         Private `json:"deliveryTime" answer:"max=16384"`
	DeliveryCapabilities Private `json:"deliveryCapabilities" answer:"max=8192"`
}

// SalesChannel is where an order was placed.
type SalesChannel struct {
	ChannelName     string `json:"channelName" answer:"max=64"` // AMAZON or NON_AMAZON
	MarketplaceID   string `json:"marketplaceId" answer:"max=64"`
	MarketplaceName string `json:"marketplaceName" answer:"cut=100"`
}

// OrderProceeds is what the seller receives for an order.
type OrderProceeds struct {
	GrandTotal *Money      `json:"grandTotal"`
	Breakdowns []Breakdown `json:"breakdowns" answer:"max=100"`
}

// Breakdown is a part of an order's proceeds.
type Breakdown struct {
	Type     string `json:"type" answer:"required,max=64"`
	Status   string `json:"status" answer:"max=64"`
	Subtotal Money  `json:"subtotal" answer:"required"`
}

// OrderPayment is how an order was paid.
type OrderPayment struct {
	Executions []PaymentExecution `json:"paymentExecutions" answer:"max=100"`
}

// PaymentExecution is a payment.
type PaymentExecution struct {
	Method            string  `json:"paymentMethod"`
	Amount            *Money  `json:"paymentAmount"`
	AcquirerID        string  `json:"acquirerId"`
	CardBrand         string  `json:"cardBrand"`
	AuthorizationCode Private `json:"authorizationCode"`
}

// OrderTax is who is registered for an order's tax, and what becomes of its invoice.
type OrderTax struct {
	Registrations []TaxRegistration     `json:"taxRegistrations" answer:"max=100"`
	Invoicing     *schemas.TaxInvoicing `json:"taxInvoicing"`
}

// TaxRegistration is who is registered for a tax.
type TaxRegistration struct {
	EntityType string           `json:"entityType" answer:"max=64"` // BUYER, MERCHANT, MARKETPLACE
	LegalName  Private          `json:"legalName"`
	Type       string           `json:"taxRegistrationType" answer:"max=64"`
	Number     Private          `json:"taxRegistrationNumber"`
	Address    *CustomerAddress `json:"taxRegistrationAddress"`
	Attributes []TaxAttribute   `json:"taxRegistrationAttributes" answer:"max=100"`
}

// Personal reports whether it is a buyer's, or may be.
func (r *TaxRegistration) Personal() bool {
	return r.EntityType != "MERCHANT" && r.EntityType != "MARKETPLACE"
}

// TaxAttribute is more of a registration.
type TaxAttribute struct {
	Key   string  `json:"key" answer:"max=64"` // such as TAX_OFFICE
	Value Private `json:"value"`
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
	LabelPrinting   *DateTimeRange `json:"labelPrintingWindow"`
}

// DateTimeRange is a span of time; either end can be missing (zero).
type DateTimeRange struct {
	Earliest time.Time `json:"earliestDateTime"`
	Latest   time.Time `json:"latestDateTime"`
}

// OrderItem is one line of an order.
type OrderItem struct {
	OrderItemID     string                   `json:"orderItemId" answer:"required,max=64"`
	QuantityOrdered int32                    `json:"quantityOrdered" answer:"required"`
	Measurement     *schemas.Measurement     `json:"measurement"`
	AssociatedItems []schemas.AssociatedItem `json:"associatedOrderItems" answer:"max=100"`
	Programs        []string                 `json:"programs" answer:"max=100"`
	Product         ItemProduct              `json:"product"`
	Proceeds        *ItemProceeds            `json:"proceeds"`
	Expense         *ItemExpense             `json:"expense"`
	Promotion       *ItemPromotion           `json:"promotion"`
	Cancellation    *ItemCancellation        `json:"cancellation"`
	Fulfillment     *ItemFulfillment         `json:"fulfillment"`
	Tax             *ItemTax                 `json:"tax"`
}

// ItemProduct is what was ordered.
type ItemProduct struct {
	ASIN      string     `json:"asin" answer:"max=64"`
	Title     string     `json:"title" answer:"cut=2000"`
	SellerSKU string     `json:"sellerSku" answer:"strict,max=400"`
	Condition *Condition `json:"condition"`
	Price     *ItemPrice `json:"price"`

	SerialNumbers []string       `json:"serialNumbers" answer:"max=1000"`
	Customization *Customization `json:"customization"`
}

// Condition is the state that a product is sold in.
type Condition struct {
	ConditionType    string `json:"conditionType" answer:"max=64"`
	ConditionSubtype string `json:"conditionSubtype" answer:"max=64"`
	ConditionNote    string `json:"conditionNote" answer:"cut=2000"`
}

// Customization is what a buyer wants a product to be like.
type Customization struct {
	URL Private `json:"customizedUrl" answer:"max=8192"`
}

// ItemPrice is a product's price.
type ItemPrice struct {
	UnitPrice   *Money `json:"unitPrice"`
	Designation string `json:"priceDesignation" answer:"max=64"`
}

// ItemProceeds is what the seller receives for a line.
type ItemProceeds struct {
	Total      *Money          `json:"proceedsTotal"`
	Breakdowns []ItemBreakdown `json:"breakdowns" answer:"max=100"`
}

// ItemBreakdown is a part of a line's proceeds.
type ItemBreakdown struct {
	Type     string            `json:"type" answer:"required,max=64"`
	Subtotal Money             `json:"subtotal" answer:"required"`
	Details  []BreakdownDetail `json:"detailedBreakdowns" answer:"max=100"`
}

// BreakdownDetail is a part of a part.
type BreakdownDetail struct {
	Subtype string `json:"subtype" answer:"max=64"`
	Value   *Money `json:"value"`
}

// ItemExpense is what a line costs the seller.
type ItemExpense struct {
	Points *struct {
		Granted *PointsGranted `json:"pointsGranted"`
	} `json:"pointsCost"`
}

// PointsGranted are points for the buyer.
type PointsGranted struct {
	Number *int32 `json:"pointsNumber"`
	Value  *Money `json:"pointsMonetaryValue"`
}

// ItemPromotion is what a line was bought with.
type ItemPromotion struct {
	Breakdowns []PromotionBreakdown `json:"breakdowns" answer:"max=1000"`
}

// PromotionBreakdown is a promotion.
type PromotionBreakdown struct {
	ID string `json:"promotionId"`
}

// ItemTax is how a line's tax is reported and collected.
type ItemTax struct {
	Calculations []TaxCalculation        `json:"taxCalculationBreakdowns" answer:"max=100"`
	Collections  []schemas.TaxCollection `json:"taxCollections" answer:"max=100"`
}

// TaxCalculation is a scheme that a tax is reported under.
type TaxCalculation struct {
	ReportingScheme string `json:"reportingScheme" answer:"max=64"`
}

// ItemCancellation says who asked to cancel a line.
type ItemCancellation struct {
	Request   *ItemCancellationRequest   `json:"cancellationRequest"`
	Execution *ItemCancellationExecution `json:"cancellationExecution"`
}

// ItemCancellationExecution is the cancellation of a line.
type ItemCancellationExecution struct {
	CancelledBy  string `json:"cancelledBy" answer:"max=64"` // BUYER, MERCHANT, AMAZON
	CancelReason string `json:"cancelReason" answer:"cut=1000"`
}

// ItemCancellationRequest is a wish to cancel a line.
type ItemCancellationRequest struct {
	Requester    string `json:"requester" answer:"max=64"` // such as BUYER
	CancelReason string `json:"cancelReason" answer:"cut=1000"`
}

// ItemFulfillment counts a line's units. Below it is how they are picked, packed and
// shipped.
type ItemFulfillment struct {
	QuantityFulfilled   *int32        `json:"quantityFulfilled"`
	QuantityUnfulfilled *int32        `json:"quantityUnfulfilled"`
	Picking             *ItemPicking  `json:"picking"`
	Packing             *ItemPacking  `json:"packing"`
	Shipping            *ItemShipping `json:"shipping"`
}

// ItemPicking is what is picked for a line.
type ItemPicking struct {
	Substitution *schemas.Substitution `json:"substitutionPreference"`
}

// ItemPacking is how a line is packed.
type ItemPacking struct {
	Gift         *GiftOption `json:"giftOption"`
	SerialNumber *struct {
		Requirement string `json:"requirementType" answer:"max=64"` // REQUIRED
	} `json:"serialNumberRequirement"`
}

// GiftOption is how a line is packed as a gift.
type GiftOption struct {
	Message   Private `json:"giftMessage" answer:"max=8192"`
	WrapLevel string  `json:"giftWrapLevel" answer:"max=100"`
}

// ItemShipping is how a line is shipped.
type ItemShipping struct {
	ScheduledDelivery *DateTimeRange               `json:"scheduledDeliveryWindow"`
	Constraints       *schemas.ShippingConstraints `json:"shippingConstraints"`
	International     *struct {
		IOSS string `json:"iossNumber" answer:"max=64"`
	} `json:"internationalShipping"`
}

// OrderPackage is a package shipped for an order.
type OrderPackage struct {
	PackageReferenceID string                   `json:"packageReferenceId" answer:"required,max=100"`
	CreatedTime        time.Time                `json:"createdTime"`
	PackageStatus      *PackageStatus           `json:"packageStatus"`
	Carrier            string                   `json:"carrier" answer:"cut=200"`
	ShipTime           time.Time                `json:"shipTime"`
	ShippingService    string                   `json:"shippingService" answer:"cut=200"`
	TrackingNumber     string                   `json:"trackingNumber" answer:"max=200"`
	ShipFrom           *schemas.MerchantAddress `json:"shipFromAddress"`
	Items              []PackageItem            `json:"packageItems" answer:"max=5000"`
}

// FulfillmentOrder is a shipment of Easy Ship.
type FulfillmentOrder struct {
	ID string `json:"fulfillmentOrderId" answer:"required,max=100"`
}

// PackageStatus is how far a package is.
type PackageStatus struct {
	Status   string `json:"status" answer:"max=64"`
	Detailed string `json:"detailedStatus" answer:"max=64"`
}

// PackageItem is units of one line in a package.
type PackageItem struct {
	OrderItemID string `json:"orderItemId" answer:"required,max=64"`
	Quantity    int32  `json:"quantity" answer:"required"`

	TransparencyCodes []string `json:"transparencyCodes" answer:"max=1000"`
}
