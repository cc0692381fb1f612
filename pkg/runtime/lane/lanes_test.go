package lane

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

func TestACallThatNeverLeftCostsNoToken(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 0.01, Burst: 3})
	items := map[string]*Item{}
	for _, key := range []string{"1", "2", "3"} {
		items[key] = &Item{Key: key}
		s.Add("a", items[key], start)
	}
	if got := draw(s, start); !slices.Equal(got, []string{"1", "2"}) {
		t.Fatalf("drew %v", got)
	}
	finish(s, "a", items["1"], machine.Done{}, start)
	if got := draw(s, start); len(got) != 0 {
		t.Fatalf("drew %v, but the first call was made", got)
	}
	finish(s, "a", items["2"], machine.Snooze{Unspent: true, For: time.Second}, start)
	if got := draw(s, start.Add(time.Second)); !slices.Equal(got, []string{"3"}) {
		t.Fatalf("drew %v, but the second was not", got)
	}
}

func TestADrawTakesATokenOfEachBucketOrNone(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		plan := func(name string) quota.Limit {
			return quota.Limit{
				Rate: rapid.Float64Range(0.005, 5).Draw(t, name), Burst: rapid.IntRange(2, 15).Draw(t, name+" burst"),
			}
		}
		plans := map[string]quota.Limit{"op": plan("op"), "op/also": plan("also")}
		s := New("op", func(_, operation string) quota.Limit { return plans[operation] }, "op/also")
		for i := range 200 {
			s.Add("a", &Item{Key: fmt.Sprint(i)}, start)
		}
		now, sent := start, 0
		for range 30 {
			var flying []*Item
			tx := machine.Tx{Now: now}
			s.Draw(&tx, func(item *Item) { flying = append(flying, item) })
			if sent == 0 && (tx.State["quota/a/op"] == nil || tx.State["quota/a/op/also"] == nil) {
				t.Fatalf("checkpoints %v, want one of each bucket", tx.State)
			}
			sent += len(flying)
			for operation, plan := range plans {
				if most := float64(plan.Burst-1) + plan.Rate*now.Sub(start).Seconds(); float64(sent) > most+1e-3 {
					t.Fatalf("%d calls after %v, %s allows %v", sent, now.Sub(start), operation, most)
				}
			}
			if len(flying) == 0 {
				if next := s.Next("a", now); !next.After(now) {
					t.Fatalf("nothing drawn at %v, although Next said %v", now, next)
				}
			}
			for _, item := range flying {
				finish(s, "a", item, machine.Done{}, now)
			}
			if next := s.Next("a", now); !next.After(now) || !next.Equal(s.Wake()) && len(flying) == 0 {
				t.Fatalf("Next is %v at %v, Wake %v", next, now, s.Wake())
			}
			now = s.Next("a", now).Add(time.Duration(rapid.IntRange(0, 10_000).Draw(t, "idle")) * time.Millisecond)
		}
	})
}

func TestEachBucketHasItsOwnCheckpoint(t *testing.T) {
	t.Parallel()
	s := New(model.CreateFeed, quota.Limits(nil).Of, model.CreateListingsFeed)
	for operation, ours := range map[string]bool{model.CreateFeed: true, model.GetFeeds: false} {
		checkpoint := &schemas.QuotaState{Account: "a", Operation: operation, Tokens: 9, Rate: 0.0083, Time: start}
		if s.Restore(checkpoint) != ours {
			t.Errorf("the checkpoint of %s: want it to be taken: %v", operation, ours)
		}
	}
	for i := range 10 {
		s.Add("a", &Item{Key: fmt.Sprint(i)}, start)
	}
	if got := draw(s, start); len(got) != 0 {
		t.Fatalf("drew %v, but the second throttle's past is unknown", got)
	}
	if next := s.Next("a", start).Sub(start).Round(time.Second); next != 100*time.Second {
		t.Fatalf("the first call after %v, want the 100 s of the second throttle", next)
	}
}

func TestA429DrainsEachBucket(t *testing.T) {
	t.Parallel()
	s := New(model.CreateFeed, quota.Limits(nil).Of, model.CreateListingsFeed)
	item := &Item{Key: "1"}
	s.Add("a", item, start)
	draw(s, start)
	committed := finish(s, "a", item, machine.Snooze{Throttled: true}, start)
	for _, operation := range []string{model.CreateFeed, model.CreateListingsFeed} {
		checkpoint, _ := committed["quota/a/"+operation].(*schemas.QuotaState)
		if checkpoint == nil || checkpoint.Tokens != 0 || checkpoint.Rate != quota.Limits(nil).Of("a", operation).Rate/2 {
			t.Errorf("%s: %+v", operation, checkpoint)
		}
	}
}

