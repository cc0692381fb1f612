package inventory

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// submit commits the intent of a feed, with the messageId of every SKU in its
// own entry, and starts createFeed: rules 1 and 2. A document that holds what may not be
// sent any more is given up for another: the outcome of that SKU says that nothing was sent.
func (m *Machine) submit(tx *machine.Tx, f *feedLane) {
	c := f.cut
	if slices.ContainsFunc(c.members, func(s *sku) bool { return m.barred(s, s.work.sent) }) {
		m.submits.Finish(tx, f.account, &f.call, &machine.Result{Outcome: machine.Snooze{Unspent: true}})
		m.dissolve(tx, f)
		m.wakeNow(tx, f)
		return
	}
	f.cut = nil
	now := millisOf(tx.Now)
	f.forget(now)
	f.phase, f.members, f.intentAt = phaseIntent, c.members, tx.Now
	f.intent = intent{
		id:       tx.EventID("FeedIntent", f.call.Key, c.document.FeedDocumentID, tx.Now.UTC().String()),
		document: c.document.FeedDocumentID, sha256: c.document.SHA256, bytes: c.document.Bytes,
		messages: int32(len(c.members)), time: now, oldest: c.oldest,
	}
	for i, s := range c.members {
		w := s.work
		w.message = int32(i + 1)
		if w.sent == w.wanted {
			w.wanted, w.since = nil, 0
		} else { // something newer came while the document was made
			w.sent = nil
		}
		s.save(tx)
	}
	f.save(tx)
	tx.Call(machine.Call{
		Account: f.account, Operation: model.CreateFeed, Key: f.call.Key, Lease: m.cfg.Lease,
		Request: &model.CreateFeedRequest{
			FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{f.marketplace}, InputFeedDocumentID: f.intent.document,
		},
	})
}

// submitted takes the outcome of createFeed.
func (m *Machine) submitted(tx *machine.Tx, f *feedLane, res *machine.Result) {
	m.submits.Finish(tx, f.account, &f.call, res)
	m.release(tx, f)
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		if created, ok := outcome.Response.(*model.CreateFeedResponse); ok && created.FeedID != "" {
			m.account(f.account).taken = tx.Now
			m.runs(tx, f, created.FeedID, millisOf(tx.Now), false)
			return
		}
		m.unclear(tx, f, errors.New("Amazon answered createFeed without a feed id"), m.cfg.quarantine()) // accepted, by a name that we did not get
	case machine.Ambiguous:
		m.unclear(tx, f, outcome.Err, m.cfg.quarantine())
	case machine.Reject:
		m.refuse(tx, f, verdictOf(outcome.Err))
		m.giveBack(tx, f)
	default: // Snooze, Park, Retry: it has certainly not happened
		m.giveBack(tx, f)
	}
}

// runs notes that Amazon has the feed, and tells who follows it.
func (m *Machine) runs(tx *machine.Tx, f *feedLane, id string, submitted millis, adopted bool) {
	doubtful := !f.doubt.IsZero()
	f.phase, f.id, f.adopted, f.submitted, f.refusals, f.until, f.doubt = phaseRunning, strings.Clone(id), adopted, submitted, 0, time.Time{}, time.Time{}
	f.know(f.id, submitted)
	if doubtful {
		m.freeze(tx, f)
	}
	if f.trouble.count == 0 { // it was in doubt, no more
		f.trouble = trouble{}
	}
	m.running[runningKey{f.account, f.id}] = f
	f.save(tx)
	tx.Emit(machine.Output{Topic: schemas.FeedSubmissions, Account: f.account, Value: &schemas.FeedSubmission{
		EventID: tx.EventID("FeedSubmission", f.account, f.id), Account: f.account, FeedID: f.id, FeedType: model.JSONListingsFeed,
		MarketplaceID: f.marketplace, IntentID: f.intent.id, InputFeedDocumentID: f.intent.document,
		Messages: f.intent.messages, Bytes: f.intent.bytes, SHA256: f.intent.sha256,
		OldestUpdateTime: f.intent.oldest.time(), SubmittedTime: submitted.time(), Adopted: adopted,
	}})
}

// unclear takes the end of a createFeed whose effect is not known. left is how long
// Amazon may still carry it out, or not show it.
func (m *Machine) unclear(tx *machine.Tx, f *feedLane, err error, left time.Duration) {
	f.trouble.begin(tx.Now, verdict{code: "createFeed in doubt", message: verdictOf(err).message})
	m.quarantine(tx, f, left)
	f.save(tx)
}

// giveBack ends an intent that certainly became no feed: its SKUs wait again.
func (m *Machine) giveBack(tx *machine.Tx, f *feedLane) {
	members := f.members
	f.clear()
	for _, s := range members {
		if s != nil {
			m.route(tx, m.requeue(tx, s))
		}
	}
	f.save(tx)
	m.wakeNow(tx, f)
}

// requeue takes a SKU out of the feed that carries it, and has what the feed
// carried sent again, unless something newer is wanted. It returns the SKU's own entry.
func (m *Machine) requeue(tx *machine.Tx, s *sku) *sku {
	s, u := m.takeOut(tx, s)
	if u != nil {
		m.want(tx, s, u)
	}
	s.save(tx)
	return s
}

// takeOut takes a SKU out of the feed that carries it, and returns its own entry and
// what the feed carried; nil where that was superseded before.
func (m *Machine) takeOut(tx *machine.Tx, s *sku) (*sku, *update) {
	w := s.work
	m.unplace(s) // it may be in the feed's queue
	u := w.sent
	if w.carries(w.wanted) { // what was to go by a patch as well
		w.wanted, w.patched = nil, false
	}
	if w.patched { // the feed may have undone it
		w.patched, w.resend, w.try().notBefore = false, true, 0
	}
	w.feed, w.message, w.sent = nil, 0, nil
	if w.trials != nil {
		w.trials.verdict = nil
	}
	if u != nil && w.patch != nil && w.patch.stamp == u.stamp {
		return s, nil // the patch under way settles it
	}
	return m.own(tx, s), u
}

// verdictOf is what a refused call says.
func verdictOf(err error) verdict {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		if err == nil {
			err = errors.New("no reason is known")
		}
		return verdict{code: "refused", message: words(err.Error())}
	}
	v := verdict{code: words(refusal.Code), message: words(refusal.Message)}
	if v.code == "" {
		v.code = string(refusal.Class)
	}
	if v.message == "" {
		v.message = words(refusal.Error())
	}
	return v
}
