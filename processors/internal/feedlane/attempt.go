package feedlane

import (
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// againBase and againLimit bound the wait of an item after it has failed alone. Each
	// further try takes a token of createFeed that others could have.
	againBase  = 30 * time.Minute
	againLimit = 2 * time.Hour
	// leastAttempts is how often an item is tried at least.
	leastAttempts = 3
	// failedAlone is item.most of one that goes alone because it has failed so.
	failedAlone = -1
	// patienceInCompany is how many times as long as alone an item is tried with others: smaller
	// feeds find the one that spoils them, and take a while for it.
	patienceInCompany = 4
)

// look tells a person when feeds of the lane have failed for minutes.
func (l *Lanes) look(tx *machine.Tx, f *Lane[item, queue]) {
	trouble, waiting := l.core.Tell(tx, f, func() int { return l.PendingOf(f.Account) })
	if waiting == 0 {
		return
	}
	atOnce := ""
	if l.core.cfg.Never {
		atOnce = ", and so does at once one that a feed may have carried out"
	}
	l.core.alert(tx, f.Account, schemas.Alert{
		EventType: l.core.cfg.Waits, Severity: critical, Subject: f.Marketplace, Since: trouble.Since,
		Message: fmt.Sprintf("%d %s wait, and feeds %s of marketplace %s fail: %s. They are tried with growing waits, and in smaller portions. "+
			"One that is tried for %v alone, or for %v with others, without an answer ends %s%s", waiting, l.core.cfg.Items, f.cfg.FeedType, f.Marketplace, trouble.Reason,
			l.core.cfg.Patience, patienceInCompany*l.core.cfg.Patience, l.core.cfg.GivenUp, atOnce),
		Attributes: map[string]string{"marketplaceId": f.Marketplace, "failures": fmt.Sprint(trouble.Failures)},
	})
}

// gather takes what waits longest out of the queue, as much as a feed may hold.
func (l *Lanes) gather(tx *machine.Tx, f *Lane[item, queue]) *Cut[item] {
	account, ok := l.core.cfg.Accounts().ByID(f.Account)
	if !ok {
		l.core.WakeAt(f, tx.Now.Add(absentWait))
		return nil
	}
	feed := &model.OrderFeed{Type: f.cfg.FeedType, SellerID: account.SellerID}
	var others []*item
	cut := &Cut[item]{Oldest: f.Own.ready.Due(), Request: &model.UploadFeedRequest{Feed: feed}}
	for most, size := l.core.cfg.MaxMessages, feed.Overhead(); len(cut.Members) < most; {
		next := f.Own.ready.Pop(tx.Now)
		if next == nil {
			break
		}
		i := l.items[next.Key]
		switch first := len(cut.Members) == 0; {
		case first && i.most != 0:
			most = min(most, max(1, int(i.most)))
		case !first && i.most != cut.Members[0].most: // each feed has those of one bound
			others = append(others, i)
			continue
		}
		message, known := l.owner.Message(i.Key)
		if !known {
			l.forget(i)
			continue
		}
		message.MessageID = len(cut.Members) + 1
		if size += message.EncodedSize(); size > model.MaxFeedBytes && len(cut.Members) > 0 {
			others = append(others, i)
			break
		}
		feed.Messages, cut.Members = append(feed.Messages, message), append(cut.Members, i)
	}
	for _, i := range others {
		l.put(i)
	}
	if len(cut.Members) == 0 {
		l.core.WakeAt(f, cut.Oldest) // by a clock that was ahead
		return nil
	}
	return cut
}

// making reports whether a document that is being made holds an item.
func (f *Lane[T, Q]) making(member *T) bool {
	return f.cut != nil && slices.Contains(f.cut.Members, member)
}

// carried notes which message of the intent each item is.
func (l *Lanes) carried(_ *machine.Tx, f *Lane[item, queue]) {
	for n, i := range f.Members {
		i.message = int32(n + 1)
		delete(f.Own.tried, i.Key)
	}
}

// waits makes an item wait again, unless it is gone.
func (l *Lanes) waits(i *item) {
	i.message, i.verdict = 0, nil
	if !i.gone {
		l.put(i)
	}
}

// returned makes an item wait again that an intent or a feed carried.
func (l *Lanes) returned(tx *machine.Tx, i *item) {
	if l.waits(i); !i.gone {
		l.owner.Returned(tx, i.Key)
	}
}

// dissolved makes the items of a document that is not submitted wait again.
func (l *Lanes) dissolved(_ *machine.Tx, members []*item) {
	for _, i := range members {
		l.waits(i)
	}
}

// refused takes Amazon's refusal of a document or a feed with members.
func (l *Lanes) refused(tx *machine.Tx, members []*item, why Verdict) {
	for _, i := range members {
		if i != nil && !i.gone && l.tried(tx, i, len(members)) {
			l.end(tx, i, Settlement{Kind: Failed, Verdict: why})
		}
	}
}

// tried counts a feed of n items that did not settle this one, and reports whether patience
// with it is over. Its next feed has half as many: so what a single item spoils comes to
// light, and the others get through. One that was alone waits by itself; n is 0 where the
// feed says nothing of its items.
func (l *Lanes) tried(tx *machine.Tx, i *item, n int) (over bool) {
	if n == 1 && i.most != failedAlone { // what was tried with others need not have been its fault
		i.attempts, i.failing = 0, time.Time{}
	}
	i.attempts++
	if i.failing.IsZero() {
		i.failing = whole(tx.Now)
	}
	i.since = tx.Now // behind those that wait already
	enough := l.core.cfg.Patience
	switch {
	case n == 1:
		i.most, i.notBefore = failedAlone, whole(tx.Now.Add(lane.Backoff(i.Key, int(i.attempts), againBase, againLimit)))
	case n > 1:
		i.most = int32(n / 2)
		fallthrough
	default:
		enough *= patienceInCompany
	}
	return i.attempts >= leastAttempts && !tx.Now.Before(i.failing.Add(enough))
}

// settle takes what the end of a feed means to its items.
func (l *Lanes) settle(tx *machine.Tx, _ *Lane[item, queue], members []*item, end End) {
	suspects := len(members)
	if end.Foreign || end.Disturbed {
		suspects = 0
	}
	for _, i := range members {
		if i == nil {
			continue
		}
		verdict := i.verdict
		i.message, i.verdict = 0, nil
		how := Settlement{FeedID: end.FeedID, At: end.At}
		switch {
		case verdict != nil && !end.Foreign && !end.Disturbed:
			how.Kind, how.Verdict = Rejected, *verdict
			l.end(tx, i, how)
		case end.Applied:
			l.end(tx, i, how)
		case end.Maybe && l.core.cfg.Never:
			how.Kind, how.Verdict = Failed, end.Why
			l.end(tx, i, how)
		case l.tried(tx, i, suspects):
			how.Kind, how.Verdict = Failed, end.Why
			l.end(tx, i, how)
		default:
			l.returned(tx, i)
		}
	}
}

// end settles an item.
func (l *Lanes) end(tx *machine.Tx, i *item, end Settlement) {
	l.forget(i)
	l.owner.Settled(tx, i.Key, end)
}

// refusalOf is what a report says against a message, shortened to what fits the entry.
func refusalOf(issue *schemas.FeedIssue) *Verdict {
	v := &Verdict{Code: schemas.Shorten(Words(issue.Code), maxRefusal/3), Message: schemas.Shorten(Words(issue.Message), maxRefusal)}
	if v.Code == "" && v.Message == "" {
		v.Code = "ERROR"
	}
	return v
}
