package world

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// The types below are the parts of Amazon's Orders 2026-01-01 model that the
// marketplace fills in. They are the simulator's own, written from the model,
// so that a mistake in the client's types cannot hide here.

// Status is an order's fulfillment status in Orders 2026-01-01.
type Status string

// The statuses that orders of the marketplace pass through.
const (
	Pending          Status = "PENDING"
	Unshipped        Status = "UNSHIPPED"
	PartiallyShipped Status = "PARTIALLY_SHIPPED"
	Shipped          Status = "SHIPPED"
	Cancelled        Status = "CANCELLED"
)

// Old is a status as notifications and Orders v0 write it.
func (s Status) Old() string {
	switch s {
	case Pending:
		return "Pending"
	case PartiallyShipped:
		return "PartiallyShipped"
	case Shipped:
		return "Shipped"
	case Cancelled:
		return "Canceled"
	}
	return "Unshipped"
}

// Order is an order with all of its data sets.
type Order struct {
	OrderID         string            `json:"orderId"`
	OrderAliases    []orderAlias      `json:"orderAliases,omitempty"`
	CreatedTime     wire.Time         `json:"createdTime"`
	LastUpdatedTime wire.Time         `json:"lastUpdatedTime"`
	Programs        []string          `json:"programs,omitempty"`
	Associated      []associatedOrder `json:"associatedOrders,omitempty"`
	SalesChannel    salesChannel      `json:"salesChannel"`
	Buyer           *buyer            `json:"buyer,omitempty"`
	Recipient       *recipient        `json:"recipient,omitempty"`
	Proceeds        *orderProceeds    `json:"proceeds,omitempty"`
	Payment         *orderPayment     `json:"payment,omitempty"`
	Tax             *orderTax         `json:"tax,omitempty"`
	Fulfillment     *orderFulfillment `json:"fulfillment,omitempty"`
	Items           []Item            `json:"orderItems"`
	Packages        []orderPackage    `json:"packages,omitempty"`
	// FulfillmentOrders are those of Easy Ship.
	FulfillmentOrders []fulfillmentOrder `json:"fulfillmentOrders,omitempty"`

	SellerShips bool `json:"-"` // see Placement
	Kind        Kind `json:"-"`
}

// ByAmazon reports whether Amazon ships the order.
func (o *Order) ByAmazon() bool { return o.Fulfillment.FulfilledBy == byAmazon }

// FulfillmentType is who ships the order, as notifications and Orders v0 write it.
func (o *Order) FulfillmentType() string {
	if o.ByAmazon() {
		return "AFN"
	}
	return "MFN"
}

// Who ships an order.
const (
	byMerchant = "MERCHANT"
	byAmazon   = "AMAZON"
)

type associatedOrder struct {
	OrderID string `json:"orderId"`
	Type    string `json:"associationType"`
}

type fulfillmentOrder struct {
	ID string `json:"fulfillmentOrderId"`
}

// Status is the order's fulfillment status.
func (o *Order) Status() Status { return o.Fulfillment.Status }

type orderAlias struct {
	AliasID   string `json:"aliasId"`
	AliasType string `json:"aliasType"`
}

type salesChannel struct {
	ChannelName     string `json:"channelName"`
	MarketplaceID   string `json:"marketplaceId"`
	MarketplaceName string `json:"marketplaceName"`
}

type buyer struct {
	Name                string `json:"buyerName"`
	Email               string `json:"buyerEmail"`
	CompanyName         string `json:"buyerCompanyName,omitempty"`
	PurchaseOrderNumber string `json:"buyerPurchaseOrderNumber,omitempty"`
}

type recipient struct {
	Address    address             `json:"deliveryAddress"`
	Preference *deliveryPreference `json:"deliveryPreference,omitempty"`
}

type deliveryPreference struct {
	DropOffLocation string        `json:"dropOffLocation,omitempty"`
	Instruction     string        `json:"addressInstruction,omitempty"`
	Time            *deliveryTime `json:"deliveryTime,omitempty"`
	Capabilities    []string      `json:"deliveryCapabilities,omitempty"`
}

type deliveryTime struct {
	Hours      []businessHour  `json:"businessHours"`
	Exceptions []exceptionDate `json:"exceptionDates"`
}

type businessHour struct {
	Day     string       `json:"dayOfWeek"`
	Windows []hourWindow `json:"timeWindows"`
}

type exceptionDate struct {
	Date    string       `json:"exceptionDate"`
	Type    string       `json:"exceptionDateType"`
	Windows []hourWindow `json:"timeWindows"`
}

