package feedlane

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Cut is a document that is being made.
type Cut[T any] struct {
	Members  []*T
	Oldest   time.Time // since when the one waits that has waited longest
	Request  *model.UploadFeedRequest
	document *model.UploadFeedResponse // nil until it is uploaded
}

// next starts the calls that a feed that is under way needs.
func (c *Core[T, Q]) next(tx *machine.Tx, f *Lane[T, Q]) {
	if f.Busy() {
		return
	}
	switch f.Phase {
	case PhaseIdle: // there may be no further feed with which the audit would come
		switch over := f.audit.Add(auditFor); {
		case f.unclearAt.IsZero():
		case over.After(tx.Now):
			c.WakeAt(f, over)
		default:
			c.leaveAudit(tx, f)
		}
	case PhaseIntent, PhaseParked:
		if f.Until.After(tx.Now) {
			c.WakeAt(f, f.Until)
			return
		}
		f.ask(tx, c.lookups)
	case PhaseRunning:
		switch {
		case f.Until.After(tx.Now):
			c.WakeAt(f, f.Until)
		case len(f.cancel) > 0:
			f.ask(tx, c.cancels)
		case !f.audit.IsZero() && f.auditAt.After(tx.Now):
			c.WakeAt(f, f.auditAt)
		case !f.audit.IsZero():
			f.ask(tx, c.lookups)
		}
	}
}

// Spaced is when the account's next feed may be made so that FeedInterval lies between it
// and the last one, by the state alone: whoever submitted that.
func (c *Core[T, Q]) Spaced(account string, now time.Time) time.Time {
	if c.cfg.FeedInterval <= 0 {
		return time.Time{}
	}
	last := time.Time{}
	for _, f := range c.Of(account) {
		last = machine.Latest(last, f.lastFeed(now))
	}
	if last.IsZero() {
		return last
	}
	return last.Add(c.cfg.FeedInterval)
}

// Token is when createFeed could be called for an account; zero when that depends on the
// end of a call.
func (c *Core[T, Q]) Token(account string, now time.Time) time.Time {
	return c.submits.Next(account, now)
}

// lastFeed is when Amazon had the lane's last feed, as late as that can have been; zero for
// never.
func (f *Lane[T, Q]) lastFeed(now time.Time) time.Time {
	last := time.Time{}
	for i := range f.known {
		last = machine.Latest(last, f.known[i].Time)
	}
	if f.Phase == PhaseIntent || f.Phase == PhaseParked {
		last = machine.Latest(last, f.Intent.time, f.Doubt)
	}
	if last.After(now) { // as a clock says that was set back since
		return now
	}
	return last
}

// cutFeed begins a feed of what waits, when there is a token to submit it with
// and no more is to be waited for.
func (c *Core[T, Q]) cutFeed(tx *machine.Tx, f *Lane[T, Q]) {
	a := c.account(f.Account)
	ready, since := c.hooks.Waiting(f)
	if f.Phase != PhaseIdle || f.Busy() || ready == 0 || a.cutting != nil {
		return // what changes that looks at the lane again
	}
	ripe := machine.Latest(f.heldUntil, c.Spaced(f.Account, tx.Now))
	if ready < c.cfg.Enough {
		ripe = machine.Latest(ripe, since.Add(c.cfg.Linger))
	}
	if ripe.After(tx.Now) {
		c.WakeAt(f, ripe)
		return
	}
	if c.yields(tx, f) {
		return
	}
	// A document may only be made when both calls can follow, or it would hold
	// memory while the account is throttled or parked.
	upload, token := c.uploads.Next(f.Account, tx.Now), c.submits.Next(f.Account, tx.Now)
	switch free := machine.Latest(upload, token); {
	case upload.IsZero() || token.IsZero(): // depends on the end of a call
		c.WakeAt(f, tx.Now.Add(absentWait))
		return
	case free.After(tx.Now):
		c.WakeAt(f, free)
		return
	case c.making >= c.cfg.MaxUploads:
		c.stalled = append(c.stalled, f)
		return
	}
	f.cut = c.hooks.Gather(tx, f)
	if f.cut == nil {
		return
	}
	a.cutting, a.last = f, f
	c.making++
	f.ask(tx, c.uploads)
}

