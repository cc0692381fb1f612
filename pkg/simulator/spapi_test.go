package simulator_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// manual is a clock that only a test moves.
type manual struct {
	mu  sync.Mutex
	now time.Time
}

func newManual() *manual { return &manual{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)} }

func (m *manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *manual) Real(d time.Duration) time.Duration { return d }

func (m *manual) advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.now.Add(d)
}

func TestSPAPIRefusesWhatAmazonRefuses(t *testing.T) {
	t.Parallel()
	clock := newManual()
	a := start(t, func(c *simulator.Config) { c.Clock = clock })
	path := ordersV1 + "/" + a.order(german)
	expired := a.token(sellerToken(1))
	clock.advance(time.Hour)
	valid := a.token(sellerToken(1))
	grantless := a.token(grantlessForm())

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
		{"wrong method", model.Europe, func(r *http.Request) { r.Method = http.MethodPut }, 403, "MissingAuthenticationToken"},
	}
	for _, test := range tests {
		r := a.request(http.MethodGet, a.urls.SPAPI[test.region]+path, "")
		r.Header.Set("x-amz-access-token", valid)
		r.Header.Set("User-Agent", "Tests/1 (Language=Go)")
		test.change(r)
		got := a.do(r)
		if got.status != test.status || !strings.Contains(got.body, test.says) {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
		if got.header.Get("x-amzn-RateLimit-Limit") != "" || got.header.Get("x-amzn-RequestId") == "" {
			t.Errorf("%s: headers %v", test.name, got.header)
		}
	}
	if got := a.get(model.Europe, valid, path); got.status != http.StatusOK {
		t.Errorf("nothing wrong: %d %s", got.status, got.body)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	clock := newManual()
	a := start(t, func(c *simulator.Config) { c.Clock = clock })
	token := a.token(sellerToken(1))
	path := ordersV1 + "/" + a.order(german)
	for i := range 30 { // Amazon's burst for getOrder
		if got := a.get(model.Europe, token, path); got.status != http.StatusOK || got.header.Get("x-amzn-RateLimit-Limit") != "0.5" {
			t.Fatalf("call %d: %d %v", i, got.status, got.header)
		}
	}
	throttled := a.get(model.Europe, token, path)
	const body = `{"errors":[{"code":"QuotaExceeded","message":"You exceeded your quota for the requested resource.","details":""}]}`
	if throttled.status != http.StatusTooManyRequests || throttled.body != body {
		t.Errorf("31st call: %d %s", throttled.status, throttled.body)
	}
	if throttled.header.Get("x-amzn-RateLimit-Limit") != "" || throttled.header.Get("Retry-After") != "" {
		t.Errorf("a 429 tells its rate: %v", throttled.header)
	}
	clock.advance(2 * time.Second) // one token at 0.5 per second
	if got := a.get(model.Europe, token, path); got.status != http.StatusOK {
		t.Errorf("after 2 s: %d", got.status)
	}
	if got := a.get(model.Europe, token, path); got.status != http.StatusTooManyRequests {
		t.Errorf("two calls after 2 s: %d", got.status)
	}
	// Another operation and another account have buckets of their own.
	if got := a.get(model.Europe, token, ordersV1+"?createdAfter=2026-08-01T00:00:00Z"); got.status != http.StatusOK {
		t.Errorf("searchOrders: %d %s", got.status, got.body)
	}
	other := a.token(sellerToken(2))
	if got := a.get(model.NorthAmerica, other, ordersV1+"/"+a.order(american)); got.status != http.StatusOK {
		t.Errorf("other account: %d %s", got.status, got.body)
	}
	if n := a.Ledger.Throttled(); n != 2 {
		t.Errorf("the ledger counts %d throttled calls", n)
	}
}

func TestSetRate(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *simulator.Config) { c.Clock = newManual() })
	token := a.token(sellerToken(1))
	if err := a.SetRate(german, "getOrder", simulator.Rate{PerSecond: 0.25, Burst: 1}); err != nil {
		t.Fatal(err)
	}
	path := ordersV1 + "/111-1111111-1111111"
	if got := a.get(model.Europe, token, path); got.status != http.StatusNotFound || got.header.Get("x-amzn-RateLimit-Limit") != "0.25" {
		t.Errorf("first: %d %v", got.status, got.header)
	}
	if got := a.get(model.Europe, token, path); got.status != http.StatusTooManyRequests {
		t.Errorf("second: %d", got.status)
	}
	if a.SetRate(german, "noSuchOperation", simulator.Rate{}) == nil || a.SetRate("nobody", "getOrder", simulator.Rate{}) == nil {
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
		Applications: []simulator.Application{application}, Accounts: simulator.Sellers(1, "shop"),
		Rates: map[string]simulator.Rate{"getOdrer": {}},
	})
	if err == nil || !strings.Contains(err.Error(), "getOdrer") {
		t.Errorf("a rate for no operation: %v", err)
	}
}

func TestRevokeTokens(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	token := a.token(sellerToken(1))
	a.RevokeTokens()
	if got := a.get(model.Europe, token, ordersV1+"/111-1111111-1111111"); got.status != http.StatusForbidden {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func ExampleNew() {
	s, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "shop", ClientID: "id", ClientSecrets: []string{"secret"}}},
		Accounts:     simulator.Sellers(3, "shop"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	change, err := s.World.PlaceOrder("seller-1-de")
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Notify(change) // now an ORDER_CHANGE waits in SQS
	stats, err := s.Queue(simulator.DefaultQueue)
	fmt.Println(stats.Visible, err)
	// Output: 1 <nil>
}
