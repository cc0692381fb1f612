package spapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }

func TestSPAPIRefusesWhatAmazonRefuses(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.Clock = clock })
	path := simulatortest.OrdersPath + "/" + a.Order(simulatortest.German)
	expired := a.Token(simulatortest.SellerToken(1))
	clock.Advance(time.Hour)
	valid := a.Token(simulatortest.SellerToken(1))
	grantless := a.Token(simulatortest.GrantlessForm())

	tests := []struct {
		name   string
		region model.Region
		change func(*http.Request)
		status int
		says   string
	}{
		{"no token", model.Europe, func(r *http.Request) { r.Header.Del("x-amz-access-token") }, 403, "Access token is missing"},
		{"unknown token", model.Europe, func(r *http.Request) { r.Header.Set("x-amz-access-token", "Atza|x") }, 403, "revoked, malformed or invalid"},
		{"expired token", model.Europe, func(r *http.Request) { r.Header.Set("x-amz-access-token", expired) }, 403, "has expired"},
		{"wrong grant", model.Europe, func(r *http.Request) { r.Header.Set("x-amz-access-token", grantless) }, 403, `"details":""`},
		{"wrong region", model.NorthAmerica, func(*http.Request) {}, 403, `"details":""`},
		{"no user agent", model.Europe, func(r *http.Request) { r.Header.Set("User-Agent", "") }, 400, "User-Agent"},
		{"long user agent", model.Europe, func(r *http.Request) { r.Header.Set("User-Agent", strings.Repeat("a", 501)) }, 400, "User-Agent"},
		{"unknown path", model.Europe, func(r *http.Request) { r.URL.Path = "/orders/2026-01-01/nothing" }, 403, "MissingAuthenticationToken"},
		{"not played", model.Europe, func(r *http.Request) { r.URL.Path = "/catalog/2022-04-01/items" }, 501, "does not play GET /catalog/2022-04-01/items"},
		{"not played of an API that is", model.Europe, func(r *http.Request) {
			r.Method, r.URL.Path = http.MethodDelete, "/listings/2021-08-01/items/A/B"
		}, 501, "does not play DELETE /listings"},
		{"wrong method", model.Europe, func(r *http.Request) { r.Method = http.MethodPut }, 403, "MissingAuthenticationToken"},
	}
	for _, test := range tests {
		r := a.Request(http.MethodGet, a.URLs.SPAPI[test.region]+path, "")
		r.Header.Set("x-amz-access-token", valid)
		r.Header.Set("User-Agent", "Tests/1 (Language=Go)")
		test.change(r)
		got := a.Do(r)
		if got.Status != test.status || !strings.Contains(got.Body, test.says) {
			t.Errorf("%s: %d %s", test.name, got.Status, got.Body)
		}
		if got.Header.Get("x-amzn-RateLimit-Limit") != "" || got.Header.Get("x-amzn-RequestId") == "" {
			t.Errorf("%s: headers %v", test.name, got.Header)
		}
	}
	if got := a.Get(model.Europe, valid, path); got.Status != http.StatusOK {
		t.Errorf("nothing wrong: %d %s", got.Status, got.Body)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.Clock = clock })
	token := a.Token(simulatortest.SellerToken(1))
	path := simulatortest.OrdersPath + "/" + a.Order(simulatortest.German)
	for i := range 30 { // Amazon's burst for getOrder
		if got := a.Get(model.Europe, token, path); got.Status != http.StatusOK || got.Header.Get("x-amzn-RateLimit-Limit") != "0.5" {
			t.Fatalf("call %d: %d %v", i, got.Status, got.Header)
		}
	}
	throttled := a.Get(model.Europe, token, path)
	const body = `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource.","details":""}]}`
	if throttled.Status != http.StatusTooManyRequests || throttled.Body != body {
		t.Errorf("31st call: %d %s", throttled.Status, throttled.Body)
	}
	if throttled.Header.Get("x-amzn-RateLimit-Limit") != "" || throttled.Header.Get("Retry-After") != "" {
		t.Errorf("a 429 tells its rate: %v", throttled.Header)
	}
	clock.Advance(2 * time.Second) // one token at 0.5 per second
	if got := a.Get(model.Europe, token, path); got.Status != http.StatusOK {
		t.Errorf("after 2 s: %d", got.Status)
	}
	if got := a.Get(model.Europe, token, path); got.Status != http.StatusTooManyRequests {
		t.Errorf("two calls after 2 s: %d", got.Status)
	}
	// Another operation and another account have buckets of their own.
	if got := a.Get(model.Europe, token, simulatortest.OrdersPath+"?createdAfter=2026-08-01T00:00:00Z"); got.Status != http.StatusOK {
		t.Errorf("searchOrders: %d %s", got.Status, got.Body)
	}
	other := a.Token(simulatortest.SellerToken(2))
	if got := a.Get(model.NorthAmerica, other, simulatortest.OrdersPath+"/"+a.Order(simulatortest.American)); got.Status != http.StatusOK {
		t.Errorf("other account: %d %s", got.Status, got.Body)
	}
	if n := a.Ledger.Throttled(); n != 2 {
		t.Errorf("the ledger counts %d throttled calls", n)
	}
}

