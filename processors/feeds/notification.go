package feeds

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// holdFor is how long a notification waits for its submission.
	holdFor = 24 * time.Hour
	// maxHeld bounds an account's waiting notifications, and once more those that
	// may be of another account of its seller: all feeds of that one come here. One
	// more is dropped: if its submission does come, polling finds the end.
	maxHeld = 200
	// foreignFor is how long an account's next alert of a foreign feed waits.
	foreignFor = 24 * time.Hour
)

// strangers counts an account's feeds that nobody has submitted.
type strangers struct{ held, candidates, foreign int }

// count adds n to what f counts among.
func (m *Machine) count(f *feed, n int) {
	s := m.strangers[f.Account]
	switch {
	case f.Phase == held && f.Candidate:
		s.candidates += n
	case f.Phase == held:
		s.held += n
	case f.Phase == foreign:
		s.foreign += n
	default:
		return
	}
	if s == (strangers{}) {
		delete(m.strangers, f.Account)
		return
	}
	m.strangers[f.Account] = s
}

// notified takes Amazon's word that a feed has ended: a hint to ask, never data
// to trust.
func (m *Machine) notified(tx *machine.Tx, note *schemas.FeedNotification) {
	key := feedKey(note.Account, note.FeedID)
	f := m.feeds[key]
	switch {
	case f == nil:
		m.hold(tx, note)
	case f.Phase == running && !f.Hinted:
		f.hint(tx.Now)
		m.save(tx, f)
	case f.Phase == report || f.Phase == finished:
		m.notifiedLate(tx, f, note)
	}
}

// notifiedLate takes a notification of a feed that has ended, or was given up.
func (m *Machine) notifiedLate(tx *machine.Tx, f *feed, note *schemas.FeedNotification) {
	status := shortened(schemas.Printable(note.ProcessingStatus), maxName)
	gaveUp := f.ProcessingStatus == statusUnknown && status != statusUnknown
	if f.Notified && !gaveUp {
		return
	}
	if gaveUp {
		f.endUnknown(tx, "Amazon says after all that it has ended, with status "+status+
			". What its report said is not known: look in Seller Central, and send again what was not applied")
		f.ProcessingStatus = status
	}
	if !f.Notified && tx.Now.Sub(f.DetectedTime) <= inTime {
		m.cameLate(tx, f)
	}
	f.Notified = true
	m.save(tx, f)
}

// hold keeps a notification whose submission may still come.
func (m *Machine) hold(tx *machine.Tx, note *schemas.FeedNotification) {
	waiting := m.strangers[note.Account].held
	if note.Candidate {
		waiting = m.strangers[note.Account].candidates
	}
	if waiting >= maxHeld {
		return
	}
	key := feedKey(note.Account, note.FeedID)
	f := newFeed(key, &schemas.FeedState{
		Account: note.Account, FeedID: note.FeedID, FeedType: note.FeedType, Phase: held, PhaseTime: tx.Now,
		Candidate: note.Candidate,
	})
	m.feeds[key] = f
	m.count(f, +1)
	m.save(tx, f)
}

// unclaimed ends the wait for a submission. The first such feed of an account
// and day is told; its entry stands for that day. One that may be of another
// account of the seller is not: each account of the seller got the notification, and
// this one cannot know whether another knows the feed.
func (m *Machine) unclaimed(tx *machine.Tx, f *feed) {
	if f.Candidate || m.strangers[f.Account].foreign > 0 {
		m.forget(tx, f)
		return
	}
	since := f.PhaseTime
	m.count(f, -1)
	f.enter(foreign, tx.Now)
	m.count(f, +1)
	m.save(tx, f)
	tx.Alert(&schemas.Alert{
		Role: Processor, EventType: alertForeign, Account: f.Account, Subject: f.FeedID, Severity: warning, Since: since,
		Message: fmt.Sprintf("Amazon notified that feed %s (%s) of account %s has ended, and Sellerstream submitted no such feed: "+
			"another program submits feeds for this seller, or the notification was forged. Feeds of two programs can "+
			"overwrite each other's quantities and spend one quota: let one of them do it. "+
			"Further ones of this account are not told for %.0f hours.", f.FeedID, f.FeedType, f.Account, foreignFor.Hours()),
		Attributes: map[string]string{"feedType": f.FeedType},
	})
}
