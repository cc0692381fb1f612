package accountstatus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Phases of feeds in the state; see FeedLaneState.phase and FeedState.phase.
const (
	phaseIntent  = "INTENT"
	phaseRunning = "RUNNING"
	phaseParked  = "PARKED"
	phaseReport  = "REPORT"
)

// Settings describe what is known besides the state.
type Settings struct {
	Now      time.Time // on the pipeline's clock
	Accounts []string  // the configured ones
	Only     string    // the one account that is asked for; "" for all
	Quota    quota.Overrides
	OrdersV0 bool // whether orders are read with Orders v0
	// MaxMessages is how many SKUs a feed holds, and PatchBelow how few wait for single
	// calls instead.
	MaxMessages, PatchBelow int
}

// Fold gathers the newest entries of the state. It is used by one goroutine.
type Fold struct {
	settings Settings
	accounts map[string]*entry
	writes   *Pause   // the switch of all writing calls
	unread   []string // entries of the state that cannot be read
}

// entry is an account on the way to its Standing.
type entry struct {
	Standing
	work    map[string]*Work
	buckets map[string]*schemas.QuotaState
	stock   int                  // SKUs that are to be sent
	blocked bool                 // whether they wait for a feed's end, or for a person
	feeds   map[string]Feed      // by id
	calls   map[string]int       // wanted, by operation
	failed  map[string]*failures // by role
}

// NewFold begins with the configured accounts.
func NewFold(settings Settings) *Fold {
	f := &Fold{settings: settings, accounts: make(map[string]*entry)}
	for _, id := range settings.Accounts {
		if e := f.of(id); e != nil {
			e.Configured = true
		}
	}
	return f
}

// of is the entry of an account, nil for one that is not asked for.
func (f *Fold) of(account string) *entry {
	if f.settings.Only != "" && account != f.settings.Only {
		return nil
	}
	e := f.accounts[account]
	if e == nil {
		e = &entry{
			Standing: Standing{Account: account, Work: []Work{}, Operations: []Operation{}, Feeds: []Feed{}, Waits: []Wait{}},
			work:     make(map[string]*Work), buckets: make(map[string]*schemas.QuotaState),
			feeds: make(map[string]Feed), calls: make(map[string]int), failed: make(map[string]*failures),
		}
		f.accounts[account] = e
	}
	return e
}

// Take takes the newest value of a key: pointers to the types of package
// schemas. What says nothing about an account is passed over.
func (f *Fold) Take(value any) {
	switch v := value.(type) {
	case *schemas.Switch:
		f.takeSwitch(v)
	case *schemas.QuotaState:
		if e := f.of(v.Account); e != nil {
			e.buckets[v.Operation] = v
		}
	case *schemas.LaneState:
		if e := f.of(v.Account); e != nil && (v.Parked || v.Until.After(f.settings.Now)) {
			e.Waits = append(e.Waits, waitOf(v))
		}
	case *schemas.OrderState:
		if e := f.of(v.Account); e != nil {
			f.takeOrder(e, v)
		}
	case *schemas.SearchState:
		if e := f.of(v.Account); e != nil {
			e.notifications().Searched, e.notifications().Found = v.CursorTime, v.Found
		}
	case *schemas.NotificationPace:
		if e := f.of(v.Account); e != nil {
			e.takePace(v)
		}
	case *schemas.InventoryState:
		if e := f.of(v.Account); e != nil {
			f.takeSKU(e, v)
		}
	case *schemas.FeedLaneState:
		if e := f.of(v.Account); e != nil {
			e.takeFeedLane(v)
		}
	case *schemas.FeedState:
		if e := f.of(v.Account); e != nil {
			e.takeFeed(v)
		}
	case *schemas.ShipmentState:
		if e := f.of(v.Account); e != nil {
			f.takeShipments(e, v)
		}
	}
}

// Stop takes a unit that stands still. The accounts are those of its partition
// that the state or the configuration knows.
func (f *Fold) Stop(unit stream.Stopped, partitions int32) {
	owns := stream.Mine(machine.Unit{Processor: unit.Role, Partition: unit.Partition, Partitions: partitions})
	for account, e := range f.accounts {
		if owns(account) {
			e.Stopped = append(e.Stopped, unit)
		}
	}
}

