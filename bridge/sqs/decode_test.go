package sqs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// directory has a seller in two regions.
func directory() *account.Directory {
	accounts, err := account.NewDirectory([]account.Account{
		{ID: "acme-na", SellerID: "A3TH9S8BH6GOGM", AmazonAccountID: "amzn1.merchant.o.A3TH9S8BH6GOGM", Region: model.NorthAmerica},
		{ID: "acme-eu", SellerID: "A3TH9S8BH6GOGM", AmazonAccountID: "amzn1.merchant.o.A3TH9S8BH6GOGM", Region: model.Europe, BuyerData: true},
		{ID: "vendor", SellerID: "AVENDOR", AmazonAccountID: "amzn1.vg.6213651", Region: model.NorthAmerica},
	})
	if err != nil {
		panic(err)
	}
	return accounts
}

func body(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func at(text string) time.Time {
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return parsed
}

var sent = time.UnixMilli(1_800_000_000_000).UTC()

func decodeOne(t testing.TB, region model.Region, text string) (decoded, *rejection) {
	t.Helper()
	d := &decoder{region: region, maxBody: 256 << 10}
	return d.decode(text, arrival{"m1", sent}, directory())
}

// The bodies in testdata are the examples of Amazon's own schemas.
func TestDecodeAmazonsExamples(t *testing.T) {
	t.Parallel()
	change := &schemas.OrderChange{
		NotificationID: "d0e9e693-c3ad-4373-979f-ed4ec98dd746", NotificationType: "ORDER_CHANGE",
		Account: "acme-na", SellerID: "A3TH9S8BH6GOGM", MarketplaceID: "ATVPDKIKX0DER", OrderID: "903-8868176-2219830",
		ChangeType: "BuyerRequestedChange", ChangeReason: "Buyer Requested Cancel", ChangeTime: at("2022-11-29T19:42:04.284Z"),
		EventTime: at("2020-01-11T00:09:53.109Z"), PublishTime: at("2020-07-13T19:42:04.284Z"), ReceivedTime: sent,
		OrderStatus: "Unshipped", PurchaseDate: at("2022-07-13T19:42:04.284Z"), FulfillmentType: "MFN", OrderType: "StandardOrder",
		ItemsShipped: new(int32(0)), ItemsUnshipped: new(int32(10)),
		EarliestShipDate: at("2022-11-07T19:42:04.284Z"), LatestShipDate: at("2022-12-07T19:42:04.284Z"),
		EarliestDeliveryDate: at("2022-11-07T19:42:04.284Z"), LatestDeliveryDate: at("2022-12-07T19:42:04.284Z"),
		CancelNotifyDate: at("2022-12-07T19:42:04.284Z"),
		OrderPrograms:    []string{"Business"}, ShippingPrograms: []string{"EasyShip"},
		Items: []schemas.OrderChangeItem{{
			OrderItemID: "OIID34853450", SellerSKU: "SellerSKUID1", SupplySourceID: "d7679e14-031b-4ab3-a81b-ec4fc7a460b3",
			Status: "Unshipped", Quantity: 10, QuantityShipped: new(int32(0)), IsBuyerRequestedCancel: new(true),
		}},
	}
	status := &schemas.OrderChange{
		NotificationID: "d0e9e693-c3ad-4373-979f-ed4ec98dd746", NotificationType: "ORDER_STATUS_CHANGE",
		Account: "acme-na", SellerID: "A3TH9S8BH6GOGM", MarketplaceID: "ATVPDKIKX0DER", OrderID: "333-7777777-7777777",
		ChangeType: "OrderStatusChange",
		EventTime:  at("2020-07-13T19:42:04.284Z"), PublishTime: at("2020-07-13T19:42:04.284Z"), ReceivedTime: sent,
		OrderStatus: "Unshipped", PurchaseDate: time.UnixMilli(1595882000633).UTC(), FulfillmentType: "MFN",
		Items: []schemas.OrderChangeItem{{
			OrderItemID: "OIID34853450", SellerSKU: "SellerSKUID1", SupplySourceID: "55448834-0d79-5155-75c4-8529543a7c31", Quantity: 45,
		}},
	}
	feed := &schemas.FeedNotification{
		NotificationID: "d0e9e693-c3ad-4373-979f-ed4ec98dd746", Account: "acme-na",
		SellerID: "A3TH9S8BH6GOGM", AmazonAccountID: "amzn1.merchant.o.A3TH9S8BH6GOGM",
		FeedID: "53347018456", FeedType: "POST_PRODUCT_DATA", ProcessingStatus: "DONE",
		ResultFeedDocumentID: "amzn1.tortuga.3.edbcd0d8-3434-8222-1234-52ad8ade1208.URUTI57URI9BMZ",
		EventTime:            at("2020-07-13T19:42:04.284Z"), PublishTime: at("2020-07-13T19:42:04.284Z"), ReceivedTime: sent,
		Candidate: true,
	}
	vendor := *feed
	vendor.Candidate = false
	accounts := directory()
	vendor.Account, vendor.SellerID, vendor.AmazonAccountID = "vendor", "", "amzn1.vg.6213651"
	for name, want := range map[string]decoded{
		"order_change.json":             {topic: schemas.OrderChanges, account: "acme-na", value: change},
		"order_status_change.json":      {topic: schemas.OrderChanges, account: "acme-na", value: status},
		"feed_processing_finished.json": {topic: schemas.FeedNotifications, account: "acme-na", value: feed, others: accounts.OfSeller("A3TH9S8BH6GOGM", "")[1:]},
		"feed_of_vendor.json":           {topic: schemas.FeedNotifications, account: "vendor", value: &vendor},
	} {
		got, wrong := decodeOne(t, model.NorthAmerica, body(t, name))
		if wrong != nil {
			t.Errorf("%s: rejected: %s: %s", name, wrong.reason, wrong.message)
		} else if !reflect.DeepEqual(got.value, want.value) || got.topic != want.topic || got.account != want.account || !reflect.DeepEqual(got.others, want.others) && len(want.others) > 0 {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got.value, want.value)
		}
	}
}

