// Package feedlane submits feeds exactly once, for the roles that own items which go into
// feeds. A Core has the lanes of one feed type: of each account and marketplace one, with at
// most one feed under way. The role that has it keeps its items and chooses what a feed
// carries (Hooks). Lanes do that for a role about orders, whose items go by feeds only.
//
// The rules that it keeps:
//
//  1. Every call that writes was preceded by the committed intent of it: phase INTENT for
//     createFeed, FeedLaneState.cancel for a cancellation.
//  2. A lane has at most one intent or running feed.
//  3. An intent whose end is not known is submitted again only when getFeeds, asked after
//     the quarantine, does not show its feed, or cannot be read to its end for as long
//     again. The quarantine ends ApplyDelay and ShowDelay after the answer was lost; for an
//     intent that an owner finds at takeover, so much and CommitTime and CallTime after it
//     was written, however often the unit moves.
//  4. Within the quota: each call has a token.
//  5. Where Amazon refuses a repeat (all feed types but listings), an item is in no second feed before the
//     first has ended, or certainly does not exist. Lanes settle each item once.
package feedlane

import (
	"errors"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// KeyPrefix begins the state keys of lanes: feed/<account>/<feed type>/<marketplace>.
const KeyPrefix = "feed/"

// absentWait is how long a lane waits that can make no call, before it is looked at again.
const absentWait = time.Minute

// Core is the lanes of a unit for one feed type. T is a member of a feed, and Q what the
// role keeps beside each lane, such as its queues.
type Core[T, Q any] struct {
	cfg      Config
	hooks    Hooks[T, Q]
	lanes    map[string]*Lane[T, Q] // by state key
	running  map[runningKey]*Lane[T, Q]
	accounts map[string]*perAccount[T, Q]
	timers   lane.Queue // lanes, by when they want to be looked at

	uploads *lane.Lanes // createFeedDocument
	submits *lane.Lanes // createFeed
	lookups *lane.Lanes // getFeeds
	cancels *lane.Lanes // cancelFeed

	making  int           // documents that are being made
	stalled []*Lane[T, Q] // lanes that wait for one of them to be done
}

// Hooks are what a role does with the items that feeds carry. A lane's Members are nil where
// an item is not known any more.
type Hooks[T, Q any] struct {
	// Waiting is how many items wait for the lane's next feed, and since when the first does.
	Waiting func(f *Lane[T, Q]) (n int, since time.Time)
	// Look is called each time the lane is looked at, before a feed is begun.
	Look func(tx *machine.Tx, f *Lane[T, Q])
	// Gather takes what the next feed carries out of the role's queue; nil for nothing.
	Gather func(tx *machine.Tx, f *Lane[T, Q]) *Cut[T]
	// Barred reports whether a member may not be sent any more. Its document is given up.
	Barred func(member *T) bool
	// Carried writes into the entries of the lane's members, which have just become those
	// of an intent, that it carries them.
	Carried func(tx *machine.Tx, f *Lane[T, Q])
	// Taken is called when Amazon has answered createFeed.
	Taken func(tx *machine.Tx, f *Lane[T, Q])
	// Refused takes what Amazon says against a document or a feed, before its members
	// wait again: those with which patience is over are given up.
	Refused func(tx *machine.Tx, members []*T, why Verdict)
	// Dissolved makes the members of a document that is not submitted wait again.
	Dissolved func(tx *machine.Tx, members []*T)
	// GivenBack makes a member of an intent that became no feed wait again.
	GivenBack func(tx *machine.Tx, member *T)
	// Thaw is called when what the lane carries begins to wait for more than Amazon's
	// work, and Freeze when it does no more.
	Thaw, Freeze func(tx *machine.Tx, f *Lane[T, Q])
	// Note takes an error of the report about a member, and Noted reports whether
	// there was one.
	Note  func(tx *machine.Tx, member *T, issue *schemas.FeedIssue)
	Noted func(member *T) bool
	// Void forgets what was noted of a member: the report was of a feed that is not the
	// one with the member. It is called for all feed types but listings; nil forgets
	// nothing.
	Void func(tx *machine.Tx, member *T)
	// Name is how a report names a member that it gives no messageId of.
	Name func(member *T) string
	// Fill puts what the role keeps of items in the lane's entry into that; nil for nothing.
	Fill func(f *Lane[T, Q], state *schemas.FeedLaneState)
	// Settle takes what the end of a feed means to its members.
	Settle func(tx *machine.Tx, f *Lane[T, Q], members []*T, end End)
}

type runningKey struct{ account, feedID string }

// perAccount is what the lanes of an account share.
type perAccount[T, Q any] struct {
	lanes   []*Lane[T, Q]
	cutting *Lane[T, Q] // the lane that makes or submits a feed: the token is for it
	last    *Lane[T, Q] // the one that did so last
}

// NewCore makes the lanes of one unit, without state.
func NewCore[T, Q any](cfg Config, hooks Hooks[T, Q]) *Core[T, Q] {
	c := &Core[T, Q]{
		cfg: cfg.withDefaults(), hooks: hooks, lanes: make(map[string]*Lane[T, Q]),
		running: make(map[runningKey]*Lane[T, Q]), accounts: make(map[string]*perAccount[T, Q]),
	}
	calls := func(operation string, also ...string) *lane.Lanes {
		return lane.New(model.ShareOf(operation, c.cfg.FeedType), c.cfg.Limits.Of, also...).In(c.cfg.Role, commands.Doctor)
	}
	c.uploads = calls(model.CreateFeedDocument)
	if c.submits = calls(model.CreateFeed); c.cfg.FeedType == model.JSONListingsFeed {
		c.submits = calls(model.CreateFeed, model.CreateListingsFeed)
	}
	c.lookups = calls(model.GetFeeds)
	c.cancels = calls(model.CancelFeed)
	return c
}

// Calls are the sets of its calls.
func (c *Core[T, Q]) Calls() []*lane.Lanes {
	return []*lane.Lanes{c.uploads, c.submits, c.lookups, c.cancels}
}

// Start puts what was restored to work, at the first moment that has a time.
func (c *Core[T, Q]) Start(tx *machine.Tx) {
	for _, f := range c.lanes {
		c.resume(tx, f)
	}
}

// resume goes on with what an earlier owner left in a lane.
func (c *Core[T, Q]) resume(tx *machine.Tx, f *Lane[T, Q]) {
	switch f.Phase {
	case PhaseIntent:
		c.unclear(tx, f, errors.New("the process ended before the answer came"), Remains(f.left, 0, f.leftEnd, tx.Now))
	case PhaseRunning:
		c.running[runningKey{f.Account, f.ID}] = f
	}
	if f.Frozen() {
		c.hooks.Thaw(tx, f)
	}
	c.WakeNow(tx, f)
}

// Result takes the outcome of a call, and reports whether it is of a lane.
func (c *Core[T, Q]) Result(tx *machine.Tx, res *machine.Result) bool {
	f := c.lanes[res.Call.Key]
	if f == nil {
		return false
	}
	if !f.call.InFlight() {
		return true // a call of the machine before this one: what it was for is in the state
	}
	switch res.Call.Operation {
	case model.CreateFeedDocument:
		c.uploaded(tx, f, res)
	case model.CreateFeed:
		c.submitted(tx, f, res)
	case model.GetFeeds:
		c.lookedUp(tx, f, res)
	case model.CancelFeed:
		c.cancelled(tx, f, res)
	}
	c.WakeNow(tx, f)
	return true
}

// Draw starts the calls that quota and time allow.
func (c *Core[T, Q]) Draw(tx *machine.Tx) {
	for item := c.timers.Pop(tx.Now); item != nil; item = c.timers.Pop(tx.Now) {
		f := c.lanes[item.Key]
		c.next(tx, f)
		c.hooks.Look(tx, f)
		c.cutFeed(tx, f)
	}
	c.uploads.Draw(tx, func(item *lane.Item) { c.upload(tx, c.lanes[item.Key]) })
	c.submits.Draw(tx, func(item *lane.Item) { c.submit(tx, c.lanes[item.Key]) })
	c.lookups.Draw(tx, func(item *lane.Item) { c.findFeed(tx, c.lanes[item.Key]) })
	c.cancels.Draw(tx, func(item *lane.Item) { c.cancelFeed(tx, c.lanes[item.Key]) })
	if next := c.timers.Due(); !next.IsZero() {
		tx.WakeAt(next)
	}
}

// Due is when Draw has something to do; zero for never. An owner asks for that moment once more
// where what it does after Draw can wake a lane.
func (c *Core[T, Q]) Due() time.Time { return c.timers.Due() }

// Changed looks at the lanes of an account anew, whose calls may follow now.
func (c *Core[T, Q]) Changed(tx *machine.Tx, account string) {
	for _, f := range c.Of(account) {
		c.WakeNow(tx, f)
	}
}

// Observe notes since when items are under way.
func (c *Core[T, Q]) Observe(stats *machine.Stats) {
	for _, f := range c.lanes {
		stats.Since(f.Oldest())
	}
}

// All are the lanes by state key.
func (c *Core[T, Q]) All() map[string]*Lane[T, Q] { return c.lanes }

// Of are the lanes of an account.
func (c *Core[T, Q]) Of(account string) []*Lane[T, Q] {
	if a := c.accounts[account]; a != nil {
		return a.lanes
	}
	return nil
}

func (c *Core[T, Q]) account(id string) *perAccount[T, Q] {
	a := c.accounts[id]
	if a == nil {
		a = &perAccount[T, Q]{}
		c.accounts[id] = a
	}
	return a
}

// Lane is the lane of an account and a marketplace, made when it is not there.
func (c *Core[T, Q]) Lane(account, marketplace string) *Lane[T, Q] {
	a := c.account(account)
	for _, f := range a.lanes {
		if f.Marketplace == marketplace {
			return f
		}
	}
	f := newLane[T, Q](c.key(account, marketplace), account, marketplace)
	f.cfg, f.name, f.fill = &c.cfg, c.hooks.Name, c.hooks.Fill
	c.lanes[f.Key()] = f
	a.lanes = append(a.lanes, f)
	return f
}

func (c *Core[T, Q]) key(account, marketplace string) string {
	return Key(account, c.cfg.FeedType, marketplace)
}

// WakeNow makes Draw look at a lane in this tick, or the next if there is no Draw.
func (c *Core[T, Q]) WakeNow(tx *machine.Tx, f *Lane[T, Q]) { c.WakeAt(f, tx.Now) }

// WakeAt makes Draw look at a lane by t at the latest.
func (c *Core[T, Q]) WakeAt(f *Lane[T, Q], t time.Time) {
	if !f.timer.Queued() || t.Before(f.due) {
		f.due = t
		c.timers.Add(&f.timer, t)
	}
}

// alert tells a person.
func (c *Core[T, Q]) alert(tx *machine.Tx, account string, a schemas.Alert) {
	a.Account, a.Role = account, c.cfg.Role
	tx.Alert(&a)
}
