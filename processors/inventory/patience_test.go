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

// amazonOf answers calls as a test says, and well by default.
type amazonOf struct {
	r       *runtime
	answers map[string]func(machine.Call) machine.Outcome // by operation; nil outcomes are the default's
	calls   map[string]int
	feeds   int
	in      map[string]int // messages by document or feed id
	skus    map[string][]string
	report  func(id string, messages int) *schemas.FeedResult // of a feed that was created
	queue   []any
}

func newAmazonOf(r *runtime) *amazonOf {
	return &amazonOf{
		r: r, answers: map[string]func(machine.Call) machine.Outcome{}, calls: map[string]int{}, in: map[string]int{}, skus: map[string][]string{},
		report: func(id string, messages int) *schemas.FeedResult { return completed(id, messages, 0) },
	}
}

func (a *amazonOf) answer(call machine.Call) machine.Outcome {
	a.calls[call.Operation]++
	if scripted := a.answers[call.Operation]; scripted != nil {
		if outcome := scripted(call); outcome != nil {
			return outcome
		}
	}
	switch req := call.Request.(type) {
	case *model.UploadFeedRequest:
		id := fmt.Sprint("document-", a.calls[call.Operation])
		a.in[id] = len(req.Feed.(*model.ListingsFeed).Messages)
		for _, m := range req.Feed.(*model.ListingsFeed).Messages {
			a.skus[id] = append(a.skus[id], m.SKU)
		}
		return machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: id, SHA256: "aa", Bytes: 10}}
	case *model.CreateFeedRequest:
		a.feeds++
		id := fmt.Sprint("feed-", a.feeds)
		a.skus[id] = a.skus[req.InputFeedDocumentID]
		a.queue = append(a.queue, a.report(id, a.in[req.InputFeedDocumentID]))
		return machine.Done{Response: &model.CreateFeedResponse{FeedID: id}}
	case *model.PatchQuantityRequest:
		return machine.Done{Response: &model.ListingsItemSubmission{Status: model.SubmissionAccepted}}
	case *model.GetFeedsRequest:
		return machine.Done{Response: feedsPage("")}
	}
	return machine.Reject{}
}

// follow lets time pass; feeds end within a minute of their making.
func (a *amazonOf) follow(d time.Duration) {
	a.r.T.Helper()
	for end := a.r.Now.Add(d); a.r.Now.Before(end); {
		a.r.Follow(min(time.Minute, end.Sub(a.r.Now)), nil, a.answer)
		values := a.queue
		a.queue = nil
		for _, value := range values {
			a.r.Follow(0, a.r.Take(value), a.answer)
		}
	}
}

func (r *runtime) alertsOf(kind string) (n int) {
	for _, a := range r.alerts {
		if a.EventType == kind && a.Resolves == "" {
			n++
		}
	}
	return n
}

// onlyOf reports whether all alerts, and their ends, are of a type.
func (r *runtime) onlyOf(kind string) bool {
	return !slices.ContainsFunc(r.alerts, func(a *schemas.Alert) bool { return a.EventType != kind })
}

