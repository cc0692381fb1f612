package feeds

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/schemas"
)

// Phases of a feed; see FeedState.phase.
const (
	held     = "HELD"
	foreign  = "FOREIGN"
	running  = "RUNNING"
	report   = "REPORT"
	finished = "FINISHED"
)

const (
	// stuckFactor is how many times the expected duration a feed may take.
	stuckFactor = 4
	// silence is how long past its objective a feed is still asked after when
	// Amazon gives no answer at all, before it is told as stuck on our word alone.
	silence = time.Hour

	// minTries is how many tries precede every giving up.
	minTries = 6

	// maxHintChecks is how many answers to getFeed a notification is believed
	// against: Amazon's reads lag, usually by seconds.
	maxHintChecks = 3
	hintBase      = 5 * time.Second
	hintLimit     = 30 * time.Second
	// After a notification that was not confirmed the next ones must wait, so
	// that forged ones cannot burn the quota.
	falseHintBase  = 10 * time.Second
	falseHintLimit = 10 * time.Minute
)

// feed is a feed's entry with its places in the queues.
type feed struct {
	lane.Item // in the lane of the call that it wants
	timer     lane.Item
	*schemas.FeedState

	// Not in the state: a new owner asks Amazon first.
	quietUntil time.Time // when a feed past its objective is stuck without an answer
	failure    string    // why its report could not be had at last
}

func newFeed(key string, state *schemas.FeedState) *feed {
	return &feed{Item: lane.Item{Key: key}, timer: lane.Item{Key: key}, FeedState: state}
}

// enter begins a phase.
func (f *feed) enter(phase string, now time.Time) {
	f.Phase, f.PhaseTime, f.NotBefore = phase, now, time.Time{}
}

// objective is the time from which on a feed that runs is stuck.
func (f *feed) objective(stuckAfter time.Duration) time.Time {
	expected := time.Duration(f.ExpectedSeconds) * time.Second
	return f.SubmittedTime.Add(max(stuckAfter, stuckFactor*expected))
}

// timerAt is when time alone changes something about the feed; zero for never.
func (f *feed) timerAt(stuckAfter time.Duration) time.Time {
	switch f.Phase {
	case held:
		return f.PhaseTime.Add(holdFor)
	case foreign:
		return f.PhaseTime.Add(foreignFor)
	case finished:
		return f.PhaseTime.Add(keepFinished)
	case running:
		if !f.StuckTime.IsZero() {
			return time.Time{}
		}
		if !f.quietUntil.IsZero() {
			return f.quietUntil
		}
		return f.objective(stuckAfter)
	case report:
		if !f.FailingSince.IsZero() && f.ToldTime.IsZero() {
			return f.FailingSince.Add(reportTold)
		}
	}
	return time.Time{}
}

// hint takes note of a notification that the feed has ended: getFeed is asked
// at once, or as soon as the false ones before it allow.
func (f *feed) hint(now time.Time) {
	f.Notified = true
	if f.Hinted {
		return
	}
	f.Hinted, f.HintChecks = true, 0
	at := now
	if f.NextHint.After(now) {
		at = f.NextHint
	}
	if f.NotBefore.After(at) {
		f.NotBefore = at
	}
}

// unconfirmed takes note that getFeed did not say what the notification did,
// and returns when to ask again; zero when the notification is not believed
// any more.
func (f *feed) unconfirmed(now time.Time) time.Time {
	f.HintChecks++
	if f.HintChecks <= maxHintChecks-f.FalseHints { // each false one makes the next less credible
		return now.Add(lane.Backoff(f.Key, int(f.HintChecks), hintBase, hintLimit))
	}
	f.FalseHints++
	f.Hinted, f.HintChecks, f.Notified = false, 0, false
	f.NextHint = now.Add(lane.Backoff(f.Key, int(f.FalseHints), falseHintBase, falseHintLimit))
	return time.Time{}
}

// delay keeps a feed's wish for another try of its call, which costs an attempt.
func (f *feed) delay(now time.Time, base, limit time.Duration) {
	f.Attempts++
	if f.FailingSince.IsZero() {
		f.FailingSince = now
	}
	f.NotBefore = now.Add(lane.Backoff(f.Key, int(f.Attempts), base, limit))
}

// exhausted reports whether the wanted call has failed for as long as patience and
// often enough, this failure included: tries can be hours apart when tokens are
// short.
func (f *feed) exhausted(now time.Time, patience time.Duration) bool {
	return f.Attempts >= minTries && now.Sub(f.FailingSince) >= patience
}
