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

// feedsOnly leaves patches to the urgent.
func feedsOnly() Config { return Config{PatchBelow: -1} }

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s: got %q, want %q", what, got, want)
	}
}

func TestUpdatesBecomeOneFeedOfTheNewest(t *testing.T) {
	t.Parallel()
	const skus, updates = 5000, 50_000
	r := newRuntime(t, Config{})
	for from := 0; from < updates; from += 5000 { // a tick takes so many
		var values []any
		for i := from; i < from+5000; i++ {
			values = append(values, updateOf(fmt.Sprint("SKU-", i%skus), 1+i, testStart.Add(time.Duration(i)*time.Millisecond)))
		}
		if calls := r.Take(values...); len(calls) > 0 {
			t.Fatalf("started %v before the linger", operationsOf(calls))
		}
		r.Now = r.Now.Add(10 * time.Millisecond)
	}
	if got := len(r.results); got != updates-skus || r.Machine.Pending() != skus {
		t.Fatalf("%d outcomes, %d pending", got, r.Machine.Pending())
	}
	upload := r.only(r.Pass(time.Minute), model.CreateFeedDocument)
	messages := upload.Request.(*model.UploadFeedRequest).Feed.(*model.ListingsFeed).Messages
	for _, message := range messages {
		var n int
		if _, err := fmt.Sscanf(message.SKU, "SKU-%d", &n); err != nil || message.Quantity != 1+updates-skus+n {
			t.Fatalf("%+v is not the newest", message)
		}
	}
	r.Done(r.uploadDone(upload, "d"), &model.CreateFeedResponse{FeedID: "1"})
	if len(messages) != skus || len(r.submissions) != 1 || r.submissions[0].Messages != skus {
		t.Fatalf("%d messages, submissions %+v", len(messages), r.submissions)
	}
	if calls := r.Pass(time.Hour); len(calls) > 0 {
		t.Fatalf("started %v while the feed runs", operationsOf(calls))
	}
	r.results = nil
	r.Take(completed("1", skus, 0))
	if len(r.results) != skus || r.results[0].Outcome != applied || r.results[0].FeedID != "1" || r.Machine.Pending() != 0 {
		t.Fatalf("%d outcomes, %d pending", len(r.results), r.Machine.Pending())
	}
}

// An update without an event time is as new as its record in Kafka, and as old when it is
// processed again.
func TestAnUpdateWithoutAnEventTime(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	records := r.Records(updateOf("A", 1, time.UnixMilli(0)), updateOf("A", 2, testStart.Add(2*time.Second)), updateOf("A", 3, time.UnixMilli(0)))
	for i, rec := range records {
		rec.Came = testStart.Add(time.Duration(3-i) * time.Second)
	}
	r.Tick(records)
	equal(t, "outcomes", r.outcomes(), []string{"A 2 SUPERSEDED", "A 3 SUPERSEDED"})
	for _, result := range r.results {
		if !result.EventTime.Equal(testStart.Add(time.Duration(4-result.Quantity)*time.Second)) || result.SupersededBy != "A=1" {
			t.Errorf("%+v", result)
		}
	}
}

