package inventory

import (
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// inFeed is a machine whose feed "1" carries the SKUs A, B and C as messages 1 to 3.
func inFeed(t *testing.T, cfg Config) *runtime {
	r := newRuntime(t, cfg)
	r.Take(updateOf("A", 1, testStart))
	r.Now = r.Now.Add(time.Millisecond)
	r.Take(updateOf("B", 1, testStart))
	r.Now = r.Now.Add(time.Millisecond)
	r.Take(updateOf("C", 1, testStart))
	r.runFeed("1")
	return r
}

// Each way for a feed to end, and what becomes of its three SKUs.
func TestHowAFeedEnds(t *testing.T) {
	t.Parallel()
	none := int32(0)
	withStatus := func(status, report string) *schemas.FeedResult {
		return &schemas.FeedResult{EventType: "FeedCompleted", Account: testAccount, FeedID: "1", MarketplaceID: germany, ProcessingStatus: status, Report: report}
	}
	partly := completed("1", 2, 0)
	unparsed := completed("1", 0, 0)
	unparsed.FeedIssues = []schemas.FeedIssue{{Severity: feedlane.SeverityError, Code: "4002005", Message: "not a feed"}}
	unnamed := completed("1", 3, 2)
	warned := completed("1", 3, 0)
	warned.FeedIssues = []schemas.FeedIssue{{Severity: "WARNING", Message: "slow"}}
	named := completed("1", 3, 1)
	named.FeedIssues = []schemas.FeedIssue{{Severity: feedlane.SeverityError, Code: "99022", Message: "no", SKU: "C"}}
	fatalRead := completed("1", 3, 0)
	fatalRead.ProcessingStatus = model.FeedFatal
	for name, test := range map[string]struct {
		parts    []schemas.FeedIssue
		result   *schemas.FeedResult
		outcomes []string
		again    []string
	}{
		"all accepted": {nil, completed("1", 3, 0), []string{"A 1 APPLIED", "B 1 APPLIED", "C 1 APPLIED"}, nil},
		"one refused": {[]schemas.FeedIssue{issue(2, "90220"), issue(2, "99022"), issue(77, "x"), {Severity: "WARNING", SKU: "A"}},
			completed("1", 3, 1), []string{"A 1 APPLIED", "B 1 REJECTED 90220", "C 1 APPLIED"}, nil},
		"refused by name":  {nil, named, []string{"A 1 APPLIED", "B 1 APPLIED", "C 1 REJECTED 99022"}, nil},
		"warned":           {nil, warned, []string{"A 1 APPLIED", "B 1 APPLIED", "C 1 APPLIED"}, nil},
		"not all":          {nil, partly, nil, []string{"A 1", "B 1", "C 1"}},
		"refused, unnamed": {[]schemas.FeedIssue{issue(1, "90220")}, unnamed, []string{"A 1 REJECTED 90220"}, []string{"B 1", "C 1"}},
		"not parsed":       {nil, unparsed, nil, []string{"A 1", "B 1", "C 1"}},
		"no report":        {nil, withStatus(model.FeedDone, "NONE"), nil, []string{"A 1", "B 1", "C 1"}},
		"unreadable":       {nil, withStatus(model.FeedDone, "UNREADABLE"), nil, []string{"A 1", "B 1", "C 1"}},
		"fatal":            {nil, withStatus(model.FeedFatal, "NONE"), nil, []string{"A 1", "B 1", "C 1"}},
		"fatal, read":      {[]schemas.FeedIssue{issue(3, "90220")}, fatalRead, []string{"C 1 REJECTED 90220"}, []string{"A 1", "B 1"}},
		"cancelled":        {nil, withStatus(model.FeedCancelled, "NONE"), nil, []string{"A 1", "B 1", "C 1"}},
		"transient":        {[]schemas.FeedIssue{issue(1, "InternalFailure")}, completed("1", 3, 1), []string{"B 1 APPLIED", "C 1 APPLIED"}, []string{"A 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.result.Errors = &none
			r := inFeed(t, feedsOnly())
			if test.parts != nil {
				r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "1", Issues: test.parts})
				r.Restart() // between the parts and the result
			}
			calls := r.Take(test.result, test.result)
			equal(t, "outcomes", r.outcomes(), test.outcomes)
			calls = append(calls, r.Pass(10*time.Minute)...)
			if test.again == nil {
				if len(calls) > 0 || r.Machine.Pending() > 0 {
					t.Fatalf("started %v", operationsOf(calls))
				}
				return
			}
			equal(t, "sent again", messagesOf(r.only(calls, model.CreateFeedDocument)), test.again)
			if !r.onlyOf(alertWaits) {
				t.Fatalf("%+v", r.alerts)
			}
		})
	}
}

func TestASKUIsTriedInTheOtherMarketplaces(t *testing.T) {
	t.Parallel()
	r := inFeed(t, feedsOnly())
	calls := r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "1", Issues: []schemas.FeedIssue{issue(1, "13013"), issue(2, "13013")}}, completed("1", 3, 2))
	equal(t, "outcomes", r.outcomes(), []string{"C 1 APPLIED"})
	r.runFeed("2", calls...)
	if r.submissions[1].MarketplaceID != france || r.submissions[1].Messages != 2 {
		t.Fatalf("%+v", r.submissions[1])
	}
	r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "2", Issues: []schemas.FeedIssue{{SKU: "B", Code: "13013", Severity: feedlane.SeverityError}}}, completed("2", 2, 1))
	equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED", "B 1 REJECTED 13013"})
	// Where it is listed is remembered.
	r.Restart()
	r.Take(updateOf("A", 2, r.Now), updateOf("B", 2, r.Now))
	calls = nil
	for _, id := range []string{"3", "4"} {
		upload := r.only(append(calls, r.Pass(4*time.Minute)...), model.CreateFeedDocument)
		calls = r.Done(r.uploadDone(upload, "document of "+id), &model.CreateFeedResponse{FeedID: id})
	}
	if r.sku("A").FeedMarketplaceID != france || r.sku("B").FeedMarketplaceID != germany {
		t.Fatalf("%+v %+v", r.sku("A"), r.sku("B"))
	}
}

