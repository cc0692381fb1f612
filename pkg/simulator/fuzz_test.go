package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// fuzzed is a simulator that answers without waiting.
func fuzzed(f *testing.F) *simulator.Simulator {
	f.Helper()
	s, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{simulatortest.Application()}, Accounts: simulator.Sellers(1, "shop"),
		SQSLatency: -1, EventBridgeLatency: -1, PutEventsLimit: 4096, CallsKept: 10, EventsKept: 10,
		Rates: map[string]simulator.Rate{"getOrder": {PerSecond: 1e9, Burst: 1e9}, "searchOrders": {PerSecond: 1e9, Burst: 1e9}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	return s
}

// FuzzAWS throws bytes at every SQS and EventBridge operation.
func FuzzAWS(f *testing.F) {
	s := fuzzed(f)
	queue := `{"QueueUrl":"http://x/000000000000/` + simulator.DefaultQueue + `"`
	for operation, input := range map[string]string{
		"AmazonSQS.CreateQueue":                  `{"QueueName":"q","Attributes":{"VisibilityTimeout":"5"}}`,
		"AmazonSQS.GetQueueAttributes":           queue + `,"AttributeNames":["All"]}`,
		"AmazonSQS.SendMessage":                  queue + `,"MessageBody":"x","DelaySeconds":1}`,
		"AmazonSQS.SendMessageBatch":             queue + `,"Entries":[{"Id":"1","MessageBody":"x"}]}`,
		"AmazonSQS.ReceiveMessage":               queue + `,"MaxNumberOfMessages":10,"MessageSystemAttributeNames":["All"]}`,
		"AmazonSQS.DeleteMessage":                queue + `,"ReceiptHandle":"a-1-1"}`,
		"AmazonSQS.ChangeMessageVisibilityBatch": queue + `,"Entries":[{"Id":"1","ReceiptHandle":"a-1-1","VisibilityTimeout":1}]}`,
		"AWSEvents.PutEvents":                    `{"Entries":[{"Source":"s","DetailType":"d","Detail":"{}","Time":1.5}]}`,
		"AmazonSQS.Nothing":                      `[]`,
	} {
		f.Add(operation, input)
	}
	f.Fuzz(func(t *testing.T, target, body string) {
		if strings.Contains(body, "WaitTimeSeconds") {
			t.Skip("long polls take their time")
		}
		for _, handler := range []http.Handler{s.SQS(), s.EventBridge()} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
			r.Header.Set("X-Amz-Target", target)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != 200 && w.Code != 400 && w.Code != 413 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
}

// FuzzToken throws forms and JSON at LWA.
func FuzzToken(f *testing.F) {
	s := fuzzed(f)
	f.Add(simulatortest.SellerToken(1).Encode())
	f.Add(simulatortest.GrantlessForm().Encode())
	f.Add("grant_type=%zz")
	f.Add(`{"grant_type":"refresh_token","client_id":"x"}`)
	f.Fuzz(func(t *testing.T, body string) {
		for _, media := range []string{"application/x-www-form-urlencoded", "application/json"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/auth/o2/token", strings.NewReader(body))
			r.Header.Set("Content-Type", media)
			w := httptest.NewRecorder()
			s.LWA().ServeHTTP(w, r)
			if w.Code != 200 && w.Code != 400 && w.Code != 401 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
}

// fuzzToken logs the first seller in.
func fuzzToken(f *testing.F, s *simulator.Simulator) string {
	f.Helper()
	r := httptest.NewRequestWithContext(f.Context(), http.MethodPost, "/auth/o2/token", strings.NewReader(simulatortest.SellerToken(1).Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.LWA().ServeHTTP(w, r)
	_, rest, _ := strings.Cut(w.Body.String(), `"access_token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// FuzzOrders throws queries at the Orders API.
func FuzzOrders(f *testing.F) {
	s := fuzzed(f)
	token := fuzzToken(f, s)
	change, err := s.World.PlaceOrder(simulatortest.German)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/"+change.Order.OrderID, "includedData=BUYER,TAX")
	f.Add("", "createdAfter=2026-01-01T00:00:00Z&createdBefore=2026-01-02T00:00:00Z&maxResultsPerPage=3&marketplaceIds=A,B")
	f.Add("", "lastUpdatedAfter=2026-01-01T00:00:00Z&paginationToken=x")
	endpoint := s.SPAPI(model.Europe)
	f.Fuzz(func(t *testing.T, path, query string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: simulatortest.OrdersPath + path, RawQuery: query}
		r.Header.Set("x-amz-access-token", token)
		r.Header.Set("User-Agent", "Fuzz/1 (Language=Go)")
		w := httptest.NewRecorder()
		endpoint.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusNotImplemented || w.Code == http.StatusTooManyRequests {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}

// FuzzFeeds throws bodies and presigned queries at what takes feeds, patches and
// documents.
func FuzzFeeds(f *testing.F) {
	s, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{simulatortest.Application()}, Accounts: simulator.Sellers(1, "shop"), SKUs: 3, CallsKept: 10,
		ListingsFeeds: simulator.Window{Count: 1 << 30, Per: 1},
		Rates: map[string]simulator.Rate{
			"createFeed": {PerSecond: 1e9, Burst: 1e9}, "createFeedDocument": {PerSecond: 1e9, Burst: 1e9},
			"getFeeds": {PerSecond: 1e9, Burst: 1e9}, "patchListingsItem": {PerSecond: 1e9, Burst: 1e9},
		},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	token := fuzzToken(f, s)
	item := "/listings/2021-08-01/items/" + s.Accounts()[0].SellerID + "/SKU-00001"
	f.Add("POST", simulatortest.DocumentsPath, "", `{"contentType":"application/json"}`)
	f.Add("POST", simulatortest.FeedsPath, "", `{"feedType":"JSON_LISTINGS_FEED","marketplaceIds":["A1PA6795UKMFR9"],"inputFeedDocumentId":"x"}`)
	f.Add("GET", simulatortest.FeedsPath, "feedTypes=JSON_LISTINGS_FEED&pageSize=1&createdSince=2026-01-01T00:00:00Z", "")
	f.Add("GET", simulatortest.FeedsPath, "nextToken=x", "")
	f.Add("PATCH", item, "marketplaceIds=A1PA6795UKMFR9", simulatortest.OneQuantity)
	f.Add("PUT", "/NinetyDays/eu/A/x", "X-Amz-Date=20260101T000000Z&X-Amz-Expires=300&X-Amz-Signature=00", "{}")
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path, RawQuery: query}
		r.Header.Set("x-amz-access-token", token)
		r.Header.Set("User-Agent", "Tests/1")
		r.Header.Set("Content-Type", "application/json")
		for _, handler := range []http.Handler{s.SPAPI(model.Europe), s.Documents()} {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code >= 500 && w.Code != http.StatusNotImplemented {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		}
	})
}

// FuzzAdmin throws bodies at the admin endpoint.
func FuzzAdmin(f *testing.F) {
	s := fuzzed(f)
	f.Add("faults", `{"part":"spapi","status":500,"delay":"1ms","times":1}`)
	f.Add("notifications", `{"bodies":["x"]}`)
	f.Add("faults", `{"part":"processing","feed":{"status":"FATAL","skipped":0.5,"queued":"1h"}}`)
	f.Add("nothing", `{}`)
	f.Fuzz(func(t *testing.T, path, body string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
		r.URL = &url.URL{Path: "/_simulator/" + path}
		if path == "scenario" || path == "updates" {
			t.Skip("a scenario may be long")
		}
		w := httptest.NewRecorder()
		s.Admin().ServeHTTP(w, r)
		s.Faults.Clear()
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
}
