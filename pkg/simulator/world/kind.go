package world

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// Kind is what is special about an order. The kinds together fill in every field of
// Amazon's model.
type Kind string

// The kinds. Ordinary is of most orders, so that these stay small.
const (
	Ordinary       Kind = "ordinary"
	Gift           Kind = "gift"
	Custom         Kind = "custom"
	Imported       Kind = "imported" // with an IOSS number
	Business       Kind = "business"
	Replacement    Kind = "replacement"
	CashOnDelivery Kind = "cash-on-delivery"
	ManyPackages   Kind = "many-packages" // one for each item, which Amazon follows to the door
	Discounted     Kind = "discounted"
	Serial         Kind = "serial" // with serial numbers and transparency codes
	Grocery        Kind = "grocery"
	Appointed      Kind = "appointed" // delivered by appointment, to somebody who must show an id
	EasyShip       Kind = "easy-ship"
	Invoiced       Kind = "invoiced" // as in Brazil
	Tipped         Kind = "tipped"
)

// Kinds lists those that are not ordinary.
func Kinds() []Kind {
	return []Kind{Gift, Custom, Imported, Business, Replacement, CashOnDelivery, ManyPackages, Discounted, Serial,
		Grocery, Appointed, EasyShip, Invoiced, Tipped}
}

// specialEvery is the number of orders that hold one special one.
const specialEvery = 10

// kindOf is the kind of the marketplace's n-th order. One that is made up before the first
// has the number 0.
func kindOf(n int64) Kind {
	if n == 0 || n%specialEvery != 0 {
		return Ordinary
	}
	kinds := Kinds()
	return kinds[(n/specialEvery-1)%int64(len(kinds))]
}

const mandatory = "MANDATORY"

// specialize makes the n-th order one of its kind. It draws no number: what is special
// about an order follows from its kind and number.
func (o *Order) specialize(n int64, place *Marketplace) {
	first := &o.Items[0]
	now := time.Time(o.CreatedTime)
	switch o.Kind {
	case Ordinary:
	case Gift:
		first.Fulfillment.Packing = &itemPacking{Gift: &giftOption{Message: "Happy birthday!\nFrom all of us.", WrapLevel: "Classic"}}
		o.charge(first, place, "GIFT_WRAP", 349)
	case Custom:
		first.Product.Customization = &customization{URL: fmt.Sprintf("https://zme-caps.amazon.com/t/%d/custom.zip", n)}
		first.Associated = []associatedItem{{o.OrderID, first.OrderItemID, "VALUE_ADD_SERVICE"}}
	case Imported:
		first.Fulfillment.Shipping = &itemShipping{International: &international{IOSS: fmt.Sprintf("IM%010d", 2760000000+n%1000)}}
		first.Tax.Calculations = []taxCalculation{{"IOSS"}}
		o.charge(first, place, "TAX", first.Proceeds.cents*19/100)
	case Business:
		o.specializeBusiness(n)
	case Replacement:
		o.replace(n, place)
	case CashOnDelivery:
		first.Fulfillment.Shipping = &itemShipping{Constraints: &shippingConstraints{Cash: mandatory}}
		o.charge(first, place, "COD_FEE", 300)
		o.Payment.Executions[0].Method = "COD"
	case ManyPackages:
		o.Programs = append(o.Programs, "FBM_SHIP_PLUS")
	case Discounted:
		o.discount(place)
	case Serial:
		first.Programs = []string{"TRANSPARENCY"}
		first.Fulfillment.Packing = &itemPacking{Serial: &serialNumber{"REQUIRED"}}
		first.Product.SerialNumbers = []string{fmt.Sprintf("SN%08d", n)}
		first.Product.Condition = condition{"USED", "LIKE_NEW", "Opened once"}
	case Grocery:
		first.weigh()
	case Appointed:
		o.appoint(first, now)
	case EasyShip:
		o.collect(n, now)
	case Invoiced:
		o.invoice(n)
	case Tipped:
		o.Proceeds.add(place, breakdown{Type: "DELIVERY_TIP", Status: "PENDING"}, 200)
	}
	o.Payment.Executions[0].Amount = o.Proceeds.GrandTotal
}

