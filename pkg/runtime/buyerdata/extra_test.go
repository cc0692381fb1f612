package buyerdata

import (
	"slices"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestWhatAnUnknownFieldMayBe(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		path, value string
		want        bool
	}{
		{"orderItems[7].color", `"RED"`, true},
		{"fulfillment.promisedAt", `"2026-11-30T12:00:00Z"`, true},
		{"packages[1].weight", `{"unit":"KG","value":1.5}`, true},
		{"insured", `true`, true},
		{"hazards", `["LITHIUM",{"class":9}]`, true},
		{"buyer.nick", `"X"`, false},
		{"orderItems[7].fulfillment.packing.giftOption.font", `"ARIAL"`, false},
		{"orderItems[7].product.customization.lines", `1`, false},
		{"tax.taxRegistrations[0].level", `1`, false},
		{"payment.paymentExecutions[0].installments", `3`, false},
		{"carrierHint", `"Leave it with Frau Müller"`, false},
		{"driver", `{"phoneNumber":491701234567}`, false},
		{"options", `[{"a":["b",{"Message":"x"}]}]`, false},
		{"bad", `{`, false},
		{"price", `{"amount":"12.90","currency":"EUR"}`, true},
		{"fulfillment.helper", `"Mueller"`, false},
		{"fulfillment.point", `{"y":48.137154,"x":11.576124}`, false},
		{"check", `"123.456.789-09"`, false},
		{"check", `"DE123456789"`, false},
		{"fulfillment.doorCode", `"4711"`, false},
		{"callback", `491701234567`, false},
		{"fulfillment.handedTo", `{"Anna Schmidt, Hauptstr. 5":true}`, false},
		{"fulfillment.handedTo", `{"491701234567":true}`, false},
		{"+49 170 1234567", `1`, false},
		{"fulfillment.shipTo", `{"line1":"Hauptstr.5"}`, false},
	} {
		if got := plain(model.Unknown{Path: test.path, Value: model.Private(test.value)}); got != test.want {
			t.Errorf("%s %s: plain %v", test.path, test.value, got)
		}
	}
}

// TestSearchesAreWithheldToo: whatever the call, no machine gets what is about a person.
func TestSearchesAreWithheldToo(t *testing.T) {
	t.Parallel()
	page := &model.SearchOrdersResponse{Orders: []model.Order{{
		Buyer: &model.Buyer{Name: "Eve"}, Items: []model.OrderItem{{Product: model.ItemProduct{Customization: &model.Customization{URL: "https://x"}}}},
		Extra: []model.Unknown{{Path: "buyer.nick", Value: `"eve"`}, {Path: "insured", Value: "true"}},
	}}}
	withhold(page)
	o := page.Orders[0]
	if o.Buyer != nil || o.Items[0].Product.Customization.URL != model.Withheld || model.ExtraJSON(o.Extra) != `{"insured":true}` ||
		!slices.Equal(o.Incomplete, []string{"buyer.nick"}) {
		t.Errorf("%+v, incomplete %v", o.Items, o.Incomplete)
	}
}
