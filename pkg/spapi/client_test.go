package spapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/internal/answers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/models"
)

func TestGetOrder(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var got *http.Request
	f.api = func(w http.ResponseWriter, r *http.Request) {
		got = r
		w.Header().Set("x-amzn-RateLimit-Limit", "0.5")
		w.Header().Set("x-amzn-RequestId", "request-1")
		fmt.Fprint(w, `{"order":{"orderId":"202-1234567-8901234","createdTime":"2024-12-25T16:00:00Z","lastUpdatedTime":"2024-12-25T16:30:00Z","something":"new","orderItems":[{"orderItemId":"1","quantityOrdered":3,"product":{}}]}}`)
	}
	response, meta, err := f.seller(t, nil).GetOrder(t.Context(), model.GetOrderRequest{
		OrderID: "202-1234567-8901234", IncludedData: []string{model.IncludeFulfillment, model.IncludePackages},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Meta{RateLimit: 0.5, RequestID: "request-1"}); meta != want {
		t.Errorf("meta %+v", meta)
	}
	if response.Order.Items[0].QuantityOrdered != 3 || response.Order.LastUpdatedTime.Unix() != 1735144200 {
		t.Errorf("order %+v", response.Order)
	}
	if got.Method != http.MethodGet || got.URL.String() != "/orders/2026-01-01/orders/202-1234567-8901234?includedData=FULFILLMENT%2CPACKAGES" {
		t.Errorf("%s %s", got.Method, got.URL)
	}
	if got.Header.Get("x-amz-access-token") != canaryAccess || got.Header.Get("Authorization") != "" {
		t.Errorf("headers %v", got.Header)
	}
	if agent := got.UserAgent(); !strings.HasPrefix(agent, "Sellerstream/") || !strings.Contains(agent, "Language=Go/") ||
		!strings.HasSuffix(agent, " Acme/1.0") || len(agent) > 500 {
		t.Errorf("User-Agent %q", agent)
	}
}

// TestAmazonsSandboxAnswers decodes each answer that the model's sandbox gives to getOrder.
func TestAmazonsSandboxAnswers(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(models.Directory(t), "orders_2026-01-01.json"))
	if err != nil {
		t.Fatal(err)
	}
	type sandbox struct {
		Static []struct {
			Request struct {
				Parameters map[string]struct{ Value any }
			}
			Response json.RawMessage
		}
	}
	var api struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Sandbox sandbox `json:"x-amzn-api-sandbox"`
			}
		}
	}
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	decoded := 0
	for status, answer := range api.Paths["/orders/2026-01-01/orders/{orderId}"]["get"].Responses {
		for _, test := range answer.Sandbox.Static {
			f := newFake(t)
			f.api = func(w http.ResponseWriter, _ *http.Request) {
				if status != "200" {
					w.WriteHeader(http.StatusBadRequest)
				}
				_, _ = w.Write(test.Response)
			}
			id := fmt.Sprint(test.Request.Parameters["orderId"].Value)
			response, _, err := f.seller(t, nil).GetOrder(t.Context(), model.GetOrderRequest{OrderID: id})
			decoded++
			var refusal *model.Error
			switch {
			case status == "200" && (err != nil || response.Order.LastUpdatedTime.IsZero() || len(response.Order.Items) == 0):
				t.Errorf("order %s: %+v, %v", id, response, err)
			case status != "200" && (!errors.As(err, &refusal) || refusal.Class != model.Invalid || refusal.Code == ""):
				t.Errorf("order %s, status %s: %v", id, status, err)
			}
		}
	}
	if decoded < 4 {
		t.Errorf("only %d sandbox answers found", decoded)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	list := func(code, message string) string {
		return fmt.Sprintf(`{"errors":[{"code":%q,"message":%q,"details":""}]}`, code, message)
	}
	for _, test := range []struct {
		status int
		body   string
		class  model.Class
		says   string
	}{
		{400, list("InvalidInput", "Invalid order id"), model.Invalid, "InvalidInput: Invalid order id"},
		{401, list("Unauthorized", "Access denied"), model.Unauthorized, "refresh token"},
		{403, list("Unauthorized", "Access to requested resource is denied."), model.Forbidden, "lacks the role"},
		{403, list("MissingAuthenticationToken", "denied"), model.Forbidden, "and the endpoint's URL"},
		{403, list("InvalidSignature", "The request signature we calculated does not match"), model.Forbidden, "clock"},
		{403, `{"errors":[{"code":"Unauthorized","message":"m","details":"The access token you provided has expired."}]}`, model.Forbidden, "withdrew"},
		{404, list("NotFound", "no such order"), model.NotFound, "NotFound"},
		{409, list("Conflict", ""), model.Conflict, "409"},
		{413, "", model.Invalid, "413"},
		{429, list("QuotaExceeded", "You exceeded your quota for the requested resource."), model.Throttled, "QuotaExceeded"},
		{500, list("InternalFailure", "oops"), model.Unavailable, "InternalFailure"},
		{503, `<html>` + strings.Repeat("x", 100_000), model.Unavailable, "503"},
		{302, ``, model.Unavailable, "check the endpoint"},
		{204, ``, model.Unavailable, "check the endpoint"},
		{400, `{"buyerName":"canary Wilson"}`, model.Invalid, "400"},
		{400, list("InvalidInput", "token "+canaryAccess+" in the message"), model.Invalid, "[secret]"},
		{400, list("InvalidInput", strings.Repeat("long\n", 1000)), model.Invalid, "…"},
		{200, `{"order":{"orderId":"another","createdTime":"2024-12-25T16:00:00Z","lastUpdatedTime":"2024-12-25T16:30:00Z"}}`, model.Malformed, "another order"},
		{200, `{"order":{"orderId":"1","createdTime":"canary, not a time"}}`, model.Malformed, "field order.createdTime"},
		{200, `{"order":{"orderId":"1","orderItems":"canary"}}`, model.Malformed, "order.orderItems"},
		{200, `{"order":`, model.Malformed, "not JSON at byte 9"},
		{200, `{"order":{"orderId":"1"},"pad":"` + strings.Repeat("x", maxAnswer) + `"}`, model.Malformed, "larger than"},
	} {
		t.Run(fmt.Sprintf("%d %.40s", test.status, test.body), func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.api = func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					t.Error("a redirect was followed, with the token")
				}
				w.Header().Set("Location", f.URL+"/elsewhere")
				w.Header().Set("x-amzn-RequestId", "request-1")
				w.WriteHeader(test.status)
				fmt.Fprint(w, test.body)
			}
			_, _, err := f.seller(t, nil).GetOrder(t.Context(), model.GetOrderRequest{OrderID: "1"})
			var refusal *model.Error
			if !errors.As(err, &refusal) || refusal.Class != test.class || refusal.TokenMissing {
				t.Fatalf("%v", err)
			}
			for _, says := range []string{test.says, "getOrder", "acme-eu"} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
			if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("not fit for a log line: %q", err)
			}
			noCanary(t, err)
		})
	}
}