func TestOlderAndRepeatedUpdates(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	records := r.Records(updateOf("A", 1, testStart), updateOf("A", 2, testStart.Add(time.Second)), updateOf("A", 3, testStart))
	newer := records[1:2]
	r.Tick(records)
	equal(t, "outcomes", r.outcomes(), []string{"A 1 SUPERSEDED", "A 3 SUPERSEDED"})
	r.Take(updateOf("A", 4, testStart.Add(time.Second))) // the same time, later in the topic
	if by := r.results[0]; len(r.results) != 1 || by.SupersededBy != "A=4" || *by.SupersededByQuantity != 4 || !by.SupersededByEventTime.Equal(testStart.Add(time.Second)) {
		t.Fatalf("%+v", r.results)
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 2 SUPERSEDED"})
	r.runFeed("1")
	r.Take(completed("1", 1, 0))
	equal(t, "outcomes", r.outcomes(), []string{"A 4 APPLIED"})
	r.Tick(newer) // a replay
	if by := r.results[0]; by.SupersededBy != "" || by.SupersededByQuantity != nil || !by.SupersededByEventTime.Equal(testStart.Add(time.Second)) {
		t.Errorf("by a settled one: %+v", by)
	}
	r.Restart()
	r.Tick(newer)
	equal(t, "outcomes", r.outcomes(), []string{"A 2 SUPERSEDED", "A 2 SUPERSEDED"})
	if calls := r.Pass(time.Hour); len(calls) > 0 {
		t.Fatalf("started %v for a replay", operationsOf(calls))
	}
	if r.Pass(8 * 24 * time.Hour); r.sku("A") != nil {
		t.Fatal("an idle SKU is not forgotten")
	}
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	for reason, change := range map[string]func(*schemas.InventoryUpdate){
		"unknown_account":     func(u *schemas.InventoryUpdate) { u.Account = "nobody" },
		"empty_sku":           func(u *schemas.InventoryUpdate) { u.SKU = "" },
		"invalid_sku":         func(u *schemas.InventoryUpdate) { u.SKU = "12345678901234567890123456789012345678901" },
		"negative_quantity":   func(u *schemas.InventoryUpdate) { u.Quantity = -1 },
		"no_event_time":       func(u *schemas.InventoryUpdate) { u.EventTime = time.UnixMilli(0) },
		"wrong_time_unit":     func(u *schemas.InventoryUpdate) { u.EventTime = time.UnixMilli(u.EventTime.UnixMicro()) },
		"event_time_ahead":    func(u *schemas.InventoryUpdate) { u.EventTime = testStart.Add(6 * time.Minute) },
		"unknown_marketplace": func(u *schemas.InventoryUpdate) { u.MarketplaceID = "ATVPDKIKX0DER" },
		"field_too_long":      func(u *schemas.InventoryUpdate) { u.UpdateID = string(make([]byte, 300)) },
	} {
		r := newRuntime(t, Config{})
		u := updateOf("A", 1, testStart)
		change(u)
		r.Take(u, updateOf("B", 1, testStart))
		if len(r.Letters) != 1 || r.Letters[0].Reason != reason || r.Letters[0].Message == "" || r.Machine.Pending() != 1 {
			t.Errorf("%s: %+v, %d pending", reason, r.Letters, r.Machine.Pending())
		}
	}
	r := newRuntime(t, Config{})
	records := r.Records(updateOf("A", 1, testStart))
	records[0].Account = otherAccount
	r.Tick(append(records, &machine.Record{Topic: schemas.InventoryUpdates, Value: &schemas.Shipment{}}))
	if len(r.Letters) != 2 || r.Letters[0].Reason != "account_mismatch" || r.Letters[1].Reason != "unexpected_type" {
		t.Errorf("%+v", r.Letters)
	}
}

func TestASKUInARunningFeedIsFenced(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	r.Take(updateOf("A", 1, testStart), updateOf("B", 1, testStart))
	upload := r.only(r.Pass(r.Machine.cfg.Linger), model.CreateFeedDocument)
	r.Take(updateOf("B", 2, testStart.Add(time.Second))) // while the document is made
	equal(t, "outcomes", r.outcomes(), []string{"B 1 SUPERSEDED"})
	r.Done(r.uploadDone(upload, "d"), &model.CreateFeedResponse{FeedID: "1"})
	r.Take(updateOf("A", 2, testStart.Add(time.Second)))
	if calls := r.Pass(time.Hour); len(calls) > 0 || len(r.results) > 0 {
		t.Fatalf("started %v, outcomes %v", operationsOf(calls), r.outcomes())
	}
	r.Restart()
	r.Pass(time.Second)
	calls := r.Take(completed("1", 2, 0))
	equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED"})
	upload = r.only(append(calls, r.Pass(time.Hour)...), model.CreateFeedDocument)
	equal(t, "second feed", messagesOf(upload), []string{"A 2", "B 2"})
}

func TestUrgentAndSmallSetsGoByPatch(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{PatchBelow: 2})
	urgent := updateOf("U", 5, testStart)
	urgent.Urgent = true
	calls := r.Take(urgent, updateOf("Z", 0, testStart))
	if len(calls) != 2 {
		t.Fatalf("started %v at once", operationsOf(calls))
	}
	for _, call := range calls {
		r.Done(call, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	}
	equal(t, "outcomes", r.outcomes(), []string{"U 5 APPLIED", "Z 0 APPLIED"})

	r.Take(updateOf("A", 1, testStart), updateOf("B", 1, testStart))
	calls = r.Pass(3 * time.Second)
	if len(calls) != 2 || calls[0].Operation != model.PatchListingsItem {
		t.Fatalf("started %v for a small set", operationsOf(calls))
	}
	r.Done(calls[0], &model.ListingsItemSubmission{Status: model.SubmissionInvalid, Issues: []model.ListingIssue{
		{Severity: "WARNING", Code: "1"}, {Severity: feedlane.SeverityError, Code: "99022", Message: "no", AttributeNames: []string{"x"}},
	}})
	r.End(calls[1], machine.Reject{Err: &model.Error{Class: model.Invalid, Code: "InvalidInput", Message: "no"}})
	equal(t, "outcomes", r.outcomes(), []string{"A 1 REJECTED 99022", "B 1 REJECTED InvalidInput"})

	r.Take(updateOf("A", 2, r.Now), updateOf("B", 2, r.Now), updateOf("C", 2, r.Now))
	upload := r.only(r.Pass(time.Minute), model.CreateFeedDocument)
	equal(t, "feed", messagesOf(upload), []string{"A 2", "B 2", "C 2"})
}

func TestAPatchMayOvertakeAFeed(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	r.Take(updateOf("A", 9, testStart))
	r.runFeed("1")
	patch := r.only(r.Take(updateOf("A", 0, r.Now)), model.PatchListingsItem)
	r.Done(patch, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	if calls := r.Pass(time.Hour); len(r.results) > 0 || len(calls) > 0 || !r.sku("A").Patched {
		t.Fatalf("outcomes %v, calls %v: the feed may undo the patch", r.outcomes(), operationsOf(calls))
	}
	r.Restart()
	r.Pass(time.Second)
	again := r.only(r.Take(completed("1", 1, 0)), model.PatchListingsItem)
	equal(t, "outcomes", r.outcomes(), []string{"A 9 APPLIED"})
	r.Done(again, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	equal(t, "outcomes", r.outcomes(), []string{"A 0 APPLIED"})

	// The feed ends while the patch is in flight: which was first is not known.
	r.Take(updateOf("A", 9, r.Now))
	r.runFeed("2")
	patch = r.only(r.Take(updateOf("A", 0, r.Now)), model.PatchListingsItem)
	r.Take(completed("2", 1, 0))
	again = r.only(r.Done(patch, &model.ListingsItemSubmission{Status: model.SubmissionAccepted}), model.PatchListingsItem)
	equal(t, "outcomes", r.outcomes(), []string{"A 9 APPLIED"})
	r.Done(again, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	equal(t, "outcomes", r.outcomes(), []string{"A 0 APPLIED"})
}

func TestExcludedSKUs(t *testing.T) {
	t.Parallel()
	out := map[string]bool{"X": true}
	cfg := feedsOnly()
	cfg.Excluded = func(_, sku string) bool { return out[sku] }
	r := newRuntime(t, cfg)
	r.Take(updateOf("X", 1, testStart), updateOf("A", 1, testStart), updateOf("B", 1, testStart))
	equal(t, "outcomes", r.outcomes(), []string{"X 1 EXCLUDED"})
	out["A"] = true
	upload := r.only(r.Pass(time.Minute), model.CreateFeedDocument)
	equal(t, "feed", messagesOf(upload), []string{"B 1"})
	equal(t, "outcomes", r.outcomes(), []string{"A 1 EXCLUDED"})
	r.uploadDone(upload, "d")
	out["B"] = true
	r.Take(updateOf("B", 2, testStart.Add(time.Second)))
	equal(t, "outcomes", r.outcomes(), []string{"B 2 EXCLUDED"})
}

// A SKU that changes faster than the patches before it are done keeps its turn.
func TestAChangingSKUKeepsItsTurn(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	const last = 19
	var urgent []any
	for i := range last + 1 {
		u := updateOf(skuName(10+i), 1, r.Now)
		u.Urgent = true
		urgent = append(urgent, u)
	}
	calls := r.Take(urgent...)
	for quantity := 2; len(calls) > 0; quantity++ {
		for _, call := range calls {
			switch sku := call.Request.(*model.PatchQuantityRequest).SKU; sku {
			case skuName(10 + last - 1):
				return
			case skuName(10 + last):
				t.Fatal("the SKU behind it was first")
			}
			r.Done(call, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
		}
		r.Now = r.Now.Add(100 * time.Millisecond)
		again := updateOf(skuName(10+last-1), quantity, r.Now)
		again.Urgent = true
		r.Take(again)
		calls = r.Pass(time.Second)
	}
	t.Fatal("it was never sent")
}

// TestAParkedAccountDoesNotPauseOthers: its SKUs are counted apart, until it is well.
func TestAParkedAccountDoesNotPauseOthers(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	a := newAmazonOf(r)
	forbidden := machine.Park{Err: &model.Error{Class: model.Forbidden, Status: 403}}
	for _, operation := range Operations() {
		a.answers[operation] = func(machine.Call) machine.Outcome { return forbidden }
	}
	const skus = 4000
	r.Follow(time.Hour, r.Take(many("S", skus, testStart)...), a.answer)
	if n := r.Machine.Pending(); n > skus/4+1 || n == 0 {
		t.Errorf("%d pending, want a part of the parked account's %d", n, skus)
	}
	r.Restart() // it is found parked by the first call
	r.Follow(time.Hour, r.Tick(nil), a.answer)
	if n := r.Machine.Pending(); n > skus/4+1 {
		t.Errorf("%d pending after a restart", n)
	}
	clear(a.answers)
	if r.Changed(testAccount); r.Machine.Pending() != skus {
		t.Errorf("%d pending of an account that is well again", r.Machine.Pending())
	}
}
