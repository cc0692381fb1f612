package orders

import (
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/schemas"
)

// Origins of a fetch: what made us look.
const (
	originNotification = "NOTIFICATION"
	originRecovered    = "RECOVERED"
	originReplay       = "REPLAY"
	originBackfill     = "BACKFILL"
)

const (
	// buyerRequestedChange is the change type whose time Amazon does not move
	// the order's lastUpdatedTime to.
	buyerRequestedChange = "BuyerRequestedChange"

	// maxSeen bounds the remembered NotificationIds of an order, and maxSeenID
	// each of them: Amazon's are UUIDs of 36 characters.
	maxSeen   = 16
	maxSeenID = 64

	// maxReplaced bounds the remembered contents of one lastUpdatedTime.
	maxReplaced = 4
	// settling is by how much two reads of Amazon's can lie apart, in milliseconds. For so
	// long after a state was emitted, another content of its lastUpdatedTime may be older.
	settling = millis(10 * time.Second / time.Millisecond)

	// maxAhead is how far ahead of our clock a change's time is believed.
	maxAhead = 5 * time.Minute
)

// millis is a time in Unix milliseconds; 0 is no time. A machine can hold a
// million orders: a time.Time is three times as large.
type millis int64

func millisOf(t time.Time) millis {
	if t.IsZero() {
		return 0
	}
	return millis(t.UnixMilli())
}

func (m millis) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m)).UTC()
}

// before reports whether an order's lastUpdatedTime m is older than a notified
// time. Amazon notifies milliseconds, but its orders were seen with whole
// seconds: those are compared as seconds, or each would look too old.
func (m millis) before(notified millis) bool {
	if m%1000 == 0 {
		return m/1000 < notified/1000
	}
	return m < notified
}

// earliest is the earlier one of those that are given.
func earliest(a, b millis) millis {
	if a == 0 || (b != 0 && b < a) {
		return b
	}
	return a
}

// order is schemas.OrderState in a compact form, with its place in the lanes.
type order struct {
	lane.Item
	account string

	pendingSince, notBefore, received millis
	wanted, emitted, missing, touched millis
	shipBy                            millis // of the present fetch; see need
	buyerEnd                          millis // from when buyer data is not asked for; 0 where that is not known
	dirtyReceived                     millis // received time of the changes that made it dirty
	refusedSince                      millis
	look                              millis // when the look was asked for that the present fetch is to answer; 0 for none
	shown                             millis // when emittedID was emitted; after a restart, the last save. Not in the state

	replaced  []string         // the contents that emittedID has replaced, of the same lastUpdatedTime, the newest last
	failure   *schemas.Failure // why the last fetch was given up, until Amazon has answered; nil where it was not
	emittedID string
	origin    string // of the present fetch or, when idle, of the last one
	seen      []string
	attempts  int32
	stale     int32
	refusals  int32
	urgency   urgency // of the present fetch
	pending   bool
	dirty     bool // a change arrived during the call: fetch again

	// Whether a change without a time asked for this fetch, and for the one after
	// it. Not in the state: it only guards against reads that lag.
	untimed, dirtyUntimed bool

	// What of the order Orders v0 has given so far. Not in the state: a new owner
	// begins again.
	part *partV0

	// Where the order is while it is unproven, whether a search has found it, and whether
	// its gate has counted this fetch as a miss. Not in the state: a new owner lets it
	// wait at the gate again.
	place  place
	listed bool // in gate.came
	found  bool
	missed bool
	sought bool // a search has been asked to look for it once more; see searchBack

	// What a page of a search has shown during the call, in case that fails. Not in the
	// state: a new owner asks getOrder again.
	page *shownPage
}

func newOrder(key, account string) *order {
	// The account's name is a part of the key: sharing it saves an allocation.
	account = key[len(orderPrefix) : len(orderPrefix)+len(account)]
	return &order{Item: lane.Item{Key: key}, account: account, origin: originNotification, urgency: urgentMerchant}
}

