package feedlane

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// The phases of a lane. Making a document is no phase: a document that no
// feed names is nothing, so it is not remembered.
const (
	PhaseIdle    = "IDLE"
	PhaseIntent  = "INTENT"
	PhaseRunning = "RUNNING"
	PhaseParked  = "PARKED"
)

// knownFor is how long before an intent a feed stays known. It covers the
// window of a look-up, and an hour of disagreement between two clocks.
const knownFor = lookBack + time.Hour

// maxKnown and maxCancel bound what a lane remembers of other feeds, so that its entry
// fits a record. A feed that is not cancelled is followed by a resend all the same.
const (
	maxKnown  = maxPages * pageSize
	maxCancel = 100
)

// Lane is the lane of an (account, feed type, marketplace), and the one feed
// that may be under way in it: schemas.FeedLaneState with what only memory
// holds.
type Lane[T, Q any] struct {
	Own Q // the role's

	call  lane.Item   // its place among the calls
	calls *lane.Lanes // which they are
	timer lane.Item   // its place in Core.timers
	due   time.Time   // when the timer is due

	Account     string
	Marketplace string
	cfg         *Config

	Phase     string
	Intent    intent
	intentAt  time.Time // intent.time with its monotonic reading
	ID        string    // Amazon's id of the running feed
	Adopted   bool
	submitted time.Time
	cancel    []string  // feeds to cancel
	audit     time.Time // since when a ghost of an earlier intent may exist
	ghost     bool
	Stuck     bool // past its objective
	known     []schemas.KnownFeed

	cut       *Cut[T] // a document that is being made
	Members   []*T    // of the intent or the running feed: Members[messageId-1]
	name      func(*T) string
	fill      func(*Lane[T, Q], *schemas.FeedLaneState)
	named     map[string]*T // members by name, where a report needs it
	Until     time.Time     // no look-up before; with its monotonic reading, as doubt
	Doubt     time.Time     // in PhaseIntent: the quarantine's end, which no clock that is set may shorten; zero while the answer is awaited
	looks     int           // in the quarantine so far
	asked     time.Time     // when the last look-up began: its answer is of that time
	auditAt   time.Time     // no audit before
	heldUntil time.Time     // no document before
	refusals  int           // look-ups that failed, one after the other
	trouble   trouble       // what is wrong with its feeds
	most      int           // items of the next feed while they are refused; 0 for no such bound
	ToldOf    time.Time     // when an alert named an item of it
	SKUTold   string        // the item's state key, while that alert holds
	unclearAt time.Time     // when the alert AlertUnclear was raised that holds; zero for none
	found     []model.Feed  // by the look-up so far
	nextToken string
	paging    model.Paging

	left    time.Duration // of a restored intent: what was left of its quarantine at the takeover,
	leftEnd time.Time     // and when it ends by the clock of who wrote it
}

// intent is what createFeed was asked for.
type intent struct {
	id       string
	document string
	sha256   string
	bytes    int64
	messages int32
	time     time.Time
	oldest   time.Time // when the item that waited longest for it was received
}

// Key is the state key of a lane.
func Key(account, feedType, marketplace string) string {
	return KeyPrefix + account + "/" + feedType + "/" + marketplace
}

// isKey reports whether key is that of a lane of a feed type.
func isKey(key, feedType string) bool {
	return strings.HasPrefix(key, KeyPrefix) && strings.Contains(key, "/"+feedType+"/")
}

func newLane[T, Q any](key, account, marketplace string) *Lane[T, Q] {
	return &Lane[T, Q]{
		call: lane.Item{Key: key}, timer: lane.Item{Key: key},
		Account: strings.Clone(account), Marketplace: strings.Clone(marketplace), Phase: PhaseIdle,
	}
}

// Key is its state key.
func (f *Lane[T, Q]) Key() string { return f.call.Key }

// Busy reports whether a call of the lane is queued or in flight.
func (f *Lane[T, Q]) Busy() bool { return f.call.Queued() || f.call.InFlight() }

// Carried is how many items its feed, or the document that is being made, carries.
func (f *Lane[T, Q]) Carried() int {
	n := len(f.Members)
	if f.cut != nil {
		n += len(f.cut.Members)
	}
	return n
}

// Oldest is since when the one of them waits that has waited longest; zero for none.
func (f *Lane[T, Q]) Oldest() time.Time {
	if f.cut != nil {
		return f.cut.Oldest
	}
	return f.Intent.oldest
}

// Found is how many feeds the look-up under way has found so far.
func (f *Lane[T, Q]) Found() int { return len(f.found) }

// knows reports whether a feed id is accounted for.
func (f *Lane[T, Q]) knows(id string) bool {
	for i := range f.known {
		if f.known[i].FeedID == id {
			return true
		}
	}
	return false
}

// know remembers a feed, and forgets the one that was noted first when they are many.
func (f *Lane[T, Q]) know(id string, at time.Time) {
	if !f.knows(id) {
		f.known = f.known[max(0, len(f.known)-maxKnown+1):]
		f.known = append(f.known, schemas.KnownFeed{FeedID: strings.Clone(id), Time: at})
	}
}

// forget drops the known feeds that no look-up for an intent of now, or for an
// audit that is still to be made, can show.
func (f *Lane[T, Q]) forget(now time.Time) {
	oldest := machine.Earliest(now, f.audit).Add(-knownFor)
	f.known = slices.DeleteFunc(f.known, func(k schemas.KnownFeed) bool { return !whole(k.Time).After(oldest) })
}

