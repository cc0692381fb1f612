package inventory

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/lane"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	// refusedBase and refusedLimit bound the wait after a document failed.
	refusedBase  = 5 * time.Second
	refusedLimit = 5 * time.Minute
	// maxRefusals is how many documents or feeds in a row Amazon may refuse before
	// their SKUs are given up.
	maxRefusals = 3

	// farToken is how far away a token of createFeed is for which patches do not
	// wait: more than the 120 s in which Amazon grants one.
	farToken = 150 * time.Second
)

// cut is a document that is being made.
type cut struct {
	members  []*sku
	oldest   millis
	request  *model.UploadFeedRequest
	document *model.UploadFeedResponse // nil until it is uploaded
}

// look has a lane looked at in this tick, or the next if there is no Draw.
func (m *Machine) look(tx *machine.Tx, f *feed) { m.lookAt(f, tx.Now) }

// lookAt has a lane looked at by t at the latest.
func (m *Machine) lookAt(f *feed, t time.Time) {
	if !f.timer.Queued() || t.Before(f.due) {
		f.due = t
		m.timers.Add(&f.timer, t)
	}
}

// advance does what time allows a lane to do.
func (m *Machine) advance(tx *machine.Tx, f *feed) {
	m.next(tx, f)
	m.sendByPatch(tx, f)
	m.cutFeed(tx, f)
}

// next starts the calls that a feed that is under way needs.
func (m *Machine) next(tx *machine.Tx, f *feed) {
	if f.busy() {
		return
	}
	switch f.phase {
	case phaseIntent, phaseParked:
		if f.until.After(tx.Now) {
			m.lookAt(f, f.until)
			return
		}
		f.ask(tx, m.lookups)
	case phaseRunning:
		switch {
		case f.until.After(tx.Now):
			m.lookAt(f, f.until)
		case len(f.cancel) > 0:
			f.ask(tx, m.cancels)
		case f.audit != 0:
			f.ask(tx, m.lookups)
		}
	}
}

// sendByPatch sends by patches what waits, where it is little, and of more what
// has waited longest while a feed is under way, which they may overtake, or far.
func (m *Machine) sendByPatch(tx *machine.Tx, f *feed) {
	most := min(m.cfg.PatchBelow, m.cfg.PatchMost)
	little := f.waiting()+len(m.account(f.account).patches) <= most
	linger := m.cfg.Linger
	switch {
	case f.waiting() == 0 || !little && f.phase == phaseIdle && m.feedIsNear(tx, f):
		return
	case little:
		linger = m.cfg.PatchLinger
	case f.stuck || f.phase == phaseParked:
		most = m.cfg.PatchMost
	}
	ripe := f.oldest().Add(linger)
	if !ripe.After(tx.Now) && !m.patchesFlow(tx, f.account) {
		ripe = tx.Now.Add(absentWait)
	}
	if ripe.After(tx.Now) {
		m.lookAt(f, ripe)
		return
	}
	until := tx.Now
	if !little {
		until = until.Add(-linger)
	}
	m.queuePatches(tx, f, until, most)
}

// feedIsNear says whether createFeed has a token soon, as it has but for a while
// after a 429, or a call of it is under way.
func (m *Machine) feedIsNear(tx *machine.Tx, f *feed) bool {
	token := m.submits.Next(f.account, tx.Now)
	return f.busy() || token.IsZero() || token.Before(tx.Now.Add(farToken))
}

// queuePatches has what waits since until go by patches, as far as most may
// wait for one. What no feed carries goes first: for it there is no repeat.
func (m *Machine) queuePatches(tx *machine.Tx, f *feed, until time.Time, most int) {
	a := m.account(f.account)
	for _, queue := range []*lane.Queue{&f.ready, &f.fenced} {
		for len(a.patches) < most {
			item := queue.Pop(until)
			if item == nil {
				break
			}
			s := m.skus[item.Key]
			s.place = nowhere
			m.queuePatch(tx, s)
		}
	}
	if oldest := f.oldest(); len(a.patches) < most && !oldest.IsZero() {
		m.lookAt(f, oldest.Add(tx.Now.Sub(until)))
	}
}

// cutFeed begins a feed of what waits, when there is a token to submit it with
// and no more is to be waited for.
func (m *Machine) cutFeed(tx *machine.Tx, f *feed) {
	a := m.account(f.account)
	ready := f.ready.Len() + f.feedOnly.Len()
	if f.phase != phaseIdle || f.busy() || ready == 0 || a.cutting != nil {
		return // what changes that looks at the lane again
	}
	ripe := f.heldUntil.time()
	if ready < m.cfg.Enough {
		ripe = latest(ripe, first(f.ready.Due(), f.feedOnly.Due()).Add(m.cfg.Linger))
	}
	if ripe.After(tx.Now) {
		m.lookAt(f, ripe)
		return
	}
	// A document may only be made when both calls can follow, or it would hold
	// memory while the account is throttled or parked.
	upload, token := m.uploads.Next(f.account, tx.Now), m.submits.Next(f.account, tx.Now)
	switch free := latest(upload, token); {
	case upload.IsZero() || token.IsZero(): // depends on the end of a call
		m.lookAt(f, tx.Now.Add(absentWait))
		return
	case free.After(tx.Now):
		m.lookAt(f, free)
		return
	case m.making >= m.cfg.MaxUploads:
		m.stalled = append(m.stalled, f)
		return
	}
	f.cut = m.gather(tx, f)
	if f.cut == nil {
		return
	}
	a.cutting = f
	m.making++
	f.ask(tx, m.uploads)
}