func (o *order) id() string { return o.Key[len(orderPrefix)+len(o.account)+1:] }

// paged reports whether pages of searches led to the fetch.
func (o *order) paged() bool { return o.origin == originRecovered || o.origin == originBackfill }

// note takes a change in and reports whether it is news: whether the order must
// be fetched after this moment because of it.
func (o *order) note(change *schemas.OrderChange, now time.Time) bool {
	changed, received := millisOf(change.ChangeTime), millisOf(change.ReceivedTime)
	timed := changed > 0 && change.ChangeType != buyerRequestedChange && changed <= millisOf(now.Add(maxAhead))
	id := change.NotificationID[:min(len(change.NotificationID), maxSeenID)]
	seen, known := slices.Contains(o.seen, id), max(o.emitted, o.wanted)
	switch {
	case millisOf(now) < o.missing:
		return false // forged ids must not burn the quota
	case timed && changed < known:
		return false // what we have, or are about to have, includes it
	case timed && o.paged() && !o.pending && !o.emitted.before(changed):
		return false // it was found and fetched minutes after this change
	case seen && (!timed || changed == known):
		return false // a repeat; two changes can have the same time
	case timed:
		o.wanted = changed
	}
	if !seen {
		o.seen = append(o.seen[max(0, len(o.seen)-maxSeen+1):], strings.Clone(id))
	}
	switch {
	case o.InFlight():
		o.hasten(change)
		o.dirty = true
		o.dirtyUntimed = o.dirtyUntimed || !timed
		o.dirtyReceived = earliest(o.dirtyReceived, received)
	case o.pending:
		if o.stale > maxStale { // the long wait was for an earlier change
			o.stale, o.notBefore = 0, 0
		}
		o.origin = originNotification
		o.hasten(change)
		o.untimed = o.untimed || !timed
		o.received = earliest(o.received, received)
	default:
		o.want(now, originNotification, received, !timed)
		o.urgency, o.shipBy = need(change)
	}
	return true
}

// again asks for an order once more, whatever is known of it, because a change of
// it is processed again, and reports whether that is news. What is asked already
// will be answered after this moment.
func (o *order) again(now time.Time) bool {
	if o.pending || millisOf(now) < o.missing {
		return false
	}
	o.want(now, originReplay, 0, false)
	return true
}

// want begins a new fetch.
func (o *order) want(now time.Time, origin string, received millis, untimed bool) {
	o.reset()
	o.pending, o.origin, o.untimed = true, origin, untimed
	o.pendingSince, o.received, o.missing = millisOf(now), received, 0
	o.urgency = urgentLow
}

// fetched ends a fetch, or begins the next one if a change came meanwhile.
func (o *order) fetched(now time.Time) {
	dirty, received, untimed, class, shipBy := o.dirty, o.dirtyReceived, o.dirtyUntimed, o.urgency, o.shipBy
	o.reset()
	if dirty {
		o.want(now, originNotification, received, untimed)
		o.urgency, o.shipBy = class, shipBy
	}
}

// reset forgets all that is about one fetch.
func (o *order) reset() {
	o.pending, o.dirty, o.untimed, o.dirtyUntimed = false, false, false, false
	o.pendingSince, o.received, o.dirtyReceived, o.notBefore = 0, 0, 0, 0
	o.attempts, o.stale, o.part, o.missed, o.sought = 0, 0, nil, false, false
	o.urgency, o.shipBy, o.look = urgentMerchant, 0, 0
}

// unsatisfied ends a fetch that did not give what was notified: a repeat of
// the notification is news again.
func (o *order) unsatisfied(now time.Time) {
	if !o.dirty {
		o.wanted, o.seen = o.emitted, nil
	}
	o.fetched(now)
}

// lags reports whether an answer seems to be from before the notified change, or from
// before what was emitted: older than its time or, where it has none, equal to what we
// have, or to what that replaced.
func (o *order) lags(updated millis, content string, now millis) bool {
	return o.behind(updated) || o.untimed && content == o.emittedID || o.doubtful(updated, content, now)
}

