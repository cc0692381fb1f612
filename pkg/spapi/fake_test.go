package spapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// answeredOrder is the least that getOrder can answer about order 1.
const answeredOrder = `{"order":{"orderId":"1","createdTime":"2024-12-25T16:00:00Z","lastUpdatedTime":"2024-12-25T16:30:00Z","orderItems":[]}}`

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Canaries: no error may contain one.
const (
	canarySecret  = "canary-client-secret"
	canaryRefresh = "Atzr|canary-refresh-token"
	canaryAccess  = "Atza|canary-access-token"
)

// fake is Amazon and LWA behind one server, each a function to replace.
type fake struct {
	*httptest.Server
	api http.HandlerFunc

	mu     sync.Mutex
	lwa    http.HandlerFunc
	tokens int // requests for one
	forms  []map[string]string
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{api: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answeredOrder) }}
	f.lwa = f.giveToken
	mux := http.NewServeMux()
	mux.HandleFunc("POST /auth/o2/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form := map[string]string{}
		for key := range r.PostForm {
			form[key] = r.PostForm.Get(key)
		}
		f.mu.Lock()
		f.tokens++
		f.forms = append(f.forms, form)
		answer := f.lwa
		f.mu.Unlock()
		answer(w, r)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { f.api(w, r) })
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) giveToken(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, `{"access_token":"%s","token_type":"bearer","expires_in":3600}`, canaryAccess)
}

func (f *fake) answerLWA(h http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lwa = h
}

func (f *fake) tokenRequests() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens
}

// seller is a client of the fake; clk may be nil.
func (f *fake) seller(t testing.TB, clk *simulatortest.Clock) *Seller {
	t.Helper()
	client := f.client(t, clk)
	seller, err := client.Seller(testSeller("acme-eu"))
	if err != nil {
		t.Fatal(err)
	}
	return seller
}

func (f *fake) client(t testing.TB, clk *simulatortest.Clock) *Client {
	t.Helper()
	if clk == nil {
		clk = simulatortest.NewClock()
	}
	client, err := New(Config{
		UserAgent: "Acme/1.0", LWAEndpoint: f.URL, Clock: clk, Timeout: 20 * time.Second,
		Endpoints: map[model.Region]string{model.Europe: f.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func testApplication() Application {
	return Application{Name: "main", ClientID: "amzn1.app", ClientSecret: secrets.Literal(secrets.New(canarySecret))}
}

func testSeller(account string) SellerConfig {
	return SellerConfig{
		Account: account, Region: model.Europe, Application: testApplication(),
		RefreshToken: secrets.Literal(secrets.New(canaryRefresh)),
	}
}
