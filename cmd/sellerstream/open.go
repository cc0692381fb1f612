package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

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
	cfg, err := loadConfig(file)
	return pipeline.Settings{
		Config: cfg, Secrets: pipeline.OpenSecrets(cfg.AWS), Clock: clock.Real{}, TransactionalPrefix: transactionalPrefix(cfg),
		Logger: newLogger(cmd.ErrOrStderr(), config.Log{Level: "warn"}),
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
	return pipeline.Settings{
		Config: cfg, Files: reader, Secrets: store, Clock: newClock(cfg.Clock), Logger: newLogger(cmd.ErrOrStderr(), cfg.Log),
		TransactionalPrefix: transactionalPrefix(cfg), Version: version,
	}, nil
}

func errNoConfig() error {
	return usageError{errors.New("--config is missing: `sellerstream config example` prints a file to begin with")}
}

func transactionalPrefix(cfg config.Config) string { return cfg.Prefix + "tx" }

func newClock(cfg config.Clock) clock.Clock {
	if cfg.Speed == 1 {
		return clock.Real{}
	}
	return clock.NewScaled(cfg.Epoch, cfg.Speed)
}

func newLogger(w io.Writer, cfg config.Log) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo // the configuration's check allows no other
	}
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
