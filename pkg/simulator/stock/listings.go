package stock

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/world"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The sellers' listings. Amazon keys the quantity of what the merchant ships
// itself by seller and SKU, not by marketplace (its Feeds API guide), so one
// quantity is offered wherever the SKU is listed.

// Listing is a seller's SKU.
type Listing struct {
	SKU          string   `json:"sku"`
	ProductType  string   `json:"productType"`
	Marketplaces []string `json:"marketplaces"` // where it is listed
	Quantity     int      `json:"quantity"`     // offered through the channel DEFAULT
	// Channel is Amazon's own, such as AMAZON_EU, where Amazon fulfils the SKU; "" for the merchant.
	// A quantity that comes all the same is taken, and stands beside it in DEFAULT
	// (selling-partner-api-models#2061, #2633).
	Channel string `json:"channel,omitempty"`
	// LeadTime is lead_time_to_ship_max_days, which a merge keeps and a replace
	// without it loses; 0 for none.
	LeadTime int `json:"leadTime,omitempty"`
}

// AppliedQuantity is a quantity that a SKU had from a time on, and what led to it.
type AppliedQuantity struct {
	Time     time.Time `json:"time"`
	Quantity int       `json:"quantity"`
	Feed     string    `json:"feed,omitempty"`  // the id of the feed that brought it
	Patch    string    `json:"patch,omitempty"` // the id of the submission of the patch that did
	Order    string    `json:"order,omitempty"` // the id of the order that took units
	Hand     bool      `json:"hand,omitempty"`  // whether somebody changed it at Amazon
}

// quantitiesKept bounds how many quantities of each SKU are kept as applied.
const quantitiesKept = 1000

// listings are the listings of all sellers.
type listings struct {
	mu      sync.Mutex
	sellers map[world.SellerKey]*catalogue
	patches int // how many calls of patchListingsItem and putListingsItem were accepted
}

// catalogue is what one seller sells.
type catalogue struct {
	listed map[string]*listed
	order  []string // SKUs, oldest first
}

// listed is a listing and its past.
type listed struct {
	Listing
	created time.Time
	seeded  int // the quantity that it began with
	sold    int // units that orders have taken since the newest submitted quantity
	applied []AppliedQuantity
	count   int // of all applied quantities, also those no longer kept
}

// productTypes are those of the seeded listings.
func productTypes() []string { return []string{"PRODUCT", "LUGGAGE", "SHOES"} }

// amazonChannel is the code of Amazon's own channel in a region.
func amazonChannel(region model.Region) string {
	switch region {
	case model.NorthAmerica:
		return "AMAZON_NA"
	case model.FarEast:
		return "AMAZON_JP"
	}
	return "AMAZON_EU"
}

// newListings seeds each seller with the same SKUs, SKU-00001 and so on. A seller of several
// marketplaces does not list every tenth in its first one. Amazon fulfils every so many-th.
func newListings(accounts []world.Account, skus, everyAmazons int, now time.Time) *listings {
	l := &listings{sellers: make(map[world.SellerKey]*catalogue)}
	for i := range accounts {
		a := &accounts[i]
		if l.sellers[a.Key()] != nil {
			continue
		}
		k := &catalogue{listed: make(map[string]*listed, skus)}
		l.sellers[a.Key()] = k
		for n := range skus {
			places := a.Marketplaces
			if n%10 == 9 && len(places) > 1 {
				places = places[1:]
			}
			types := productTypes()
			listing := Listing{
				SKU: fmt.Sprintf("SKU-%05d", n+1), ProductType: types[n%len(types)], Marketplaces: slices.Clone(places),
				Quantity: n % 7, LeadTime: 2,
			}
			if everyAmazons > 0 && n%everyAmazons == everyAmazons-1 {
				listing.Channel, listing.Quantity, listing.LeadTime = amazonChannel(a.Region), 0, 0
			}
			k.put(listing, now)
		}
	}
	return l
}

func (k *catalogue) put(listing Listing, now time.Time) {
	if k.listed[listing.SKU] == nil {
		k.order = append(k.order, listing.SKU)
	}
	k.listed[listing.SKU] = &listed{Listing: listing, created: now, seeded: listing.Quantity}
}

// SKUs lists the SKUs of a seller, oldest first.
func (s *Stock) SKUs(accountID string) ([]string, error) {
	a, err := s.world.Account(accountID)
	if err != nil {
		return nil, err
	}
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	return slices.Clone(s.listings.sellers[a.Key()].order), nil
}

