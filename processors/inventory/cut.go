package inventory

import (
	"cmp"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// farToken is how far away a token of createFeed is for which patches do not wait:
// more than the 120 s in which Amazon grants one.
const farToken = 150 * time.Second

// cut is a document that is being made.
type cut struct {
	members  []*sku
	oldest   millis
	request  *model.UploadFeedRequest
	document *model.UploadFeedResponse // nil until it is uploaded
}

// advance does what time allows a lane to do.
func (m *Machine) advance(tx *machine.Tx, f *feedLane) {
	m.next(tx, f)
	m.tell(tx, f)
	m.sendByPatch(tx, f)
	m.cutFeed(tx, f)
}

// next starts the calls that a feed that is under way needs.
func (m *Machine) next(tx *machine.Tx, f *feedLane) {
	if f.busy() {
		return
	}
	switch f.phase {
	case phaseIntent, phaseParked:
		if f.until.After(tx.Now) {
			m.wakeAt(f, f.until)
			return
		}
		f.ask(tx, m.lookups)
	case phaseRunning:
		switch {
		case f.until.After(tx.Now):
			m.wakeAt(f, f.until)
		case len(f.cancel) > 0:
			f.ask(tx, m.cancels)
		case f.audit != 0 && f.auditAt.After(tx.Now):
			m.wakeAt(f, f.auditAt)
		case f.audit != 0:
			f.ask(tx, m.lookups)
		}
	}
}

// sendByPatch sends by patches what waits, where it is little, and of more what
// has waited longest while a feed is under way, which they may overtake, or is far,
// or while feeds fail.
func (m *Machine) sendByPatch(tx *machine.Tx, f *feedLane) {
	most := min(m.cfg.PatchBelow, m.cfg.PatchMost)
	little := f.waiting()+len(m.account(f.account).patches) <= most
	linger := m.cfg.Linger
	switch {
	case f.waiting() == 0 || !little && f.phase == phaseIdle && f.trouble.count == 0 && m.feedIsNear(tx, f):
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
		m.wakeAt(f, ripe)
		return
	}
	until := tx.Now
	if !little {
		until = until.Add(-linger)
	}
	m.queuePatches(tx, f, until, most)
}

// feedIsNear reports whether createFeed has a token soon, or a call of it is under way.
// Only for a while after a 429 it has none.
func (m *Machine) feedIsNear(tx *machine.Tx, f *feedLane) bool {
	far := tx.Now.Add(farToken)
	token := m.submits.Next(f.account, tx.Now)
	return f.busy() || (token.IsZero() || token.Before(far)) && m.spaced(f.account, tx.Now).Before(far)
}

// spaced is when the account's next feed may be made so that FeedInterval lies between it
// and the last one, by the state alone: whoever submitted that.
func (m *Machine) spaced(account string, now time.Time) time.Time {
	if m.cfg.FeedInterval <= 0 {
		return time.Time{}
	}
	last := time.Time{}
	for _, f := range m.account(account).feeds {
		last = machine.Latest(last, f.lastFeed(now))
	}
	if last.IsZero() {
		return last
	}
	return last.Add(m.cfg.FeedInterval)
}

// lastFeed is when Amazon had the lane's last feed, as late as that can have been; zero for
// never.
func (f *feedLane) lastFeed(now time.Time) time.Time {
	last := time.Time{}
	for i := range f.known {
		last = machine.Latest(last, f.known[i].Time)
	}
	if f.phase == phaseIntent || f.phase == phaseParked {
		last = machine.Latest(last, f.intent.time.time(), f.doubt)
	}
	if last.After(now) { // as a clock says that was set back since
		return now
	}
	return last
}

// queuePatches sends what waits since until by patches, as far as most may
// wait for one. What no feed carries goes first: for it there is no repeat.
func (m *Machine) queuePatches(tx *machine.Tx, f *feedLane, until time.Time, most int) {
	a := m.account(f.account)
	for _, queue := range []*lane.Queue{&f.ready, &f.fenced} {
		for len(a.patches) < most {
			item := queue.Pop(until)
			if item == nil {
				break
			}
			s := m.skus[item.Key]
			s.place = nowhere
			m.put(tx, s, inPatch)
		}
	}
	if oldest := f.oldest(); len(a.patches) < most && !oldest.IsZero() {
		m.wakeAt(f, oldest.Add(tx.Now.Sub(until)))
	}
}

// cutFeed begins a feed of what waits, when there is a token to submit it with
// and no more is to be waited for.
func (m *Machine) cutFeed(tx *machine.Tx, f *feedLane) {
	a := m.account(f.account)
	ready := f.ready.Len() + f.feedOnly.Len()
	if f.phase != phaseIdle || f.busy() || ready == 0 || a.cutting != nil {
		return // what changes that looks at the lane again
	}
	ripe := machine.Latest(f.heldUntil.time(), m.spaced(f.account, tx.Now))
	if ready < m.cfg.Enough {
		ripe = machine.Latest(ripe, machine.Earliest(f.ready.Due(), f.feedOnly.Due()).Add(m.cfg.Linger))
	}
	if ripe.After(tx.Now) {
		m.wakeAt(f, ripe)
		return
	}
	// A document may only be made when both calls can follow, or it would hold
	// memory while the account is throttled or parked.
	upload, token := m.uploads.Next(f.account, tx.Now), m.submits.Next(f.account, tx.Now)
	switch free := machine.Latest(upload, token); {
	case upload.IsZero() || token.IsZero(): // depends on the end of a call
		m.wakeAt(f, tx.Now.Add(absentWait))
		return
	case free.After(tx.Now):
		m.wakeAt(f, free)
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

// goesByPatch reports whether what waits in a lane, beside what only a feed may carry,
// is so little that patches take it within seconds. A SKU whose patch was refused must
// not take it along into a feed, which takes minutes (containment rule 4).
func (m *Machine) goesByPatch(tx *machine.Tx, f *feedLane) bool {
	most := min(m.cfg.PatchBelow, m.cfg.PatchMost)
	return f.feedOnly.Len() > 0 && f.waiting()+len(m.account(f.account).patches) <= most && m.patchesFlow(tx, f.account)
}

// gather takes what waits longest out of the queue, as much as a feed holds.
func (m *Machine) gather(tx *machine.Tx, f *feedLane) *cut {
	settings := m.cfg.settings(f.account)
	feed := &model.ListingsFeed{SellerID: m.cfg.sellerID(f.account), IssueLocale: settings.IssueLocale}
	c := &cut{oldest: millisOf(tx.Now), request: &model.UploadFeedRequest{Feed: feed}}
	messages := make([]model.QuantityMessage, 0, min(f.ready.Len()+f.feedOnly.Len(), m.cfg.MaxMessages))
	size := feed.Overhead()
	taken := make(map[string]struct{}, cap(messages))
	var twice []*sku
	most := m.cfg.MaxMessages
	if f.most > 0 {
		most = min(most, f.most)
	}
	pop := f.pop
	if m.goesByPatch(tx, f) {
		pop = f.popFeedOnly
	}
	for len(messages) < most {
		due, item := pop(tx.Now)
		if item == nil {
			break
		}
		s := m.skus[item.Key]
		s.place = nowhere
		if m.barred(s, s.work.wanted) {
			m.route(tx, s)
			s.save(tx)
			continue
		}
		// A SKU has an entry for each of its channels. Amazon refuses a document that
		// names it twice; the one that waits less long goes after this.
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
		s.work.lane, s.work.feed, s.work.sent, s.work.resend = nil, f, s.work.wanted, false
	}
	for _, s := range twice {
		m.route(tx, s)
	}
	if len(messages) == 0 {
		return nil
	}
	feed.Messages = messages
	return c
}

// message is what a feed says of a SKU.
func (settings *Settings) message(s *sku, id int) model.QuantityMessage {
	u, c := s.work.wanted, s.work.wanted.common.Value()
	message := model.QuantityMessage{
		MessageID: id, SKU: s.id(), ProductType: c.productType, FulfillmentChannelCode: c.channel, Quantity: int(u.quantity),
	}
	message.ProductType = cmp.Or(message.ProductType, settings.ProductType)
	message.FulfillmentChannelCode = cmp.Or(message.FulfillmentChannelCode, s.channel())
	return message
}

// upload starts the making of a document.
func (m *Machine) upload(tx *machine.Tx, f *feedLane) {
	tx.Call(machine.Call{
		Account: f.account, Operation: model.CreateFeedDocument, Key: f.call.Key, Request: f.cut.request,
	})
	f.cut.request = nil // only the call holds it now
}

// uploaded takes the outcome of the making of a document.
func (m *Machine) uploaded(tx *machine.Tx, f *feedLane, res *machine.Result) {
	m.uploads.Finish(tx, f.account, &f.call, res)
	m.making--
	for _, stalled := range m.stalled {
		m.wakeNow(tx, stalled)
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
	case machine.Retry: // a document that no feed names is nothing
		m.refuseDocument(tx, f, verdictOf(outcome.Err))
	case machine.Ambiguous:
		m.refuseDocument(tx, f, verdictOf(outcome.Err))
	}
	m.dissolve(tx, f)
}

// refuseDocument takes a document that could not be made for reasons that are not
// the feed's: however long that lasts, nothing is given up.
func (m *Machine) refuseDocument(tx *machine.Tx, f *feedLane, why verdict) {
	f.trouble.begin(tx.Now, why)
	f.trouble.count++
	f.heldUntil = millisOf(tx.Now.Add(lane.Backoff(f.call.Key, int(f.trouble.count), refusedBase, refusedLimit)))
	f.save(tx)
}

// refuse takes Amazon's refusal of what is under way in the lane. Its SKUs wait
// for the next feed, which is smaller; of those with which patience is over the
// updates are given up.
func (m *Machine) refuse(tx *machine.Tx, f *feedLane, why verdict) {
	members := f.members
	if f.cut != nil {
		members = f.cut.members
	}
	f.failed(tx.Now, len(members), why)
	for _, s := range members {
		if s == nil || s.work.sent == nil {
			continue
		}
		w := s.work
		if w.message == 0 && w.sent != w.wanted { // superseded while the document was made
			continue
		}
		if over := m.tried(tx, w); !over {
			if len(members) == 1 { // the others go before what is refused alone
				w.try().notBefore = millisOf(tx.Now.Add(lane.Backoff(s.Key, int(w.had().attempts), againBase, againLimit)))
			}
			continue
		}
		fail(tx, s, w.sent, why, sending{})
		if w.sent == w.wanted {
			w.wanted = nil
		}
		w.sent = nil
	}
	f.save(tx)
}

// dissolve makes the SKUs of a document that will not be submitted wait again.
func (m *Machine) dissolve(tx *machine.Tx, f *feedLane) {
	c := f.cut
	f.cut = nil
	m.release(tx, f)
	for _, s := range c.members {
		w := s.work
		m.unplace(s) // before its feed is forgotten: the SKU may be in that feed's queue
		if w.sent == nil && w.wanted == nil || w.had().attempts > 0 {
			s.save(tx) // it was given up, or tried
		}
		w.resend = w.resend || w.patched
		w.feed, w.sent, w.patched = nil, nil, false
		m.route(tx, s)
	}
}

// release lets the account's other lanes cut a feed.
func (m *Machine) release(tx *machine.Tx, f *feedLane) {
	a := m.account(f.account)
	if a.cutting != f {
		return
	}
	a.cutting = nil
	for _, other := range a.feeds {
		m.wakeNow(tx, other)
	}
}
