package world

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
)

// PlaceOrder makes a buyer order something from a seller. Most new orders are
// UNSHIPPED, some still PENDING.
func (w *World) PlaceOrder(accountID string) (Change, error) {
	return w.Place(accountID, Placement{})
}

// Placement is what is settled of an order before it is placed.
type Placement struct {
	SellerShips bool // whether the marketplace leaves it to the seller to ship the order
	ByAmazon    bool // whether Amazon ships it
	Kind        Kind // "" for what its number says: one in ten is special
	// SKU is what the buyer orders, in as many units as chance has it; "" for goods of the
	// marketplace's own that no seller lists.
	SKU string
}

// Place is like PlaceOrder, with something settled of the order.
func (w *World) Place(accountID string, p Placement) (Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, err := w.Account(accountID)
	if err != nil {
		return Change{}, err
	}
	w.next++
	order := w.newOrder(a, w.clock.Now(), p)
	h := &history{account: a, versions: []Order{order}}
	w.orders[order.OrderID] = h
	w.placed[accountID] = append(w.placed[accountID], h)
	if w.sell != nil {
		w.sell(a, order)
	}
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
		} else {
			o.Packages = slices.Clone(o.Packages)
			for i := range o.Packages {
				o.Packages[i].Status = o.Packages[i].Status.follow()
			}
		}
	}, statusChange)
}

// Forge makes a change of an order that was never placed.
func (w *World) Forge(a *Account, id string) Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.Now()
	order := w.newOrder(a, now, Placement{})
	order.OrderID = id
	return Change{Account: a, Type: "OrderStatusChange", Reason: "Order Status Change", Time: &now, Order: order}
}

// newOrder makes an order with every data set that the marketplace has, buyer
// data included: what a caller did not ask for is left out when it is read.
func (w *World) newOrder(a *Account, now time.Time, p Placement) Order {
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
			Status: Unshipped, FulfilledBy: byMerchant, ServiceLevel: "STANDARD",
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
	w.addItems(&o, &place)
	if p.SKU != "" {
		o.Items = o.Items[:1]
		o.Items[0].Product.SellerSKU = p.SKU
	}
	o.SellerShips, o.Kind = p.SellerShips, cmp.Or(p.Kind, kindOf(w.next))
	if p.ByAmazon { // which then keeps how the buyer is reached to itself
		o.Fulfillment.FulfilledBy, o.Buyer.Email, o.Recipient.Address.Phone = byAmazon, "", ""
	}
	o.specialize(w.next, &place)
	if slices.ContainsFunc(o.Programs, func(program string) bool { return program == "FBM_SHIP_PLUS" || program == "AMAZON_EASY_SHIP" }) {
		o.SellerShips = false // Amazon's label says that it is shipped
	}
	o.markBuyer(w.mark)
	return o
}

// markBuyer puts mark before whatever is the buyer's.
func (o *Order) markBuyer(mark string) {
	texts := append(o.Recipient.Address.texts(), &o.Buyer.Name, &o.Buyer.Email, &o.Buyer.CompanyName, &o.Buyer.PurchaseOrderNumber)
	if p := o.Recipient.Preference; p != nil {
		texts = append(texts, &p.DropOffLocation, &p.Instruction)
	}
	for i := range o.Items {
		if gift := o.Items[i].Fulfillment.Gift(); gift != nil {
			texts = append(texts, &gift.Message)
		}
		if custom := o.Items[i].Product.Customization; custom != nil {
			texts = append(texts, &custom.URL)
		}
	}
	if o.Tax != nil {
		for i := range o.Tax.Registrations {
			texts = append(texts, o.Tax.Registrations[i].texts()...)
		}
	}
	for i := range o.Payment.Executions {
		texts = append(texts, &o.Payment.Executions[i].AuthorizationCode)
	}
	for _, text := range texts {
		if *text != "" && !strings.HasPrefix(*text, mark) { // an address may be there twice
			*text = mark + *text
		}
	}
}

// texts are those that tell where somebody lives.
func (a *address) texts() []*string {
	texts := []*string{&a.Name, &a.CompanyName, &a.AddressLine1, &a.AddressLine2, &a.AddressLine3, &a.City, &a.District, &a.Municipality, &a.PostalCode, &a.Phone}
	if e := a.Extended; e != nil {
		texts = append(texts, &e.Street, &e.Number, &e.Complement, &e.Neighborhood)
	}
	return texts
}

