// Package pipeline turns a configuration into running roles: the one place
// where processors, bridges, Kafka, AWS and Amazon's client meet. `run` uses it
// against real parts and `demo` against embedded ones, so both are the same code.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sellerstream/sellerstream/pkg/clock"
	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/secrets"
	"github.com/sellerstream/sellerstream/pkg/telemetry"
)

// Role names a part of the pipeline that can run in a process of its own.
type Role string

// The roles.
const (
	Bridge Role = "bridge" // SQS to Kafka
	Orders Role = "orders" // order-changes to orders

	Inventory Role = "inventory" // inventory-updates to feeds and patches
	Feeds     Role = "feeds"     // follows feeds to their end

	Shipments Role = "shipments" // shipments to confirmations at Amazon

	Events Role = "events" // output topics to EventBridge

	Subscriptions Role = "subscriptions" // sees that Amazon sends notifications to SQS
)

// Roles are all of them: first those that records pass, in their order.
func Roles() []Role {
	return []Role{Bridge, Orders, Inventory, Feeds, Shipments, Events, Subscriptions}
}

// DefaultRoles are all that the configuration has work for: accounts are
// subscribed only where a queue has an ARN. A dry run leaves the bridge out: to
// take messages off a queue is to write.
func DefaultRoles(cfg config.Config, dryRun bool) []Role {
	return slices.DeleteFunc(Roles(), func(r Role) bool {
		return r == Subscriptions && !subscribes(cfg) || r == Bridge && dryRun
	})
}

// ParseRoles reads a list such as "bridge,orders"; an empty one means the
// default, for which it returns none.
func ParseRoles(text string) ([]Role, error) {
	if text == "" {
		return nil, nil
	}
	var roles []Role
	for name := range strings.SplitSeq(text, ",") {
		role := Role(strings.TrimSpace(name))
		if !slices.Contains(Roles(), role) {
			return nil, fmt.Errorf("no role is called %q; the roles are %v", role, Roles())
		}
		if !slices.Contains(roles, role) {
			roles = append(roles, role)
		}
	}
	return roles, nil
}

// Settings are what a run needs besides the configuration.
type Settings struct {
	Config  config.Config
	Secrets *secrets.Store // from OpenSecrets; may be nil for a configuration that names none of source aws
	Roles   []Role         // none means DefaultRoles
	// Files is where Config comes from: its accounts and applications are followed
	// while the pipeline runs, by Hangup at once. nil follows nothing.
	Files  *config.Reader
	Hangup <-chan os.Signal
	// DryRun writes nothing at Amazon and AWS. What would be written is shown in
	// the log and, a line for each call, on Out.
	DryRun bool
	Out    io.Writer // may be nil
	Clock  clock.Clock
	Logger *slog.Logger
	// TransactionalPrefix begins every transactional id. It stays the same over
	// restarts, except on an embedded broker; see embedded.Broker.
	TransactionalPrefix string
	// Admin is where health and metrics are served until Run ends, which closes it;
	// nil for nowhere. See ListenAdmin.
	Admin   net.Listener
	Version string // of this program, for the metrics
}

// role is one running part. Run returns nil once ctx has ended and the part
// has drained, within the drain timeout of the configuration.
type role struct {
	name Role
	run  func(ctx context.Context) error
	// waitsFor says what keeps it from its work; "" for nothing. nil for a part that
	// the others wait for by themselves.
	waitsFor func() string
}

// grace is what a stop may take beyond the drain timeout: commits and leaving
// the group.
const grace = 10 * time.Second

// Run runs the roles until ctx ends, then lets them drain. It fails as soon as
// one of them does, and says which.
func Run(ctx context.Context, s Settings) error {
	if len(s.Roles) == 0 {
		s.Roles = DefaultRoles(s.Config, s.DryRun)
	}
	if s.DryRun {
		s.Logger.Warn("dry run: Amazon is read and nothing is written there; writing calls and events are shown, and wait for a run that is none",
			"bridge", slices.Contains(s.Roles, Bridge), "group_prefix", s.Config.Prefix)
	}
	health, metrics := newHealth(), telemetry.New(s.Version)
	defer serveAdmin(s, health, metrics)()
	p, err := build(ctx, s, metrics)
	if err != nil {
		return err
	}
	defer p.close()
	s.Logger.Info("pipeline is up", "roles", s.Roles, "accounts", len(s.Config.Accounts))

	group, groupCtx := errgroup.WithContext(ctx)
	health.running(groupCtx, p)
	for _, r := range p.roles {
		group.Go(func() error {
			metrics.RoleUp(string(r.name), true)
			defer metrics.RoleUp(string(r.name), false)
			if err := r.run(groupCtx); err != nil {
				return fmt.Errorf("role %s: %w", r.name, err)
			}
			if groupCtx.Err() == nil {
				return fmt.Errorf("role %s: ended by itself", r.name)
			}
			return nil
		})
	}
	if p.switches != nil {
		group.Go(func() error {
			p.switches.Run(groupCtx)
			return nil
		})
	}
	if s.Files != nil {
		group.Go(func() error {
			config.Watch{
				Reader: s.Files, Store: s.Secrets, Hangup: s.Hangup, Logger: s.Logger, Apply: p.live.apply,
			}.Run(groupCtx)
			return nil
		})
	}
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	s.Logger.Info("pipeline has drained")
	return nil
}

// workContext outlives ctx by the drain timeout: what is under way when a stop
// is asked for may finish.
func workContext(ctx context.Context, drain time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	timer := time.AfterFunc(time.Hour, func() {
		cancel(errors.New("stopping took longer than the drain timeout"))
	})
	timer.Stop() // until a stop is asked for
	stop := context.AfterFunc(ctx, func() { timer.Reset(drain + grace) })
	return work, func() {
		stop()
		timer.Stop()
		cancel(context.Canceled)
	}
}