// yields lets another lane of the account go first, where tokens are few and this one had the
// last. It reports whether there is one.
func (c *Core[T, Q]) yields(tx *machine.Tx, f *Lane[T, Q]) bool {
	a := c.account(f.Account)
	if !c.cfg.once() || a.last != f {
		return false
	}
	for _, other := range a.lanes {
		n, since := c.hooks.Waiting(other)
		if other == f || n == 0 || other.Phase != PhaseIdle || other.Busy() || machine.Latest(other.heldUntil, since.Add(c.cfg.Linger)).After(tx.Now) {
			continue
		}
		c.WakeNow(tx, other)
		c.WakeAt(f, tx.Now.Add(absentWait))
		return true
	}
	return false
}

// Most is how many items the lane's next feed may have.
func (c *Core[T, Q]) Most(f *Lane[T, Q]) int {
	if f.most > 0 {
		return min(c.cfg.MaxMessages, f.most)
	}
	return c.cfg.MaxMessages
}

// upload starts the making of a document.
func (c *Core[T, Q]) upload(tx *machine.Tx, f *Lane[T, Q]) {
	tx.Call(machine.Call{
		Account: f.Account, Operation: model.CreateFeedDocument, Key: f.call.Key, Request: f.cut.Request,
	})
	f.cut.Request = nil // only the call holds it now
}

// uploaded takes the outcome of the making of a document.
func (c *Core[T, Q]) uploaded(tx *machine.Tx, f *Lane[T, Q], res *machine.Result) {
	c.uploads.Finish(tx, f.Account, &f.call, res)
	c.making--
	for _, stalled := range c.stalled {
		c.WakeNow(tx, stalled)
	}
	c.stalled = c.stalled[:0]
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		if document, ok := outcome.Response.(*model.UploadFeedResponse); ok && document.FeedDocumentID != "" {
			f.cut.document = document
			f.ask(tx, c.submits)
			return
		}
		c.refuse(tx, f, Verdict{Code: "no_document", Message: "Amazon answered createFeedDocument without a document"})
	case machine.Reject:
		c.refuse(tx, f, VerdictOf(outcome.Err))
	case machine.Retry: // a document that no feed names is nothing
		c.refuseDocument(tx, f, VerdictOf(outcome.Err))
	case machine.Ambiguous:
		c.refuseDocument(tx, f, VerdictOf(outcome.Err))
	}
	c.dissolve(tx, f)
}

// refuseDocument takes a document that could not be made for reasons that are not
// the feed's: however long that lasts, nothing is given up.
func (c *Core[T, Q]) refuseDocument(tx *machine.Tx, f *Lane[T, Q], why Verdict) {
	f.trouble.begin(tx.Now, why)
	f.hold(tx.Now)
}

// refuse takes Amazon's refusal of what is under way in the lane. Its members wait
// for the next feed, which is smaller; those with which patience is over are given up.
func (c *Core[T, Q]) refuse(tx *machine.Tx, f *Lane[T, Q], why Verdict) {
	members := f.Members
	if f.cut != nil {
		members = f.cut.Members
	}
	f.failed(tx.Now, len(members), why)
	c.hooks.Refused(tx, members, why)
}

// dissolve makes the members of a document that will not be submitted wait again.
func (c *Core[T, Q]) dissolve(tx *machine.Tx, f *Lane[T, Q]) {
	members := f.cut.Members
	f.cut = nil
	c.release(tx, f)
	c.hooks.Dissolved(tx, members)
	f.Save(tx) // after that: it has what has failed
}

// release lets the account's other lanes make a feed.
func (c *Core[T, Q]) release(tx *machine.Tx, f *Lane[T, Q]) {
	a := c.account(f.Account)
	if a.cutting != f {
		return
	}
	a.cutting = nil
	for _, other := range a.lanes {
		c.WakeNow(tx, other)
	}
}