// What may heal is tried for hours: here every way in which a feed can fail lasts
// for three of them. One alert is raised after minutes, and no update is
// given up (containment rule 5).
func TestWhatHealsWithinHoursIsNotGivenUp(t *testing.T) {
	t.Parallel()
	const trouble = 3 * time.Hour
	refusal := refusedWith(model.Invalid, "InvalidInput")
	unusable := func(status, report string) func(id string, messages int) *schemas.FeedResult {
		return func(id string, _ int) *schemas.FeedResult {
			return &schemas.FeedResult{Account: testAccount, FeedID: id, MarketplaceID: germany, ProcessingStatus: status, Report: report}
		}
	}
	for name, test := range map[string]struct {
		operation string
		outcome   machine.Outcome
		report    func(id string, messages int) *schemas.FeedResult
	}{
		"createFeed 400":             {operation: model.CreateFeed, outcome: refusal},
		"createFeedDocument 400":     {operation: model.CreateFeedDocument, outcome: refusal},
		"createFeedDocument fails":   {operation: model.CreateFeedDocument, outcome: machine.Retry{}},
		"FATAL":                      {report: unusable(model.FeedFatal, "NONE")},
		"a report without a use":     {report: unusable(model.FeedDone, "UNREADABLE")},
		"no report":                  {report: unusable(model.FeedDone, "NONE")},
		"a report that counts wrong": {report: func(id string, messages int) *schemas.FeedResult { return completed(id, messages-1, 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, feedsOnly())
			a := newAmazonOf(r)
			good := a.report
			if test.operation != "" {
				a.answers[test.operation] = func(machine.Call) machine.Outcome { return test.outcome }
			} else {
				a.report = test.report
			}
			r.Take(many("S", 500, testStart)...)
			a.follow(feedlane.AlertAfter - 2*time.Minute)
			if len(r.alerts) > 0 {
				t.Fatalf("told after %v already: %+v", r.Now.Sub(testStart), r.alerts)
			}
			for r.Now.Before(testStart.Add(trouble)) {
				a.follow(20 * time.Minute)
				r.Restart() // a rebalance begins nothing anew
			}
			if n := len(r.outcomes()); n > 0 || r.Holding(alertWaits) != 1 || len(r.alerts) != 1 {
				t.Fatalf("%d outcomes, alerts %+v", n, r.alerts)
			}
			if n := a.calls[model.CreateFeed] + a.calls[model.CreateFeedDocument]; n > 150 {
				t.Errorf("%d calls in %v: the waits do not grow", n, trouble)
			}
			if said := r.alerts[0]; !strings.Contains(said.Message, "500 SKUs wait") && test.operation != "" || said.Subject != germany {
				t.Errorf("the alert says %q", said.Message)
			}
			a.answers, a.report = map[string]func(machine.Call) machine.Outcome{}, good
			a.follow(4 * time.Hour)
			for _, o := range r.results {
				if o.Outcome != applied {
					t.Fatalf("%+v", o)
				}
			}
			if r.Holding(alertWaits) != 0 {
				t.Error("the alert holds, although feeds work")
			}
			if len(r.results) != 500 || r.Machine.Pending() != 0 || r.lane(germany).FailingSince != (time.Time{}) {
				t.Errorf("%d of 500 outcomes, %d pending, lane %+v", len(r.results), r.Machine.Pending(), r.lane(germany))
			}
		})
	}
}

// What never heals ends FAILED, after Patience and not before, with Amazon's reason.
func TestPatienceEnds(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{"6h": feedsOnly(), "2h": {PatchBelow: -1, Patience: 2 * time.Hour}} {
		r := newRuntime(t, cfg)
		a := newAmazonOf(r)
		a.answers[model.CreateFeed] = func(machine.Call) machine.Outcome { return refusedWith(model.Invalid, "InvalidInput") }
		r.Take(updateOf("A", 1, testStart))
		patience := r.Machine.cfg.Patience
		a.follow(patience)
		equal(t, name, r.outcomes(), nil)
		a.follow(time.Hour)
		equal(t, name, r.outcomes(), []string{"A 1 FAILED InvalidInput"})
		if r.Machine.Pending() != 0 {
			t.Errorf("%s: something is pending", name)
		}
	}
}

// While feeds are refused, single calls bring the quantities to Amazon.
func TestWhileFeedsAreRefusedPatchesGo(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	a := newAmazonOf(r)
	a.answers[model.CreateFeed] = func(machine.Call) machine.Outcome { return refusedWith(model.Invalid, "InvalidInput") }
	r.Take(many("S", 500, testStart)...)
	a.follow(5 * time.Minute)
	if len(r.results) != 500 || r.results[499].Outcome != applied || r.Machine.Pending() != 0 || len(r.alerts) > 0 {
		t.Errorf("%d of 500 outcomes after five minutes, alerts %+v", len(r.results), r.alerts)
	}
}