type hourWindow struct {
	Start hourMinute `json:"startTime"`
	End   hourMinute `json:"endTime"`
}

type hourMinute struct {
	Hour   int `json:"hour"`
	Minute int `json:"minute"`
}

type address struct {
	Name          string         `json:"name"`
	CompanyName   string         `json:"companyName,omitempty"`
	AddressLine1  string         `json:"addressLine1"`
	AddressLine2  string         `json:"addressLine2,omitempty"`
	AddressLine3  string         `json:"addressLine3,omitempty"`
	City          string         `json:"city"`
	District      string         `json:"districtOrCounty,omitempty"`
	StateOrRegion string         `json:"stateOrRegion,omitempty"`
	Municipality  string         `json:"municipality,omitempty"`
	PostalCode    string         `json:"postalCode"`
	CountryCode   string         `json:"countryCode"`
	Phone         string         `json:"phone,omitempty"`
	Extended      *addressFields `json:"extendedFields,omitempty"`
	AddressType   string         `json:"addressType,omitempty"`
}

// addressFields are what addresses in Brazil have.
type addressFields struct {
	Street       string `json:"streetName"`
	Number       string `json:"streetNumber"`
	Complement   string `json:"complement"`
	Neighborhood string `json:"neighborhood"`
}

// merchantAddress is where a package leaves from.
type merchantAddress struct {
	Name          string `json:"name"`
	AddressLine1  string `json:"addressLine1"`
	AddressLine2  string `json:"addressLine2,omitempty"`
	AddressLine3  string `json:"addressLine3,omitempty"`
	City          string `json:"city"`
	District      string `json:"districtOrCounty,omitempty"`
	StateOrRegion string `json:"stateOrRegion,omitempty"`
	Municipality  string `json:"municipality,omitempty"`
	PostalCode    string `json:"postalCode"`
	CountryCode   string `json:"countryCode"`
}

// Money is an amount.
type Money struct {
	Amount       string `json:"amount"`
	CurrencyCode string `json:"currencyCode"`
}

type orderProceeds struct {
	GrandTotal Money       `json:"grandTotal"`
	Breakdowns []breakdown `json:"breakdowns"`

	cents int // GrandTotal, in hundredths
}

type breakdown struct {
	Type     string `json:"type"`
	Status   string `json:"status,omitempty"` // of an order's tip
	Subtotal Money  `json:"subtotal"`
}

type itemBreakdown struct {
	Type     string   `json:"type"`
	Subtotal Money    `json:"subtotal"`
	Details  []detail `json:"detailedBreakdowns,omitempty"`
}

type detail struct {
	Subtype string `json:"subtype"`
	Value   Money  `json:"value"`
}

type orderPayment struct {
	Executions []paymentExecution `json:"paymentExecutions"`
}

type paymentExecution struct {
	Method string `json:"paymentMethod"`
	Amount Money  `json:"paymentAmount"`
	// Brazil only.
	AcquirerID        string `json:"acquirerId,omitempty"`
	CardBrand         string `json:"cardBrand,omitempty"`
	AuthorizationCode string `json:"authorizationCode,omitempty"`
}

type orderTax struct {
	Registrations []taxRegistration `json:"taxRegistrations,omitempty"`
	Invoicing     *taxInvoicing     `json:"taxInvoicing,omitempty"`
}

type taxInvoicing struct {
	Preference string `json:"buyerInvoicePreference,omitempty"`
	Status     string `json:"invoiceStatus,omitempty"`
}

type taxRegistration struct {
	EntityType string         `json:"entityType"`
	LegalName  string         `json:"legalName"`
	Type       string         `json:"taxRegistrationType"`
	Number     string         `json:"taxRegistrationNumber"`
	Address    *address       `json:"taxRegistrationAddress,omitempty"`
	Attributes []taxAttribute `json:"taxRegistrationAttributes,omitempty"`
}

type taxAttribute struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type orderFulfillment struct {
	Status        Status     `json:"fulfillmentStatus"`
	FulfilledBy   string     `json:"fulfilledBy"`
	ServiceLevel  string     `json:"fulfillmentServiceLevel"`
	ShipByWindow  timeWindow `json:"shipByWindow"`
	DeliverWindow timeWindow `json:"deliverByWindow"`
	// LabelWindow is when labels of Easy Ship may be printed.
	LabelWindow *timeWindow `json:"labelPrintingWindow,omitempty"`
}

