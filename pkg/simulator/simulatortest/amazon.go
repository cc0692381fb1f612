package simulatortest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Our names of the sellers, and what they call.
const (
	German        = "seller-1-de"
	American      = "seller-2-us"
	OrdersPath    = "/orders/2026-01-01/orders"
	OrdersV0Path  = "/orders/v0/orders"
	FeedsPath     = "/feeds/2021-06-30/feeds"
	DocumentsPath = "/feeds/2021-06-30/documents"
	JSONFeed      = "JSON_LISTINGS_FEED"
	Germany       = "A1PA6795UKMFR9"
)

// Main runs a package's tests, and fails when they leave goroutines. A connection
// whose request was too long lingers half a second in net/http after it is closed,
// so that the refusal reaches the caller.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// Amazon is a running simulator and how a test speaks to it.
type Amazon struct {
	*simulator.Simulator
	T      *testing.T
	URLs   simulator.URLs
	Client *http.Client
}

// Application is the one that all sellers authorized.
func Application() simulator.Application {
	return simulator.Application{Name: "shop", ClientID: "amzn1.application-oa2-client.1", ClientSecrets: []string{"new-secret", "old-secret"}}
}

// Start runs a simulator with two accounts, German and American, and the bus
// orders. As many shipments can be confirmed as a test likes.
func Start(t *testing.T, change func(*simulator.Config)) *Amazon {
	t.Helper()
	config := simulator.Config{
		Applications: []simulator.Application{Application()},
		Accounts:     simulator.Sellers(2, "shop"),
		EventBuses:   []string{"orders"},
		Rates:        map[string]simulator.Rate{"confirmShipment": {PerSecond: 1000, Burst: 1000}},
	}
	if change != nil {
		change(&config)
	}
	s, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	urls, err := s.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Amazon{Simulator: s, T: t, URLs: urls, Client: &http.Client{Transport: transport}}
}

// Reply is an answer whose body has been read.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request.
func (a *Amazon) Do(r *http.Request) Reply {
	a.T.Helper()
	got, err := a.Try(r)
	if err != nil {
		a.T.Fatal(err)
	}
	return got
}

// Try sends a request that may stay without an answer.
func (a *Amazon) Try(r *http.Request) (Reply, error) {
	response, err := a.Client.Do(r)
	if err != nil {
		return Reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Reply{response.StatusCode, response.Header, string(body)}, err
}

// Request makes a request.
func (a *Amazon) Request(method, target, body string) *http.Request {
	a.T.Helper()
	r, err := http.NewRequestWithContext(a.T.Context(), method, target, strings.NewReader(body))
	if err != nil {
		a.T.Fatal(err)
	}
	return r
}

// Operation makes a request of the SP-API.
func (a *Amazon) Operation(region model.Region, method, token, path, body string) *http.Request {
	a.T.Helper()
	r := a.Request(method, a.URLs.SPAPI[region]+path, body)
	r.Header.Set("x-amz-access-token", token)
	r.Header.Set("User-Agent", "Tests/1 (Language=Go)")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// Get calls the SP-API of a region.
func (a *Amazon) Get(region model.Region, token, path string) Reply {
	a.T.Helper()
	return a.Do(a.Operation(region, http.MethodGet, token, path, ""))
}

// Call calls the SP-API in Europe.
func (a *Amazon) Call(method, token, path, body string) Reply {
	a.T.Helper()
	return a.Do(a.Operation(model.Europe, method, token, path, body))
}

// Ask calls the admin endpoint.
func (a *Amazon) Ask(method, path, body string) Reply {
	a.T.Helper()
	return a.Do(a.Request(method, a.URLs.Admin+"/_simulator/"+path, body))
}

// Login asks LWA for a token.
func (a *Amazon) Login(form url.Values) Reply {
	a.T.Helper()
	r := a.Request(http.MethodPost, a.URLs.LWA+"/auth/o2/token", form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return a.Do(r)
}

// Token logs in and returns the access token.
func (a *Amazon) Token(form url.Values) string {
	a.T.Helper()
	return Read[struct {
		AccessToken string `json:"access_token"`
	}](a.T, a.Login(form), http.StatusOK).AccessToken
}

// SellerToken is the form with which the nth seller's token is asked for.
func SellerToken(n int) url.Values {
	return url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {simulator.Sellers(n, "shop")[n-1].RefreshToken},
		"client_id": {Application().ClientID}, "client_secret": {"new-secret"},
	}
}

// GrantlessForm is the form with which a token for notifications is asked for.
func GrantlessForm() url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "scope": {"sellingpartnerapi::notifications"},
		"client_id": {Application().ClientID}, "client_secret": {"new-secret"},
	}
}

// Read decodes an answer that must have a status.
func Read[T any](t *testing.T, got Reply, status int) T {
	t.Helper()
	var into T
	if got.Status != status {
		t.Fatalf("status %d, not %d: %s", got.Status, status, got.Body)
	}
	if err := json.Unmarshal([]byte(got.Body), &into); err != nil {
		t.Fatal(err)
	}
	return into
}

// Order places an order and returns its id.
func (a *Amazon) Order(account string) string {
	a.T.Helper()
	change, err := a.World.PlaceOrder(account)
	if err != nil {
		a.T.Fatal(err)
	}
	return change.Order.OrderID
}

// Confirm makes a confirmShipment call that must have a status, and returns its answer.
func (a *Amazon) Confirm(token, orderID, body string, status int) string {
	a.T.Helper()
	got := a.Call(http.MethodPost, token, OrdersV0Path+"/"+orderID+"/shipmentConfirmation", body)
	if got.Status != status {
		a.T.Errorf("%s: %d %s, want %d", body, got.Status, got.Body, status)
	}
	return got.Body
}

// Fault scripts a fault, and returns its id.
func (a *Amazon) Fault(r simulator.Rule) int {
	a.T.Helper()
	return Fault(a.T, a.Simulator, r)
}

// Clock is a clock that only a test moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock stands at noon of a day in 2026.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)} }

// Now is where the clock stands.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Real waits as long as the clock says.
func (c *Clock) Real(d time.Duration) time.Duration { return d }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