func TestOnlyTheOperationsOwnBucketFollowsTheHeader(t *testing.T) {
	t.Parallel()
	s := New(model.CreateFeed, quota.Limits(nil).Of, model.CreateListingsFeed)
	item := &Item{Key: "1"}
	s.Add("a", item, start)
	draw(s, start)
	tx := machine.Tx{Now: start}
	s.Finish(&tx, "a", item, &machine.Result{Outcome: machine.Done{}, RateLimit: 0.004})
	if len(tx.State) != 1 || tx.State["quota/a/createFeed"].(*schemas.QuotaState).Rate != 0.004 {
		t.Fatalf("checkpoints %v", tx.State)
	}
}

func TestLowWorkIsDrawnWhenNoOtherIsDue(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		s := newLanes(quota.Limit{Rate: 1, Burst: 4})
		now := start
		due := map[string]time.Time{} // of what is not low
		uncounted := map[string]bool{}
		items := map[string]*Item{}
		for i := range rapid.IntRange(1, 40).Draw(t, "items") {
			item := &Item{Key: fmt.Sprint(i)}
			items[item.Key] = item
			at := now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "due")) * time.Second)
			s.AddLow("a", item, at)
			if uncounted[item.Key] = rapid.Bool().Draw(t, "uncounted"); uncounted[item.Key] {
				s.AddTurn("a", item, Turn{Due: at, Class: 1, By: at, Uncounted: true})
			}
			if rapid.Bool().Draw(t, "live") {
				s.Add("a", item, at)
				due[item.Key] = at
				delete(uncounted, item.Key)
			}
			if rapid.IntRange(0, 9).Draw(t, "remove") == 0 {
				s.Remove("a", item)
				delete(due, item.Key)
				delete(items, item.Key)
			}
		}
		for len(items) > 0 {
			counted := 0
			for key := range items {
				if !uncounted[key] {
					counted++
				}
			}
			if s.Pending() != counted || s.PendingOf("a") != len(items) {
				t.Fatalf("%d pending, of %d, want %d of %d", s.Pending(), s.PendingOf("a"), counted, len(items))
			}
			for _, key := range draw(s, now) {
				if _, live := due[key]; !live {
					for other, at := range due {
						if !at.After(now) {
							t.Fatalf("drew %s while %s was due", key, other)
						}
					}
				}
				finish(s, "a", items[key], machine.Done{}, now)
				delete(due, key)
				delete(items, key)
			}
			if wake := s.Wake(); wake.After(now) {
				now = wake
			}
		}
	})
}

// TestAShorterSnoozeDoesNotShortenTheHold: of two calls under way the one that ends
// last does not say how long the account waits.
func TestAShorterSnoozeDoesNotShortenTheHold(t *testing.T) {
	t.Parallel()
	for _, waits := range [][]time.Duration{{time.Hour, time.Minute}, {time.Minute, time.Hour}, {time.Hour, 0}} {
		s := newLanes(quota.Limit{Rate: 1, Burst: 10})
		items := []*Item{{Key: "1"}, {Key: "2"}}
		for _, item := range items {
			s.Add("a", item, start)
		}
		if drawn := draw(s, start); len(drawn) != 2 {
			t.Fatalf("drew %v", drawn)
		}
		for i, item := range items {
			finish(s, "a", item, machine.Snooze{For: waits[i], Unspent: true}, start)
		}
		s.Add("a", items[0], start)
		if drawn := draw(s, start.Add(time.Hour-time.Millisecond)); len(drawn) > 0 {
			t.Errorf("%v: drew %v within the hour", waits, drawn)
		}
		if drawn := draw(s, start.Add(time.Hour)); len(drawn) != 1 {
			t.Errorf("%v: drew %v after the hour", waits, drawn)
		}
	}
}

func TestNextMindsHoldAndPark(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		outcome machine.Outcome
		want    time.Duration
	}{
		{machine.Done{}, 0},
		{machine.Snooze{For: time.Minute, Unspent: true}, time.Minute},
		{machine.Park{}, probeBase},
	} {
		s := newLanes(quota.Limit{Rate: 1, Burst: 4})
		if next := s.Next("a", start); !next.Equal(start) {
			t.Fatalf("Next of an account never seen is %v", next)
		}
		item := &Item{Key: "1"}
		s.Add("a", item, start)
		draw(s, start)
		finish(s, "a", item, test.outcome, start)
		if got := s.Next("a", start).Sub(start); got != test.want {
			t.Errorf("after %T the next call is in %v, want %v", test.outcome, got, test.want)
		}
	}
}

