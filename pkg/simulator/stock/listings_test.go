package stock_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

type submissionView struct {
	SKU, Status, SubmissionID string
	Issues                    []struct {
		Code, Severity string
		AttributeNames []string
	}
}

func TestPatchListingsItem(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	if err := s.List(simulatortest.German, simulator.Listing{SKU: "A/B #1", ProductType: "PRODUCT", Marketplaces: []string{simulatortest.Germany}}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, sku, query, body, status, code string }{
		{"as Amazon wants it", "SKU-00001", "", simulatortest.OneQuantity, "ACCEPTED", ""},
		{"a SKU that has to be escaped", "A/B #1", "", simulatortest.OneQuantity, "ACCEPTED", ""},
		{"a preview", "SKU-00002", "&mode=VALIDATION_PREVIEW", simulatortest.OneQuantity, "VALID", ""},
		{"an unknown SKU", "GONE", "", simulatortest.OneQuantity, "INVALID", "13013"},
		{"no channel", "SKU-00002", "", strings.Replace(simulatortest.OneQuantity, `"fulfillment_channel_code":"DEFAULT",`, "", 1), "INVALID", "99022"},
		{"a negative quantity", "SKU-00002", "", strings.Replace(simulatortest.OneQuantity, ":17", ":-1", 1), "INVALID", "8015"},
		{"an attribute that is none", "SKU-00002", "", strings.Replace(simulatortest.OneQuantity, "fulfillment_av", "fulfillmentAv", 1), "INVALID", "90000900"},
	} {
		got := simulatortest.Read[submissionView](t, s.Call(http.MethodPatch, s.Item(test.sku, test.query), test.body), 200)
		if got.Status != test.status || got.SKU != test.sku || got.SubmissionID == "" || (len(got.Issues) == 0) != (test.code == "") {
			t.Errorf("%s: %+v", test.name, got)
		} else if test.code != "" && got.Issues[0].Code != test.code {
			t.Errorf("%s: %+v", test.name, got)
		}
		s.Clock.Advance(time.Second)
	}
	if one, two := s.quantity("SKU-00001"), s.quantity("SKU-00002"); one != 17 || two != 1 || s.quantity("A/B #1") != 17 {
		t.Errorf("quantities %d and %d", one, two)
	}
	if truth := s.InventoryTruth(simulatortest.German); truth.Patches != 2 || truth.SKUs[simulatortest.German]["SKU-00001"].Applied[0].Patch == "" {
		t.Errorf("%+v", truth)
	}
	for name, path := range map[string]string{
		"two marketplaces": s.Item("SKU-00001", ",A1F83G8C2ARO7P"), "another mode": s.Item("SKU-00001", "&mode=x"),
		"no marketplace": strings.Split(s.Item("SKU-00001", ""), "?")[0], "unknown data": s.Item("SKU-00001", "&includedData=x"),
	} {
		if got := s.Call(http.MethodPatch, path, simulatortest.OneQuantity); got.Status != 400 {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
		s.Clock.Advance(time.Second)
	}
	if got := s.Call(http.MethodPatch, s.Item("SKU-00001", ""), strings.Replace(simulatortest.OneQuantity, "merge", "upsert", 1)); got.Status != 400 {
		t.Errorf("an unknown operation: %d %s", got.Status, got.Body)
	}
	if got := s.Call(http.MethodPatch, strings.Replace(s.Item("SKU-00001", ""), s.ID, "ASOMEBODYELSE", 1), simulatortest.OneQuantity); got.Status != 403 {
		t.Errorf("another seller: %d %s", got.Status, got.Body)
	}
}

// As Amazon was seen to: an unknown SKU is accepted and nothing comes of it.
func TestAcceptUnknownSKUs(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.AcceptUnknownSKUs = true })
	if got := simulatortest.Read[submissionView](t, s.Call(http.MethodPatch, s.Item("GONE", ""), simulatortest.OneQuantity), 200); got.Status != "ACCEPTED" {
		t.Errorf("%+v", got)
	}
	id := s.create(s.upload(s.quantities("GONE", 4)))
	s.Clock.Advance(time.Minute)
	if sum := s.report(s.feed(id).ResultFeedDocumentID).Summary; sum.MessagesAccepted != 1 || s.Feeds(simulatortest.German)[0].Applied != 0 {
		t.Errorf("%+v of %+v", sum, s.Feeds(simulatortest.German))
	}
	if got := s.Call(http.MethodGet, s.Item("GONE", ""), ""); got.Status != 404 || !strings.Contains(got.Body, "NOT_FOUND") {
		t.Errorf("%d %s", got.Status, got.Body)
	}
}

