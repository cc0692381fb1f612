package spapi

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

type moneyV0 struct {
	CurrencyCode string
	Amount       string
}

func inV0(m world.Money) *moneyV0 { return &moneyV0{CurrencyCode: m.CurrencyCode, Amount: m.Amount} }

// secondsV0 is a time as Orders v0 writes it, without milliseconds.
type secondsV0 time.Time

func (t secondsV0) MarshalText() ([]byte, error) {
	return time.Time(t).UTC().Truncate(time.Second).AppendFormat(nil, time.RFC3339), nil
}

type orderV0 struct {
	AmazonOrderID                string `json:"AmazonOrderId"`
	SellerOrderID                string `json:"SellerOrderId"`
	PurchaseDate                 secondsV0
	LastUpdateDate               secondsV0
	OrderStatus                  string
	FulfillmentChannel           string
	SalesChannel                 string
	ShipServiceLevel             string
	OrderTotal                   *moneyV0 `json:",omitempty"`
	NumberOfItemsShipped         int
	NumberOfItemsUnshipped       int
	PaymentMethod                string
	PaymentMethodDetails         []string
	IsReplacementOrder           bool
	MarketplaceID                string `json:"MarketplaceId"`
	ShipmentServiceLevelCategory string
	OrderType                    string
	EarliestShipDate             secondsV0
	LatestShipDate               secondsV0
	EarliestDeliveryDate         secondsV0
	LatestDeliveryDate           secondsV0
	IsBusinessOrder              bool
	IsPrime                      bool
	IsGlobalExpressEnabled       bool
	IsPremiumOrder               bool
	BuyerInfo                    *buyerV0   `json:",omitempty"`
	ShippingAddress              *addressV0 `json:",omitempty"`
}

type buyerV0 struct {
	BuyerEmail          string
	BuyerName           string `json:",omitempty"`
	PurchaseOrderNumber string `json:",omitempty"`
}

type addressV0 struct {
	Name          string `json:",omitempty"`
	AddressLine1  string `json:",omitempty"`
	City          string
	StateOrRegion string `json:",omitempty"`
	PostalCode    string `json:",omitempty"`
	CountryCode   string
	Phone         string `json:",omitempty"`
	AddressType   string `json:",omitempty"`
}

// payloadV0 is the shape of all answers of Orders v0.
type payloadV0 struct {
	Payload any `json:"payload"`
}

func (a *API) getOrderV0(r *request) exchange.Answer {
	order, refusal := a.orderOfV0(r)
	if refusal != nil {
		return *refusal
	}
	return exchange.JSON(http.StatusOK, payloadV0{inV0Order(&order, r.elements)})
}

// orderOfV0 is the order that a request names, as the caller is shown it.
func (a *API) orderOfV0(r *request, parameters ...string) (world.Order, *exchange.Answer) {
	id := r.PathValue("orderId")
	r.Call.Parameters["orderId"] = id
	q := r.read(parameters...)
	q.check(orderID.MatchString(id), "The orderId is not in 3-7-7 format.")
	var refusal exchange.Answer
	if q.err != nil {
		refusal = invalid(q.err)
	} else if order, ok := a.World.Visible(r.account.ID, id, r.now); ok {
		return order, nil
	} else {
		refusal = failure(http.StatusNotFound, "NotFound", "The requested order was not found.", "")
	}
	return world.Order{}, &refusal
}

// inV0Order is the order with the buyer's data that these elements name.
func inV0Order(o *world.Order, elements map[string]bool) orderV0 {
	v := orderV0{
		AmazonOrderID: o.OrderID, SellerOrderID: o.OrderID,
		PurchaseDate: secondsV0(o.CreatedTime), LastUpdateDate: secondsV0(o.LastUpdatedTime),
		OrderStatus: o.Status().Old(), FulfillmentChannel: o.FulfillmentType(),
		SalesChannel: o.SalesChannel.MarketplaceName, MarketplaceID: o.SalesChannel.MarketplaceID,
		ShipServiceLevel: "Std D2D Dom", ShipmentServiceLevelCategory: "Standard", OrderType: "StandardOrder",
		PaymentMethod: "Other", PaymentMethodDetails: []string{"Standard"},
		EarliestShipDate: secondsV0(o.Fulfillment.ShipByWindow.Earliest), LatestShipDate: secondsV0(o.Fulfillment.ShipByWindow.Latest),
		EarliestDeliveryDate: secondsV0(o.Fulfillment.DeliverWindow.Earliest), LatestDeliveryDate: secondsV0(o.Fulfillment.DeliverWindow.Latest),
		IsBusinessOrder: o.Buyer.CompanyName != "",
	}
	if o.Status() != world.Pending {
		v.OrderTotal = inV0(o.Proceeds.GrandTotal)
	}
	for _, item := range o.Items {
		v.NumberOfItemsShipped += item.Fulfillment.Fulfilled
		v.NumberOfItemsUnshipped += item.Fulfillment.Unfulfilled
	}
	if elements["buyerInfo"] {
		v.BuyerInfo = &buyerV0{BuyerEmail: o.Buyer.Email, BuyerName: o.Buyer.Name, PurchaseOrderNumber: o.Buyer.PurchaseOrderNumber}
	}
	if elements["shippingAddress"] {
		v.ShippingAddress = inV0Address(o)
	}
	return v
}

