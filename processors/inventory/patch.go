package inventory

import (
	"errors"

	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// patch commits the intent of a patch and starts it: rules 1 and 2.
func (m *Machine) patch(tx *machine.Tx, s *sku) {
	w := s.work
	s.place = nowhere
	m.unqueuedPatch(tx, s)
	if m.cfg.Excluded(s.account, s.id()) { // since it was queued
		m.patches.Finish(tx, s.account, &s.Item, &machine.Result{Outcome: machine.Snooze{Unspent: true}})
		m.route(tx, s)
		s.save(tx)
		return
	}
	settings := m.cfg.settings(s.account)
	message := settings.message(s, 0)
	w.patch, w.wanted, w.overtook = w.wanted, nil, w.feed != nil
	s.save(tx)
	tx.Call(machine.Call{
		Account: s.account, Operation: model.PatchListingsItem, Key: s.Key, Lease: m.cfg.Lease,
		Request: &model.PatchQuantityRequest{
			SellerID: m.cfg.sellerID(s.account), MarketplaceID: m.target(s), SKU: message.SKU, ProductType: message.ProductType,
			FulfillmentChannelCode: message.FulfillmentChannelCode, Quantity: message.Quantity, IssueLocale: settings.IssueLocale,
		},
	})
}

// unqueuedPatch notes that a SKU waits for no patch any more. When none does, what
// waits for a feed may be little enough.
func (m *Machine) unqueuedPatch(tx *machine.Tx, s *sku) {
	a := m.account(s.account)
	if delete(a.patches, s); len(a.patches) > 0 {
		return
	}
	for _, f := range a.feeds {
		if f.waiting() > 0 {
			m.look(tx, f)
		}
	}
}

// patched takes the outcome of a patch.
func (m *Machine) patched(tx *machine.Tx, s *sku, res *machine.Result) {
	m.patches.Finish(tx, s.account, &s.Item, res)
	w := s.work
	if _, ambiguous := res.Outcome.(machine.Ambiguous); ambiguous {
		// It may still be carried out, after anything that is sent now.
		w.heldUntil = tx.Now.Add(m.cfg.ApplyDelay)
		w.doubts = min(w.doubts+1, maxDoubts)
		m.route(tx, s)
		return
	}
	u, overtook := w.patch, w.overtook
	w.patch, w.overtook = nil, false
	switch res.Outcome.(type) {
	case machine.Done, machine.Reject:
		w.doubts = 0
	}
	how := sending{via: viaPatch, marketplace: res.Call.Request.(*model.PatchQuantityRequest).MarketplaceID}
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		submission, ok := outcome.Response.(*model.ListingsItemSubmission)
		switch {
		case !ok:
			m.again(tx, s, u, verdict{code: "no_answer", message: "Amazon's answer could not be read"}, how)
		case submission.Status == model.SubmissionInvalid:
			m.refused(tx, s, u, verdictIn(submission.Issues), how)
		case overtook: // by what the feed carries it may be undone: sent once more when that has ended
			m.want(tx, s, u)
			w.patched = w.wanted == u && w.feed != nil
		default:
			m.accepted(tx, s, u, how)
		}
	case machine.Reject:
		m.refused(tx, s, u, patchVerdict(outcome.Err), how)
	case machine.Retry:
		if w.newer(u) == nil {
			w.notBefore = millisOf(tx.Now.Add(lane.Backoff(s.Key, 1, againBase, againLimit)))
		}
		m.want(tx, s, u)
	case machine.Park:
		m.want(tx, s, u)
		m.divert(tx, s.account)
	default: // Snooze: the account waits, not the SKU
		m.want(tx, s, u)
	}
	m.route(tx, s)
	s.save(tx)
}

// divert has what waits for the patches of an account that is parked wait for
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

// verdictIn is the first error among a listing's issues.
func verdictIn(issues []model.ListingIssue) verdict {
	for i := range issues {
		if issue := &issues[i]; issue.Severity == severityError {
			v := verdict{code: words(issue.Code), message: words(issue.Message)}
			if len(issue.AttributeNames) > 0 {
				v.attribute = words(issue.AttributeNames[0])
			}
			return v
		}
	}
	return verdict{code: "INVALID", message: "Amazon refused the listing and gave no reason"}
}
