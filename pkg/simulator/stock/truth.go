package stock

import (
	"iter"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// What really became of inventory: which feeds came into being, and which
// quantities were applied.

// FeedSubmission is a feed that came into being.
type FeedSubmission struct {
	Account      string    `json:"account"`
	FeedID       string    `json:"feedId"`
	FeedType     string    `json:"feedType"`
	Marketplaces []string  `json:"marketplaces"`
	Document     string    `json:"document"` // id of its input document
	SHA256       string    `json:"sha256"`   // of the document
	Messages     int       `json:"messages"` // in the document; 0 if it cannot be read
	Created      time.Time `json:"created"`
	Status       string    `json:"status"`
	Ended        time.Time `json:"ended,omitzero"`
	Applied      int       `json:"applied"` // messages whose change was taken over
	Invalid      int       `json:"invalid"` // messages that were refused
	// Double is why the feed should not exist: "document" if an earlier feed
	// was made of the same document, "content" if the one before it in its
	// marketplace had the same content and did nothing that calls for a repeat.
	Double string `json:"double,omitempty"`
	// Overlaps says that it was made before an earlier one of its seller, type
	// and marketplace had ended.
	Overlaps bool `json:"overlaps,omitempty"`
}

// judge says of a new feed whether it should exist. earlier are its seller's.
func (f *feed) judge(earlier []*feed) {
	first := true // whether the next one is the one before it
	for _, other := range slices.Backward(earlier) {
		if other.Document == f.Document {
			f.Double = "document"
		}
		if other.FeedType != f.FeedType || !slices.Equal(other.Marketplaces, f.Marketplaces) {
			continue
		}
		f.Overlaps = f.Overlaps || !ended(other.Status)
		mended := other.Status == fatal || other.Status == cancelled || other.Invalid > 0 || other.result == "" && ended(other.Status)
		if first && f.Double == "" && other.SHA256 == f.SHA256 && !mended {
			f.Double = "content"
		}
		first = false
	}
}

// Feeds lists the feeds that came into being, by account and then oldest first;
// all accounts' when accountID is empty.
func (s *Stock) Feeds(accountID string) []FeedSubmission {
	s.agenda.Run(s.clock.Now())
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	list := []FeedSubmission{}
	for a := range s.accounts(accountID) {
		for _, f := range s.feeds.of(a.Key()).list {
			if f.account == a {
				list = append(list, f.FeedSubmission)
			}
		}
	}
	return list
}

// accounts are one account, or all when its name is empty.
func (s *Stock) accounts(id string) iter.Seq[*world.Account] {
	return func(yield func(*world.Account) bool) {
		all := s.world.Accounts()
		for i := range all {
			if (id == "" || all[i].ID == id) && !yield(&all[i]) {
				return
			}
		}
	}
}

// InventoryTruth is what became of the sellers' quantities.
type InventoryTruth struct {
	Feeds       int `json:"feeds"`       // that came into being
	FeedsDouble int `json:"feedsDouble"` // of those, that should not exist; see FeedSubmission.Double
	Overlapping int `json:"overlapping"` // of those, made before an earlier one had ended
	Patches     int `json:"patches"`     // patchListingsItem calls that were accepted
	// SKUs are the listings by account and SKU.
	SKUs map[string]map[string]SKUTruth `json:"skus,omitempty"`
}

// SKUTruth is the present quantity of a SKU and those that led to it.
type SKUTruth struct {
	Quantity int               `json:"quantity"`
	Channel  string            `json:"channel,omitempty"` // Amazon's, where Amazon fulfils it
	Seeded   int               `json:"seeded"`            // what it began with
	Sold     int               `json:"sold"`              // units that orders have taken since the newest submitted quantity
	Changes  int               `json:"changes"`           // how many quantities were applied
	Applied  []AppliedQuantity `json:"applied,omitempty"` // the newest 1,000 of them, oldest first
}

// InventoryCounts is the truth without its SKUs, which is cheap to ask for.
func (s *Stock) InventoryCounts() InventoryTruth {
	var truth InventoryTruth
	for _, f := range s.Feeds("") {
		truth.Feeds++
		if f.Double != "" {
			truth.FeedsDouble++
		}
		if f.Overlaps {
			truth.Overlapping++
		}
	}
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	truth.Patches = s.listings.patches
	return truth
}

// InventoryTruth is what became of one account's quantities, or of all when
// accountID is empty.
func (s *Stock) InventoryTruth(accountID string) InventoryTruth {
	truth := s.InventoryCounts()
	truth.SKUs = make(map[string]map[string]SKUTruth)
	s.listings.mu.Lock()
	defer s.listings.mu.Unlock()
	for a := range s.accounts(accountID) {
		skus := make(map[string]SKUTruth)
		for sku, item := range s.listings.sellers[a.Key()].listed {
			skus[sku] = SKUTruth{item.Quantity, item.Channel, item.seeded, item.sold, item.count, slices.Clone(item.applied)}
		}
		truth.SKUs[a.ID] = skus
	}
	return truth
}