// List adds a listing to a seller, or replaces one and forgets its past.
func (s *Stock) List(accountID string, listing Listing) error {
	a, err := s.world.Account(accountID)
	if err != nil {
		return err
	}
	if listing.SKU == "" || listing.ProductType == "" || listing.Quantity < 0 {
		return fmt.Errorf("a listing needs a SKU, a product type and a quantity that is not negative, not %+v", listing)
	}
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	s.listings.sellers[a.Key()].put(listing, s.clock.Now())
	return nil
}

// Listing is the present state of a SKU, whatever callers are shown.
func (s *Stock) Listing(accountID, sku string) (Listing, bool) {
	a, err := s.world.Account(accountID)
	if err != nil {
		return Listing{}, false
	}
	s.agenda.Run(s.clock.Now())
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	item := s.listings.sellers[a.Key()].listed[sku]
	if item == nil {
		return Listing{}, false
	}
	return item.Listing, true
}

// find is the listing of a SKU in a marketplace, or nil; call it with the lock held.
func (l *listings) find(a *world.Account, sku, marketplace string) *listed {
	item := l.sellers[a.Key()].listed[sku]
	if item == nil || !slices.Contains(item.Marketplaces, marketplace) {
		return nil
	}
	return item
}

// put lists a SKU in a marketplace where it is not listed yet.
func (l *listings) put(a *world.Account, listing Listing, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.sellers[a.Key()]
	switch item := k.listed[listing.SKU]; {
	case item == nil:
		k.put(listing, now)
	case !slices.Contains(item.Marketplaces, listing.Marketplaces[0]):
		item.Marketplaces = append(item.Marketplaces, listing.Marketplaces...)
	}
}

// has reports whether a SKU is listed in a marketplace.
func (l *listings) has(a *world.Account, sku, marketplace string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(a, sku, marketplace) != nil
}

// PatchOrder is a checked patch of a SKU in one marketplace.
type PatchOrder struct {
	SKU, Marketplace string
	Patches          []Patch
	Lists            string // the product type with which it lists a SKU that is not listed there; "" if it does not
	ID               string // of its submission
	Preview          bool   // it is only checked
	Now              time.Time
	Late             time.Duration // how much later it takes effect
}

// Patch takes a patch over, and returns the quantity that it sets.
func (s *Stock) Patch(a *world.Account, p PatchOrder) (quantity int, err error) {
	change, err := readPatches(p.Patches)
	switch {
	case err != nil:
		return 0, err
	case p.Lists == "" && !s.config.AcceptUnknown && !s.listings.has(a, p.SKU, p.Marketplace):
		return 0, unknownSKU()
	case p.Preview:
		return change.quantity, nil
	}
	s.listings.mu.Lock()
	s.listings.patches++
	s.listings.mu.Unlock()
	at := p.Now.Add(p.Late)
	apply := func() {
		if p.Lists != "" {
			s.listings.put(a, Listing{SKU: p.SKU, ProductType: p.Lists, Marketplaces: []string{p.Marketplace}}, at)
		}
		s.set(a, p.Marketplace, p.SKU, change, AppliedQuantity{Time: at, Patch: p.ID})
	}
	if p.Late > 0 {
		s.agenda.Schedule(at, apply)
	} else {
		apply()
	}
	return change.quantity, nil
}

// Item is a listing as a caller is shown it.
type Item struct {
	Listing
	Created, Updated time.Time
	Offered          int  // the quantity, which can lag behind what was submitted
	Merchants        bool // whether the merchant has an offer of it, perhaps beside Amazon's
}

// Item finds a SKU in a marketplace, with the quantity that was offered at a time.
func (s *Stock) Item(a *world.Account, sku, marketplace string, at time.Time) (Item, bool) {
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	item := s.listings.find(a, sku, marketplace)
	if item == nil {
		return Item{}, false
	}
	return item.shown(at), true
}

// Items are a seller's listings in a marketplace as far as they are wanted, in no order.
func (s *Stock) Items(a *world.Account, marketplace string, at time.Time, wanted func(*Item) bool) []Item {
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	var found []Item
	for _, item := range s.listings.sellers[a.Key()].listed {
		if shown := item.shown(at); slices.Contains(item.Marketplaces, marketplace) && wanted(&shown) {
			found = append(found, shown)
		}
	}
	return found
}

func (item *listed) shown(at time.Time) Item {
	shown := Item{item.Listing, item.created, item.created, item.quantityAt(at), item.Channel == "" || item.count > 0}
	if n := len(item.applied); n > 0 {
		shown.Updated = item.applied[n-1].Time
	}
	return shown
}

// quantityAt is the quantity that a listing showed at a time.
func (item *listed) quantityAt(t time.Time) int {
	for n := len(item.applied) - 1; n >= 0; n-- {
		if !item.applied[n].Time.After(t) {
			return item.applied[n].Quantity
		}
	}
	return item.seeded
}
