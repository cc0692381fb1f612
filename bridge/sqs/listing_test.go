package sqs

import (
	"reflect"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// event is a notification in the envelope in which a rule of EventBridge sends it.
func event(detail string) string {
	return `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"LISTINGS_ITEM_STATUS_CHANGE",
		"source":"aws.partner/sellingpartnerapi.amazon.com/123456789012/amzn1.sp.solution.x","account":"123456789012",
		"time":"2021-02-03T18:59:31Z","region":"eu-west-1","resources":[],"detail":` + detail + `}`
}

// The bodies in testdata are the examples of Amazon's own schemas. A rule sends them in
// an envelope, or bare where its target has the input path $.detail.
func TestDecodeListingChanges(t *testing.T) {
	t.Parallel()
	quantity := schemas.ListingChange{
		NotificationID: "8e009934-da2c-4f9c-9bc7-93f23b7e1f60", Type: "QUANTITY", Account: "acme-eu", SellerID: "A3TH9S8BH6GOGM",
		SKU: "NLS-SHOES-03", FulfillmentChannelCode: "DEFAULT", Quantity: new(int32(99)),
		EventTime: at("2021-02-03T18:59:30.194Z"), PublishTime: at("2021-02-03T18:59:30.194Z"), ReceivedTime: sent,
	}
	status := quantity
	status.Type, status.Account, status.MarketplaceID, status.ASIN = "STATUS", "acme-na", "ATVPDKIKX0DER", "BT6RZ7JM4H"
	status.FulfillmentChannelCode, status.Quantity = "", nil
	issues := status
	status.Statuses, status.CreatedTime = []string{"BUYABLE", "DISCOVERABLE"}, at("2021-02-03T18:50:26.196Z")
	issues.Type, issues.Severities, issues.EnforcementActions = "ISSUES", []string{"ERROR", "WARNING"}, []string{"SEARCH_SUPPRESSED"}
	issues.EventTime, issues.PublishTime = at("2021-02-05T18:59:30.194Z"), at("2021-02-05T18:59:48.768Z")
	for _, c := range []struct {
		text string
		want schemas.ListingChange
	}{
		{body(t, "listing_quantity.json"), quantity},
		{body(t, "listing_status.json"), status},
		{strings.ReplaceAll(body(t, "listing_status.json"), "STATUS_CHANGE", "STATUS_CHANGED"), status},
		{body(t, "listing_issues.json"), issues},
	} {
		for _, text := range []string{c.text, event(c.text), `{"detail":` + c.text + `}`} {
			got, wrong := decodeOne(t, model.Europe, text)
			if wrong != nil {
				t.Errorf("%s: %+v", text, wrong)
			} else if !reflect.DeepEqual(got.value, &c.want) || got.topic != schemas.ListingChanges || got.account != c.want.Account {
				t.Errorf("%s:\n got %+v on %s for %s\nwant %+v", text, got.value, got.topic, got.account, c.want)
			}
		}
	}
}

// What does not say which SKU, or how many, is a letter. Any other odd field costs itself.
func TestDecodeOddListingChanges(t *testing.T) {
	t.Parallel()
	quantity, issues := body(t, "listing_quantity.json"), body(t, "listing_issues.json")
	for name, c := range map[string]struct{ text, old, with, reason string }{
		"no seller":            {quantity, `"SellerId"`, `"sellerId"`, ReasonMissingField},
		"no SKU":               {quantity, `"Sku"`, `"SKU"`, ReasonMissingField},
		"long SKU":             {quantity, "NLS-SHOES-03", strings.Repeat("x", 161), ReasonInvalidField},
		"no quantity":          {quantity, `"Quantity": 99`, `"Quantity": null`, ReasonMissingField},
		"quantity of an array": {quantity, `"Quantity": 99`, `"Quantity": [99]`, ReasonMissingField},
		"quantity as text":     {quantity, `"Quantity": 99`, `"Quantity": "99"`, ""},
		"unknown seller":       {quantity, "A3TH9S8BH6GOGM", "ANOBODY", ReasonUnknownAccount},
		"payload as text":      {`{"NotificationType":"LISTINGS_ITEM_ISSUES_CHANGE","Payload":"x"}`, "x", "y", ReasonMissingField},
		"payload as a list":    {`{"NotificationType":"LISTINGS_ITEM_ISSUES_CHANGE","Payload":[{}]}`, "{}", "", ReasonMissingField},
		"camelCase":            {issues, `"NotificationType"`, `"notificationType"`, ReasonWrongCasing},
		"severities as text":   {issues, `"ERROR",`, `7,`, ""},
		"actions as an object": {issues, `"SEARCH_SUPPRESSED"`, `{}`, ""},
	} {
		if !strings.Contains(c.text, c.old) {
			t.Fatalf("%s: the example has no %s", name, c.old)
		}
		text := strings.Replace(c.text, c.old, c.with, 1)
		for _, text := range []string{text, event(text)} {
			got, wrong := decodeOne(t, model.NorthAmerica, text)
			switch {
			case c.reason == "" && wrong != nil:
				t.Errorf("%s: %s: %s", name, wrong.reason, wrong.message)
			case c.reason != "" && (wrong == nil || wrong.reason != c.reason):
				t.Errorf("%s: %+v, %+v; want %s", name, got.value, wrong, c.reason)
			}
		}
	}
	if _, wrong := decodeOne(t, "", quantity); wrong == nil || wrong.reason != ReasonUnknownAccount {
		t.Errorf("a quantity names no marketplace, and the seller has two regions: %+v", wrong)
	}
}
