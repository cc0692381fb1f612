package conformance_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/conformance"
)

// What only other clients call of the simulator: the project's own has no types for it.

const (
	buyerName = "BuyerName"
	street    = "AddressLine1"
)

// foreigner is such a client, whose every call and answer is checked.
type foreigner struct {
	*amazon
	token, grantless string
}

func startForeigner(t *testing.T, config simulator.Config) *foreigner {
	t.Helper()
	a := start(t, config)
	a.checked.Model = conformance.LoadModel(t, ordersV0Model, listingsModel, notificationsModel, tokensModel)
	return &foreigner{a, a.Token(simulatortest.SellerToken(1)), a.Token(simulatortest.GrantlessForm())}
}

// call wants a status and the rate that Amazon's model says.
func (f *foreigner) call(token, operation, method, path, body string, status int) string {
	f.T.Helper()
	got := f.Call(method, token, path, body)
	if got.Status != status {
		f.T.Errorf("%s %s: %d %s, want %d", method, path, got.Status, got.Body, status)
	}
	if rate := got.Header.Get("x-amzn-RateLimit-Limit"); status < 300 && rate != f.checked.Model.Rate(operation) {
		f.T.Errorf("%s has the rate %s", operation, rate)
	}
	return got.Body
}

// restricted is a token that opens a path.
func (f *foreigner) restricted(path, elements string) string {
	f.T.Helper()
	return simulatortest.Read[struct{ RestrictedDataToken string }](f.T, f.Call(http.MethodPost, f.token, "/tokens/2021-03-01/restrictedDataToken",
		`{"restrictedResources":[{"method":"GET","path":"`+path+`"`+elements+`}]}`), http.StatusOK).RestrictedDataToken
}

func decoded[T any](t *testing.T, body string) T {
	t.Helper()
	var into T
	if err := json.Unmarshal([]byte(body), &into); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return into
}

func TestSearchesOfOrdersV0Conform(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock()
	f := startForeigner(t, simulator.Config{Clock: clock})
	var placed []string
	for range 5 {
		placed = append(placed, f.Order(simulatortest.German))
		clock.Advance(time.Second)
	}
	clock.Advance(3 * time.Minute)
	type page struct {
		Payload struct {
			Orders                   []struct{ AmazonOrderID, OrderStatus string }
			NextToken, CreatedBefore string
		}
	}
	search := func(query string) page {
		t.Helper()
		return decoded[page](t, f.call(f.token, "v0.getOrders", http.MethodGet, "/orders/v0/orders?MarketplaceIds="+simulatortest.Germany+"&"+query, "", http.StatusOK))
	}
	found := search("CreatedAfter=2026-09-01&MaxResultsPerPage=3")
	rest := search("NextToken=" + found.Payload.NextToken) // with the filters, but not the size, of the first
	var ids []string
	for _, o := range slices.Concat(found.Payload.Orders, rest.Payload.Orders) {
		ids = append(ids, o.AmazonOrderID)
	}
	if !slices.Equal(ids, placed) || found.Payload.CreatedBefore == "" || rest.Payload.NextToken != "" {
		t.Errorf("found %v of %v: %+v", ids, placed, rest)
	}
	for query, want := range map[string]int{
		"CreatedAfter=2026-09-01T12:00:02&CreatedBefore=2026-09-01T12:00:03Z": 2,
		"CreatedAfter=2026-09-01&AmazonOrderIds=" + placed[0]:                 1,
		"CreatedAfter=2026-09-01&SellerOrderId=" + placed[1]:                  1,
		"LastUpdatedAfter=2026-09-01&FulfillmentChannels=AFN,MFN":             5,
		"CreatedAfter=2026-09-01&OrderStatuses=Unfulfillable":                 0,
	} {
		if got := search(query); len(got.Payload.Orders) != want {
			t.Errorf("%s: %d orders, want %d", query, len(got.Payload.Orders), want)
		}
	}
	for _, bad := range []string{
		"CreatedAfter=2026-09-01", "MarketplaceIds=A", "MarketplaceIds=A&CreatedAfter=yesterday", "MarketplaceIds=A&NextToken=x",
		"MarketplaceIds=A&CreatedAfter=2026-09-01&OrderStatuses=SHIPPED", "MarketplaceIds=A&CreatedAfter=2026-09-01&BuyerEmail=a@b",
		"MarketplaceIds=A&CreatedAfter=2026-09-01&nonsense=1", "MarketplaceIds=A&CreatedAfter=2026-09-01&SellerOrderId=1&OrderStatuses=Shipped",
	} {
		f.call(f.token, "v0.getOrders", http.MethodGet, "/orders/v0/orders?"+bad, "", http.StatusBadRequest)
	}
}