// Unread notes an entry of the state that cannot be read. What the others say
// is shown.
func (f *Fold) Unread(topic string, partition int32, key string, err error) {
	f.unread = append(f.unread, fmt.Sprintf("topic %s, partition %d, key %q cannot be read: %v", topic, partition, key, err))
}

// UnreadBatch notes a batch of the state that cannot be read.
func (f *Fold) UnreadBatch(err error) {
	f.unread = append(f.unread, err.Error()+": what it holds is not shown")
}

// Unreadable are the entries and batches of the state that cannot be read, a line each.
func (f *Fold) Unreadable() []string { return f.unread }

func (e *entry) notifications() *Notifications {
	if e.Notifications == nil {
		e.Notifications = &Notifications{}
	}
	return e.Notifications
}

func (e *entry) takePace(v *schemas.NotificationPace) {
	n := e.notifications()
	if n.Last = v.LastTime; v.LastTime.Equal(v.StartedTime) { // none came yet
		n.Last = time.Time{}
	}
	if !v.AlertedTime.IsZero() && v.EndedTime.IsZero() {
		n.Silent = v.AlertedTime
	}
}

func (f *Fold) getOrder() string {
	if f.settings.OrdersV0 {
		return model.GetOrderV0
	}
	return model.GetOrder
}

func (f *Fold) takeSwitch(v *schemas.Switch) {
	if !v.Paused {
		return
	}
	pause := &Pause{Since: v.Since, By: v.By, Reason: v.Reason}
	if v.Subject == schemas.AllWrites {
		f.writes = pause
	} else if e := f.of(v.Subject); e != nil {
		e.Paused = pause
	}
}

// add notes a piece of work of a role.
func (e *entry) add(role string, since time.Time, key string, underWay bool) {
	w := e.work[role]
	if w == nil {
		w = &Work{Role: role}
		e.work[role] = w
	}
	w.Pending++
	if underWay {
		w.UnderWay++
	}
	if w.OldestKey == "" || machine.Earliest(w.Oldest, since).Equal(since) {
		w.Oldest, w.OldestKey = since, key
	}
}

func (f *Fold) takeOrder(e *entry, v *schemas.OrderState) {
	if !v.Pending {
		e.fail("orders", v.Failure, f.settings.Now)
		return
	}
	e.add("orders", v.PendingSince, "order "+v.OrderID, false)
	e.calls[f.getOrder()]++
}

func (f *Fold) takeSKU(e *entry, v *schemas.InventoryState) {
	e.fail("inventory", v.Failure, f.settings.Now)
	if d := v.Doubt; d != nil && d.Until.After(f.settings.Now) {
		e.doubtful(Doubt{Operation: model.PatchListingsItem, SKUs: 1, Since: d.Since, Until: d.Until})
	}
	var since time.Time
	for _, update := range []*schemas.PendingUpdate{v.Wanted, v.Sent, v.Patch} {
		if update != nil {
			since = machine.Earliest(since, update.ReceivedTime)
		}
	}
	if since.IsZero() {
		return
	}
	key := "SKU " + v.SKU
	if v.MarketplaceID != "" {
		key += " in " + v.MarketplaceID
	}
	e.add("inventory", since, key, v.Sent != nil || v.Patch != nil)
	if v.Wanted != nil {
		e.stock++
	}
}

