package account

import (
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestDirectoryFindsByEveryName(t *testing.T) {
	t.Parallel()
	d, err := NewDirectory([]Account{
		{ID: "acme-eu", SellerID: "A1", AmazonAccountID: "amzn1.merchant.o.A1", Region: model.Europe},
		{ID: "acme-na", SellerID: "A1", Region: model.NorthAmerica},
		{ID: "zeta-fe", SellerID: "Z9", AmazonAccountID: "amzn1.merchant.o.Z9", Region: model.FarEast},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		find func() (*Account, bool)
		want string // "" for not found
	}{
		{"our name", func() (*Account, bool) { return d.ByID("acme-na") }, "acme-na"},
		{"an unknown name", func() (*Account, bool) { return d.ByID("acme") }, ""},
		{"seller and region", func() (*Account, bool) { return d.BySeller("A1", model.Europe) }, "acme-eu"},
		{"seller in a region where it is not", func() (*Account, bool) { return d.BySeller("Z9", model.Europe) }, ""},
		{"seller of one region, region unknown", func() (*Account, bool) { return d.BySeller("Z9", "") }, "zeta-fe"},
		{"seller of two regions, region unknown", func() (*Account, bool) { return d.BySeller("A1", "") }, ""},
	} {
		got, ok := test.find()
		if ok != (test.want != "") || ok && got.ID != test.want {
			t.Errorf("%s: got %v, %v; want %q", test.name, got, ok, test.want)
		}
	}
}

// A notification without a region can be about each account of its seller.
func TestDirectoryListsAllAccountsOfASeller(t *testing.T) {
	t.Parallel()
	d, err := NewDirectory([]Account{
		{ID: "acme-eu", SellerID: "A1", AmazonAccountID: "amzn1.merchant.o.A1", Region: model.Europe},
		{ID: "acme-na", SellerID: "A1", Region: model.NorthAmerica},
		{ID: "zeta-fe", SellerID: "Z9", AmazonAccountID: "amzn1.merchant.o.Z9", Region: model.FarEast},
		{ID: "zeta-na", SellerID: "Z8", AmazonAccountID: "amzn1.merchant.o.Z9", Region: model.NorthAmerica},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ seller, amazon, want string }{
		{"A1", "amzn1.merchant.o.Z9", "acme-eu acme-na"},
		{"", "amzn1.merchant.o.Z9", "zeta-fe zeta-na"},
		{"A0", "amzn1.merchant.o.A1", "acme-eu"},
		{"A0", "", ""},
	} {
		var ids []string
		for _, a := range d.OfSeller(test.seller, test.amazon) {
			ids = append(ids, a.ID)
		}
		if got := strings.Join(ids, " "); got != test.want {
			t.Errorf("seller %q, account id %q: %q, want %q", test.seller, test.amazon, got, test.want)
		}
	}
}

func TestDirectoryRefusesOneQuotaTwice(t *testing.T) {
	t.Parallel()
	_, err := NewDirectory([]Account{
		{ID: "a", SellerID: "A1", Region: model.Europe},
		{ID: "a", SellerID: "A2", Region: model.Europe},
		{ID: "b", SellerID: "A1", Region: model.Europe},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"account a is configured twice", "accounts a and b are the same seller A1 in region eu"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
}

// What is missing or unknown is never left out.
func TestWhoseOrdersAreWanted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		wanted []string
		by     string
		want   bool
	}{
		{nil, model.FulfilledByAmazon, true},
		{[]string{model.FulfilledByMerchant}, model.FulfilledByMerchant, true},
		{[]string{model.FulfilledByMerchant}, model.FulfilledByAmazon, false},
		{[]string{model.FulfilledByMerchant, model.FulfilledByAmazon}, model.FulfilledByAmazon, true},
		{[]string{model.FulfilledByAmazon}, model.FulfilledByMerchant, false},
		{[]string{model.FulfilledByMerchant}, "", true},
		{[]string{model.FulfilledByMerchant}, "AFN", true}, // a fulfillment type that nobody has translated
	} {
		if a := (Account{FulfilledBy: test.wanted}); a.Wants(test.by) != test.want {
			t.Errorf("%v wants %q: %v", test.wanted, test.by, !test.want)
		}
	}
}
