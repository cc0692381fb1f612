package feedlane

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
func (c *Core[T, Q]) findFeed(tx *machine.Tx, f *Lane[T, Q]) {
	request := &model.GetFeedsRequest{NextToken: f.nextToken}
	if f.nextToken == "" { // which excludes all others
		f.found, f.asked = nil, tx.Now
		request.FeedTypes, request.MarketplaceIDs = []string{f.cfg.FeedType}, []string{f.Marketplace}
		request.CreatedSince, request.PageSize = f.lookSince(), pageSize
	}
	tx.Call(machine.Call{Account: f.Account, Operation: model.GetFeeds, Key: f.call.Key, Request: request})
}

// lookSince is since when a feed's createdTime can mean that it is the intent's,
// or a ghost's of an earlier one.
func (f *Lane[T, Q]) lookSince() time.Time {
	return machine.Earliest(f.Intent.time, f.audit).Add(-lookBack)
}

// lookedUp takes a page of feeds and, after the last one, decides: rule 3.
func (c *Core[T, Q]) lookedUp(tx *machine.Tx, f *Lane[T, Q], res *machine.Result) {
	c.lookups.Finish(tx, f.Account, &f.call, res)
	if f.Phase == PhaseIdle {
		return // an audit of a feed that has ended meanwhile: the next one's will do
	}
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		c.page(tx, f, outcome.Response)
	case machine.Snooze, machine.Park: // the lane waits by itself
	case machine.Reject:
		c.lookAgain(tx, f, outcome.Err)
	case machine.Retry:
		c.lookAgain(tx, f, outcome.Err)
	case machine.Ambiguous:
		c.lookAgain(tx, f, outcome.Err)
	}
}

// page takes a page of the list.
func (c *Core[T, Q]) page(tx *machine.Tx, f *Lane[T, Q], response any) {
	page, ok := response.(*model.GetFeedsResponse)
	if !ok {
		c.lookAgain(tx, f, fmt.Errorf("the answer is a %T", response))
		return
	}
	f.collect(page.Feeds, c.cfg.InheritedCall())
	f.nextToken = page.NextToken
	if err := f.paging.Next(f.nextToken, maxPages); err != nil {
		c.lookAgain(tx, f, err)
		return
	}
	if f.nextToken != "" { // the next page is asked for
		c.unlisted(tx, f, errors.New("it goes on and on"))
		return
	}
	f.refusals = 0
	found := f.found
	f.found = nil
	c.decide(tx, f, found)
}

// lookAgain begins a look-up anew: a page's token may have become void.
func (c *Core[T, Q]) lookAgain(tx *machine.Tx, f *Lane[T, Q], err error) {
	f.refusals++
	f.leaveList()
	f.Until = tx.Now.Add(lane.Backoff(f.call.Key, f.refusals, lookBase, lookLimit))
	c.unlisted(tx, f, err)
}

// leaveList forgets a list that is not at its end.
func (f *Lane[T, Q]) leaveList() { f.nextToken, f.found, f.paging = "", nil, model.Paging{} }

// unlisted ends what waits for a list that does not come to its end. A doubt is over
// a quarantine after its own end, when several look-ups in a row have failed; whoever
// owned the unit meanwhile, and for a parked lane too, it is over after Patience. What
// the lane carries is sent again, and an audit tells later what became of the first try.
func (c *Core[T, Q]) unlisted(tx *machine.Tx, f *Lane[T, Q], err error) {
	if f.Phase == PhaseRunning {
		if tx.Now.Sub(f.audit) > auditFor {
			c.leaveAudit(tx, f)
		}
		return
	}
	enough := c.cfg.Patience
	if f.Phase == PhaseIntent && f.refusals >= fewLooks {
		enough = c.cfg.InheritedQuarantine() + c.cfg.Quarantine()
	}
	if tx.Now.Before(f.Doubt) || tx.Now.Sub(f.Intent.time) < enough {
		return
	}
	c.raiseUnclear(tx, f, schemas.Alert{
		Message: fmt.Sprintf("it is not known whether Amazon has our feed: the answer to createFeed was lost, and the list of feeds cannot be read to its end: %v. "+
			"Its %s are sent again. Look for a second feed of that time in Seller Central: until the list can be read, %s", err, c.cfg.Items, c.cfg.Twice),
		Attributes: map[string]string{"marketplaceId": f.Marketplace},
	})
	c.submitAgain(tx, f)
}

// leaveAudit gives up an audit that has shown nothing for auditFor.
func (c *Core[T, Q]) leaveAudit(tx *machine.Tx, f *Lane[T, Q]) {
	f.audit = time.Time{}
	c.endUnclear(tx, f, "a second feed of that time has ended by now")
	f.leaveList()
	f.Save(tx)
}

// raiseUnclear raises the alert that it is not known which feed is ours, in place of one that
// holds.
func (c *Core[T, Q]) raiseUnclear(tx *machine.Tx, f *Lane[T, Q], a schemas.Alert) {
	c.endUnclear(tx, f, "another alert says how it is now")
	a.EventType, a.Severity, a.Subject, a.Since = AlertUnclear, critical, f.Marketplace, f.Intent.time
	c.alert(tx, f.Account, a)
	f.unclearAt = tx.Now
}

// endUnclear resolves it, for the reason why. The caller saves the lane.
func (c *Core[T, Q]) endUnclear(tx *machine.Tx, f *Lane[T, Q], why string) {
	if f.unclearAt.IsZero() {
		return
	}
	c.resolve(tx, f, f.unclearAt, AlertUnclear, fmt.Sprintf("It was not known whether Amazon had our feed of marketplace %s, or which it was: %s.", f.Marketplace, why))
	f.unclearAt = time.Time{}
}