type timeWindow struct {
	Earliest wire.Time `json:"earliestDateTime"`
	Latest   wire.Time `json:"latestDateTime"`
}

// Item is one line of an order.
type Item struct {
	OrderItemID  string            `json:"orderItemId"`
	Quantity     int               `json:"quantityOrdered"`
	Measurement  *measurement      `json:"measurement,omitempty"`
	Programs     []string          `json:"programs,omitempty"`
	Associated   []associatedItem  `json:"associatedOrderItems,omitempty"`
	Product      itemProduct       `json:"product"`
	Proceeds     *itemProceeds     `json:"proceeds,omitempty"`
	Expense      *itemExpense      `json:"expense,omitempty"`
	Promotion    *itemPromotion    `json:"promotion,omitempty"`
	Cancellation *itemCancellation `json:"cancellation,omitempty"`
	Fulfillment  *itemFulfillment  `json:"fulfillment,omitempty"`
	Tax          *itemTax          `json:"tax,omitempty"`
}

type measurement struct {
	Unit  string  `json:"unit"`
	Value float64 `json:"value"`
}

type associatedItem struct {
	OrderID     string `json:"orderId"`
	OrderItemID string `json:"orderItemId"`
	Type        string `json:"associationType"`
}

type itemProduct struct {
	ASIN          string         `json:"asin"`
	Title         string         `json:"title"`
	SellerSKU     string         `json:"sellerSku"`
	Condition     condition      `json:"condition"`
	Price         itemPrice      `json:"price"`
	SerialNumbers []string       `json:"serialNumbers,omitempty"`
	Customization *customization `json:"customization,omitempty"`
}

type customization struct {
	URL string `json:"customizedUrl"`
}

type condition struct {
	Type    string `json:"conditionType"`
	Subtype string `json:"conditionSubtype"`
	Note    string `json:"conditionNote"`
}

type itemPrice struct {
	UnitPrice   Money  `json:"unitPrice"`
	Designation string `json:"priceDesignation,omitempty"`
}

type itemProceeds struct {
	Total      Money           `json:"proceedsTotal"`
	Breakdowns []itemBreakdown `json:"breakdowns"`

	cents int // Total, in hundredths
}

type itemExpense struct {
	PointsCost pointsCost `json:"pointsCost"`
}

type pointsCost struct {
	Granted pointsGranted `json:"pointsGranted"`
}

type pointsGranted struct {
	Number int   `json:"pointsNumber"`
	Value  Money `json:"pointsMonetaryValue"`
}

type itemPromotion struct {
	Breakdowns []promotionBreakdown `json:"breakdowns"`
}

type promotionBreakdown struct {
	ID string `json:"promotionId"`
}

type itemCancellation struct {
	Request   *cancellationRequest   `json:"cancellationRequest,omitempty"`
	Execution *cancellationExecution `json:"cancellationExecution,omitempty"`
}

type cancellationRequest struct {
	Requester string `json:"requester"`
	Reason    string `json:"cancelReason"`
}

type cancellationExecution struct {
	CancelledBy string `json:"cancelledBy"`
	Reason      string `json:"cancelReason"`
}

type itemFulfillment struct {
	Fulfilled   int           `json:"quantityFulfilled"`
	Unfulfilled int           `json:"quantityUnfulfilled"`
	Picking     *itemPicking  `json:"picking,omitempty"`
	Packing     *itemPacking  `json:"packing,omitempty"`
	Shipping    *itemShipping `json:"shipping,omitempty"`
}

// Gift is what the buyer wishes of the packing; nil for nothing.
func (f *itemFulfillment) Gift() *giftOption {
	if f.Packing == nil {
		return nil
	}
	return f.Packing.Gift
}

type itemPicking struct {
	Preference substitutionPreference `json:"substitutionPreference"`
}

type substitutionPreference struct {
	Type    string               `json:"substitutionType"`
	Options []substitutionOption `json:"substitutionOptions,omitempty"`
}

type substitutionOption struct {
	ASIN        string      `json:"asin"`
	Quantity    int         `json:"quantityOrdered"`
	SellerSKU   string      `json:"sellerSku"`
	Title       string      `json:"title"`
	Measurement measurement `json:"measurement"`
}

type itemPacking struct {
	Gift   *giftOption   `json:"giftOption,omitempty"`
	Serial *serialNumber `json:"serialNumberRequirement,omitempty"`
}

type serialNumber struct {
	Requirement string `json:"requirementType"`
}