// Not even where an account has its buyer data on: the order has it, encrypted.
func TestDecodeLeavesThePostalCodeOut(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"order_change.json", "order_status_change.json"} {
		text := strings.ReplaceAll(body(t, name), "ATVPDKIKX0DER", "A1PA6795UKMFR9")
		got, wrong := decodeOne(t, "", text)
		if wrong != nil {
			t.Fatal(wrong)
		}
		if shown, err := schemas.AppendJSON(nil, got.value); err != nil || strings.Contains(string(shown), "48110") {
			t.Errorf("%s: %s, %v", name, shown, err)
		}
	}
}

// What one message held must not show in the next one's record.
func TestDecodeKeepsNothing(t *testing.T) {
	t.Parallel()
	d := &decoder{region: model.NorthAmerica, maxBody: 256 << 10}
	accounts := directory()
	if _, wrong := d.decode(strings.ReplaceAll(body(t, "order_change.json"), "ATVPDKIKX0DER", "A1PA6795UKMFR9"), arrival{"m1", sent}, accounts); wrong != nil {
		t.Fatal(wrong)
	}
	bare := `{"NotificationType":"ORDER_CHANGE","EventTime":"2020-01-11T00:09:53Z","Payload":{"OrderChangeNotification":{
		"SellerId":"A3TH9S8BH6GOGM","AmazonOrderId":"903-1","OrderChangeTrigger":{"TimeOfOrderChange":null},
		"Summary":{"MarketplaceId":"ATVPDKIKX0DER","PurchaseDate":"","OrderItems":[{"OrderItemId":"1","Unknown":[{}]}]}}},
		"NotificationMetadata":{"NotificationId":"n1"}, "Extra": {"a": 1}}`
	got, wrong := d.decode(bare, arrival{"m1", sent}, accounts)
	if wrong != nil {
		t.Fatal(wrong)
	}
	want := &schemas.OrderChange{
		NotificationID: "n1", NotificationType: "ORDER_CHANGE", Account: "acme-na", SellerID: "A3TH9S8BH6GOGM",
		MarketplaceID: "ATVPDKIKX0DER", OrderID: "903-1", EventTime: at("2020-01-11T00:09:53Z"), ReceivedTime: sent,
		Items: []schemas.OrderChangeItem{{OrderItemID: "1"}},
	}
	if !reflect.DeepEqual(got.value, want) {
		t.Errorf("\n got %+v\nwant %+v", got.value, want)
	}
}

