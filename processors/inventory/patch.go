package inventory

import (
	"errors"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
)

// patch commits the intent of a patch and starts it: rules 1 and 2.
func (m *Machine) patch(tx *machine.Tx, s *sku) {
	w := s.work
	s.place = nowhere
	m.unqueuedPatch(tx, s)
	if m.barred(s, w.wanted) || m.outlived(s, tx.Now) { // since it was queued
		m.patches.Finish(tx, s.account(), &s.Item, &machine.Result{Outcome: machine.Snooze{Unspent: true}})
		m.route(tx, s)
		s.save(tx)
		return
	}
	m.decide(s, tx.Now)
	settings := m.cfg.settings(s.account())
	message := settings.message(s, 0)
	w.patch, w.wanted, w.resend = w.wanted, nil, false
	t := w.try()
	t.patchSince, t.overtook = tx.Now, w.feed != nil || m.former.beside(s)
	s.save(tx)
	tx.Call(machine.Call{
		Account: s.account(), Operation: model.PatchListingsItem, Key: s.Key, Lease: m.cfg.Lease,
		Request: &model.PatchQuantityRequest{
			SellerID: m.cfg.sellerID(s.account()), MarketplaceID: m.target(s), SKU: message.SKU, ProductType: message.ProductType,
			FulfillmentChannelCode: message.FulfillmentChannelCode, Quantity: message.Quantity, IssueLocale: settings.IssueLocale,
		},
	})
}

// unqueuedPatch notes that a SKU waits for no patch any more. When none does, what
// waits for a feed may be little enough.
func (m *Machine) unqueuedPatch(tx *machine.Tx, s *sku) {
	a := m.account(s.account())
	if delete(a.patches, s); len(a.patches) > 0 {
		return
	}
	for _, f := range m.feeds.Of(s.account()) {
		if f.Own.waiting() > 0 {
			m.feeds.WakeNow(tx, f)
		}
	}
}

// patched takes the outcome of a patch.
func (m *Machine) patched(tx *machine.Tx, s *sku, res *machine.Result) {
	m.patches.Finish(tx, s.account(), &s.Item, res)
	w, u, t := s.work, s.work.patch, s.work.try()
	how := sending{via: viaPatch, marketplace: res.Call.Request.(*model.PatchQuantityRequest).MarketplaceID, at: t.patchSince}
	if res.Shared != nil && t.attempts == 0 { // others fail alike: a vague refusal was none of the SKU
		t.failing = 0
	}
	if accepts(res.Outcome) {
		m.account(s.account()).taken = tx.Now
	}
	_, ambiguous := res.Outcome.(machine.Ambiguous)
	switch {
	case ambiguous:
		// It may still be carried out, after anything that is sent now.
		s.doubtful(u, tx.Now, tx.Now.Add(m.cfg.ApplyDelay))
		t.doubts = min(t.doubts+1, maxDoubts)
		m.unanswered(tx, s, u)
		m.notAtOnce(tx, s, u)
	case w.carries(u): // the feed that carries the same quantity settles it
		w.patch = nil
		if accepts(res.Outcome) {
			t.doubts = 0
			t.attempts++ // it may stand at Amazon, and settles nothing
			m.tellTaken(tx, s, u)
			break
		}
		if _, refused := res.Outcome.(machine.Reject); !refused {
			m.thawOne(s)
			m.notAtOnce(tx, s, u)
		}
	default:
		w.patch = nil
		m.answered(tx, s, u, res.Outcome, how, t.overtook)
	}
	t.patchSince, t.overtook = time.Time{}, false
	if _, parked := res.Outcome.(machine.Park); parked {
		m.divert(tx, s.account())
	}
	m.route(tx, s)
	s.save(tx)
}

// answered takes what Amazon says of a patch of u.
func (m *Machine) answered(tx *machine.Tx, s *sku, u *update, outcome machine.Outcome, how sending, overtook bool) {
	w := s.work
	switch outcome := outcome.(type) {
	case machine.Done:
		w.try().doubts = 0
		submission, ok := outcome.Response.(*model.ListingsItemSubmission)
		switch {
		case !ok:
			m.again(tx, s, u, verdict{code: "no_answer", message: "Amazon's answer could not be read"}, how, fail)
		case submission.Status == model.SubmissionInvalid:
			m.refused(tx, s, u, verdictIn(submission.Issues), how)
		case overtook: // by what the feed carries it may be undone
			m.onceMore(tx, s, u, how.at)
		default:
			m.accepted(tx, s, u, how)
		}
	case machine.Reject:
		if !forbids(outcome.Err) {
			w.try().doubts = 0
			if s.vague(tx, u, outcome.Err) {
				m.want(tx, s, u)
				return
			}
			m.refused(tx, s, u, patchVerdict(outcome.Err), how)
			return
		}
		// Whether it is the SKU's fault a feed tells, and it heals by itself there.
		w.try().doubts = maxDoubts
		m.want(tx, s, u)
	case machine.Retry:
		m.want(tx, s, u)
		m.notAtOnce(tx, s, u)
	default: // Snooze, Park: the account waits, not the SKU
		m.want(tx, s, u)
	}
}

// notAtOnce makes the next patch of u wait, longer after each that failed; something
// newer does not.
func (m *Machine) notAtOnce(tx *machine.Tx, s *sku, u *update) {
	if w := s.work; w.wanted == u {
		w.try().notBefore = millisOf(tx.Now.Add(lane.Backoff(s.Key, max(1, int(w.had().doubts)), patchBase, patchLimit)))
	}
}

// patchBase and patchLimit bound the wait after a patch that failed.
const (
	patchBase  = time.Second
	patchLimit = 5 * time.Minute
)

// accepts reports whether a patch's outcome is that Amazon took the quantity.
func accepts(outcome machine.Outcome) bool {
	done, _ := outcome.(machine.Done)
	submission, ok := done.Response.(*model.ListingsItemSubmission)
	return ok && submission.Status != model.SubmissionInvalid
}

// divert makes what waits for the patches of an account that is parked wait for
// feeds instead, which may still be allowed.
func (m *Machine) divert(tx *machine.Tx, account string) {
	for s := range m.account(account).patches {
		m.route(tx, s)
	}
}

// patchVerdict is what a refused patch says. "No such thing" has no code that
// is only about the SKU.
func patchVerdict(err error) verdict {
	v := verdictOf(err)
	var refusal *model.Error
	if errors.As(err, &refusal) && refusal.Class == model.NotFound {
		v.code = "NOT_FOUND"
	}
	return v
}

// forbids reports whether a call was refused for what may be the account's fault
// and not the SKU's: until many SKUs have been refused alike, nobody knows.
func forbids(err error) bool {
	var refusal *model.Error
	return errors.As(err, &refusal) && (refusal.Class == model.Forbidden || refusal.Class == model.Unauthorized)
}

// verdictIn is the first error among a listing's issues.
func verdictIn(issues []model.ListingIssue) verdict {
	for i := range issues {
		if issue := &issues[i]; issue.Severity == feedlane.SeverityError {
			v := verdict{code: words(issue.Code), message: words(issue.Message)}
			if len(issue.AttributeNames) > 0 {
				v.attribute = words(issue.AttributeNames[0])
			}
			return v
		}
	}
	return verdict{code: "INVALID", message: "Amazon refused the listing and gave no reason"}
}
