package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
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
	// pageSize is Amazon's largest, and maxPages how many pages of a look-up are read:
	// more feeds of one type and marketplace than createFeed's quota allows in two days,
	// where an audit looks back for one.
	pageSize = 100
	maxPages = 20
	// fewLooks is how many look-ups in a row fail before a lane no longer waits for one,
	// and auditFor how long one is tried for an audit: an older ghost has ended by itself.
	fewLooks = 3
	auditFor = 24 * time.Hour
)

// findFeed asks for the feeds that can be the intent's, or the next page of them.
func (m *Machine) findFeed(tx *machine.Tx, f *feedLane) {
	request := &model.GetFeedsRequest{NextToken: f.nextToken}
	if f.nextToken == "" { // which excludes all others
		f.found, f.asked = nil, tx.Now
		request.FeedTypes, request.MarketplaceIDs = []string{model.JSONListingsFeed}, []string{f.marketplace}
		request.CreatedSince, request.PageSize = f.lookSince().time(), pageSize
	}
	tx.Call(machine.Call{Account: f.account, Operation: model.GetFeeds, Key: f.call.Key, Request: request})
}

// lookSince is since when a feed's createdTime can mean that it is the intent's,
// or a ghost's of an earlier one.
func (f *feedLane) lookSince() millis {
	since := f.intent.time
	if f.audit != 0 {
		since = min(since, f.audit)
	}
	return since.add(-lookBack)
}

// lookedUp takes a page of feeds and, after the last one, decides: rule 3.
func (m *Machine) lookedUp(tx *machine.Tx, f *feedLane, res *machine.Result) {
	m.lookups.Finish(tx, f.account, &f.call, res)
	if f.phase == phaseIdle {
		return // an audit of a feed that has ended meanwhile: the next one's will do
	}
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		m.page(tx, f, outcome.Response)
	case machine.Snooze, machine.Park: // the lane waits by itself
	case machine.Reject:
		m.lookAgain(tx, f, outcome.Err)
	case machine.Retry:
		m.lookAgain(tx, f, outcome.Err)
	case machine.Ambiguous:
		m.lookAgain(tx, f, outcome.Err)
	}
}

// page takes a page of the list.
func (m *Machine) page(tx *machine.Tx, f *feedLane, response any) {
	page, ok := response.(*model.GetFeedsResponse)
	if !ok {
		m.lookAgain(tx, f, fmt.Errorf("the answer is a %T", response))
		return
	}
	f.collect(page.Feeds, m.cfg.inheritedPatch())
	f.nextToken = page.NextToken
	if err := f.paging.Next(f.nextToken, maxPages); err != nil {
		m.lookAgain(tx, f, err)
		return
	}
	if f.nextToken != "" { // the next page is asked for
		m.unlisted(tx, f, errors.New("it goes on and on"))
		return
	}
	f.refusals = 0
	found := f.found
	f.found = nil
	m.decide(tx, f, found)
}

// lookAgain begins a look-up anew: a page's token may have become void.
func (m *Machine) lookAgain(tx *machine.Tx, f *feedLane, err error) {
	f.refusals++
	f.leaveList()
	f.until = tx.Now.Add(lane.Backoff(f.call.Key, f.refusals, lookBase, lookLimit))
	m.unlisted(tx, f, err)
}

// leaveList forgets a list that is not at its end.
func (f *feedLane) leaveList() { f.nextToken, f.found, f.paging = "", nil, model.Paging{} }

// unlisted ends what waits for a list that does not come to its end. A doubt is over
// a quarantine after its own end, when several look-ups in a row have failed; whoever
// owned the unit meanwhile, and for a parked lane too, it is over after Patience. What
// the lane carries is sent again, and an audit tells later what became of the first try.
func (m *Machine) unlisted(tx *machine.Tx, f *feedLane, err error) {
	if f.phase == phaseRunning {
		if tx.Now.Sub(f.audit.time()) > auditFor {
			f.audit = 0
			f.leaveList()
			f.save(tx)
		}
		return
	}
	enough := m.cfg.Patience
	if f.phase == phaseIntent && f.refusals >= fewLooks {
		enough = m.cfg.inheritedQuarantine() + m.cfg.quarantine()
	}
	if tx.Now.Before(f.doubt) || tx.Now.Sub(f.intent.time.time()) < enough {
		return
	}
	alert(tx, f.account, schemas.Alert{
		EventType: alertUnclear, Severity: critical, Subject: f.marketplace, Since: f.intent.time.time(),
		Message: fmt.Sprintf("it is not known whether Amazon has our feed: the answer to createFeed was lost, and the list of feeds cannot be read to its end: %v. "+
			"Its quantities are sent again. Look for a second feed of that time in Seller Central: until the list can be read, it may bring back an older quantity", err),
		Attributes: map[string]string{"marketplaceId": f.marketplace},
	})
	m.submitAgain(tx, f)
}