type itemShipping struct {
	Scheduled     *timeWindow          `json:"scheduledDeliveryWindow,omitempty"`
	Constraints   *shippingConstraints `json:"shippingConstraints,omitempty"`
	International *international       `json:"internationalShipping,omitempty"`
}

type international struct {
	IOSS string `json:"iossNumber"`
}

// shippingConstraints are MANDATORY or left out.
type shippingConstraints struct {
	Pallet    string `json:"palletDelivery,omitempty"`
	Cash      string `json:"cashOnDelivery,omitempty"`
	Signature string `json:"signatureConfirmation,omitempty"`
	Identity  string `json:"recipientIdentityVerification,omitempty"`
	Age       string `json:"recipientAgeVerification,omitempty"`
}

type giftOption struct {
	Message   string `json:"giftMessage"`
	WrapLevel string `json:"giftWrapLevel"`
}

type itemTax struct {
	Calculations []taxCalculation `json:"taxCalculationBreakdowns,omitempty"`
	Collections  []taxCollection  `json:"taxCollections"`
}

type taxCalculation struct {
	Scheme string `json:"reportingScheme"`
}

type taxCollection struct {
	Model            string `json:"model"`
	ResponsibleParty string `json:"responsibleParty"`
}

type orderPackage struct {
	ReferenceID     string        `json:"packageReferenceId"`
	CreatedTime     wire.Time     `json:"createdTime"`
	Status          packageStatus `json:"packageStatus"`
	Carrier         string        `json:"carrier"`
	ShipTime        wire.Time     `json:"shipTime"`
	ShippingService string        `json:"shippingService"`
	TrackingNumber  string        `json:"trackingNumber"`
	Items           []packageItem `json:"packageItems"`

	ShipFrom *merchantAddress `json:"shipFromAddress,omitempty"`
}

type packageStatus struct {
	Status   string `json:"status"`
	Detailed string `json:"detailedStatus,omitempty"`
}

type packageItem struct {
	OrderItemID  string   `json:"orderItemId"`
	Quantity     int      `json:"quantity"`
	Transparency []string `json:"transparencyCodes,omitempty"`
}

// Only is the order with those data sets alone. The order's own fields and its
// items' ids, quantities and products are always there.
func (o Order) Only(included map[string]bool) Order {
	keepOnly(&o.Buyer, included["BUYER"])
	keepOnly(&o.Recipient, included["RECIPIENT"])
	keepOnly(&o.Proceeds, included["PROCEEDS"])
	keepOnly(&o.Payment, included["PAYMENT"])
	keepOnly(&o.Tax, included["TAX"])
	keepOnly(&o.Fulfillment, included["FULFILLMENT"])
	if !included["PACKAGES"] {
		o.Packages = nil
	}
	if !included["FULFILLMENT_ORDERS"] {
		o.FulfillmentOrders = nil
	}
	items := make([]Item, len(o.Items))
	for i, item := range o.Items {
		keepOnly(&item.Proceeds, included["PROCEEDS"])
		keepOnly(&item.Expense, included["EXPENSE"])
		keepOnly(&item.Promotion, included["PROMOTION"])
		keepOnly(&item.Cancellation, included["CANCELLATION"])
		keepOnly(&item.Fulfillment, included["FULFILLMENT"])
		keepOnly(&item.Tax, included["TAX"])
		items[i] = item
	}
	o.Items = items
	return o
}

func keepOnly[T any](section **T, included bool) {
	if !included {
		*section = nil
	}
}

// Parcel is a package as a seller confirms it.
type Parcel struct {
	CarrierCode    string    `json:"carrierCode"`
	CarrierName    string    `json:"carrierName,omitempty"`
	ShippingMethod string    `json:"shippingMethod,omitempty"`
	TrackingNumber string    `json:"trackingNumber"`
	ShipTime       time.Time `json:"shipTime"`
	Items          []Units   `json:"items"`

	CODCollectionMethod string `json:"codCollectionMethod,omitempty"` // Japan
}

// Units is how many of an order's item are in a package.
type Units struct {
	OrderItemID string `json:"orderItemId"`
	Quantity    int    `json:"quantity"`
}

// Shipment is a package that a seller has confirmed: what really happened.
type Shipment struct {
	Account            string `json:"account"`
	OrderID            string `json:"orderId"`
	PackageReferenceID string `json:"packageReferenceId"`
	// Confirmed is how many confirmations of it were accepted, repeats included.
	Confirmed int `json:"confirmed"`
	// Parcels is what they said, oldest first, without repeats of the one before.
	Parcels []Parcel `json:"parcels"`
}
