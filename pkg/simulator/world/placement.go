package world

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// PlaceOrder makes a buyer order something from a seller. Most new orders are
// UNSHIPPED, some still PENDING.
func (w *World) PlaceOrder(accountID string) (Change, error) { return w.Place(accountID, false) }

// Place is like PlaceOrder, but can leave it to the seller to ship the order.
func (w *World) Place(accountID string, sellerShips bool) (Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, err := w.Account(accountID)
	if err != nil {
		return Change{}, err
	}
	w.next++
	order := w.newOrder(a, w.clock.Now())
	order.SellerShips = sellerShips
	h := &history{account: a, versions: []Order{order}}
	w.orders[order.OrderID] = h
	w.placed[accountID] = append(w.placed[accountID], h)
	return statusChange(h), nil
}

// Change takes an order one step on: PENDING becomes UNSHIPPED, UNSHIPPED
// becomes PARTIALLY_SHIPPED, SHIPPED or CANCELLED, PARTIALLY_SHIPPED becomes
// SHIPPED. A SHIPPED or CANCELLED order only gets a new time, and so does an
// UNSHIPPED or PARTIALLY_SHIPPED one that its seller ships.
func (w *World) Change(orderID string) (Change, error) {
	return w.update(orderID, func(o *Order, now time.Time) {
		status := w.nextStatus(o)
		if status != o.Status() {
			w.setStatus(o, status, now)
		}
	}, statusChange)
}

// Forge makes a change of an order that was never placed.
func (w *World) Forge(a *Account, id string) Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.Now()
	order := w.newOrder(a, now)
	order.OrderID = id
	return Change{Account: a, Type: "OrderStatusChange", Reason: "Order Status Change", Time: &now, Order: order}
}

// newOrder makes an order with every data set that the marketplace has, buyer
// data included: what a caller did not ask for is left out when it is read.
func (w *World) newOrder(a *Account, now time.Time) Order {
	now = now.Truncate(time.Millisecond)
	marketplaceID := a.Marketplaces[w.random.IntN(len(a.Marketplaces))]
	place := w.places[marketplaceID]
	name := w.buyers[w.random.IntN(len(w.buyers))]
	o := Order{
		OrderID:         fmt.Sprintf("%03d-%07d-%07d", 100+w.random.IntN(900), w.random.IntN(10_000_000), w.next%10_000_000),
		OrderAliases:    []orderAlias{{AliasID: fmt.Sprintf("SO-%06d", w.next), AliasType: "SELLER_ORDER_ID"}},
		CreatedTime:     wire.Time(now),
		LastUpdatedTime: wire.Time(now),
		SalesChannel:    salesChannel{ChannelName: "AMAZON", MarketplaceID: marketplaceID, MarketplaceName: place.name},
		Buyer:           &buyer{Name: name, Email: fmt.Sprintf("buyer%d@marketplace.%s", w.next, place.name)},
		Recipient: &recipient{Address: address{
			Name: name, AddressLine1: fmt.Sprintf("%d Station Road", 1+w.random.IntN(99)), City: place.city,
			StateOrRegion: place.region, PostalCode: place.postalCode, CountryCode: place.country,
			Phone: fmt.Sprintf("+00 555 %07d", w.random.IntN(10_000_000)), AddressType: "RESIDENTIAL",
		}},
		Fulfillment: &orderFulfillment{
			Status: Unshipped, FulfilledBy: "MERCHANT", ServiceLevel: "STANDARD",
			ShipByWindow:  days(now, 1, 2),
			DeliverWindow: days(now, 3, 6),
		},
	}
	if w.random.IntN(5) == 0 {
		o.Fulfillment.Status = Pending
	}
	if w.random.IntN(6) == 0 {
		w.makeBusiness(&o, name)
	}
	if w.random.IntN(4) == 0 {
		o.Recipient.Preference = &deliveryPreference{DropOffLocation: "NEIGHBOR", Instruction: "Ring twice"}
	}
	w.addItems(&o, place.currency)
	o.markBuyer(w.mark)
	return o
}

// markBuyer puts mark before whatever is the buyer's.
func (o *Order) markBuyer(mark string) {
	a := &o.Recipient.Address
	texts := []*string{&o.Buyer.Name, &o.Buyer.Email, &o.Buyer.CompanyName, &o.Buyer.PurchaseOrderNumber, &a.Name, &a.AddressLine1, &a.City, &a.PostalCode, &a.Phone}
	if p := o.Recipient.Preference; p != nil {
		texts = append(texts, &p.DropOffLocation, &p.Instruction)
	}
	for _, text := range texts {
		if *text != "" {
			*text = mark + *text
		}
	}
}

func days(now time.Time, first, last int) timeWindow {
	day := now.UTC().Truncate(24 * time.Hour)
	return timeWindow{
		Earliest: wire.Time(day.AddDate(0, 0, first)),
		Latest:   wire.Time(day.AddDate(0, 0, last).Add(24*time.Hour - time.Second)),
	}
}

