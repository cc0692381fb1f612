package simulator

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

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

func (p *Parcel) equal(q *Parcel) bool {
	return p.CarrierCode == q.CarrierCode && p.CarrierName == q.CarrierName && p.ShippingMethod == q.ShippingMethod &&
		p.TrackingNumber == q.TrackingNumber && p.ShipTime.Equal(q.ShipTime) && slices.Equal(p.Items, q.Items)
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

// Shipments lists the packages that were confirmed, in the order of their first
// confirmation. Packages that the marketplace ships by itself are not there.
func (w *World) Shipments() []Shipment {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Shipment, 0, len(w.shipments))
	for _, s := range w.shipments {
		one := *s
		one.Parcels = slices.Clone(s.Parcels)
		all = append(all, one)
	}
	return all
}

// confirmation is a checked confirmShipment request.
type confirmation struct {
	orderID, marketplaceID, reference string
	parcel                            Parcel
}

// fulfilled is Amazon's message for a new package of an order that has all of
// its packages (selling-partner-api-models#5037).
const fulfilled = "Failed to create package due to not finding a matching package or order already fulfilled. " +
	"ErrorMessage(errorCode=GeneralError, errorDescription=Unable to find package to update for order (%s), " +
	"errorMetric=PackageToUpdateNotFound, packageIndex=null)"

// confirm adds a package to an order of a seller's, or edits the one of the same
// reference id. changed reports whether the order is another one now.
func (w *World) confirm(accountID string, c *confirmation) (change Change, changed bool, refusal *answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.orders[c.orderID]
	if h == nil || h.account.ID != accountID {
		none := spapiError(http.StatusNotFound, "NotFound", "The requested order was not found.", "")
		return Change{}, false, &none
	}
	if complaint := h.latest().complain(c); complaint != "" {
		refused := invalidInput(complaint)
		return Change{}, false, &refused
	}
	s := w.shipment(accountID, c)
	s.Confirmed++
	if n := len(s.Parcels); n > 0 && s.Parcels[n-1].equal(&c.parcel) {
		return Change{}, false, nil
	}
	s.Parcels = append(s.Parcels, c.parcel)
	w.amend(h, func(o *Order, now time.Time) { o.pack(c, now) })
	return statusChange(h), true, nil
}

func (w *World) shipment(accountID string, c *confirmation) *Shipment {
	for _, s := range w.confirmed[c.orderID] {
		if s.PackageReferenceID == c.reference {
			return s
		}
	}
	s := &Shipment{Account: accountID, OrderID: c.orderID, PackageReferenceID: c.reference}
	w.confirmed[c.orderID] = append(w.confirmed[c.orderID], s)
	w.shipments = append(w.shipments, s)
	return s
}

// complain returns why Amazon refuses a confirmation, or "".
func (o *Order) complain(c *confirmation) string {
	known := slices.ContainsFunc(o.Packages, func(p orderPackage) bool { return p.ReferenceID == c.reference })
	switch {
	case o.SalesChannel.MarketplaceID != c.marketplaceID:
		return fmt.Sprintf("Order %s was not placed in marketplace %s.", o.OrderID, c.marketplaceID)
	case o.Status() == Shipped && !known:
		return fmt.Sprintf(fulfilled, o.OrderID)
	case o.Status() == Pending || o.Status() == Cancelled:
		return fmt.Sprintf("Order %s cannot be confirmed: it is %s.", o.OrderID, o.Status())
	}
	packed := o.packed(c.reference)
	for _, units := range c.parcel.Items {
		at := slices.IndexFunc(o.Items, func(i orderItem) bool { return i.OrderItemID == units.OrderItemID })
		if at < 0 {
			return fmt.Sprintf("OrderItemId %s is not an item of order %s.", units.OrderItemID, o.OrderID)
		}
		packed[units.OrderItemID] += units.Quantity
		if ordered := o.Items[at].Quantity; packed[units.OrderItemID] > ordered {
			return fmt.Sprintf("The quantity of OrderItemId %s is larger than what is left of the %d that were ordered.", units.OrderItemID, ordered)
		}
	}
	return ""
}

