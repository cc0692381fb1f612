package pipeline

import (
	"cmp"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// live is the accounts of the moment: the part of the configuration that
// changes while the pipeline runs. It may be used from any goroutine.
type live struct {
	log *slog.Logger
	now atomic.Pointer[accounts]

	// orderFeeds are the feed types about orders that are sent, by the switches of their
	// roles when the process started.
	orderFeeds []string

	mu       sync.Mutex // one change at a time
	revision uint64
	cfg      config.Config          // what was applied last
	files    map[string]os.FileInfo // secrets' files, as they were when last looked at
	watchers []func(changed []string)
}

// accounts is one state of the accounts. It does not change.
type accounts struct {
	directory    *account.Directory
	list         []configured // in the order of the configuration
	byID         map[string]*configured
	applications map[string]config.Application
	first        map[string]string // by client id: the first of the applications that have it
}

// configured is an account and when it, its application or its secrets changed last.
type configured struct {
	config.Account
	revision uint64
}

func newLive(cfg config.Config, log *slog.Logger) (*live, error) {
	l := &live{log: log, revision: 1, files: map[string]os.FileInfo{}, orderFeeds: orderFeeds(map[string]bool{
		model.OrderAcknowledgementFeed: cfg.Cancellations.Enabled,
		model.OrderFulfillmentFeed:     cfg.Shipments.Untracked == config.UntrackedFeed,
	})}
	l.now.Store(&accounts{})
	l.cfg = cfg
	next, _, err := l.next(cfg, l.renewed(cfg))
	if err != nil {
		return nil, err
	}
	l.now.Store(next)
	return l, nil
}

// watch has f called with the names of accounts that have changed, are new or
// are gone, after each change and before the next.
func (l *live) watch(f func(changed []string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watchers = append(l.watchers, f)
}

// apply takes a configuration's accounts in place of those of the moment.
func (l *live) apply(cfg config.Config) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cfg = cfg
	l.take(l.renewed(cfg))
}

// again looks for secrets' files that have changed.
func (l *live) again() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if renewed := l.renewed(l.cfg); len(renewed) > 0 {
		l.take(renewed)
	}
}

// take makes the accounts those of l.cfg; l.mu is held.
func (l *live) take(renewed map[string]bool) {
	l.revision++
	next, changes, err := l.next(l.cfg, renewed)
	if err != nil { // which a checked configuration does not have
		l.log.Error("the accounts stay as they were", "error", err)
		return
	}
	if len(changes) == 0 {
		return
	}
	l.now.Store(next)
	names := make([]string, 0, len(changes))
	for _, c := range changes {
		l.log.Info(c.what, "account", c.account)
		names = append(names, c.account)
	}
	l.tell(names)
}

// tell passes on what has changed; l.mu is held.
func (l *live) tell(changed []string) {
	for _, f := range l.watchers {
		f(changed)
	}
}

// change is what became of an account.
type change struct{ account, what string }

// next is the state of the accounts by cfg, and how it differs from now. renewed are the
// secrets' files that have changed.
func (l *live) next(cfg config.Config, renewed map[string]bool) (*accounts, []change, error) {
	directory, err := newDirectory(cfg.Accounts)
	if err != nil {
		return nil, nil, err
	}
	before := l.now.Load()
	next := &accounts{
		directory: directory, list: make([]configured, len(cfg.Accounts)),
		byID: make(map[string]*configured, len(cfg.Accounts)), applications: map[string]config.Application{}, first: map[string]string{},
	}
	altered := map[string]bool{} // applications
	for _, app := range cfg.Applications {
		next.applications[app.Name] = app
		next.first[app.ClientID] = cmp.Or(next.first[app.ClientID], app.Name)
		altered[app.Name] = renewed[app.ClientSecret.File] || renewed[app.NextClientSecret.File] || !app.Equal(before.applications[app.Name])
	}
	var changes []change
	for i, a := range cfg.Accounts {
		c := &next.list[i]
		*c = configured{a, l.revision}
		next.byID[a.ID] = c
		switch old := before.byID[a.ID]; {
		case old == nil:
			changes = append(changes, change{a.ID, "account added"})
		case renewed[a.RefreshToken.File] || altered[a.Application] || !old.Equal(a):
			changes = append(changes, change{a.ID, "account changed: its work goes on by what is configured now"})
		default:
			c.revision = old.revision
		}
	}
	for _, old := range before.list {
		if next.byID[old.ID] == nil {
			changes = append(changes, change{old.ID, "account removed: its pending work waits for it to come back"})
		}
	}
	return next, changes, nil
}

