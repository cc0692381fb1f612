package spapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// TestNoTwoGrantsShareAFlight: while Login with Amazon is blocked, each seller,
// application, scope and revision that wants its first token has a request of its
// own under way, and gets what was answered to that.
func TestNoTwoGrantsShareAFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		lwa, requests := virtualLWA(t, func(_ *http.Request, form url.Values) (int, string) {
			<-release
			return 200, fmt.Sprintf(`{"access_token":"of %s %s %s","expires_in":3600}`, form.Get("client_id"), form.Get("refresh_token"), form.Get("scope"))
		})
		seller := func(account, refresh, client string, revision uint64) func() (token, error) {
			cfg := testSeller(account)
			cfg.RefreshToken, cfg.Application.ClientID, cfg.Revision = secrets.Literal(secrets.New(refresh)), client, revision
			return func() (token, error) {
				got, err := lwa.SellerToken(t.Context(), cfg)
				return got.token, err
			}
		}
		grantless := func(client string, scope model.Scope) func() (token, error) {
			app := testApplication()
			app.ClientID = client
			return func() (token, error) {
				got, err := lwa.GrantlessToken(t.Context(), app, scope)
				return got.token, err
			}
		}
		wanted := map[string]func() (token, error){
			"of app-1 r-1 ":     seller("a", "r-1", "app-1", 0),
			"of app-1 r-2 ":     seller("b", "r-2", "app-1", 0),
			"of app-2 r-1 ":     seller("a", "r-1", "app-2", 0),
			"of app-1 r-3 ":     seller("a", "r-3", "app-1", 1), // the same account, configured anew
			"of app-1  scope-1": grantless("app-1", "scope-1"),
			"of app-1  scope-2": grantless("app-1", "scope-2"),
			"of app-2  scope-1": grantless("app-2", "scope-1"),
			"of ab r-4 ":        seller("c", "r-4", "ab", 0),
			"of a r-5 ":         seller("bc", "r-5", "a", 0), // the same letters in a row
			"of app-1 r-6 ":     seller("scope-1", "r-6", "app-1", 0),
		}
		var callers sync.WaitGroup
		for want, get := range wanted {
			callers.Go(func() {
				if got, err := get(); err != nil || got.Secret().Reveal() != want {
					t.Errorf("%q, %v; want %q", got.Secret().Reveal(), err, want)
				}
			})
		}
		synctest.Wait()
		if n := requests(); n != len(wanted) {
			t.Errorf("%d requests are under way for %d grants", n, len(wanted))
		}
		close(release)
		callers.Wait()
	})
}

// TestNoTwoSetsOfDataElementsShareAFlight: a token for buyerInfo must not pass
// for one that opens the address too, nor one seller's for another's.
func TestNoTwoSetsOfDataElementsShareAFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var mu sync.Mutex
		asked := 0
		client, err := New(Config{Base: roundTrip(func(req *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(req.Body)
			form, _ := url.ParseQuery(string(body))
			answer := fmt.Sprintf(`{"access_token":%q,"expires_in":3600}`, "seller "+form.Get("refresh_token"))
			if strings.HasSuffix(req.URL.Path, "/restrictedDataToken") {
				mu.Lock()
				asked++
				mu.Unlock()
				<-release
				answer = fmt.Sprintf(`{"restrictedDataToken":%q,"expiresIn":3600}`, req.Header.Get("x-amz-access-token")+" "+elementsOf(body))
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: req}, nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		sets := [][]string{{model.DataBuyerInfo}, {model.DataShippingAddress}, {model.DataBuyerInfo, model.DataShippingAddress}}
		var callers sync.WaitGroup
		for _, account := range []string{"a", "b"} {
			cfg := testSeller(account)
			cfg.RefreshToken = secrets.Literal(secrets.New(account))
			seller, err := client.Seller(cfg)
			if err != nil {
				t.Fatal(err)
			}
			for _, elements := range sets {
				want := "seller " + account + " " + strings.Join(elements, ",")
				callers.Go(func() {
					got, err := seller.restrictedToken(context.WithoutCancel(t.Context()), elements, func(Meta) {})
					if err != nil || got.Secret().Reveal() != want {
						t.Errorf("%q, %v; want %q", got.Secret().Reveal(), err, want)
					}
				})
			}
		}
		synctest.Wait()
		mu.Lock()
		if asked != 2*len(sets) {
			t.Errorf("%d requests are under way for %d tokens", asked, 2*len(sets))
		}
		mu.Unlock()
		close(release)
		callers.Wait()
	})
}

// elementsOf are the data elements that the first resource of a request names.
func elementsOf(body []byte) string {
	var asked struct {
		Resources []restrictedResource `json:"restrictedResources"`
	}
	if json.NewDecoder(bytes.NewReader(body)).Decode(&asked) != nil || len(asked.Resources) == 0 {
		return ""
	}
	return strings.Join(asked.Resources[0].DataElements, ",")
}