func TestBuyersDataOfOrdersV0Conform(t *testing.T) {
	t.Parallel()
	f := startForeigner(t, simulator.Config{})
	id := f.Order(simulatortest.German)
	for _, test := range []struct{ operation, generic, says string }{
		{"v0.getOrderAddress", "/orders/v0/orders/{orderId}/address", street},
		{"v0.getOrderBuyerInfo", "/orders/v0/orders/{orderId}/buyerInfo", buyerName},
	} {
		path := strings.Replace(test.generic, "{orderId}", id, 1)
		if got := f.call(f.token, test.operation, http.MethodGet, path, "", http.StatusOK); strings.Contains(got, test.says) {
			t.Errorf("%s names the buyer to an ordinary token: %s", test.operation, got)
		}
		if got := f.call(f.restricted(test.generic, ""), test.operation, http.MethodGet, path, "", http.StatusOK); !strings.Contains(got, test.says) {
			t.Errorf("%s hides the buyer from a restricted token: %s", test.operation, got)
		}
		f.call(f.token, test.operation, http.MethodGet, strings.Replace(path, id, "111-1111111-1111111", 1), "", http.StatusNotFound)
	}
	f.checked.Model = conformance.LoadModel(t, ordersV0Model, tokensModel)
	all := f.restricted("/orders/v0/orders", `,"dataElements":["buyerInfo","shippingAddress"]`)
	query := "/orders/v0/orders?MarketplaceIds=" + simulatortest.Germany + "&LastUpdatedAfter=2020-01-01"
	f.call(all, "v0.getOrders", http.MethodGet, query, "", http.StatusOK)
	f.call(all, "v0.getOrder", http.MethodGet, "/orders/v0/orders/"+id, "", http.StatusForbidden)
}

func TestPutListingsConform(t *testing.T) {
	t.Parallel()
	f := startForeigner(t, simulator.Config{SKUs: 3})
	item := "/listings/2021-08-01/items/" + f.Accounts()[0].SellerID + "/"
	put := func(sku, body string, status int) string {
		t.Helper()
		return f.call(f.token, "putListingsItem", http.MethodPut, item+sku+"?marketplaceIds="+simulatortest.Germany, body, status)
	}
	quantity := func(n string) string {
		return `{"productType":"PRODUCT","requirements":"LISTING_OFFER_ONLY","attributes":{"condition_type":[{"value":"new_new"}],` +
			`"fulfillment_availability":[{"fulfillment_channel_code":"DEFAULT","quantity":` + n + `}]}}`
	}
	for _, sku := range []string{"SKU-00001", "MINE"} { // one that is listed, and one that is not
		if got := put(sku, quantity("17"), http.StatusOK); !strings.Contains(got, `"status":"ACCEPTED"`) {
			t.Errorf("%s: %s", sku, got)
		}
		if listing, ok := f.Listing(simulatortest.German, sku); !ok || listing.Quantity != 17 {
			t.Errorf("%s: %+v", sku, listing)
		}
	}
	if got := put("MINE", quantity("-1"), http.StatusOK); !strings.Contains(got, `"status":"INVALID"`) {
		t.Errorf("a negative quantity: %s", got)
	}
	for _, bad := range []string{`{}`, `{"productType":"PRODUCT"}`, `{"productType":"P","attributes":{},"requirements":"NONE"}`, `{"productType":"P","attributes":{"a":["b"]}}`} {
		put("MINE", bad, http.StatusBadRequest)
	}
	got := f.Call(http.MethodPut, f.token, item+"NEW?mode=VALIDATION_PREVIEW&marketplaceIds="+simulatortest.Germany, quantity("1"))
	if _, listed := f.Listing(simulatortest.German, "NEW"); listed || !strings.Contains(got.Body, `"status":"VALID"`) {
		t.Errorf("a preview: %s", got.Body)
	}
}

