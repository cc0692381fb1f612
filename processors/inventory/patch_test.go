package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

func many(prefix string, n int, at time.Time) []any {
	var values []any
	for i := range n {
		values = append(values, updateOf(fmt.Sprint(prefix, i), 1, at))
	}
	return values
}

// accept ends the patches among calls well, and those that follow, until d is over.
func (r *runtime) accept(calls []machine.Call, d time.Duration) (patches int) {
	r.T.Helper()
	for end := r.Now.Add(d); ; {
		var next []machine.Call
		for _, call := range calls {
			if call.Operation == model.PatchListingsItem {
				patches++
				next = append(next, r.Done(call, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})...)
			}
		}
		if r.Now.After(end) && len(next) == 0 {
			return patches
		}
		calls = append(next, r.Pass(100*time.Millisecond)...)
	}
}

func TestWhatWaitsForARunningFeedGoesByPatchInSmallPortions(t *testing.T) {
	t.Parallel()
	for stuck, least := range map[bool]int{false: 100, true: 500} {
		r := newRuntime(t, Config{})
		r.Take(many("F", 150, testStart)...)
		r.runFeed("1")
		r.Take(many("M", 2000, r.Now)...)
		if stuck {
			r.Take(&schemas.FeedResult{EventType: feedlane.EventStuck, Account: testAccount, FeedID: "1", ProcessingStatus: model.FeedInProgress})
			r.Restart()
		}
		calls := r.Pass(30 * time.Second)
		if waiting := len(r.Machine.account(testAccount).patches) + len(calls); waiting != least {
			t.Errorf("stuck %v: %d SKUs go by patches, want %d", stuck, waiting, least)
		}
		// All of them are out before a feed of eight hours has ended.
		// Those of a stuck feed that want nothing newer go too.
		want := map[bool]int{false: 2000, true: 2150}[stuck]
		if patches := r.accept(calls, 8*time.Minute); patches != want {
			t.Errorf("stuck %v: %d patches, want %d", stuck, patches, want)
		}
	}
}

func TestAParkedAccountsPatchesGoByFeed(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	var values []any
	for i := range 20 {
		u := updateOf(fmt.Sprint("U", i), 1, testStart)
		u.Urgent = true
		values = append(values, u)
	}
	var calls []machine.Call
	for _, call := range r.Take(values...) {
		calls = append(calls, r.End(call, machine.Park{})...)
	}
	upload := r.only(append(calls, r.Pass(time.Minute)...), model.CreateFeedDocument)
	if got := messagesOf(upload); len(got) != 20 {
		t.Fatalf("the feed has %q", got)
	}
}

func TestAPatchThatCertainlyDidNotHappenIsRepeated(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	patch := r.only(r.Take(updateOf("A", 0, testStart)), model.PatchListingsItem)
	for _, outcome := range []machine.Outcome{machine.Snooze{Unspent: true}, machine.Snooze{Throttled: true}, machine.Retry{}, machine.Done{}} {
		calls := r.End(patch, outcome)
		patch = r.only(append(calls, r.Pass(time.Minute)...), model.PatchListingsItem)
	}
	r.Done(patch, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	equal(t, "outcomes", r.outcomes(), []string{"A 0 APPLIED"})
}

func TestAFeedIsCutBySize(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"messages": {PatchBelow: -1, MaxMessages: 60},
		"bytes":    {PatchBelow: -1, MaxBytes: 100 + 60*230},
	} {
		r := newRuntime(t, cfg)
		upload := r.only(append(r.Take(many("M", 100, testStart)...), r.Pass(time.Minute)...), model.CreateFeedDocument)
		feed := upload.Request.(*model.UploadFeedRequest).Feed.(*model.ListingsFeed)
		if n := len(feed.Messages); n < 55 || n > 65 || feed.Size() > r.Machine.cfg.MaxBytes || len(feed.Faults()) > 0 {
			t.Errorf("%s: %d messages of %d bytes, faults %v", name, n, feed.Size(), feed.Faults())
		}
		r.Done(r.uploadDone(upload, "1"), &model.CreateFeedResponse{FeedID: "1"})
		n := len(feed.Messages)
		calls := append(r.Take(completed("1", n, 0)), r.Pass(2*time.Minute)...)
		if rest := messagesOf(r.only(calls, model.CreateFeedDocument)); len(rest) != 100-n {
			t.Errorf("%s: the second feed has %d messages", name, len(rest))
		}
	}
}

func TestFewDocumentsAreMadeAtOnce(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{PatchBelow: -1, MaxUploads: 1})
	other := updateOf("A", 1, testStart)
	other.Account = otherAccount
	r.Take(updateOf("A", 1, testStart), other)
	first := r.only(r.Pass(time.Minute), model.CreateFeedDocument)
	calls := r.Done(first, &model.UploadFeedResponse{FeedDocumentID: "d"})
	if len(calls) != 2 || calls[0].Operation != model.CreateFeedDocument || calls[1].Operation != model.CreateFeed {
		t.Fatalf("started %v", operationsOf(calls))
	}
}

func TestStateThatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	lane := feedlane.Key("a", model.JSONListingsFeed, germany)
	for key, value := range map[string]any{
		"quota/a/getOrder": &schemas.QuotaState{Account: "a", Operation: model.GetOrder},
		"sku/a//B":         &schemas.InventoryState{Account: "a", SKU: "C"},
		"sku/a/M/B":        &schemas.InventoryState{Account: "a", SKU: "B", FulfillmentChannelCode: "M"},
		"feed/a":           &schemas.FeedLaneState{Account: "a", Phase: feedlane.PhaseIdle},
		lane:               &schemas.FeedLaneState{Account: "a", MarketplaceID: germany, Phase: "LATER"},
		"other":            &schemas.Order{},
	} {
		if err := New(Config{}).Restore(key, value); err == nil {
			t.Errorf("%s was restored", key)
		}
	}
}

func TestASKUAtWhosePatchesAmazonFailsGoesByFeed(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{false, true} {
		r := newRuntime(t, Config{})
		if running { // a feed carries an older quantity of it meanwhile
			r.Take(many("F", 150, testStart)...)
			r.runFeed("1")
		}
		u := updateOf("F0", 7, r.Now)
		u.Urgent = true
		calls := r.Take(u)
		patches := 0
		for end := r.Now.Add(time.Hour); r.Now.Before(end) && (len(calls) == 0 || calls[0].Operation == model.PatchListingsItem); {
			for _, call := range calls {
				patches++
				r.End(call, machine.Ambiguous{})
			}
			calls = r.Pass(time.Second)
		}
		if patches != maxDoubts {
			t.Errorf("running %v: %d patches, want %d", running, patches, maxDoubts)
		}
		if running {
			if len(calls) > 0 {
				t.Fatalf("started %v while the feed carries the SKU", operationsOf(calls))
			}
			calls = append(r.Take(completed("1", 150, 0)), r.Pass(time.Minute)...)
		}
		upload := r.only(calls, model.CreateFeedDocument)
		if got := messagesOf(upload); len(got) != 1 || got[0] != "F0 7" {
			t.Errorf("running %v: the feed has %q", running, got)
		}
	}
}

// After a 429 the next token of createFeed is minutes away, while patches have
// tokens all the time.
func TestWhileCreateFeedIsThrottledPatchesGoOn(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(many("S", 300, testStart)...)
	create := r.cutFeed("d1")
	patches := r.accept(r.End(create, machine.Snooze{Throttled: true}), 2*time.Minute)
	if patches < 200 {
		t.Errorf("%d patches in the two minutes after a 429, want 200 or more", patches)
	}
	if applied := len(r.outcomes()); applied != patches {
		t.Errorf("%d outcomes of %d patches", applied, patches)
	}
}

// The feed of a SKU whose patch was refused does not take along what goes by patch
// within seconds anyway: it would wait for minutes (containment rule 4).
func TestARefusedSKUsFeedTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	a := newAmazonOf(r)
	a.answers[model.PatchListingsItem] = func(call machine.Call) machine.Outcome {
		if call.Request.(*model.PatchQuantityRequest).SKU == "ODD" {
			return machine.Reject{Err: &model.Error{Class: model.Forbidden, Status: 403}}
		}
		return nil
	}
	var carried []string
	a.answers[model.CreateFeedDocument] = func(call machine.Call) machine.Outcome {
		for _, message := range call.Request.(*model.UploadFeedRequest).Feed.(*model.ListingsFeed).Messages {
			carried = append(carried, message.SKU)
		}
		return nil
	}
	r.Follow(time.Second, r.Take(updateOf("ODD", 50, r.Now)), a.answer)
	for i := range 120 { // whenever the feed is cut, some wait
		r.Follow(370*time.Millisecond, r.Take(updateOf(fmt.Sprintf("GOOD-%d", i), 50, r.Now)), a.answer)
	}
	if !slices.Equal(carried, []string{"ODD"}) {
		t.Errorf("feeds carried %v, want ODD alone", carried)
	}
}

// A 403 to one SKU is that SKU's (containment rules 4 and 5): a feed shows once
// what Amazon answers to it, and the patches of others go on.
func TestAForbiddenSKUGoesByFeed(t *testing.T) {
	t.Parallel()
	for _, class := range []model.Class{model.Forbidden, model.Unauthorized} {
		r := newRuntime(t, Config{})
		odd := r.only(r.Take(updateOf("odd", 0, testStart)), model.PatchListingsItem)
		calls := r.End(odd, machine.Reject{Err: &model.Error{Class: class, Status: 403, Code: "Unauthorized", Message: "no"}})
		good := r.only(r.Take(updateOf("good", 0, r.Now)), model.PatchListingsItem)
		r.Done(good, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
		r.Restart() // it is remembered
		upload := r.only(append(calls, r.Pass(r.Machine.cfg.Linger)...), model.CreateFeedDocument)
		equal(t, "feed", messagesOf(upload), []string{"odd 0"})
		r.Done(r.uploadDone(upload, "d"), &model.CreateFeedResponse{FeedID: "1"})
		r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "1", Issues: []schemas.FeedIssue{issue(1, "99022")}}, completed("1", 1, 1))
		equal(t, "outcomes", r.outcomes(), []string{"good 0 APPLIED", "odd 0 REJECTED 99022"})
		if len(r.alerts) > 0 {
			t.Errorf("alerts %+v", r.alerts)
		}
	}
}
