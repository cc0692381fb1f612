package kafka

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/sasl"
	saslaws "github.com/twmb/franz-go/pkg/sasl/aws"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// credentialError is a login that did not begin: its credentials are not
// available.
type credentialError struct {
	key string // of the configuration
	err error
}

func (e *credentialError) Error() string { return fmt.Sprintf("%s: %v", e.key, e.err) }
func (e *credentialError) Unwrap() error { return e.err }

// mechanism is how we log in; nil if we do not.
func (a Access) mechanism() sasl.Mechanism {
	cfg := a.Config.SASL
	switch cfg.Mechanism {
	case config.ScramSHA256:
		password := a.password()
		return mechanism{scram.Sha256(a.scram(password)), password}
	case config.ScramSHA512:
		password := a.password()
		return mechanism{scram.Sha512(a.scram(password)), password}
	case config.Plain:
		password := a.password()
		return mechanism{plain.Plain(func(ctx context.Context) (plain.Auth, error) {
			secret, err := password.next(ctx)
			return plain.Auth{User: cfg.Username, Pass: secret.Reveal()}, err
		}), password}
	case config.OAuthBearer:
		return a.oauth()
	case config.AWSMSKIAM:
		return saslaws.ManagedStreamingIAM(func(ctx context.Context) (saslaws.Auth, error) {
			found, err := a.AWS(ctx)
			if err != nil {
				return saslaws.Auth{}, &credentialError{"aws", err}
			}
			return saslaws.Auth{
				AccessKey: found.AccessKeyID, SecretKey: found.SecretAccessKey, SessionToken: found.SessionToken, UserAgent: "sellerstream",
			}, nil
		})
	}
	return nil
}

func (a Access) password() *credential {
	return &credential{key: "kafka.sasl.password", source: a.Config.SASL.Password.Source(a.Secrets)}
}

func (a Access) scram(password *credential) func(context.Context) (scram.Auth, error) {
	return func(ctx context.Context) (scram.Auth, error) {
		secret, err := password.next(ctx)
		return scram.Auth{User: a.Config.SASL.Username, Pass: secret.Reveal()}, err
	}
}

func (a Access) oauth() sasl.Mechanism {
	if a.Config.SASL.TokenURL != "" {
		endpoint := &tokenEndpoint{cfg: a.Config.SASL, secrets: a.Secrets}
		return mechanism{oauth.Oauth(endpoint.auth), endpoint}
	}
	token := &credential{key: "kafka.sasl.token", source: a.Config.SASL.Token.Source(a.Secrets)}
	return mechanism{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
		secret, err := token.next(ctx)
		return oauth.Auth{Token: secret.Reveal()}, err
	}), token}
}

// credential is a secret that logs us in. When a login with it does not
// succeed, the next one reads it past what a store keeps.
type credential struct {
	key    string
	source secrets.Source

	mu    sync.Mutex
	tried *secrets.Secret // in a login that has not succeeded
}

func (c *credential) next(ctx context.Context) (secrets.Secret, error) {
	c.mu.Lock()
	tried := c.tried
	c.mu.Unlock()
	if tried != nil {
		secrets.Renew(ctx, c.source, *tried)
	}
	secret, err := c.source.Secret(ctx)
	if err != nil {
		return secrets.Secret{}, &credentialError{c.key, err}
	}
	c.mu.Lock()
	c.tried = &secret
	c.mu.Unlock()
	return secret, nil
}

func (c *credential) accepted() {
	c.mu.Lock()
	c.tried = nil
	c.mu.Unlock()
}

// mechanism reports the credentials that it logged in with once they were accepted.
type mechanism struct {
	sasl.Mechanism
	with interface{ accepted() }
}

// Authenticate begins a login.
func (m mechanism) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	begun, first, err := m.Mechanism.Authenticate(ctx, host)
	if err != nil {
		return nil, nil, err
	}
	return session{begun, m.with}, first, nil
}

type session struct {
	sasl.Session
	with interface{ accepted() }
}

// challengeError is a login that ended by what the broker answered.
type challengeError struct{ err error }

func (e *challengeError) Error() string { return "login: " + e.err.Error() }
func (e *challengeError) Unwrap() error { return e.err }

// Challenge goes on with a login. Brokers that refuse it do not get here, except
// for tokens, whose refusal is an answer (RFC 7628, 3.2.2).
func (s session) Challenge(challenge []byte) (bool, []byte, error) {
	done, answer, err := s.Session.Challenge(challenge)
	switch {
	case err != nil:
		err = &challengeError{err}
	case done:
		s.with.accepted()
	}
	return done, answer, err
}
