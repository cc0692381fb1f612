package spapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
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

// SellerToken is an access token that acts for a seller.
type SellerToken struct{ token }

// GrantlessToken is an access token that acts for the application alone.
// Amazon answers a call that has the wrong one of the two with a 403 that does
// not say so, therefore they are two types.
type GrantlessToken struct{ token }

// LWA gets access tokens from Login with Amazon and keeps them until shortly
// before they expire. However many callers want the same token, one request
// is under way for it. It may be used from any goroutine.
type LWA struct {
	http     *http.Client
	endpoint string
	timeout  time.Duration
	clock    clock.Clock
	tokens   *tokenCache
	gate     func(account string) (done func(error), wait time.Duration, err error) // Config.Login
	turns    chan struct{}                                                          // a place for each request under way

	mu     sync.Mutex
	onNext map[string]bool // client ids whose next secret worked last
}

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
		tokens:   newTokenCache(cfg),
		gate:     cfg.Login,
		turns:    make(chan struct{}, tokenRequests),
		onNext:   make(map[string]bool),
	}, nil
}

// sellerGrant is a seller's authorization of an application.
type sellerGrant struct {
	account      string
	region       model.Region
	application  Application
	refreshToken secrets.Source
	revision     uint64
}

func (c SellerConfig) grant() sellerGrant {
	return sellerGrant{account: c.Account, region: c.Region, application: c.Application, refreshToken: c.RefreshToken, revision: c.Revision}
}

func (g sellerGrant) key() tokenKey {
	return tokenKey{client: g.application.ClientID, owner: g.account, region: g.region, revision: g.revision}
}

// SellerToken is a token that acts for the seller of cfg. Its error is a
// *model.Error, or ctx's.
func (l *LWA) SellerToken(ctx context.Context, cfg SellerConfig) (SellerToken, error) {
	return l.seller(ctx, cfg.grant())
}

func (l *LWA) seller(ctx context.Context, grant sellerGrant) (SellerToken, error) {
	t, err := l.tokens.get(ctx, grant.key(), func(ctx context.Context) (token, error) {
		return l.sellerToken(ctx, grant)
	})
	return SellerToken{t}, err
}

// GrantlessToken is a token that acts for the application alone. Its error is
// a *model.Error, or ctx's.
func (l *LWA) GrantlessToken(ctx context.Context, app Application, scope model.Scope) (GrantlessToken, error) {
	key := tokenKey{client: app.ClientID, scope: string(scope)}
	t, err := l.tokens.get(ctx, key, func(ctx context.Context) (token, error) {
		return l.applicationToken(ctx, "", app, url.Values{
			"grant_type": {"client_credentials"},
			"scope":      {string(scope)},
		})
	})
	return GrantlessToken{t}, err
}
