package spapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// tokenOperation is the name of the token request in errors.
const tokenOperation = "LWA token"

const (
	maxTokenAnswer = 64 << 10
	maxExpiry      = 24 * time.Hour
	// secondTryAfter is how long a failed token request waits before its one
	// repetition, at least; at most twice as long.
	secondTryAfter = 250 * time.Millisecond
	// tokenRequests is how many requests are under way at once: after an outage, or a
	// start, all accounts want a token.
	tokenRequests = 64
	// longestTurn is how long, in real time, a request waits for its turn. It is short,
	// since the call that wants the token waits too, and must not look slow for that.
	longestTurn = 5 * time.Second
)

// LWA's codes that another credential may help against.
const (
	invalidClient      = "invalid_client"
	unauthorizedClient = "unauthorized_client"
	invalidGrant       = "invalid_grant"
)

// sellerToken asks with the seller's refresh token; a refused one is read
// again, since it may have been replaced where it is kept.
func (l *LWA) sellerToken(ctx context.Context, grant sellerGrant) (token, error) {
	refresh, err := grant.refreshToken.Secret(ctx)
	if err != nil {
		return token{}, missingSecret(grant.account, "refresh token", model.RefreshTokenUnreadable, err)
	}
	ask := func(refresh secrets.Secret) (token, error) {
		return l.applicationToken(ctx, grant.account, grant.application, url.Values{
			"grant_type":    {"refresh_token"},
			"refresh_token": {refresh.Reveal()},
		})
	}
	got, err := ask(refresh)
	if refusedAs(invalidGrant, err) {
		if renewed, ok := secrets.Renew(ctx, grant.refreshToken, refresh); ok {
			return ask(renewed)
		}
	}
	return got, err
}

// applicationToken asks with each of the application's client secrets until
// LWA knows one, beginning with the one that it knew last. It returns the first
// of two errors.
func (l *LWA) applicationToken(ctx context.Context, account string, app Application, form url.Values) (token, error) {
	l.mu.Lock()
	onNext := l.onNext[app.ClientID] && app.NextClientSecret != nil
	l.mu.Unlock()
	got, first := l.clientToken(ctx, account, app, onNext, form)
	if app.NextClientSecret == nil || !unusableSecret(first) {
		return got, first
	}
	got, err := l.clientToken(ctx, account, app, !onNext, form)
	if err != nil {
		if unusableSecret(err) {
			return token{}, first
		}
		return token{}, err
	}
	l.mu.Lock()
	l.onNext[app.ClientID] = !onNext
	l.mu.Unlock()
	return got, nil
}

// clientToken asks with one client secret; a refused one is read again, as a
// refused refresh token is.
func (l *LWA) clientToken(ctx context.Context, account string, app Application, next bool, form url.Values) (token, error) {
	source, what := app.ClientSecret, "client secret of application "+app.Name
	if next {
		source, what = app.NextClientSecret, "next "+what
	}
	secret, err := source.Secret(ctx)
	if err != nil {
		return token{}, missingSecret(account, what, model.ClientSecretUnreadable, err)
	}
	got, err := l.request(ctx, account, app, secret, form)
	if refusedAs(invalidClient, err) {
		if renewed, ok := secrets.Renew(ctx, source, secret); ok {
			return l.request(ctx, account, app, renewed, form)
		}
	}
	return got, err
}

// request makes a token request in its turn, unless Login with Amazon is known not to answer.
func (l *LWA) request(ctx context.Context, account string, app Application, secret secrets.Secret, form url.Values) (token, error) {
	turn, cancel := context.WithTimeoutCause(ctx, longestTurn, errManyRequests)
	defer cancel()
	select {
	case l.turns <- struct{}{}:
		defer func() { <-l.turns }()
	case <-turn.Done():
		return token{}, notAsked(account, longestTurn+rand.N(longestTurn), context.Cause(turn))
	}
	if l.gate == nil {
		return l.twice(ctx, account, app, secret, form)
	}
	done, wait, held := l.gate(account)
	if held != nil {
		return token{}, notAsked(account, wait, held)
	}
	got, err := l.twice(ctx, account, app, secret, form)
	done(err)
	return got, err
}

var errManyRequests = fmt.Errorf("%d requests of other accounts are under way", tokenRequests)

// notAsked is a token request that was not made.
func notAsked(account string, wait time.Duration, err error) error {
	return &model.Error{
		Class: model.Unavailable, Operation: tokenOperation, Account: account, TokenMissing: true, NotSent: true,
		RetryAfter: wait, Message: "Login with Amazon was not asked", Err: err,
	}
}

// twice repeats a request once if LWA fails or is slow: most such failures are
// over at the next try, and a token is worth more than the wait.
func (l *LWA) twice(ctx context.Context, account string, app Application, secret secrets.Secret, form url.Values) (token, error) {
	got, err := l.post(ctx, account, app, secret, form)
	var refusal *model.Error
	if !errors.As(err, &refusal) || refusal.Class != model.Unavailable || refusal.RetryAfter > 0 {
		return got, err
	}
	if clock.Sleep(ctx, l.clock, secondTryAfter+rand.N(secondTryAfter)) != nil {
		return got, err
	}
	return l.post(ctx, account, app, secret, form)
}

// post makes one token request, in at most half of the time for both.
func (l *LWA) post(ctx context.Context, account string, app Application, secret secrets.Secret, grant url.Values) (token, error) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout/2)
	defer cancel()
	form := maps.Clone(grant)
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
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK { // the status says enough about a body that was not read
		return token{}, classifyLWA(account, app.Name, resp, body)
	}
	if err != nil {
		return token{}, lwaUnavailable(account, err)
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
		return token{}, &model.Error{
			Class: model.Unavailable, Operation: tokenOperation, Account: account, TokenMissing: true,
			Message: "the answer holds no access token: is the LWA endpoint right?",
		}
	}
	life := min(time.Duration(min(answer.ExpiresIn, int64(maxExpiry/time.Second)))*time.Second, maxExpiry)
	return newToken(answer.AccessToken, asked, life), nil
}

// refusedAs reports whether LWA refused a request with code.
func refusedAs(code string, err error) bool {
	var refusal *model.Error
	return errors.As(err, &refusal) && refusal.Code == code
}

// unusableSecret reports whether err is about the client secret, so that another
// one may do.
func unusableSecret(err error) bool {
	var missing *missingError
	return refusedAs(invalidClient, err) || errors.As(err, &missing)
}

// missingError is a secret that could not be read.
type missingError struct{ error }

func (m *missingError) Unwrap() error { return m.error }

// missingSecret is the error of a call whose secret cannot be read. It is Unavailable
// where the place of the secret may come back, and Unauthorized where somebody must
// mend it.
func missingSecret(account, what, code string, err error) error {
	missing := &model.Error{
		Class: model.Unauthorized, Operation: tokenOperation, Account: account, TokenMissing: true,
		Code: code, Message: what + " cannot be read", Err: &missingError{err}, Remedy: "make it readable to this process",
	}
	if errors.Is(err, secrets.ErrUnavailable) {
		missing.Class, missing.Remedy = model.Unavailable, ""
	}
	return missing
}
