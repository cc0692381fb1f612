package pipeline

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/spapi"
)

// amazon is Amazon's client, and who calls by it.
type amazon struct {
	*spapi.Client
	applications map[string]spapi.Application
	sellers      map[string]*spapi.Seller // by our name of the account
}

// openAmazon is the same for all roles, so that they share connections and
// access tokens. It makes no request.
func (p *pipeline) openAmazon(ctx context.Context) (*amazon, error) {
	if p.amazon != nil {
		return p.amazon, nil
	}
	opened, err := newAmazon(ctx, p.Settings)
	if err != nil {
		return nil, err
	}
	p.amazon = opened
	p.closers = append(p.closers, opened.Close)
	return opened, nil
}

func newAmazon(ctx context.Context, s Settings) (*amazon, error) {
	cfg := s.Config
	client, err := spapi.New(spapi.Config{
		UserAgent: cfg.SPAPI.UserAgent, Endpoints: cfg.SPAPI.Endpoints,
		LWAEndpoint: cfg.SPAPI.LWAEndpoint, Timeout: cfg.SPAPI.Timeout, Clock: s.Clock,
	})
	if err != nil {
		return nil, err
	}
	applications := make(map[string]spapi.Application, len(cfg.Applications))
	for _, app := range cfg.Applications {
		applications[app.Name] = spapi.Application{
			Name: app.Name, ClientID: app.ClientID,
			ClientSecret: app.ClientSecret.Source(s.Secrets), NextClientSecret: app.NextClientSecret.Source(s.Secrets),
		}
	}
	roles, err := newRoles(ctx, cfg)
	if err != nil {
		return nil, err
	}
	sellers := make(map[string]*spapi.Seller, len(cfg.Accounts))
	for _, a := range cfg.Accounts {
		seller, err := client.Seller(spapi.SellerConfig{
			Account: a.ID, Region: a.Region, Application: applications[a.Application],
			RefreshToken: a.RefreshToken.Source(s.Secrets), Credentials: roles[a.Role],
		})
		if err != nil {
			return nil, err
		}
		sellers[a.ID] = seller
	}
	return &amazon{client, applications, sellers}, nil
}

// seller is the caller of an account by our name of it.
func (a *amazon) seller(id string) (*spapi.Seller, error) {
	if seller, ok := a.sellers[id]; ok {
		return seller, nil
	}
	return nil, fmt.Errorf("account %s is not configured: add it under accounts", id)
}

// newRoles is the credentials of each role that accounts have; those with the
// same role share them. None is assumed before the first call.
func newRoles(ctx context.Context, cfg config.Config) (map[string]aws.CredentialsProvider, error) {
	roles := map[string]aws.CredentialsProvider{}
	var client *sts.Client
	for _, a := range cfg.Accounts {
		if a.Role == "" || roles[a.Role] != nil {
			continue
		}
		if client == nil {
			loaded, err := openAWS(ctx, cfg.AWS)
			if err != nil {
				return nil, err
			}
			client = newSTS(loaded, cfg.AWS)
		}
		roles[a.Role] = spapi.AssumeRole(client, a.Role)
	}
	return roles, nil
}