// packed counts the units of each item that are in packages, except in one.
func (o *Order) packed(except string) map[string]int {
	units := make(map[string]int)
	for _, p := range o.Packages {
		if p.ReferenceID == except {
			continue
		}
		for _, item := range p.Items {
			units[item.OrderItemID] += item.Quantity
		}
	}
	return units
}

// pack puts a confirmed package into a version of an order that is still being
// made. It replaces what earlier versions share rather than change it.
func (o *Order) pack(c *confirmation, now time.Time) {
	parcel := orderPackage{
		ReferenceID: c.reference, CreatedTime: timestamp(now), Status: packageStatus{Status: "SHIPPED"},
		Carrier: cmp.Or(c.parcel.CarrierName, c.parcel.CarrierCode), ShipTime: timestamp(c.parcel.ShipTime),
		ShippingService: c.parcel.ShippingMethod, TrackingNumber: c.parcel.TrackingNumber,
	}
	for _, units := range c.parcel.Items {
		parcel.Items = append(parcel.Items, packageItem(units))
	}
	o.Packages = slices.Clone(o.Packages)
	if at := slices.IndexFunc(o.Packages, func(p orderPackage) bool { return p.ReferenceID == c.reference }); at >= 0 {
		parcel.CreatedTime = o.Packages[at].CreatedTime
		o.Packages[at] = parcel
	} else {
		o.Packages = append(o.Packages, parcel)
	}
	status, packed := Shipped, o.packed("")
	for i := range o.Items {
		item := &o.Items[i]
		shipped := *item.Fulfillment
		shipped.Fulfilled = packed[item.OrderItemID]
		shipped.Unfulfilled = item.Quantity - shipped.Fulfilled
		item.Fulfillment = &shipped
		if shipped.Unfulfilled > 0 {
			status = PartiallyShipped
		}
	}
	fulfillment := *o.Fulfillment
	fulfillment.Status = status
	o.Fulfillment = &fulfillment
}

// freeReference is a package reference id that the order does not have.
func (o *Order) freeReference() string {
	for n := len(o.Packages) + 1; ; n++ {
		reference := fmt.Sprint(n)
		if !slices.ContainsFunc(o.Packages, func(p orderPackage) bool { return p.ReferenceID == reference }) {
			return reference
		}
	}
}

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

func (s *Simulator) confirmShipment(r *spapiRequest) answer {
	id := r.PathValue("orderId")
	r.call.Parameters["orderId"] = id
	var request confirmRequest
	if refusal := readOperation(r, &request); refusal != nil {
		return *refusal
	}
	c, complaint := request.check()
	if complaint != "" {
		return invalidInput(complaint)
	}
	c.orderID = id
	r.call.Parameters["packageReferenceId"] = c.reference
	r.call.Parameters["trackingNumber"] = c.parcel.TrackingNumber
	change, changed, refusal := s.World.confirm(r.account.ID, &c)
	if refusal != nil {
		return *refusal
	}
	if changed {
		s.deliver(change, s.Notification(change))
	}
	return answer{status: http.StatusNoContent}
}

// check returns what is wrong with a request whatever the order is, or "".
func (q *confirmRequest) check() (c confirmation, complaint string) {
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
	case p.CarrierCode == "Other" && p.CarrierName == "":
		return c, "CarrierName: is required when CarrierCode is Other."
	case p.TrackingNumber == "":
		return c, "TrackingNumber: is required."
	case err != nil:
		return c, "ShipDate: is not an ISO 8601 date and time."
	case len(p.Items) == 0:
		return c, "OrderItems: is required."
	}
	c = confirmation{marketplaceID: q.MarketplaceID, reference: p.ReferenceID, parcel: Parcel{
		CarrierCode: p.CarrierCode, CarrierName: p.CarrierName, ShippingMethod: p.ShippingMethod,
		TrackingNumber: p.TrackingNumber, ShipTime: shipped.UTC(),
	}}
	for _, item := range p.Items {
		if item.Quantity < 1 {
			return c, "Quantity: must be a positive number."
		}
		c.parcel.Items = append(c.parcel.Items, Units{item.OrderItemID, item.Quantity})
	}
	return c, ""
}