// gather takes what waits longest out of the queue, as much as a feed holds.
func (m *Machine) gather(tx *machine.Tx, f *feed) *cut {
	settings := m.cfg.settings(f.account)
	c := &cut{oldest: millisOf(tx.Now), request: &model.UploadFeedRequest{
		Feed: model.ListingsFeed{SellerID: m.cfg.sellerID(f.account), IssueLocale: settings.IssueLocale},
	}}
	messages := make([]model.QuantityMessage, 0, min(f.ready.Len()+f.feedOnly.Len(), m.cfg.MaxMessages))
	size := c.request.Feed.Overhead()
	taken := make(map[string]struct{}, cap(messages))
	var twice []*sku
	for len(messages) < m.cfg.MaxMessages {
		due, item := f.pop(tx.Now)
		if item == nil {
			break
		}
		s := m.skus[item.Key]
		s.place = nowhere
		if m.cfg.Excluded(s.account, s.id()) {
			m.route(tx, s)
			s.save(tx)
			continue
		}
		// After a change of scope a SKU can have two entries. Amazon refuses a
		// document that names it twice; the one that waits less long goes after this.
		if _, ok := taken[s.id()]; ok {
			twice = append(twice, s)
			continue
		}
		message := settings.message(s, len(messages)+1)
		size += message.EncodedSize()
		if size > m.cfg.MaxBytes && len(messages) > 0 {
			m.route(tx, s)
			break
		}
		taken[s.id()] = struct{}{}
		messages = append(messages, message)
		c.members = append(c.members, s)
		c.oldest = min(c.oldest, millisOf(due))
		s.work.lane, s.work.feed, s.work.sent = nil, f, s.work.wanted
	}
	for _, s := range twice {
		m.route(tx, s)
	}
	if len(messages) == 0 {
		return nil
	}
	c.request.Feed.Messages = messages
	return c
}

// message is what a feed says of a SKU.
func (settings *Settings) message(s *sku, id int) model.QuantityMessage {
	u := s.work.wanted
	message := model.QuantityMessage{
		MessageID: id, SKU: s.id(), ProductType: u.productType, FulfillmentChannelCode: u.channel, Quantity: int(u.quantity),
	}
	setDefault(&message.ProductType, settings.ProductType)
	setDefault(&message.FulfillmentChannelCode, settings.Channel)
	return message
}

// upload starts the making of a document.
func (m *Machine) upload(tx *machine.Tx, f *feed) {
	tx.Call(machine.Call{
		Account: f.account, Operation: model.CreateFeedDocument, Key: f.call.Key, Request: f.cut.request,
	})
	f.cut.request = nil // only the call holds it now
}

// uploaded takes the outcome of the making of a document.
func (m *Machine) uploaded(tx *machine.Tx, f *feed, res *machine.Result) {
	m.uploads.Finish(tx, f.account, &f.call, res)
	m.making--
	for _, stalled := range m.stalled {
		m.look(tx, stalled)
	}
	m.stalled = m.stalled[:0]
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		if document, ok := outcome.Response.(*model.UploadFeedResponse); ok && document.FeedDocumentID != "" {
			f.cut.document = document
			f.ask(tx, m.submits)
			return
		}
		m.refuse(tx, f, verdict{code: "no_document", message: "Amazon answered createFeedDocument without a document"})
	case machine.Reject:
		m.refuse(tx, f, verdictOf(outcome.Err))
	case machine.Retry, machine.Ambiguous: // a document that no feed names is nothing
		f.heldUntil = millisOf(tx.Now.Add(lane.Backoff(f.call.Key, 1, refusedBase, refusedLimit)))
	}
	m.dissolve(tx, f)
}

// refuse counts a refusal of what is under way in the lane. After too many in a
// row the updates that it carries are given up, so that the lane goes on.
func (m *Machine) refuse(tx *machine.Tx, f *feed, why verdict) {
	f.refusals++
	f.heldUntil = millisOf(tx.Now.Add(lane.Backoff(f.call.Key, f.refusals, refusedBase, refusedLimit)))
	if f.refusals < maxRefusals {
		return
	}
	f.refusals = 0
	members := f.members
	if f.cut != nil {
		members = f.cut.members
	}
	for _, s := range members {
		if s == nil || s.work.sent == nil {
			continue
		}
		w := s.work
		if w.message == 0 && w.sent != w.wanted { // superseded while the document was made
			continue
		}
		fail(tx, s, w.sent, why, sending{})
		if w.sent == w.wanted {
			w.wanted = nil
		}
		w.sent = nil
	}
}

// dissolve has the SKUs of a document that comes to nothing wait again.
func (m *Machine) dissolve(tx *machine.Tx, f *feed) {
	c := f.cut
	f.cut = nil
	m.release(tx, f)
	for _, s := range c.members {
		w := s.work
		m.unplace(s) // before its feed is forgotten, in whose queue it may be
		if w.sent == nil && w.wanted == nil {
			s.save(tx) // it was given up
		}
		w.feed, w.sent, w.patched = nil, nil, false
		m.route(tx, s)
	}
}

// release lets the account's other lanes cut a feed.
func (m *Machine) release(tx *machine.Tx, f *feed) {
	a := m.account(f.account)
	if a.cutting != f {
		return
	}
	a.cutting = nil
	for _, other := range a.feeds {
		m.look(tx, other)
	}
}