// An alert ends where patches bring all quantities to Amazon within seconds, though no feed is sent
// that could work: what has only just come does not wait, and does not raise it anew. Whatever
// comes, held SKUs are counted once per AlertAfter.
func TestAnAlertEndsWherePatchesDoAll(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	a := newAmazonOf(r)
	refuse := func(machine.Call) machine.Outcome { return refusedWith(model.Invalid, "InvalidInput") }
	a.answers[model.CreateFeed] = refuse
	a.answers[model.PatchListingsItem] = func(machine.Call) machine.Outcome { return machine.Retry{} }
	r.Take(many("S", 300, testStart)...)
	a.follow(20 * time.Minute)
	if r.alertsOf(alertWaits) != 1 || r.Holding(alertWaits) != 1 {
		t.Fatalf("%+v", r.alerts)
	}
	delete(a.answers, model.PatchListingsItem)
	change := func(n int) { r.Follow(0, r.Take(updateOf("S1", 1000+n, r.Now)), a.answer) }
	for n := range 30 {
		a.follow(r.Machine.heldAt.Add(feedlane.AlertAfter - time.Second).Sub(r.Now))
		change(3 * n) // which waits for others at the look a second later
		a.follow(2 * time.Second)
		at := r.Machine.heldAt
		change(3*n + 1)
		a.follow(time.Minute)
		if change(3*n + 2); r.Machine.heldAt != at {
			t.Fatalf("held SKUs were counted at %v and at %v", at, r.Machine.heldAt)
		}
		if r.lane(germany).FailingSince.IsZero() {
			break
		}
	}
	a.follow(time.Minute)
	if r.Holding(alertWaits) != 0 || r.alertsOf(alertWaits) != 1 || r.Machine.Pending() != 0 || r.Now.After(testStart.Add(2*time.Hour)) {
		t.Errorf("%d alerts hold, %d were raised, %d SKUs are pending, %v", r.Holding(alertWaits), r.alertsOf(alertWaits), r.Machine.Pending(), r.Now)
	}
}

// One SKU that makes Amazon refuse every feed, or end it FATAL, is found by smaller
// feeds: the others get through, and the outcome names it.
func TestASKUThatSpoilsFeedsIsFound(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{"refused": model.CreateFeedDocument, "FATAL": ""} {
		r := newRuntime(t, feedsOnly())
		a := newAmazonOf(r)
		spoils := func(call machine.Call) bool {
			for _, m := range call.Request.(*model.UploadFeedRequest).Feed.(*model.ListingsFeed).Messages {
				if m.SKU == "S77" {
					return true
				}
			}
			return false
		}
		if at != "" {
			a.answers[at] = func(call machine.Call) machine.Outcome {
				if spoils(call) {
					return refusedWith(model.Invalid, "BadDocument")
				}
				return nil
			}
		} else {
			good := a.report
			a.report = func(id string, messages int) *schemas.FeedResult {
				for _, sku := range a.skus[id] {
					if sku == "S77" {
						return &schemas.FeedResult{Account: testAccount, FeedID: id, MarketplaceID: germany, ProcessingStatus: model.FeedFatal, Report: "NONE"}
					}
				}
				return good(id, messages)
			}
		}
		r.Take(many("S", 200, testStart)...)
		for r.Now.Before(testStart.Add(5 * time.Hour)) {
			a.follow(5 * time.Minute)
			r.Restart() // a rebalance makes no feed whole again, and tells nothing twice
		}
		if told := r.alertsOf(alertWaits); told < 1 || told > 2 || r.Holding(alertWaits) != 1 {
			t.Errorf("%s: %d alerts, %d hold", name, told, r.Holding(alertWaits))
		}
		if n := len(r.results); n != 199 || r.Machine.Pending() != 1 {
			t.Errorf("%s: %d of 199 others have an outcome after five hours, %d pending", name, n, r.Machine.Pending())
		}
		for _, o := range r.results {
			if o.Outcome != applied {
				t.Errorf("%s: %+v", name, o)
			}
		}
		r.results = nil
		a.follow(4 * time.Hour)
		code := map[bool]string{true: "BadDocument", false: "feed_FATAL"}[at != ""]
		equal(t, name, r.outcomes(), []string{"S77 1 FAILED " + code})
		if a.follow(2 * time.Hour); r.Holding(alertWaits) != 0 {
			t.Errorf("%s: %d alerts hold, and nothing waits", name, r.Holding(alertWaits))
		}
	}
}