func TestAChangedAccountGoesOnAtOnceByItsNewPlan(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]machine.Outcome{
		"parked": machine.Park{}, "held": machine.Snooze{For: time.Hour, Unspent: true},
	} {
		plan := quota.Limit{Rate: 0.001, Burst: 3}
		s := New("op", func(string, string) quota.Limit { return plan })
		first := &Item{Key: "1"}
		s.Add("a", first, start)
		draw(s, start)
		s.Add("a", &Item{Key: "2"}, start)
		finish(s, "a", first, outcome, start)
		if got := draw(s, start.Add(time.Second)); len(got) != 0 {
			t.Fatalf("%s: drew %v", name, got)
		}
		plan = quota.Limit{Rate: 1, Burst: 30}
		now := start.Add(time.Second)
		tx := machine.Tx{Now: now}
		s.Changed(&tx, "a")
		s.Changed(&tx, "nobody")
		checkpoint, ok := tx.State["quota/a/op"].(*schemas.QuotaState)
		if !ok || checkpoint.Rate != 1 {
			t.Errorf("%s: checkpoint %+v", name, tx.State)
		}
		if got := draw(s, now); !slices.Equal(got, []string{"2"}) {
			t.Errorf("%s: drew %v although the account has changed", name, got)
		}
	}
}

func TestWorkThatWaitsByItselfDoesNotHoldItsLane(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 1, Burst: 2})
	items := map[string]*Item{"1": {Key: "1"}, "2": {Key: "2"}}
	s.Add("a", items["1"], start)
	s.Add("a", items["2"], start)
	for _, key := range []string{"1", "2"} { // 1 is added where it was, and 2 comes all the same
		if got := draw(s, start); !slices.Equal(got, []string{key}) {
			t.Fatalf("drew %v, want %s", got, key)
		}
		finish(s, "a", items[key], machine.Snooze{Own: true, Unspent: true, For: time.Hour}, start)
		s.Add("a", items[key], start)
	}
	if got := draw(s, start.Add(time.Hour-1)); len(got) != 0 {
		t.Fatalf("drew %v before its time", got)
	}
	if got := draw(s, start.Add(time.Hour)); !slices.Equal(got, []string{"1"}) {
		t.Fatalf("drew %v", got)
	}
	finish(s, "a", items["1"], machine.Done{}, start.Add(time.Hour))
	s.Add("a", items["1"], start)
	if got := draw(s, start.Add(2*time.Hour)); !slices.Contains(got, "1") && !slices.Contains(got, "2") {
		t.Fatalf("drew %v", got)
	}
}

// What goes along with a call costs no token, leaves its queue in the order of the turns, and
// is what fits, of the account, and due.
func TestWhatGoesAlong(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 0.01, Burst: 3})
	add := func(account, key string, turn Turn) { s.AddTurn(account, &Item{Key: key}, turn) }
	for i, key := range []string{"lead", "first", "odd", "second"} {
		by := start.Add(time.Duration(i) * time.Second)
		add("a", key, Turn{Due: start, By: by})
	}
	add("a", "low", Turn{Due: start, By: start.Add(-time.Hour), Class: 1})
	add("a", "later", Turn{Due: start.Add(time.Hour), By: start})
	add("b", "another's", Turn{Due: start, By: start})
	var along []string
	calls := 0
	tx := machine.Tx{Now: start}
	s.Draw(&tx, func(item *Item) {
		calls++
		for _, other := range s.Along("a", start, 3, func(i *Item) bool { return i.Key != "odd" }) {
			if other.Queued() || other.InFlight() {
				t.Errorf("%s is not idle", other.Key)
			}
			along = append(along, item.Key+" "+other.Key)
		}
	})
	if want := []string{"lead first", "lead second", "lead low"}; !slices.Equal(along, want) {
		t.Errorf("along went %v, want %v", along, want)
	}
	// Two calls of a: the lead and the odd one; one of b; and what is not due.
	if calls != 3 || s.Pending() != 4 {
		t.Errorf("%d calls, %d pending", calls, s.Pending())
	}
	if none := s.Along("a", start, 3, func(*Item) bool { return true }); len(none) != 0 {
		t.Errorf("%d more go along", len(none))
	}
}
