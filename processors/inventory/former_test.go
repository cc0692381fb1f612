package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// left is an entry as a version before wrote it, with its key; marketplace "" for none.
func left(marketplace, id string, newest time.Time, offset int64) (string, *schemas.InventoryState) {
	return entryKey(testAccount, marketplace, id), &schemas.InventoryState{
		Account: testAccount, SKU: id, MarketplaceID: marketplace, NewestTime: newest, NewestOffset: offset,
		Tried: []string{}, TouchedTime: newest,
	}
}

// leftUpdate is an update in such an entry.
func leftUpdate(quantity int32, at time.Time, offset int64, channel string) *schemas.PendingUpdate {
	return &schemas.PendingUpdate{
		Quantity: quantity, EventTime: at, UpdateID: fmt.Sprint("u", offset), SourcePartition: 3, SourceOffset: offset,
		ReceivedTime: at, FulfillmentChannelCode: channel,
	}
}

func (r *runtime) put(key string, value any) {
	r.T.Helper()
	if err := r.Store.Put(key, value); err != nil {
		r.T.Fatal(err)
	}
}

// keys are those of the SKUs' entries.
func (r *runtime) keys() []string {
	var list []string
	for key := range r.Store.Keys() {
		if _, ok := r.State(key).(*schemas.InventoryState); ok {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return list
}

const second = time.Second

// TestTheNewestOfAllMarketplacesIsSent once, and the others end superseded by it.
func TestTheNewestOfAllMarketplacesIsSent(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	for i, marketplace := range []string{germany, "", france} { // the last is the newest
		at := testStart.Add(time.Duration(i) * second)
		key, state := left(marketplace, "A", at, int64(i))
		state.Wanted, state.WantedSince = leftUpdate(int32(5+i), at, int64(i), ""), at
		r.put(key, state)
	}
	// What is settled counts too: nothing older is sent after it.
	key, state := left(germany, "B", testStart, 7)
	state.Wanted, state.WantedSince = leftUpdate(8, testStart, 7, ""), testStart
	r.put(key, state)
	r.put(left(france, "B", testStart.Add(second), 8))
	key, state = left(germany, "C", testStart, 9)
	state.Wanted, state.WantedSince = leftUpdate(9, testStart, 9, ""), testStart
	r.put(key, state)
	r.put(left("", "C", testStart.Add(second), 10))
	r.Restart()
	r.Tick(nil)
	for _, o := range r.results {
		if o.SKU == "A" && o.SupersededBy != "u2" {
			t.Errorf("%+v", o)
		}
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 5 SUPERSEDED", "A 6 SUPERSEDED", "B 8 SUPERSEDED", "C 9 SUPERSEDED"})
	equal(t, "entries", r.keys(), []string{"sku/acme-eu//A", "sku/acme-eu//B", "sku/acme-eu//C"})
	r.Restart() // as if that commit were all that came through
	r.runFeed("1")
	r.Take(completed("1", 1, 0))
	equal(t, "outcomes", r.outcomes(), []string{"A 7 APPLIED"})
	r.Take(updateOf("B", 9, testStart.Add(second/2)), updateOf("A", 9, testStart.Add(second)))
	equal(t, "older ones", r.outcomes(), []string{"A 9 SUPERSEDED", "B 9 SUPERSEDED"})
	if calls := r.Pass(time.Hour); len(calls) > 0 || r.Machine.Pending() > 0 {
		t.Errorf("started %v, %d pending", operationsOf(calls), r.Machine.Pending())
	}
}

// TestSettledEntriesOfMarketplacesAreRemembered until the next update of their SKU, in
// whatever channel, and are forgotten otherwise.
func TestSettledEntriesOfMarketplacesAreRemembered(t *testing.T) {
	t.Parallel()
	settled := func(t *testing.T) *runtime {
		r := newRuntime(t, feedsOnly())
		for _, id := range []string{"A", "B"} {
			r.put(left(germany, id, testStart, 1))
			r.put(left(france, id, testStart.Add(second), 2))
		}
		r.Restart()
		return r
	}
	for _, channel := range []string{"", "MLI"} {
		r := settled(t)
		older, newer := updateOf("A", 1, testStart.Add(second/2)), updateOf("A", 2, testStart.Add(2*second))
		older.FulfillmentChannelCode, newer.FulfillmentChannelCode = channel, channel
		r.Take(older)
		equal(t, channel+" older", r.outcomes(), []string{"A 1 SUPERSEDED"})
		equal(t, channel+" entries", r.keys(), []string{"sku/acme-eu//A", entryKey(testAccount, france, "B"), entryKey(testAccount, germany, "B")})
		r.Restart()
		r.Take(older, newer)
		r.runFeed("1")
		r.Take(completed("1", 1, 0))
		equal(t, channel+" newer", r.outcomes(), []string{"A 1 SUPERSEDED", "A 2 APPLIED"})
		if r.Pass(8 * 24 * time.Hour); len(r.keys()) > 0 {
			t.Errorf("%q: %q are not forgotten", channel, r.keys())
		}
	}
}

// TestWhatAVersionBeforeSettledHoldsBackNoOtherChannel once its channel is known.
func TestWhatAVersionBeforeSettledHoldsBackNoOtherChannel(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.put(left("", "A", testStart.Add(-time.Minute), 1))
	r.Restart()
	source := inChannel("MLI", "A", 2)
	source.EventTime = testStart.Add(-second)
	r.Take(updateOf("A", 1, testStart), source)
	if len(r.results) > 0 || r.Machine.Pending() != 2 {
		t.Errorf("outcomes %q, %d pending", r.outcomes(), r.Machine.Pending())
	}
}

// TestFeedsOfSeveralMarketplacesCarryOneSKU at the upgrade. What they carry gets its own
// outcome, and the newest is sent once more when the other feed has ended, whichever ends
// first.
func TestFeedsOfSeveralMarketplacesCarryOneSKU(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string][2]string{"the newest first": {"french", "german"}, "the newest last": {"german", "french"}} {
		for _, restarts := range []bool{false, true} {
			r := newRuntime(t, feedsOnly())
			running := func(marketplace, feed string, quantity int32, at time.Time, offset int64) {
				r.put(feedlane.Key(testAccount, model.JSONListingsFeed, marketplace), &schemas.FeedLaneState{
					Account: testAccount, FeedType: model.JSONListingsFeed, MarketplaceID: marketplace, Phase: feedlane.PhaseRunning, IntentID: feed,
					Messages: 1, IntentTime: at, FeedID: feed, SubmittedTime: at, Cancel: []string{}, Known: []schemas.KnownFeed{{FeedID: feed, Time: at}},
				})
				key, state := left(marketplace, "A", at, offset)
				message := int32(1)
				state.Sent, state.MessageID, state.FeedMarketplaceID = leftUpdate(quantity, at, offset, ""), &message, marketplace
				r.put(key, state)
			}
			running(germany, "german", 5, testStart, 1)
			running(france, "french", 7, testStart.Add(second), 2)
			r.Now = testStart.Add(time.Minute)
			r.Restart()
			if calls := r.Tick(nil); len(calls) > 0 || len(r.results) > 0 {
				t.Fatalf("%s: started %v, outcomes %q", name, operationsOf(calls), r.outcomes())
			}
			for i, feed := range ends {
				if restarts {
					r.Restart()
				}
				if calls := r.Take(completed(feed, 1, 0)); i == 1 {
					patch := r.only(calls, model.PatchListingsItem)
					if feed == "german" {
						equal(t, name, r.outcomes(), []string{"A 5 APPLIED"})
					}
					if q := patch.Request.(*model.PatchQuantityRequest).Quantity; q != 7 {
						t.Fatalf("%d is sent once more", q)
					}
					r.Done(patch, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
					equal(t, name, r.outcomes(), []string{"A 7 APPLIED"})
				} else if name == "the newest last" {
					equal(t, name, r.outcomes(), []string{"A 5 APPLIED"})
				} else if got := r.outcomes(); len(calls) > 0 || len(got) > 0 {
					t.Fatalf("started %v, outcomes %q, and the other feed may still undo it", operationsOf(calls), got)
				}
			}
			equal(t, "entries", r.keys(), []string{"sku/acme-eu//A"})
			if calls := r.Pass(time.Hour); len(calls) > 0 || r.Machine.Pending() > 0 {
				t.Errorf("%s: started %v, %d pending", name, operationsOf(calls), r.Machine.Pending())
			}
		}
	}
}

// TestFollowsTheNewestAfterAnUpgrade from a version with a quantity for each marketplace:
// rules 1 to 6 hold for what it left in any state.
func TestFollowsTheNewestAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 20, 60)), func(rt *rapid.T) {
		followAfterAnUpgrade(t, rt, rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(1, 60).Draw(rt, "steps before"), rapid.IntRange(0, 60).Draw(rt, "steps after"))
	})
}