// An alert about one SKU ends when its update has an outcome, whoever owns the unit then.
func TestAnAlertAboutASKUEndsWithItsUpdate(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	a := newAmazonOf(r)
	a.answers[model.PatchListingsItem] = func(machine.Call) machine.Outcome { return machine.Done{Response: "what cannot be read"} }
	r.Follow(0, r.Take(updateOf("S", 1, r.Now)), a.answer)
	a.follow(20 * time.Minute)
	if len(r.alerts) != 1 || r.alerts[0].EventType != alertWaits || r.alerts[0].Subject != "S" {
		t.Fatalf("%+v", r.alerts)
	}
	r.Restart()
	if a.follow(20 * time.Minute); r.Holding(alertWaits) != 1 {
		t.Errorf("%d alerts hold while it fails", r.Holding(alertWaits))
	}
	delete(a.answers, model.PatchListingsItem)
	a.follow(2 * time.Hour)
	equal(t, "outcomes", r.outcomes(), []string{"S 1 APPLIED"})
	if r.Holding(alertWaits) != 0 {
		t.Error("the alert holds, and nothing waits")
	}
}

// It ends as well when Amazon has taken a quantity though something newer waits, when a version
// without ends has finished the SKU, and when another SKU's takes its place a day later. The end
// of another channel's quantity is none of it.
func TestHowAnAlertAboutASKUEnds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		then func(r *runtime, a *amazonOf)
		hold int
	}{
		"taken": {func(r *runtime, _ *amazonOf) {
			call := r.until(model.PatchListingsItem, time.Hour)
			r.Take(updateOf("S", 2, r.Now))
			r.End(call, accepted())
		}, 0},
		"finished by a version without ends": {func(r *runtime, a *amazonOf) {
			if err := r.Store.Put(skuKey(testAccount, "", "S"), nil); err != nil {
				r.T.Fatal(err)
			}
			r.Restart()
			a.follow(time.Minute)
		}, 0},
		"another channel's quantity is at Amazon": {func(r *runtime, a *amazonOf) {
			failing := a.answers[model.PatchListingsItem]
			a.answers[model.PatchListingsItem] = func(call machine.Call) machine.Outcome {
				if call.Request.(*model.PatchQuantityRequest).FulfillmentChannelCode == "MLI" {
					return nil
				}
				return failing(call)
			}
			r.Follow(0, r.Take(updateOf("S", 2, r.Now), inChannel("MLI", "S", 3)), a.answer)
			a.follow(time.Minute)
			if len(r.outcomes()) != 2 {
				r.T.Errorf("%v", r.outcomes())
			}
		}, 1},
		"another SKU fails the next day": {func(r *runtime, a *amazonOf) {
			a.follow(alertPause - time.Hour)
			r.Follow(0, r.Take(updateOf("S", 2, r.Now), updateOf("T", 2, r.Now)), a.answer)
			a.follow(2 * time.Hour)
			if n := r.alertsOf(alertWaits); n != 2 {
				r.T.Errorf("told %d times", n)
			}
		}, 1},
	} {
		r := newRuntime(t, Config{Patience: 48 * time.Hour})
		a := newAmazonOf(r)
		a.answers[model.PatchListingsItem] = func(machine.Call) machine.Outcome { return machine.Done{Response: "what cannot be read"} }
		r.Follow(0, r.Take(updateOf("S", 1, r.Now)), a.answer)
		a.follow(20 * time.Minute)
		held := r.Holding(alertWaits)
		if test.then(r, a); held != 1 || r.Holding(alertWaits) != test.hold {
			t.Errorf("%s: %d alerts held before, %d hold, want %d: %v", name, held, r.Holding(alertWaits), test.hold, r.outcomes())
		}
	}
}

