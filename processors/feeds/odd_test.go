package feeds

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Whatever Amazon answers about one feed, for good: that feed ends within a day,
// once, after a bounded number of calls, and the account's others do not notice.
func TestOddAnswersAboutOneFeedCostThatFeed(t *testing.T) {
	t.Parallel()
	refusal := func(class model.Class, status int) error { return &model.Error{Class: class, Status: status} }
	for name, odd := range map[string]machine.Outcome{
		"cannot be read":         machine.Retry{Err: errors.New("the answer is not what the model says")},
		"cannot be read, refuse": machine.Reject{Err: errors.New("the answer is not what the model says")},
		"nothing in it":          machine.Done{},
		"another feed":           machine.Done{Response: &model.Feed{FeedID: "other", ProcessingStatus: model.FeedDone}},
		"400":                    machine.Reject{Err: refusal(model.Invalid, 400)},
		"403":                    machine.Reject{Err: refusal(model.Forbidden, 403)},
		"404":                    machine.Reject{Err: refusal(model.NotFound, 404)},
		"5xx":                    machine.Retry{Err: refusal(model.Unavailable, 500)},
	} {
		for _, operation := range Operations() {
			r, a := newRuntime(t), newAmazon()
			_, bad := a.submit("bad", r.Now, time.Minute)
			calls := 0
			answer := func(call machine.Call) machine.Outcome {
				if call.Operation == operation && call.Key == feedKey(testAccount, "bad") {
					calls++
					return odd
				}
				return a.answer(call, r.Now)
			}
			r.Follow(time.Minute, r.Take(bad), answer)
			late := 0
			for i := range 20 {
				f, submission := a.submit(fmt.Sprint(i), r.Now, time.Minute)
				r.Follow(61*time.Second, r.Take(submission), answer)
				before := len(r.results)
				if r.Follow(time.Minute, r.Take(f.notification()), answer); len(r.results) == before {
					late++
				}
			}
			if late > 1 { // one answer of getFeedDocument costs a token of 45 s
				t.Errorf("%s to %s: %d of 20 other feeds ended late", name, operation, late)
			}
			r.Follow(unansweredShare*defaultPatience+time.Hour, nil, answer)
			ends := 0
			for _, result := range r.results {
				if result.FeedID == "bad" && result.EventType == eventCompleted {
					ends++
				}
			}
			if ends != 1 || calls < minTries || calls > 400 || r.Machine.Pending() != 0 {
				t.Errorf("%s to %s: %d ends after %d calls, %d pending", name, operation, ends, calls, r.Machine.Pending())
			}
		}
	}
}

// Reports that cannot be fetched raise an alert after ten minutes, once for all of an account
// and whoever owns the unit, and none that comes by then. It had been silent for 6 hours.
func TestAReportThatCannotBeHadIsToldOf(t *testing.T) {
	t.Parallel()
	for name, odd := range map[string]machine.Outcome{
		"fails":            machine.Retry{Err: errors.New("the download broke off")},
		"refused":          machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}},
		"another's answer": machine.Done{Response: &model.Feed{}},
	} {
		for _, heals := range []bool{false, true} {
			r, a := newRuntime(t), newAmazon()
			trouble := true
			answer := func(call machine.Call) machine.Outcome {
				if trouble && call.Operation == model.GetFeedDocument {
					return odd
				}
				return a.answer(call, r.Now)
			}
			feeds, until := 10, 8*time.Minute
			if heals { // ten would wait for tokens, which the tries have cost
				feeds, until = 1, 4*time.Minute
			}
			for i := range feeds {
				_, submission := a.submit(fmt.Sprint(i), r.Now, time.Minute)
				r.Follow(0, r.Take(submission), answer)
			}
			r.Follow(until, nil, answer)
			trouble = !heals
			for range 5 {
				r.Follow(4*time.Minute, nil, answer)
				r.Restart()
			}
			want := 1
			if heals {
				want = 0
			}
			if len(r.alerts) != want || want > 0 && (r.alerts[0].EventType != alertReport || r.alerts[0].Severity != warning) {
				t.Errorf("%s, heals %v: alerts %+v", name, heals, r.alerts)
			}
			for _, alert := range r.alerts {
				if after := alert.Since.Sub(testStart); after > 5*time.Minute {
					t.Errorf("%s: it fails since %v after the start", name, after)
				}
			}
		}
	}
}
