package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/spapi"
)

// amazon is Amazon's client, and who calls by it. It may be used from any goroutine.
type amazon struct {
	*spapi.Client
	settings Settings
	live     *live

	mu      sync.Mutex
	sellers map[string]madeSeller                  // those that have called, by our name of the account
	sts     *sts.Client                            // nil until a role is needed
	roles   map[spapi.Role]aws.CredentialsProvider // accounts with the same role share its credentials
}

// loginGate is spapi.Config.Login.
type loginGate = func(account string) (done func(error), wait time.Duration, err error)

type madeSeller struct {
	*spapi.Seller
	revision uint64 // of the account that it was made for
}

// openAmazon is the same for all roles, so that they share connections and
// access tokens. It makes no request.
func (p *pipeline) openAmazon() (*amazon, error) {
	if p.amazon != nil {
		return p.amazon, nil
	}
	opened, err := newAmazon(p.Settings, p.live, p.oddField(), p.breakers().Login)
	if err != nil {
		return nil, err
	}
	p.amazon = opened
	p.closers = append(p.closers, opened.Close)
	p.live.watch(opened.forget)
	return opened, nil
}

// oddField counts nothing in an operator's command, which has no metrics.
func (p *pipeline) oddField() func(operation, path, kind string) {
	if p.metrics == nil {
		return nil
	}
	return p.metrics.OddField
}

func newAmazon(s Settings, l *live, odd func(operation, path, kind string), login loginGate) (*amazon, error) {
	cfg := s.Config
	client, err := spapi.New(spapi.Config{
		UserAgent: cfg.SPAPI.UserAgent, Endpoints: cfg.SPAPI.Endpoints,
		LWAEndpoint: cfg.SPAPI.LWAEndpoint, DocumentHosts: cfg.SPAPI.DocumentHosts, Timeout: cfg.SPAPI.Timeout, Clock: s.Clock, Odd: odd, Login: login,
	})
	if err != nil {
		return nil, err
	}
	return &amazon{
		Client: client, settings: s, live: l,
		sellers: map[string]madeSeller{}, roles: map[spapi.Role]aws.CredentialsProvider{},
	}, nil
}

// application is one of the configuration's, as Amazon's client takes it.
func (a *amazon) application(app config.Application) spapi.Application {
	return spapi.Application{
		Name: app.Name, ClientID: app.ClientID,
		ClientSecret: app.ClientSecret.Source(a.settings.Secrets), NextClientSecret: app.NextClientSecret.Source(a.settings.Secrets),
	}
}

// seller is the caller of an account by our name of it, as the account is
// configured now. It is made at the account's first call.
func (a *amazon) seller(id string) (*spapi.Seller, error) {
	c, app, ok := a.live.account(id)
	if !ok {
		return nil, fmt.Errorf("account %s is not configured: add it under accounts, and its calls go on", id)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if made := a.sellers[id]; made.Seller != nil && made.revision == c.revision {
		return made.Seller, nil
	}
	credentials, err := a.role(spapi.Role{ARN: c.Role, ExternalID: c.ExternalID})
	if err != nil {
		return nil, err
	}
	seller, err := a.Seller(spapi.SellerConfig{
		Account: id, Region: c.Region, Application: a.application(app),
		RefreshToken: c.RefreshToken.Source(a.settings.Secrets), Revision: c.revision, Credentials: credentials,
	})
	if err != nil {
		return nil, err
	}
	a.sellers[id] = madeSeller{seller, c.revision}
	return seller, nil
}

// forget drops the callers of accounts that are no longer what they were, and
// their tokens.
func (a *amazon) forget(accounts []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range accounts {
		if made := a.sellers[id]; made.Seller != nil {
			made.Forget()
			delete(a.sellers, id)
		}
	}
}

// role is the credentials of a role, nil for none; a.mu is held. It is not
// assumed before the first call.
func (a *amazon) role(role spapi.Role) (aws.CredentialsProvider, error) {
	if role.ARN == "" || a.roles[role] != nil {
		return a.roles[role], nil
	}
	if a.sts == nil {
		cfg := a.settings.Config.AWS
		loaded, err := openAWS(context.Background(), cfg) // the client outlives the call that is the first
		if err != nil {
			return nil, err
		}
		a.sts = newSTS(loaded, cfg)
	}
	a.roles[role] = spapi.AssumeRole(a.sts, role)
	return a.roles[role], nil
}
