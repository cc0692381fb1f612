package simulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// A connection whose request was too long lingers half a second in net/http
// after it is closed, so that the refusal reaches the caller.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"))
}

// amazon is a running simulator and how a test speaks to it.
type amazon struct {
	*simulator.Simulator
	t      *testing.T
	urls   simulator.URLs
	client *http.Client
}

var application = simulator.Application{Name: "shop", ClientID: "amzn1.application-oa2-client.1", ClientSecrets: []string{"new-secret", "old-secret"}}

// start runs a simulator with two accounts, seller-1-de and seller-2-us.
func start(t *testing.T, change func(*simulator.Config)) *amazon {
	t.Helper()
	config := simulator.Config{
		Applications: []simulator.Application{application},
		Accounts:     simulator.Sellers(2, "shop"),
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
	return &amazon{Simulator: s, t: t, urls: urls, client: &http.Client{Transport: transport}}
}

// reply is an answer whose body has been read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (a *amazon) do(r *http.Request) reply {
	a.t.Helper()
	got, err := a.try(r)
	if err != nil {
		a.t.Fatal(err)
	}
	return got
}

func (a *amazon) try(r *http.Request) (reply, error) {
	response, err := a.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return reply{response.StatusCode, response.Header, string(body)}, err
}

func (a *amazon) request(method, target, body string) *http.Request {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

// login asks LWA for a token.
func (a *amazon) login(form url.Values) reply {
	a.t.Helper()
	r := a.request(http.MethodPost, a.urls.LWA+"/auth/o2/token", form.Encode())
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return a.do(r)
}

func refreshForm(refreshToken string) url.Values {
	return url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {refreshToken},
		"client_id": {application.ClientID}, "client_secret": {"new-secret"},
	}
}

func grantlessForm() url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "scope": {"sellingpartnerapi::notifications"},
		"client_id": {application.ClientID}, "client_secret": {"new-secret"},
	}
}

// token logs in and returns the access token.
func (a *amazon) token(form url.Values) string {
	a.t.Helper()
	got := a.login(form)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.AccessToken == "" {
		a.t.Fatalf("no token: %d %s", got.status, got.body)
	}
	return answer.AccessToken
}

// get calls the SP-API of a region.
func (a *amazon) get(region model.Region, token, path string) reply {
	a.t.Helper()
	r := a.request(http.MethodGet, a.urls.SPAPI[region]+path, "")
	r.Header.Set("x-amz-access-token", token)
	r.Header.Set("User-Agent", "Tests/1 (Language=Go)")
	return a.do(r)
}

// order places an order and returns its id.
func (a *amazon) order(account string) string {
	a.t.Helper()
	change, err := a.World.PlaceOrder(account)
	if err != nil {
		a.t.Fatal(err)
	}
	return change.Order.OrderID
}

const (
	german   = "seller-1-de"
	american = "seller-2-us"
	ordersV1 = "/orders/2026-01-01/orders"
)

func sellerToken(n int) url.Values {
	return refreshForm(simulator.Sellers(n, "shop")[n-1].RefreshToken)
}
