package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
)

// One answered 503, or a cut connection, costs a SKU one retry, not ApplyDelay: a
// sold-out one is not sold for minutes.
func TestAPatchWithoutAnAnswerIsSentAgainAtOnce(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	a := newAmazonOf(r)
	var sent []int
	failures := 1
	a.answers[model.PatchListingsItem] = func(call machine.Call) machine.Outcome {
		sent = append(sent, call.Request.(*model.PatchQuantityRequest).Quantity)
		if failures--; failures >= 0 {
			return machine.Ambiguous{}
		}
		return nil
	}
	r.Follow(2*time.Second, r.Take(updateOf("A", 0, r.Now)), a.answer)
	// Both patches carry the same: whichever is carried out last, it is right.
	equal(t, "outcomes", r.outcomes(), []string{"A 0 APPLIED"})
	if !slices.Equal(sent, []int{0, 0}) {
		t.Fatalf("sent %v", sent)
	}
	// The doubt is remembered, though nothing is to be done: what comes now may be
	// overtaken by it.
	r.Restart()
	u := updateOf("A", 3, r.Now)
	u.Urgent = true
	r.Follow(time.Second, r.Take(u), a.answer)
	if equal(t, "outcomes", r.outcomes(), nil); !slices.Equal(sent, []int{0, 0, 3}) {
		t.Fatalf("sent %v", sent)
	}
	r.Follow(r.Machine.cfg.ApplyDelay, nil, a.answer)
	if equal(t, "outcomes", r.outcomes(), []string{"A 3 APPLIED"}); !slices.Equal(sent, []int{0, 0, 3, 3}) {
		t.Fatalf("sent %v", sent)
	}
	// And then it is over.
	r.Follow(time.Second, r.Take(updateOf("A", 0, r.Now)), a.answer)
	equal(t, "outcomes", r.outcomes(), []string{"A 0 APPLIED"})
}

// However often the unit moves, a feed in doubt ends within Q of its intent; and
// those of its SKUs that nobody updates again are at Amazon long before that.
func TestRebalancesDoNotFreezeAFeedsSKUs(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	a := newAmazonOf(r)
	r.Take(many("S", 300, testStart)...)
	create := r.cutFeed("d1")
	began := r.Now
	r.End(create, machine.Ambiguous{})
	for range 12 {
		r.Restart()
		a.follow(3 * time.Minute)
	}
	if took := r.results[len(r.results)-1].DecidedTime.Sub(began); len(r.results) != 300 || took > 13*time.Minute {
		t.Errorf("%d of 300 outcomes, the last %v after the intent", len(r.results), took)
	}
	first := map[string]time.Duration{}
	for _, call := range r.Started {
		if req, ok := call.Request.(*model.PatchQuantityRequest); ok && first[req.SKU] == 0 {
			first[req.SKU] = 1
		}
	}
	if len(first) != 300 {
		t.Errorf("%d of 300 SKUs went by patches while their feed was in doubt", len(first))
	}
	for _, o := range r.results {
		if o.Outcome != applied {
			t.Errorf("%+v", o)
		}
	}
}

// A feed in doubt is told once, after minutes, and its state says until when.
func TestADoubtIsTold(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	a := newAmazonOf(r)
	r.Take(updateOf("A", 1, testStart))
	r.End(r.cutFeed("d1"), machine.Ambiguous{Err: &model.Error{Class: model.Ambiguous, Message: "connection reset"}})
	if until := r.lane(germany).DoubtUntil; !until.Equal(r.Now.Add(10 * time.Minute)) {
		t.Errorf("in doubt until %v", until)
	}
	a.follow(feedlane.AlertAfter - time.Second)
	if len(r.alerts) > 0 {
		t.Fatalf("told at once: %+v", r.alerts[0])
	}
	r.Restart()
	a.follow(3 * time.Minute)
	r.Restart()
	a.follow(time.Minute)
	if len(r.alerts) != 1 || r.alerts[0].EventType != alertWaits || r.alerts[0].Subject != germany {
		t.Fatalf("alerts %+v", r.alerts)
	}
}