// weigh makes it an item that is sold by weight, and may be replaced by another.
func (i *Item) weigh() {
	i.Measurement = &measurement{"KILOGRAMS", 1.5}
	i.Programs = []string{"SUBSCRIBE_AND_SAVE"}
	i.Fulfillment.Picking = &itemPicking{substitutionPreference{Type: "CUSTOMER_PREFERENCE", Options: []substitutionOption{{
		ASIN: i.Product.ASIN, Quantity: i.Quantity, SellerSKU: i.Product.SellerSKU + "-B", Title: "Another brand", Measurement: measurement{"KILOGRAMS", 1},
	}}}}
}

// collect makes it an order that Amazon fetches from the seller.
func (o *Order) collect(n int64, now time.Time) {
	o.Programs = append(o.Programs, "AMAZON_EASY_SHIP")
	o.FulfillmentOrders = []fulfillmentOrder{{fmt.Sprintf("EF%09d", n)}}
	window := days(now, 0, 1)
	o.Fulfillment.LabelWindow = &window
	o.Tax = &orderTax{Invoicing: &taxInvoicing{Preference: "INDIVIDUAL", Status: "ACCEPTED"}}
}

// charge adds an amount to what an item and its order cost.
func (o *Order) charge(item *Item, place *Marketplace, kind string, cents int, details ...detail) {
	item.Proceeds.cents += cents
	item.Proceeds.Total = place.amount(item.Proceeds.cents)
	item.Proceeds.Breakdowns = append(item.Proceeds.Breakdowns, itemBreakdown{kind, place.amount(cents), details})
	o.Proceeds.add(place, breakdown{Type: kind}, cents)
}

// add adds an amount to what an order costs.
func (p *orderProceeds) add(place *Marketplace, b breakdown, cents int) {
	b.Subtotal = place.amount(cents)
	p.Breakdowns = append(p.Breakdowns, b)
	p.cents += cents
	p.GrandTotal = place.amount(p.cents)
}

// specializeBusiness makes it an order of a company that is registered for VAT.
func (o *Order) specializeBusiness(n int64) {
	company := o.Buyer.Name + " Trading"
	o.Programs = []string{"AMAZON_BUSINESS"}
	o.Buyer.CompanyName, o.Buyer.PurchaseOrderNumber = company, fmt.Sprintf("PO-%05d", n)
	a := &o.Recipient.Address
	a.AddressType, a.CompanyName = "COMMERCIAL", company
	a.AddressLine2, a.AddressLine3, a.District = "Building 2", "Gate C", "Harbour"
	registered := *a
	registered.Phone = ""
	o.Tax = &orderTax{Registrations: []taxRegistration{{
		EntityType: "BUYER", LegalName: company, Type: "VAT", Number: fmt.Sprintf("%s%09d", a.CountryCode, n),
		Address: &registered, Attributes: []taxAttribute{{"TAX_OFFICE", "Central"}},
	}}}
	o.Recipient.Preference = &deliveryPreference{
		DropOffLocation: "RECEPTION", Instruction: "Deliveries at gate C",
		Time: &deliveryTime{
			Hours:      []businessHour{{"MON", []hourWindow{{hourMinute{8, 30}, hourMinute{17, 0}}}}},
			Exceptions: []exceptionDate{{"2026-12-24", "OPEN", []hourWindow{{hourMinute{9, 0}, hourMinute{12, 0}}}}},
		},
		Capabilities: []string{"HAS_ACCESS_POINT", "PALLET_ENABLED"},
	}
	o.Items[0].Product.Price.Designation = "BUSINESS_PRICE"
	o.Items[0].Fulfillment.Shipping = &itemShipping{Constraints: &shippingConstraints{Pallet: mandatory}}
}

