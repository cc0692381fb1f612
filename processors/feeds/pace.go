package feeds

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// weight is that of the newest feed in what is learned.
	weight = 0.3
	// firstShare is the share of notified feeds that a new account is credited
	// with: the subscription is there by default. Where no notification comes, the
	// second feed makes it less than a half.
	firstShare = 0.7
	// firstExpected is how long a feed is taken to need before one was seen: most
	// end in 30 to 60 s.
	firstExpected = time.Minute
	// longest is the longest duration that is learned from.
	longest = 6 * time.Hour

	// inTime is how long after its end was found by polling a notification still
	// counts as one that would have come in time.
	inTime = 2 * time.Minute

	// Without notifications a feed is polled at short waits for the first
	// minutes, then at a tenth of the time that it has taken so far.
	pollBase   = 10 * time.Second
	pollShort  = 30 * time.Second
	pollLong   = 5 * time.Minute
	pollTenth  = 10
	pollFirst  = 5 * time.Minute // the first poll at the latest
	notedExtra = 2 * time.Minute // what a notification gets beyond the expected time

	// With them polling only finds what a lost one has left.
	notedBase    = time.Minute
	notedLong    = 10 * time.Minute
	notedQuarter = 4
	notedFirst   = time.Hour
)

// pace is what is known of feeds like f.
func (m *Machine) pace(f *feed) *schemas.FeedPace {
	key := paceKey(f.Account, f.FeedType)
	if known := m.paces[key]; known != nil {
		return known
	}
	return &schemas.FeedPace{Account: f.Account, FeedType: f.FeedType, NotifiedShare: firstShare}
}

// learn takes note of how a feed ended.
func (m *Machine) learn(tx *machine.Tx, f *feed, took time.Duration) {
	pace := m.pace(f)
	if f.ProcessingStatus == statusDone { // the others say nothing about how long feeds take
		seconds := min(took, longest).Seconds()
		if pace.Samples == 0 {
			pace.ExpectedSeconds = seconds
		} else {
			pace.ExpectedSeconds += weight * (seconds - pace.ExpectedSeconds)
		}
		pace.Samples++
	}
	came := 0.0
	if f.Hinted {
		came = 1
	}
	pace.NotifiedShare += weight * (came - pace.NotifiedShare)
	m.savePace(tx, pace)
}

// cameLate corrects what was learned when a poll was only a little faster than
// the notification.
func (m *Machine) cameLate(tx *machine.Tx, f *feed) {
	pace := m.pace(f)
	pace.NotifiedShare = min(1, pace.NotifiedShare+weight)
	m.savePace(tx, pace)
}

func (m *Machine) savePace(tx *machine.Tx, pace *schemas.FeedPace) {
	key := paceKey(pace.Account, pace.FeedType)
	pace.ChangedTime = tx.Now
	m.paces[key] = pace
	tx.Put(key, pace)
}

// nextPoll is when a running feed is asked after if no notification comes. The
// first poll is due about when the feed should have ended or, where
// notifications come, so much later that one will most likely have come.
func nextPoll(f *feed, pace *schemas.FeedPace, now time.Time) time.Time {
	elapsed := max(0, now.Sub(f.SubmittedTime))
	expected := firstExpected
	if pace.Samples > 0 {
		expected = time.Duration(pace.ExpectedSeconds * float64(time.Second))
	}
	noted := pace.NotifiedShare >= 0.5
	var wait time.Duration
	switch {
	case f.Polls == 0 && noted:
		extra := expected + notedExtra
		wait = min(expected+lane.Backoff(f.Key, 1, extra, extra), notedFirst) - elapsed
	case f.Polls == 0:
		first := min(max(expected, pollBase), pollFirst)
		wait = lane.Backoff(f.Key, 1, first, first) - elapsed
	case noted:
		wait = lane.Backoff(f.Key, int(f.Polls), notedBase, min(max(elapsed/notedQuarter, notedBase), notedLong))
	default:
		wait = lane.Backoff(f.Key, int(f.Polls), pollBase, min(max(elapsed/pollTenth, pollShort), pollLong))
	}
	return now.Add(max(0, wait))
}
