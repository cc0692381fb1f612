// Package feeds follows each submitted feed to its end. Its Machine learns of
// feeds from feed-submissions, asks getFeed when a notification says that one
// has ended or when polling is due, reads the processing report, and writes how
// the feed ended to feed-results.
//
// The rules that it keeps, which the property test cites:
//
//  1. Every call was preceded by the committed wish for it (FeedState.phase).
//  2. At most one call per feed is in flight.
//  3. A feed ends by what getFeed says, never by a notification alone.
//  4. Each submission gets exactly one FeedCompleted, behind the FeedIssues of
//     its report and in their transaction.
//  5. A feed past its objective gets one FeedStuck and one alert, never after
//     its FeedCompleted.
//  6. A notification of a feed that nobody submits within a day is told in an
//     alert, at most one a day and account, and is asked after at no time. One
//     that went to several accounts of its seller is taken by the account that
//     submitted the feed, and told by none.
package feeds

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Processor is the name of the role.
const Processor = "feeds"

// Operations are the operations whose quota the processor owns.
func Operations() []string { return []string{model.GetFeed, model.GetFeedDocument} }

// Prefixes of the state's keys, except for those of the lanes.
const (
	feedPrefix = "feed/"
	pacePrefix = "pace/"
)

const (
	// defaultStuckAfter and defaultPatience are Config's defaults.
	defaultStuckAfter = 2 * time.Hour
	defaultPatience   = 6 * time.Hour

	// keepFinished is how long a finished feed is remembered: as long as a
	// notification can stay in the input topic.
	keepFinished = 7 * 24 * time.Hour
	// sweepBatch bounds the timers that one tick follows.
	sweepBatch = 1000
)

// Config is what the processor needs besides its input.
type Config struct {
	// Accounts is the directory of the moment; it may be replaced while running.
	Accounts func() *account.Directory
	// Limits are the accounts' own; nil for Amazon's defaults.
	Limits quota.Limits
	// StuckAfter is a feed's objective: a feed that has not ended this long after
	// its submission, nor after four times what such feeds take, is stuck. 2 h by
	// default.
	StuckAfter time.Duration
	// Patience is for how long a report is tried that cannot be had, before the feed ends
	// without it; 6 h by default. The feed itself is asked after four times as long
	// while Amazon refuses or does not answer, and for a sixth of it while it says that
	// there is no such feed.
	Patience time.Duration
}

// Machine is the logic of one unit.
type Machine struct {
	cfg     Config
	feeds   map[string]*feed             // by state key
	paces   map[string]*schemas.FeedPace // by state key
	status  operation                    // getFeed
	reports operation                    // getFeedDocument
	timers  lane.Queue                   // what time alone brings about, by feed

	// strangers counts each account's entries of feeds that nobody has submitted.
	strangers map[string]strangers
}

// New makes the machine of one unit, without state.
func New(cfg Config) *Machine {
	cfg.StuckAfter = cmp.Or(cfg.StuckAfter, defaultStuckAfter)
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	return &Machine{
		cfg: cfg, feeds: make(map[string]*feed), paces: make(map[string]*schemas.FeedPace),
		status: newOperation(model.GetFeed, cfg.Limits), reports: newOperation(model.GetFeedDocument, cfg.Limits),
		strangers: make(map[string]strangers),
	}
}

// Restore takes an entry of the committed state.
func (m *Machine) Restore(key string, value any) error {
	switch state := value.(type) {
	case *schemas.QuotaState, *schemas.LaneState:
		if !m.status.lanes.Restore(state) && !m.reports.lanes.Restore(state) {
			return fmt.Errorf("feeds: state %s is of an operation that is not ours: %w", key, schemas.ErrUnknownKind)
		}
	case *schemas.FeedPace:
		if key != paceKey(state.Account, state.FeedType) {
			return fmt.Errorf("feeds: state %s is about feed type %s of account %s", key, state.FeedType, state.Account)
		}
		m.paces[key] = state
	case *schemas.FeedState:
		if key != feedKey(state.Account, state.FeedID) {
			return fmt.Errorf("feeds: state %s is about feed %s of account %s", key, state.FeedID, state.Account)
		}
		f := newFeed(key, state)
		m.feeds[key] = f
		m.count(f, +1)
		m.status.lanes.Known(f.Account)
		m.reports.lanes.Known(f.Account)
		m.settle(f)
	default:
		return fmt.Errorf("feeds: state %s is a %T: %w", key, value, schemas.ErrUnknownKind)
	}
	return nil
}

// Record takes a submission or a notification.
func (m *Machine) Record(tx *machine.Tx, rec *machine.Record) {
	switch value := rec.Value.(type) {
	case *schemas.FeedSubmission:
		if m.accepts(tx, rec, value.Account, value.FeedID, value.FeedType) {
			m.submitted(tx, value)
		}
	case *schemas.FeedNotification:
		if m.known(tx, rec) && m.accepts(tx, rec, value.Account, value.FeedID, value.FeedType) {
			m.notified(tx, value)
		}
	default:
		tx.Unexpected(rec, "a FeedSubmission or a FeedNotification")
	}
}