// submitAgain gives up an intent that getFeeds does not show. It is audited once the next
// feed runs.
func (c *Core[T, Q]) submitAgain(tx *machine.Tx, f *Lane[T, Q]) {
	if f.audit.IsZero() {
		f.audit = f.Intent.time
	}
	f.auditAt = time.Time{}
	c.giveBack(tx, f)
}

// collect keeps those feeds of a page that nobody accounts for. Amazon carries a call
// out within late of its intent: a parked lane need not wait for the end of what
// another program submits after that.
func (f *Lane[T, Q]) collect(page []model.Feed, late time.Duration) {
	until := f.Intent.time.Add(late + lookBack)
	for i := range page {
		c := &page[i]
		if c.FeedType == f.cfg.FeedType && slices.Contains(c.MarketplaceIDs, f.Marketplace) &&
			!f.knows(c.FeedID) && !whole(c.CreatedTime).Before(f.lookSince()) &&
			(f.Phase != PhaseParked || !whole(c.CreatedTime).After(until)) &&
			!slices.ContainsFunc(f.found, func(o model.Feed) bool { return o.FeedID == c.FeedID }) {
			f.found = append(f.found, *c)
		}
	}
}

// decide does what the feeds found mean to the lane.
func (c *Core[T, Q]) decide(tx *machine.Tx, f *Lane[T, Q], found []model.Feed) {
	switch {
	case f.Phase == PhaseRunning:
		c.audited(tx, f, found)
	case f.Phase == PhaseParked:
		c.parked(tx, f, found)
	case f.asked.Before(f.Doubt):
		c.decideEarly(tx, f, found)
	case len(found) == 0:
		c.submitAgain(tx, f)
	case len(found) == 1:
		// While an earlier try may still come to life this can be it, with the
		// quantities of then and as many messages: they are sent again.
		f.ghost = !f.audit.IsZero()
		c.runs(tx, f, found[0].FeedID, whole(found[0].CreatedTime), true)
	default:
		f.Phase, f.Until, f.trouble.told = PhaseParked, tx.Now.Add(parkedLook), true
		c.raiseUnclear(tx, f, schemas.Alert{
			Message: fmt.Sprintf("it is not known which of the feeds %s is ours: the answer to our createFeed was lost, and something else "+
				"submits feeds for the seller. The marketplace's feeds wait until these have ended, then all %s are sent again; "+
				"stop the other program, or give it an account of its own", feedIDs(found), c.cfg.Items),
			Attributes: map[string]string{"marketplaceId": f.Marketplace, "feedIds": feedIDs(found)},
		})
		f.Save(tx)
	}
}

// decideEarly ends the doubt before its time where the intent's feed shows: it is
// adopted. Since others may show later, they are looked for when the doubt would
// have ended. Anything else says nothing yet.
func (c *Core[T, Q]) decideEarly(tx *machine.Tx, f *Lane[T, Q], found []model.Feed) {
	if len(found) != 1 || whole(found[0].CreatedTime).Before(f.Intent.time.Add(-earlySkew)) {
		f.lookLater(tx.Now)
		return
	}
	f.ghost = !f.audit.IsZero()
	if f.audit.IsZero() {
		f.audit = f.Intent.time
	}
	f.auditAt = f.Doubt
	c.runs(tx, f, found[0].FeedID, whole(found[0].CreatedTime), true)
}

// parked lets a lane go on when none of the feeds that may be its own can be
// carried out any more.
func (c *Core[T, Q]) parked(tx *machine.Tx, f *Lane[T, Q], found []model.Feed) {
	if slices.ContainsFunc(found, func(c model.Feed) bool { return !hasEnded(c.ProcessingStatus) }) {
		f.Until = tx.Now.Add(parkedLook)
		return
	}
	for i := range found {
		f.know(found[i].FeedID, whole(found[i].CreatedTime))
	}
	c.endUnclear(tx, f, "the feeds that it could be have ended")
	c.giveBack(tx, f)
}

// audited looks, once a feed was submitted again, whether the first try has
// come to life after all. Such a ghost may carry older quantities out after
// the running feed, so those are sent again when it has ended.
func (c *Core[T, Q]) audited(tx *machine.Tx, f *Lane[T, Q], found []model.Feed) {
	f.audit = time.Time{}
	c.endUnclear(tx, f, "the list of feeds could be read: another alert names a second feed if there is one")
	for i := range found {
		ghost := &found[i]
		f.ghost = true
		f.know(ghost.FeedID, whole(ghost.CreatedTime))
		if ghost.ProcessingStatus == model.FeedInQueue {
			f.wantCancel(ghost.FeedID)
		}
	}
	f.Save(tx)
	if len(found) > 0 {
		c.alert(tx, f.Account, schemas.Alert{
			EventType: AlertForeign, Severity: warning, Subject: found[0].FeedID, Since: found[0].CreatedTime,
			Message: fmt.Sprintf("Amazon has feeds that nobody accounts for (%s): it applied a submission later than apply_delay and show_delay allow, "+
				"or another program submits for the seller. The %s of the present feed are sent again", feedIDs(found), c.cfg.Items),
			Attributes: map[string]string{"marketplaceId": f.Marketplace, "processingStatus": found[0].ProcessingStatus, "feedIds": feedIDs(found)},
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
	return Words(strings.Join(ids, ", "))
}
