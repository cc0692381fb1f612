package spapi

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

type confirmRequest struct {
	MarketplaceID       string `json:"marketplaceId"`
	CODCollectionMethod string `json:"codCollectionMethod"`
	Package             *struct {
		ReferenceID    string `json:"packageReferenceId"`
		CarrierCode    string `json:"carrierCode"`
		CarrierName    string `json:"carrierName"`
		ShippingMethod string `json:"shippingMethod"`
		TrackingNumber string `json:"trackingNumber"`
		ShipDate       string `json:"shipDate"`
		SupplySourceID string `json:"shipFromSupplySourceId"`
		Items          []struct {
			OrderItemID       string   `json:"orderItemId"`
			Quantity          int      `json:"quantity"`
			TransparencyCodes []string `json:"transparencyCodes"`
		} `json:"orderItems"`
	} `json:"packageDetail"`
}

func (a *API) confirmShipment(r *request) exchange.Answer {
	id := r.PathValue("orderId")
	r.Call.Parameters["orderId"] = id
	var request confirmRequest
	if refusal := readOperation(r, &request); refusal != nil {
		return *refusal
	}
	c, complaint := request.check(a.carriers)
	if complaint != "" {
		return invalidInput(complaint)
	}
	c.OrderID = id
	r.Call.Parameters["packageReferenceId"] = c.Reference
	r.Call.Parameters["trackingNumber"] = c.Parcel.TrackingNumber
	change, changed, err := a.World.Confirm(r.account.ID, &c)
	switch {
	case errors.Is(err, world.ErrNoOrder):
		return failure(http.StatusNotFound, "NotFound", "The requested order was not found.", "")
	case err != nil:
		return invalid(err)
	case changed:
		a.Notifier.Notify(change)
	}
	return exchange.Answer{Status: http.StatusNoContent}
}

// check returns what is wrong with a request whatever the order is, or "". A carrier code
// must be one of those that are taken, to the letter.
func (q *confirmRequest) check(carriers map[string]bool) (c world.Confirmation, complaint string) {
	p := q.Package
	if p == nil || q.MarketplaceID == "" {
		return c, "marketplaceId and packageDetail are required."
	}
	shipped, err := time.Parse(time.RFC3339, p.ShipDate)
	switch {
	case strings.Trim(p.ReferenceID, "0123456789") != "" || strings.Trim(p.ReferenceID, "0") == "":
		return c, "PackageReferenceId: is invalid, must be a positive numeric value."
	case p.CarrierCode == "":
		return c, "CarrierCode: is required."
	case !carriers[p.CarrierCode]:
		return c, "CarrierCode: is not a valid carrier code."
	case p.CarrierCode == "Other" && p.CarrierName == "":
		return c, "CarrierName: is required when CarrierCode is Other."
	case p.TrackingNumber == "":
		return c, "TrackingNumber: is required."
	case err != nil:
		return c, "ShipDate: is not an ISO 8601 date and time."
	case len(p.Items) == 0:
		return c, "OrderItems: is required."
	case q.CODCollectionMethod != "" && (q.CODCollectionMethod != "DirectPayment" || q.MarketplaceID != "A1VC38T7YXB528"):
		return c, "CodCollectionMethod: is not valid in this marketplace."
	}
	c = world.Confirmation{MarketplaceID: q.MarketplaceID, Reference: p.ReferenceID, Parcel: world.Parcel{
		CarrierCode: p.CarrierCode, CarrierName: p.CarrierName, ShippingMethod: p.ShippingMethod,
		TrackingNumber: p.TrackingNumber, ShipTime: shipped.UTC(), CODCollectionMethod: q.CODCollectionMethod,
	}}
	for _, item := range p.Items {
		if item.Quantity < 1 {
			return c, "Quantity: must be a positive number."
		}
		c.Parcel.Items = append(c.Parcel.Items, world.Units{OrderItemID: item.OrderItemID, Quantity: item.Quantity})
	}
	return c, ""
}