func TestDecodeRejects(t *testing.T) {
	t.Parallel()
	order, feed := body(t, "order_change.json"), body(t, "feed_processing_finished.json")
	swap := func(text, old, with string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("the example has no %s", old)
		}
		return strings.Replace(text, old, with, 1)
	}
	for name, c := range map[string]struct{ text, reason, says string }{
		"empty":                    {"", ReasonNotJSON, ""},
		"text":                     {"hello", ReasonNotJSON, ""},
		"cut off":                  {order[:len(order)/2], ReasonNotJSON, ""},
		"two documents":            {"{}{}", ReasonNotJSON, ""},
		"the same name twice":      {`{"NotificationType":"A","NotificationType":"B"}`, ReasonNotJSON, "duplicate"},
		"nested without end":       {strings.Repeat("[", 200_000), ReasonNotJSON, ""},
		"array":                    {"[]", ReasonNotNotification, "the document must be an object, not an array"},
		"null":                     {"null", ReasonNotNotification, ""},
		"other JSON":               {`{"hello":"world"}`, ReasonNotNotification, ""},
		"type of a wrong type":     {`{"NotificationType":5}`, ReasonNotNotification, "/NotificationType must be a string, not this number"},
		"too large":                {strings.Repeat(" ", 256<<10) + order, ReasonBodyTooLarge, "262144"},
		"unsupported":              {swap(order, `"ORDER_CHANGE"`, `"ANY_OFFER_CHANGED"`), ReasonUnsupportedType, "ANY_OFFER_CHANGED"},
		"unsupported, other shape": {`{"NotificationType":"ANY_OFFER_CHANGED","Payload":[1]}`, ReasonUnsupportedType, "ANY_OFFER_CHANGED"},
		"order in camelCase":       {swap(order, "NotificationType", "notificationType"), ReasonWrongCasing, "PascalCase"},
		"feed in PascalCase":       {swap(feed, "notificationType", "NotificationType"), ReasonWrongCasing, "camelCase"},
		"payload in camelCase":     {swap(order, `"Payload"`, `"payload"`), ReasonMissingField, "payload"},
		"no seller":                {swap(order, `"SellerId": "A3TH9S8BH6GOGM"`, `"SellerId": null`), ReasonMissingField, "SellerId"},
		"seller as an object":      {swap(order, `"SellerId": "A3TH9S8BH6GOGM"`, `"SellerId": {}`), ReasonMissingField, "/OrderChangeNotification/SellerId must be a string, not an object"},
		"payload as text":          {`{"NotificationType":"ORDER_CHANGE","Payload":"{}"}`, ReasonInvalidField, "/Payload must be an object, not a string"},
		"notification as text":     {`{"NotificationType":"ORDER_CHANGE","Payload":{"OrderChangeNotification":"x"}}`, ReasonMissingField, "must be an object, not a string"},
		"too deep":                 {strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65), ReasonNotJSON, "more than 64 deep"},
		"no order":                 {swap(order, `"AmazonOrderId"`, `"Amazonorderid"`), ReasonMissingField, "AmazonOrderId"},
		"no feed":                  {swap(feed, `"feedId"`, `"id"`), ReasonMissingField, "feedId"},
		"order id that is a path":  {swap(order, "903-8868176-2219830", "../../secrets"), ReasonInvalidField, "AmazonOrderId"},
		"long order id":            {swap(order, "903-8868176-2219830", strings.Repeat("9", 129)), ReasonInvalidField, "AmazonOrderId"},
		"unknown seller":           {swap(order, "A3TH9S8BH6GOGM", "ANOBODY"), ReasonUnknownAccount, "ANOBODY"},
		"seller of another region": {swap(order, `"ATVPDKIKX0DER"`, `"A1VC38T7YXB528"`), ReasonUnknownAccount, "A1VC38T7YXB528"},
		"unknown feed account": {
			swap(swap(feed, "A3TH9S8BH6GOGM", "ANOBODY"), "amzn1.merchant.o.A3TH9S8BH6GOGM", "amzn1.merchant.o.ANOBODY"),
			ReasonUnknownAccount, "amzn1.merchant.o.ANOBODY",
		},
	} {
		got, wrong := decodeOne(t, model.NorthAmerica, c.text)
		switch {
		case wrong == nil:
			t.Errorf("%s: accepted as %+v", name, got.value)
		case wrong.reason != c.reason || !strings.Contains(wrong.message, c.says):
			t.Errorf("%s: %s: %s; want %s with %q", name, wrong.reason, wrong.message, c.reason, c.says)
		case strings.Contains(wrong.message, "Go ") || strings.Contains(wrong.message, "sqs.") || strings.Contains(wrong.message, "json: ") || strings.Contains(wrong.message, "jsontext"):
			t.Errorf("%s: the message speaks of our code: %s", name, wrong.message)
		case len(wrong.message) > 1000:
			t.Errorf("%s: the message has %d bytes", name, len(wrong.message))
		}
	}
}

