package stock

import (
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/wire"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// How the merchant's quantity of a SKU changes: by what is submitted, by orders, and by
// somebody's hand in Seller Central. Each change is notified.

// set takes a change of a SKU's availability over, and reports whether it did. A SKU that
// is not listed there stays as it is, and so does a quantity that a rule has ignored.
func (s *Stock) set(a *world.Account, marketplace, sku string, change availability, by AppliedQuantity) bool {
	if change.given && s.faults.Ignores(a.ID, sku, by.Time) {
		return false
	}
	l := s.listings
	l.mu.Lock()
	defer l.mu.Unlock()
	item := l.find(a, sku, marketplace)
	switch {
	case item == nil:
		return false
	case change.remove:
		k := l.sellers[a.Key()]
		delete(k.listed, sku)
		k.order = slices.DeleteFunc(k.order, func(other string) bool { return other == sku })
		s.status(a, item, by.Time, "DELETED")
	case change.given:
		if change.leadTime > 0 || !change.merge {
			item.LeadTime = change.leadTime
		}
		item.sold, by.Quantity = 0, change.quantity
		s.change(a, item, by)
	}
	return true
}

// Sell takes an order's units off what the merchant has of them at Amazon.
func (s *Stock) Sell(a *world.Account, o world.Order) {
	if o.ByAmazon() {
		return
	}
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	for _, line := range o.Items {
		item := s.listings.find(a, line.Product.SellerSKU, o.SalesChannel.MarketplaceID)
		if item == nil || item.Channel != "" {
			continue
		}
		units := min(line.Quantity, item.Quantity)
		item.sold += units
		s.change(a, item, AppliedQuantity{Time: time.Time(o.CreatedTime), Quantity: item.Quantity - units, Order: o.OrderID})
	}
}

// SetByHand changes a merchant's quantity as somebody does in Seller Central.
func (s *Stock) SetByHand(accountID, sku string, quantity int) error {
	a, err := s.world.Account(accountID)
	if err != nil {
		return err
	}
	if quantity < 0 {
		return fmt.Errorf("a quantity cannot be %d", quantity)
	}
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	item := s.listings.sellers[a.Key()].listed[sku]
	if item == nil {
		return fmt.Errorf("%s does not list the SKU %q", accountID, sku)
	}
	s.change(a, item, AppliedQuantity{Time: s.clock.Now(), Quantity: quantity, Hand: true})
	return nil
}

// change gives a listing another quantity; call it with the lock held.
func (s *Stock) change(a *world.Account, item *listed, by AppliedQuantity) {
	before := item.Quantity
	item.Quantity = by.Quantity
	item.applied = append(item.applied, by)
	item.count++
	if len(item.applied) > quantitiesKept {
		item.applied = slices.Delete(item.applied, 0, len(item.applied)-quantitiesKept)
	}
	if item.Quantity == before {
		return
	}
	s.notifier.QuantityChanged(a, notify.Quantity{Channel: MerchantChannel, SKU: item.SKU, Quantity: item.Quantity}, by.Time)
	switch {
	case item.Channel != "": // Amazon has it all the same
	case item.Quantity == 0:
		s.status(a, item, by.Time, "DISCOVERABLE")
	case before == 0:
		s.status(a, item, by.Time, "BUYABLE", "DISCOVERABLE")
	}
}

// status notifies what has become of a listing, wherever it is.
func (s *Stock) status(a *world.Account, item *listed, at time.Time, status ...string) {
	for _, marketplace := range item.Marketplaces {
		s.notifier.StatusChanged(a, notify.Status{MarketplaceID: marketplace, SKU: item.SKU, Created: wire.Time(item.created), Status: status}, at)
	}
}