// clear ends what was under way. An audit that is still to be made stays.
func (f *Lane[T, Q]) clear() {
	f.Phase, f.Intent, f.ID, f.Adopted, f.submitted = PhaseIdle, intent{}, "", false, time.Time{}
	f.cancel, f.ghost, f.Stuck, f.Until, f.Doubt, f.Members = nil, false, false, time.Time{}, time.Time{}, nil
	f.named = nil
	f.leaveList()
}

// Save writes the lane's entry.
func (f *Lane[T, Q]) Save(tx *machine.Tx) {
	state := &schemas.FeedLaneState{
		Account: f.Account, FeedType: f.cfg.FeedType, MarketplaceID: f.Marketplace, Phase: f.Phase,
		IntentID: f.Intent.id, InputFeedDocumentID: f.Intent.document, SHA256: f.Intent.sha256,
		Bytes: f.Intent.bytes, Messages: f.Intent.messages,
		IntentTime: f.Intent.time, OldestUpdateTime: f.Intent.oldest,
		FeedID: f.ID, Adopted: f.Adopted, SubmittedTime: f.submitted, Cancel: slices.Clone(f.cancel),
		AuditSince: f.audit, Ghost: f.ghost, Stuck: f.Stuck, Known: slices.Clone(f.known),
		ChangedTime: tx.Now, DoubtUntil: f.Doubt, FailingSince: f.trouble.since, Failing: f.trouble.reason,
		Failures: f.trouble.count, Told: f.trouble.told, ToldTime: f.trouble.toldAt, MostSkus: int32(f.most),
		SKUToldTime: f.ToldOf, SKUTold: f.SKUTold, UnclearTime: f.unclearAt,
	}
	if f.fill != nil {
		f.fill(f, state)
	}
	tx.Put(f.call.Key, state)
}

// Restore fills a lane from its committed entry, of an age. The items that it carries
// come by themselves (Carry).
func (c *Core[T, Q]) Restore(key string, state *schemas.FeedLaneState, age time.Duration) error {
	switch {
	case key != Key(state.Account, state.FeedType, state.MarketplaceID):
		return fmt.Errorf("%s: state %s is about feed type %s, marketplace %s of account %s", c.cfg.Role, key, state.FeedType, state.MarketplaceID, state.Account)
	case state.FeedType != c.cfg.FeedType:
		return fmt.Errorf("%s: state %s is about feed type %s: %w", c.cfg.Role, key, state.FeedType, schemas.ErrUnknownKind)
	case !slices.Contains([]string{PhaseIdle, PhaseIntent, PhaseRunning, PhaseParked}, state.Phase):
		return fmt.Errorf("%s: state %s has the unknown phase %q: a later version wrote it", c.cfg.Role, key, state.Phase)
	case state.Messages < 0 || state.Messages > model.MaxFeedMessages:
		return fmt.Errorf("%s: state %s has a feed of %d messages, more than Amazon takes", c.cfg.Role, key, state.Messages)
	}
	f := c.Lane(state.Account, state.MarketplaceID)
	f.Phase = strings.Clone(state.Phase)
	f.Intent = intent{
		id: strings.Clone(state.IntentID), document: strings.Clone(state.InputFeedDocumentID), sha256: strings.Clone(state.SHA256),
		bytes: state.Bytes, messages: state.Messages, time: whole(state.IntentTime), oldest: whole(state.OldestUpdateTime),
	}
	f.intentAt = state.IntentTime
	f.ID, f.Adopted, f.submitted = strings.Clone(state.FeedID), state.Adopted, whole(state.SubmittedTime)
	f.audit, f.ghost, f.Stuck = whole(state.AuditSince), state.Ghost, state.Stuck
	for _, id := range state.Cancel {
		f.wantCancel(id)
	}
	for _, k := range state.Known {
		f.know(k.FeedID, whole(k.Time))
	}
	if f.Intent.messages > 0 {
		f.Members = make([]*T, f.Intent.messages)
	}
	f.trouble = trouble{
		since: whole(state.FailingSince), reason: strings.Clone(state.Failing), count: state.Failures, told: state.Told, toldAt: state.ToldTime,
	}
	f.most, f.ToldOf, f.SKUTold, f.unclearAt = int(state.MostSkus), state.SKUToldTime, strings.Clone(state.SKUTold), state.UnclearTime
	c.restoreDoubt(f, state, age)
	return nil
}

// restoreDoubt computes what is left of the quarantine of a restored intent, and
// when an audit may be made.
func (c *Core[T, Q]) restoreDoubt(f *Lane[T, Q], state *schemas.FeedLaneState, age time.Duration) {
	quarantine := c.cfg.InheritedQuarantine()
	last := state.IntentTime.Add(quarantine)
	end, written := state.DoubtUntil, state.ChangedTime
	if written.IsZero() { // a version before this wrote it
		written = state.IntentTime
	}
	if end.IsZero() {
		end = last
	}
	f.left, f.leftEnd = end.Sub(written)-age, whole(machine.Earliest(end, last))
	if !f.audit.IsZero() {
		f.auditAt = f.audit.Add(quarantine + clocksApart)
	}
}

// Carry gives a restored item its place in the feed, and reports whether the feed has it.
func (f *Lane[T, Q]) Carry(messageID int32, member *T) bool {
	i := int(messageID) - 1
	if i < 0 || i >= len(f.Members) || f.Members[i] != nil {
		return false
	}
	f.Members[i] = member
	return true
}

// ask queues the lane's next call.
func (f *Lane[T, Q]) ask(tx *machine.Tx, calls *lane.Lanes) {
	f.calls = calls
	calls.Add(f.Account, &f.call, tx.Now)
}

// whole is a time as the state keeps it: in milliseconds, and no clock's reading.
func whole(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
