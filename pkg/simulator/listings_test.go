package simulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

const oneQuantity = `{"productType":"PRODUCT","patches":[{"op":"merge","path":"/attributes/fulfillment_availability","value":[{"fulfillment_channel_code":"DEFAULT","quantity":17}]}]}`

type submissionView struct {
	SKU, Status, SubmissionID string
	Issues                    []struct {
		Code, Severity string
		AttributeNames []string
	}
}

func (s *seller) item(sku, query string) string {
	return "/listings/2021-08-01/items/" + s.id + "/" + url.PathEscape(sku) + "?marketplaceIds=" + germany + query
}

func TestPatchListingsItem(t *testing.T) {
	t.Parallel()
	s := sell(t, nil)
	if err := s.List(german, simulator.Listing{SKU: "A/B #1", ProductType: "PRODUCT", Marketplaces: []string{germany}}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, sku, query, body, status, code string }{
		{"as Amazon wants it", "SKU-00001", "", oneQuantity, "ACCEPTED", ""},
		{"a SKU that has to be escaped", "A/B #1", "", oneQuantity, "ACCEPTED", ""},
		{"a preview", "SKU-00002", "&mode=VALIDATION_PREVIEW", oneQuantity, "VALID", ""},
		{"an unknown SKU", "GONE", "", oneQuantity, "INVALID", "13013"},
		{"no channel", "SKU-00002", "", strings.Replace(oneQuantity, `"fulfillment_channel_code":"DEFAULT",`, "", 1), "INVALID", "99022"},
		{"a negative quantity", "SKU-00002", "", strings.Replace(oneQuantity, ":17", ":-1", 1), "INVALID", "8015"},
		{"an attribute that is none", "SKU-00002", "", strings.Replace(oneQuantity, "fulfillment_av", "fulfillmentAv", 1), "INVALID", "90000900"},
	} {
		got := read[submissionView](t, s.call(http.MethodPatch, s.item(test.sku, test.query), test.body), 200)
		if got.Status != test.status || got.SKU != test.sku || got.SubmissionID == "" || (len(got.Issues) == 0) != (test.code == "") {
			t.Errorf("%s: %+v", test.name, got)
		} else if test.code != "" && got.Issues[0].Code != test.code {
			t.Errorf("%s: %+v", test.name, got)
		}
		s.clock.advance(time.Second)
	}
	if one, two := s.quantity("SKU-00001"), s.quantity("SKU-00002"); one != 17 || two != 1 || s.quantity("A/B #1") != 17 {
		t.Errorf("quantities %d and %d", one, two)
	}
	if truth := s.InventoryTruth(german); truth.Patches != 2 || truth.SKUs[german]["SKU-00001"].Applied[0].Patch == "" {
		t.Errorf("%+v", truth)
	}
	for name, path := range map[string]string{
		"two marketplaces": s.item("SKU-00001", ",A1F83G8C2ARO7P"), "another mode": s.item("SKU-00001", "&mode=x"),
		"no marketplace": strings.Split(s.item("SKU-00001", ""), "?")[0], "unknown data": s.item("SKU-00001", "&includedData=x"),
	} {
		if got := s.call(http.MethodPatch, path, oneQuantity); got.status != 400 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		s.clock.advance(time.Second)
	}
	if got := s.call(http.MethodPatch, s.item("SKU-00001", ""), strings.Replace(oneQuantity, "merge", "upsert", 1)); got.status != 400 {
		t.Errorf("an unknown operation: %d %s", got.status, got.body)
	}
	if got := s.call(http.MethodPatch, strings.Replace(s.item("SKU-00001", ""), s.id, "ASOMEBODYELSE", 1), oneQuantity); got.status != 403 {
		t.Errorf("another seller: %d %s", got.status, got.body)
	}
}

// As Amazon was seen to: an unknown SKU is accepted and nothing comes of it.
func TestAcceptUnknownSKUs(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.AcceptUnknownSKUs = true })
	if got := read[submissionView](t, s.call(http.MethodPatch, s.item("GONE", ""), oneQuantity), 200); got.Status != "ACCEPTED" {
		t.Errorf("%+v", got)
	}
	id := s.create(s.upload(s.quantities("GONE", 4)))
	s.clock.advance(time.Minute)
	if sum := s.report(s.feed(id).ResultFeedDocumentID).Summary; sum.MessagesAccepted != 1 || s.Feeds(german)[0].Applied != 0 {
		t.Errorf("%+v of %+v", sum, s.Feeds(german))
	}
	if got := s.call(http.MethodGet, s.item("GONE", ""), ""); got.status != 404 || !strings.Contains(got.body, "NOT_FOUND") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// getListingsItem shows what is offered late, and what was submitted at once.
func TestGetListingsItem(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.ListingsLag = time.Minute })
	quantities := func() (offered, submitted int) {
		got := read[struct {
			FulfillmentAvailability []struct{ Quantity int }
			Attributes              map[string][]struct{ Quantity int }
		}](t, s.call(http.MethodGet, s.item("SKU-00003", "&includedData=fulfillmentAvailability,attributes"), ""), 200)
		return got.FulfillmentAvailability[0].Quantity, got.Attributes["fulfillment_availability"][0].Quantity
	}
	s.fault(simulator.Rule{Operation: "patchListingsItem", Action: simulator.Action{ApplyLate: 30 * time.Second}})
	s.call(http.MethodPatch, s.item("SKU-00003", ""), oneQuantity)
	for _, want := range []struct {
		after              time.Duration
		offered, submitted int
	}{{0, 2, 2}, {30 * time.Second, 2, 17}, {time.Minute, 17, 17}} {
		s.clock.advance(want.after)
		if offered, submitted := quantities(); offered != want.offered || submitted != want.submitted {
			t.Errorf("after %s more: %d and %d", want.after, offered, submitted)
		}
	}
}

// A SKU that is not listed in the seller's first marketplace is refused there
// and taken in the other, and has one quantity.
func TestListingInAnotherMarketplace(t *testing.T) {
	t.Parallel()
	s := sell(t, func(c *simulator.Config) { c.Accounts[0].Marketplaces = []string{germany, "A13V1IB3VIYZZH"} })
	if got := read[submissionView](t, s.call(http.MethodPatch, s.item("SKU-00010", ""), oneQuantity), 200); got.Status != "INVALID" {
		t.Errorf("in Germany: %+v", got)
	}
	france := strings.Replace(s.item("SKU-00010", ""), germany, "A13V1IB3VIYZZH", 1)
	if got := read[submissionView](t, s.call(http.MethodPatch, france, oneQuantity), 200); got.Status != "ACCEPTED" || s.quantity("SKU-00010") != 17 {
		t.Errorf("in France: %+v", got)
	}
}
