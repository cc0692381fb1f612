package config

import (
	"context"
	"regexp"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// Secret is where a secret is read from: an environment variable, a file,
// AWS Secrets Manager or, for a simulator's made-up ones, the configuration
// itself.
type Secret struct {
	Env   string         `yaml:"env"`
	File  string         `yaml:"file" path:"relative"`
	AWS   string         `yaml:"aws"` // name or ARN in AWS Secrets Manager
	Key   string         `yaml:"key"` // member of the JSON object in the secret; "" takes the whole text
	Value secrets.Secret `yaml:"value"`

	at place // for a fault found when it is read
}

// Given reports whether the file names a source at all.
func (s Secret) Given() bool { return s.sources() > 0 }

func (s Secret) sources() (given int) {
	for _, named := range []bool{s.Env != "", s.File != "", s.AWS != "", !s.Value.Empty()} {
		if named {
			given++
		}
	}
	return given
}

// variableName matches what is surely a variable's name and not a secret: words in
// capitals with an underscore.
var variableName = regexp.MustCompile(`^[A-Z]+(_[A-Z0-9]+)+$`)

// anyVariable matches every name that a shell can give a variable.
var anyVariable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Source is where the secret is read from, at each use: anew, or from store
// what it keeps of AWS Secrets Manager. It is nil for a secret that is not given.
// Its errors do not repeat what the configuration says, in case that is the
// secret: who reads them has the place where it stands.
func (s Secret) Source(store *secrets.Store) secrets.Source {
	switch {
	case s.Env != "":
		if variableName.MatchString(s.Env) {
			return secrets.Env(s.Env)
		}
		return secrets.Hiding(secrets.Env(s.Env), s.Env)
	case s.File != "":
		return secrets.Hiding(secrets.File(s.File), s.File)
	case s.AWS != "":
		return secrets.Hiding(store.Source(s.AWS, s.Key), s.AWS, s.Key)
	case !s.Value.Empty():
		return secrets.Literal(s.Value)
	}
	return nil
}

// readers is how many secrets are read at a time.
const readers = 16

// CheckSecrets reads every secret once and reports all that cannot be read.
// name is the file's, for the messages.
func (c *Config) CheckSecrets(ctx context.Context, name string, store *secrets.Store) error {
	sasl := c.Kafka.SASL
	all := []Secret{
		sasl.Password, sasl.Token, sasl.ClientSecret, c.Registry.Password, c.AWS.SecretAccessKey, c.Exclusions.Token, c.BuyerData.Keys,
	}
	for _, app := range c.Applications {
		all = append(all, app.ClientSecret, app.NextClientSecret)
	}
	for _, account := range c.Accounts {
		all = append(all, account.RefreshToken)
	}
	all = slices.DeleteFunc(all, func(s Secret) bool { return !s.Given() })
	return readAll(ctx, name, store, all)
}

// readAll reads secrets and reports those that cannot be read.
func readAll(ctx context.Context, name string, store *secrets.Store, all []Secret) error {
	errs := make([]error, len(all))
	var group errgroup.Group
	group.SetLimit(readers)
	for i, s := range all {
		group.Go(func() error {
			_, errs[i] = s.Source(store).Secret(ctx)
			return nil // every fault is wanted, not the first
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	faults := &Faults{File: name}
	for i, err := range errs {
		if err != nil {
			faults.at(all[i].at, "", "%v", err)
		}
	}
	return faults.orNil()
}
