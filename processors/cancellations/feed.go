package cancellations

import (
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// feeds are the lanes of the feeds that cancel, each with the orders that wait for its next
// one, by when their cancellation came.
type (
	feeds    = feedlane.Core[order, lane.Queue]
	feedLane = feedlane.Lane[order, lane.Queue]
)

const (
	// againAfter is how long a cancellation waits after a feed that did not say what became
	// of it: its order may show it meanwhile.
	againAfter = 15 * time.Minute
	// againAlone is the same for one whose feed had nothing else, so that others go between.
	againAlone = 30 * time.Minute

	alertWaits = "CancellationsWait"
	critical   = "CRITICAL"
)

func (m *Machine) newFeeds() *feeds {
	cfg := feedlane.Config{
		Role: Processor, FeedType: model.OrderAcknowledgementFeed, Item: "order", Items: "cancellations",
		Twice:  "it cancels what is cancelled already, which Amazon refuses, or more units of a line",
		Waits:  alertWaits,
		Limits: m.cfg.Limits, Accounts: m.cfg.Accounts, Linger: m.cfg.Linger, MaxMessages: m.cfg.MaxMessages, FeedInterval: m.cfg.FeedInterval,
		Lease: m.cfg.Lease, CallTime: m.cfg.CallTime, ApplyDelay: m.cfg.ApplyDelay, ShowDelay: m.cfg.ShowDelay,
		CommitTime: m.cfg.CommitTime, Patience: m.cfg.Patience,
	}
	nothing := func(*machine.Tx, *feedLane) {}
	return feedlane.NewCore(cfg, feedlane.Hooks[order, lane.Queue]{
		Waiting: func(f *feedLane) (int, time.Time) { return f.Own.Len(), f.Own.Due() },
		Look:    m.tell, Gather: m.gather, Barred: func(o *order) bool { return !o.making },
		Carried: m.carried, Taken: nothing, Thaw: nothing, Freeze: nothing,
		Refused: m.refused, Dissolved: m.dissolved, GivenBack: m.givenBack,
		Note:   m.note,
		Noted:  func(o *order) bool { return o.RefusalCode != "" || o.Refusal != "" },
		Void:   m.void,
		Name:   func(*order) string { return "" },
		Settle: m.ended,
	})
}

// gather makes the document of a lane's next feed, of the cancellations that have waited
// longest. An order is in it once (rule 2).
func (m *Machine) gather(tx *machine.Tx, f *feedLane) *feedlane.Cut[order] {
	a, ok := m.cfg.Accounts().ByID(f.Account)
	if !ok {
		m.feeds.WakeAt(f, tx.Now.Add(unconfigured))
		return nil
	}
	feed := &model.OrderFeed{Type: model.OrderAcknowledgementFeed, SellerID: a.SellerID}
	cut := &feedlane.Cut[order]{Oldest: tx.Now, Request: &model.UploadFeedRequest{Feed: feed}}
	size, most := feed.Overhead(), m.feeds.Most(f)
	var alone []*order
	for len(cut.Members) < most {
		item := f.Own.Pop(tx.Now)
		if item == nil {
			break
		}
		o := m.orders[item.Key]
		if first := len(cut.Members) == 0; first && !o.AloneTime.IsZero() {
			most = 1
		} else if !o.AloneTime.IsZero() {
			alone = append(alone, o)
			continue
		}
		c := o.next()
		message := model.OrderMessage{MessageID: len(cut.Members) + 1, Acknowledgement: &model.OrderAcknowledgement{
			AmazonOrderID: o.OrderID, StatusCode: model.AcknowledgementFailure, Items: o.message(c),
		}}
		if size += message.EncodedSize(); size > model.MaxFeedBytes {
			f.Own.Add(&o.Item, c.ReceivedTime)
			break
		}
		o.place, o.lane, o.making = nowhere, nil, true
		feed.Messages = append(feed.Messages, message)
		cut.Members = append(cut.Members, o)
		cut.Oldest = machine.Earliest(cut.Oldest, c.ReceivedTime)
	}
	for _, o := range alone {
		f.Own.Add(&o.Item, o.next().ReceivedTime)
	}
	if len(cut.Members) == 0 {
		return nil
	}
	return cut
}

// carried writes into the orders of an intent that it carries them.
func (m *Machine) carried(tx *machine.Tx, f *feedLane) {
	for i, o := range f.Members {
		o.Sent, o.FeedMarketplaceID, o.MessageID = o.take(), f.Marketplace, int32(i+1)
		o.SentItems = o.wanted(o.Sent) // the lines are those that the document was made of
		o.RefusalCode, o.Refusal, o.making = "", "", false
		o.TouchedTime = tx.Now
		tx.Put(o.Key, o.CancellationState)
	}
}

// refused takes Amazon's refusal of a document or a feed, which says nothing of a single
// order.
func (m *Machine) refused(tx *machine.Tx, members []*order, why feedlane.Verdict) {
	for _, o := range members {
		if o == nil || o.Sent == nil && !o.making {
			continue
		}
		m.failing(tx, o)
		if tx.Now.Sub(o.FailingSince) < m.cfg.Patience {
			continue
		}
		o.works()
		c := o.Sent
		if c != nil {
			m.free(o)
		} else {
			c = o.take()
		}
		o.making = false
		m.answer(tx, o, c, verdict{outcome: failed, code: why.Code, message: fmt.Sprintf(
			"Amazon has refused every feed with the cancellation of order %s for %v: %s. Cancel it in Seller Central, or send the cancellation again",
			o.OrderID, m.cfg.Patience, schemas.Printable(why.Message))})
		m.settle(tx, o)
	}
}

func (m *Machine) failing(tx *machine.Tx, o *order) {
	if o.FailingSince.IsZero() {
		o.FailingSince = tx.Now.UTC().Truncate(time.Millisecond)
	}
	tx.Put(o.Key, o.CancellationState)
}

// dissolved makes the orders of a document wait again that is not submitted.
func (m *Machine) dissolved(tx *machine.Tx, members []*order) {
	for _, o := range members {
		if o.making {
			o.making = false
			m.queue(tx, o)
		}
	}
}

// givenBack makes the cancellation of an intent that became no feed wait again.
func (m *Machine) givenBack(tx *machine.Tx, o *order) {
	if o.Sent != nil {
		m.giveBack(o)
		m.settle(tx, o)
	}
}

// giveBack puts what was sent back to the front of what waits. Others of the order that it
// covers have their outcome.
func (m *Machine) giveBack(o *order) {
	o.Waiting = append([]schemas.PendingCancellation{*o.Sent}, o.Waiting...)
	m.free(o)
}

// free forgets what was sent of an order.
func (m *Machine) free(o *order) {
	o.Sent, o.FeedMarketplaceID, o.MessageID, o.SentItems, o.RefusalCode, o.Refusal = nil, "", 0, nil, "", ""
}

// note keeps what a feed's report says against an order.
func (m *Machine) note(tx *machine.Tx, o *order, issue *schemas.FeedIssue) {
	o.RefusalCode, o.Refusal = feedlane.Words(issue.Code), feedlane.Words(issue.Message)
	if o.RefusalCode == "" && o.Refusal == "" {
		o.RefusalCode = "refused"
	}
	tx.Put(o.Key, o.CancellationState)
}

// void forgets that: the feed that was taken for the one in doubt has not shown that it is.
// If it was all the same, units may be cancelled by now, and must not be once more.
func (m *Machine) void(tx *machine.Tx, o *order) {
	o.RefusalCode, o.Refusal = "", ""
	o.doubt()
	tx.Put(o.Key, o.CancellationState)
}

// doubt notes the lines whose units the last feed may have cancelled, and reports whether
// there are any.
func (o *order) doubt() (counted bool) {
	for _, item := range o.SentItems {
		if counted = counted || item.Quantity > 0; item.Quantity > 0 && !o.doubts(item.OrderItemID) {
			o.Doubtful = append(o.Doubtful, item.OrderItemID)
		}
	}
	return counted
}

// trust notes that it is known what became of what was sent.
func (o *order) trust() {
	o.Doubtful = slices.DeleteFunc(o.Doubtful, func(line string) bool {
		return slices.ContainsFunc(o.SentItems, func(item schemas.CancelItem) bool { return item.OrderItemID == line && item.Quantity > 0 })
	})
}

func (o *order) doubts(orderItemID string) bool { return slices.Contains(o.Doubtful, orderItemID) }

// ended settles what a feed carried.
func (m *Machine) ended(tx *machine.Tx, _ *feedLane, members []*order, end feedlane.End) {
	for _, o := range members {
		if o == nil || o.Sent == nil {
			continue
		}
		c, code, words := o.Sent, o.RefusalCode, o.Refusal
		switch {
		case (code != "" || words != "") && !end.Foreign && !end.Disturbed:
			v := o.refusal(code, words)
			v.feedID = end.FeedID
			m.clear(o)
			m.answer(tx, o, c, v)
		case end.Applied:
			for _, item := range o.SentItems {
				o.did(item.OrderItemID, item.Quantity, end.At)
			}
			m.clear(o)
			m.answer(tx, o, c, verdict{outcome: accepted, feedID: end.FeedID})
		default:
			m.unclear(tx, o, end, len(members))
		}
		m.settle(tx, o)
	}
}

// clear forgets what was sent of an order, once its end is known.
func (m *Machine) clear(o *order) {
	o.trust()
	m.free(o)
	o.works()
}

// works forgets that feeds with an order have failed.
func (o *order) works() {
	o.FailingSince, o.NotBefore, o.AloneTime = time.Time{}, time.Time{}, time.Time{}
}

// refusal is the outcome of a cancellation that Amazon refused. Its lines may have been
// cancelled meanwhile, by somebody else or by an earlier feed that did not say so.
func (o *order) refusal(code, words string) verdict {
	words = schemas.Printable(words)
	switch {
	case o.Status == statusCancelled || !slices.ContainsFunc(o.SentItems, func(item schemas.CancelItem) bool { return !o.cancelled(item) }):
		return verdict{outcome: accepted, code: alreadyCancelled}
	case !o.NotBefore.IsZero():
		return o.uncertain("an earlier feed ended without saying so, and Amazon refuses it now: " + words)
	}
	return verdict{outcome: rejected, code: code, message: fmt.Sprintf(
		"Amazon refused to cancel order %s: %s. Look at the order in Seller Central: it may be shipped or cancelled already", o.OrderID, words)}
}

// unclear takes the end of a feed that did not cancel an order, or did not say what became of
// it, as one of n. All of a line can be sent again: what is cancelled already is refused. Numbers of units
// are not, now or later, unless the feed was not carried out (rule 5).
func (m *Machine) unclear(tx *machine.Tx, o *order, end feedlane.End, n int) {
	m.failing(tx, o)
	if n == 1 && end.Maybe && !end.Disturbed {
		o.AloneTime = tx.Now.UTC().Truncate(time.Millisecond).Add(againAlone)
	}
	maybe := end.Maybe || end.Foreign
	if counted := maybe && o.doubt(); !counted && tx.Now.Sub(o.FailingSince) < m.cfg.Patience {
		m.giveBack(o)
		if maybe {
			o.NotBefore = tx.Now.Add(againAfter)
		}
		return
	}
	c := o.Sent
	m.free(o)
	o.works()
	v := o.uncertain(schemas.Printable(end.Why.Message))
	v.feedID = end.FeedID
	m.answer(tx, o, c, v)
}

func (o *order) uncertain(why string) verdict {
	return verdict{outcome: failed, code: codeUncertain, message: fmt.Sprintf(
		"whether Amazon has cancelled what was asked for of order %s is not known: %s. Look at the order in Seller Central, and cancel there what is not cancelled", o.OrderID, why)}
}

// tell raises the alert about cancellations that wait while feeds fail.
func (m *Machine) tell(tx *machine.Tx, f *feedLane) {
	trouble, n := m.feeds.Tell(tx, f, func() int { return f.Own.Len() + f.Carried() })
	if n == 0 {
		return
	}
	tx.Alert(&schemas.Alert{
		Role: Processor, EventType: alertWaits, Account: f.Account, Severity: critical, Subject: f.Marketplace, Since: trouble.Since,
		Message: fmt.Sprintf("%d cancellations of account %s wait, because its feeds of %s fail: %s. They are tried for %v and then end FAILED. "+
			"Orders that must not be shipped can be cancelled in Seller Central.", n, f.Account, model.OrderAcknowledgementFeed, trouble.Reason, m.cfg.Patience),
		Attributes: map[string]string{"marketplaceId": f.Marketplace},
	})
}
