package lwa

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// TokenLifetime is Amazon's expires_in, on the simulator's clock.
const TokenLifetime = time.Hour

// grantlessScope reports whether grantless operations ask for a scope (Amazon's
// developer pages, "Grantless operations").
func grantlessScope(scope string) bool {
	return scope == "sellingpartnerapi::notifications" || scope == "sellingpartnerapi::client_credential:rotation"
}

// Grant is what an access token allows.
type Grant struct {
	Application string
	Account     *world.Account // nil for a grantless token
	Scope       string         // "" for a seller's token
	Expires     time.Time
	// Restricted is what a restricted data token opens; nil for all others.
	Restricted []Resource
}

// Resource is a method and a path, with an order's id or {orderId} for any.
type Resource struct {
	Method       string   `json:"method"`
	Path         string   `json:"path"`
	DataElements []string `json:"dataElements"`
}

// Opened is what a token's resources open of a request; nothing for an
// ordinary token. fits is false for a restricted token of other resources.
func (g *Grant) Opened(r *http.Request) (elements map[string]bool, fits bool) {
	if g.Restricted == nil {
		return nil, true
	}
	elements = make(map[string]bool)
	for _, resource := range g.Restricted {
		path := strings.Replace(resource.Path, "{orderId}", r.PathValue("orderId"), 1)
		if resource.Method != r.Method || path != r.URL.Path {
			continue
		}
		fits = true
		for _, element := range resource.DataElements {
			elements[element] = true
		}
	}
	return elements, fits
}

// Tokens are the access tokens, and the endpoint that gives them.
type Tokens struct {
	service      exchange.Service
	applications []world.Application
	refresh      map[string]*world.Account // refresh token → account

	mu     sync.Mutex
	grants map[string]Grant
	bound  int // how many there may be before old ones are forgotten
}

// New makes a Login with Amazon that has given no token yet.
func New(desk *exchange.Desk, applications []world.Application, accounts []world.Account) (*Tokens, error) {
	t := &Tokens{
		service:      exchange.Service{Desk: desk, Part: ledger.LWA, Fail: fail},
		applications: applications, refresh: make(map[string]*world.Account), grants: make(map[string]Grant),
	}
	for i := range accounts {
		a := &accounts[i]
		if other := t.refresh[a.RefreshToken]; other != nil {
			return nil, fmt.Errorf("accounts %s and %s have the same refresh token", other.ID, a.ID)
		}
		t.refresh[a.RefreshToken] = a
	}
	return t, nil
}

// Issue adds a token. Each time their number has doubled, those that expired
// more than an hour ago are forgotten: they are refused as unknown from then on.
func (t *Tokens) Issue(token string, g Grant, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.grants) >= t.bound {
		maps.DeleteFunc(t.grants, func(_ string, old Grant) bool { return now.Sub(old.Expires) > TokenLifetime })
		t.bound = max(1000, 2*len(t.grants))
	}
	t.grants[token] = g
}

// Lookup finds what a token allows.
func (t *Tokens) Lookup(token string) (Grant, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.grants[token]
	return g, ok
}

// RevokeTokens makes every access token unknown that was given so far, to these accounts
// if any are named.
func (t *Tokens) RevokeTokens(accounts ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.grants, func(_ string, g Grant) bool {
		return len(accounts) == 0 || g.Account != nil && slices.Contains(accounts, g.Account.ID)
	})
}

// Handler is the endpoint: POST /auth/o2/token.
func (t *Tokens) Handler() http.Handler { return http.HandlerFunc(t.serve) }

func (t *Tokens) serve(w http.ResponseWriter, r *http.Request) {
	form, wrong := tokenForm(w, r)
	call := &ledger.Call{Operation: "token", Parameters: map[string]string{
		"grant_type": form.Get("grant_type"),
		"client_id":  form.Get("client_id"),
		"scope":      form.Get("scope"),
	}}
	if owner := t.refresh[form.Get("refresh_token")]; owner != nil {
		call.Account = owner.ID
	}
	t.service.Serve(w, r, call, func(*exchange.Exchange) exchange.Answer {
		if wrong != nil {
			return *wrong
		}
		return t.token(form)
	})
}

