package feedlane

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Values of schemas.FeedResult and of its issues.
const (
	EventStuck    = "FeedStuck"
	ReportRead    = "READ"
	SeverityError = "ERROR"
)

// Types and severities of alerts.
const (
	AlertUnclear = "FeedsUnclear"
	AlertForeign = "ForeignFeed"

	warning  = "WARNING"
	critical = "CRITICAL"
)

// Issues takes a part of a running feed's report. What it says against a member is
// kept in the state, so that no part need be read again.
func (c *Core[T, Q]) Issues(tx *machine.Tx, part *schemas.FeedIssues) {
	f := c.running[runningKey{part.Account, part.FeedID}]
	if f == nil {
		return
	}
	c.note(tx, f, part.Issues)
	if c.hooks.Fill != nil { // the lane's entry has what was noted
		f.Save(tx)
	}
}

// note keeps the first error about each member.
func (c *Core[T, Q]) note(tx *machine.Tx, f *Lane[T, Q], issues []schemas.FeedIssue) {
	for i := range issues {
		issue := &issues[i]
		if issue.Severity != SeverityError {
			continue
		}
		if member := f.member(issue); member != nil && !c.hooks.Noted(member) {
			c.hooks.Note(tx, member, issue)
		}
	}
}

// member is the one that an issue is about, or nil: by its messageId, else by
// the SKU that it names.
func (f *Lane[T, Q]) member(issue *schemas.FeedIssue) *T {
	if id := issue.MessageID; id != nil && *id >= 1 && *id <= int64(len(f.Members)) {
		return f.Members[*id-1]
	}
	if issue.SKU == "" || f.name == nil {
		return nil
	}
	if f.named == nil {
		f.named = make(map[string]*T, len(f.Members))
		for _, member := range f.Members {
			if member != nil {
				f.named[f.name(member)] = member
			}
		}
	}
	return f.named[issue.SKU]
}

// Ended takes what became of a feed. One of another feed type is another role's.
func (c *Core[T, Q]) Ended(tx *machine.Tx, result *schemas.FeedResult) {
	f := c.running[runningKey{result.Account, result.FeedID}]
	switch {
	case f == nil && result.FeedType != c.cfg.FeedType: // another role's
	case f == nil:
		c.foreign(tx, result)
	case result.EventType == EventStuck:
		// Whoever follows the feed has raised the alarm. A feed that is still queued is
		// not worth waiting for.
		f.Stuck = true
		c.hooks.Thaw(tx, f)
		if result.ProcessingStatus == model.FeedInQueue {
			f.wantCancel(f.ID)
		}
		f.Save(tx)
		c.WakeNow(tx, f)
	default:
		c.note(tx, f, result.FeedIssues)
		c.close(tx, f, result)
	}
}

// close settles what a feed carried, and lets the lane go on.
func (c *Core[T, Q]) close(tx *machine.Tx, f *Lane[T, Q], result *schemas.FeedResult) {
	if c.cfg.once() && !f.Adopted {
		f.ghost = false // this feed is ours, and its report holds whatever another has done
	}
	end := c.judge(f, result)
	end.FeedID, end.At = f.ID, f.intentAt
	end.Maybe = !end.Applied && !end.Foreign && result.ProcessingStatus != model.FeedCancelled
	members := f.Members
	if c.cfg.once() && !end.Applied && !(c.cfg.Never && end.Maybe) && c.doubtsStill(tx, f) {
		return
	}
	switch {
	case end.Applied:
		c.works(tx, f)
		f.most = 0
	case !end.Foreign && !end.Disturbed:
		f.failed(tx.Now, len(members), end.Why)
	}
	delete(c.running, runningKey{f.Account, f.ID})
	if f.call.Queued() { // a look-up or a cancellation that is of no use any more
		f.calls.Remove(f.Account, &f.call)
	}
	f.clear()
	c.hooks.Settle(tx, f, members, end)
	f.Save(tx)
	c.WakeNow(tx, f)
}

