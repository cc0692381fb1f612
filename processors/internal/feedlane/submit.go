package feedlane

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// submit commits the intent of a feed, with what it carries in the members'
// own entries, and starts createFeed: rules 1 and 2. A document that holds what may not be
// sent any more is given up for another.
func (c *Core[T, Q]) submit(tx *machine.Tx, f *Lane[T, Q]) {
	cut := f.cut
	if slices.ContainsFunc(cut.Members, c.hooks.Barred) {
		c.submits.Finish(tx, f.Account, &f.call, &machine.Result{Outcome: machine.Snooze{Unspent: true}})
		c.dissolve(tx, f)
		c.WakeNow(tx, f)
		return
	}
	f.cut = nil
	now := whole(tx.Now)
	f.forget(now)
	f.Phase, f.Members, f.intentAt = PhaseIntent, cut.Members, tx.Now
	f.Intent = intent{
		id:       tx.EventID("FeedIntent", f.call.Key, cut.document.FeedDocumentID, tx.Now.UTC().String()),
		document: cut.document.FeedDocumentID, sha256: cut.document.SHA256, bytes: cut.document.Bytes,
		messages: int32(len(cut.Members)), time: now, oldest: cut.Oldest,
	}
	c.hooks.Carried(tx, f)
	f.Save(tx)
	tx.Call(machine.Call{
		Account: f.Account, Operation: model.CreateFeed, Key: f.call.Key, Lease: c.cfg.Lease,
		Request: &model.CreateFeedRequest{
			FeedType: f.cfg.FeedType, MarketplaceIDs: []string{f.Marketplace}, InputFeedDocumentID: f.Intent.document,
		},
	})
}

// submitted takes the outcome of createFeed.
func (c *Core[T, Q]) submitted(tx *machine.Tx, f *Lane[T, Q], res *machine.Result) {
	c.submits.Finish(tx, f.Account, &f.call, res)
	c.release(tx, f)
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		if created, ok := outcome.Response.(*model.CreateFeedResponse); ok && created.FeedID != "" {
			c.hooks.Taken(tx, f)
			c.runs(tx, f, created.FeedID, whole(tx.Now), false)
			return
		}
		c.unclear(tx, f, errors.New("Amazon answered createFeed without a feed id"), c.cfg.Quarantine()) // accepted, by a name that we did not get
	case machine.Ambiguous:
		c.unclear(tx, f, outcome.Err, c.cfg.Quarantine())
	case machine.Reject:
		c.refuse(tx, f, VerdictOf(outcome.Err))
		c.giveBack(tx, f)
	default: // Snooze, Park, Retry: it has certainly not happened
		c.giveBack(tx, f)
	}
}

// runs notes that Amazon has the feed, and tells who follows it.
func (c *Core[T, Q]) runs(tx *machine.Tx, f *Lane[T, Q], id string, submitted time.Time, adopted bool) {
	doubtful := !f.Doubt.IsZero()
	f.Phase, f.ID, f.Adopted, f.submitted, f.refusals, f.Until, f.Doubt = PhaseRunning, strings.Clone(id), adopted, submitted, 0, time.Time{}, time.Time{}
	f.know(f.ID, submitted)
	if doubtful {
		c.hooks.Freeze(tx, f)
	}
	if f.trouble.count == 0 { // it was in doubt, no more
		c.works(tx, f)
	}
	c.running[runningKey{f.Account, f.ID}] = f
	f.Save(tx)
	tx.Emit(machine.Output{Topic: schemas.FeedSubmissions, Account: f.Account, Value: &schemas.FeedSubmission{
		EventID: tx.EventID("FeedSubmission", f.Account, f.ID), Account: f.Account, FeedID: f.ID, FeedType: f.cfg.FeedType,
		MarketplaceID: f.Marketplace, IntentID: f.Intent.id, InputFeedDocumentID: f.Intent.document,
		Messages: f.Intent.messages, Bytes: f.Intent.bytes, SHA256: f.Intent.sha256,
		OldestUpdateTime: f.Intent.oldest, SubmittedTime: submitted, Adopted: adopted,
	}})
}

// unclear takes the end of a createFeed whose effect is not known. left is how long
// Amazon may still carry it out, or not show it.
func (c *Core[T, Q]) unclear(tx *machine.Tx, f *Lane[T, Q], err error, left time.Duration) {
	f.trouble.begin(tx.Now, Verdict{Code: "createFeed in doubt", Message: VerdictOf(err).Message})
	c.quarantine(tx, f, left)
	f.Save(tx)
}

// giveBack ends an intent that certainly became no feed: its members wait again.
func (c *Core[T, Q]) giveBack(tx *machine.Tx, f *Lane[T, Q]) {
	members := f.Members
	f.clear()
	for _, s := range members {
		if s != nil {
			c.hooks.GivenBack(tx, s)
		}
	}
	f.Save(tx)
	c.WakeNow(tx, f)
}

// VerdictOf is what a refused call says.
func VerdictOf(err error) Verdict {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		if err == nil {
			err = errors.New("no reason is known")
		}
		return Verdict{Code: "refused", Message: Words(err.Error())}
	}
	v := Verdict{Code: Words(refusal.Code), Message: Words(refusal.Message)}
	if v.Code == "" {
		v.Code = string(refusal.Class)
	}
	if v.Message == "" {
		v.Message = Words(refusal.Error())
	}
	return v
}

// Verdict is why something was not taken, by Amazon or by us.
type Verdict struct{ Code, Message string }

// maxWords bounds what is kept and passed on of Amazon's words.
const maxWords = 1000

// Words are Amazon's, shortened to what fits a state entry.
func Words(text string) string {
	return strings.Clone(strings.ToValidUTF8(text[:min(len(text), maxWords)], "?"))
}
