package spapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sellerstream/sellerstream/pkg/platform/boundedhttp"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi/internal/answers"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Config describes where Amazon is and who calls. The zero Config calls Amazon's
// production hosts.
type Config struct {
	// UserAgent names the calling application, such as "Acme/1.0"; it comes
	// after Sellerstream's own. At most 300 characters.
	UserAgent string
	// Endpoints replaces the base URL of a region.
	Endpoints map[model.Region]string
	// LWAEndpoint replaces https://api.amazon.com.
	LWAEndpoint string
	// Login, if not nil, is asked before each request for an access token: one that is
	// due while Login with Amazon does not answer need not be made. It returns done, which
	// takes the request's end, or why there is none and how long that holds.
	Login func(account string) (done func(error), wait time.Duration, err error)
	// Timeout is for one request, in real time. Default 30 s.
	Timeout time.Duration
	// Clock is for the tokens' lifetime and the date of signatures. Default the
	// real one.
	Clock clock.Clock
	// Base makes the connections. Default NewTransport().
	Base http.RoundTripper
	// Once makes those of createFeed and cancelFeed, which must be sent neither
	// twice nor late. Default NewOnceTransport(nil), whatever Base is: wrap it as
	// Base is wrapped.
	Once http.RoundTripper
	// Documents makes the connections to the hosts of feed documents. Default Base.
	Documents http.RoundTripper
	// DocumentHosts are where feed documents may be: a host, *.name for all hosts
	// below a name, with http:// before it for one without TLS. A port other than
	// the usual one is written behind it. Default Amazon S3. Where an SP-API
	// endpoint is without TLS, which is a simulation, its own host is allowed too.
	DocumentHosts []string
	// Odd, if not nil, hears of each field of an answer that was not taken over as
	// it was. operation and path come from the models, so that both can be labels
	// of a metric; kind is converted, left_out or cut. It may be called from any
	// goroutine.
	Odd func(operation, path, kind string)
}

// Client is shared by all sellers. It may be used from any goroutine.
type Client struct {
	http      *http.Client
	once      *http.Client
	timeout   time.Duration // for one request
	agent     string
	clock     clock.Clock
	endpoints map[model.Region]*url.URL
	lwa       *LWA
	// restricted holds restricted data tokens, apart from LWA's.
	restricted *tokenCache

	documents     *http.Client
	documentHosts documentHosts
	reports       *boundedhttp.Budget // of bytes inflated: one large report is read at a time
	catalogues    *boundedhttp.Budget // likewise of reports of listings, which no feed must wait for

	decoder answers.Decoder
	odd     func(operation, path, kind string)
}

// New checks cfg and makes a client. It makes no request.
func New(cfg Config) (*Client, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Base == nil {
		cfg.Base = NewTransport()
	}
	if cfg.Once == nil {
		cfg.Once = NewOnceTransport(nil)
	}
	if cfg.Documents == nil {
		cfg.Documents = cfg.Base
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.Real{}
	}
	if cfg.Odd == nil {
		cfg.Odd = func(string, string, string) {}
	}
	agent, err := agentName(cfg.UserAgent)
	hosts := documentHosts(cfg.DocumentHosts)
	faults := []error{err, hosts.check()}
	answers := boundedhttp.NewBudget(maxAnswers)
	client := &Client{
		agent: agent, clock: cfg.Clock, reports: boundedhttp.NewBudget(maxReport), catalogues: boundedhttp.NewBudget(maxReport),
		http:      newHTTP(userAgent{next: boundedhttp.NewTransport(cfg.Base, maxAnswer).Within(answers), name: agent}, cfg.Timeout),
		once:      newHTTP(userAgent{next: boundedhttp.NewTransport(cfg.Once, maxAnswer).Within(answers), name: agent}, 0), // send sets it
		timeout:   cfg.Timeout,
		documents: newHTTP(userAgent{next: cfg.Documents, name: agent}, documentTimeout), documentHosts: hosts,
		endpoints: make(map[model.Region]*url.URL), odd: fewPaths(cfg.Odd),
	}
	for _, region := range []model.Region{model.NorthAmerica, model.Europe, model.FarEast} {
		base := cfg.Endpoints[region]
		if base == "" {
			base = region.Endpoint()
		}
		at, err := baseURL(base)
		if err != nil {
			faults = append(faults, fmt.Errorf("SP-API endpoint of region %s: %w", region, err))
		}
		client.endpoints[region] = at
	}
	client.restricted = newTokenCache(cfg)
	client.lwa, err = newLWA(cfg, newHTTP(userAgent{next: boundedhttp.NewTransport(cfg.Base, maxTokenAnswer), name: agent}, cfg.Timeout))
	faults = append(faults, err)
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return client, nil
}

// newHTTP follows no redirect: it would carry the access token to another host,
// or a document's request past the check of its host.
func newHTTP(transport http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// LWA is where the client's access tokens come from.
func (c *Client) LWA() *LWA { return c.lwa }

// Close ends idle connections. Calls under way may finish.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.once.CloseIdleConnections()
	c.documents.CloseIdleConnections()
}

