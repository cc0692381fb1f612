package feedlane

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

const (
	// refusedBase and refusedLimit bound the wait after Amazon refused a document or
	// a feed.
	refusedBase  = 5 * time.Second
	refusedLimit = 5 * time.Minute
	// AlertAfter is how long something fails before a person is told.
	AlertAfter = 5 * time.Minute
)

// trouble is what is wrong with a lane's feeds: they are refused, unanswered, or
// end without a report that can be used.
type trouble struct {
	since  time.Time // zero for none
	reason string
	count  int32 // failures in a row
	told   bool
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

// works ends the lane's trouble: Amazon has carried out a feed of it.
func (f *Lane[T, Q]) works() { f.trouble, f.most = trouble{}, 0 }

// Trouble is what is wrong with a lane's feeds, for an alert.
type Trouble struct {
	Since    time.Time
	Reason   string
	Failures int
}

// Tell returns what is wrong with a lane's feeds when a person must be told: it has lasted
// for minutes, and waiting counts items that wait for more than a feed that Amazon has
// taken. It does so once.
func (c *Core[T, Q]) Tell(tx *machine.Tx, f *Lane[T, Q], waiting func() int) (t Trouble, n int) {
	switch due := f.trouble.since.Add(AlertAfter); {
	case !f.Fails() || f.trouble.told || f.Phase == PhaseRunning:
		return Trouble{}, 0
	case tx.Now.Before(due):
		c.WakeAt(f, due)
		return Trouble{}, 0
	}
	if n = waiting(); n > 0 {
		f.trouble.told = true
		f.Save(tx)
	}
	return Trouble{f.trouble.since, f.trouble.reason, int(f.trouble.count)}, n
}
