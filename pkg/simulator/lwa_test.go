package simulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestLWAGrants(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	got := a.login(sellerToken(1))
	if got.status != http.StatusOK || !strings.Contains(got.body, `"expires_in":3600`) || !strings.Contains(got.body, `"token_type":"bearer"`) {
		t.Errorf("refresh_token: %d %s", got.status, got.body)
	}
	got = a.login(grantlessForm())
	if got.status != http.StatusOK || strings.Contains(got.body, "refresh_token") {
		t.Errorf("client_credentials: %d %s", got.status, got.body)
	}
	form := sellerToken(1)
	form.Set("client_secret", "old-secret")
	if got = a.login(form); got.status != http.StatusOK {
		t.Errorf("the other secret of a rotation: %d %s", got.status, got.body)
	}
}

func TestLWARefuses(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
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
		form := sellerToken(1)
		test.change(form)
		got := a.login(form)
		if got.status != test.status || !strings.Contains(got.body, `"error":"`+test.code+`"`) || !strings.Contains(got.body, `"error_description":`) {
			t.Errorf("%s: %d %s", test.name, got.status, got.body)
		}
	}
}

func TestLWANeedsAForm(t *testing.T) {
	t.Parallel()
	a := start(t, nil)
	r := a.request(http.MethodPost, a.urls.LWA+"/auth/o2/token", `{"grant_type":"refresh_token"}`)
	r.Header.Set("Content-Type", "application/json")
	if got := a.do(r); got.status != http.StatusBadRequest {
		t.Errorf("JSON: %d %s", got.status, got.body)
	}
	if got := a.do(a.request(http.MethodGet, a.urls.LWA+"/auth/o2/token", "")); got.status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d %s", got.status, got.body)
	}
	r = a.request(http.MethodPost, a.urls.LWA+"/auth/o2/token", "grant_type="+strings.Repeat("x", 20<<10))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := a.do(r); got.status != http.StatusBadRequest {
		t.Errorf("too long a body: %d", got.status)
	}
}
