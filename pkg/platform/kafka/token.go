package kafka

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

const (
	tokenTimeout = 10 * time.Second
	// maxTokenAnswer bounds what the token endpoint answers.
	maxTokenAnswer = 64 << 10
	// tokenSpare is what a token must still be good for: the brokers close a
	// connection when its token ends.
	tokenSpare = time.Minute
	// askAgainAfter is the least time between two tokens while logins do not
	// succeed, or have not yet: many connections begin at once.
	askAgainAfter = 10 * time.Second
)

// tokenEndpoint gets tokens by OAuth 2.0's client credentials (RFC 6749, 4.4)
// and keeps the last one while it holds and brokers take it.
type tokenEndpoint struct {
	cfg     config.SASL
	secrets *secrets.Store

	mu    sync.Mutex // held while a token is asked for: one is enough for all connections
	token *oauth2.Token
	asked time.Time // when the token came
	tried bool      // the token is in a login that has not succeeded
}

func (e *tokenEndpoint) auth(ctx context.Context) (oauth.Auth, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.due(time.Now()) {
		fresh, err := e.ask(ctx)
		switch {
		case err == nil:
			e.token, e.asked = fresh, time.Now()
		case !e.token.Valid():
			return oauth.Auth{}, err
		}
	}
	e.tried = true
	return oauth.Auth{Token: e.token.AccessToken}, nil
}

// due reports whether another token is wanted.
func (e *tokenEndpoint) due(now time.Time) bool {
	switch {
	case !e.token.Valid():
		return true
	case e.tried && now.Sub(e.asked) >= askAgainAfter: // it may have been refused
		return true
	}
	return !e.token.Expiry.IsZero() && e.token.Expiry.Sub(now) < tokenSpare
}

func (e *tokenEndpoint) accepted() {
	e.mu.Lock()
	e.tried = false
	e.mu.Unlock()
}

func (e *tokenEndpoint) ask(ctx context.Context) (*oauth2.Token, error) {
	secret, err := e.cfg.ClientSecret.Source(e.secrets).Secret(ctx)
	if err != nil {
		return nil, &credentialError{"kafka.sasl.client_secret", err}
	}
	client := boundedhttp.NewClient(boundedhttp.Connections(), maxTokenAnswer, tokenTimeout)
	defer client.CloseIdleConnections()
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
	asked := clientcredentials.Config{
		ClientID: e.cfg.ClientID, ClientSecret: secret.Reveal(), TokenURL: e.cfg.TokenURL, Scopes: e.cfg.Scopes,
	}
	token, err := asked.Token(ctx)
	if err != nil {
		return nil, &credentialError{"kafka.sasl.token_url", wording(err)}
	}
	return token, nil
}

// wording leaves out what the endpoint answers besides its status and a known error
// code: it may repeat what it was asked with, in any form.
func wording(err error) error {
	var refusal *oauth2.RetrieveError
	if !errors.As(err, &refusal) {
		return boundedhttp.WithoutAnswer(err)
	}
	code := "unknown code"
	if refusal.ErrorCode == "" || slices.Contains(tokenCodes(), refusal.ErrorCode) {
		code = refusal.ErrorCode
	}
	return fmt.Errorf("the token endpoint answers %d %s %q", refusal.Response.StatusCode, http.StatusText(refusal.Response.StatusCode), code)
}

// tokenCodes are the error codes of RFC 6749, 4.1.2.1 and 5.2.
func tokenCodes() []string {
	return []string{
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"access_denied", "server_error", "temporarily_unavailable",
	}
}