// doubtsStill goes on with the doubt of a createFeed whose feed was looked for and, before
// the doubt's end, taken for one that has done nothing: the true one may still show.
func (c *Core[T, Q]) doubtsStill(tx *machine.Tx, f *Lane[T, Q]) bool {
	if !f.Adopted || f.audit.IsZero() || !f.auditAt.After(tx.Now) {
		return false
	}
	delete(c.running, runningKey{f.Account, f.ID})
	if f.call.Queued() {
		f.calls.Remove(f.Account, &f.call)
	}
	left := f.auditAt.Sub(tx.Now)
	if f.audit.Equal(f.Intent.time) {
		f.audit = time.Time{}
	}
	f.Phase, f.ID, f.Adopted, f.submitted, f.ghost, f.Stuck, f.cancel = PhaseIntent, "", false, time.Time{}, false, false, nil
	f.leaveList()
	for _, member := range f.Members {
		if member != nil && c.hooks.Void != nil {
			c.hooks.Void(tx, member)
		}
	}
	c.quarantine(tx, f, left)
	f.Save(tx)
	c.WakeNow(tx, f)
	return true
}

// End is what a feed's end means to the messages that its report does not name.
type End struct {
	Applied   bool      // they were accepted
	Foreign   bool      // the feed was not ours
	Disturbed bool      // another feed was carried out beside it
	Maybe     bool      // nothing says that they were not carried out
	Why       Verdict   // else: what to say when they are given up
	FeedID    string    // Amazon's id of the feed
	At        time.Time // when it was asked for
}

// judge returns what a feed's end means.
func (c *Core[T, Q]) judge(f *Lane[T, Q], r *schemas.FeedResult) End {
	count := func(n *int32) int32 {
		if n == nil {
			return 0
		}
		return *n
	}
	refused := int32(0)
	for _, member := range f.Members {
		if member != nil && c.hooks.Noted(member) {
			refused++
		}
	}
	read := r.Report == ReportRead
	unknown := func(code, message string) End { return End{Why: Verdict{Code: code, Message: message}} }
	switch {
	case read && f.Adopted && count(r.MessagesProcessed) != f.Intent.messages:
		e := unknown("foreign_feed", fmt.Sprintf("the answer to createFeed was lost, and the feed %s that was taken for ours was not: "+
			"it has %d messages, ours %d", r.FeedID, count(r.MessagesProcessed), f.Intent.messages))
		e.Foreign = true
		return e
	case r.ProcessingStatus != model.FeedDone:
		return unknown("feed_"+Words(r.ProcessingStatus), fmt.Sprintf("Amazon ended feed %s with status %s, which says nothing of this %s", r.FeedID, Words(r.ProcessingStatus), c.cfg.Item))
	case !read:
		return unknown("no_report", fmt.Sprintf("Amazon ended feed %s without a report that can be read (%s)", r.FeedID, r.Report))
	case f.ghost:
		e := unknown("ghost_feed", fmt.Sprintf("another feed was carried out beside feed %s, in an unknown order", r.FeedID))
		e.Disturbed = true
		return e
	}
	for i := range r.FeedIssues {
		if issue := &r.FeedIssues[i]; issue.Severity == SeverityError && f.member(issue) == nil {
			return unknown("feed_error", Words(issue.Message))
		}
	}
	if count(r.MessagesProcessed) != f.Intent.messages {
		return unknown("not_processed", fmt.Sprintf("the report of feed %s counts %d messages of %d", r.FeedID, count(r.MessagesProcessed), f.Intent.messages))
	}
	if count(r.MessagesInvalid) > refused {
		return unknown("not_named", fmt.Sprintf("the report of feed %s counts %d refused messages and names %d", r.FeedID, count(r.MessagesInvalid), refused))
	}
	return End{Applied: true}
}

// foreign raises an alert about the end of a feed that we did not submit. One
// that is as old as what we forget says nothing.
func (c *Core[T, Q]) foreign(tx *machine.Tx, result *schemas.FeedResult) {
	if result.MarketplaceID == "" || result.SubmittedTime.Before(tx.Now.Add(-knownFor+lookBack)) {
		return
	}
	if f := c.lanes[c.key(result.Account, result.MarketplaceID)]; f != nil && f.knows(result.FeedID) {
		return // the same result again
	}
	c.alert(tx, result.Account, schemas.Alert{
		EventType: AlertForeign, Severity: warning, Subject: result.FeedID, Since: result.SubmittedTime.Truncate(time.Millisecond),
		Message: "a feed has ended that this processor did not submit: another program submits for the seller; " +
			"give it an application of its own, or stop it",
		Attributes: map[string]string{"marketplaceId": result.MarketplaceID},
	})
}
