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

const (
	// lookBack is how long before an intent a feed's createdTime is still taken for
	// its own: what our clock and Amazon's can disagree on.
	lookBack = 15 * time.Minute
	// parkedLook is how often a parked lane looks whether its candidates have ended.
	parkedLook = 15 * time.Minute
	// lookBase and lookLimit bound the wait after a look-up failed.
	lookBase  = 10 * time.Second
	lookLimit = 5 * time.Minute
	// pageSize is Amazon's largest.
	pageSize = 100
)

// lookUp asks for the feeds that can be the intent's, or the next page of them.
func (m *Machine) lookUp(tx *machine.Tx, f *feed) {
	request := &model.GetFeedsRequest{NextToken: f.nextToken}
	if f.nextToken == "" { // which excludes all others
		f.pages = nil
		request.FeedTypes, request.MarketplaceIDs = []string{model.JSONListingsFeed}, []string{f.marketplace}
		request.CreatedSince, request.PageSize = f.lookSince().time(), pageSize
	}
	tx.Call(machine.Call{Account: f.account, Operation: model.GetFeeds, Key: f.call.Key, Request: request})
}

// lookSince is since when a feed's createdTime can mean that it is the intent's,
// or a ghost's of an earlier one.
func (f *feed) lookSince() millis {
	since := f.intent.time
	if f.audit != 0 {
		since = min(since, f.audit)
	}
	return since.add(-lookBack)
}

// lookedUp takes a page of feeds and, after the last one, decides: rule 3.
func (m *Machine) lookedUp(tx *machine.Tx, f *feed, res *machine.Result) {
	m.lookups.Finish(tx, f.account, &f.call, res)
	if f.phase == phaseIdle {
		return // an audit of a feed that has ended meanwhile: the next one's will do
	}
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		page, ok := outcome.Response.(*model.GetFeedsResponse)
		if !ok {
			m.lookAgain(tx, f)
			return
		}
		f.pages = append(f.pages, page.Feeds...)
		if f.nextToken = page.NextToken; f.nextToken != "" {
			return // the next page is asked for
		}
		f.refusals = 0
		found := f.candidates(m.cfg.patchWait())
		f.pages = nil
		m.decide(tx, f, found)
	case machine.Snooze, machine.Park: // the lane waits by itself
	default:
		m.lookAgain(tx, f)
	}
}

// lookAgain begins a look-up anew: a page's token may have become void.
func (m *Machine) lookAgain(tx *machine.Tx, f *feed) {
	f.refusals++
	f.nextToken, f.pages = "", nil
	f.until = tx.Now.Add(lane.Backoff(f.call.Key, f.refusals, lookBase, lookLimit))
}

// candidates are the feeds found that nobody accounts for. Amazon carries a call
// out within late of its intent: a parked lane need not wait for the end of what
// another program submits after that.
func (f *feed) candidates(late time.Duration) []model.Feed {
	until := f.intent.time.add(late + lookBack)
	var found []model.Feed
	for i := range f.pages {
		c := &f.pages[i]
		if c.FeedType == model.JSONListingsFeed && slices.Contains(c.MarketplaceIDs, f.marketplace) &&
			!f.knows(c.FeedID) && millisOf(c.CreatedTime) >= f.lookSince() &&
			(f.phase != phaseParked || millisOf(c.CreatedTime) <= until) &&
			!slices.ContainsFunc(found, func(o model.Feed) bool { return o.FeedID == c.FeedID }) {
			found = append(found, *c)
		}
	}
	return found
}

// decide says what the feeds found mean to the lane.
func (m *Machine) decide(tx *machine.Tx, f *feed, found []model.Feed) {
	switch {
	case f.phase == phaseRunning:
		m.audited(tx, f, found)
	case f.phase == phaseParked:
		m.parked(tx, f, found)
	case len(found) == 0:
		if f.audit == 0 {
			f.audit = f.intent.time
		}
		m.giveBack(tx, f)
	case len(found) == 1:
		// While an earlier try may still come to life this can be it, with the
		// quantities of then and as many messages: they are sent again.
		f.ghost = f.audit != 0
		m.runs(tx, f, found[0].FeedID, millisOf(found[0].CreatedTime), true)
	default:
		f.phase, f.until = phaseParked, tx.Now.Add(parkedLook)
		f.save(tx)
		alert(tx, f.account, schemas.Alert{
			EventType: alertUnclear, Severity: critical, Subject: f.marketplace, Since: f.intent.time.time(),
			Message: fmt.Sprintf("it is not known which of the feeds %s is ours: the answer to our createFeed was lost, and something else "+
				"submits feeds for the seller. The marketplace's feeds wait until these have ended, then all quantities are sent again; "+
				"stop the other program, or give it an account of its own", feedIDs(found)),
			Attributes: map[string]string{"marketplaceId": f.marketplace, "feedIds": feedIDs(found)},
		})
	}
}

// parked lets a lane go on when none of the feeds that may be its own can be
// carried out any more.
func (m *Machine) parked(tx *machine.Tx, f *feed, found []model.Feed) {
	if slices.ContainsFunc(found, func(c model.Feed) bool { return !hasEnded(c.ProcessingStatus) }) {
		f.until = tx.Now.Add(parkedLook)
		return
	}
	for i := range found {
		f.know(found[i].FeedID, millisOf(found[i].CreatedTime))
	}
	m.giveBack(tx, f)
}

// audited looks, once a feed was submitted again, whether the first try has
// come to life after all. Such a ghost may carry older quantities out after
// the running feed, so those are sent again when it has ended.
func (m *Machine) audited(tx *machine.Tx, f *feed, found []model.Feed) {
	f.audit = 0
	for i := range found {
		ghost := &found[i]
		f.ghost = true
		f.know(ghost.FeedID, millisOf(ghost.CreatedTime))
		if ghost.ProcessingStatus == model.FeedInQueue {
			f.wantCancel(ghost.FeedID)
		}
		alert(tx, f.account, schemas.Alert{
			EventType: alertForeign, Severity: warning, Subject: ghost.FeedID, Since: ghost.CreatedTime,
			Message: "Amazon has a feed that nobody accounts for: it applied a submission later than apply_delay and show_delay allow, " +
				"or another program submits for the seller. The quantities of the present feed are sent again",
			Attributes: map[string]string{"marketplaceId": f.marketplace, "processingStatus": ghost.ProcessingStatus},
		})
	}
	f.save(tx)
}

func hasEnded(status string) bool {
	return status == model.FeedDone || status == model.FeedCancelled || status == model.FeedFatal
}

func feedIDs(feeds []model.Feed) string {
	ids := make([]string, 0, len(feeds))
	for i := range feeds {
		ids = append(ids, feeds[i].FeedID)
	}
	return words(strings.Join(ids, ", "))
}
