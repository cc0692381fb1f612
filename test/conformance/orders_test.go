package conformance_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/conformance"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ordersModel = "orders_2026-01-01.json"
	ordersPath  = "/orders/2026-01-01/orders"
	german      = "seller-1-de"
	allData     = "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT,FULFILLMENT_ORDERS"
)

// unlimited keeps quotas out of the way where they are not what is tested.
func unlimited() map[string]simulator.Rate {
	rates := make(map[string]simulator.Rate)
	for _, operation := range operations() {
		rates[operation] = simulator.Rate{PerSecond: 1e6, Burst: 1_000_000}
	}
	return rates
}

// stepping is a clock that stands still: searchOrders shows nothing that is
// younger than two minutes, so a test has to move the time.
type stepping struct{ now time.Time }

func (c *stepping) Now() time.Time                     { return c.now }
func (c *stepping) Real(d time.Duration) time.Duration { return d }

// amazon is a simulator whose every SP-API answer is checked.
type amazon struct {
	*simulator.Simulator
	t         *testing.T
	urls      simulator.URLs
	transport *http.Transport
	checked   *conformance.Transport
}

func start(t *testing.T, config simulator.Config) *amazon {
	t.Helper()
	m := conformance.LoadModel(t, ordersModel)
	config.Applications = []simulator.Application{{Name: "shop", ClientID: "client", ClientSecrets: []string{"secret"}}}
	config.Accounts = simulator.Sellers(1, "shop")
	s, err := simulator.New(config)
	if err != nil {
		t.Fatal(err)
	}
	urls, err := s.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	a := &amazon{Simulator: s, t: t, urls: urls, transport: &http.Transport{}}
	a.checked = &conformance.Transport{
		Base: a.transport, Model: m, Refusals: true,
		Report: func(err error) { t.Error(err) },
	}
	t.Cleanup(func() {
		a.transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func (a *amazon) send(r *http.Request) (int, string) {
	a.t.Helper()
	answer, err := a.checked.RoundTrip(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func (a *amazon) request(method, target, body string) *http.Request {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

func (a *amazon) token() string {
	a.t.Helper()
	r := a.request(http.MethodPost, a.urls.LWA+"/auth/o2/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {a.Accounts()[0].RefreshToken},
		"client_id": {"client"}, "client_secret": {"secret"},
	}.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, body := a.send(r)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		a.t.Fatal(err)
	}
	return answer.AccessToken
}

// get calls the SP-API and expects a status. The body's conformance is checked
// on its way.
func (a *amazon) get(token, path string, status int) string {
	a.t.Helper()
	r := a.request(http.MethodGet, a.urls.SPAPI[model.Europe]+path, "")
	r.Header.Set("x-amz-access-token", token)
	r.Header.Set("User-Agent", "Conformance/1 (Language=Go)")
	got, body := a.send(r)
	if got != status {
		a.t.Errorf("GET %s: %d, not %d: %s", path, got, status, body)
	}
	return body
}

// TestOrdersConform reads 60 orders in every state of their lives.
func TestOrdersConform(t *testing.T) {
	t.Parallel()
	clock := &stepping{time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)}
	a := start(t, simulator.Config{Clock: clock, Rates: unlimited()})
	token := a.token()
	seen := make(map[simulator.Status]bool)
	for i := range 60 {
		change, err := a.World.PlaceOrder(german)
		if err != nil {
			t.Fatal(err)
		}
		id := change.Order.OrderID
		path := ordersPath + "/" + id
		a.get(token, path, http.StatusOK)
		for range 4 {
			order, _ := a.World.Order(id)
			seen[order.Status()] = true
			a.get(token, path+"?includedData="+allData, http.StatusOK)
			if i%10 == 0 {
				_, err = a.World.RequestCancel(id)
			} else {
				_, err = a.World.Change(id)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for data := range strings.SplitSeq(allData, ",") {
		a.get(token, ordersPath+"?createdAfter=2026-01-01T00:00:00Z&includedData="+data, http.StatusOK)
	}
	for _, status := range []simulator.Status{simulator.Pending, simulator.Unshipped, simulator.PartiallyShipped, simulator.Shipped, simulator.Cancelled} {
		if !seen[status] {
			t.Errorf("no order was %s", status)
		}
	}
	clock.now = clock.now.Add(30 * time.Minute)
	first := a.get(token, ordersPath+"?createdAfter=2026-01-01T00:00:00Z&maxResultsPerPage=50&includedData="+allData, http.StatusOK)
	if strings.Count(first, `"orderId"`) != 50 || !strings.Contains(first, `"nextToken"`) {
		t.Errorf("the search's first page: %.300s", first)
	}
	a.get(token, ordersPath+"?lastUpdatedAfter=2026-01-01T00:00:00Z&fulfillmentStatuses=SHIPPED,CANCELLED&fulfilledBy=MERCHANT&marketplaceIds=A1PA6795UKMFR9", http.StatusOK)
}

func TestRefusalsConform(t *testing.T) {
	t.Parallel()
	a := start(t, simulator.Config{})
	token := a.token()
	missing := ordersPath + "/111-1111111-1111111"
	a.get(token, missing, http.StatusNotFound)
	a.get(token, missing+"?includedData=NONSENSE", http.StatusBadRequest)
	a.get(token, missing+"?nonsense=1", http.StatusBadRequest)
	a.get(token, ordersPath, http.StatusBadRequest)
	a.get(token, ordersPath+"?createdAfter=yesterday", http.StatusBadRequest)
	a.get("", missing, http.StatusForbidden)
	a.get("Atza|unknown", missing, http.StatusForbidden)
	for _, status := range []int{400, 403, 404, 413, 415, 429, 500, 503} {
		if _, err := a.Faults.Add(simulator.Rule{Part: simulator.SPAPI, Times: 1, Action: simulator.Action{Status: status}}); err != nil {
			t.Fatal(err)
		}
		a.get(token, missing, status)
	}
	if err := a.SetRate(german, "getOrder", simulator.Rate{}); err != nil {
		t.Fatal(err)
	}
	a.get(token, missing, http.StatusTooManyRequests)
}

// TestNotificationsConform checks every notification of a disorderly scenario.
func TestNotificationsConform(t *testing.T) {
	t.Parallel()
	schema := conformance.LoadSchema(t, "OrderChangeNotification.json")
	a := start(t, simulator.Config{})
	err := a.Run(t.Context(), simulator.Scenario{
		Orders: 60, Changes: 4, Duplicates: 0.1, Reordered: 0.3, BuyerRequests: 0.3, Forged: 5, UnknownSellers: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	bodies := receive(t, a)
	for _, body := range bodies {
		if err := schema.Check([]byte(body)); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
	}
	if counts, _ := a.Counts(); len(bodies) != counts.Notifications {
		t.Errorf("%d of %d notifications were received", len(bodies), counts.Notifications)
	}
}
