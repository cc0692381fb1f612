package feedlane

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// This file and attempt.go own the lanes of a role whose items go to Amazon by feeds only.

const (
	// maxItems bounds a feed of Lanes, since the lane's entry holds its items. The entry
	// holds as many that wait after a failure.
	maxItems = 500
	// maxRefusal bounds what the entry keeps of Amazon's words about one of them.
	maxRefusal = 300
)

// Lanes are the feeds of a role about orders. An item is known by the owner's key, and is
// settled once. The lanes remember by themselves which items a feed carries and how often
// one was tried: the owner keeps its items until they are settled, and adds them again after
// a restart.
type Lanes struct {
	core   *Core[item, queue]
	owner  Owner
	items  map[string]*item // by key
	counts map[string]int   // of them, by account
	holds  lane.Queue       // those that wait after a failure
	fresh  bool             // no tick yet
}

// Owner is the role that has the items.
type Owner interface {
	// Message is what a feed says of an item, without its MessageID. It is asked for when
	// a document is made, perhaps several times. It is false for a key that the owner does
	// not know any more, which the lanes then forget.
	Message(key string) (message model.OrderMessage, known bool)
	// Returned is called when an item waits again that an intent or a feed carried. Meanwhile
	// the owner may have learned what makes it change or remove the item.
	Returned(tx *machine.Tx, key string)
	// Settled takes the end of an item, in the transaction that sees it: once for each
	// item, which the lanes then have forgotten. The owner ignores a key that it does
	// not know any more.
	Settled(tx *machine.Tx, key string, end Settlement)
}

// Kind is how an item ended.
type Kind byte

const (
	// Accepted means that Amazon took the message, and will carry it out.
	Accepted Kind = iota
	// Rejected means that Amazon refused the message, with the words of Verdict.
	Rejected
	// Failed means that for Patience nothing has brought an answer, though it was sent alone, or for
	// four times as long with others, or that a feed may have carried it out that does not say so
	// (Config.Never); Verdict says why.
	Failed
)

// Settlement is how an item ended.
type Settlement struct {
	Kind Kind
	Verdict
	FeedID string    // "" where no feed came about
	At     time.Time // when the feed was asked for
}

// queue is what waits for a lane's feeds.
type queue struct {
	ready lane.Queue       // by since when
	tried map[string]*item // waiting items that a feed has failed with, by key
}

// item is one of the owner's, from Add until it is settled or removed.
type item struct {
	lane.Item // in queue.ready, or in Lanes.holds
	feeds     *Lane[item, queue]
	since     time.Time
	held      bool     // in Lanes.holds
	gone      bool     // removed, or settled, while a document was made
	message   int32    // its number in the feed that carries it; 0 for none
	verdict   *Verdict // what the report of that feed says against it
	attempts  int32    // feeds that have settled nothing
	most      int32    // items that its next feed may have; 0 for any number, or failedAlone
	failing   time.Time
	notBefore time.Time
}

// New makes the lanes of one unit, without state.
func New(cfg Config, owner Owner) *Lanes {
	if cfg.MaxMessages <= 0 || cfg.MaxMessages > maxItems {
		cfg.MaxMessages = maxItems
	}
	l := &Lanes{owner: owner, items: make(map[string]*item), counts: make(map[string]int), fresh: true}
	nothing := func(*machine.Tx, *Lane[item, queue]) {}
	l.core = NewCore(cfg, Hooks[item, queue]{
		Waiting: func(f *Lane[item, queue]) (int, time.Time) { return f.Own.ready.Len(), f.Own.ready.Due() },
		Look:    l.look, Gather: l.gather, Barred: func(i *item) bool { return i.gone },
		Carried: l.carried, Taken: nothing, Thaw: nothing, Freeze: nothing,
		Refused: l.refused, Dissolved: l.dissolved, GivenBack: l.returned,
		Note:  func(_ *machine.Tx, i *item, issue *schemas.FeedIssue) { i.verdict = refusalOf(issue) },
		Noted: func(i *item) bool { return i.verdict != nil }, Void: func(_ *machine.Tx, i *item) { i.verdict = nil },
		Fill: fill, Settle: l.settle,
	})
	return l
}

