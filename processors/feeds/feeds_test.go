package feeds

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// answers is Amazon at the runtime's present time, without delay.
func answers(r *runtime, a *amazon) func(machine.Call) machine.Outcome {
	return func(call machine.Call) machine.Outcome { return a.answer(call, r.Now) }
}

// only is the one result that was written.
func only(t *testing.T, r *runtime) ended {
	t.Helper()
	if len(r.results) != 1 {
		t.Fatalf("%d results, want 1; the feed is %+v", len(r.results), r.feed("1"))
	}
	return r.results[0]
}

func TestANotificationEndsTheWaitAtOnce(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	f, submission := a.submit("1", r.Now, 45*time.Second)
	calls := r.Take(submission)
	if len(calls) != 0 {
		t.Fatalf("%+v called at once", calls)
	}
	r.Follow(46*time.Second, calls, answers(r, a))
	r.Follow(0, r.Take(f.notification()), answers(r, a))
	got := only(t, r)
	if err := f.final(got); err != nil {
		t.Fatal(err)
	}
	if got.DetectedBy != byNotification || !got.DetectedTime.Equal(r.Now) || *got.TookSeconds != 45 || got.ExpectedSeconds != nil {
		t.Fatalf("%+v", got.FeedResult)
	}
	if n := r.asked("1"); n != 1 {
		t.Fatalf("%d getFeed calls", n)
	}
	for range 3 { // and duplicates change nothing
		r.Restart()
		r.Now = r.Now.Add(time.Hour)
		if calls := r.Take(f.notification(), submission); len(calls) != 0 || len(r.results) != 1 {
			t.Fatalf("a repeat made %d calls and %d results", len(calls), len(r.results))
		}
	}
}

func TestANotificationBeforeItsSubmission(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	f, submission := a.submit("1", r.Now, 20*time.Second)
	r.Now = r.Now.Add(25 * time.Second)
	if calls := r.Take(f.notification()); len(calls) != 0 {
		t.Fatalf("called %+v before the submission", calls)
	}
	r.Restart()
	r.Now = r.Now.Add(holdFor - time.Minute)
	// An account with a past has no burst to spend, so tokens take a moment.
	r.Follow(time.Minute, r.Take(submission), answers(r, a))
	got := only(t, r)
	if got.DetectedBy != byNotification || r.asked("1") != 1 || len(r.alerts) != 0 {
		t.Fatalf("%+v, alerts %+v", got.FeedResult, r.alerts)
	}
}

func TestAForeignFeedIsToldOnceADay(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	for i := range maxHeld + 50 {
		stranger := &amazonFeed{account: testAccount, id: fmt.Sprint("foreign-", i), status: model.FeedDone}
		r.Take(stranger.notification())
	}
	if r.Store.Len() != maxHeld {
		t.Fatalf("%d entries are kept, want %d", r.Store.Len(), maxHeld)
	}
	r.Restart()
	r.Now = r.Now.Add(time.Minute)
	late := &amazonFeed{account: testAccount, id: "late", status: model.FeedDone}
	if r.Take(late.notification()); r.Store.Len() != maxHeld {
		t.Fatalf("%d entries are kept after a restart, want %d", r.Store.Len(), maxHeld)
	}
	r.Follow(holdFor-time.Minute, nil, nil)
	r.Take(late.notification())
	r.Restart()
	r.Tick(nil)
	r.Follow(holdFor-time.Minute, nil, nil)
	if len(r.alerts) != 1 || r.alerts[0].EventType != alertForeign || !strings.Contains(r.alerts[0].Message, "foreign-") {
		t.Fatalf("%d alerts: %+v", len(r.alerts), r.alerts)
	}
	// The next day's is told again, and then all are forgotten.
	if r.Follow(2*foreignFor, nil, nil); r.Store.Len() != 0 || len(r.alerts) != 2 {
		t.Fatalf("%d entries are left, %d alerts", r.Store.Len(), len(r.alerts))
	}
}

// A forged notification costs a few reads, and many of them not many more.
func TestForgedNotificationsEndNothing(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	f, submission := a.submit("1", r.Now, time.Hour)
	calls := r.Take(submission)
	for range 3000 {
		calls = append(calls, r.Take(f.notification())...)
		r.Follow(time.Second, calls, answers(r, a))
		calls = nil
	}
	if n := r.asked("1"); n > 40 || len(r.results) != 0 {
		t.Fatalf("3000 forged notifications within 50 minutes cost %d getFeed calls and made %d results", n, len(r.results))
	}
	r.Follow(30*time.Minute, nil, answers(r, a))
	if got := only(t, r); got.ProcessingStatus != model.FeedDone {
		t.Fatalf("%+v", got.FeedResult)
	}
}

