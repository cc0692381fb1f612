package spapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sellerstream/sellerstream/pkg/clock"
	"github.com/sellerstream/sellerstream/pkg/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	// refreshMargin is how long before its end a token is renewed; a token that
	// lives less than ten times as long gets a tenth of its life.
	refreshMargin = 5 * time.Minute
	// renewPause keeps calls from waiting for a failing LWA, one after the
	// other, while the old token is still good.
	renewPause = 10 * time.Second
	// freshFor is how young a token must be for its refusal to mean that the
	// authorization is at fault, and not the token.
	freshFor = time.Minute

	maxTokenAnswer = 64 << 10
	maxExpiry      = 24 * time.Hour
)

// tokenOperation is the name of the token request in errors.
const tokenOperation = "LWA token"

// Application is an SP-API application as Login with Amazon knows it.
type Application struct {
	Name         string // our name of it, for errors
	ClientID     string
	ClientSecret secrets.Source
}

// Scope is what a grantless token is good for.
type Scope string

// ScopeNotifications is the scope of the grantless operations of the
// Notifications API.
const ScopeNotifications Scope = "sellingpartnerapi::notifications"

// SellerToken is an access token that acts for a seller.
type SellerToken struct{ token }

// GrantlessToken is an access token that acts for the application alone.
// Amazon answers a call that has the wrong one of the two with a 403 that does
// not say so, therefore they are two types.
type GrantlessToken struct{ token }

type token struct {
	secret  secrets.Secret
	issued  time.Time
	renewAt time.Time
	expires time.Time
}

// Secret is the token's text.
func (t token) Secret() secrets.Secret { return t.secret }

// LWA gets access tokens from Login with Amazon and keeps them until shortly
// before they expire. However many callers want the same token, one request
// is under way for it. It may be used from any goroutine.
type LWA struct {
	http     *http.Client
	endpoint string
	timeout  time.Duration
	clock    clock.Clock
	flights  singleflight.Group

	mu     sync.Mutex
	tokens map[tokenKey]token
}

// tokenKey is (client, grant, scope): owner is the account for a refresh
// token, scope is set for a grantless one.
type tokenKey struct{ client, owner, scope string }

// String is for singleflight, which wants text; no part may hold a NUL.
func (k tokenKey) String() string { return k.client + "\x00" + k.owner + "\x00" + k.scope }

func newLWA(cfg Config, client *http.Client) (*LWA, error) {
	if cfg.LWAEndpoint == "" {
		cfg.LWAEndpoint = "https://api.amazon.com"
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Real{}
	}
	at, err := baseURL(cfg.LWAEndpoint)
	if err != nil {
		return nil, fmt.Errorf("LWA endpoint: %w", err)
	}
	return &LWA{
		http:     client,
		endpoint: at.JoinPath("auth/o2/token").String(),
		timeout:  cfg.Timeout,
		clock:    cfg.Clock,
		tokens:   make(map[tokenKey]token),
	}, nil
}

// sellerGrant is a seller's authorization of an application.
type sellerGrant struct {
	account      string
	application  Application
	refreshToken secrets.Source
}

func (g sellerGrant) key() tokenKey {
	return tokenKey{client: g.application.ClientID, owner: g.account}
}

// SellerToken is a token that acts for the seller of cfg. Its error is a
// *model.Error, or ctx's.
func (l *LWA) SellerToken(ctx context.Context, cfg SellerConfig) (SellerToken, error) {
	return l.seller(ctx, sellerGrant{account: cfg.Account, application: cfg.Application, refreshToken: cfg.RefreshToken})
}

func (l *LWA) seller(ctx context.Context, grant sellerGrant) (SellerToken, error) {
	t, err := l.get(ctx, grant.key(), func(ctx context.Context) (token, error) {
		refresh, err := grant.refreshToken.Secret(ctx)
		if err != nil {
			return token{}, missingSecret(grant.account, "refresh token", err)
		}
		return l.request(ctx, grant.account, grant.application, url.Values{
			"grant_type":    {"refresh_token"},
			"refresh_token": {refresh.Reveal()},
		})
	})
	return SellerToken{t}, err
}