// What Amazon answers about one SKU costs the others nothing: their outcomes come
// at the same times as without it, and no account is parked.
func TestOneSKUsAnswersSlowNoOther(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	run := func(odd machine.Outcome) (times []time.Duration, results []*schemas.InventoryResult, calls int) {
		r := newRuntime(t, Config{})
		a := newAmazonOf(r)
		a.answers[model.PatchListingsItem] = func(call machine.Call) machine.Outcome {
			if req := call.Request.(*model.PatchQuantityRequest); req.SKU == "/" {
				calls++
				return odd
			}
			return nil
		}
		next := 0
		for r.Now.Before(testStart.Add(day)) {
			if odd != nil { // it changes now and then, too
				r.Follow(0, r.Take(updateOf("/", next, r.Now)), a.answer)
			}
			for range 3 {
				next++
				u := updateOf(fmt.Sprint("G", next%50), next, r.Now)
				u.Urgent = next%2 == 0
				before := r.Now
				seen := len(r.results)
				r.Follow(0, r.Take(u), a.answer)
				for left := 300; left > 0; left-- {
					a.follow(time.Second)
					if slices.ContainsFunc(r.results[seen:], func(o *schemas.InventoryResult) bool { return o.UpdateID == u.UpdateID }) {
						break
					}
				}
				times = append(times, r.Now.Sub(before))
			}
			a.follow(30 * time.Minute)
		}
		a.follow(8 * time.Hour)
		if r.Machine.Pending() != 0 {
			t.Errorf("%T: %d pending", odd, r.Machine.Pending())
		}
		if r.alertsOf("AccountParked") > 0 {
			t.Errorf("%T: alerts %+v", odd, r.alerts)
		}
		for _, o := range r.results {
			if o.SKU == "/" {
				results = append(results, o)
			}
		}
		return times, results, calls
	}
	alone, _, _ := run(nil)
	invalid := &model.ListingsItemSubmission{Status: model.SubmissionInvalid, Issues: []model.ListingIssue{{Code: "99022", Severity: feedlane.SeverityError}}}
	for name, odd := range map[string]machine.Outcome{
		"403":     machine.Reject{Err: &model.Error{Class: model.Forbidden, Status: 403}},
		"400":     refusedWith(model.Invalid, "InvalidInput"),
		"404":     machine.Reject{Err: &model.Error{Class: model.NotFound, Status: 404}},
		"INVALID": machine.Done{Response: invalid},
		"5xx":     machine.Ambiguous{},
	} {
		times, results, calls := run(odd)
		for i := range times {
			if times[i] > alone[i]+time.Second {
				t.Errorf("%s: update %d took %v, and %v without the SKU", name, i, times[i], alone[i])
			}
		}
		ids := map[string]bool{}
		for _, o := range results {
			if ids[o.EventID] {
				t.Errorf("%s: two outcomes of %s", name, o.UpdateID)
			}
			ids[o.EventID] = true
		}
		// Half an hour lies between its updates.
		if len(results) != len(times)/3 || calls > 3*len(results)*(1+maxDoubts) {
			t.Errorf("%s: %d outcomes of %d updates of the SKU, %d patches of it", name, len(results), len(times)/3, calls)
		}
	}
}