func (w *World) makeBusiness(o *Order, name string) {
	company := name + " Trading"
	o.Programs = []string{"AMAZON_BUSINESS"}
	o.Buyer.CompanyName = company
	o.Buyer.PurchaseOrderNumber = fmt.Sprintf("PO-%05d", w.random.IntN(100_000))
	o.Recipient.Address.AddressType = "COMMERCIAL"
	o.Tax = &orderTax{Registrations: []taxRegistration{{
		EntityType: "BUYER", LegalName: company, Type: "VAT",
		Number: o.Recipient.Address.CountryCode + fmt.Sprintf("%09d", w.random.IntN(1_000_000_000)),
	}}}
}

func (w *World) addItems(o *Order, currency string) {
	amount := func(cents int) Money {
		if currency == "JPY" { // has no smaller unit
			return Money{Amount: fmt.Sprint(cents), CurrencyCode: currency}
		}
		return Money{Amount: fmt.Sprintf("%d.%02d", cents/100, cents%100), CurrencyCode: currency}
	}
	goods, total := 0, 0
	first := w.random.IntN(len(w.products))
	for i := range 1 + w.random.IntN(3) {
		p := w.products[(first+i)%len(w.products)]
		quantity := 1 + w.random.IntN(3)
		price := p.cents * quantity
		goods += price
		total += price
		item := Item{
			OrderItemID: fmt.Sprintf("%d%02d", 10_000_000_000+w.next, i+1),
			Quantity:    quantity,
			Product: itemProduct{
				ASIN: p.asin, Title: p.title, SellerSKU: "SKU-" + p.asin[4:],
				Condition: condition{Type: "NEW", Subtype: "NEW"},
				Price:     itemPrice{UnitPrice: amount(p.cents)},
			},
			Proceeds:    &itemProceeds{Total: amount(price), Breakdowns: []breakdown{{"ITEM", amount(price)}}},
			Fulfillment: &itemFulfillment{Unfulfilled: quantity},
			Tax:         &itemTax{Collections: []taxCollection{{Model: "MARKETPLACE_FACILITATOR", ResponsibleParty: "Amazon Services"}}},
		}
		w.addExtras(&item, amount)
		o.Items = append(o.Items, item)
	}
	const shipping = 399
	total += shipping
	o.Proceeds = &orderProceeds{GrandTotal: amount(total), Breakdowns: []breakdown{{"ITEM", amount(goods)}, {"SHIPPING", amount(shipping)}}}
	o.Payment = &orderPayment{Executions: []paymentExecution{{Method: "CreditCard", Amount: amount(total)}}}
}

// addExtras gives some items a promotion, a gift wrap or points.
func (w *World) addExtras(item *Item, amount func(int) Money) {
	switch w.random.IntN(8) {
	case 0:
		item.Promotion = &itemPromotion{Breakdowns: []promotionBreakdown{{ID: "SPRING-SALE"}}}
	case 1:
		item.Fulfillment.Packing = &itemPacking{GiftOption: giftOption{Message: "Happy birthday!", WrapLevel: "STANDARD"}}
	case 2:
		item.Expense = &itemExpense{PointsCost: pointsCost{Granted: pointsGranted{Number: 10, Value: amount(10)}}}
	}
}

func (w *World) nextStatus(o *Order) Status {
	switch o.Status() {
	case Pending:
		return Unshipped
	case Unshipped:
		switch {
		case o.SellerShips:
			return Unshipped
		case w.random.IntN(10) == 0:
			return Cancelled
		case len(o.Items) > 1 && w.random.IntN(4) == 0:
			return PartiallyShipped
		}
		return Shipped
	case PartiallyShipped:
		if !o.SellerShips {
			return Shipped
		}
	}
	return o.Status()
}

// setStatus changes an order and all that follows from its status. It replaces
// what earlier versions share rather than change it.
func (w *World) setStatus(o *Order, status Status, now time.Time) {
	fulfillment := *o.Fulfillment
	fulfillment.Status = status
	o.Fulfillment = &fulfillment
	switch status {
	case PartiallyShipped:
		w.ship(o, 1, now)
	case Shipped:
		w.ship(o, len(o.Items), now)
	case Cancelled:
		for i := range o.Items {
			o.Items[i].Cancellation = &itemCancellation{
				Execution: &cancellationExecution{CancelledBy: "BUYER", Reason: "No longer needed"},
			}
		}
	}
}

// ship sends what is left of the first n items in one package.
func (w *World) ship(o *Order, n int, now time.Time) {
	carrier := w.carriers[w.random.IntN(len(w.carriers))]
	parcel := orderPackage{
		ReferenceID:     o.freeReference(),
		CreatedTime:     wire.Time(now),
		Status:          packageStatus{Status: "SHIPPED"},
		Carrier:         carrier,
		ShipTime:        wire.Time(now),
		ShippingService: "Standard",
		TrackingNumber:  fmt.Sprintf("%s%010d", carrier[:2], w.random.IntN(1_000_000_000)),
	}
	for i := range o.Items[:n] {
		item := &o.Items[i]
		left := item.Fulfillment.Unfulfilled
		if left == 0 {
			continue
		}
		parcel.Items = append(parcel.Items, packageItem{item.OrderItemID, left})
		shipped := *item.Fulfillment
		shipped.Fulfilled, shipped.Unfulfilled = item.Quantity, 0
		item.Fulfillment = &shipped
	}
	o.Packages = append(o.Packages[:len(o.Packages):len(o.Packages)], parcel)
}
