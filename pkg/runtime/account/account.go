// Package account owns who we sell as: the configured seller accounts, and
// how Amazon's own ids map to our names.
package account

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Account is one seller in one region, under the name that keys everything in Kafka.
type Account struct {
	ID              string       // our name, such as "acme-eu"
	SellerID        string       // Amazon's merchant token, such as "A3TH9S8BH6GOGM"
	AmazonAccountID string       // Amazon's accountId, such as "amzn1.merchant.o.A3TH9S8BH6GOGM"; may be empty
	Region          model.Region // Amazon selling region
	Application     string       // name of the SP-API application that holds its authorization
	Marketplaces    []string     // marketplace ids, the home marketplace first
	BuyerData       bool         // whether its orders carry buyer data, encrypted
	FulfilledBy     []string     // who ships the orders that are wanted, as Amazon names them; empty for anyone
}

// Wants reports whether orders that somebody ships are wanted. Where Amazon does not say
// who does, or names one that is not known, they are.
func (a *Account) Wants(fulfilledBy string) bool {
	return len(a.FulfilledBy) == 0 || slices.Contains(a.FulfilledBy, fulfilledBy) ||
		fulfilledBy != model.FulfilledByMerchant && fulfilledBy != model.FulfilledByAmazon
}

// Directory finds accounts. It does not change once made and may be shared.
type Directory struct {
	byID      map[string]*Account
	bySeller  map[sellerKey]*Account
	perSeller map[string][]*Account // by Amazon's seller id
	perAmazon map[string][]*Account // by Amazon's accountId
	ordered   []*Account
}

type sellerKey struct {
	id     string
	region model.Region
}

// NewDirectory indexes accounts. Two with the same name, or the same seller in
// the same region, would own one quota twice: each such pair is an error, and
// all of them are reported.
func NewDirectory(accounts []Account) (*Directory, error) {
	d := &Directory{
		byID:      make(map[string]*Account, len(accounts)),
		bySeller:  make(map[sellerKey]*Account, len(accounts)),
		perSeller: make(map[string][]*Account, len(accounts)),
		perAmazon: make(map[string][]*Account),
	}
	var faults []error
	for _, given := range accounts {
		a := &given
		if d.byID[a.ID] != nil {
			faults = append(faults, fmt.Errorf("account %s is configured twice: give each account a name of its own", a.ID))
			continue
		}
		key := sellerKey{a.SellerID, a.Region}
		if other := d.bySeller[key]; other != nil {
			faults = append(faults, fmt.Errorf("accounts %s and %s are the same seller %s in region %s: they would spend one quota twice; keep one",
				other.ID, a.ID, a.SellerID, a.Region))
			continue
		}
		d.byID[a.ID] = a
		d.bySeller[key] = a
		if a.AmazonAccountID != "" {
			d.perAmazon[a.AmazonAccountID] = append(d.perAmazon[a.AmazonAccountID], a)
		}
		d.perSeller[a.SellerID] = append(d.perSeller[a.SellerID], a)
		d.ordered = append(d.ordered, a)
	}
	return d, errors.Join(faults...)
}

// ByID finds an account by our name.
func (d *Directory) ByID(id string) (*Account, bool) {
	a, ok := d.byID[id]
	return a, ok
}

// BySeller finds an account by Amazon's seller id. An empty region matches
// when the seller is configured in one region only.
func (d *Directory) BySeller(sellerID string, region model.Region) (*Account, bool) {
	if region != "" {
		a, ok := d.bySeller[sellerKey{sellerID, region}]
		return a, ok
	}
	if same := d.perSeller[sellerID]; len(same) == 1 {
		return same[0], true
	}
	return nil, false
}

// OfSeller lists a seller's accounts, one in each region. The seller is named by
// Amazon's seller id or else by Amazon's accountId, which some notifications carry in
// its place. The caller must not change the slice.
func (d *Directory) OfSeller(sellerID, amazonAccountID string) []*Account {
	if same := d.perSeller[sellerID]; len(same) > 0 {
		return same
	}
	return d.perAmazon[amazonAccountID]
}

// All lists the accounts in the order in which they were configured. The
// caller must not change the slice.
func (d *Directory) All() []*Account { return d.ordered }