// tokenForm reads a token request, or says what is wrong with it.
func tokenForm(w http.ResponseWriter, r *http.Request) (url.Values, *exchange.Answer) {
	refuse := func(status int, description string) (url.Values, *exchange.Answer) {
		a := refusal(status, "invalid_request", description)
		return nil, &a
	}
	if r.URL.Path != "/auth/o2/token" {
		return refuse(http.StatusNotFound, "No such resource: the token endpoint is POST /auth/o2/token")
	}
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "The request method must be POST")
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parse := parseForm
	switch {
	case err == nil && media == exchange.JSONType:
		parse = parseJSON
	case err != nil || media != "application/x-www-form-urlencoded":
		return refuse(http.StatusBadRequest, "The Content-Type must be application/x-www-form-urlencoded or application/json")
	}
	body, err := exchange.ReadBody(w, r, 16<<10)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	form, err := parse(body)
	if err != nil {
		return refuse(http.StatusBadRequest, "The request has a malformed body")
	}
	for name, values := range form {
		if len(values) > 1 {
			return refuse(http.StatusBadRequest, "The request has a repeated parameter : "+name)
		}
	}
	return form, nil
}

func parseForm(body []byte) (url.Values, error) { return url.ParseQuery(string(body)) }

// parseJSON reads the members of an object. Amazon documents only the form, but takes an
// object too, which is what several of its own SDKs send.
func parseJSON(body []byte) (url.Values, error) {
	var members map[string]string
	err := json.Unmarshal(body, &members)
	form := make(url.Values, len(members))
	for name, value := range members {
		form.Set(name, value)
	}
	return form, err
}

// token decides a token request.
func (t *Tokens) token(form url.Values) exchange.Answer {
	for _, name := range []string{"grant_type", "client_id", "client_secret"} {
		if form.Get(name) == "" {
			return missingParameter(name)
		}
	}
	application := t.authenticate(form.Get("client_id"), form.Get("client_secret"))
	if application == nil {
		return refusal(http.StatusUnauthorized, "invalid_client", "Client authentication failed")
	}
	switch form.Get("grant_type") {
	case "refresh_token":
		return t.refreshToken(application, form)
	case "client_credentials":
		return t.clientCredentials(application, form)
	}
	return refusal(http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server")
}

// authenticate finds the application of a client id and secret.
func (t *Tokens) authenticate(clientID, secret string) *world.Application {
	for i := range t.applications {
		a := &t.applications[i]
		if a.ClientID == clientID && slices.ContainsFunc(a.ClientSecrets, func(known string) bool {
			return subtle.ConstantTimeCompare([]byte(known), []byte(secret)) == 1
		}) {
			return a
		}
	}
	return nil
}

func (t *Tokens) refreshToken(application *world.Application, form url.Values) exchange.Answer {
	given := form.Get("refresh_token")
	if given == "" {
		return missingParameter("refresh_token")
	}
	if form.Has("scope") {
		return refusal(http.StatusBadRequest, "invalid_scope", "The request has an invalid grant parameter : scope")
	}
	owner := t.refresh[given]
	if owner == nil {
		return refusal(http.StatusBadRequest, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
	}
	if owner.Application != application.Name {
		return refusal(http.StatusBadRequest, "unauthorized_client", "Not authorized for requested operation")
	}
	return t.grantToken(Grant{Application: application.Name, Account: owner}, given)
}

func (t *Tokens) clientCredentials(application *world.Application, form url.Values) exchange.Answer {
	scope := form.Get("scope")
	switch {
	case form.Has("refresh_token"):
		return refusal(http.StatusBadRequest, "invalid_request", "The request has an unexpected parameter : refresh_token")
	case scope == "":
		return missingParameter("scope")
	case !grantlessScope(scope):
		return refusal(http.StatusBadRequest, "invalid_scope", "The request has an invalid parameter : scope")
	}
	return t.grantToken(Grant{Application: application.Name, Scope: scope}, "")
}

func (t *Tokens) grantToken(g Grant, refreshToken string) exchange.Answer {
	now := t.service.Clock.Now()
	g.Expires = now.Add(TokenLifetime)
	token := "Atza|" + t.service.IDs.New() + t.service.IDs.New()
	t.Issue(token, g, now)
	result := exchange.JSON(http.StatusOK, struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token,omitempty"`
		Scope        string `json:"scope,omitempty"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int    `json:"expires_in"`
	}{token, refreshToken, g.Scope, "bearer", int(TokenLifetime.Seconds())})
	result.Header = map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache"}
	return result
}

func missingParameter(name string) exchange.Answer {
	return refusal(http.StatusBadRequest, "invalid_request", "The request is missing a required parameter : "+name)
}

// refusal has LWA's flat shape, unlike the SP-API's list of errors.
func refusal(status int, code, description string) exchange.Answer {
	result := exchange.JSON(status, struct {
		Description string `json:"error_description"`
		Error       string `json:"error"`
	}{description, code})
	result.Code = code
	return result
}

// fail is a status without a reason.
func fail(status int) exchange.Answer {
	return refusal(status, "temporarily_unavailable", "The service is temporarily unavailable.")
}