func TestSearchesOfListingsConform(t *testing.T) {
	t.Parallel()
	f := startForeigner(t, simulator.Config{SKUs: 25, Rates: unlimited()})
	type page struct {
		NumberOfResults int
		Pagination      struct{ NextToken string }
		Items           []struct{ SKU string }
	}
	search := func(query string, status int) page {
		t.Helper()
		got := f.Get(model.Europe, f.token, "/listings/2021-08-01/items/"+f.Accounts()[0].SellerID+"?marketplaceIds="+simulatortest.Germany+query)
		if got.Status != status {
			t.Errorf("%s: %d %s", query, got.Status, got.Body)
		}
		return decoded[page](t, got.Body)
	}
	if err := f.SetByHand(simulatortest.German, "SKU-00007", 99); err != nil {
		t.Fatal(err)
	}
	var found []string
	for token, pages := "", 0; pages == 0 || token != ""; pages++ {
		got := search("&pageSize=20&sortBy=lastUpdatedDate&pageToken="+token, http.StatusOK)
		for _, item := range got.Items {
			found = append(found, item.SKU)
		}
		token = got.Pagination.NextToken
	}
	if len(found) != 25 || found[0] != "SKU-00007" || found[1] != "SKU-00001" {
		t.Errorf("found %v", found)
	}
	for query, want := range map[string]int{
		"&identifiersType=SKU&identifiers=SKU-00001,GONE,SKU-00002&pageSize=1": 2, "&withStatus=BUYABLE": 25, "&withoutStatus=BUYABLE": 0,
		"&withIssueSeverity=ERROR": 0, "&createdAfter=2100-01-01T00:00:00Z": 0, "&createdBefore=2100-01-01T00:00:00Z": 25,
	} {
		if got := search(query, http.StatusOK); got.NumberOfResults != want {
			t.Errorf("%s: %+v, want %d", query, got, want)
		}
	}
	for _, bad := range []string{"&identifiers=A", "&identifiersType=ASIN&identifiers=A", "&sortBy=price", "&sortOrder=UP", "&pageSize=21", "&pageToken=x", "&pageToken=9223372036854775807", "&variationParentSku=A"} {
		search(bad, http.StatusBadRequest)
	}
}

func TestTestNotificationsConform(t *testing.T) {
	t.Parallel()
	f := startForeigner(t, simulator.Config{Rates: map[string]simulator.Rate{"sendTestNotification": {PerSecond: 1, Burst: 50}}})
	const arn = "arn:aws:sqs:" + simulator.AWSRegion + ":000000000000:" + simulator.DefaultQueue
	made := decoded[struct {
		Payload struct{ DestinationID string }
	}](t, f.call(f.grantless, "createDestination", http.MethodPost,
		"/notifications/v1/destinations", `{"name":"mine","resourceSpecification":{"sqs":{"arn":"`+arn+`"}}}`, http.StatusOK)).Payload.DestinationID
	test := func(kind, body string, status int) {
		t.Helper()
		f.call(f.grantless, "sendTestNotification", http.MethodPost, "/notifications/v1/subscriptions/"+kind+"/testNotification", body, status)
	}
	good := `{"destinationId":"` + made + `","testNotification":{"payloadVersion":"1.0","testScenario":"ANY"}}`
	for kind, schema := range map[string]string{
		model.OrderChangeNotification: "OrderChangeNotification.json", model.FeedProcessingFinishedNotification: "FeedProcessingFinishedNotification.json",
	} {
		test(kind, good, http.StatusOK)
		bodies := f.receive()
		if len(bodies) != 1 {
			t.Fatalf("%s: %q", kind, bodies)
		}
		if err := conformance.LoadSchema(t, schema).Check([]byte(bodies[0])); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for _, bad := range []string{`{}`, strings.Replace(good, "1.0", "2020-09-04", 1), strings.Replace(good, made, "x", 1), strings.Replace(good, `,"testScenario":"ANY"`, "", 1)} {
		test(model.OrderChangeNotification, bad, http.StatusBadRequest)
	}
	test("NONSENSE", good, http.StatusBadRequest)
	test("LISTINGS_ITEM_STATUS_CHANGE", good, http.StatusBadRequest)
}