// GrantlessToken is a token that acts for the application alone. Its error is
// a *model.Error, or ctx's.
func (l *LWA) GrantlessToken(ctx context.Context, app Application, scope Scope) (GrantlessToken, error) {
	key := tokenKey{client: app.ClientID, scope: string(scope)}
	t, err := l.get(ctx, key, func(ctx context.Context) (token, error) {
		return l.request(ctx, "", app, url.Values{
			"grant_type": {"client_credentials"},
			"scope":      {string(scope)},
		})
	})
	return GrantlessToken{t}, err
}

// get is the cached token, or a new one when it is about to expire.
func (l *LWA) get(ctx context.Context, key tokenKey, fetch func(context.Context) (token, error)) (token, error) {
	now := l.clock.Now()
	l.mu.Lock()
	cached := l.tokens[key]
	l.mu.Unlock()
	if now.Before(cached.renewAt) {
		return cached, nil
	}
	flight := l.flights.DoChan(key.String(), func() (any, error) {
		// The flight serves many callers: it must not end with the first one's context.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.timeout)
		defer cancel()
		return l.renew(ctx, key, fetch)
	})
	select {
	case done := <-flight:
		if done.Err != nil {
			return token{}, done.Err
		}
		return done.Val.(token), nil
	case <-ctx.Done():
		return token{}, context.Cause(ctx)
	}
}

// renew runs in one flight per key.
func (l *LWA) renew(ctx context.Context, key tokenKey, fetch func(context.Context) (token, error)) (token, error) {
	now := l.clock.Now()
	l.mu.Lock()
	cached := l.tokens[key]
	l.mu.Unlock()
	if now.Before(cached.renewAt) {
		return cached, nil // the flight before this one has just brought it
	}
	fresh, err := fetch(ctx)
	if err != nil {
		if now = l.clock.Now(); !now.Before(cached.expires) {
			return token{}, err
		}
		cached.renewAt = now.Add(renewPause)
		fresh = cached // good for minutes yet, and the next try is soon
	}
	l.mu.Lock()
	l.tokens[key] = fresh
	l.mu.Unlock()
	return fresh, nil
}

// refused drops a token that Amazon did not accept, unless it is fresh: then a
// new one would be refused too. It says whether a new try has a new chance.
func (l *LWA) refused(key tokenKey, t token) bool {
	if l.clock.Now().Sub(t.issued) < freshFor {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tokens[key].secret.Reveal() == t.secret.Reveal() {
		delete(l.tokens, key)
	}
	return true
}

func (l *LWA) request(ctx context.Context, account string, app Application, form url.Values) (token, error) {
	secret, err := app.ClientSecret.Secret(ctx)
	if err != nil {
		return token{}, missingSecret(account, "client secret of application "+app.Name, err)
	}
	form.Set("client_id", app.ClientID)
	form.Set("client_secret", secret.Reveal())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return token{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	asked := l.clock.Now() // before the request, so that its duration does not lengthen the token's life
	resp, err := l.http.Do(req)
	if err != nil {
		return token{}, lwaUnavailable(account, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxTokenAnswer))
	if err != nil {
		return token{}, lwaUnavailable(account, err)
	}
	if resp.StatusCode != http.StatusOK {
		return token{}, classifyLWA(account, app.Name, resp, body)
	}
	return readToken(account, asked, body)
}

func readToken(account string, asked time.Time, body []byte) (token, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // seconds
	}
	// The decoder's own errors may quote the body, and with it the token.
	if json.Unmarshal(body, &answer) != nil || answer.AccessToken == "" || answer.ExpiresIn <= 0 {
		return token{}, lwaUnavailable(account, errors.New("the answer holds no access token: is the LWA endpoint right?"))
	}
	life := min(time.Duration(min(answer.ExpiresIn, int64(maxExpiry/time.Second)))*time.Second, maxExpiry)
	return token{
		secret:  secrets.New(answer.AccessToken),
		issued:  asked,
		renewAt: asked.Add(life - min(refreshMargin, life/10)),
		expires: asked.Add(life),
	}, nil
}

func missingSecret(account, what string, err error) error {
	return &model.Error{
		Class: model.Unauthorized, Operation: tokenOperation, Account: account, TokenMissing: true,
		Message: what + " cannot be read", Err: err, Remedy: "make it readable to this process",
	}
}

func lwaUnavailable(account string, err error) error {
	return &model.Error{
		Class: model.Unavailable, Operation: tokenOperation, Account: account, TokenMissing: true, Err: err,
	}
}
