package spapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// What of Orders v0 only other clients call: the search, and the buyer's data apart.

type ordersV0 struct {
	Orders            []orderV0
	NextToken         string     `json:",omitempty"`
	LastUpdatedBefore *secondsV0 `json:",omitempty"`
	CreatedBefore     *secondsV0 `json:",omitempty"`
}

func (a *API) getOrdersV0(r *request) exchange.Answer {
	page, err := a.requestedPageV0(r)
	if err != nil {
		return invalid(err)
	}
	found, token := a.orderPage(r, page)
	list := ordersV0{Orders: make([]orderV0, 0, len(found)), NextToken: token}
	for i := range found {
		list.Orders = append(list.Orders, inV0Order(&found[i], r.elements))
	}
	bound := secondsV0(page.search.before)
	if page.search.byCreation {
		list.CreatedBefore = &bound
	} else {
		list.LastUpdatedBefore = &bound
	}
	return exchange.JSON(http.StatusOK, payloadV0{list})
}

// requestedPageV0 is the page that a request asks for. A NextToken brings its filters along.
func (a *API) requestedPageV0(r *request) (orderPage, error) {
	q := r.read(append(unplayedV0(), "CreatedAfter", "CreatedBefore", "LastUpdatedAfter", "LastUpdatedBefore", "OrderStatuses", "MarketplaceIds",
		"FulfillmentChannels", "SellerOrderId", "AmazonOrderIds", "MaxResultsPerPage", "NextToken")...)
	for _, name := range unplayedV0() {
		q.check(!q.query.Has(name), "%s is a parameter of getOrders that the simulator does not play.", name)
	}
	marketplaces := q.values("MarketplaceIds", 50, nil)
	q.check(len(marketplaces) > 0, "MarketplaceIds is required.")
	token := r.query.Get("NextToken")
	if q.err != nil || token == "" {
		wanted := search{marketplaces: marketplaces}
		wanted.readV0(q, r.now)
		return orderPage{account: r.account.ID, search: wanted}, q.err
	}
	page, ok := a.orderPages.find(token, r.now)
	if !ok || page.account != r.account.ID {
		return orderPage{}, errors.New("the NextToken is unknown or has expired")
	}
	return page, nil
}

// unplayedV0 are the filters by what the simulator's orders do not have. To ignore one would
// be to answer wrongly.
func unplayedV0() []string {
	return []string{
		"PaymentMethods", "BuyerEmail", "EasyShipShipmentStatuses", "ElectronicInvoiceStatuses", "ActualFulfillmentSupplySourceId", "IsISPU",
		"StoreChainStoreId", "EarliestDeliveryDateBefore", "EarliestDeliveryDateAfter", "LatestDeliveryDateBefore", "LatestDeliveryDateAfter",
	}
}

// readV0 reads the filters in the words of Orders v0.
func (w *search) readV0(q *reader, now time.Time) {
	// Clients also send times without a zone, and mere dates.
	w.readWindow(q, "Created", "LastUpdated", now, "2006-01-02T15:04:05", time.DateOnly)
	w.ids = q.values("AmazonOrderIds", 50, nil)
	if id := q.query.Get("SellerOrderId"); id != "" {
		for _, other := range []string{"AmazonOrderIds", "FulfillmentChannels", "OrderStatuses", "LastUpdatedAfter", "LastUpdatedBefore"} {
			q.check(!q.query.Has(other), "%s cannot be used with SellerOrderId.", other)
		}
		w.ids[id] = true // what Orders v0 shows as SellerOrderId here is the order's own id
	}
	w.size = q.number("MaxResultsPerPage", 100, 1, 100, "MaxResultsPerPage must be between 1 and 100")
	w.fulfilledBy = translated(q.values("FulfillmentChannels", 2, []string{"MFN", "AFN"}), map[string]string{"MFN": "MERCHANT", "AFN": "AMAZON"})
	names := map[string]string{"PendingAvailability": "PENDING_AVAILABILITY", "Unfulfillable": "UNFULFILLABLE", "InvoiceUnconfirmed": "INVOICE_UNCONFIRMED"}
	known := []string{"PendingAvailability", "Unfulfillable", "InvoiceUnconfirmed"}
	for _, s := range []world.Status{world.Pending, world.Unshipped, world.PartiallyShipped, world.Shipped, world.Cancelled} {
		names[s.Old()], known = string(s), append(known, s.Old())
	}
	w.statuses = translated(q.values("OrderStatuses", len(known), known), names)
}

// translated are values under their other names.
func translated(values map[string]bool, names map[string]string) map[string]bool {
	other := make(map[string]bool, len(values))
	for value := range values {
		other[names[value]] = true
	}
	return other
}

// getOrderAddressV0 shows to an ordinary token where an order goes, but not to whom
// (jrl84/amazon-sp-api#54).
func (a *API) getOrderAddressV0(r *request) exchange.Answer {
	order, refusal := a.orderOfV0(r)
	if refusal != nil {
		return *refusal
	}
	address := inV0Address(&order)
	if r.elements == nil {
		address.Name, address.AddressLine1, address.Phone = "", "", ""
	}
	return exchange.JSON(http.StatusOK, payloadV0{struct {
		AmazonOrderID   string `json:"AmazonOrderId"`
		ShippingAddress *addressV0
	}{order.OrderID, address}})
}

// getOrderBuyerInfoV0 shows an ordinary token only the address that Amazon made
// (jrl84/amazon-sp-api#84).
func (a *API) getOrderBuyerInfoV0(r *request) exchange.Answer {
	order, refusal := a.orderOfV0(r)
	if refusal != nil {
		return *refusal
	}
	info := buyerV0{BuyerEmail: order.Buyer.Email}
	if r.elements != nil {
		info.BuyerName, info.PurchaseOrderNumber = order.Buyer.Name, order.Buyer.PurchaseOrderNumber
	}
	return exchange.JSON(http.StatusOK, payloadV0{struct {
		AmazonOrderID string `json:"AmazonOrderId"`
		buyerV0
	}{order.OrderID, info}})
}