// getListingsItem shows what is offered late, and what was submitted at once.
func TestGetListingsItem(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.ListingsLag = time.Minute })
	quantities := func() (offered, submitted int) {
		got := simulatortest.Read[struct {
			FulfillmentAvailability []struct{ Quantity int }
			Attributes              map[string][]struct{ Quantity int }
		}](t, s.Call(http.MethodGet, s.Item("SKU-00003", "&includedData=fulfillmentAvailability,attributes"), ""), 200)
		return got.FulfillmentAvailability[0].Quantity, got.Attributes["fulfillment_availability"][0].Quantity
	}
	s.Fault(simulator.Rule{Operation: "patchListingsItem", Action: simulator.Action{ApplyLate: 30 * time.Second}})
	s.Call(http.MethodPatch, s.Item("SKU-00003", ""), simulatortest.OneQuantity)
	for _, want := range []struct {
		after              time.Duration
		offered, submitted int
	}{{0, 2, 2}, {30 * time.Second, 2, 17}, {time.Minute, 17, 17}} {
		s.Clock.Advance(want.after)
		if offered, submitted := quantities(); offered != want.offered || submitted != want.submitted {
			t.Errorf("after %s more: %d and %d", want.after, offered, submitted)
		}
	}
}

// A SKU that is not listed in the seller's first marketplace is refused there
// and taken in the other, and has one quantity.
func TestListingInAnotherMarketplace(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) {
		c.Accounts[0].Marketplaces = []string{simulatortest.Germany, "A13V1IB3VIYZZH"}
	})
	if got := simulatortest.Read[submissionView](t, s.Call(http.MethodPatch, s.Item("SKU-00010", ""), simulatortest.OneQuantity), 200); got.Status != "INVALID" {
		t.Errorf("in Germany: %+v", got)
	}
	france := strings.Replace(s.Item("SKU-00010", ""), simulatortest.Germany, "A13V1IB3VIYZZH", 1)
	if got := simulatortest.Read[submissionView](t, s.Call(http.MethodPatch, france, simulatortest.OneQuantity), 200); got.Status != "ACCEPTED" || s.quantity("SKU-00010") != 17 {
		t.Errorf("in France: %+v", got)
	}
}

// A SKU that Amazon fulfils shows Amazon's channel without a quantity, and what comes all
// the same beside it.
func TestListingsThatAmazonFulfils(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.EveryAmazons = 3 })
	type offer struct {
		FulfillmentChannelCode string
		Quantity               *int
	}
	offers := func(sku string) string {
		got := simulatortest.Read[struct{ FulfillmentAvailability []offer }](t, s.Call(http.MethodGet, s.Item(sku, "&includedData=fulfillmentAvailability"), ""), 200)
		text := ""
		for _, o := range got.FulfillmentAvailability {
			if text += o.FulfillmentChannelCode; o.Quantity != nil {
				text += fmt.Sprint("=", *o.Quantity)
			}
			text += " "
		}
		return text
	}
	if merchants, amazons := offers("SKU-00002"), offers("SKU-00003"); merchants != "DEFAULT=1 " || amazons != "AMAZON_EU " {
		t.Errorf("shows %q, %q", merchants, amazons)
	}
	search := strings.Replace(s.Item("", "&includedData=fulfillmentAvailability&identifiersType=SKU&pageSize=20&identifiers=SKU-00003,GONE,SKU-00002"), "/?", "?", 1)
	found := simulatortest.Read[struct {
		NumberOfResults int
		Items           []struct {
			SKU                     string
			FulfillmentAvailability []offer
		}
	}](t, s.Call(http.MethodGet, search, ""), 200)
	if len(found.Items) != 2 || found.NumberOfResults != 2 || found.Items[1].SKU != "SKU-00003" || found.Items[1].FulfillmentAvailability[0].FulfillmentChannelCode != "AMAZON_EU" {
		t.Errorf("found %+v", found)
	}
	s.Call(http.MethodPatch, s.Item("SKU-00003", ""), simulatortest.OneQuantity)
	if got := offers("SKU-00003"); got != "AMAZON_EU DEFAULT=17 " {
		t.Errorf("shows %q after a patch", got)
	}
}