// renewed are the secrets' files that are others than when they were last looked at.
func (l *live) renewed(cfg config.Config) map[string]bool {
	renewed, files := map[string]bool{}, make(map[string]os.FileInfo, len(l.files))
	look := func(s config.Secret) {
		if s.File == "" || files[s.File] != nil {
			return
		}
		info, err := os.Stat(s.File)
		if err != nil {
			return // that the secret cannot be read shows where it is used
		}
		files[s.File] = info
		last, known := l.files[s.File]
		if known && (!os.SameFile(last, info) || last.Size() != info.Size() || !last.ModTime().Equal(info.ModTime())) {
			renewed[s.File] = true
		}
	}
	for _, app := range cfg.Applications {
		look(app.ClientSecret)
		look(app.NextClientSecret)
	}
	for _, a := range cfg.Accounts {
		look(a.RefreshToken)
	}
	l.files = files
	return renewed
}

// account is the configuration of an account by our name of it.
func (l *live) account(id string) (*configured, config.Application, bool) {
	now := l.now.Load()
	c, ok := now.byID[id]
	if !ok {
		return nil, config.Application{}, false
	}
	return c, now.applications[c.Application], true
}

func (l *live) directory() *account.Directory { return l.now.Load().directory }

// names lists the accounts.
func (l *live) names() []string {
	now := l.now.Load()
	names := make([]string, len(now.list))
	for i := range now.list {
		names[i] = now.list[i].ID
	}
	return names
}

// applicationOwners are the applications of accounts, as the breakers name them.
func (l *live) applicationOwners(accounts []string) []string {
	now, known := l.now.Load(), map[string]bool{}
	var owners []string
	for _, id := range accounts {
		if c, ok := now.byID[id]; ok && !known[c.Application] {
			known[c.Application] = true
			owners = append(owners, applicationOwner(c.Application))
		}
	}
	return owners
}

// revisionOf an account; 0 for one that is not configured.
func (l *live) revisionOf(id string) uint64 {
	if c, ok := l.now.Load().byID[id]; ok {
		return c.revision
	}
	return 0
}

// orderFeeds are the feed types whose role is switched on.
func orderFeeds(on map[string]bool) []string {
	return slices.DeleteFunc(model.SharingFeeds(), func(feedType string) bool { return !on[feedType] })
}

// limit is the quota of an account where it is not Amazon's default: what the configuration
// names, and of operations that roles share the role's part.
func (l *live) limit(id, operation string) (quota.Limit, bool) {
	return quota.Limits(l.configured).Shared(func(string) []string { return l.orderFeeds })(id, operation)
}

// configured is the quota that the configuration names in place of Amazon's default.
func (l *live) configured(id, operation string) (quota.Limit, bool) {
	c, ok := l.now.Load().byID[id]
	if !ok {
		return quota.Limit{}, false
	}
	q, ok := c.Quotas[operation]
	return quota.Limit{Rate: q.Rate, Burst: q.Burst}, ok
}

// newDirectory indexes the configured accounts.
func newDirectory(accounts []config.Account) (*account.Directory, error) {
	list := make([]account.Account, 0, len(accounts))
	for _, a := range accounts {
		list = append(list, account.Account{
			ID: a.ID, SellerID: a.SellerID, AmazonAccountID: a.AmazonAccountID, Region: a.Region,
			Application: a.Application, Marketplaces: a.Marketplaces, BuyerData: a.BuyerData, FulfilledBy: a.Orders.FulfilledBy,
		})
	}
	return account.NewDirectory(list)
}