func TestAStuckFeedIsToldOnceAndThenItsEnd(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		answer func(*runtime, *amazon) func(machine.Call) machine.Outcome
		status string
		told   time.Duration // at the latest
	}{
		{"Amazon says so", answers, model.FeedInQueue, 2*time.Hour + time.Second},
		{"Amazon says nothing", func(r *runtime, a *amazon) func(machine.Call) machine.Outcome {
			return func(call machine.Call) machine.Outcome {
				if r.Now.Before(testStart.Add(8 * time.Hour)) {
					return machine.Retry{Err: errors.New("503")}
				}
				return a.answer(call, r.Now)
			}
		}, statusUnknown, 3*time.Hour + time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, a := newRuntime(t), newAmazon()
			f, submission := a.submit("1", r.Now, 7*time.Hour)
			r.Follow(test.told, r.Take(submission), test.answer(r, a))
			got := only(t, r)
			if got.EventType != alertStuck || got.DetectedBy != byObjective || got.ProcessingStatus != test.status || *got.TookSeconds < 7200 {
				t.Fatalf("%+v", got.FeedResult)
			}
			stats := &machine.Stats{Now: r.Now, Followed: []string{testAccount}}
			r.Machine.Observe(stats)
			if stats.Counts[countRunning] != 1 || stats.Counts[countStuck] != 1 || !stats.Oldest.Equal(testStart) || stats.Accounts[testAccount].Pending != 1 {
				t.Errorf("observed %+v", stats)
			}
			if len(r.alerts) != 1 || r.alerts[0].EventType != alertStuck || r.alerts[0].Subject != "1" || !strings.HasPrefix(r.alerts[0].Message, "Feed 1 ") {
				t.Fatalf("%+v", r.alerts)
			}
			r.Restart()
			r.Tick(nil)
			r.Follow(8*time.Hour, nil, test.answer(r, a))
			if len(r.results) != 2 || len(r.alerts) != 1 || r.results[0].EventID == r.results[1].EventID {
				t.Fatalf("%d results, %d alerts", len(r.results), len(r.alerts))
			}
			if err := f.final(r.results[1]); err != nil {
				t.Fatal(err)
			}
			if len(r.resolved) != 1 || r.resolved[0].Resolves != r.alerts[0].EventID || r.resolved[0].EventType != alertStuck || r.resolved[0].Severity != "RESOLVED" {
				t.Errorf("resolved %+v, want %s", r.resolved, r.alerts[0].EventID)
			}
		})
	}
}

// After a stop of hours Amazon is asked before anybody is told.
func TestAFeedThatEndedWhileWeWereDownIsNotStuck(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	_, submission := a.submit("1", r.Now, time.Minute)
	r.Take(submission)
	r.Now = r.Now.Add(10 * time.Hour)
	r.Restart()
	r.Follow(time.Minute, r.Tick(nil), answers(r, a))
	if got := only(t, r); got.EventType != eventCompleted || len(r.alerts) != 0 {
		t.Fatalf("%+v, alerts %+v", got.FeedResult, r.alerts)
	}
}

// What such feeds take is learned, and with it the objective and the result.
func TestTheObjectiveFollowsWhatFeedsTake(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	for i := range 6 {
		_, submission := a.submit(fmt.Sprint(i), r.Now, time.Hour)
		r.Follow(5*time.Hour, r.Take(submission), answers(r, a))
	}
	if last := r.results[len(r.results)-1]; len(r.results) != 6 || last.ExpectedSeconds == nil || *last.ExpectedSeconds != 3600 {
		t.Fatalf("%d results, the last %+v", len(r.results), last.FeedResult)
	}
	r.Restart()
	_, submission := a.submit("slow", r.Now, 8*time.Hour)
	r.Follow(4*time.Hour-time.Second, r.Take(submission), answers(r, a))
	if len(r.results) != 6 {
		t.Fatalf("stuck before four times the expected hour: %+v", r.results[6].FeedResult)
	}
	if r.Follow(2*time.Second, nil, answers(r, a)); len(r.results) != 7 || r.results[6].EventType != alertStuck {
		t.Fatalf("%d results", len(r.results))
	}
}