// Add makes an item wait for a feed, in the order of since. It does nothing for one that
// waits or is carried, but moves one that waits in another marketplace. An owner that
// restores its state adds all items that are not settled before the first tick.
func (l *Lanes) Add(account, marketplace, key string, since time.Time) {
	f := l.core.Lane(account, marketplace)
	i := l.item(key)
	if i.message == 0 && i.feeds != nil && i.feeds != f { // its document, if it is in one, is given up
		was := i
		l.forget(was)
		i = l.item(key)
		i.attempts, i.most, i.failing, i.notBefore = was.attempts, was.most, was.failing, was.notBefore
	}
	i.since = since
	if i.message > 0 || i.Queued() || f.making(i) {
		return
	}
	l.assign(i, f)
	l.put(i)
}

// assign gives an item its lane.
func (l *Lanes) assign(i *item, f *Lane[item, queue]) {
	i.feeds = f
	l.counts[f.Account]++
}

// item is the one of a key, made when it is not there.
func (l *Lanes) item(key string) *item {
	i := l.items[key]
	if i == nil {
		key = strings.Clone(key)
		i = &item{Item: lane.Item{Key: key}}
		l.items[key] = i
	}
	return i
}

// Remove makes an item wait no more, and reports whether that was in time: one that an intent
// or a feed carries is settled by that.
func (l *Lanes) Remove(key string) bool {
	i := l.items[key]
	if i == nil {
		return true
	}
	if i.message > 0 {
		return false
	}
	l.forget(i)
	return true
}

// Carries reports whether an intent or a feed carries an item.
func (l *Lanes) Carries(key string) bool {
	i := l.items[key]
	return i != nil && i.message > 0
}

// forget drops an item.
func (l *Lanes) forget(i *item) {
	l.unqueue(i)
	if i.feeds != nil {
		delete(i.feeds.Own.tried, i.Key)
		l.counts[i.feeds.Account]--
	}
	i.gone = true
	delete(l.items, i.Key)
}

// put queues an item that is nowhere.
func (l *Lanes) put(i *item) {
	if i.attempts > 0 && len(i.feeds.Own.tried) < maxItems {
		if i.feeds.Own.tried == nil {
			i.feeds.Own.tried = make(map[string]*item)
		}
		i.feeds.Own.tried[i.Key] = i
	}
	if i.held = !i.notBefore.IsZero(); i.held {
		l.holds.Add(&i.Item, i.notBefore)
		return
	}
	i.feeds.Own.ready.Add(&i.Item, i.since)
	l.core.WakeAt(i.feeds, i.since)
}

// unqueue takes an item out of its queue.
func (l *Lanes) unqueue(i *item) {
	switch {
	case !i.Queued():
	case i.held:
		l.holds.Remove(&i.Item)
	default:
		i.feeds.Own.ready.Remove(&i.Item)
	}
}

// Restore takes an entry of the committed state, of an age, and reports whether it is one of
// the lanes'.
func (l *Lanes) Restore(key string, value any, age time.Duration) (mine bool, err error) {
	state, ok := value.(*schemas.FeedLaneState)
	if !ok {
		return slices.ContainsFunc(l.core.Calls(), func(calls *lane.Lanes) bool { return calls.Restore(value) }), nil
	}
	if state.FeedType != l.core.cfg.FeedType {
		return false, nil
	}
	if err := l.core.Restore(key, state, age); err != nil {
		return true, err
	}
	f := l.core.Lane(state.Account, state.MarketplaceID)
	for n := range state.Items[:min(len(state.Items), 2*maxItems)] {
		l.restoreItem(f, &state.Items[n])
	}
	return true, nil
}

