package config

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

const (
	// watchEvery is how often files are looked at.
	watchEvery = 3 * time.Second
	// watchAgain is how often what has a fault is tried again although nothing
	// has changed: a secret may be mounted later than the account that names it.
	watchAgain = 30 * time.Second
)

// Watch takes changes of a configuration up while it is in use.
type Watch struct {
	Reader *Reader
	Store  *secrets.Store // for the secrets of what is new
	Hangup <-chan os.Signal
	Logger *slog.Logger
	// Apply takes the configuration that holds from now on, after each change.
	Apply func(Config)
	// Again, unless it is nil, is called every half a minute without a change, since files
	// of secrets may have changed.
	Again func()
}

// Run looks at the files every few seconds, in real time, and at once when
// Hangup says so, until ctx ends. Faults are logged once, each with its place.
func (w Watch) Run(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	cfg, said, faulty := w.Reader.config(), "", false
	started, again := cfg, time.Now().Add(watchAgain)
	for {
		asked := false
		select {
		case <-ctx.Done():
			return
		case <-w.Hangup:
			asked, said = true, ""
		case <-ticker.C:
		}
		due := !time.Now().Before(again)
		if due || asked {
			again = time.Now().Add(watchAgain)
		}
		switch {
		case asked || faulty && due || w.Reader.Changed():
			before := cfg
			var err error
			cfg, err = w.Reader.Reload(ctx, w.Store)
			if ctx.Err() != nil {
				return
			}
			faulty = err != nil
			said = w.sayFaults(ctx, err, said)
			w.sayNotLive(ctx, started, before, cfg)
			w.Apply(cfg)
		case due && w.Again != nil:
			w.Again()
		}
	}
}

// sayNotLive logs changes that must wait for the next start.
func (w Watch) sayNotLive(ctx context.Context, started, before, now Config) {
	if len(NotLive(before, now)) == 0 {
		return
	}
	if keys := NotLive(started, now); len(keys) > 0 {
		w.Logger.WarnContext(ctx, "the configuration has changed in what takes effect at the next start", "keys", keys)
	}
}

// sayFaults logs faults that are not what was said last, and returns what was.
func (w Watch) sayFaults(ctx context.Context, err error, said string) string {
	var faults *Faults
	if !errors.As(err, &faults) {
		if said != "" {
			w.Logger.InfoContext(ctx, "the configuration has no fault any more")
		}
		return ""
	}
	text := err.Error()
	if text == said {
		return said
	}
	for line := range strings.SplitSeq(text, "\n") {
		w.Logger.ErrorContext(ctx, "fault in the configuration: what its file held before stays", "fault", line)
	}
	return text
}
