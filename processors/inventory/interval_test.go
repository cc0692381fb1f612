package inventory

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// TestAnAccountsFeedsKeepTheirInterval whatever their marketplace, and whoever owns the
// unit; without one the next feed follows the end of the last.
func TestAnAccountsFeedsKeepTheirInterval(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		interval time.Duration
		restart  bool
		abroad   bool // the SKU is not listed at home
	}{
		"none":                  {},
		"20 minutes":            {interval: 20 * time.Minute},
		"after a restart":       {interval: 20 * time.Minute, restart: true},
		"in another lane":       {interval: 20 * time.Minute, abroad: true},
		"there after a restart": {interval: 20 * time.Minute, restart: true, abroad: true},
	} {
		cfg := feedsOnly()
		cfg.FeedInterval = test.interval
		r := newRuntime(t, cfg)
		r.Take(updateOf("A", 1, testStart))
		r.runFeed("1")
		submitted := r.Now
		r.Now = r.Now.Add(5 * time.Minute)
		if test.abroad {
			r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "1", Issues: []schemas.FeedIssue{issue(1, "13013")}}, completed("1", 1, 1))
		} else {
			r.Take(completed("1", 1, 0), updateOf("A", 2, r.Now))
		}
		if test.restart {
			r.Restart()
		}
		calls := r.Tick(nil)
		for r.Now.Sub(submitted) < time.Hour && len(calls) == 0 {
			calls = r.Pass(time.Second)
		}
		r.only(calls, model.CreateFeedDocument)
		waited := r.Now.Sub(submitted)
		if test.interval == 0 && waited > 6*time.Minute || test.interval > 0 && (waited < test.interval || waited > test.interval+2*time.Second) {
			t.Errorf("%s: the next feed is made after %v", name, waited)
		}
	}
}

// TestAFeedInDoubtMayBeTheLast until its doubt ends: the account's next one, in another
// lane, is an interval later than that.
func TestAFeedInDoubtMayBeTheLast(t *testing.T) {
	t.Parallel()
	const interval = 2 * time.Minute
	cfg := feedsOnly()
	cfg.FeedInterval = interval
	r := newRuntime(t, cfg)
	key, state := left("", "F", testStart, 1)
	state.FulfillmentChannelCode, state.ListedMarketplaceID = defaultChannel, france
	state.Wanted, state.WantedSince = leftUpdate(1, testStart, 1, ""), testStart
	r.put(key, state)
	r.Restart()
	r.Take(updateOf("A", 1, testStart))
	created := r.cutFeed("d")
	calls, made := r.End(created, machine.Ambiguous{}), time.Time{}
	doubt := r.State(created.Key).(*schemas.FeedLaneState).DoubtUntil
	r.Follow(time.Hour, calls, func(call machine.Call) machine.Outcome {
		switch {
		case call.Operation == model.GetFeeds:
			return machine.Done{Response: &model.GetFeedsResponse{}}
		case call.Operation == model.CreateFeedDocument:
			if call.Key != created.Key {
				made = machine.Earliest(made, r.Now)
			}
			return machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: "again"}}
		case call.Operation == model.CreateFeed:
			return machine.Done{Response: &model.CreateFeedResponse{FeedID: call.Key}}
		}
		return machine.Snooze{For: time.Hour}
	})
	if made.Before(doubt.Add(interval)) {
		t.Errorf("the next feed is made at %v, and the doubt ends at %v", made, doubt)
	}
}

// TestAFarFeedLeavesWorkToPatches as one does that createFeed has no token for.
func TestAFarFeedLeavesWorkToPatches(t *testing.T) {
	t.Parallel()
	for interval, want := range map[time.Duration]bool{0: false, 20 * time.Minute: true} {
		r := newRuntime(t, Config{PatchBelow: 10, FeedInterval: interval})
		r.Take(many("A", 50, testStart)...)
		r.runFeed("1")
		calls := append(r.Take(append([]any{completed("1", 50, 0)}, many("B", 50, r.Now)...)...), r.Pass(time.Minute)...)
		patches := slices.Contains(operationsOf(calls), model.PatchListingsItem)
		if patches != want {
			t.Errorf("every %v: started %v", interval, operationsOf(calls))
		}
	}
}

// TestFeedsKeepTheirIntervalWhateverHappens at Amazon, lost answers and crashes included.
func TestFeedsKeepTheirIntervalWhateverHappens(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 20, 60)), func(rt *rapid.T) {
		interval := time.Duration(rapid.IntRange(1, 60).Draw(rt, "minutes")) * time.Minute
		w := newWorld(t, rt, rapid.Uint64().Draw(rt, "seed"), Config{MaxAttempts: 1000, FeedInterval: interval})
		w.amazon.applyLate, w.amazon.showLate = w.Machine.cfg.ApplyDelay, w.Machine.cfg.ShowDelay
		for range rapid.IntRange(10, 100).Draw(rt, "steps") {
			w.step()
		}
		w.settle()
		if w.blind() {
			return
		}
		created := make([]time.Time, 0, len(w.amazon.feeds))
		for _, f := range w.amazon.feeds {
			created = append(created, f.CreatedTime)
		}
		slices.SortFunc(created, time.Time.Compare)
		for i := 1; i < len(created); i++ {
			if apart := created[i].Sub(created[i-1]); apart < interval {
				rt.Fatalf("two feeds %v apart, less than %v: at %v", apart, interval, created[i])
			}
		}
	})
}