// TestFollowsTheNewestAfterAnUpgradeWhereItOnceDidNot repeats worlds that showed mistakes.
func TestFollowsTheNewestAfterAnUpgradeWhereItOnceDidNot(t *testing.T) {
	t.Parallel()
	for mistake, world := range map[string]struct {
		seed          uint64
		before, after int
	}{
		"the newest was accepted, and the feed of the SKU's own entry ran":   {0x363a86ac5, 5, 0},
		"the other feed ended while a single call with the newest was going": {0x2, 59, 3},
		"a feed in doubt, and a single call with an older quantity":          {0x56aab81, 26, 6},
	} {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			followAfterAnUpgrade(t, t, world.seed, world.before, world.after)
		})
	}
}

func followAfterAnUpgrade(t *testing.T, rt failer, seed uint64, before, after int) {
	w := newWorld(t, rt, seed, Config{MaxAttempts: 1000})
	w.amazon.applyLate, w.amazon.showLate = w.Machine.cfg.ApplyDelay, w.Machine.cfg.ShowDelay
	w.amazon.same, w.name = formerly, func(i int) string { return fmt.Sprint("OLD-", i) }
	for range before {
		w.step()
	}
	settled := w.upgrade()
	for range after {
		w.step()
	}
	w.settle()
	w.check(settled)
	w.checkDoubles()
	for _, key := range w.keys() {
		if state := w.State(key).(*schemas.InventoryState); state.MarketplaceID != "" && (state.Wanted != nil || state.Sent != nil || state.Patch != nil) {
			rt.Fatalf("%s still has work: %+v", key, state)
		}
	}
}