// TestWhoseLimitA429IsOf: only Amazon's words tell.
func TestWhoseLimitA429IsOf(t *testing.T) {
	t.Parallel()
	for message, application := range map[string]bool{
		"You exceeded your quota for the requested resource.":                             false,
		"The frequency of requests was greater than what is allowed for the application.": true,
		"The frequency of requests was greater than what is allowed for product data.":    false,
	} {
		f := newFake(t)
		f.api = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprintf(w, `{"errors":[{"code":"QuotaExceeded","message":%q}]}`, message)
		}
		_, _, err := f.seller(t, nil).GetListingsItem(t.Context(), model.GetListingsItemRequest{SellerID: "A3TH9S8BH6GOGM", MarketplaceID: "A1PA6795UKMFR9", SKU: "s"})
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.Class != model.Throttled || refusal.OfApplication != application {
			t.Errorf("%q: %+v", message, refusal)
		}
	}
}

func TestStatusOfAWritingCall(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]model.Class{
		408: model.Ambiguous, 500: model.Ambiguous, 502: model.Ambiguous, 503: model.Ambiguous, 504: model.Ambiguous, 302: model.Ambiguous,
		400: model.Invalid, 404: model.NotFound, 409: model.Conflict, 429: model.Throttled, 401: model.Unauthorized, 403: model.Forbidden,
	} {
		if got, _ := classOf(status, true); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}

