package world

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

func (p *Parcel) equal(q *Parcel) bool {
	return p.CarrierCode == q.CarrierCode && p.CarrierName == q.CarrierName && p.ShippingMethod == q.ShippingMethod &&
		p.TrackingNumber == q.TrackingNumber && p.CODCollectionMethod == q.CODCollectionMethod && p.ShipTime.Equal(q.ShipTime) && slices.Equal(p.Items, q.Items)
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

// Confirmation is what a seller says of one package of an order. One without a reference
// came by a feed, which names neither that nor a marketplace: it is another package.
type Confirmation struct {
	OrderID, MarketplaceID, Reference string
	Parcel                            Parcel
}

// ErrNoOrder says that a seller has no such order.
var ErrNoOrder = errors.New("the requested order was not found")

// fulfilled is Amazon's message for a new package of an order that has all of
// its packages (selling-partner-api-models#5037).
const fulfilled = "Failed to create package due to not finding a matching package or order already fulfilled. " +
	"ErrorMessage(errorCode=GeneralError, errorDescription=Unable to find package to update for order (%s), " +
	"errorMetric=PackageToUpdateNotFound, packageIndex=null)"

// Confirm adds a package to an order of a seller's, or edits the one of the same
// reference id. changed reports whether the order is another one now. Any error but
// ErrNoOrder is Amazon's message of refusal.
func (w *World) Confirm(accountID string, c *Confirmation) (change Change, changed bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.orders[c.OrderID]
	if h == nil || h.account.ID != accountID {
		return Change{}, false, ErrNoOrder
	}
	if c.Reference == "" {
		c.complete(h.latest())
	}
	if complaint := h.latest().complain(c); complaint != "" {
		return Change{}, false, errors.New(complaint)
	}
	s := w.shipment(accountID, c)
	s.Confirmed++
	if n := len(s.Parcels); n > 0 && s.Parcels[n-1].equal(&c.Parcel) {
		return Change{}, false, nil
	}
	s.Parcels = append(s.Parcels, c.Parcel)
	w.amend(h, func(o *Order, now time.Time) { o.pack(c, now) })
	return statusChange(h), true, nil
}

func (w *World) shipment(accountID string, c *Confirmation) *Shipment {
	for _, s := range w.confirmed[c.OrderID] {
		if s.PackageReferenceID == c.Reference {
			return s
		}
	}
	s := &Shipment{Account: accountID, OrderID: c.OrderID, PackageReferenceID: c.Reference}
	w.confirmed[c.OrderID] = append(w.confirmed[c.OrderID], s)
	w.shipments = append(w.shipments, s)
	return s
}

// complete fills in what a feed leaves out: without items a package holds all that is left,
// and all of an item that is left without a quantity.
func (c *Confirmation) complete(o *Order) {
	c.Reference, c.MarketplaceID = o.freeReference(), o.SalesChannel.MarketplaceID
	if len(c.Parcel.Items) == 0 {
		for i := range o.Items {
			c.Parcel.Items = append(c.Parcel.Items, Units{OrderItemID: o.Items[i].OrderItemID})
		}
	}
	c.Parcel.Items = slices.Clone(c.Parcel.Items)
	for i := range c.Parcel.Items {
		units := &c.Parcel.Items[i]
		if item := o.item(units.OrderItemID); item != nil && units.Quantity == 0 {
			units.Quantity = item.Fulfillment.Unfulfilled
		}
	}
	c.Parcel.Items = slices.DeleteFunc(c.Parcel.Items, func(u Units) bool { return u.Quantity == 0 && o.item(u.OrderItemID) != nil })
}

// complain returns why Amazon refuses a confirmation, or "".
func (o *Order) complain(c *Confirmation) string {
	known := slices.ContainsFunc(o.Packages, func(p orderPackage) bool { return p.ReferenceID == c.Reference })
	switch {
	case o.SalesChannel.MarketplaceID != c.MarketplaceID:
		return fmt.Sprintf("Order %s was not placed in marketplace %s.", o.OrderID, c.MarketplaceID)
	case o.ByAmazon():
		return fmt.Sprintf("Order %s cannot be confirmed: it is fulfilled by Amazon.", o.OrderID)
	case o.Status() == Shipped && !known:
		return fmt.Sprintf(fulfilled, o.OrderID)
	case o.Status() == Pending || o.Status() == Cancelled:
		return fmt.Sprintf("Order %s cannot be confirmed: it is %s.", o.OrderID, o.Status())
	}
	packed := o.packed(c.Reference)
	for _, units := range c.Parcel.Items {
		at := slices.IndexFunc(o.Items, func(i Item) bool { return i.OrderItemID == units.OrderItemID })
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
func (o *Order) pack(c *Confirmation, now time.Time) {
	parcel := orderPackage{
		ReferenceID: c.Reference, CreatedTime: wire.Time(now), Status: packageStatus{Status: "SHIPPED"},
		Carrier: cmp.Or(c.Parcel.CarrierName, c.Parcel.CarrierCode), ShipTime: wire.Time(c.Parcel.ShipTime),
		ShippingService: c.Parcel.ShippingMethod, TrackingNumber: c.Parcel.TrackingNumber,
	}
	for _, units := range c.Parcel.Items {
		parcel.Items = append(parcel.Items, packageItem{OrderItemID: units.OrderItemID, Quantity: units.Quantity})
	}
	o.Packages = slices.Clone(o.Packages)
	if at := slices.IndexFunc(o.Packages, func(p orderPackage) bool { return p.ReferenceID == c.Reference }); at >= 0 {
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
