package inventory

import (
	"errors"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// submit commits the intent of a feed, with the messageId of every SKU in its
// own entry, and starts createFeed: rules 1 and 2.
func (m *Machine) submit(tx *machine.Tx, f *feed) {
	c := f.cut
	f.cut = nil
	now := millisOf(tx.Now)
	f.forget(now)
	f.phase, f.members = phaseIntent, c.members
	f.intent = intent{
		id:       hash(f.call.Key, c.document.FeedDocumentID, tx.Now.UTC().String()),
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
func (m *Machine) submitted(tx *machine.Tx, f *feed, res *machine.Result) {
	m.submits.Finish(tx, f.account, &f.call, res)
	m.release(tx, f)
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		if created, ok := outcome.Response.(*model.CreateFeedResponse); ok && created.FeedID != "" {
			m.runs(tx, f, created.FeedID, millisOf(tx.Now), false)
			return
		}
		m.quarantine(tx, f) // accepted, by a name that we did not get
	case machine.Ambiguous:
		m.quarantine(tx, f)
	case machine.Reject:
		// Whatever was wrong with the document, another one mends it.
		m.refuse(tx, f, verdictOf(outcome.Err))
		m.giveBack(tx, f)
	default: // Snooze, Park, Retry: it has certainly not happened
		m.giveBack(tx, f)
	}
}

// runs notes that Amazon has the feed, and tells who follows it.
func (m *Machine) runs(tx *machine.Tx, f *feed, id string, submitted millis, adopted bool) {
	f.phase, f.id, f.adopted, f.submitted, f.refusals, f.until = phaseRunning, strings.Clone(id), adopted, submitted, 0, time.Time{}
	f.know(f.id, submitted)
	m.running[runningKey{f.account, f.id}] = f
	f.save(tx)
	tx.Emit(machine.Output{Topic: schemas.FeedSubmissions, Account: f.account, Value: &schemas.FeedSubmission{
		EventID: hash(f.account, f.id), Account: f.account, FeedID: f.id, FeedType: model.JSONListingsFeed,
		MarketplaceID: f.marketplace, IntentID: f.intent.id, InputFeedDocumentID: f.intent.document,
		Messages: f.intent.messages, Bytes: f.intent.bytes, SHA256: f.intent.sha256,
		OldestUpdateTime: f.intent.oldest.time(), SubmittedTime: submitted.time(), Adopted: adopted,
	}})
}

// quarantine waits until getFeeds is sure to show the feed, if there is one.
// The intent stands in the state as it is.
func (m *Machine) quarantine(tx *machine.Tx, f *feed) {
	f.until = tx.Now.Add(m.cfg.quarantine())
}

// giveBack ends an intent that certainly came to nothing: its SKUs wait again.
func (m *Machine) giveBack(tx *machine.Tx, f *feed) {
	members := f.members
	f.clear()
	for _, s := range members {
		if s != nil {
			m.leave(tx, s)
			m.route(tx, s)
		}
	}
	f.save(tx)
	m.look(tx, f)
}

// leave takes a SKU out of the feed that carries it, and has what the feed
// carried sent again, unless something newer is wanted.
func (m *Machine) leave(tx *machine.Tx, s *sku) {
	u := m.part(s)
	if u != nil {
		m.want(tx, s, u)
	}
	s.save(tx)
}

// part takes a SKU out of the feed that carries it, and returns what that
// carried; nil where it was superseded before.
func (m *Machine) part(s *sku) *update {
	w := s.work
	m.unplace(s) // it may be in the feed's queue
	u := w.sent
	w.feed, w.message, w.sent, w.verdict, w.patched = nil, 0, nil, nil, false
	return u
}

// verdictOf is what a refused call says.
func verdictOf(err error) verdict {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
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