// formerly is the SKU that a name of a world before its upgrade means: three mean one, as
// two marketplaces and none.
func formerly(name string) string {
	var i int
	if _, err := fmt.Sscanf(name, "OLD-%d", &i); err != nil {
		return name
	}
	return skuName(i / 3)
}

// upgrade ends an owner, and makes of what it left what a version before would have. It
// returns the updates that had their outcome: Amazon may then have an older one.
func (w *world) upgrade() (settled map[int]bool) {
	w.Advance(time.Second)
	w.Flying = nil
	entries := map[string]any{}
	for _, key := range w.keys() {
		state := w.State(key).(*schemas.InventoryState)
		var i int
		if _, err := fmt.Sscanf(state.SKU, "OLD-%d", &i); err != nil {
			w.rt.Fatalf("%v", err)
		}
		state.SKU, state.MarketplaceID, state.FulfillmentChannelCode = skuName(i/3), []string{"", germany, france}[i%3], ""
		entries[entryKey(testAccount, state.MarketplaceID, state.SKU)] = state
		w.put(key, nil)
	}
	for key, state := range entries {
		w.put(key, state)
	}
	ended := map[string]bool{}
	for _, o := range w.results {
		ended[fmt.Sprint(o.SourcePartition, "/", o.SourceOffset)] = true
	}
	settled = map[int]bool{}
	for i, u := range w.sent {
		u.SKU = formerly(u.SKU)
		settled[i] = ended[fmt.Sprint(w.records[i].Partition, "/", w.records[i].Offset)]
	}
	w.name, w.skus = skuName, (w.skus+2)/3
	clear(w.excluded)
	w.Restart()
	return settled
}
