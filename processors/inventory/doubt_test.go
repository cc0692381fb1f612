package inventory

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
)

func accepted() machine.Outcome {
	return machine.Done{Response: &model.ListingsItemSubmission{Status: model.SubmissionAccepted}}
}

// doubts are delays that no two sums of them have in common, so that a length with
// one left out, doubled or exchanged shows.
func doubts() Config {
	return Config{
		PatchBelow: -1, CommitTime: 7 * time.Second, CallTime: 37 * time.Second,
		ApplyDelay: 211 * time.Second, ShowDelay: 1009 * time.Second,
	}
}

// TestTheQuarantinesExactLength: "no feed" is believed at the very moment at which
// the quarantine ends, not before and not after, whoever owns the unit then.
func TestTheQuarantinesExactLength(t *testing.T) {
	t.Parallel()
	const apply, show, commit, call = 211, 1009, 7, 37
	for name, test := range map[string]struct {
		restarts []int // seconds after the intent
		answered bool  // the answer was lost before them, 5 s after the intent
		unaged   bool  // the brokers do not tell how old entries are
		ahead    int   // seconds by which the clock is ahead after the restarts
		want     int   // seconds after the intent
	}{
		"a lost answer":                       {answered: true, want: 5 + apply + show},
		"a takeover":                          {restarts: []int{20}, want: commit + call + apply + show},
		"many takeovers":                      {restarts: []int{20, 100, 300, 500, 700, 900, 1100, 1200}, want: commit + call + apply + show},
		"a lost answer, then takeovers":       {answered: true, restarts: []int{20, 400, 800}, want: 5 + apply + show},
		"a takeover after its end":            {restarts: []int{2000}, want: 2000},
		"another clock":                       {restarts: []int{20}, ahead: 240, want: commit + call + apply + show},
		"an age that is not known":            {restarts: []int{20}, unaged: true, want: 20 + commit + call + apply + show},
		"an age that is not known, and later": {restarts: []int{20, 1100}, unaged: true, want: commit + call + apply + show + int(clocksApart.Seconds())},
	} {
		r := newRuntime(t, doubts())
		r.Take(updateOf("A", 1, testStart))
		create := r.cutFeed("d1")
		began := r.Now
		if test.answered {
			r.Now = began.Add(5 * time.Second)
			r.End(create, machine.Ambiguous{})
		}
		none := func(c machine.Call) machine.Outcome {
			if c.Operation != model.GetFeeds {
				t.Fatalf("%s: started %s", name, c.Operation)
			}
			return machine.Done{Response: feedsPage("")}
		}
		for _, at := range test.restarts {
			r.Follow(began.Add(time.Duration(at)*time.Second).Sub(r.Now), nil, none)
			if test.unaged {
				r.Restart()
				fresh := New(r.Machine.cfg) // as on a broker that keeps the producers' times
				for key := range r.Store.Keys() {
					if err := fresh.Restore(key, r.State(key)); err != nil {
						t.Fatal(err)
					}
				}
				r.Machine = fresh
			} else {
				r.Restart()
			}
		}
		// The clock of the new owner says something else. What has passed is the same.
		ahead := time.Duration(test.ahead) * time.Second
		r.Now = r.Now.Add(ahead)
		for r.lane(germany).Phase == feedlane.PhaseIntent {
			calls := r.Tick(nil)
			if r.lane(germany).DoubtUntil.IsZero() && len(test.restarts) > 0 {
				t.Fatalf("%s: %+v does not say until when", name, r.lane(germany))
			}
			for _, c := range calls {
				r.End(c, none(c))
			}
			if r.lane(germany).Phase != feedlane.PhaseIntent {
				break
			}
			if r.Wake.IsZero() {
				t.Fatalf("%s: it waits for nothing", name)
			}
			r.Now = machine.Latest(r.Wake, r.Now.Add(time.Millisecond))
		}
		got := r.Now.Add(-ahead).Sub(began)
		if want := time.Duration(test.want) * time.Second; got < want || got > want+20*time.Millisecond { // a takeover takes a tick
			t.Errorf("%s: the quarantine ends %v after the intent, want %v", name, got, want)
		}
	}
}

