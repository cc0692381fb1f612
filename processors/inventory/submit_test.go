package inventory

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

func refusedWith(class model.Class, code string) machine.Reject {
	return machine.Reject{Err: &model.Error{Class: class, Code: code, Message: "no", Status: 400}}
}

func feedsPage(next string, feeds ...model.Feed) *model.GetFeedsResponse {
	return &model.GetFeedsResponse{Feeds: feeds, NextToken: next}
}

func amazonFeed(id, status string, created time.Time) model.Feed {
	return model.Feed{
		FeedID: id, FeedType: model.JSONListingsFeed, MarketplaceIDs: []string{germany}, CreatedTime: created, ProcessingStatus: status,
	}
}

// What certainly did not happen is done again, with the newest quantities.
func TestACreateFeedThatDidNotHappen(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]machine.Outcome{
		"never started": machine.Snooze{Unspent: true},
		"throttled":     machine.Snooze{Throttled: true},
		"parked":        machine.Park{},
		"refused":       refusedWith(model.Invalid, "InvalidInput"),
	} {
		r := newRuntime(t, feedsOnly())
		r.Take(updateOf("A", 1, testStart))
		create := r.cutFeed("d1")
		r.Take(updateOf("A", 2, r.Now))
		r.End(create, outcome)
		equal(t, name, r.outcomes(), []string{"A 1 SUPERSEDED"})
		if r.lane(germany).Phase != feedlane.PhaseIdle {
			t.Fatalf("%s: %+v", name, r.lane(germany))
		}
		calls := r.Pass(20 * time.Minute)
		equal(t, name, messagesOf(r.only(calls, model.CreateFeedDocument)), []string{"A 2"})
	}
}

func TestAFailedUploadIsRepeated(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	r.Take(updateOf("A", 1, testStart))
	upload := r.only(r.Pass(30*time.Second), model.CreateFeedDocument)
	for _, outcome := range []machine.Outcome{machine.Retry{}, machine.Ambiguous{}, machine.Snooze{For: time.Second}, machine.Park{}} {
		r.Take(updateOf("A", len(r.Started)+1, r.Now))
		r.End(upload, outcome)
		upload = r.only(r.Pass(16*time.Minute), model.CreateFeedDocument)
		equal(t, "feed", messagesOf(upload), []string{fmt.Sprint("A ", len(r.Started))})
	}
}

// A mended account's feeds and patches do not wait for its next probe.
func TestAMendedAccountGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]machine.Outcome{"parked": machine.Park{}, "held": machine.Snooze{For: time.Hour, Unspent: true}} {
		r := newRuntime(t, feedsOnly())
		r.Take(updateOf("A", 1, testStart))
		upload := r.only(r.Pass(30*time.Second), model.CreateFeedDocument)
		r.End(upload, outcome)
		if calls := r.Pass(50 * time.Second); len(calls) > 0 {
			t.Fatalf("%s: started %v", name, operationsOf(calls))
		}
		calls := r.Changed("another", upload.Account)
		if len(calls) != 1 || calls[0].Operation != model.CreateFeedDocument {
			t.Errorf("%s: started %v", name, operationsOf(calls))
		}
	}
}

// lost is a machine whose createFeed for A 1 had no answer, a moment before its
// quarantine ends. That getFeeds shows nothing until then says nothing.
func lost(t *testing.T, restart bool) *runtime {
	r := newRuntime(t, feedsOnly())
	r.Take(updateOf("A", 1, testStart))
	create := r.cutFeed("d1")
	left := r.quarantine()
	if restart {
		r.Pass(time.Minute)
		r.Restart()
		left = r.inheritedQuarantine() - time.Minute
	} else {
		r.End(create, machine.Ambiguous{})
	}
	r.Follow(left-time.Second+5*time.Millisecond, nil, func(call machine.Call) machine.Outcome {
		if call.Operation != model.GetFeeds {
			t.Fatalf("started %s in quarantine", call.Operation)
		}
		return machine.Done{Response: feedsPage("")}
	})
	return r
}

