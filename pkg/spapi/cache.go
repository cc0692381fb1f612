package spapi

import (
	"context"
	"maps"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
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
)

type token struct {
	secret  secrets.Secret
	issued  time.Time
	renewAt time.Time
	expires time.Time
}

// newToken makes a token that was asked for at a time and lives for life from then.
func newToken(text string, asked time.Time, life time.Duration) token {
	return token{
		secret:  secrets.New(text),
		issued:  asked,
		renewAt: asked.Add(life - min(refreshMargin, life/10)),
		expires: asked.Add(life),
	}
}

// Secret is the token's text.
func (t token) Secret() secrets.Secret { return t.secret }

// tokenKey is (client, grant, scope): owner is the account for a refresh
// token, scope is set for a grantless one and for restricted data.
type tokenKey struct {
	client, owner, scope string
	region               model.Region // of the account
	revision             uint64       // of the account
}

// String is for singleflight, which wants text; no part may hold a NUL.
func (k tokenKey) String() string {
	return k.client + "\x00" + k.owner + "\x00" + string(k.region) + "\x00" + k.scope + "\x00" + strconv.FormatUint(k.revision, 10)
}

// tokenCache keeps tokens until shortly before they expire. However many
// callers want the same one, one request is under way for it. It may be used
// from any goroutine.
type tokenCache struct {
	clock   clock.Clock
	timeout time.Duration // for one request
	flights singleflight.Group

	mu     sync.Mutex
	tokens map[tokenKey]token
}

func newTokenCache(cfg Config) *tokenCache {
	return &tokenCache{clock: cfg.Clock, timeout: cfg.Timeout, tokens: make(map[tokenKey]token)}
}

// get is the cached token, or a new one when it is about to expire.
func (c *tokenCache) get(ctx context.Context, key tokenKey, fetch func(context.Context) (token, error)) (token, error) {
	now := c.clock.Now()
	c.mu.Lock()
	cached := c.tokens[key]
	c.mu.Unlock()
	if now.Before(cached.renewAt) {
		return cached, nil
	}
	flight := c.flights.DoChan(key.String(), func() (any, error) {
		// The flight serves many callers: it must not end with the first one's context.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
		defer cancel()
		return c.renew(ctx, key, fetch)
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
func (c *tokenCache) renew(ctx context.Context, key tokenKey, fetch func(context.Context) (token, error)) (token, error) {
	now := c.clock.Now()
	c.mu.Lock()
	cached := c.tokens[key]
	c.mu.Unlock()
	if now.Before(cached.renewAt) {
		return cached, nil // the flight before this one has just brought it
	}
	fresh, err := fetch(ctx)
	if err != nil {
		if now = c.clock.Now(); !now.Before(cached.expires) {
			return token{}, err
		}
		cached.renewAt = earlier(now.Add(renewPause), cached.expires)
		fresh = cached // good for a while yet, and the next try is soon
	}
	c.mu.Lock()
	c.tokens[key] = fresh
	c.mu.Unlock()
	return fresh, nil
}

// issued is when the token that is kept was given.
func (c *tokenCache) issued(key tokenKey) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens[key].issued
}

// remove forgets a token.
func (c *tokenCache) remove(key tokenKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, key)
}

// forget drops all tokens of an account's revision, whatever their scope.
func (c *tokenCache) forget(of tokenKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.tokens, func(key tokenKey, _ token) bool {
		return key.client == of.client && key.owner == of.owner && key.region == of.region && key.revision == of.revision
	})
}

// refused drops a token that Amazon did not accept, unless it is fresh: then a
// new one would be refused too. It reports whether a new try has a new chance.
func (c *tokenCache) refused(key tokenKey, t token) bool {
	if c.clock.Now().Sub(t.issued) < freshFor {
		return false
	}
	c.drop(key, t)
	return true
}

// drop forgets a token, unless another has taken its place.
func (c *tokenCache) drop(key tokenKey, t token) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens[key].secret.Reveal() == t.secret.Reveal() {
		delete(c.tokens, key)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