func TestAFeedThatAmazonNeverShows(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	f, submission := a.submit("1", r.Now, time.Minute)
	f.lost = true
	r.Follow(defaultPatience/missingShare, r.Take(submission), answers(r, a))
	if len(r.results) != 0 {
		t.Fatalf("given up within %v: %+v", defaultPatience/missingShare, r.results[0].FeedResult)
	}
	r.Restart()
	r.Follow(20*time.Minute, r.Tick(nil), answers(r, a))
	got := only(t, r)
	if err := f.final(got); err != nil {
		t.Fatal(err)
	}
	if len(r.alerts) != 1 || r.alerts[0].EventType != alertUnknown || !strings.Contains(r.alerts[0].Message, "not_found (404)") {
		t.Fatalf("%+v", r.alerts)
	}
	r.Restart()
	forged := f.notification()
	forged.ProcessingStatus = strings.Repeat("\x1b", 10_000)
	if r.Take(forged); r.Holding(alertUnknown) != 0 {
		t.Error("the alert holds, although Amazon has notified the end")
	}
	if kept := r.Machine.feeds[feedKey(forged.Account, forged.FeedID)].ProcessingStatus; len(kept) > maxName || kept != schemas.Printable(kept) {
		t.Errorf("%d bytes are kept of what the notification says: %.20q", len(kept), kept)
	}
	r.Take(f.notification()) // once more
	hinted, submission := a.submit("h", r.Now, time.Minute)
	hinted.lost = true
	calls := append(r.Take(submission), r.Take(hinted.notification())...)
	r.Follow(2*time.Hour, calls, answers(r, a))
	held := r.Holding(alertUnknown)
	if r.Take(hinted.notification()); held != 1 || r.Holding(alertUnknown) != 0 {
		t.Errorf("%d alerts hold before the second notification, %d after it", held, r.Holding(alertUnknown))
	}
	other, submission := a.submit("2", r.Now, time.Minute)
	other.lost = true
	r.Follow(2*time.Hour, r.Take(submission), answers(r, a))
	r.Follow(6*24*time.Hour, r.Tick(nil), answers(r, a))
	r.Restart()
	held = r.Holding(alertUnknown)
	r.Follow(2*24*time.Hour, r.Tick(nil), answers(r, a))
	if held != 1 || r.Holding(alertUnknown) != 0 {
		t.Errorf("%d alerts hold after six days, %d when the feed is forgotten", held, r.Holding(alertUnknown))
	}
}

// A report that is there a little later than the end is waited for.
func TestAReportThatShowsLate(t *testing.T) {
	t.Parallel()
	for lag, want := range map[time.Duration]string{8 * time.Second: reportRead, time.Hour: reportNone} {
		r, a := newRuntime(t), newAmazon()
		f, submission := a.submit("1", r.Now, 30*time.Second)
		f.documentLag = lag
		r.Take(submission)
		r.Now = r.Now.Add(31 * time.Second)
		r.Follow(2*time.Minute, r.Take(f.notification()), answers(r, a))
		if got := only(t, r); got.Report != want || got.DetectedBy != byNotification || got.DetectedTime.Sub(f.end) != time.Second {
			t.Errorf("a report %v late: %+v", lag, got.FeedResult)
		}
	}
}

// A report's token is scarce: one that cannot be read is given up after hours,
// with few calls.
func TestAReportThatCannotBeDownloaded(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	f, submission := a.submit("1", r.Now, 30*time.Second)
	f.broken = true
	downloads := 0
	r.Follow(defaultPatience, r.Take(submission), func(call machine.Call) machine.Outcome {
		if call.Operation == model.GetFeedDocument {
			downloads++
		}
		return a.answer(call, r.Now)
	})
	if len(r.results) != 0 {
		t.Fatalf("given up too early: %+v", r.results[0].FeedResult)
	}
	r.Restart()
	r.Follow(time.Hour, r.Tick(nil), answers(r, a))
	if err := f.final(only(t, r)); err != nil {
		t.Fatal(err)
	}
	if downloads < 10 || downloads > 50 {
		t.Errorf("%d downloads", downloads)
	}
}

func TestReportsOfOtherFeedsAndOldKindsAreNotRead(t *testing.T) {
	t.Parallel()
	for _, report := range []model.FeedReport{{FeedID: "2"}, {Unreadable: "an XML report"}} {
		r, a := newRuntime(t), newAmazon()
		f, submission := a.submit("1", r.Now, 30*time.Second)
		f.report = report
		r.Follow(10*time.Minute, r.Take(submission), answers(r, a))
		if got := only(t, r); got.Report != reportUnreadable || got.ReportError == "" || got.MessagesProcessed != nil {
			t.Errorf("%+v", got.FeedResult)
		}
	}
}

