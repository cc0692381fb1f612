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

	"github.com/sellerstream/sellerstream/pkg/app/telemetry"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

// Role names a part of the pipeline that can run in a process of its own; package
// roles has what it is.
type Role string

// The roles that have code of their own here.
const (
	Bridge        Role = "bridge"
	Orders        Role = "orders"
	Inventory     Role = "inventory"
	Feeds         Role = "feeds"
	Shipments     Role = "shipments"
	Cancellations Role = "cancellations"
	Events        Role = "events"
	Subscriptions Role = "subscriptions"
)

// Roles are all of them: first those that records pass, in their order.
func Roles() (names []Role) {
	for _, r := range roles.All() {
		names = append(names, Role(r.Name))
	}
	return names
}

// codes are those of all roles, not only of those that run here: what a label may be
// does not hang on --roles.
func codes() telemetry.Codes {
	return telemetry.Codes{
		Reasons: roles.Collect(func(r role.Role) (codes []string) {
			for _, reason := range r.Reasons {
				codes = append(codes, reason.Code)
			}
			return codes
		}),
		Alerts:  roles.Collect(func(r role.Role) []string { return r.Alerts }),
		GivesUp: roles.Collect(func(r role.Role) []string { return r.GivesUp }),
	}
}

// DefaultRoles are those of runtime.roles or, where that is empty, all that the
// configuration has work for: accounts are subscribed only where a queue has an ARN, and
// orders cancelled only where that is enabled. A dry run leaves the bridge out: to
// take messages off a queue is to write.
func DefaultRoles(cfg config.Config, dryRun bool) []Role {
	if named := cfg.Runtime.Roles; len(named) > 0 {
		return slices.DeleteFunc(Roles(), func(r Role) bool {
			return !slices.Contains(named, string(r)) || r == Bridge && dryRun
		})
	}
	return slices.DeleteFunc(Roles(), func(r Role) bool {
		return r == Subscriptions && !subscribes(cfg) || r == Cancellations && !cfg.Cancellations.Enabled || r == Bridge && dryRun
	})
}

func names(roles []Role) (all []string) {
	for _, r := range roles {
		all = append(all, string(r))
	}
	return all
}

// expectedRoles are those that some process must run. The bridge is not among them where there
// is no queue and nothing names it, although `run` starts it by default, to say so.
func expectedRoles(cfg config.Config, dryRun bool) []Role {
	return slices.DeleteFunc(DefaultRoles(cfg, dryRun), func(r Role) bool {
		return r == Bridge && len(cfg.Bridge.Queues) == 0 && len(cfg.Runtime.Roles) == 0
	})
}

// ParseRoles reads a list such as "bridge,orders"; an empty one means the
// default, for which it returns none.
func ParseRoles(text string) ([]Role, error) {
	if text == "" {
		return nil, nil
	}
	var named []Role
	for field := range strings.SplitSeq(text, ",") {
		name := Role(strings.TrimSpace(field))
		if !slices.Contains(Roles(), name) {
			return nil, fmt.Errorf("no role is called %q; the roles are %v", name, Roles())
		}
		if !slices.Contains(named, name) {
			named = append(named, name)
		}
	}
	return named, nil
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
	// Answers is how long an operator's command waits for the first answers of Kafka and
	// the schema registry together; default 10 s, as the constant Answers says.
	Answers time.Duration
	// TransactionalPrefix begins every transactional id. It stays the same over
	// restarts, except on an embedded broker; see embedded.Broker.
	TransactionalPrefix string
	// Admin is where health and metrics are served until Run ends, which closes it;
	// nil for nowhere. See ListenAdmin.
	Admin   net.Listener
	Version string // of this program, for the metrics
}

// runner is one running role. Run returns nil once ctx has ended and the part
// has drained, within the drain timeout of the configuration.
type runner struct {
	name Role
	run  func(ctx context.Context) error
	// waitsFor returns what keeps it from its work; "" for nothing. nil for a part that
	// the others wait for by themselves.
	waitsFor func() string
	// degraded returns what a ready role cannot do; "" for nothing. It may be nil.
	degraded func() string
}

// Run runs the roles until ctx ends, then lets them drain. It fails as soon as one
// of them does, and its error names that role.
func Run(ctx context.Context, s Settings) error {
	if len(s.Roles) == 0 {
		s.Roles = DefaultRoles(s.Config, s.DryRun)
	}
	if s.DryRun {
		s.Logger.Warn("dry run: Amazon is read and nothing is written there; writing calls and events are shown, and wait for a real run",
			"bridge", slices.Contains(s.Roles, Bridge), "group_prefix", s.Config.Prefix)
	}
	health, metrics := newHealth(), telemetry.New(s.Version, codes())
	for _, role := range expectedRoles(s.Config, s.DryRun) {
		metrics.RoleExpected(string(role))
	}
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
	runBeside(groupCtx, group, s, p)
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	s.Logger.Info("pipeline has drained")
	return nil
}

// runBeside runs what all roles share.
func runBeside(ctx context.Context, group *errgroup.Group, s Settings, p *pipeline) {
	background := func(run func(context.Context)) {
		group.Go(func() error {
			run(ctx)
			return nil
		})
	}
	background(giveMemoryBack)
	if p.switches != nil {
		background(p.switches.Run)
	}
	group.Go(func() error {
		select {
		case err := <-p.outdated:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	if s.Files != nil {
		background(config.Watch{
			Reader: s.Files, Store: s.Secrets, Hangup: s.Hangup, Logger: s.Logger, Apply: p.live.apply, Again: p.live.again,
		}.Run)
	}
}