func TestARefusedTokenIsReplacedOnceItIsNotFresh(t *testing.T) {
	t.Parallel()
	f, clk := newFake(t), simulatortest.NewClock()
	f.api = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }
	seller := f.seller(t, clk)
	for _, step := range []struct {
		after  time.Duration
		stale  bool
		tokens int
	}{
		{0, false, 1}, {time.Second, false, 1}, {10 * time.Minute, true, 1}, {0, false, 2}, {time.Second, false, 2},
	} {
		clk.Advance(step.after)
		_, _, err := seller.GetOrder(t.Context(), model.GetOrderRequest{OrderID: "1"})
		var refusal *model.Error
		if !errors.As(err, &refusal) || refusal.StaleToken != step.stale || f.tokenRequests() != step.tokens {
			t.Fatalf("after %v: %+v with %d token requests; want stale %v with %d", step.after, refusal, f.tokenRequests(), step.stale, step.tokens)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	arrived := make(chan struct{})
	f.api = func(_ http.ResponseWriter, r *http.Request) { close(arrived); <-r.Context().Done() }
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, _, err := f.seller(t, nil).GetOrder(ctx, model.GetOrderRequest{OrderID: "1"})
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Class != model.Unavailable || !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	noCanary(t, err)
}

func TestAPathIsNoOrderID(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var paths []string
	f.api = func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.EscapedPath())
		w.WriteHeader(http.StatusNotFound)
	}
	seller := f.seller(t, nil)
	for _, id := range []string{"", ".", "..", "../../feeds", "a/b", "1?x=y"} {
		_, _, err := seller.GetOrder(t.Context(), model.GetOrderRequest{OrderID: id})
		if err == nil {
			t.Errorf("%q was accepted", id)
		}
	}
	for _, path := range paths {
		if !strings.HasPrefix(path, "/orders/2026-01-01/orders/") || strings.Count(path, "/") != 4 {
			t.Errorf("asked for %s", path)
		}
	}
	if len(paths) != 3 {
		t.Errorf("%d requests: %v", len(paths), paths)
	}
}

func TestConfigFaultsAreAllReported(t *testing.T) {
	t.Parallel()
	_, err := New(Config{
		UserAgent: strings.Repeat("x", 301), LWAEndpoint: "api.amazon.com",
		Endpoints: map[model.Region]string{model.Europe: "ftp://eu", model.FarEast: "https://user:pw@fe"},
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, says := range []string{"user agent", "LWA endpoint", "region eu", "region fe"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
	}
	client, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range []SellerConfig{
		{},
		{Account: "a", Region: "moon", Application: testApplication(), RefreshToken: secrets.Env("X")},
		{Account: "a", Region: model.Europe, Application: testApplication()},
	} {
		if _, err := client.Seller(cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(429, []byte(`{"errors":[{"code":"QuotaExceeded","message":"m"}]}`))
	f.Add(400, []byte(`{"errors":[]}`))
	f.Add(503, []byte{0xff, 0xfe})
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		e := classify(new(answers.Decoder), call{Operation: model.Operation{Name: "op"}}, "a", &http.Response{StatusCode: status, Header: http.Header{}}, body)
		if e.Class == "" || len(e.Message) > maxMessage+8 || strings.ContainsAny(e.Error(), "\n\x00") {
			t.Fatalf("%+v", e)
		}
	})
}
