package feedlane

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// refusedBase and refusedLimit bound the wait after Amazon refused a document or
	// a feed.
	refusedBase  = 5 * time.Second
	refusedLimit = 5 * time.Minute
	// AlertAfter is how long something fails before a person is told, and calmFor for how long
	// nothing must have waited before that trouble is forgotten, though no feed has worked. It is
	// looked at once per AlertAfter.
	AlertAfter = 5 * time.Minute
	calmFor    = time.Hour
)

// trouble is what is wrong with a lane's feeds: they are refused, unanswered, or
// end without a report that can be used.
type trouble struct {
	since  time.Time // zero for none
	reason string
	count  int32 // failures in a row
	told   bool
	toldAt time.Time // when the alert was raised that holds; zero for none
	looked time.Time // when it was last looked whether items wait; the state keeps neither this
	calm   time.Time // nor since when none did at each look
}

func (t *trouble) begin(now time.Time, why Verdict) {
	if t.since.IsZero() {
		t.since = whole(now)
	}
	t.reason = Words(why.Message)
	if why.Code != "" {
		t.reason = Words(why.Code + ": " + why.Message)
	}
}

// Fails reports whether feeds of the lane fail, or are in doubt, and Failures how many have
// failed in a row.
func (f *Lane[T, Q]) Fails() bool { return !f.trouble.since.IsZero() }

// Failures is how many feeds of the lane have failed in a row.
func (f *Lane[T, Q]) Failures() int { return int(f.trouble.count) }

// hold counts a failure, and makes the next document wait.
func (f *Lane[T, Q]) hold(now time.Time) {
	f.trouble.count++
	f.heldUntil = whole(now.Add(lane.Backoff(f.call.Key, int(f.trouble.count), refusedBase, refusedLimit)))
}

// failed counts a failure of what the lane sent, of n items, and makes the next feed
// wait. From the second one on the next feeds are half as large each: what a single
// item spoils comes to light, and the others get through. When one alone has failed,
// it waits by itself, and the next feed is whole again.
func (f *Lane[T, Q]) failed(now time.Time, n int, why Verdict) {
	f.trouble.begin(now, why)
	f.hold(now)
	switch {
	case n <= 1:
		f.most = 0
	case f.trouble.count > 1:
		f.most = n / 2
	}
}

// works ends the lane's trouble: Amazon has carried out a feed of it, or has one.
func (c *Core[T, Q]) works(tx *machine.Tx, f *Lane[T, Q]) {
	c.endTrouble(tx, f, "Amazon takes feeds again")
}

// endTrouble forgets what was wrong, and resolves the alert about items that wait, for the reason why.
func (c *Core[T, Q]) endTrouble(tx *machine.Tx, f *Lane[T, Q], why string) {
	if !f.trouble.toldAt.IsZero() {
		c.resolve(tx, f, f.trouble.toldAt, c.cfg.Waits, fmt.Sprintf("Feeds %s of marketplace %s make no %s wait any more: %s.", f.cfg.FeedType, f.Marketplace, c.cfg.Items, why))
	}
	f.trouble = trouble{}
}

// resolve ends an alert about the lane's marketplace that was raised at a time.
func (c *Core[T, Q]) resolve(tx *machine.Tx, f *Lane[T, Q], at time.Time, kind, message string) {
	tx.ResolveRaised(&schemas.Alert{
		EventType: kind, Account: f.Account, Role: c.cfg.Role, Subject: f.Marketplace, Message: message,
		Attributes: map[string]string{"marketplaceId": f.Marketplace},
	}, at)
}

// Trouble is what is wrong with a lane's feeds, for an alert.
type Trouble struct {
	Since    time.Time
	Reason   string
	Failures int
}

// Tell returns what is wrong with a lane's feeds when a person must be told: it has lasted
// for minutes, and waiting counts items that wait for more than a feed that Amazon has
// taken. It does so once. The caller raises the alert Config.Waits about the marketplace, which ends
// by itself: when a feed works, or nothing has waited for calmFor. Then the trouble is forgotten, told
// or not: what comes later has not been tried.
func (c *Core[T, Q]) Tell(tx *machine.Tx, f *Lane[T, Q], waiting func() int) (t Trouble, n int) {
	next := machine.Latest(f.trouble.since, f.trouble.looked).Add(AlertAfter)
	switch {
	case !f.Fails():
		return Trouble{}, 0
	case f.Phase == PhaseRunning || f.trouble.told && f.Phase != PhaseIdle:
		f.trouble.calm = time.Time{}
		return Trouble{}, 0
	case tx.Now.Before(next):
		c.WakeAt(f, next)
		return Trouble{}, 0
	}
	f.trouble.looked = tx.Now
	c.WakeAt(f, tx.Now.Add(AlertAfter))
	switch n = waiting(); {
	case n == 0 && f.Phase == PhaseIdle:
		c.calm(tx, f)
		return Trouble{}, 0
	case n == 0 || f.trouble.told:
		f.trouble.calm = time.Time{}
		return Trouble{}, 0
	}
	f.trouble.calm, f.trouble.told, f.trouble.toldAt = time.Time{}, true, tx.Now
	f.Save(tx)
	return Trouble{f.trouble.since, f.trouble.reason, int(f.trouble.count)}, n
}

// calm ends trouble for which nothing has waited for long, such as where all items have an outcome
// or went another way.
func (c *Core[T, Q]) calm(tx *machine.Tx, f *Lane[T, Q]) {
	switch {
	case f.trouble.calm.IsZero():
		f.trouble.calm = tx.Now
	case tx.Now.Sub(f.trouble.calm) >= calmFor:
		c.endTrouble(tx, f, "none has waited for an hour")
		f.Save(tx)
	}
}