// TestTheExactLengthOfADoubt is the same for a patch: the newest is sent at once,
// and once more at the very end of the doubt, whoever owns the unit then.
func TestTheExactLengthOfADoubt(t *testing.T) {
	t.Parallel()
	const apply, commit, call = 211, 7, 37
	for name, test := range map[string]struct {
		restarts []int
		answered bool
		want     int
	}{
		"a lost answer":                  {answered: true, want: 5 + apply},
		"a takeover":                     {restarts: []int{20}, want: commit + call + apply},
		"many takeovers":                 {restarts: []int{20, 60, 100, 150, 200}, want: commit + call + apply},
		"a lost answer, many takeovers":  {answered: true, restarts: []int{20, 60, 100, 150, 200}, want: 5 + apply},
		"a takeover when it has ended":   {restarts: []int{2000}, want: -1},
		"a takeover long after the loss": {answered: true, restarts: []int{2000}, want: 5 + apply},
	} {
		r := newRuntime(t, doubts())
		patch := r.only(r.Take(updateOf("A", 0, testStart)), model.PatchListingsItem)
		began := r.Now
		if test.answered {
			r.Now = began.Add(5 * time.Second)
			r.End(patch, machine.Ambiguous{})
			r.Take(updateOf("A", 7, r.Now)) // newer, and not what is in doubt
		}
		var sent []time.Duration
		answer := func(c machine.Call) machine.Outcome {
			if r.only([]machine.Call{c}, model.PatchListingsItem).Request.(*model.PatchQuantityRequest).Quantity == 7 {
				sent = append(sent, r.Now.Sub(began))
			}
			return accepted()
		}
		urgent := func() { // as if it were sold out again
			u := updateOf("A", 7, r.Now)
			u.Urgent = true
			r.Follow(0, r.Take(u), answer)
		}
		if test.answered {
			urgent()
		}
		for i, at := range test.restarts {
			r.Follow(began.Add(time.Duration(at)*time.Second).Sub(r.Now), nil, answer)
			r.Restart()
			r.Follow(2*time.Millisecond, nil, answer)
			if i == 0 && !test.answered {
				urgent()
			}
		}
		r.Follow(time.Hour, nil, answer)
		once := 1
		if test.want >= 0 {
			once = 2
		}
		if len(sent) < once || r.Machine.Pending() != 0 {
			t.Fatalf("%s: sent at %v, %d pending", name, sent, r.Machine.Pending())
		}
		if first := sent[0]; test.answered && first > 6*time.Second {
			t.Errorf("%s: the newest is sent after %v, want it at once", name, first)
		}
		if test.want < 0 {
			continue
		}
		want := time.Duration(test.want) * time.Second
		if last := sent[len(sent)-1]; last < want || last > want+20*time.Millisecond {
			t.Errorf("%s: sent at %v, want it once more at %v", name, sent, want)
		}
	}
}

// How long a createFeed with a lost answer stays in doubt, by when getFeeds shows its
// feed: the section "Inventory" of docs/ARCHITECTURE.md has these.
func TestHowLongADoubtLasts(t *testing.T) {
	t.Parallel()
	for shows, want := range map[time.Duration]time.Duration{
		0: 30 * time.Second, 10 * time.Second: 30 * time.Second, time.Minute: 90 * time.Second,
		2 * time.Minute: 210 * time.Second, 4 * time.Minute: 450 * time.Second, 8 * time.Minute: 10 * time.Minute,
		time.Hour: 10 * time.Minute, // never: the feed is submitted again
	} {
		r := newRuntime(t, feedsOnly())
		r.Take(many("S", 150, testStart)...)
		create := r.cutFeed("d1")
		began := r.Now
		r.End(create, machine.Done{Response: &model.CreateFeedResponse{}}) // 200, and no id
		r.Follow(0, nil, nil)
		for r.lane(germany).Phase == feedlane.PhaseIntent && r.lane(germany).IntentID != "" && r.Now.Before(began.Add(time.Hour)) {
			r.Follow(time.Second, nil, func(call machine.Call) machine.Outcome {
				if call.Operation == model.PatchListingsItem {
					return accepted()
				}
				if r.Now.Before(began.Add(shows)) {
					return machine.Done{Response: feedsPage("")}
				}
				return machine.Done{Response: feedsPage("", amazonFeed("1", model.FeedInProgress, began))}
			})
		}
		if took := r.Now.Sub(began).Round(time.Second); took < want || took > want+2*time.Second {
			t.Errorf("a feed that shows after %v: the doubt lasts %v, want %v", shows, took, want)
		}
	}
}