// doubtful reports whether an answer may be from before what was emitted, although it has
// its lastUpdatedTime: it is what that replaced, or another content that comes so soon
// after it that a replica of Amazon's may just be late.
func (o *order) doubtful(updated millis, content string, now millis) bool {
	return slices.Contains(o.replaced, content) || updated == o.emitted && content != o.emittedID && now-o.shown < settling
}

// show takes note of a state that is emitted. Contents of one lastUpdatedTime have no
// order of their own, so that those that are gone are remembered.
func (o *order) show(updated millis, content string, now millis) {
	switch {
	case updated != o.emitted:
		o.replaced = nil
	case o.emittedID != "":
		o.replaced = slices.DeleteFunc(append(o.replaced, o.emittedID), func(gone string) bool { return gone == content })
		o.replaced = o.replaced[max(0, len(o.replaced)-maxReplaced):]
	}
	o.emitted, o.emittedID, o.shown = updated, content, now
}

// behind reports whether an answer is older than what was notified or emitted.
func (o *order) behind(updated millis) bool { return updated.before(max(o.wanted, o.emitted)) }

// forgetAt is when an idle order may be deleted. One that Amazon does not know
// is kept only as long as that is believed.
func (o *order) forgetAt() millis {
	if o.emitted == 0 && o.missing != 0 {
		return o.missing
	}
	return o.touched + millis(keepIdle.Milliseconds())
}

func (o *order) state() *schemas.OrderState {
	urgency := ""
	if o.pending {
		urgency = o.urgency.String()
	}
	return &schemas.OrderState{
		Account:      o.account,
		OrderID:      o.id(),
		Pending:      o.pending,
		PendingSince: o.pendingSince.time(),
		WantedTime:   o.wanted.time(),
		Attempts:     o.attempts,
		StaleAnswers: o.stale,
		NotBefore:    o.notBefore.time(),
		Origin:       o.origin,
		ReceivedTime: o.received.time(),
		EmittedTime:  o.emitted.time(),
		EmittedID:    o.emittedID,
		ReplacedIDs:  slices.Clone(o.replaced),
		Seen:         slices.Clone(o.seen),
		MissingUntil: o.missing.time(),
		TouchedTime:  o.touched.time(),

		BuyerDataEndTime: o.buyerEnd.time(),

		Refusals: o.refusals, RefusedSince: o.refusedSince.time(), Failure: o.failure,
		Urgency: urgency, ShipByTime: o.shipBy.time(), LookTime: o.look.time(),
	}
}

func restored(key string, state *schemas.OrderState) *order {
	o := newOrder(key, state.Account)
	o.pending = state.Pending
	o.pendingSince = millisOf(state.PendingSince)
	o.wanted = millisOf(state.WantedTime)
	o.attempts = state.Attempts
	o.stale = state.StaleAnswers
	o.notBefore = millisOf(state.NotBefore)
	switch state.Origin { // the constants are shared
	case originNotification:
	case originRecovered:
		o.origin = originRecovered
	case originReplay:
		o.origin = originReplay
	case originBackfill:
		o.origin = originBackfill
	default:
		o.origin = state.Origin
	}
	o.received = millisOf(state.ReceivedTime)
	o.emitted = millisOf(state.EmittedTime)
	o.emittedID, o.replaced = state.EmittedID, state.ReplacedIDs
	o.seen = state.Seen
	o.missing = millisOf(state.MissingUntil)
	o.touched = millisOf(state.TouchedTime)
	o.shown = o.touched
	o.buyerEnd = millisOf(state.BuyerDataEndTime)
	o.refusals = state.Refusals
	o.refusedSince, o.failure = millisOf(state.RefusedSince), state.Failure
	o.urgency, o.shipBy, o.look = urgencyOf(state), millisOf(state.ShipByTime), millisOf(state.LookTime)
	return o
}