// A large report goes in parts that Kafka takes, and all of its messages'
// issues are in them; the runtime of the tests checks both.
func TestALargeReportGoesInParts(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	f, submission := a.submit("1", r.Now, 30*time.Second)
	for i := range 25_000 {
		f.report.Issues = append(f.report.Issues,
			model.FeedIssue{MessageID: i + 1, SKU: strings.Repeat("S", 40), Code: "8058", Severity: "ERROR", Message: strings.Repeat("ü", 600)},
			model.FeedIssue{Severity: "WARNING", Message: strings.Repeat("w", 5000)})
		f.report.Shown = append(f.report.Shown, model.ShownQuantity{SKU: strings.Repeat("S", 40), FulfillmentChannelCode: "DEFAULT", Quantity: i})
	}
	r.Follow(10*time.Minute, r.Take(submission), answers(r, a))
	got := only(t, r)
	if len(got.issues) != 25_000 || got.IssueParts < 20 {
		t.Fatalf("%d issues in %d parts", len(got.issues), got.IssueParts)
	}
	if len(got.shown) != 25_000 || got.shown[24_999] != (schemas.ShownQuantity{SKU: strings.Repeat("S", 40), Quantity: 24_999}) {
		t.Errorf("%d quantities", len(got.shown))
	}
	if message := got.issues[0].Message; len(message) > maxMessage || !strings.HasSuffix(message, "ü…") {
		t.Errorf("a message was cut to %d bytes, which end with %q", len(message), message[len(message)-8:])
	}
	if n := len(got.FeedIssues); n == 0 || n > maxFeedIssues {
		t.Errorf("%d issues of the feed as a whole", n)
	}
	if text, err := schemas.AppendJSON(nil, got.FeedResult); err != nil || len(text) > 200<<10 {
		t.Errorf("the result has %d bytes as an event, %v", len(text), err)
	}
}

// Reports are read oldest submission first when tokens are short.
func TestReportsAreReadInOrderOfSubmission(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	var records []any
	for i := range 30 {
		f, submission := a.submit(fmt.Sprintf("%02d", 29-i), r.Now.Add(time.Duration(i)*time.Second), 20*time.Second)
		records = append(records, submission, f.notification())
	}
	r.Now = r.Now.Add(time.Minute)
	r.Follow(2*time.Hour, r.Take(records...), answers(r, a))
	if len(r.results) != 30 {
		t.Fatalf("%d results", len(r.results))
	}
	waited := r.results[9:] // the burst goes to those that are known to have ended first
	if !slices.IsSortedFunc(waited, func(a, b ended) int { return a.SubmittedTime.Compare(b.SubmittedTime) }) {
		for _, result := range waited {
			t.Errorf("feed %s, submitted at %v", result.FeedID, result.SubmittedTime)
		}
	}
}

func TestAForbiddenFeedDoesNotStopItsAccount(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	_, bad := a.submit("bad", r.Now, time.Minute)
	answer := func(call machine.Call) machine.Outcome {
		if call.Key == feedKey(testAccount, "bad") {
			return machine.Reject{Err: &model.Error{Class: model.Forbidden, Operation: model.GetFeed, Status: 403}}
		}
		return a.answer(call, r.Now)
	}
	r.Follow(time.Hour, r.Take(bad), answer)
	for i := range 40 {
		f, submission := a.submit(fmt.Sprint(i), r.Now, time.Minute)
		r.Follow(61*time.Second, r.Take(submission), answer)
		r.Follow(5*time.Minute, r.Take(f.notification()), answer)
	}
	completed, late := 0, 0
	for _, result := range r.results {
		if result.EventType != eventCompleted {
			continue
		}
		if completed++; result.DetectedTime.Sub(result.ProcessingEndTime) > 2*time.Minute {
			late++
		}
	}
	if completed != 40 || late > 0 {
		t.Fatalf("%d of 40 other feeds ended, %d of them late", completed, late)
	}
	r.Follow(unansweredShare*defaultPatience, nil, answer)
	if last := r.results[len(r.results)-1]; last.FeedID != "bad" || last.ProcessingStatus != statusUnknown {
		t.Fatalf("the forbidden feed: %+v", last.FeedResult)
	}
}

// A mended account's feeds do not wait for its next probe, also not those of an
// owner before this one.
func TestAMendedAccountGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"here": false, "after a restart": true} {
		r, a := newRuntime(t), newAmazon()
		_, submission := a.submit("1", r.Now, time.Minute)
		park := func(machine.Call) machine.Outcome {
			return machine.Park{Err: &model.Error{Class: model.Unauthorized, Operation: model.GetFeed}}
		}
		r.Follow(10*time.Minute, r.Take(submission), park)
		if restart {
			r.Restart()
		}
		if calls := r.Changed("another"); len(calls) != 0 {
			t.Fatalf("%s: a parked account calls: %v", name, calls)
		}
		if calls := r.Changed(testAccount); len(calls) != 1 {
			t.Errorf("%s: calls %v", name, calls)
		}
	}
}

