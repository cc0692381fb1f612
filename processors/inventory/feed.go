package inventory

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
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

// feed is the lane of an (account, feed type, marketplace), and the one feed
// that may be under way in it: schemas.FeedLaneState with what only memory
// holds.
type feed struct {
	call  lane.Item   // its place among the calls
	calls *lane.Lanes // which they are
	timer lane.Item   // its place in Machine.timers
	due   time.Time   // when the timer is due

	account     string
	marketplace string

	phase     string
	intent    intent
	id        string // Amazon's id of the running feed
	adopted   bool
	submitted millis
	cancel    []string // feeds to cancel
	audit     millis   // since when a ghost of an earlier intent may exist
	ghost     bool
	stuck     bool // past its objective
	known     []schemas.KnownFeed

	ready    lane.Queue // SKUs to send, by since when
	feedOnly lane.Queue // SKUs that go by no patch: replayed ones and doubtful ones take the room that ready leaves
	fenced   lane.Queue // SKUs that the feed carries and that want something newer

	cut       *cut      // a document that is being made
	members   []*sku    // of the intent or the running feed: members[messageId-1]
	until     time.Time // no look-up before; with its monotonic reading, as no clock that is set may shorten the quarantine
	heldUntil millis    // no document before
	refusals  int       // documents and feeds that Amazon refused, one after the other
	pages     []model.Feed
	nextToken string
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

func newFeed(key, account, marketplace string) *feed {
	return &feed{
		call: lane.Item{Key: key}, timer: lane.Item{Key: key},
		account: strings.Clone(account), marketplace: strings.Clone(marketplace), phase: phaseIdle,
	}
}

// feed is the lane of an account and a marketplace, made when it is not there.
func (m *Machine) feed(account, marketplace string) *feed {
	key := feedKey(account, marketplace)
	f := m.feeds[key]
	if f == nil {
		f = newFeed(key, account, marketplace)
		m.addFeed(f)
	}
	return f
}

func (m *Machine) addFeed(f *feed) {
	m.feeds[f.call.Key] = f
	a := m.account(f.account)
	a.feeds = append(a.feeds, f)
}

// busy says whether a call of the lane is queued or in flight.
func (f *feed) busy() bool { return f.call.Queued() || f.call.InFlight() }

// waiting is how many SKUs want something newer than what was sent for them.
func (f *feed) waiting() int { return f.ready.Len() + f.fenced.Len() }

// oldest is since when the first of them waits; zero for none.
func (f *feed) oldest() time.Time { return first(f.ready.Due(), f.fenced.Due()) }

// pop takes out the SKU whose turn it is for a feed, with since when it waits.
func (f *feed) pop(now time.Time) (since time.Time, item *lane.Item) {
	since = f.ready.Due()
	if item = f.ready.Pop(now); item == nil {
		since = f.feedOnly.Due()
		item = f.feedOnly.Pop(now)
	}
	return since, item
}

// first is the earlier one of two times that are given.
func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// knows says whether a feed id is accounted for.
func (f *feed) knows(id string) bool {
	for i := range f.known {
		if f.known[i].FeedID == id {
			return true
		}
	}
	return false
}

func (f *feed) know(id string, at millis) {
	if !f.knows(id) {
		f.known = append(f.known, schemas.KnownFeed{FeedID: strings.Clone(id), Time: at.time()})
	}
}

// forget drops the known feeds that no look-up for an intent of now, or for an
// audit that is still to be made, can show.
func (f *feed) forget(now millis) {
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
func (f *feed) clear() {
	f.phase, f.intent, f.id, f.adopted, f.submitted = phaseIdle, intent{}, "", false, 0
	f.cancel, f.ghost, f.stuck, f.until, f.members = nil, false, false, time.Time{}, nil
	f.pages, f.nextToken = nil, ""
}

func (f *feed) save(tx *machine.Tx) {
	tx.Put(f.call.Key, &schemas.FeedLaneState{
		Account: f.account, FeedType: model.JSONListingsFeed, MarketplaceID: f.marketplace, Phase: f.phase,
		IntentID: f.intent.id, InputFeedDocumentID: f.intent.document, SHA256: f.intent.sha256,
		Bytes: f.intent.bytes, Messages: f.intent.messages,
		IntentTime: f.intent.time.time(), OldestUpdateTime: f.intent.oldest.time(),
		FeedID: f.id, Adopted: f.adopted, SubmittedTime: f.submitted.time(), Cancel: slices.Clone(f.cancel),
		AuditSince: f.audit.time(), Ghost: f.ghost, Stuck: f.stuck, Known: slices.Clone(f.known),
	})
}

// restoreFeed fills a lane from its committed entry. The SKUs that it carries
// come by themselves.
func (m *Machine) restoreFeed(key string, state *schemas.FeedLaneState) error {
	switch state.Phase {
	case phaseIdle, phaseIntent, phaseRunning, phaseParked:
	default:
		return fmt.Errorf("inventory: state %s has the unknown phase %q: a later version wrote it", key, state.Phase)
	}
	f := m.feed(state.Account, state.MarketplaceID)
	f.phase = strings.Clone(state.Phase)
	f.intent = intent{
		id: strings.Clone(state.IntentID), document: strings.Clone(state.InputFeedDocumentID), sha256: strings.Clone(state.SHA256),
		bytes: state.Bytes, messages: state.Messages, time: millisOf(state.IntentTime), oldest: millisOf(state.OldestUpdateTime),
	}
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
	return nil
}

// ask queues the lane's next call.
func (f *feed) ask(tx *machine.Tx, calls *lane.Lanes) {
	f.calls = calls
	calls.Add(f.account, &f.call, tx.Now)
}

// carry gives a restored SKU its place in the feed, if the feed has it.
func (f *feed) carry(s *sku) bool {
	i := int(s.work.message) - 1
	if i >= len(f.members) || f.members[i] != nil {
		return false
	}
	f.members[i] = s
	return true
}
