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
	SalesChannel    salesChannel      `json:"salesChannel"`
	Buyer           *buyer            `json:"buyer,omitempty"`
	Recipient       *recipient        `json:"recipient,omitempty"`
	Proceeds        *orderProceeds    `json:"proceeds,omitempty"`
	Payment         *orderPayment     `json:"payment,omitempty"`
	Tax             *orderTax         `json:"tax,omitempty"`
	Fulfillment     *orderFulfillment `json:"fulfillment,omitempty"`
	Items           []Item            `json:"orderItems"`
	Packages        []orderPackage    `json:"packages,omitempty"`

	SellerShips bool `json:"-"` // see Place
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
	DropOffLocation string `json:"dropOffLocation,omitempty"`
	Instruction     string `json:"addressInstruction,omitempty"`
}

type address struct {
	Name          string `json:"name"`
	AddressLine1  string `json:"addressLine1"`
	City          string `json:"city"`
	StateOrRegion string `json:"stateOrRegion,omitempty"`
	PostalCode    string `json:"postalCode"`
	CountryCode   string `json:"countryCode"`
	Phone         string `json:"phone,omitempty"`
	AddressType   string `json:"addressType,omitempty"`
}

// Money is an amount.
type Money struct {
	Amount       string `json:"amount"`
	CurrencyCode string `json:"currencyCode"`
}

type orderProceeds struct {
	GrandTotal Money       `json:"grandTotal"`
	Breakdowns []breakdown `json:"breakdowns"`
}

type breakdown struct {
	Type     string `json:"type"`
	Subtotal Money  `json:"subtotal"`
}

type orderPayment struct {
	Executions []paymentExecution `json:"paymentExecutions"`
}

type paymentExecution struct {
	Method string `json:"paymentMethod"`
	Amount Money  `json:"paymentAmount"`
}

type orderTax struct {
	Registrations []taxRegistration `json:"taxRegistrations"`
}

type taxRegistration struct {
	EntityType string `json:"entityType"`
	LegalName  string `json:"legalName"`
	Type       string `json:"taxRegistrationType"`
	Number     string `json:"taxRegistrationNumber"`
}

type orderFulfillment struct {
	Status        Status     `json:"fulfillmentStatus"`
	FulfilledBy   string     `json:"fulfilledBy"`
	ServiceLevel  string     `json:"fulfillmentServiceLevel"`
	ShipByWindow  timeWindow `json:"shipByWindow"`
	DeliverWindow timeWindow `json:"deliverByWindow"`
}

type timeWindow struct {
	Earliest wire.Time `json:"earliestDateTime"`
	Latest   wire.Time `json:"latestDateTime"`
}

// Item is one line of an order.
type Item struct {
	OrderItemID  string            `json:"orderItemId"`
	Quantity     int               `json:"quantityOrdered"`
	Product      itemProduct       `json:"product"`
	Proceeds     *itemProceeds     `json:"proceeds,omitempty"`
	Expense      *itemExpense      `json:"expense,omitempty"`
	Promotion    *itemPromotion    `json:"promotion,omitempty"`
	Cancellation *itemCancellation `json:"cancellation,omitempty"`
	Fulfillment  *itemFulfillment  `json:"fulfillment,omitempty"`
	Tax          *itemTax          `json:"tax,omitempty"`
}

type itemProduct struct {
	ASIN      string    `json:"asin"`
	Title     string    `json:"title"`
	SellerSKU string    `json:"sellerSku"`
	Condition condition `json:"condition"`
	Price     itemPrice `json:"price"`
}

type condition struct {
	Type    string `json:"conditionType"`
	Subtype string `json:"conditionSubtype"`
	Note    string `json:"conditionNote"`
}

type itemPrice struct {
	UnitPrice Money `json:"unitPrice"`
}

type itemProceeds struct {
	Total      Money       `json:"proceedsTotal"`
	Breakdowns []breakdown `json:"breakdowns"`
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
	Fulfilled   int          `json:"quantityFulfilled"`
	Unfulfilled int          `json:"quantityUnfulfilled"`
	Packing     *itemPacking `json:"packing,omitempty"`
}

type itemPacking struct {
	GiftOption giftOption `json:"giftOption"`
}

type giftOption struct {
	Message   string `json:"giftMessage"`
	WrapLevel string `json:"giftWrapLevel"`
}

type itemTax struct {
	Collections []taxCollection `json:"taxCollections"`
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
}

type packageStatus struct {
	Status string `json:"status"`
}

type packageItem struct {
	OrderItemID string `json:"orderItemId"`
	Quantity    int    `json:"quantity"`
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
