package simulator

import (
	"fmt"
	"slices"
	"sync"
	"time"

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
	// LeadTime is lead_time_to_ship_max_days, which a merge keeps and a replace
	// without it loses; 0 for none.
	LeadTime int `json:"leadTime,omitempty"`
}

// AppliedQuantity is a quantity that Amazon took over.
type AppliedQuantity struct {
	Time     time.Time `json:"time"`
	Quantity int       `json:"quantity"`
	Feed     string    `json:"feed,omitempty"`  // the id of the feed that brought it
	Patch    string    `json:"patch,omitempty"` // the id of the submission of the patch that did
}

// quantitiesKept bounds how many quantities of each SKU are kept as applied.
const quantitiesKept = 1000

// listings are the listings of all sellers.
type listings struct {
	mu      sync.Mutex
	sellers map[sellerKey]*catalogue
	patches int // how many patchListingsItem calls were accepted
}

// sellerKey names a seller, whichever application calls for it.
type sellerKey struct {
	seller string // Amazon's id
	region model.Region
}

func (a *Account) key() sellerKey { return sellerKey{a.SellerID, a.Region} }

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
	applied []AppliedQuantity
	count   int // of all applied quantities, also those no longer kept
}

// productTypes are those of the seeded listings.
func productTypes() []string { return []string{"PRODUCT", "LUGGAGE", "SHOES"} }

// newListings seeds each seller with the same n SKUs, SKU-00001 and so on. A
// seller of several marketplaces does not list every tenth in its first one.
func newListings(c *Config) *listings {
	l := &listings{sellers: make(map[sellerKey]*catalogue)}
	now := c.Clock.Now()
	for i := range c.Accounts {
		a := &c.Accounts[i]
		if l.sellers[a.key()] != nil {
			continue
		}
		k := &catalogue{listed: make(map[string]*listed, c.SKUs)}
		l.sellers[a.key()] = k
		for n := range c.SKUs {
			places := a.Marketplaces
			if n%10 == 9 && len(places) > 1 {
				places = places[1:]
			}
			types := productTypes()
			k.put(Listing{
				SKU: fmt.Sprintf("SKU-%05d", n+1), ProductType: types[n%len(types)], Marketplaces: slices.Clone(places),
				Quantity: n % 7, LeadTime: 2,
			}, now)
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
func (s *Simulator) SKUs(accountID string) ([]string, error) {
	a := s.World.accounts[accountID]
	if a == nil {
		return nil, fmt.Errorf("no account is named %q", accountID)
	}
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	return slices.Clone(s.listings.sellers[a.key()].order), nil
}

// List adds a listing to a seller, or replaces one and forgets its past.
func (s *Simulator) List(accountID string, listing Listing) error {
	a := s.World.accounts[accountID]
	if a == nil {
		return fmt.Errorf("no account is named %q", accountID)
	}
	if listing.SKU == "" || listing.ProductType == "" || listing.Quantity < 0 {
		return fmt.Errorf("a listing needs a SKU, a product type and a quantity that is not negative, not %+v", listing)
	}
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	s.listings.sellers[a.key()].put(listing, s.clock.Now())
	return nil
}

// Listing is the present state of a SKU, whatever callers are shown.
func (s *Simulator) Listing(accountID, sku string) (Listing, bool) {
	a := s.World.accounts[accountID]
	if a == nil {
		return Listing{}, false
	}
	s.agenda.run(s.clock.Now())
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	item := s.listings.sellers[a.key()].listed[sku]
	if item == nil {
		return Listing{}, false
	}
	return item.Listing, true
}

// find is the listing of a SKU in a marketplace, or nil; call it with the lock held.
func (l *listings) find(a *Account, sku, marketplace string) *listed {
	item := l.sellers[a.key()].listed[sku]
	if item == nil || !slices.Contains(item.Marketplaces, marketplace) {
		return nil
	}
	return item
}

// has reports whether a SKU is listed in a marketplace.
func (l *listings) has(a *Account, sku, marketplace string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.find(a, sku, marketplace) != nil
}

// set takes a change of a SKU's availability over. A SKU that is not listed
// there stays as it is.
func (l *listings) set(a *Account, marketplace, sku string, change availability, by AppliedQuantity) {
	l.mu.Lock()
	defer l.mu.Unlock()
	item := l.find(a, sku, marketplace)
	if item == nil {
		return
	}
	if change.remove {
		k := l.sellers[a.key()]
		delete(k.listed, sku)
		k.order = slices.DeleteFunc(k.order, func(other string) bool { return other == sku })
		return
	}
	if !change.given {
		return
	}
	item.Quantity = change.quantity
	if change.leadTime > 0 || !change.merge {
		item.LeadTime = change.leadTime
	}
	by.Quantity = change.quantity
	item.applied = append(item.applied, by)
	item.count++
	if len(item.applied) > quantitiesKept {
		item.applied = slices.Delete(item.applied, 0, len(item.applied)-quantitiesKept)
	}
}

// patched counts an accepted patch.
func (l *listings) patched() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.patches++
}

// quantityAt is the quantity that a listing showed at a time.
func (i *listed) quantityAt(t time.Time) int {
	for n := len(i.applied) - 1; n >= 0; n-- {
		if !i.applied[n].Time.After(t) {
			return i.applied[n].Quantity
		}
	}
	return i.seeded
}
