package pipeline

import (
	"context"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/exclusion"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// exclusions is what keeps the list of SKUs that are managed elsewhere: the same
// for all roles, and nil where no list is configured.
func (p *pipeline) exclusions() (*exclusion.Source, error) {
	cfg := p.Config.Exclusions
	if p.excluded != nil || !cfg.Given() {
		return p.excluded, nil
	}
	from, err := exclusionsFrom(p.Config, p.Secrets)
	if err != nil {
		return nil, err
	}
	p.excluded = exclusion.New(exclusion.Options{
		From: from, TTL: cfg.TTL, Clock: p.Clock, Logger: p.Logger,
		Known: func(account string) bool { _, ok := p.live.directory().ByID(account); return ok },
	})
	p.sources.ExclusionsAge = func() (time.Duration, bool) {
		status := p.excluded.Status()
		return status.Age(p.Clock.Now()), !status.LoadedAt.IsZero()
	}
	p.roles = append(p.roles, runner{name: "exclusions", run: p.excluded.Run})
	return p.excluded, nil
}

// exclusionsFrom is the place that is configured.
func exclusionsFrom(cfg config.Config, store *secrets.Store) (exclusion.Loader, error) {
	switch e := cfg.Exclusions; {
	case e.URL != "":
		return exclusion.NewEndpoint(e.URL, e.Token.Source(store))
	case e.Topic != "":
		return exclusion.NewTopic(e.Topic, kafkaOptions(cfg, store)...), nil
	default:
		return exclusion.File(e.File), nil
	}
}

// awaitExclusions keeps a role from taking accounts over until the list is there,
// while other processes may have it: what it would send wrongly cannot be taken
// back.
func (p *pipeline) awaitExclusions(ctx context.Context) error {
	if p.excluded == nil {
		return nil
	}
	return p.excluded.Await(ctx)
}

// awaitExclusionsForAWhile does so for orders, whose shipping must not hang on the
// list for ever.
func (p *pipeline) awaitExclusionsForAWhile(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, p.Config.Exclusions.OrdersWait)
	defer cancel()
	err := p.awaitExclusions(limited)
	if err == nil || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.Logger.Warn("orders go on without marks on lines that are managed elsewhere", "role", Orders,
		"waited", p.Config.Exclusions.OrdersWait, "error", err)
	return nil
}