func TestALostAnswer(t *testing.T) {
	t.Parallel()
	for _, restart := range []bool{false, true} {
		// Nothing is there: submitted again.
		r := lost(t, restart)
		look := r.only(r.Pass(time.Second), model.GetFeeds)
		request := look.Request.(*model.GetFeedsRequest)
		if since := r.lane(germany).IntentTime.Add(-lookBack); !request.CreatedSince.Equal(since) || request.PageSize != pageSize {
			t.Fatalf("%+v", request)
		}
		old := amazonFeed("old", model.FeedDone, testStart.Add(-lookBack))
		other := amazonFeed("french", model.FeedDone, r.Now)
		other.MarketplaceIDs = []string{france}
		calls := r.Done(look, feedsPage("", old, other))
		calls = append(calls, r.Pass(time.Minute)...)
		create := r.uploadDone(r.only(calls, model.CreateFeedDocument), "d2")
		audit := r.only(r.Done(create, &model.CreateFeedResponse{FeedID: "2"}), model.GetFeeds)
		r.Done(audit, feedsPage("", amazonFeed("2", model.FeedInProgress, r.Now)))
		r.Take(completed("2", 1, 0))
		equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED"})
		if !r.onlyOf(alertWaits) || len(r.submissions) != 1 {
			t.Fatalf("alerts %+v, submissions %+v", r.alerts, r.submissions)
		}

		// It is there, on the second page: adopted.
		r = lost(t, restart)
		look = r.only(r.Pass(time.Second), model.GetFeeds)
		look = r.only(r.Done(look, feedsPage("more")), model.GetFeeds)
		if request := look.Request.(*model.GetFeedsRequest); request.NextToken != "more" || request.FeedTypes != nil || !request.CreatedSince.IsZero() {
			t.Fatalf("%+v", request)
		}
		created := testStart.Add(time.Minute)
		r.Done(look, feedsPage("", amazonFeed("1", model.FeedDone, created), amazonFeed("1", model.FeedDone, created)))
		if len(r.submissions) != 1 || !r.submissions[0].Adopted || !r.submissions[0].SubmittedTime.Equal(created) {
			t.Fatalf("%+v", r.submissions)
		}
		r.Take(completed("1", 1, 0))
		equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED"})
	}
}

func TestAnAdoptedFeedThatIsNotOurs(t *testing.T) {
	t.Parallel()
	r := lost(t, false)
	r.Done(r.only(r.Pass(time.Second), model.GetFeeds), feedsPage("", amazonFeed("1", model.FeedDone, r.Now)))
	calls := r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "1", Issues: []schemas.FeedIssue{issue(1, "99022")}}, completed("1", 9, 1))
	equal(t, "outcomes", r.outcomes(), nil)
	equal(t, "feed", messagesOf(r.only(calls, model.CreateFeedDocument)), []string{"A 1"})
}