// What is learned goes by Amazon's clock, and a notification that was only a
// little slower than a poll speaks for those that come.
func TestWhatIsLearned(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	for i := range 6 {
		f, submission := a.submit(fmt.Sprint(i), r.Now, 40*time.Second)
		submission.SubmittedTime = submission.SubmittedTime.Add(-5 * time.Second)
		r.Follow(5*time.Minute, r.Take(submission), answers(r, a))
		if len(r.results) != i+1 || r.results[i].DetectedBy != byPoll {
			t.Fatalf("feed %d: %d results", i, len(r.results))
		}
		r.Now = r.results[i].DetectedTime.Add(time.Second)
		r.Take(f.notification())
		r.Now = r.Now.Add(time.Hour)
	}
	pace, _ := r.State(paceKey(testAccount, model.JSONListingsFeed)).(*schemas.FeedPace)
	if pace == nil || pace.Samples != 6 || math.Abs(pace.ExpectedSeconds-40) > 0.002 || pace.NotifiedShare < firstShare {
		t.Fatalf("%+v", pace)
	}
}

func TestUnknownStatusesAreTolerated(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	f, submission := a.submit("1", r.Now, 30*time.Second)
	f.status = "POSTPONED"
	r.Follow(time.Hour, r.Take(submission), answers(r, a))
	if state := r.feed("1"); len(r.results) != 0 || state.ProcessingStatus != "POSTPONED" || state.Phase != running {
		t.Fatalf("%+v", state)
	}
	f.status = model.FeedDone
	r.Follow(time.Hour, nil, answers(r, a))
	only(t, r)
}

// A feed of an account that was removed before its submission was read has an
// end too, for which the inventory processor waits.
func TestAnAccountThatIsGoneKeepsItsFeeds(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	submission := (&amazonFeed{account: "gone", id: "1"}).submission()
	calls := append(r.Take(submission), r.Pass(5*time.Minute)...)
	if len(r.Letters) > 0 || len(calls) != 1 || calls[0].Account != "gone" {
		t.Fatalf("started %+v, set aside %+v", calls, r.Letters)
	}
	r.End(calls[0], machine.Park{})
	calls = r.Changed("gone")
	if len(calls) != 1 || calls[0].Operation != model.GetFeed {
		t.Fatalf("started %+v when the account came back", calls)
	}
}

func TestBadRecordsAreSetAside(t *testing.T) {
	t.Parallel()
	good := (&amazonFeed{account: testAccount, id: "1"}).submission()
	for reason, change := range map[string]func(*schemas.FeedSubmission){
		"invalid_feed_id":   func(s *schemas.FeedSubmission) { s.FeedID = "../1" },
		"invalid_feed_type": func(s *schemas.FeedSubmission) { s.FeedType = "" },
	} {
		r, bad := newRuntime(t), *good
		change(&bad)
		if r.Take(&bad); len(r.Letters) != 1 || r.Letters[0].Reason != reason || r.Store.Len() != 0 {
			t.Errorf("%s: %+v", reason, r.Letters)
		}
	}
	for reason, rec := range map[string]*machine.Record{
		"unknown_account":  {Account: "nobody", Value: &schemas.FeedNotification{Account: "nobody", FeedID: "1", FeedType: good.FeedType}},
		"account_mismatch": {Account: "shop-1", Value: good},
		"unexpected_type":  {Account: testAccount, Value: &schemas.Order{}},
	} {
		tx := &machine.Tx{Now: testStart}
		if newMachine(t).Record(tx, rec); len(tx.DeadLetters) != 1 || tx.DeadLetters[0].Reason != reason {
			t.Errorf("%s: %+v", reason, tx.DeadLetters)
		}
	}
}

func TestForeignStateStopsTheUnit(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]any{
		"feed/acme-eu/2":       &schemas.FeedState{Account: testAccount, FeedID: "1"},
		"pace/acme-eu/B":       &schemas.FeedPace{Account: testAccount, FeedType: "A"},
		"quota/acme-eu/x":      &schemas.QuotaState{Account: testAccount, Operation: model.GetOrder},
		"order/acme-eu/1":      &schemas.OrderState{},
		"feed/acme-eu/nothing": nil,
	} {
		if err := newMachine(t).Restore(key, value); err == nil {
			t.Errorf("%s was restored as %T", key, value)
		}
	}
}