func inV0Address(o *world.Order) *addressV0 {
	a := o.Recipient.Address
	kind := "Residential"
	if a.AddressType == "COMMERCIAL" {
		kind = "Commercial"
	}
	return &addressV0{
		Name: a.Name, AddressLine1: a.AddressLine1, City: a.City, StateOrRegion: a.StateOrRegion,
		PostalCode: a.PostalCode, CountryCode: a.CountryCode, Phone: a.Phone, AddressType: kind,
	}
}

type orderItemsV0 struct {
	AmazonOrderID string `json:"AmazonOrderId"`
	OrderItems    []orderItemV0
	NextToken     string `json:",omitempty"`
}

type orderItemV0 struct {
	ASIN                 string
	SellerSKU            string
	OrderItemID          string `json:"OrderItemId"`
	Title                string
	QuantityOrdered      int
	QuantityShipped      int
	ItemPrice            *moneyV0 `json:",omitempty"`
	IsGift               string   // "true" or "false"
	ConditionID          string   `json:"ConditionId"`
	ConditionSubtypeID   string   `json:"ConditionSubtypeId"`
	IsTransparency       bool
	BuyerInfo            *itemBuyerV0    `json:",omitempty"`
	BuyerRequestedCancel *buyerRequestV0 `json:",omitempty"`
}

type itemBuyerV0 struct {
	GiftMessageText string
	GiftWrapLevel   string
}

type buyerRequestV0 struct {
	IsBuyerRequestedCancel string // "true" or "false"
	BuyerCancelReason      string
}

func (a *API) getOrderItemsV0(r *request) exchange.Answer {
	order, refusal := a.orderOfV0(r, "NextToken")
	if refusal != nil {
		return *refusal
	}
	first, ok := itemsFrom(order.OrderID, r.query.Get("NextToken"))
	if !ok || first > len(order.Items) {
		return invalidInput("The NextToken is not one of this order's.")
	}
	end := min(first+a.config.ItemsPerPage, len(order.Items))
	list := orderItemsV0{AmazonOrderID: order.OrderID, OrderItems: make([]orderItemV0, 0, end-first)}
	for i := range order.Items[first:end] {
		list.OrderItems = append(list.OrderItems, inV0Item(&order, &order.Items[first+i], r.elements))
	}
	if end < len(order.Items) {
		list.NextToken = itemsToken(order.OrderID, end)
	}
	return exchange.JSON(http.StatusOK, payloadV0{list})
}

func itemsToken(orderID string, first int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s/%d", orderID, first))
}

// itemsFrom is the index of the first item of the page that a token names.
func itemsFrom(orderID, token string) (first int, ok bool) {
	if token == "" {
		return 0, true
	}
	text, err := base64.StdEncoding.DecodeString(token)
	number, mine := strings.CutPrefix(string(text), orderID+"/")
	if err != nil || !mine {
		return 0, false
	}
	first, err = strconv.Atoi(number)
	return first, err == nil && first > 0
}

func inV0Item(o *world.Order, item *world.Item, elements map[string]bool) orderItemV0 {
	v := orderItemV0{
		ASIN: item.Product.ASIN, SellerSKU: item.Product.SellerSKU, OrderItemID: item.OrderItemID, Title: item.Product.Title,
		QuantityOrdered: item.Quantity, QuantityShipped: item.Fulfillment.Fulfilled,
		IsGift: strconv.FormatBool(item.Fulfillment.Gift() != nil), ConditionID: "New", ConditionSubtypeID: "New",
	}
	if o.Status() != world.Pending {
		v.ItemPrice = inV0(item.Proceeds.Total)
	}
	if gift := item.Fulfillment.Gift(); gift != nil && elements["buyerInfo"] {
		v.BuyerInfo = &itemBuyerV0{GiftMessageText: gift.Message, GiftWrapLevel: gift.WrapLevel}
	}
	if c := item.Cancellation; c != nil && c.Request != nil {
		v.BuyerRequestedCancel = &buyerRequestV0{IsBuyerRequestedCancel: "true", BuyerCancelReason: c.Request.Reason}
	}
	return v
}
