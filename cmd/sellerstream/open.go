package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/app/pipeline"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

// loadConfig reads a file; its faults are the user's to mend, not ours.
func loadConfig(name string) (config.Config, error) {
	_, cfg, err := openConfig(name)
	return cfg, err
}

// openConfig is loadConfig for who follows the file's changes.
func openConfig(name string) (*config.Reader, config.Config, error) {
	reader, cfg, err := config.Open(name)
	var faults *config.Faults
	if errors.As(err, &faults) {
		err = usageError{fmt.Errorf("%w\n%d to mend; `sellerstream config example` shows every key", err, len(faults.Found))}
	}
	return reader, cfg, err
}

// openSettings reads the file of --config for an operator's command. The sellers'
// secrets are none of its business: it does not read them.
func openSettings(cmd *cobra.Command, file string) (pipeline.Settings, error) {
	if file == "" {
		return pipeline.Settings{}, errNoConfig()
	}
	wait, err := answers(cmd)
	if err != nil {
		return pipeline.Settings{}, err
	}
	cfg, err := loadConfig(file)
	logger := config.Log{Level: "warn"}.New(cmd.ErrOrStderr())
	return pipeline.Settings{
		Config: cfg, Answers: wait, Secrets: pipeline.OpenSecrets(cfg.AWS), Clock: clock.Real{}, TransactionalPrefix: transactionalPrefix(cfg),
		Logger: logger,
	}, err
}

// loadSettings reads the file of --config and the secrets that it points to.
func loadSettings(cmd *cobra.Command, file string) (pipeline.Settings, error) {
	if file == "" {
		return pipeline.Settings{}, errNoConfig()
	}
	reader, cfg, err := openConfig(file)
	if err != nil {
		return pipeline.Settings{}, err
	}
	store := pipeline.OpenSecrets(cfg.AWS)
	if err := cfg.CheckSecrets(cmd.Context(), file, store); err != nil {
		return pipeline.Settings{}, usageError{err}
	}
	logger := cfg.Log.New(cmd.ErrOrStderr())
	built := builtFrom()
	logger.InfoContext(cmd.Context(), cmd.CommandPath()+" begins", "version", built.Version, "commit", built.Commit, "config", file)
	for _, line := range cfg.WithoutEffect() {
		logger.WarnContext(cmd.Context(), "the configuration has a key that means nothing any more", "key", line)
	}
	return pipeline.Settings{
		Config: cfg, Files: reader, Secrets: store, Clock: cfg.Clock.New(), Logger: logger,
		TransactionalPrefix: transactionalPrefix(cfg), Version: version,
	}, nil
}

func transactionalPrefix(cfg config.Config) string { return cfg.Prefix + "tx" }

// checkAccount refuses a name that no account has.
func checkAccount(cfg config.Config, name string) error {
	if err := cfg.CheckAccount(name); err != nil {
		return usageError{err}
	}
	return nil
}

// registryPassword is the environment variable that goes with --registry-user:
// what stands on a command line is seen by every user of the machine.
const registryPassword = "SELLERSTREAM_REGISTRY_PASSWORD" //nolint:gosec // the name, not the password

// registryFlags are where the schema registry is.
type registryFlags struct {
	url  string
	user string
}

func (f *registryFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.url, "registry", "http://127.0.0.1:8081", "the schema registry's URL")
	cmd.Flags().StringVar(&f.user, "registry-user", "", "user at the registry; the password comes from "+registryPassword)
}

// client turns the flags into the registry client's options.
func (f *registryFlags) client() ([]sr.ClientOpt, error) {
	opts := []sr.ClientOpt{sr.URLs(f.url)}
	if f.user == "" {
		return opts, nil
	}
	password := os.Getenv(registryPassword)
	if password == "" {
		return nil, usageError{errors.New("--registry-user needs the password in " + registryPassword)}
	}
	return append(opts, sr.BasicAuth(f.user, password)), nil
}