// replace makes it the replacement of an earlier order, which costs nothing.
func (o *Order) replace(n int64, place *Marketplace) {
	free := place.amount(0)
	o.Associated = []associatedOrder{{fmt.Sprintf("%s-%07d", o.OrderID[:11], n-1), "REPLACEMENT_ORIGINAL_ID"}}
	for i := range o.Items {
		item := &o.Items[i]
		item.Product.Price.UnitPrice = free
		item.Proceeds = &itemProceeds{Total: free, Breakdowns: []itemBreakdown{{Type: "ITEM", Subtotal: free}}}
	}
	o.Proceeds = &orderProceeds{GrandTotal: free, Breakdowns: []breakdown{{Type: "ITEM", Subtotal: free}}}
}

// discount gives the order taxes and a promotion, each with its parts.
func (o *Order) discount(place *Marketplace) {
	for i := range o.Items {
		item := &o.Items[i]
		item.Promotion = &itemPromotion{Breakdowns: []promotionBreakdown{{ID: "PAWS-V2-1234567890"}, {ID: "Free shipping"}}}
		off, tax := -(item.Proceeds.cents / 10), item.Proceeds.cents*17/100
		o.charge(item, place, "DISCOUNT", off-99, detail{"ITEM", place.amount(off)}, detail{"SHIPPING", place.amount(-99)})
		o.charge(item, place, "TAX", tax, detail{"ITEM", place.amount(tax)})
	}
	o.Items[0].Expense = &itemExpense{PointsCost: pointsCost{Granted: pointsGranted{Number: 10, Value: place.amount(10)}}}
}

func (o *Order) appoint(item *Item, now time.Time) {
	o.Fulfillment.ServiceLevel = "SCHEDULED"
	day := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 3)
	window := timeWindow{Earliest: wire.Time(day.Add(14 * time.Hour)), Latest: wire.Time(day.Add(16 * time.Hour))}
	item.Fulfillment.Shipping = &itemShipping{
		Scheduled:   &window,
		Constraints: &shippingConstraints{Signature: mandatory, Identity: mandatory, Age: mandatory},
	}
}

// invoice gives the order what orders in Brazil have.
func (o *Order) invoice(n int64) {
	a := &o.Recipient.Address
	a.Extended = &addressFields{Street: "Rua das Flores", Number: fmt.Sprint(n), Complement: "Apto 12", Neighborhood: "Centro"}
	a.Municipality = "Curitiba"
	o.Tax = &orderTax{
		Registrations: []taxRegistration{{EntityType: "BUYER", LegalName: o.Buyer.Name, Type: "CPF", Number: fmt.Sprintf("%011d", n), Address: a}},
		Invoicing:     &taxInvoicing{Status: "PROCESSING"},
	}
	pay := &o.Payment.Executions[0]
	pay.AcquirerID, pay.CardBrand, pay.AuthorizationCode = "01027058000191", "VISA", fmt.Sprintf("A%05d", n)
}

// warehouse is where packages of special orders leave from.
func (p *Marketplace) warehouse() *merchantAddress {
	return &merchantAddress{
		Name: "Warehouse 1", AddressLine1: "1 Dock Road", AddressLine2: "Hall B", AddressLine3: "Ramp 4",
		City: p.city, District: "Docks", StateOrRegion: p.region, Municipality: p.city, PostalCode: p.postalCode, CountryCode: p.country,
	}
}

// follow is how a package fares: its status and the next one.
func (s packageStatus) follow() packageStatus {
	switch s.Detailed {
	case "PICKED_UP":
		return packageStatus{"IN_TRANSIT", "OUT_FOR_DELIVERY"}
	case "OUT_FOR_DELIVERY":
		return packageStatus{"DELIVERED", "DELIVERED"}
	}
	return s
}
