package inventory

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

// The phases of a feed lane. Making a document is no phase: a document that no
// feed names is nothing, so it is not remembered.
const (
	phaseIdle    = "IDLE"
	phaseIntent  = "INTENT"
	phaseRunning = "RUNNING"
	phaseParked  = "PARKED"
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

// feedLane is the lane of an (account, feed type, marketplace), and the one feed
// that may be under way in it: schemas.FeedLaneState with what only memory
// holds.
type feedLane struct {
	call  lane.Item   // its place among the calls
	calls *lane.Lanes // which they are
	timer lane.Item   // its place in Machine.timers
	due   time.Time   // when the timer is due

	account     string
	marketplace string

	phase     string
	intent    intent
	intentAt  time.Time // intent.time with its monotonic reading
	id        string    // Amazon's id of the running feed
	adopted   bool
	submitted millis
	cancel    []string // feeds to cancel
	audit     millis   // since when a ghost of an earlier intent may exist
	ghost     bool
	stuck     bool // past its objective
	known     []schemas.KnownFeed

	ready    lane.Queue // SKUs to send, by since when
	feedOnly lane.Queue // SKUs that go by no patch: replayed ones, and those whose patches fail, take the room that ready leaves
	fenced   lane.Queue // SKUs that the feed carries and that want something newer

	cut       *cut            // a document that is being made
	members   []*sku          // of the intent or the running feed: members[messageId-1]
	named     map[string]*sku // members by name, where a report needs it
	until     time.Time       // no look-up before; with its monotonic reading, as doubt
	doubt     time.Time       // in phaseIntent: the quarantine's end, which no clock that is set may shorten; zero while the answer is awaited
	looks     int             // in the quarantine so far
	asked     time.Time       // when the last look-up began: its answer is of that time
	auditAt   time.Time       // no audit before
	heldUntil millis          // no document before
	refusals  int             // look-ups that failed, one after the other
	trouble   trouble         // what is wrong with its feeds
	most      int             // SKUs of the next feed while they are refused; 0 for no such bound
	toldOf    time.Time       // when an alert named a SKU of it
	found     []model.Feed    // by the look-up so far
	nextToken string
	paging    model.Paging

	left    time.Duration // of a restored intent: what was left of its quarantine at the takeover,
	leftEnd millis        // and when it ends by the clock of who wrote it
}

// intent is what createFeed was asked for.
type intent struct {
	id       string
	document string
	sha256   string
	bytes    int64
	messages int32
	time     millis
	oldest   millis // when the update that waited longest for it was received
}

func feedKey(account, marketplace string) string {
	return feedPrefix + account + "/" + model.JSONListingsFeed + "/" + marketplace
}

func newFeedLane(key, account, marketplace string) *feedLane {
	return &feedLane{
		call: lane.Item{Key: key}, timer: lane.Item{Key: key},
		account: strings.Clone(account), marketplace: strings.Clone(marketplace), phase: phaseIdle,
	}
}

// busy reports whether a call of the lane is queued or in flight.
func (f *feedLane) busy() bool { return f.call.Queued() || f.call.InFlight() }

// waiting is how many SKUs want something newer than what was sent for them.
func (f *feedLane) waiting() int { return f.ready.Len() + f.fenced.Len() }

// oldest is since when the first of them waits; zero for none.
func (f *feedLane) oldest() time.Time { return machine.Earliest(f.ready.Due(), f.fenced.Due()) }

// pop takes out the SKU whose turn it is for a feed, with since when it waits.
func (f *feedLane) pop(now time.Time) (since time.Time, item *lane.Item) {
	since = f.ready.Due()
	if item = f.ready.Pop(now); item == nil {
		return f.popFeedOnly(now)
	}
	return since, item
}

// popFeedOnly is pop of those that only a feed may carry.
func (f *feedLane) popFeedOnly(now time.Time) (since time.Time, item *lane.Item) {
	return f.feedOnly.Due(), f.feedOnly.Pop(now)
}

// knows reports whether a feed id is accounted for.
func (f *feedLane) knows(id string) bool {
	for i := range f.known {
		if f.known[i].FeedID == id {
			return true
		}
	}
	return false
}

// know remembers a feed, and forgets the one that was noted first when they are many.
func (f *feedLane) know(id string, at millis) {
	if !f.knows(id) {
		f.known = f.known[max(0, len(f.known)-maxKnown+1):]
		f.known = append(f.known, schemas.KnownFeed{FeedID: strings.Clone(id), Time: at.time()})
	}
}

// forget drops the known feeds that no look-up for an intent of now, or for an
// audit that is still to be made, can show.
func (f *feedLane) forget(now millis) {
	oldest := now
	if f.audit != 0 {
		oldest = min(oldest, f.audit)
	}
	oldest = oldest.add(-knownFor)
	kept := f.known[:0]
	for _, k := range f.known {
		if millisOf(k.Time) > oldest {
			kept = append(kept, k)
		}
	}
	f.known = kept
}

// clear ends what was under way. An audit that is still to be made stays.
func (f *feedLane) clear() {
	f.phase, f.intent, f.id, f.adopted, f.submitted = phaseIdle, intent{}, "", false, 0
	f.cancel, f.ghost, f.stuck, f.until, f.doubt, f.members = nil, false, false, time.Time{}, time.Time{}, nil
	f.named = nil
	f.leaveList()
}

func (f *feedLane) save(tx *machine.Tx) {
	tx.Put(f.call.Key, &schemas.FeedLaneState{
		Account: f.account, FeedType: model.JSONListingsFeed, MarketplaceID: f.marketplace, Phase: f.phase,
		IntentID: f.intent.id, InputFeedDocumentID: f.intent.document, SHA256: f.intent.sha256,
		Bytes: f.intent.bytes, Messages: f.intent.messages,
		IntentTime: f.intent.time.time(), OldestUpdateTime: f.intent.oldest.time(),
		FeedID: f.id, Adopted: f.adopted, SubmittedTime: f.submitted.time(), Cancel: slices.Clone(f.cancel),
		AuditSince: f.audit.time(), Ghost: f.ghost, Stuck: f.stuck, Known: slices.Clone(f.known),
		ChangedTime: tx.Now, DoubtUntil: f.doubt, FailingSince: f.trouble.since.time(), Failing: f.trouble.reason,
		Failures: f.trouble.count, Told: f.trouble.told, MostSkus: int32(f.most), SKUToldTime: f.toldOf,
	})
}

// restoreFeedLane fills a lane from its committed entry. The SKUs that it carries
// come by themselves.
func (m *Machine) restoreFeedLane(key string, state *schemas.FeedLaneState, age time.Duration) error {
	switch state.Phase {
	case phaseIdle, phaseIntent, phaseRunning, phaseParked:
	default:
		return fmt.Errorf("inventory: state %s has the unknown phase %q: a later version wrote it", key, state.Phase)
	}
	if state.Messages < 0 || state.Messages > model.MaxFeedMessages {
		return fmt.Errorf("inventory: state %s has a feed of %d messages, more than Amazon takes", key, state.Messages)
	}
	f := m.feedLane(state.Account, state.MarketplaceID)
	f.phase = strings.Clone(state.Phase)
	f.intent = intent{
		id: strings.Clone(state.IntentID), document: strings.Clone(state.InputFeedDocumentID), sha256: strings.Clone(state.SHA256),
		bytes: state.Bytes, messages: state.Messages, time: millisOf(state.IntentTime), oldest: millisOf(state.OldestUpdateTime),
	}
	f.intentAt = state.IntentTime
	f.id, f.adopted, f.submitted = strings.Clone(state.FeedID), state.Adopted, millisOf(state.SubmittedTime)
	f.audit, f.ghost, f.stuck = millisOf(state.AuditSince), state.Ghost, state.Stuck
	for _, id := range state.Cancel {
		f.wantCancel(id)
	}
	for _, k := range state.Known {
		f.know(k.FeedID, millisOf(k.Time))
	}
	if f.intent.messages > 0 {
		f.members = make([]*sku, f.intent.messages)
	}
	f.trouble = trouble{millisOf(state.FailingSince), strings.Clone(state.Failing), state.Failures, state.Told}
	f.most, f.toldOf = int(state.MostSkus), state.SKUToldTime
	m.restoreDoubt(f, state, age)
	return nil
}

// restoreDoubt computes what is left of the quarantine of a restored intent, and
// when an audit may be made.
func (m *Machine) restoreDoubt(f *feedLane, state *schemas.FeedLaneState, age time.Duration) {
	whole := m.cfg.inheritedQuarantine()
	last := state.IntentTime.Add(whole)
	end, written := state.DoubtUntil, state.ChangedTime
	if written.IsZero() { // a version before this wrote it
		written = state.IntentTime
	}
	if end.IsZero() {
		end = last
	}
	f.left, f.leftEnd = end.Sub(written)-age, min(millisOf(end), millisOf(last))
	if f.audit != 0 {
		f.auditAt = f.audit.add(whole + clocksApart).time()
	}
}

// ask queues the lane's next call.
func (f *feedLane) ask(tx *machine.Tx, calls *lane.Lanes) {
	f.calls = calls
	calls.Add(f.account, &f.call, tx.Now)
}

// carry gives a restored SKU its place in the feed, if the feed has it.
func (f *feedLane) carry(s *sku) bool {
	i := int(s.work.message) - 1
	if i >= len(f.members) || f.members[i] != nil {
		return false
	}
	f.members[i] = s
	return true
}