func (l *Lanes) restoreItem(f *Lane[item, queue], s *schemas.FeedLaneItem) {
	i := l.item(s.Key)
	queued := i.Queued() // the owner has added it before
	l.unqueue(i)
	i.attempts, i.most, i.failing, i.notBefore = s.Attempts, s.Most, whole(s.FailingSince), whole(s.NotBefore)
	switch {
	case s.MessageID != nil && f.Carry(*s.MessageID, i):
		if i.message = *s.MessageID; i.feeds == nil {
			l.assign(i, f)
		}
		if s.Code != "" || s.Message != "" {
			i.verdict = &Verdict{Code: strings.Clone(s.Code), Message: strings.Clone(s.Message)}
		}
	case queued:
		l.put(i)
	}
}

// start puts what was restored to work, at the first moment that has a time.
func (l *Lanes) start(tx *machine.Tx) {
	if !l.fresh {
		return
	}
	l.fresh = false
	for key, i := range l.items {
		if i.feeds == nil { // the owner does not have it any more
			delete(l.items, key)
		}
	}
	l.core.Start(tx)
}

// Record takes what became of a feed: a FeedIssues or a FeedResult.
func (l *Lanes) Record(tx *machine.Tx, value any) {
	l.start(tx)
	switch value := value.(type) {
	case *schemas.FeedIssues:
		l.core.Issues(tx, value)
	case *schemas.FeedResult:
		l.core.Ended(tx, value)
	}
}

// Result takes the outcome of a call, and reports whether it is of a lane.
func (l *Lanes) Result(tx *machine.Tx, res *machine.Result) bool {
	l.start(tx)
	return l.core.Result(tx, res) || isKey(res.Call.Key, l.core.cfg.FeedType)
}

// Draw starts the calls that quota and time allow.
func (l *Lanes) Draw(tx *machine.Tx) {
	l.start(tx)
	for next := l.holds.Pop(tx.Now); next != nil; next = l.holds.Pop(tx.Now) {
		i := l.items[next.Key]
		i.since, i.notBefore = i.notBefore, time.Time{} // behind those that came before that
		l.put(i)
	}
	l.core.Draw(tx)
	if next := l.holds.Due(); !next.IsZero() {
		tx.WakeAt(next)
	}
}

// Changed takes accounts that may be mended: their calls do not wait for the next probe of a
// parked lane, and have the limits of now.
func (l *Lanes) Changed(tx *machine.Tx, accounts []string) {
	for _, account := range accounts {
		for _, calls := range l.core.Calls() {
			calls.Changed(tx, account)
		}
		l.core.Changed(tx, account)
	}
}

// Pending is how many items are not settled. Those of parked accounts are counted apart.
func (l *Lanes) Pending() int {
	parked := 0
	for account, n := range l.counts {
		if n > 0 && slices.ContainsFunc(l.core.Calls(), func(calls *lane.Lanes) bool { return calls.Parked(account) }) {
			parked += n
		}
	}
	return lane.Apart(len(l.items)-parked, parked)
}

// Held is how many items are not settled, those of parked accounts too.
func (l *Lanes) Held() int { return len(l.items) }

// PendingOf is how many items of an account are not settled.
func (l *Lanes) PendingOf(account string) int { return l.counts[account] }

// Observe notes since when items wait, and the quotas of sending them.
func (l *Lanes) Observe(stats *machine.Stats) {
	for _, calls := range l.core.Calls() {
		calls.Observe(stats)
	}
	l.core.Observe(stats)
	for _, f := range l.core.All() {
		stats.Since(f.Own.ready.Due())
	}
	for next := range l.holds.All() {
		stats.Since(l.items[next.Key].since)
	}
}

// fill puts the items into the lane's entry that the feed carries, and those that one has
// failed with.
func fill(f *Lane[item, queue], state *schemas.FeedLaneState) {
	for _, i := range f.Members {
		if i != nil {
			state.Items = append(state.Items, i.state())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(f.Own.tried)) {
		state.Items = append(state.Items, f.Own.tried[key].state())
	}
}

func (i *item) state() schemas.FeedLaneItem {
	s := schemas.FeedLaneItem{Key: i.Key, Attempts: i.attempts, Most: i.most, FailingSince: i.failing, NotBefore: i.notBefore}
	if i.message > 0 {
		message := i.message
		s.MessageID = &message
	}
	if i.verdict != nil {
		s.Code, s.Message = i.verdict.Code, i.verdict.Message
	}
	return s
}
