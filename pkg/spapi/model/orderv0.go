package model

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
	Order OrderV0 `json:"payload"`
}

// OrderV0 is what this project uses of Amazon's Order (Orders v0). Times are
// text there, in ISO 8601; statuses are an open set.
type OrderV0 struct {
	OrderID              string     `json:"AmazonOrderId"`
	PurchaseDate         string     `json:"PurchaseDate"`
	LastUpdateDate       string     `json:"LastUpdateDate"`
	Status               string     `json:"OrderStatus"`
	FulfillmentChannel   string     `json:"FulfillmentChannel"` // AFN or MFN
	SalesChannel         string     `json:"SalesChannel"`       // such as "Amazon.de"
	MarketplaceID        string     `json:"MarketplaceId"`
	OrderTotal           *MoneyV0   `json:"OrderTotal"`
	ServiceLevelCategory string     `json:"ShipmentServiceLevelCategory"`
	EarliestShipDate     string     `json:"EarliestShipDate"`
	LatestShipDate       string     `json:"LatestShipDate"`
	EarliestDeliveryDate string     `json:"EarliestDeliveryDate"`
	LatestDeliveryDate   string     `json:"LatestDeliveryDate"`
	IsBusinessOrder      bool       `json:"IsBusinessOrder"`
	IsPrime              bool       `json:"IsPrime"`
	IsPremiumOrder       bool       `json:"IsPremiumOrder"`
	IsISPU               bool       `json:"IsISPU"` // picked up in a store
	OrderType            string     `json:"OrderType"`
	BuyerInfo            *BuyerV0   `json:"BuyerInfo"`       // nil unless asked for
	ShippingAddress      *AddressV0 `json:"ShippingAddress"` // nil unless asked for
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
	Amount       string `json:"Amount"`
	CurrencyCode string `json:"CurrencyCode"` // ISO 4217
}

// GetOrderItemsV0Request asks for a page of an order's items.
type GetOrderItemsV0Request struct {
	OrderID      string
	NextToken    string   // of the page before; "" for the first
	DataElements []string // DataBuyerInfo, or nil; see GetOrderV0Request
}

// GetOrderItemsV0Response is the answer to a GetOrderItemsV0Request.
type GetOrderItemsV0Response struct {
	Page OrderItemPageV0 `json:"payload"`
}

// OrderItemPageV0 is a page of an order's items.
type OrderItemPageV0 struct {
	OrderID   string        `json:"AmazonOrderId"`
	Items     []OrderItemV0 `json:"OrderItems"`
	NextToken string        `json:"NextToken"` // "" on the last page
}

// OrderItemV0 is one line of an order. ItemPrice is that of all its units.
type OrderItemV0 struct {
	OrderItemID          string                  `json:"OrderItemId"`
	ASIN                 string                  `json:"ASIN"`
	SellerSKU            string                  `json:"SellerSKU"`
	Title                string                  `json:"Title"`
	QuantityOrdered      int32                   `json:"QuantityOrdered"`
	QuantityShipped      *int32                  `json:"QuantityShipped"`
	ItemPrice            *MoneyV0                `json:"ItemPrice"`
	IsTransparency       bool                    `json:"IsTransparency"`
	BuyerRequestedCancel *BuyerRequestedCancelV0 `json:"BuyerRequestedCancel"`
	BuyerInfo            *ItemBuyerV0            `json:"BuyerInfo"` // nil unless asked for
}

// BuyerRequestedCancelV0 says whether the buyer wants to cancel a line.
type BuyerRequestedCancelV0 struct {
	Requested string `json:"IsBuyerRequestedCancel"` // "true" or "false", as text
	Reason    string `json:"BuyerCancelReason"`
}

// ItemBuyerV0 is what a buyer wrote for a line.
type ItemBuyerV0 struct {
	GiftMessageText Private `json:"GiftMessageText"`
	GiftWrapLevel   string  `json:"GiftWrapLevel"`
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