// A seller in one region is found whatever the notification says of the region.
func TestDecodeRegion(t *testing.T) {
	t.Parallel()
	vendor := strings.ReplaceAll(body(t, "order_change.json"), "A3TH9S8BH6GOGM", "AVENDOR")
	for name, c := range map[string]struct {
		region  model.Region
		text    string
		account string
	}{
		"by marketplace":                         {model.Europe, body(t, "order_change.json"), "acme-na"},
		"by queue":                               {model.Europe, strings.ReplaceAll(body(t, "order_change.json"), "ATVPDKIKX0DER", "ANEWMARKET"), "acme-eu"},
		"by the only account":                    {"", strings.ReplaceAll(vendor, "ATVPDKIKX0DER", "ANEWMARKET"), "vendor"},
		"two accounts and nothing to tell apart": {"", strings.ReplaceAll(body(t, "order_change.json"), "ATVPDKIKX0DER", "ANEWMARKET"), ""},
	} {
		got, wrong := decodeOne(t, c.region, c.text)
		if got.account != c.account || (wrong == nil) != (c.account != "") {
			t.Errorf("%s: account %q, rejection %v; want %q", name, got.account, wrong, c.account)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"order_change.json", "order_status_change.json", "feed_processing_finished.json", "feed_of_vendor.json"} {
		f.Add(body(f, name))
	}
	f.Add(event(body(f, "listing_quantity.json")))
	f.Add(event(body(f, "listing_issues.json")))
	f.Add(`{"NotificationType":"ORDER_CHANGE","EventTime":1e400}`)
	accounts := directory()
	d := &decoder{region: model.NorthAmerica, maxBody: 64 << 10}
	f.Fuzz(func(t *testing.T, text string) {
		got, wrong := d.decode(text, arrival{"m1", sent}, accounts)
		if wrong != nil {
			if wrong.reason == "" || wrong.message == "" {
				t.Errorf("rejected without a reason: %+v", wrong)
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Errorf("accepted what is not JSON")
		}
		if _, ok := accounts.ByID(got.account); !ok {
			t.Errorf("accepted for the account %q, which nobody configured", got.account)
		}
		fresh, _ := (&decoder{region: d.region, maxBody: d.maxBody}).decode(text, arrival{"m1", sent}, accounts)
		a, err := schemas.AppendJSON(nil, got.value)
		b, err2 := schemas.AppendJSON(nil, fresh.value)
		if err != nil || err2 != nil || string(a) != string(b) {
			t.Errorf("a used decoder gives %s, a fresh one %s (%v, %v)", a, b, err, err2)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	text := body(b, "order_change.json")
	accounts := directory()
	d := &decoder{region: model.NorthAmerica, maxBody: 256 << 10}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, wrong := d.decode(text, arrival{"m1", sent}, accounts); wrong != nil {
			b.Fatal(wrong)
		}
	}
}