// A marketplace that was taken from the account gets no more feeds.
func TestAMarketplaceThatIsGone(t *testing.T) {
	t.Parallel()
	both := machinetest.Sellers(t)
	home, err := account.NewDirectory([]account.Account{{ID: testAccount, SellerID: "A1", Region: model.Europe, Marketplaces: []string{germany}}})
	if err != nil {
		t.Fatal(err)
	}
	now := both()
	cfg := feedsOnly()
	cfg.Accounts = func() *account.Directory { return now }
	r := inFeed(t, cfg)
	calls := r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "1", Issues: []schemas.FeedIssue{issue(1, "13013")}}, completed("1", 3, 1))
	r.runFeed("2", calls...)
	r.Take(completed("2", 1, 0))
	equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED", "B 1 APPLIED", "C 1 APPLIED"})
	now = home
	r.Take(updateOf("A", 2, r.Now))
	r.runFeed("3", r.Pass(4*time.Minute)...)
	if got := r.sku("A").FeedMarketplaceID; got != germany {
		t.Errorf("sent for %s, want the marketplace that is left", got)
	}
}

func TestAPatchTriesTheOtherMarketplaces(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	patch := r.only(r.Take(updateOf("A", 0, testStart)), model.PatchListingsItem)
	patch = r.only(r.End(patch, refusedWith(model.NotFound, "")), model.PatchListingsItem)
	if patch.Request.(*model.PatchQuantityRequest).MarketplaceID != france {
		t.Fatalf("%+v", patch.Request)
	}
	r.End(patch, refusedWith(model.NotFound, ""))
	equal(t, "outcomes", r.outcomes(), []string{"A 0 REJECTED NOT_FOUND"})
}

func TestAStuckFeedIsCancelledWhereItCanBe(t *testing.T) {
	t.Parallel()
	stuck := &schemas.FeedResult{EventType: feedlane.EventStuck, Account: testAccount, FeedID: "1", MarketplaceID: germany, ProcessingStatus: model.FeedInProgress}
	r := inFeed(t, feedsOnly())
	if calls := r.Take(stuck); len(calls) > 0 {
		t.Fatalf("started %v for a feed in progress", operationsOf(calls))
	}
	stuck.ProcessingStatus = model.FeedInQueue
	patches := r.Pass(r.Machine.cfg.Linger) // what the feed carries need not wait for it
	if len(patches) != 3 || patches[0].Operation != model.PatchListingsItem {
		t.Fatalf("started %v beside a stuck feed", operationsOf(patches))
	}
	for _, patch := range patches {
		r.Done(patch, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	}
	equal(t, "outcomes", r.outcomes(), nil)
	cancel := r.only(r.Take(stuck), model.CancelFeed)
	r.accept(append(r.End(cancel, machine.Ambiguous{}), r.Pass(time.Minute)...), time.Minute)
	r.Restart()
	cancel = r.only(r.Pass(time.Second), model.CancelFeed)
	r.Done(cancel, &model.CancelFeedResponse{})
	// Meanwhile others go on: another account, and urgent SKUs of this one.
	other := updateOf("A", 4, r.Now)
	other.Account = otherAccount
	urgent := updateOf("B", 0, r.Now)
	patch := r.only(r.Take(other, urgent), model.PatchListingsItem)
	r.Done(patch, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	calls := r.Pass(r.Machine.cfg.Linger)
	upload := slices.IndexFunc(calls, func(c machine.Call) bool { return c.Operation == model.CreateFeedDocument })
	r.Done(r.uploadDone(calls[upload], "d"), &model.CreateFeedResponse{FeedID: "2"})
	if r.submissions[1].Account != otherAccount {
		t.Fatalf("%+v", r.submissions)
	}
	r.Take(&schemas.FeedResult{Account: testAccount, FeedID: "1", ProcessingStatus: model.FeedCancelled, Report: "NONE"})
	equal(t, "outcomes", r.outcomes(), []string{"B 1 SUPERSEDED"})
}

func TestTheEndOfAFeedThatNobodyKnows(t *testing.T) {
	t.Parallel()
	r := inFeed(t, feedsOnly())
	foreign := completed("77", 1, 0)
	foreign.SubmittedTime = r.Now
	another := completed("78", 1, 0)
	another.SubmittedTime, another.FeedType = r.Now, model.OrderAcknowledgementFeed
	r.Take(another, foreign)
	if len(r.alerts) != 1 || r.alerts[0].EventType != feedlane.AlertForeign || r.alerts[0].Subject != "77" {
		t.Fatalf("%+v", r.alerts)
	}
	ours := completed("1", 3, 0)
	ours.SubmittedTime = r.Now
	r.Take(ours, ours)
	if len(r.alerts) != 1 {
		t.Fatalf("a repeated result: %+v", r.alerts[1])
	}
}
