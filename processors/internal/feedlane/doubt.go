package feedlane

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
)

// A call is in doubt when its answer was lost, or when an owner finds the intent
// of an earlier one at takeover: Amazon may carry it out until the doubt ends.
// The doubt ends at a time that follows from the call alone, whoever owns the unit
// then. While one owner lives its monotonic clock measures it. At a takeover two
// times are subtracted that one clock has measured: how much was left when the
// entry was written, less its age by the brokers' clock.

const (
	// clocksApart is what the clocks of two owners can disagree on. It counts only
	// where the brokers do not say how old an entry is.
	clocksApart = 5 * time.Minute
	// firstLook is when getFeeds is asked first for the feed of a createFeed in doubt,
	// after which the waits double. Only at the end does "none" mean none.
	firstLook = 30 * time.Second
	// earlySkew is how much before the intent, by Amazon's clock, a feed may have been
	// created that is adopted before the doubt has ended.
	earlySkew = time.Minute
)

// Remains is how much of a doubt is left for an owner that finds it in its state
// at now: left when the entry was written, which was age ago by the brokers.
// end is the doubt's end by the clock of who wrote it.
func Remains(left, age time.Duration, end, now time.Time) time.Duration {
	return max(0, min(left-age, end.Add(clocksApart).Sub(now)))
}

// quarantine waits until getFeeds is sure to show the feed, if there is one.
// The intent stands in the state as it is.
func (c *Core[T, Q]) quarantine(tx *machine.Tx, f *Lane[T, Q], left time.Duration) {
	f.Doubt, f.looks = tx.Now.Add(left), 0
	f.lookLater(tx.Now)
	c.hooks.Thaw(tx, f)
}

// lookLater sets when getFeeds is asked next: sooner than the doubt ends, since a
// feed that shows is no doubt any more.
func (f *Lane[T, Q]) lookLater(now time.Time) {
	f.Until = now.Add(firstLook << min(f.looks, 10))
	if f.Doubt.Before(f.Until) {
		f.Until = f.Doubt
	}
	f.looks++
}

// Frozen reports whether what the lane carries waits for more than Amazon's work:
// it may as well be sent in another way.
func (f *Lane[T, Q]) Frozen() bool {
	return f.Phase == PhaseParked || f.Stuck || f.Phase == PhaseIntent && !f.Doubt.IsZero()
}