func TestSeveralFeedsThatMayBeOursParkTheLane(t *testing.T) {
	t.Parallel()
	r := lost(t, true)
	found := []model.Feed{amazonFeed("1", model.FeedInProgress, r.Now), amazonFeed("2", model.FeedDone, r.Now)}
	// Neither what can go by a patch waits, nor what the feed may carry.
	patch := r.only(r.Done(r.only(r.Pass(time.Second), model.GetFeeds), feedsPage("", found...)), model.PatchListingsItem)
	r.Done(patch, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	if r.Holding(feedlane.AlertUnclear) != 1 || r.lane(germany).Phase != feedlane.PhaseParked {
		t.Fatalf("alerts %+v, %+v", r.alerts, r.lane(germany))
	}
	r.Take(updateOf("B", 1, r.Now))
	calls := r.Pass(parkedLook)
	if got := operationsOf(calls); !slices.Equal(got, []string{model.PatchListingsItem, model.GetFeeds}) {
		t.Fatalf("started %v", got)
	}
	r.Done(calls[0], &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	r.Done(calls[1], feedsPage("", found...))
	equal(t, "outcomes", r.outcomes(), []string{"B 1 APPLIED"})
	r.Restart()
	look := r.only(r.Pass(time.Second), model.GetFeeds)
	found[0].ProcessingStatus = model.FeedFatal
	calls = r.Done(look, feedsPage("", found...))
	upload := r.only(append(calls, r.Pass(time.Minute)...), model.CreateFeedDocument)
	equal(t, "feed", messagesOf(upload), []string{"A 1"})
	if r.alertsOf(feedlane.AlertUnclear) != 1 || r.Holding(feedlane.AlertUnclear) != 0 || len(r.submissions) != 0 {
		t.Fatalf("alerts %+v, submissions %+v", r.alerts, r.submissions)
	}
}

func TestAGhostHasTheFeedSentAgain(t *testing.T) {
	t.Parallel()
	r := lost(t, false)
	calls := r.Done(r.only(r.Pass(time.Second), model.GetFeeds), feedsPage(""))
	calls = append(calls, r.Pass(time.Minute)...)
	create := r.uploadDone(r.only(calls, model.CreateFeedDocument), "d2")
	audit := r.only(r.Done(create, &model.CreateFeedResponse{FeedID: "2"}), model.GetFeeds)
	calls = r.Done(audit, feedsPage("", amazonFeed("ghost", model.FeedInQueue, r.Now), amazonFeed("2", model.FeedInQueue, r.Now)))
	cancel := r.only(calls, model.CancelFeed)
	if cancel.Request.(*model.CancelFeedRequest).FeedID != "ghost" || r.alertsOf(feedlane.AlertForeign) != 1 {
		t.Fatalf("%+v, alerts %+v", cancel.Request, r.alerts)
	}
	r.Done(cancel, &model.CancelFeedResponse{})
	r.Restart()
	calls = append(r.Take(completed("2", 1, 0)), r.Pass(time.Minute)...)
	equal(t, "outcomes", r.outcomes(), nil)
	equal(t, "feed", messagesOf(r.only(calls, model.CreateFeedDocument)), []string{"A 1"})
}

// After two tries whose answers were lost, the feed that shows may be the first,
// with the quantities of then.
func TestAnAdoptedFeedThatMayBeTheFirstTry(t *testing.T) {
	t.Parallel()
	r := lost(t, false)
	r.Take(updateOf("A", 2, r.Now))
	calls := r.Done(r.only(r.Pass(time.Second), model.GetFeeds), feedsPage(""))
	calls = append(calls, r.Pass(time.Minute)...)
	r.End(r.uploadDone(r.only(calls, model.CreateFeedDocument), "d2"), machine.Ambiguous{})
	look := r.only(r.Pass(r.quarantine()+time.Second), model.GetFeeds)
	first := amazonFeed("1", model.FeedInProgress, testStart.Add(time.Minute))
	audit := r.only(r.Done(look, feedsPage("", first)), model.GetFeeds)
	r.Done(audit, feedsPage("", first))
	equal(t, "outcomes", r.outcomes(), []string{"A 1 SUPERSEDED"})
	r.Restart()
	calls = append(r.Take(completed("1", 1, 0)), r.Pass(3*time.Minute)...)
	equal(t, "outcomes", r.outcomes(), nil)
	equal(t, "feed", messagesOf(r.only(calls, model.CreateFeedDocument)), []string{"A 2"})
}

// What another program submits later than Amazon can carry our call out is not
// ours, and a parked lane does not wait for it.
func TestAParkedLaneDoesNotWaitForLaterFeeds(t *testing.T) {
	t.Parallel()
	r := lost(t, false)
	found := []model.Feed{amazonFeed("1", model.FeedInProgress, r.Now), amazonFeed("2", model.FeedInProgress, r.Now)}
	patch := r.only(r.Done(r.only(r.Pass(time.Second), model.GetFeeds), feedsPage("", found...)), model.PatchListingsItem)
	r.Done(patch, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	look := r.only(r.Pass(2*parkedLook), model.GetFeeds)
	later := amazonFeed("3", model.FeedInProgress, r.Now)
	look = r.only(append(r.Done(look, feedsPage("", append(found, later)...)), r.Pass(parkedLook)...), model.GetFeeds)
	found[0].ProcessingStatus, found[1].ProcessingStatus = model.FeedDone, model.FeedCancelled
	calls := append(r.Done(look, feedsPage("", append(found, later)...)), r.Pass(time.Minute)...)
	equal(t, "feed", messagesOf(r.only(calls, model.CreateFeedDocument)), []string{"A 1"})
}

func TestALookUpThatFailsBeginsAnew(t *testing.T) {
	t.Parallel()
	r := lost(t, false)
	look := r.only(r.Pass(time.Second), model.GetFeeds)
	look = r.only(r.Done(look, feedsPage("more", amazonFeed("1", model.FeedDone, r.Now))), model.GetFeeds)
	r.End(look, refusedWith(model.Invalid, "InvalidToken"))
	look = r.only(r.Pass(time.Minute), model.GetFeeds)
	if request := look.Request.(*model.GetFeedsRequest); request.NextToken != "" || request.CreatedSince.IsZero() {
		t.Fatalf("%+v", request)
	}
	look = r.only(append(r.End(look, machine.Retry{}), r.Pass(time.Minute)...), model.GetFeeds)
	r.Done(look, feedsPage("", amazonFeed("1", model.FeedDone, r.Now)))
	if len(r.submissions) != 1 || !r.submissions[0].Adopted {
		t.Fatalf("%+v", r.submissions)
	}
}

// A clock that is set forward must not end a quarantine early, so what waits for
// one keeps the monotonic reading of the moment that it began.
func TestAQuarantineIsMonotonic(t *testing.T) {
	t.Parallel()
	monotonic := func(at time.Time) bool { return strings.Contains(at.String(), " m=") }
	for _, restart := range []bool{false, true} {
		r := newRuntime(t, feedsOnly())
		r.Now = time.Now()
		r.Take(updateOf("A", 1, r.Now))
		create := r.cutFeed("d1")
		if restart {
			r.Restart()
			r.Pass(time.Second)
		} else {
			r.End(create, machine.Ambiguous{})
		}
		f := r.Machine.feeds.All()[create.Key]
		if !monotonic(f.Doubt) || !monotonic(f.Until) {
			t.Errorf("restart %v: the quarantine ends at %v, the next look-up is at %v", restart, f.Doubt, f.Until)
		}
	}
	r := newRuntime(t, Config{})
	r.Now = time.Now()
	r.Take(updateOf("A", 0, r.Now))
	r.End(r.Started[0], machine.Ambiguous{})
	if s := r.Machine.skus[r.Started[0].Key]; !monotonic(s.doubt.until) {
		t.Errorf("the patch is in doubt until %v", s.doubt.until)
	}
}
