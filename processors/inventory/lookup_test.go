package inventory

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
)

// unlistable are ways in which getFeeds tells nothing, for ever: page is how many pages
// it has given so far.
func unlistable() map[string]func(page int) machine.Outcome {
	pages := func(token func(page int) string) func(int) machine.Outcome {
		return func(page int) machine.Outcome {
			var feeds []model.Feed
			for i := range pageSize {
				feeds = append(feeds, amazonFeed(fmt.Sprint("old-", page, "-", i), model.FeedDone, testStart.Add(-time.Hour)))
			}
			return machine.Done{Response: feedsPage(token(page), feeds...)}
		}
	}
	return map[string]func(int) machine.Outcome{
		"the same token":     pages(func(int) string { return "again" }),
		"two tokens in turn": pages(func(page int) string { return fmt.Sprint(page % 2) }),
		"other tokens":       pages(func(page int) string { return fmt.Sprint(page) }),
		"refused":            func(int) machine.Outcome { return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}} },
		"fails":              func(int) machine.Outcome { return machine.Retry{Err: errors.New("500")} },
		"another's answer":   func(int) machine.Outcome { return machine.Done{Response: &model.CreateFeedResponse{}} },
	}
}

// TestADoubtEndsWithoutAList: a createFeed whose answer was lost does not wait for ever
// for a list of feeds that has no end, or never comes. Its quantities are sent again, one
// alert says so, and only feeds that may be ours are kept from the list. It had stood for 48
// hours with 300 updates.
func TestADoubtEndsWithoutAList(t *testing.T) {
	t.Parallel()
	for name, list := range unlistable() {
		for _, restarts := range []bool{false, true} {
			r := newRuntime(t, feedsOnly())
			a := newAmazonOf(r)
			page, looks, kept := 0, 0, 0
			a.answers[model.GetFeeds] = func(call machine.Call) machine.Outcome {
				page++
				if call.Request.(*model.GetFeedsRequest).NextToken == "" {
					looks++
				}
				kept = max(kept, r.Machine.feeds.All()[call.Key].Found())
				return list(page)
			}
			r.Take(many("S", 300, testStart)...)
			r.End(r.cutFeed("d1"), machine.Ambiguous{})
			began := r.Now
			rounds, most := 11, 45*time.Minute
			if restarts { // each owner may come to see no list to its end, nor several to fail
				rounds, most = 95, r.Machine.cfg.Patience+10*time.Minute
			}
			for range rounds {
				a.follow(4 * time.Minute)
				if restarts {
					r.Restart()
				}
			}
			if len(r.results) != 300 {
				t.Fatalf("%s, restarts %v: %d of 300 outcomes, the lane is %+v", name, restarts, len(r.results), r.lane(germany))
			}
			if took := r.results[299].DecidedTime.Sub(began); took > most {
				t.Errorf("%s, restarts %v: the last outcome came after %v", name, restarts, took)
			}
			if r.alertsOf(feedlane.AlertUnclear) != 1 || r.lane(germany).AuditSince.IsZero() {
				t.Errorf("%s, restarts %v: %d alerts, %+v", name, restarts, r.alertsOf(feedlane.AlertUnclear), r.lane(germany))
			}
			for hour := range 30 {
				r.Follow(0, r.Take(updateOf("S0", hour, r.Now)), a.answer)
				a.follow(time.Hour)
			}
			if n := r.Holding(feedlane.AlertUnclear); n != 0 {
				t.Errorf("%s, restarts %v: %d alerts hold after the audit", name, restarts, n)
			}
			if since := r.lane(germany).AuditSince; !since.IsZero() || kept > 0 || page > looks*maxPages || len(r.results) != 330 {
				t.Errorf("%s, restarts %v: %d feeds kept, %d pages in %d looks, %d outcomes, an audit since %v", name, restarts, kept, page, looks, len(r.results), since)
			}
		}
	}
}

// TestAParkedLaneEndsWithoutAList, after Patience.
func TestAParkedLaneEndsWithoutAList(t *testing.T) {
	t.Parallel()
	for name, list := range unlistable() {
		r := lost(t, false)
		a := newAmazonOf(r)
		found := []model.Feed{amazonFeed("1", model.FeedInProgress, r.Now), amazonFeed("2", model.FeedInProgress, r.Now)}
		calls := r.Done(r.only(r.Pass(time.Second), model.GetFeeds), feedsPage("", found...))
		page, failing := 0, machine.Ambiguous{}
		a.answers[model.PatchListingsItem] = func(machine.Call) machine.Outcome { return failing }
		a.answers[model.GetFeeds] = func(machine.Call) machine.Outcome { page++; return list(page) }
		r.Follow(0, calls, a.answer)
		a.follow(r.Machine.cfg.Patience - time.Hour)
		equal(t, name, r.outcomes(), nil)
		a.follow(2 * time.Hour)
		equal(t, name, r.outcomes(), []string{"A 1 APPLIED"})
		if r.alertsOf(feedlane.AlertUnclear) != 2 {
			t.Errorf("%s: %d alerts", name, r.alertsOf(feedlane.AlertUnclear))
		}
		if n := r.Holding(feedlane.AlertUnclear); n != 1 {
			t.Errorf("%s: %d alerts hold, want the second until the list is read", name, n)
		}
		r.Restart()
		a.follow(24 * time.Hour) // in which no feed is sent
		if n := r.Holding(feedlane.AlertUnclear); n != 0 || !r.lane(germany).AuditSince.IsZero() {
			t.Errorf("%s: %d alerts hold after the day, the lane is %+v", name, n, r.lane(germany))
		}
	}
}