func (e *entry) takeFeedLane(v *schemas.FeedLaneState) {
	if !v.FailingSince.IsZero() && v.Phase != phaseParked {
		wait := Wait{Operation: model.CreateFeed, Reason: v.Failing, Since: v.FailingSince, Until: v.DoubtUntil}
		if v.Told {
			wait.Alerts = []string{"StockWaits"}
		}
		e.Waits = append(e.Waits, wait)
	}
	feed := Feed{ID: v.FeedID, Type: v.FeedType, MarketplaceID: v.MarketplaceID, Phase: v.Phase, Messages: int(v.Messages), Stuck: v.Stuck}
	switch v.Phase {
	case phaseRunning:
		feed.Since = v.SubmittedTime
		e.blocked = true
	case phaseIntent:
		feed.Since = v.IntentTime
		e.calls[model.CreateFeed]++
		if !v.DoubtUntil.IsZero() { // else the call is under way
			e.doubtful(Doubt{Operation: model.CreateFeed, MarketplaceID: v.MarketplaceID, SKUs: int(v.Messages), Since: v.IntentTime, Until: v.DoubtUntil})
		}
	case phaseParked:
		feed.Since = v.IntentTime
		e.blocked = true
		e.Waits = append(e.Waits, Wait{
			Operation: model.CreateFeed, Since: v.IntentTime,
			Reason: "several feeds of Amazon's may be the one that was submitted: see the alert FeedsUnclear", Alerts: []string{"FeedsUnclear"},
		})
	default:
		return
	}
	e.mergeFeed(feed)
}

func (e *entry) takeFeed(v *schemas.FeedState) {
	if v.Phase != phaseRunning && v.Phase != phaseReport {
		return
	}
	e.add("feeds", v.SubmittedTime, "feed "+v.FeedID, true)
	if v.Phase == phaseReport {
		e.calls[model.GetFeedDocument]++
	}
	e.mergeFeed(Feed{
		ID: v.FeedID, Type: v.FeedType, MarketplaceID: v.MarketplaceID, Phase: v.Phase,
		Status: v.ProcessingStatus, Since: v.SubmittedTime, Stuck: !v.StuckTime.IsZero(),
	})
}

// mergeFeed joins what two processors know of a feed.
func (e *entry) mergeFeed(feed Feed) {
	key := feed.ID
	if key == "" {
		key = feed.Type + "/" + feed.MarketplaceID
	}
	if known, ok := e.feeds[key]; ok {
		feed.Messages, feed.Stuck = max(feed.Messages, known.Messages), feed.Stuck || known.Stuck
		feed.Status = cmp.Or(feed.Status, known.Status)
		if known.Phase == phaseReport {
			feed.Phase = phaseReport
		}
	}
	e.feeds[key] = feed
}

func (f *Fold) takeShipments(e *entry, v *schemas.ShipmentState) {
	for i := range v.Packages {
		p := &v.Packages[i]
		if v.Status != "SHIPPED" && v.Status != "CANCELLED" { // else it was settled elsewhere
			e.fail("shipments", p.Failure, f.settings.Now)
		}
		var since time.Time
		for _, s := range []*schemas.PendingShipment{p.Wanted, p.Sent} {
			if s != nil {
				since = machine.Earliest(since, s.ReceivedTime)
			}
		}
		if since.IsZero() {
			continue
		}
		e.add("shipments", since, "package "+p.PackageID+" of order "+v.OrderID, p.Sent != nil)
		e.calls[model.ConfirmShipment]++
	}
}

// Standings are those of all accounts, the ones that want a person first, then
// those whose work has waited longest.
func (f *Fold) Standings() []*Standing {
	standings := make([]*Standing, 0, len(f.accounts))
	for _, e := range f.accounts {
		standings = append(standings, e.finish(f.settings))
	}
	slices.SortFunc(standings, func(a, b *Standing) int {
		if c := cmp.Compare(b.severity(), a.severity()); c != 0 {
			return c
		}
		if c := compareOldest(a.Oldest(), b.Oldest()); c != 0 {
			return c
		}
		return strings.Compare(a.Account, b.Account)
	})
	return standings
}

// WritesPaused is the switch that pauses the writing calls of all accounts; nil
// where they go on.
func (f *Fold) WritesPaused() *Pause { return f.writes }

// compareOldest puts what waits before what does not.
func compareOldest(a, b time.Time) int {
	switch {
	case a.IsZero() || b.IsZero():
		return cmp.Compare(b2i(a.IsZero()), b2i(b.IsZero()))
	default:
		return a.Compare(b)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
