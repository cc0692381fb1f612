package inventory

import (
	"cmp"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
)

// farToken is how far away a token of createFeed is for which patches do not wait:
// more than the 120 s in which Amazon grants one.
const farToken = 150 * time.Second

// look is called each time a lane is looked at.
func (m *Machine) look(tx *machine.Tx, f *feedLane) {
	m.tell(tx, f)
	m.sendByPatch(tx, f)
}

// sendByPatch sends by patches what waits, where it is little, and of more what
// has waited longest while a feed is under way, which they may overtake, or is far,
// or while feeds fail.
func (m *Machine) sendByPatch(tx *machine.Tx, f *feedLane) {
	most := min(m.cfg.PatchBelow, m.cfg.PatchMost)
	little := f.Own.waiting()+len(m.account(f.Account).patches) <= most
	linger := m.cfg.Linger
	switch {
	case f.Own.waiting() == 0 || !little && f.Phase == feedlane.PhaseIdle && f.Failures() == 0 && m.feedIsNear(tx, f):
		return
	case little:
		linger = m.cfg.PatchLinger
	case f.Stuck || f.Phase == feedlane.PhaseParked:
		most = m.cfg.PatchMost
	}
	ripe := f.Own.oldest().Add(linger)
	if !ripe.After(tx.Now) && !m.patchesFlow(tx, f.Account) {
		ripe = tx.Now.Add(absentWait)
	}
	if ripe.After(tx.Now) {
		m.feeds.WakeAt(f, ripe)
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
	token := m.feeds.Token(f.Account, tx.Now)
	return f.Busy() || (token.IsZero() || token.Before(far)) && m.feeds.Spaced(f.Account, tx.Now).Before(far)
}

// queuePatches sends what waits since until by patches, as far as most may
// wait for one. What no feed carries goes first: for it there is no repeat.
func (m *Machine) queuePatches(tx *machine.Tx, f *feedLane, until time.Time, most int) {
	a := m.account(f.Account)
	for _, queue := range []*lane.Queue{&f.Own.ready, &f.Own.fenced} {
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
	if oldest := f.Own.oldest(); len(a.patches) < most && !oldest.IsZero() {
		m.feeds.WakeAt(f, oldest.Add(tx.Now.Sub(until)))
	}
}

// goesByPatch reports whether what waits in a lane, beside what only a feed may carry,
// is so little that patches take it within seconds. A SKU whose patch was refused must
// not take it along into a feed, which takes minutes (containment rule 4).
func (m *Machine) goesByPatch(tx *machine.Tx, f *feedLane) bool {
	most := min(m.cfg.PatchBelow, m.cfg.PatchMost)
	return f.Own.feedOnly.Len() > 0 && f.Own.waiting()+len(m.account(f.Account).patches) <= most && m.patchesFlow(tx, f.Account)
}

// gather takes what waits longest out of the queue, as much as a feed holds.
func (m *Machine) gather(tx *machine.Tx, f *feedLane) *feedlane.Cut[sku] {
	settings := m.cfg.settings(f.Account)
	feed := &model.ListingsFeed{SellerID: m.cfg.sellerID(f.Account), IssueLocale: settings.IssueLocale, Shown: m.cfg.SeenWithin > 0}
	c, oldest := &feedlane.Cut[sku]{Request: &model.UploadFeedRequest{Feed: feed}}, millisOf(tx.Now)
	messages := make([]model.QuantityMessage, 0, min(f.Own.ready.Len()+f.Own.feedOnly.Len(), m.cfg.MaxMessages))
	size := feed.Overhead()
	taken := make(map[string]struct{}, cap(messages))
	var twice []*sku
	most, pop := m.feeds.Most(f), f.Own.pop
	if m.goesByPatch(tx, f) {
		pop = f.Own.popFeedOnly
	}
	for len(messages) < most {
		due, item := pop(tx.Now)
		if item == nil {
			break
		}
		s := m.skus[item.Key]
		s.place = nowhere
		if m.barred(s, s.work.wanted) || m.outlived(s, tx.Now) {
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
		m.decide(s, tx.Now)
		message := settings.message(s, len(messages)+1)
		size += message.EncodedSize()
		if size > m.cfg.MaxBytes && len(messages) > 0 {
			m.route(tx, s)
			break
		}
		taken[s.id()] = struct{}{}
		messages = append(messages, message)
		c.Members = append(c.Members, s)
		oldest = min(oldest, millisOf(due))
		s.work.lane, s.work.feed, s.work.sent, s.work.resend = nil, f, s.work.wanted, false
	}
	for _, s := range twice {
		m.route(tx, s)
	}
	if len(messages) == 0 {
		return nil
	}
	c.Oldest, feed.Messages = oldest.time(), messages
	return c
}

// message is what a feed says of a SKU.
func (settings *Settings) message(s *sku, id int) model.QuantityMessage {
	u, c := s.work.wanted, s.work.wanted.common.Value()
	message := model.QuantityMessage{
		MessageID: id, SKU: s.id(), ProductType: c.productType, FulfillmentChannelCode: c.channel, Quantity: int(u.send),
	}
	message.ProductType = cmp.Or(message.ProductType, settings.ProductType)
	message.FulfillmentChannelCode = cmp.Or(message.FulfillmentChannelCode, s.channel())
	return message
}

// feedRefused takes Amazon's refusal of a document or a feed with members. It gives up the
// updates of those with which patience is over.
func (m *Machine) feedRefused(tx *machine.Tx, members []*sku, why feedlane.Verdict) {
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
		fail(tx, s, w.sent, verdictFrom(why), sending{})
		if w.sent == w.wanted {
			w.wanted = nil
		}
		w.sent = nil
	}
}

// dissolved makes the SKUs of a document that will not be submitted wait again.
func (m *Machine) dissolved(tx *machine.Tx, members []*sku) {
	for _, s := range members {
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
