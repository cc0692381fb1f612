package spapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sellerstream/sellerstream/pkg/clock"
	"github.com/sellerstream/sellerstream/pkg/secrets"
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
)

// Application is an SP-API application as Login with Amazon knows it.
type Application struct {
	Name         string // our name of it, for errors
	ClientID     string
	ClientSecret secrets.Source
	// NextClientSecret may be nil. While a secret is being rotated both are
	// tried: the one that worked last, then the other if LWA does not know it.
	NextClientSecret secrets.Source
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
	onNext map[string]bool // client ids whose next secret worked last
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
		onNext:   make(map[string]bool),
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
		return l.sellerToken(ctx, grant)
	})
	return SellerToken{t}, err
}

// GrantlessToken is a token that acts for the application alone. Its error is
// a *model.Error, or ctx's.
func (l *LWA) GrantlessToken(ctx context.Context, app Application, scope Scope) (GrantlessToken, error) {
	key := tokenKey{client: app.ClientID, scope: string(scope)}
	t, err := l.get(ctx, key, func(ctx context.Context) (token, error) {
		return l.applicationToken(ctx, "", app, url.Values{
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
		cached.renewAt = earlier(now.Add(renewPause), cached.expires)
		fresh = cached // good for a while yet, and the next try is soon
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

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