// A feed in doubt that shows early ends the doubt. What it carries has one outcome,
// though it went by patches as well; and whether another comes to life is looked
// for when the doubt would have ended.
func TestAFeedThatShowsEndsItsDoubt(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		r := newRuntime(t, Config{})
		r.Take(many("S", 150, testStart)...)
		create := r.cutFeed("d1")
		created := r.Now
		r.End(create, machine.Ambiguous{})
		var looks, patches int
		shown := model.FeedInProgress
		answer := func(call machine.Call) machine.Outcome {
			switch call.Operation {
			case model.GetFeeds:
				if looks++; looks == 1 {
					return machine.Done{Response: feedsPage("")}
				}
				return machine.Done{Response: feedsPage("", amazonFeed("1", shown, created))}
			case model.PatchListingsItem:
				patches++
				return accepted()
			}
			t.Fatalf("started %s", call.Operation)
			return nil
		}
		r.Follow(80*time.Second, nil, answer)
		if restart {
			r.Restart()
			r.Follow(time.Minute, nil, answer)
		}
		r.Follow(20*time.Second, nil, answer)
		if len(r.submissions) != 1 || !r.submissions[0].Adopted || patches == 0 || len(r.outcomes()) > 0 {
			t.Fatalf("restart %v: submissions %+v, %d patches", restart, r.submissions, patches)
		}
		before := looks
		r.Follow(0, r.Take(completed("1", 150, 0)), answer)
		for _, o := range r.results {
			if o.Outcome != applied || o.Via != viaFeed {
				t.Fatalf("restart %v: %+v", restart, o)
			}
		}
		if len(r.results) != 150 || r.Machine.Pending() != 0 || looks != before {
			t.Fatalf("restart %v: %d outcomes, %d pending, %d looks", restart, len(r.results), r.Machine.Pending(), looks)
		}
	}
}

// While nothing can be said of a feed, another one that shows is not ours early: it
// is older than the intent, or there are several.
func TestOnlyTheIntentsFeedShowsEarly(t *testing.T) {
	t.Parallel()
	for name, found := range map[string]func(intent time.Time) []model.Feed{
		"older": func(intent time.Time) []model.Feed {
			return []model.Feed{amazonFeed("1", model.FeedDone, intent.Add(-earlySkew-time.Second))}
		},
		"several": func(intent time.Time) []model.Feed {
			return []model.Feed{amazonFeed("1", model.FeedDone, intent), amazonFeed("2", model.FeedDone, intent)}
		},
	} {
		r := newRuntime(t, feedsOnly())
		r.Take(updateOf("A", 1, testStart))
		create := r.cutFeed("d1")
		feeds := found(r.Now)
		r.End(create, machine.Ambiguous{})
		r.Follow(r.quarantine()-time.Second, nil, func(machine.Call) machine.Outcome {
			return machine.Done{Response: feedsPage("", feeds...)}
		})
		if len(r.submissions) > 0 || r.lane(germany).Phase != feedlane.PhaseIntent {
			t.Errorf("%s: %+v", name, r.submissions)
		}
	}
}

