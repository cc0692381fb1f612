package kafka

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// issuer is a token endpoint whose answers count up.
func issuer(t *testing.T, lifetime *atomic.Int64) *tokenEndpoint {
	t.Helper()
	issued := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, secret, _ := r.BasicAuth(); secret != "hidden" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "kafka" || lifetime.Load() == 0 {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error": "invalid_client", "error_description": "you said %s"}`, secret)
			return
		}
		issued++
		fmt.Fprintf(w, `{"access_token": "t%d", "token_type": "Bearer", "expires_in": %d}`, issued, lifetime.Load())
	}))
	t.Cleanup(server.Close)
	return &tokenEndpoint{cfg: config.SASL{
		Mechanism: config.OAuthBearer, TokenURL: server.URL, ClientID: "sellerstream", ClientSecret: config.Secret{Value: secrets.New("hidden")}, Scopes: []string{"kafka"},
	}}
}

func TestTokensAreKeptWhileTheyHold(t *testing.T) {
	t.Parallel()
	var lifetime atomic.Int64
	lifetime.Store(3600)
	e := issuer(t, &lifetime)
	var logins sync.WaitGroup
	for range 20 { // connections that begin at once need one token
		logins.Go(func() {
			if got, err := e.auth(t.Context()); err != nil || got.Token != "t1" {
				t.Errorf("got %q, %v", got.Token, err)
			}
		})
	}
	logins.Wait()
	next := func(what, want string) {
		t.Helper()
		if got, err := e.auth(t.Context()); err != nil || got.Token != want {
			t.Errorf("%s: got %q, %v, want %q", what, got.Token, err, want)
		}
	}
	e.asked = time.Now().Add(-time.Minute)
	next("after a login that did not succeed", "t2")
	e.accepted()
	e.asked = time.Now().Add(-time.Minute)
	next("after one that did", "t2")
	e.token.Expiry = time.Now().Add(30 * time.Second)
	next("near its end", "t3")
	e.token.Expiry = time.Now().Add(30 * time.Second)
	lifetime.Store(0)
	next("near its end, without another", "t3")
	e.token.Expiry = time.Now().Add(-time.Second)
	_, err := e.auth(t.Context())
	var fault *credentialError
	if !errors.As(err, &fault) || !strings.Contains(err.Error(), `401 Unauthorized "invalid_client"`) || strings.Contains(err.Error(), "hidden") {
		t.Errorf("got %v, want the endpoint's refusal without the secret", err)
	}
}

// A token endpoint that repeats the secret, in its code, its words, its status or what
// is no answer at all, has it in no error; and what has no end is not read to its end.
func TestATokenEndpointsWordsAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, says := range []string{
		"400 Bad Request\r\nContent-Type: application/json\r\n\r\n{\"error\": \"hidden\", \"error_description\": \"hidden\"}",
		"418 hidden\r\n\r\n{}", "hidden", "200 OK\r\nContent-Type: application/json\r\n\r\n{\"hidden\": 1}",
		"200 OK\r\nContent-Type: application/json\r\n\r\nhidden", "200 OK\r\nContent-Type: hidden\r\n\r\n{}",
		"302 Found\r\nLocation: https://hidden.example/?hidden\r\n\r\n",
		"200 OK\r\nContent-Type: application/json\r\n\r\n{\"access_token\": \"" + strings.Repeat("hidden", 1<<20),
		"200 OK\r\nX: " + strings.Repeat("hidden", 1<<20) + "\r\n\r\n",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s", says)
			_ = conn.Close()
		}))
		e := &tokenEndpoint{cfg: config.SASL{TokenURL: server.URL, ClientID: "c", ClientSecret: config.Secret{Value: secrets.New("hidden")}}}
		_, err := e.auth(t.Context())
		if err == nil || strings.Contains(err.Error(), "hidden") || len(err.Error()) > 1000 {
			t.Errorf("%.60q: %v", says, err)
		}
		server.Close()
	}
}

// TestASecretIsNotRedirected sends it nowhere but to the token endpoint.
func TestASecretIsNotRedirected(t *testing.T) {
	t.Parallel()
	asked := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	e := &tokenEndpoint{cfg: config.SASL{TokenURL: server.URL, ClientID: "c", ClientSecret: config.Secret{Value: secrets.New("hidden")}}}
	if _, err := e.auth(t.Context()); err == nil || asked {
		t.Errorf("got %v; the other server was asked: %v", err, asked)
	}
}
