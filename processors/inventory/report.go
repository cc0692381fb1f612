package inventory

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Values of schemas.FeedResult.
const (
	eventStuck    = "FeedStuck"
	reportRead    = "READ"
	severityError = "ERROR"
)

// issues takes a part of a running feed's report. What it says against a SKU is
// written into the SKU's entry, so that no part need be read again.
func (m *Machine) issues(tx *machine.Tx, part *schemas.FeedIssues) {
	if f := m.running[runningKey{part.Account, part.FeedID}]; f != nil {
		m.note(tx, f, part.Issues)
	}
}

// note keeps the first error about each SKU.
func (m *Machine) note(tx *machine.Tx, f *feedLane, issues []schemas.FeedIssue) {
	for i := range issues {
		issue := &issues[i]
		if issue.Severity != severityError {
			continue
		}
		s := f.member(issue)
		if s == nil || s.work.had().verdict != nil {
			continue
		}
		s.work.try().verdict = &verdict{words(issue.Code), words(issue.Message), words(issue.AttributeName)}
		s.save(tx)
	}
}

// member is the SKU that an issue is about, or nil: by its messageId, else by
// the SKU that it names.
func (f *feedLane) member(issue *schemas.FeedIssue) *sku {
	if id := issue.MessageID; id != nil && *id >= 1 && *id <= int64(len(f.members)) {
		return f.members[*id-1]
	}
	if issue.SKU == "" {
		return nil
	}
	return f.memberNamed(issue.SKU)
}

// memberNamed is the SKU of a name that the lane's feed carries, or nil.
func (f *feedLane) memberNamed(id string) *sku {
	if f.named == nil {
		f.named = make(map[string]*sku, len(f.members))
		for _, s := range f.members {
			if s != nil {
				f.named[s.id()] = s
			}
		}
	}
	return f.named[id]
}

// ended takes what became of a feed.
func (m *Machine) ended(tx *machine.Tx, result *schemas.FeedResult) {
	f := m.running[runningKey{result.Account, result.FeedID}]
	switch {
	case f == nil && result.FeedType != model.JSONListingsFeed: // another role's
	case f == nil:
		m.foreign(tx, result)
	case result.EventType == eventStuck:
		// Whoever follows the feed has raised the alarm. What waits goes by patches
		// meanwhile; a feed that is still queued is not worth waiting for.
		f.stuck = true
		m.thaw(tx, f)
		if result.ProcessingStatus == model.FeedInQueue {
			f.wantCancel(f.id)
		}
		f.save(tx)
		m.wakeNow(tx, f)
	default:
		m.note(tx, f, result.FeedIssues)
		m.close(tx, f, result)
	}
}

// close settles what a feed carried, and lets the lane go on.
func (m *Machine) close(tx *machine.Tx, f *feedLane, result *schemas.FeedResult) {
	end := m.judge(f, result)
	how := sending{via: viaFeed, feedID: f.id, marketplace: f.marketplace, at: f.intentAt, shared: !end.applied && (len(f.members) > 1 || end.foreign || end.disturbed)}
	members := f.members
	switch {
	case end.applied:
		f.works()
	case !end.foreign && !end.disturbed:
		f.failed(tx.Now, len(members), end.why)
	}
	delete(m.running, runningKey{f.account, f.id})
	if f.call.Queued() { // a look-up or a cancellation that is of no use any more
		f.calls.Remove(f.account, &f.call)
	}
	f.clear()
	for _, s := range members {
		if s == nil {
			continue
		}
		v := s.work.had().verdict
		s, u := m.takeOut(tx, s)
		switch {
		case u == nil: // superseded before the feed was submitted
			s.applied = unknownQuantity
		case v != nil && !end.foreign:
			m.refused(tx, s, u, *v, how)
		case end.applied:
			m.accepted(tx, s, u, how)
		default:
			m.again(tx, s, u, end.why, how, fail)
		}
		m.route(tx, s)
		s.save(tx)
	}
	f.save(tx)
	m.wakeNow(tx, f)
}

// end is what a feed's end means to the messages that its report does not name.
type end struct {
	applied   bool    // they were accepted
	foreign   bool    // the feed was not ours
	disturbed bool    // another feed was carried out beside it
	why       verdict // else: what to say when they are given up
}

// judge returns what a feed's end means.
func (m *Machine) judge(f *feedLane, r *schemas.FeedResult) end {
	count := func(n *int32) int32 {
		if n == nil {
			return 0
		}
		return *n
	}
	refused := int32(0)
	for _, s := range f.members {
		if s != nil && s.work.had().verdict != nil {
			refused++
		}
	}
	read := r.Report == reportRead
	unknown := func(code, message string) end { return end{why: verdict{code: code, message: message}} }
	switch {
	case read && f.adopted && count(r.MessagesProcessed) != f.intent.messages:
		e := unknown("foreign_feed", fmt.Sprintf("the answer to createFeed was lost, and the feed %s that was taken for ours was not: "+
			"it has %d messages, ours %d", r.FeedID, count(r.MessagesProcessed), f.intent.messages))
		e.foreign = true
		return e
	case r.ProcessingStatus != model.FeedDone:
		return unknown("feed_"+words(r.ProcessingStatus), fmt.Sprintf("Amazon ended feed %s with status %s, which says nothing of this SKU", r.FeedID, words(r.ProcessingStatus)))
	case !read:
		return unknown("no_report", fmt.Sprintf("Amazon ended feed %s without a report that can be read (%s)", r.FeedID, r.Report))
	case f.ghost:
		e := unknown("ghost_feed", fmt.Sprintf("another feed was carried out beside feed %s, in an unknown order", r.FeedID))
		e.disturbed = true
		return e
	}
	for i := range r.FeedIssues {
		if issue := &r.FeedIssues[i]; issue.Severity == severityError && f.member(issue) == nil {
			return unknown("feed_error", words(issue.Message))
		}
	}
	if count(r.MessagesProcessed) != f.intent.messages {
		return unknown("not_processed", fmt.Sprintf("the report of feed %s counts %d messages of %d", r.FeedID, count(r.MessagesProcessed), f.intent.messages))
	}
	if count(r.MessagesInvalid) > refused {
		return unknown("not_named", fmt.Sprintf("the report of feed %s counts %d refused messages and names %d", r.FeedID, count(r.MessagesInvalid), refused))
	}
	return end{applied: true}
}

// foreign raises an alert about the end of a feed that we did not submit. One
// that is as old as what we forget says nothing.
func (m *Machine) foreign(tx *machine.Tx, result *schemas.FeedResult) {
	if result.MarketplaceID == "" || result.SubmittedTime.Before(tx.Now.Add(-knownFor+lookBack)) {
		return
	}
	if f := m.feeds[feedKey(result.Account, result.MarketplaceID)]; f != nil && f.knows(result.FeedID) {
		return // the same result again
	}
	alert(tx, result.Account, schemas.Alert{
		EventType: alertForeign, Severity: warning, Subject: result.FeedID, Since: result.SubmittedTime.Truncate(time.Millisecond),
		Message: "a feed has ended that this processor did not submit: another program submits for the seller; " +
			"give it an application of its own, or stop it",
		Attributes: map[string]string{"marketplaceId": result.MarketplaceID},
	})
}