func (r *taxRegistration) texts() []*string {
	texts := []*string{&r.LegalName, &r.Number}
	if r.Address != nil {
		texts = append(texts, r.Address.texts()...)
	}
	return texts
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

// amount is so many hundredths in the marketplace's currency.
func (p *Marketplace) amount(cents int) Money {
	if p.currency == "JPY" { // has no smaller unit
		return Money{Amount: fmt.Sprint(cents), CurrencyCode: p.currency}
	}
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return Money{Amount: fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100), CurrencyCode: p.currency}
}

func (w *World) addItems(o *Order, place *Marketplace) {
	amount := place.amount
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
			Proceeds:    &itemProceeds{Total: amount(price), Breakdowns: []itemBreakdown{{Type: "ITEM", Subtotal: amount(price)}}, cents: price},
			Fulfillment: &itemFulfillment{Unfulfilled: quantity},
			Tax:         &itemTax{Collections: []taxCollection{{Model: "MARKETPLACE_FACILITATOR", ResponsibleParty: "Amazon Services"}}},
		}
		w.addExtras(&item, amount)
		o.Items = append(o.Items, item)
	}
	const shipping = 399
	total += shipping
	o.Proceeds = &orderProceeds{
		GrandTotal: amount(total), Breakdowns: []breakdown{{Type: "ITEM", Subtotal: amount(goods)}, {Type: "SHIPPING", Subtotal: amount(shipping)}}, cents: total,
	}
	o.Payment = &orderPayment{Executions: []paymentExecution{{Method: "CreditCard", Amount: amount(total)}}}
}

// addExtras gives some items a promotion, a gift wrap or points.
func (w *World) addExtras(item *Item, amount func(int) Money) {
	switch w.random.IntN(8) {
	case 0:
		item.Promotion = &itemPromotion{Breakdowns: []promotionBreakdown{{ID: "SPRING-SALE"}}}
	case 1:
		item.Fulfillment.Packing = &itemPacking{Gift: &giftOption{Message: "Happy birthday!", WrapLevel: "STANDARD"}}
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
		by := []string{"BUYER", byMerchant, byAmazon}[int(o.OrderID[len(o.OrderID)-1])%3]
		for i := range o.Items {
			cancelled := itemCancellation{Execution: &cancellationExecution{CancelledBy: by, Reason: "No longer needed"}}
			if before := o.Items[i].Cancellation; before != nil {
				cancelled.Request = before.Request
			}
			o.Items[i].Cancellation = &cancelled
		}
	}
}

// ship sends what is left of the first n items, in one package or, where the order's kind
// says so, in one for each item. Amazon shows no packages of what it ships itself.
func (w *World) ship(o *Order, n int, now time.Time) {
	sent := make([]packageItem, 0, n)
	for i := range o.Items[:n] {
		item := &o.Items[i]
		left := item.Fulfillment.Unfulfilled
		if left == 0 {
			continue
		}
		unit := packageItem{OrderItemID: item.OrderItemID, Quantity: left}
		if o.Kind == Serial && i == 0 {
			unit.Transparency = []string{"AZ:" + item.OrderItemID}
		}
		sent = append(sent, unit)
		shipped := *item.Fulfillment
		shipped.Fulfilled, shipped.Unfulfilled = item.Quantity, 0
		item.Fulfillment = &shipped
	}
	if o.ByAmazon() {
		return
	}
	parcels := [][]packageItem{sent}
	if o.Kind == ManyPackages {
		parcels = slices.Collect(slices.Chunk(sent, 1))
	}
	o.Packages = slices.Clone(o.Packages)
	for _, items := range parcels {
		o.Packages = append(o.Packages, w.parcel(o, items, now))
	}
}

func (w *World) parcel(o *Order, items []packageItem, now time.Time) orderPackage {
	carrier := w.carriers[w.random.IntN(len(w.carriers))]
	parcel := orderPackage{
		ReferenceID:     o.freeReference(),
		CreatedTime:     wire.Time(now),
		Status:          packageStatus{Status: "SHIPPED"},
		Carrier:         carrier,
		ShipTime:        wire.Time(now),
		ShippingService: "Standard",
		TrackingNumber:  fmt.Sprintf("%s%010d", carrier[:2], w.random.IntN(1_000_000_000)),
		Items:           items,
	}
	if o.Kind == ManyPackages {
		place := w.places[o.SalesChannel.MarketplaceID]
		parcel.Status.Detailed, parcel.ShipFrom = "PICKED_UP", place.warehouse()
	}
	return parcel
}