// TestAnApplicationHasALimitInEachRegion that its accounts share.
func TestAnApplicationHasALimitInEachRegion(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) {
		c.Clock, c.ApplicationRates = clock, map[string]simulator.Rate{"getOrder": {PerSecond: 1, Burst: 2}}
	})
	path := simulatortest.OrdersPath + "/111-1111111-1111111"
	token, american := a.Token(simulatortest.SellerToken(1)), a.Token(simulatortest.SellerToken(2))
	for _, want := range []int{404, 404, 429} {
		if got := a.Get(model.Europe, token, path); got.Status != want || want == 429 && !strings.Contains(got.Body, "for the application.") {
			t.Errorf("%d %s, want %d", got.Status, got.Body, want)
		}
	}
	if got := a.Get(model.NorthAmerica, american, path); got.Status != http.StatusNotFound {
		t.Errorf("in the other region: %d", got.Status)
	}
	clock.Advance(time.Second)
	if got := a.Get(model.Europe, token, path); got.Status != http.StatusNotFound {
		t.Errorf("after a second: %d", got.Status)
	}
}

func TestSetRate(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.Clock = simulatortest.NewClock() })
	token := a.Token(simulatortest.SellerToken(1))
	if err := a.SetRate(simulatortest.German, "getOrder", simulator.Rate{PerSecond: 0.25, Burst: 1}); err != nil {
		t.Fatal(err)
	}
	path := simulatortest.OrdersPath + "/111-1111111-1111111"
	if got := a.Get(model.Europe, token, path); got.Status != http.StatusNotFound || got.Header.Get("x-amzn-RateLimit-Limit") != "0.25" {
		t.Errorf("first: %d %v", got.Status, got.Header)
	}
	if got := a.Get(model.Europe, token, path); got.Status != http.StatusTooManyRequests {
		t.Errorf("second: %d", got.Status)
	}
	if a.SetRate(simulatortest.German, "noSuchOperation", simulator.Rate{}) == nil || a.SetRate("nobody", "getOrder", simulator.Rate{}) == nil {
		t.Error("an unknown operation or account was accepted")
	}
}

func TestConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	accounts := simulator.Sellers(3, "missing")
	accounts[1].Region = "mars"
	accounts[2].ID = accounts[0].ID
	_, err := simulator.New(simulator.Config{Accounts: accounts})
	for _, part := range []string{"application", "mars", "twice"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	_, err = simulator.New(simulator.Config{
		Applications: []simulator.Application{simulatortest.Application()}, Accounts: simulator.Sellers(1, "shop"),
		Rates: map[string]simulator.Rate{"getOdrer": {}},
	})
	if err == nil || !strings.Contains(err.Error(), "getOdrer") {
		t.Errorf("a rate for no operation: %v", err)
	}
}

func TestRevokeTokens(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	token := a.Token(simulatortest.SellerToken(1))
	status := func() int {
		return a.Get(model.Europe, token, simulatortest.OrdersPath+"/111-1111111-1111111").Status
	}
	a.RevokeTokens("another seller")
	if got := status(); got != http.StatusNotFound {
		t.Errorf("another's tokens are revoked, and the answer is %d", got)
	}
	for _, account := range a.Accounts() {
		a.RevokeTokens(account.ID)
	}
	if got := status(); got != http.StatusForbidden {
		t.Errorf("the account's tokens are revoked, and the answer is %d", got)
	}
	token = a.Token(simulatortest.SellerToken(1))
	a.RevokeTokens()
	if got := status(); got != http.StatusForbidden {
		t.Errorf("all tokens are revoked, and the answer is %d", got)
	}
}

// TestLenient ignores what an operation does not have, and nothing that it has.
func TestLenient(t *testing.T) {
	t.Parallel()
	for _, lenient := range []bool{false, true} {
		a := simulatortest.Start(t, func(c *simulator.Config) { c.Lenient = lenient })
		token, refused := a.Token(simulatortest.SellerToken(1)), http.StatusBadRequest
		if lenient {
			refused = http.StatusOK
		}
		search := simulatortest.OrdersPath + "?createdAfter=2026-01-01T00:00:00Z"
		if got := a.Get(model.Europe, token, search+"&marketplace_ids=x"); got.Status != refused {
			t.Errorf("lenient %v, unknown parameter: %d %s", lenient, got.Status, got.Body)
		}
		if got := a.Call(http.MethodPost, token, simulatortest.DocumentsPath, `{"contentType":"text/plain","MarketplaceIds":[]}`); (got.Status == http.StatusCreated) != lenient {
			t.Errorf("lenient %v, unknown member: %d %s", lenient, got.Status, got.Body)
		}
		if got := a.Get(model.Europe, token, search+"&maxResultsPerPage=1000"); got.Status != http.StatusBadRequest {
			t.Errorf("lenient %v, wrong value: %d %s", lenient, got.Status, got.Body)
		}
	}
}