// SellerConfig is one seller account.
type SellerConfig struct {
	// Account is our name of the account, for errors and as the tokens' key. Sellers of one
	// client that have the same name, region, application and revision share a token: give
	// each seller a name of its own.
	Account      string
	Region       model.Region
	Application  Application
	RefreshToken secrets.Source // the seller's authorization of the application
	// Revision tells a changed account from what it was: access tokens are not
	// shared between revisions. See Seller.Forget for those of the old one.
	Revision uint64
	// Credentials sign the requests, such as those of AssumeRole. Amazon has not
	// required signatures since October 2023; nil leaves them out.
	Credentials aws.CredentialsProvider
}

// Seller makes the calls of one seller account. It costs little to make, holds
// no connection of its own, and may be used from any goroutine.
type Seller struct {
	caller
	application string
}

// Seller makes the caller of one account. It makes no request; credentials are
// tried by the first call.
func (c *Client) Seller(cfg SellerConfig) (*Seller, error) {
	switch {
	case cfg.Account == "":
		return nil, errors.New("spapi: a seller needs an account name")
	case !cfg.Region.Valid():
		return nil, fmt.Errorf("spapi: account %s: region %q is not na, eu or fe", cfg.Account, cfg.Region)
	case cfg.Application.ClientID == "" || cfg.Application.ClientSecret == nil || cfg.RefreshToken == nil:
		return nil, fmt.Errorf("spapi: account %s: needs a client id, a client secret and a refresh token", cfg.Account)
	}
	grant := cfg.grant()
	return &Seller{application: cfg.Application.Name, caller: caller{
		client: c, http: c.signing(c.http, cfg.Credentials, cfg.Region), once: c.signing(c.once, cfg.Credentials, cfg.Region), base: c.endpoints[cfg.Region], account: cfg.Account, key: grant.key(),
		token: func(ctx context.Context, _ model.Scope) (token, error) {
			t, err := c.lwa.seller(ctx, grant)
			return t.token, err
		},
	}}, nil
}

// signing is one of the client's own chains or, with credentials, one that
// signs on the same connections.
func (c *Client) signing(chain *http.Client, credentials aws.CredentialsProvider, region model.Region) *http.Client {
	if credentials == nil {
		return chain
	}
	signing := *chain
	next := chain.Transport.(userAgent).next
	signing.Transport = userAgent{next: newSignature(next, credentials, region.AWSRegion(), c.clock), name: c.agent}
	return &signing
}

// Host is where the seller's calls go.
func (s *Seller) Host() string { return s.base.Host }

// Forget drops the seller's tokens: for an account that has changed or is no
// more. The next call, if there is one, asks for a new one.
func (s *Seller) Forget() {
	s.client.lwa.tokens.remove(s.key)
	s.client.restricted.forget(s.key)
}

// TokenIssued is when Login with Amazon gave the access token that the seller's calls
// have now; zero while they have none.
func (s *Seller) TokenIssued() time.Time { return s.client.lwa.tokens.issued(s.key) }

// Application is our name of the application that the seller has authorized.
func (s *Seller) Application() string { return s.application }

// Account is our name of the account.
func (s *Seller) Account() string { return s.account }

// Grantless makes the calls of an application that act for no seller, in one
// region. Seller and Grantless have no operation in common, so that no call can
// be made with the wrong grant. It may be used from any goroutine.
type Grantless struct{ caller }

// Grantless makes the caller of an application in a region. It makes no
// request; credentials are tried by the first call.
func (c *Client) Grantless(app Application, region model.Region) (*Grantless, error) {
	switch {
	case !region.Valid():
		return nil, fmt.Errorf("spapi: application %s: region %q is not na, eu or fe", app.Name, region)
	case app.ClientID == "" || app.ClientSecret == nil:
		return nil, fmt.Errorf("spapi: application %s: needs a client id and a client secret", app.Name)
	}
	return &Grantless{caller{
		client: c, http: c.http, base: c.endpoints[region], key: tokenKey{client: app.ClientID},
		token: func(ctx context.Context, scope model.Scope) (token, error) {
			t, err := c.lwa.GrantlessToken(ctx, app, scope)
			return t.token, err
		},
	}}, nil
}

// Host is where the application's calls go.
func (g *Grantless) Host() string { return g.base.Host }

const (
	// maxIdle is more calls than run at the peak of a busy process. A lower bound would
	// close a connection after each call beyond it.
	maxIdle = 1024
	// idleTimeout is below the 60 s after which AWS's load balancers close a connection
	// by default: a call that is written while Amazon closes is in doubt.
	idleTimeout = 50 * time.Second
)

// NewTransport is the default connection: no step of it can wait for ever.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: boundedhttp.MaxHeaderBytes,
	}
}

func baseURL(text string) (*url.URL, error) {
	at, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	if (at.Scheme != "https" && at.Scheme != "http") || at.Host == "" || at.RawQuery != "" || at.Fragment != "" || at.User != nil {
		return nil, fmt.Errorf("%q is not a base URL: write one such as https://sellingpartnerapi-eu.amazon.com", text)
	}
	return at, nil
}