// submitAgain gives up an intent that getFeeds does not show. It is audited once the next
// feed runs.
func (m *Machine) submitAgain(tx *machine.Tx, f *feedLane) {
	if f.audit == 0 {
		f.audit = f.intent.time
	}
	f.auditAt = time.Time{}
	m.giveBack(tx, f)
}

// collect keeps those feeds of a page that nobody accounts for. Amazon carries a call
// out within late of its intent: a parked lane need not wait for the end of what
// another program submits after that.
func (f *feedLane) collect(page []model.Feed, late time.Duration) {
	until := f.intent.time.add(late + lookBack)
	for i := range page {
		c := &page[i]
		if c.FeedType == model.JSONListingsFeed && slices.Contains(c.MarketplaceIDs, f.marketplace) &&
			!f.knows(c.FeedID) && millisOf(c.CreatedTime) >= f.lookSince() &&
			(f.phase != phaseParked || millisOf(c.CreatedTime) <= until) &&
			!slices.ContainsFunc(f.found, func(o model.Feed) bool { return o.FeedID == c.FeedID }) {
			f.found = append(f.found, *c)
		}
	}
}

// decide does what the feeds found mean to the lane.
func (m *Machine) decide(tx *machine.Tx, f *feedLane, found []model.Feed) {
	switch {
	case f.phase == phaseRunning:
		m.audited(tx, f, found)
	case f.phase == phaseParked:
		m.parked(tx, f, found)
	case f.asked.Before(f.doubt):
		m.decideEarly(tx, f, found)
	case len(found) == 0:
		m.submitAgain(tx, f)
	case len(found) == 1:
		// While an earlier try may still come to life this can be it, with the
		// quantities of then and as many messages: they are sent again.
		f.ghost = f.audit != 0
		m.runs(tx, f, found[0].FeedID, millisOf(found[0].CreatedTime), true)
	default:
		f.phase, f.until, f.trouble.told = phaseParked, tx.Now.Add(parkedLook), true
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

// decideEarly ends the doubt before its time where the intent's feed shows: it is
// adopted. Since others may show later, they are looked for when the doubt would
// have ended. Anything else says nothing yet.
func (m *Machine) decideEarly(tx *machine.Tx, f *feedLane, found []model.Feed) {
	if len(found) != 1 || millisOf(found[0].CreatedTime) < f.intent.time.add(-earlySkew) {
		f.lookLater(tx.Now)
		return
	}
	f.ghost = f.audit != 0
	if f.audit == 0 {
		f.audit = f.intent.time
	}
	f.auditAt = f.doubt
	m.runs(tx, f, found[0].FeedID, millisOf(found[0].CreatedTime), true)
}

// parked lets a lane go on when none of the feeds that may be its own can be
// carried out any more.
func (m *Machine) parked(tx *machine.Tx, f *feedLane, found []model.Feed) {
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
func (m *Machine) audited(tx *machine.Tx, f *feedLane, found []model.Feed) {
	f.audit = 0
	for i := range found {
		ghost := &found[i]
		f.ghost = true
		f.know(ghost.FeedID, millisOf(ghost.CreatedTime))
		if ghost.ProcessingStatus == model.FeedInQueue {
			f.wantCancel(ghost.FeedID)
		}
	}
	f.save(tx)
	if len(found) > 0 {
		alert(tx, f.account, schemas.Alert{
			EventType: alertForeign, Severity: warning, Subject: found[0].FeedID, Since: found[0].CreatedTime,
			Message: fmt.Sprintf("Amazon has feeds that nobody accounts for (%s): it applied a submission later than apply_delay and show_delay allow, "+
				"or another program submits for the seller. The quantities of the present feed are sent again", feedIDs(found)),
			Attributes: map[string]string{"marketplaceId": f.marketplace, "processingStatus": found[0].ProcessingStatus, "feedIds": feedIDs(found)},
		})
	}
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
