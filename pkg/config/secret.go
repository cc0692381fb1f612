package config

import (
	"context"

	"github.com/sellerstream/sellerstream/pkg/secrets"
)

// Secret says where a secret is to be read: an environment variable, a file,
// or, for a simulator's made-up ones, the configuration itself.
type Secret struct {
	Env   string         `yaml:"env"`
	File  string         `yaml:"file"`
	Value secrets.Secret `yaml:"value"`

	path string // where it stands, for a fault found when it is read
	line int
}

// Given says whether the file names a source at all.
func (s Secret) Given() bool { return s.Env != "" || s.File != "" || !s.Value.Empty() }

// Source is where the secret is read from, at each use anew.
func (s Secret) Source() secrets.Source {
	switch {
	case s.Env != "":
		return secrets.Env(s.Env)
	case s.File != "":
		return secrets.File(s.File)
	}
	return secrets.Literal(s.Value)
}

// CheckSecrets reads every secret once and reports all that cannot be read.
// name is the file's, for the messages.
func (c *Config) CheckSecrets(ctx context.Context, name string) error {
	faults := &Faults{File: name}
	check := func(s Secret) {
		if !s.Given() {
			return
		}
		if _, err := s.Source().Secret(ctx); err != nil {
			faults.add(s.line, s.path, "%v", err)
		}
	}
	check(c.Registry.Password)
	check(c.AWS.SecretAccessKey)
	for _, app := range c.Applications {
		check(app.ClientSecret)
	}
	for _, account := range c.Accounts {
		check(account.RefreshToken)
	}
	return faults.orNil()
}
