package model

import "time"

// Orders v0, which Amazon ends on 2027-03-27: getOrder and getOrderItems, until
// then an alternative to GetOrder.

// What a restricted data token can open (createRestrictedDataToken's
// dataElements).
const (
	DataBuyerInfo       = "buyerInfo"
	DataShippingAddress = "shippingAddress"
)

// GetOrderV0Request asks for one order without its items.
type GetOrderV0Request struct {
	OrderID string
	// DataElements is the buyer's data to bring too, such as DataBuyerInfo; nil
	// for none. It needs a restricted data token, which needs Amazon roles.
	DataElements []string
}

// GetOrderV0Response is the answer to a GetOrderV0Request.
type GetOrderV0Response struct {
	Order OrderV0 `json:"payload" answer:"required"`
}

// OrderV0 is what this project uses of Amazon's Order (Orders v0). Statuses are an
// open set.
type OrderV0 struct {
	OrderID              string     `json:"AmazonOrderId" answer:"required,max=64"`
	PurchaseDate         time.Time  `json:"PurchaseDate" answer:"required"`
	LastUpdateDate       time.Time  `json:"LastUpdateDate" answer:"required"`
	Status               string     `json:"OrderStatus" answer:"required,max=64"`
	FulfillmentChannel   string     `json:"FulfillmentChannel" answer:"max=64"` // AFN or MFN
	SalesChannel         string     `json:"SalesChannel" answer:"cut=100"`      // such as "Amazon.de"
	MarketplaceID        string     `json:"MarketplaceId" answer:"max=64"`
	OrderTotal           *MoneyV0   `json:"OrderTotal"`
	ServiceLevelCategory string     `json:"ShipmentServiceLevelCategory" answer:"max=100"`
	EarliestShipDate     time.Time  `json:"EarliestShipDate"`
	LatestShipDate       time.Time  `json:"LatestShipDate"`
	EarliestDeliveryDate time.Time  `json:"EarliestDeliveryDate"`
	LatestDeliveryDate   time.Time  `json:"LatestDeliveryDate"`
	IsBusinessOrder      bool       `json:"IsBusinessOrder"`
	IsPrime              bool       `json:"IsPrime"`
	IsPremiumOrder       bool       `json:"IsPremiumOrder"`
	IsISPU               bool       `json:"IsISPU"` // picked up in a store
	OrderType            string     `json:"OrderType" answer:"max=64"`
	BuyerInfo            *BuyerV0   `json:"BuyerInfo"`       // nil unless asked for
	ShippingAddress      *AddressV0 `json:"ShippingAddress"` // nil unless asked for

	Incomplete []string `json:"-"` // see Order.Incomplete
}

// BuyerV0 is who bought an order.
type BuyerV0 struct {
	Email               Private `json:"BuyerEmail"`
	Name                Private `json:"BuyerName"`
	PurchaseOrderNumber Private `json:"PurchaseOrderNumber"`
}

// AddressV0 is where an order goes.
type AddressV0 struct {
	Name          Private `json:"Name"`
	CompanyName   Private `json:"CompanyName"`
	AddressLine1  Private `json:"AddressLine1"`
	AddressLine2  Private `json:"AddressLine2"`
	AddressLine3  Private `json:"AddressLine3"`
	City          Private `json:"City"`
	County        Private `json:"County"`
	District      Private `json:"District"`
	Municipality  Private `json:"Municipality"`
	StateOrRegion Private `json:"StateOrRegion"`
	PostalCode    Private `json:"PostalCode"`
	CountryCode   Private `json:"CountryCode"`
	Phone         Private `json:"Phone"`
	AddressType   Private `json:"AddressType"`
}

// MoneyV0 is an amount in decimal text.
type MoneyV0 struct {
	Amount       string `json:"Amount" answer:"required,max=40"`
	CurrencyCode string `json:"CurrencyCode" answer:"required,max=8"` // ISO 4217
}

// GetOrderItemsV0Request asks for a page of an order's items.
type GetOrderItemsV0Request struct {
	OrderID      string
	NextToken    string   // of the page before; "" for the first
	DataElements []string // DataBuyerInfo, or nil; see GetOrderV0Request
}

// GetOrderItemsV0Response is the answer to a GetOrderItemsV0Request.
type GetOrderItemsV0Response struct {
	Page OrderItemPageV0 `json:"payload" answer:"required"`
}

// OrderItemPageV0 is a page of an order's items.
type OrderItemPageV0 struct {
	OrderID   string        `json:"AmazonOrderId" answer:"required,max=64"`
	Items     []OrderItemV0 `json:"OrderItems" answer:"required,max=5000"`
	NextToken string        `json:"NextToken" answer:"strict,max=16384"` // "" on the last page

	Incomplete []string `json:"-"` // see Order.Incomplete
}

// OrderItemV0 is one line of an order. ItemPrice is that of all its units.
type OrderItemV0 struct {
	OrderItemID          string                  `json:"OrderItemId" answer:"required,max=64"`
	ASIN                 string                  `json:"ASIN" answer:"max=64"`
	SellerSKU            string                  `json:"SellerSKU" answer:"strict,max=400"`
	Title                string                  `json:"Title" answer:"cut=2000"`
	QuantityOrdered      int32                   `json:"QuantityOrdered" answer:"required"`
	QuantityShipped      *int32                  `json:"QuantityShipped"`
	ItemPrice            *MoneyV0                `json:"ItemPrice"`
	IsTransparency       bool                    `json:"IsTransparency"`
	BuyerRequestedCancel *BuyerRequestedCancelV0 `json:"BuyerRequestedCancel"`
	BuyerInfo            *ItemBuyerV0            `json:"BuyerInfo"` // nil unless asked for
}

// BuyerRequestedCancelV0 reports whether the buyer wants to cancel a line.
type BuyerRequestedCancelV0 struct {
	Requested string `json:"IsBuyerRequestedCancel" answer:"max=16"` // "true" or "false", as text
	Reason    string `json:"BuyerCancelReason" answer:"cut=1000"`
}

// ItemBuyerV0 is what a buyer wrote for a line.
type ItemBuyerV0 struct {
	GiftMessageText Private `json:"GiftMessageText"`
	GiftWrapLevel   string  `json:"GiftWrapLevel" answer:"cut=200"`
}

// CreateRestrictedDataTokenRequest gets the token with which the Orders v0
// operations give buyer data of any of the seller's orders.
type CreateRestrictedDataTokenRequest struct {
	DataElements []string // as those of the reads that it is for
}

// CreateRestrictedDataTokenResponse says that there is a token now. The token
// itself stays with the client.
type CreateRestrictedDataTokenResponse struct {
	ExpiresIn int `json:"expiresIn"` // seconds that it is good for
}

// Next implements Page.
func (r *GetOrderItemsV0Response) Next() string { return r.Page.NextToken }

// After implements PageRequest.
func (r GetOrderItemsV0Request) After(token string) GetOrderItemsV0Request {
	r.NextToken = token
	return r
}
