package lwa_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

func TestMain(m *testing.M) { simulatortest.Main(m) }

func TestLWAGrants(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	got := a.Login(simulatortest.SellerToken(1))
	if got.Status != http.StatusOK || !strings.Contains(got.Body, `"expires_in":3600`) || !strings.Contains(got.Body, `"token_type":"bearer"`) {
		t.Errorf("refresh_token: %d %s", got.Status, got.Body)
	}
	got = a.Login(simulatortest.GrantlessForm())
	if got.Status != http.StatusOK || strings.Contains(got.Body, "refresh_token") {
		t.Errorf("client_credentials: %d %s", got.Status, got.Body)
	}
	form := simulatortest.SellerToken(1)
	form.Set("client_secret", "old-secret")
	if got = a.Login(form); got.Status != http.StatusOK {
		t.Errorf("the other secret of a rotation: %d %s", got.Status, got.Body)
	}
}

func TestLWARefuses(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	tests := []struct {
		name   string
		change func(url.Values)
		status int
		code   string
	}{
		{"wrong secret", func(f url.Values) { f.Set("client_secret", "guess") }, 401, "invalid_client"},
		{"unknown client", func(f url.Values) { f.Set("client_id", "nobody") }, 401, "invalid_client"},
		{"unknown refresh token", func(f url.Values) { f.Set("refresh_token", "Atzr|nobody") }, 400, "invalid_grant"},
		{"no grant type", func(f url.Values) { f.Del("grant_type") }, 400, "invalid_request"},
		{"other grant type", func(f url.Values) { f.Set("grant_type", "password") }, 400, "unsupported_grant_type"},
		{"refresh token with a scope", func(f url.Values) { f.Set("scope", "sellingpartnerapi::notifications") }, 400, "invalid_scope"},
		{"no refresh token", func(f url.Values) { f.Del("refresh_token") }, 400, "invalid_request"},
		{"repeated parameter", func(f url.Values) { f.Add("client_id", "twice") }, 400, "invalid_request"},
		{"grantless with a refresh token", func(f url.Values) { f.Set("grant_type", "client_credentials") }, 400, "invalid_request"},
		{"grantless without a scope", func(f url.Values) { f.Set("grant_type", "client_credentials"); f.Del("refresh_token") }, 400, "invalid_request"},
		{"unknown scope", func(f url.Values) {
			f.Set("grant_type", "client_credentials")
			f.Del("refresh_token")
			f.Set("scope", "everything")
		}, 400, "invalid_scope"},
	}
	for _, test := range tests {
		form := simulatortest.SellerToken(1)
		test.change(form)
		got := a.Login(form)
		if got.Status != test.status || !strings.Contains(got.Body, `"error":"`+test.code+`"`) || !strings.Contains(got.Body, `"error_description":`) {
			t.Errorf("%s: %d %s", test.name, got.Status, got.Body)
		}
	}
}

func TestLWATakesJSON(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	login := func(body string) simulatortest.Reply {
		r := a.Request(http.MethodPost, a.URLs.LWA+"/auth/o2/token", body)
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		return a.Do(r)
	}
	form := make(map[string]string)
	for name := range simulatortest.SellerToken(1) {
		form[name] = simulatortest.SellerToken(1).Get(name)
	}
	object, err := json.Marshal(form)
	if err != nil {
		t.Fatal(err)
	}
	if got := login(string(object)); got.Status != http.StatusOK || !strings.Contains(got.Body, `"access_token":"Atza|`) {
		t.Errorf("%d %s", got.Status, got.Body)
	}
	for _, bad := range []string{`{"grant_type":"refresh_token"}`, `{"grant_type":1}`, `[]`, `{`, ``} {
		if got := login(bad); got.Status != http.StatusBadRequest || !strings.Contains(got.Body, `"error":"invalid_request"`) {
			t.Errorf("%s: %d %s", bad, got.Status, got.Body)
		}
	}
}

func TestLWARefusesOtherRequests(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, nil)
	r := a.Request(http.MethodPost, a.URLs.LWA+"/auth/o2/token", "<token/>")
	r.Header.Set("Content-Type", "application/xml")
	if got := a.Do(r); got.Status != http.StatusBadRequest {
		t.Errorf("XML: %d %s", got.Status, got.Body)
	}
	if got := a.Do(a.Request(http.MethodGet, a.URLs.LWA+"/auth/o2/token", "")); got.Status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d %s", got.Status, got.Body)
	}
	r = a.Request(http.MethodPost, a.URLs.LWA+"/auth/o2/token", "grant_type="+strings.Repeat("x", 20<<10))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := a.Do(r); got.Status != http.StatusBadRequest {
		t.Errorf("too long a body: %d", got.Status)
	}
}
