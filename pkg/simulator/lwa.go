package simulator

import (
	"crypto/subtle"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// tokenLifetime is Amazon's expires_in, on the simulator's clock.
const tokenLifetime = time.Hour

// grantlessScope reports whether grantless operations ask for a scope (Amazon's
// developer pages, "Grantless operations").
func grantlessScope(scope string) bool {
	return scope == "sellingpartnerapi::notifications" || scope == "sellingpartnerapi::client_credential:rotation"
}

// grant is what an access token allows.
type grant struct {
	application string
	account     *Account // nil for a grantless token
	scope       string   // "" for a seller's token
	expires     time.Time
	// restricted is what a restricted data token opens; nil for all others.
	restricted []restrictedResource
}

// tokens is the table of access tokens.
type tokens struct {
	mu     sync.Mutex
	grants map[string]grant
	bound  int // how many there may be before old ones are forgotten
}

// issue adds a token. Each time their number has doubled, those that expired
// more than an hour ago are forgotten: they are refused as unknown from then on.
func (t *tokens) issue(token string, g grant, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.grants) >= t.bound {
		maps.DeleteFunc(t.grants, func(_ string, old grant) bool { return now.Sub(old.expires) > tokenLifetime })
		t.bound = max(1000, 2*len(t.grants))
	}
	t.grants[token] = g
}

func (t *tokens) lookup(token string) (grant, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.grants[token]
	return g, ok
}

// RevokeTokens makes every access token given so far unknown.
func (s *Simulator) RevokeTokens() {
	s.tokens.mu.Lock()
	defer s.tokens.mu.Unlock()
	clear(s.tokens.grants)
}

// LWA is Login with Amazon: POST /auth/o2/token.
func (s *Simulator) LWA() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		form, refusal := tokenForm(w, r)
		call := &Call{Part: LWA, Operation: "token", Parameters: map[string]string{
			"grant_type": form.Get("grant_type"),
			"client_id":  form.Get("client_id"),
			"scope":      form.Get("scope"),
		}}
		if owner := s.refresh[form.Get("refresh_token")]; owner != nil {
			call.Account = owner.ID
		}
		s.serve(w, r, call, 0, func(*exchange) answer {
			if refusal != nil {
				return *refusal
			}
			return s.token(form)
		})
	})
}

// tokenForm reads the form of a token request, or says what is wrong with it.
func tokenForm(w http.ResponseWriter, r *http.Request) (url.Values, *answer) {
	refuse := func(status int, code, description string) (url.Values, *answer) {
		a := lwaError(status, code, description)
		return nil, &a
	}
	if r.URL.Path != "/auth/o2/token" {
		return refuse(http.StatusNotFound, "invalid_request", "No such resource: the token endpoint is POST /auth/o2/token")
	}
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "invalid_request", "The request method must be POST")
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return refuse(http.StatusBadRequest, "invalid_request", "The Content-Type must be application/x-www-form-urlencoded")
	}
	body, err := readBody(w, r, 16<<10)
	if err != nil {
		return refuse(http.StatusBadRequest, "invalid_request", err.Error())
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return refuse(http.StatusBadRequest, "invalid_request", "The request has a malformed body")
	}
	for name, values := range form {
		if len(values) > 1 {
			return refuse(http.StatusBadRequest, "invalid_request", "The request has a repeated parameter : "+name)
		}
	}
	return form, nil
}

// token decides a token request.
func (s *Simulator) token(form url.Values) answer {
	for _, name := range []string{"grant_type", "client_id", "client_secret"} {
		if form.Get(name) == "" {
			return missingParameter(name)
		}
	}
	application := s.authenticate(form.Get("client_id"), form.Get("client_secret"))
	if application == nil {
		return lwaError(http.StatusUnauthorized, "invalid_client", "Client authentication failed")
	}
	switch form.Get("grant_type") {
	case "refresh_token":
		return s.refreshToken(application, form)
	case "client_credentials":
		return s.clientCredentials(application, form)
	}
	return lwaError(http.StatusBadRequest, "unsupported_grant_type", "The authorization grant type is not supported by the authorization server")
}

// authenticate finds the application of a client id and secret.
func (s *Simulator) authenticate(clientID, secret string) *Application {
	for i := range s.config.Applications {
		a := &s.config.Applications[i]
		if a.ClientID != clientID {
			continue
		}
		for _, known := range a.ClientSecrets {
			if subtle.ConstantTimeCompare([]byte(known), []byte(secret)) == 1 {
				return a
			}
		}
	}
	return nil
}

func (s *Simulator) refreshToken(application *Application, form url.Values) answer {
	given := form.Get("refresh_token")
	if given == "" {
		return missingParameter("refresh_token")
	}
	if form.Has("scope") {
		return lwaError(http.StatusBadRequest, "invalid_scope", "The request has an invalid grant parameter : scope")
	}
	owner := s.refresh[given]
	if owner == nil {
		return lwaError(http.StatusBadRequest, "invalid_grant", "The request has an invalid grant parameter : refresh_token")
	}
	if owner.Application != application.Name {
		return lwaError(http.StatusBadRequest, "unauthorized_client", "Not authorized for requested operation")
	}
	return s.grantToken(grant{application: application.Name, account: owner}, given)
}

func (s *Simulator) clientCredentials(application *Application, form url.Values) answer {
	scope := form.Get("scope")
	switch {
	case form.Has("refresh_token"):
		return lwaError(http.StatusBadRequest, "invalid_request", "The request has an unexpected parameter : refresh_token")
	case scope == "":
		return missingParameter("scope")
	case !grantlessScope(scope):
		return lwaError(http.StatusBadRequest, "invalid_scope", "The request has an invalid parameter : scope")
	}
	return s.grantToken(grant{application: application.Name, scope: scope}, "")
}

func (s *Simulator) grantToken(g grant, refreshToken string) answer {
	now := s.clock.Now()
	g.expires = now.Add(tokenLifetime)
	token := "Atza|" + s.newID() + s.newID()
	s.tokens.issue(token, g, now)
	return answer{
		status:      http.StatusOK,
		contentType: jsonType,
		header:      map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache"},
		body: mustJSON(struct {
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token,omitempty"`
			Scope        string `json:"scope,omitempty"`
			TokenType    string `json:"token_type"`
			ExpiresIn    int    `json:"expires_in"`
		}{token, refreshToken, g.scope, "bearer", int(tokenLifetime.Seconds())}),
	}
}

func missingParameter(name string) answer {
	return lwaError(http.StatusBadRequest, "invalid_request", "The request is missing a required parameter : "+name)
}

// lwaError has LWA's flat shape, unlike the SP-API's list of errors.
func lwaError(status int, code, description string) answer {
	return answer{status: status, contentType: jsonType, code: code, body: mustJSON(struct {
		Description string `json:"error_description"`
		Error       string `json:"error"`
	}{description, code})}
}
