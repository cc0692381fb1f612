package world

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func market(t *testing.T, marketplace string) *World {
	t.Helper()
	return New(Config{
		Clock: clock.Real{}, Random: rand.New(rand.NewPCG(1, 2)),
		Accounts: []Account{{Account: account.Account{ID: "seller", SellerID: "A1", Region: model.RegionOf(marketplace), Marketplaces: []string{marketplace}}}},
	})
}

// cents reads an amount, in hundredths or, of yen, in whole ones.
func cents(t *testing.T, m Money) int {
	t.Helper()
	whole, fraction, pointed := strings.Cut(m.Amount, ".")
	if pointed == (m.CurrencyCode == "JPY") || pointed && len(fraction) != 2 {
		t.Errorf("%s %s", m.Amount, m.CurrencyCode)
	}
	n, err := strconv.Atoi(whole + fraction)
	if err != nil {
		t.Error(err)
	}
	return n
}

// What an order costs is the sum of its parts, in each currency and of each kind, and a
// yen has no hundredths. One order in ten is special, each kind in its turn.
func TestWhatOrdersCost(t *testing.T) {
	t.Parallel()
	for _, marketplace := range []string{"A1PA6795UKMFR9", "A1VC38T7YXB528"} {
		w := market(t, marketplace)
		for n := 1; n <= 2*specialEvery*len(Kinds()); n++ {
			change, err := w.PlaceOrder("seller")
			if err != nil {
				t.Fatal(err)
			}
			o := change.Order
			if special := o.Kind != Ordinary; special != (n%specialEvery == 0) || special && o.Kind != Kinds()[(n/specialEvery-1)%len(Kinds())] {
				t.Fatalf("order %d is %s", n, o.Kind)
			}
			sum := 0
			for _, b := range o.Proceeds.Breakdowns {
				sum += cents(t, b.Subtotal)
			}
			if total := cents(t, o.Proceeds.GrandTotal); total != sum || total != cents(t, o.Payment.Executions[0].Amount) {
				t.Errorf("%s: %d in all, %d in parts, %+v", o.Kind, total, sum, o.Payment)
			}
			for _, item := range o.Items {
				sum := 0
				for _, b := range item.Proceeds.Breakdowns {
					details := 0
					for _, d := range b.Details {
						details += cents(t, d.Value)
					}
					if sum += cents(t, b.Subtotal); b.Details != nil && details != cents(t, b.Subtotal) {
						t.Errorf("%s: %+v", o.Kind, b)
					}
				}
				if cents(t, item.Proceeds.Total) != sum {
					t.Errorf("%s: item of %s in all, %d in parts", o.Kind, item.Proceeds.Total.Amount, sum)
				}
			}
		}
	}
}

// A package of many is followed to the door; Amazon shows none of what it ships itself,
// and takes no confirmation of it.
func TestPackagesOfKinds(t *testing.T) {
	t.Parallel()
	w := market(t, "A1PA6795UKMFR9")
	for range 40 {
		for _, byAmazon := range []bool{false, true} {
			placed, err := w.Place("seller", Placement{Kind: ManyPackages, ByAmazon: byAmazon})
			if err != nil {
				t.Fatal(err)
			}
			if byAmazon {
				if _, _, err := w.Confirm("seller", &Confirmation{OrderID: placed.Order.OrderID, MarketplaceID: "A1PA6795UKMFR9"}); err == nil {
					t.Error("a package of Amazon's own was confirmed")
				}
			}
			var last Order
			for range 6 {
				change, err := w.Change(placed.Order.OrderID)
				if err != nil {
					t.Fatal(err)
				}
				last = change.Order
			}
			packages := len(last.Items)
			if last.Status() == Cancelled || byAmazon {
				packages = 0
			}
			if len(last.Packages) != packages {
				t.Errorf("%d packages of %d items, by Amazon %v, %s", len(last.Packages), len(last.Items), byAmazon, last.Status())
			}
			for _, p := range last.Packages {
				if p.Status != (packageStatus{"DELIVERED", "DELIVERED"}) {
					t.Errorf("%+v", p.Status)
				}
			}
		}
	}
}