// What patches have brought while a feed ran is sent once more, and that is the
// first that the account does when the feed has ended.
func TestWhatAFeedMayHaveUndoneGoesFirst(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(many("F", 150, testStart)...)
	r.runFeed("1")
	r.Take(many("U", 400, r.Now)...) // these wait for longer
	r.Now = r.Now.Add(time.Second)
	late := updateOf("F77", 9, r.Now)
	late.Urgent = true
	r.Done(r.only(r.Take(late), model.PatchListingsItem), &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	waiting := r.Pass(r.Machine.cfg.Linger)
	if len(waiting) == 0 || len(r.Machine.account(testAccount).patches) < 50 {
		t.Fatalf("%d patches under way, %d waiting", len(waiting), len(r.Machine.account(testAccount).patches))
	}
	before := len(r.Started)
	r.Take(completed("1", 150, 0))
	for _, call := range waiting {
		r.Done(call, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	}
	r.Pass(time.Second)
	var next []string
	for _, call := range r.Started[before:] {
		if req, ok := call.Request.(*model.PatchQuantityRequest); ok {
			next = append(next, req.SKU)
		}
	}
	if len(next) < 2 || next[0] != "F77" {
		t.Errorf("the next patches are of %q", next)
	}
}

// An older one of several updates in doubt may come last: to send the newest again
// is not enough while that can happen.
func TestOfSeveralPatchesInDoubtAnOlderMayComeLast(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	fails := 2
	var sent []int
	answer := func(call machine.Call) machine.Outcome {
		sent = append(sent, call.Request.(*model.PatchQuantityRequest).Quantity)
		if fails--; fails >= 0 {
			return machine.Ambiguous{}
		}
		return accepted()
	}
	for quantity := range 2 {
		u := updateOf("A", quantity, r.Now)
		u.Urgent = true
		calls := r.Take(u)
		for _, call := range calls {
			r.End(call, answer(call))
		}
	}
	r.Follow(time.Minute, nil, answer)
	equal(t, "outcomes", r.outcomes(), []string{"A 0 SUPERSEDED"})
	r.Restart()
	r.Follow(r.Machine.cfg.ApplyDelay, nil, answer)
	equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED"})
	if !slices.Equal(sent, []int{0, 1, 1, 1}) {
		t.Errorf("sent %v", sent)
	}
}

// A look-up shows the feeds of the time when it was asked. One that was asked before the doubt's end
// and answered after it says nothing of feeds that did not show yet.
func TestALookUpTellsOfWhenItWasAsked(t *testing.T) {
	t.Parallel()
	r := lost(t, false)
	f := r.Machine.feeds.All()[feedlane.Key(testAccount, model.JSONListingsFeed, germany)]
	f.Until = r.Now // it happens to be asked now, a second before the end
	r.Machine.feeds.WakeNow(&machine.Tx{Now: r.Now}, f)
	look := r.only(r.Tick(nil), model.GetFeeds)
	r.Now = f.Doubt.Add(time.Second)
	again := r.only(append(r.Done(look, feedsPage("")), r.Pass(time.Second)...), model.GetFeeds)
	if r.lane(germany).Phase != feedlane.PhaseIntent {
		t.Fatalf("%+v", r.lane(germany))
	}
	r.Done(again, feedsPage("", amazonFeed("1", model.FeedDone, r.Now)))
	if len(r.submissions) != 1 || !r.submissions[0].Adopted {
		t.Errorf("%+v", r.submissions)
	}
}

// When the feed in doubt shows, its SKUs go by patches no more.
func TestAFeedThatShowsNeedsNoPatches(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(many("S", 2000, testStart)...)
	create := r.cutFeed("d1")
	created := r.Now
	r.End(create, machine.Ambiguous{})
	before, after := 0, 0
	r.Follow(10*time.Minute, nil, func(call machine.Call) machine.Outcome {
		if call.Operation == model.GetFeeds {
			if r.Now.Before(created.Add(time.Minute)) {
				return machine.Done{Response: feedsPage("")}
			}
			return machine.Done{Response: feedsPage("", amazonFeed("1", model.FeedInProgress, created))}
		}
		if len(r.submissions) == 0 {
			before++
		} else {
			after++
		}
		return accepted()
	})
	if before == 0 || after > 10 {
		t.Errorf("%d patches while it was in doubt, %d after it showed", before, after)
	}
}

// State of a version before this one, which knows no doubt, is waited out whole.
func TestAnIntentOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, doubts())
	r.Take(updateOf("A", 1, testStart))
	r.cutFeed("d1")
	urgent := updateOf("B", 0, r.Now)
	r.only(r.Take(urgent), model.PatchListingsItem)
	lane, sku := r.lane(germany), r.sku("B")
	lane.ChangedTime, sku.PatchTime = time.Time{}, time.Time{}
	for key, value := range map[string]any{feedlane.Key(testAccount, model.JSONListingsFeed, germany): lane, skuKey(testAccount, "", "B"): sku} {
		if err := r.Store.Put(key, value); err != nil {
			t.Fatal(err)
		}
	}
	began := r.Now
	r.Restart()
	r.Tick(nil)
	f, s := r.Machine.feeds.All()[feedlane.Key(testAccount, model.JSONListingsFeed, germany)], r.Machine.skus[skuKey(testAccount, "", "B")]
	if got, want := f.Doubt.Sub(began), r.inheritedQuarantine(); got != want {
		t.Errorf("the feed is in doubt for %v, want %v", got, want)
	}
	if got, want := s.doubt.until.Sub(began), r.Machine.cfg.inheritedPatch(); got != want {
		t.Errorf("the patch is in doubt for %v, want %v", got, want)
	}
}

// A look-up whose pages have no end ends, and is tried again later; meanwhile SKUs
// go by patches. When it does end, the lane waits for the feeds of others.
func TestPagesWithoutEnd(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	a := newAmazonOf(r)
	r.Take(many("S", 300, testStart)...)
	create := r.cutFeed("d1")
	r.End(create, machine.Ambiguous{})
	created, pages, endless := r.Now, 0, true
	a.answers[model.GetFeeds] = func(call machine.Call) machine.Outcome {
		if call.Request.(*model.GetFeedsRequest).NextToken == "" {
			pages = 0
		}
		pages++
		page := &model.GetFeedsResponse{NextToken: fmt.Sprint("more than ", pages)}
		for n := range pageSize {
			page.Feeds = append(page.Feeds, model.Feed{
				FeedID: fmt.Sprintf("%0100d", pages*pageSize+n), FeedType: model.JSONListingsFeed, ProcessingStatus: model.FeedInQueue,
				MarketplaceIDs: []string{germany}, CreatedTime: created,
			})
		}
		if !endless && pages == maxPages {
			page.NextToken = ""
		}
		return machine.Done{Response: page}
	}
	r.Follow(30*time.Minute, nil, a.answer)
	f := r.Machine.feeds.All()[feedlane.Key(testAccount, model.JSONListingsFeed, germany)]
	if f.Phase != feedlane.PhaseIntent || f.Found() > maxPages*pageSize || pages > maxPages {
		t.Fatalf("phase %s after %d pages, and %d feeds are kept", f.Phase, pages, f.Found())
	}
	endless = false
	r.Follow(time.Hour, nil, a.answer)
	if f.Phase != feedlane.PhaseParked || r.alertsOf(feedlane.AlertUnclear) != 1 {
		t.Fatalf("phase %s after %d pages", f.Phase, pages)
	}
}