// known sets aside a notification for an account that is not configured. A
// submission is our own, and whoever made it waits for its end: it is kept when
// the account was removed meanwhile, and followed when that comes back.
func (m *Machine) known(tx *machine.Tx, rec *machine.Record) bool {
	_, ok := machine.Configured(tx, rec, m.cfg.Accounts().ByID)
	return ok
}

// accepts checks what both kinds of record have in common, and sets aside what
// is wrong.
func (m *Machine) accepts(tx *machine.Tx, rec *machine.Record, account, feedID, feedType string) bool {
	if !tx.Keyed(rec, account) {
		return false
	}
	if !validName(feedID) {
		tx.Reject(rec, "invalid_feed_id", "the feed id is not one that Amazon gives, such as 50021020203")
		return false
	}
	if !validName(feedType) {
		tx.Reject(rec, "invalid_feed_type", "the feed type is not one that Amazon has, such as "+model.JSONListingsFeed)
		return false
	}
	return true
}

// submitted takes a submission in, once: from now on the feed is followed.
func (m *Machine) submitted(tx *machine.Tx, submission *schemas.FeedSubmission) {
	key := feedKey(submission.Account, submission.FeedID)
	f := m.feeds[key]
	if f != nil && f.Phase != held && f.Phase != foreign {
		return // the same submission again
	}
	early := f != nil
	if early {
		m.count(f, -1)
	} else {
		f = newFeed(key, nil)
		m.feeds[key] = f
	}
	f.FeedState = &schemas.FeedState{
		Account: submission.Account, FeedID: submission.FeedID, FeedType: submission.FeedType,
		Phase: running, PhaseTime: tx.Now,
		MarketplaceID: submission.MarketplaceID, SubmittedTime: submission.SubmittedTime,
	}
	if f.SubmittedTime.IsZero() {
		f.SubmittedTime = tx.Now
	}
	pace := m.pace(f)
	f.ExpectedSeconds = int32(pace.ExpectedSeconds + 0.5)
	f.NotBefore = nextPoll(f, pace, tx.Now)
	if early {
		f.hint(tx.Now)
	}
	m.save(tx, f)
}

// Draw follows what time has brought about and starts the calls that quota
// allows.
func (m *Machine) Draw(tx *machine.Tx) {
	for range sweepBatch {
		item := m.timers.Pop(tx.Now)
		if item == nil {
			break
		}
		m.expired(tx, m.feeds[item.Key])
	}
	m.draw(tx, &m.status, func(f *feed) any { return &model.GetFeedRequest{FeedID: f.FeedID} })
	m.draw(tx, &m.reports, func(f *feed) any {
		return &model.ReadFeedReportRequest{FeedDocumentID: f.ResultFeedDocumentID}
	})
	if next := m.timers.Due(); !next.IsZero() {
		tx.WakeAt(next)
	}
}

func (m *Machine) draw(tx *machine.Tx, op *operation, request func(*feed) any) {
	op.lanes.Draw(tx, func(item *lane.Item) {
		f := m.feeds[item.Key]
		tx.Call(machine.Call{Account: f.Account, Operation: op.name, Key: item.Key, Request: request(f)})
	})
}

// expired follows a feed's timer.
func (m *Machine) expired(tx *machine.Tx, f *feed) {
	switch f.Phase {
	case held:
		m.unclaimed(tx, f)
	case running:
		m.overdue(tx, f)
	case report:
		m.tellReport(tx, f)
	case foreign:
		m.forget(tx, f)
	case finished:
		if f.ProcessingStatus == statusUnknown {
			f.endUnknown(tx, fmt.Sprintf("nothing has come of it for %.0f days, and it is forgotten", keepFinished.Hours()/24))
		}
		m.forget(tx, f)
	}
}

// Pending is how many feeds want a call, now or later.
func (m *Machine) Pending() int { return m.status.lanes.Pending() + m.reports.lanes.Pending() }

// save writes a feed's entry and queues the feed where it belongs.
func (m *Machine) save(tx *machine.Tx, f *feed) {
	tx.Put(f.Key, f.FeedState)
	m.settle(f)
}

// settle queues a feed for the call that it wants, unless one is in flight,
// and sets its timer.
func (m *Machine) settle(f *feed) {
	if due := f.timerAt(m.cfg.StuckAfter); due.IsZero() {
		m.timers.Remove(&f.timer)
	} else {
		m.timers.Add(&f.timer, due)
	}
	if f.InFlight() {
		return
	}
	switch f.Phase {
	case running:
		m.status.lanes.Add(f.Account, &f.Item, f.NotBefore)
	case report:
		m.reports.lanes.Add(f.Account, &f.Item, f.NotBefore)
	}
}

func (m *Machine) forget(tx *machine.Tx, f *feed) {
	m.count(f, -1)
	m.timers.Remove(&f.timer)
	delete(m.feeds, f.Key)
	tx.Delete(f.Key)
}

func feedKey(account, feedID string) string { return feedPrefix + account + "/" + feedID }

func paceKey(account, feedType string) string { return pacePrefix + account + "/" + feedType }

// validName accepts what Amazon's feed ids and types look like, and nothing
// that could be a path.
func validName(name string) bool {
	return len(name) > 0 && len(name) <= 100 && strings.IndexFunc(name, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_' && r != '.'
	}) < 0
}
