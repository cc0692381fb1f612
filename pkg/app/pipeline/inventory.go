package pipeline

import (
	"context"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/share"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/processors/feeds"
	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/schemas"
)

// longestLease bounds how long after its commit a writing call may start: a
// longer one would only lengthen the quarantine after a crash.
const longestLease = 8 * time.Second

// addInventory adds the way from wanted quantities to Amazon.
func (p *pipeline) addInventory() error {
	source, err := p.exclusions()
	if err != nil {
		return err
	}
	machineConfig := p.inventoryConfig()
	if source != nil {
		machineConfig.Excluded = source.Excluded
	}
	board := &share.Board{}
	return p.addProcessor(processor{
		role:       inventory.Role(),
		maxPending: p.Config.Inventory.MaxPending, begin: p.awaitExclusions,
		beside: func(ctx context.Context, wake func()) {
			p.followShares(ctx, schemas.StateInventoryShares, inventory.Operations(), board, wake)
		},
		machine: func(u machine.Unit) liveMachine {
			cfg := machineConfig
			cfg.Sharing = &share.Unit{Number: u.Partition, Groups: p.live.sharing(stream.Mine(u)), Board: board}
			return inventory.New(cfg)
		},
	})
}

// writing returns within which real time after its commit a writing call must
// have started, and how long after it, on the pipeline's clock, its answer may
// come.
func (p *pipeline) writing() (lease, callTime time.Duration) {
	// Shorter than the session, after whose end another process may own the work.
	lease = min(p.Config.Runtime.SessionTimeout*4/5, longestLease)
	return lease, clock.Passes(p.Clock, lease+p.Config.SPAPI.Timeout)
}

func (p *pipeline) inventoryConfig() inventory.Config {
	cfg := p.Config.Inventory
	lease, callTime := p.writing()
	return inventory.Config{
		Accounts: p.live.directory, Settings: p.live.listings(cfg.Defaults), Limits: p.live.limit,
		Linger: cfg.Linger, Enough: min(cfg.Enough, cfg.MaxMessages), MaxMessages: cfg.MaxMessages, MaxBytes: cfg.MaxBytes,
		MaxUploads: cfg.MaxUploads, FeedInterval: cfg.FeedInterval, PatchLinger: cfg.PatchLinger, PatchBelow: orNone(cfg.PatchBelow), PatchMost: orNone(cfg.PatchMost),
		Lease: lease, CallTime: callTime,
		CommitTime: clock.Passes(p.Clock, stream.DefaultTransactionTimeout),
		ApplyDelay: cfg.ApplyDelay, ShowDelay: cfg.ShowDelay, Patience: cfg.Patience, MaxAttempts: cfg.MaxAttempts,
		NotListed:       func(code string) bool { return slices.Contains(cfg.NotListedCodes, code) },
		Transient:       func(code string) bool { return slices.Contains(cfg.TransientCodes, code) },
		FulfillmentWait: cfg.FulfillmentWait, AuditEvery: cfg.Audit.Every,
		SeenWithin: cfg.SeenWithin, LookAfter: cfg.LookAfter, Accepted: cfg.Accepted,
	}
}

// orNone says that none are wanted as the machine understands it, to which 0
// is the default.
func orNone(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// listings are how an account's quantities are sent, as it is configured when
// they are.
func (l *live) listings(defaults config.Listings) func(account string) inventory.Settings {
	return func(account string) inventory.Settings {
		settings := defaults
		if c, ok := l.now.Load().byID[account]; ok {
			settings = c.Inventory.Or(defaults)
		}
		return inventory.Settings{
			ProductType: settings.ProductType, Channel: settings.Channel, IssueLocale: settings.IssueLocale,
			AllowFBA: settings.FBA == config.FBAAllow, SendUnknown: settings.Unknown == config.UnknownSend,
			Reserve: settings.Reserve != nil && *settings.Reserve,
		}
	}
}

// addFeeds adds what follows feeds to their end.
func (p *pipeline) addFeeds() error {
	machineConfig := feeds.Config{Accounts: p.live.directory, Limits: p.live.limit, StuckAfter: p.Config.Feeds.StuckAfter, Patience: p.Config.Feeds.Patience}
	return p.addProcessor(processor{
		role:    feeds.Role(),
		machine: func(machine.Unit) liveMachine { return feeds.New(machineConfig) },
	})
}
