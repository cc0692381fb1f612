package lane

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func newLanes(limit quota.Limit) *Lanes {
	return New("op", func(string, string) quota.Limit { return limit })
}

// draw is the keys that Draw starts.
func draw(s *Lanes, now time.Time) []string {
	var keys []string
	s.Draw(&machine.Tx{Now: now}, func(item *Item) { keys = append(keys, item.Key) })
	return keys
}

// finish ends a call of item and returns what must be committed with that.
func finish(s *Lanes, account string, item *Item, outcome machine.Outcome, now time.Time) map[string]any {
	tx := machine.Tx{Now: now}
	s.Finish(&tx, account, item, &machine.Result{Outcome: outcome})
	return tx.State
}

func TestDrawsInOrderOfTimeAndWithinQuota(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 1, Burst: 4})
	items := make([]*Item, 6)
	for i, after := range []int{3, 0, 2, 1, 0, 60} {
		items[i] = &Item{Key: fmt.Sprint(i)}
		s.Add("a", items[i], start.Add(time.Duration(after)*time.Millisecond))
	}
	s.Add("b", &Item{Key: "b"}, start)
	now := start.Add(10 * time.Millisecond)
	if got := draw(s, now); !slices.Equal(got, []string{"1", "4", "3", "b"}) {
		t.Fatalf("drew %v", got)
	}
	if s.Pending() != 7 {
		t.Fatalf("%d pending: what is in flight counts", s.Pending())
	}
	finish(s, "a", items[1], machine.Done{}, now)
	if got := draw(s, now); len(got) != 0 {
		t.Fatalf("drew %v without a token", got)
	}
	if wake := s.Wake(); wake.Sub(now) > time.Second+time.Millisecond || wake.Sub(now) < time.Second {
		t.Fatalf("wants to wake after %v, want the next token's second", wake.Sub(now))
	}
	if got := draw(s, s.Wake()); !slices.Equal(got, []string{"2"}) {
		t.Fatalf("drew %v", got)
	}
}

func TestStartOfTheBucket(t *testing.T) {
	t.Parallel()
	limit := quota.Limit{Rate: 1, Burst: 10}
	for _, test := range []struct {
		name    string
		restore func(*Lanes)
		want    int
	}{
		{"never seen", func(*Lanes) {}, 9},
		{"seen, without a checkpoint", func(s *Lanes) { s.Known("a") }, 0},
		{"with a checkpoint", func(s *Lanes) {
			s.Known("a")
			s.Restore(&schemas.QuotaState{Account: "a", Operation: "op", Tokens: 2, Rate: 1, Time: start})
		}, 2},
	} {
		s := newLanes(limit)
		test.restore(s)
		for i := range 20 {
			s.Add("a", &Item{Key: fmt.Sprint(i)}, start)
		}
		if got := draw(s, start); len(got) != test.want {
			t.Errorf("%s: drew %d, want %d", test.name, len(got), test.want)
		}
	}
}

func TestWhatAResultDoesToItsLane(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		outcome    machine.Outcome
		next       time.Duration // after which the next item is drawn
		checkpoint bool
	}{
		{"done", machine.Done{}, 0, false},
		{"reject", machine.Reject{}, 0, false},
		{"retry", machine.Retry{}, 0, false},
		{"snooze", machine.Snooze{For: time.Minute}, time.Minute, false},
		{"throttled", machine.Snooze{Throttled: true}, 2 * time.Second, true}, // at half the rate
		{"park", machine.Park{}, probeBase, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newLanes(quota.Limit{Rate: 1, Burst: 10})
			first, second := &Item{Key: "1"}, &Item{Key: "2"}
			s.Add("a", first, start)
			draw(s, start)
			s.Add("a", second, start)
			checkpoints := finish(s, "a", first, test.outcome, start)
			if (checkpoints["quota/a/op"] != nil) != test.checkpoint {
				t.Fatalf("checkpoints %v", checkpoints)
			}
			if test.next > 0 {
				if got := draw(s, start.Add(test.next-time.Millisecond)); len(got) != 0 {
					t.Fatalf("drew %v too early", got)
				}
			}
			if got := draw(s, start.Add(test.next+time.Millisecond)); !slices.Equal(got, []string{"2"}) {
				t.Fatalf("drew %v after %v", got, test.next)
			}
		})
	}
}

func TestAnAnswerToAnotherCallEndsThePark(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 1, Burst: 10})
	refused, answered, waiting := &Item{Key: "0"}, &Item{Key: "1"}, &Item{Key: "2"}
	s.Add("a", refused, start)
	s.Add("a", answered, start)
	if got := draw(s, start); len(got) != 2 {
		t.Fatalf("drew %v", got)
	}
	s.Add("a", waiting, start)
	finish(s, "a", refused, machine.Park{}, start)
	if got := draw(s, start.Add(time.Second)); len(got) != 0 {
		t.Fatalf("drew %v from a parked lane", got)
	}
	finish(s, "a", answered, machine.Done{}, start.Add(time.Second))
	if got := draw(s, start.Add(time.Second)); !slices.Equal(got, []string{"2"}) {
		t.Fatalf("drew %v after an answer", got)
	}
}

func TestAParkedLaneProbesWithOneCall(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 1, Burst: 10})
	items := map[string]*Item{}
	for i := range 5 {
		item := &Item{Key: fmt.Sprint(i)}
		items[item.Key] = item
		s.Add("a", item, start)
	}
	now := start
	end := func(key string, outcome machine.Outcome) {
		finish(s, "a", items[key], outcome, now)
		s.Add("a", items[key], now)
	}
	for _, key := range draw(s, now) {
		end(key, machine.Park{})
	}
	draw(s, now)
	now = s.Wake()
	if got := draw(s, now); now.Sub(start) != ProbeAfter || len(got) != 1 {
		t.Fatalf("drew %v after %v, want one probe", got, now.Sub(start))
	}
	if got := draw(s, now.Add(time.Hour)); len(got) != 0 {
		t.Fatalf("drew %v while the probe is in flight", got)
	}
	end("0", machine.Park{})
	draw(s, now)
	now = s.Wake()
	if got := draw(s, now); now.Sub(start) != 2*ProbeAfter || len(got) != 1 {
		t.Fatalf("drew %v after %v, want the next probe", got, now.Sub(start))
	}
	end("1", machine.Done{})
	if got := draw(s, now); len(got) != 5 {
		t.Fatalf("drew %v after a good answer, want all", got)
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	const base, limit = 2 * time.Second, time.Minute
	property.Check(t, func(t *rapid.T) {
		key := rapid.String().Draw(t, "key")
		attempt := rapid.OneOf(rapid.IntRange(1, 1000), rapid.Int()).Draw(t, "attempt")
		wait := Backoff(key, attempt, base, limit)
		full := limit
		if attempt < 6 {
			full = min(limit, base<<(max(attempt, 1)-1))
		}
		if wait > full || wait <= full/2-1 {
			t.Fatalf("attempt %d waits %v of %v", attempt, wait, full)
		}
		if again := Backoff(key, attempt, base, limit); again != wait {
			t.Fatalf("the same try waits %v and %v", wait, again)
		}
	})
	// The jitter spreads neighbours.
	var early int
	for i := range 1000 {
		if Backoff(fmt.Sprintf("order/a/%07d", i), 1, time.Second, time.Minute) < 750*time.Millisecond {
			early++
		}
	}
	if early < 400 || early > 600 {
		t.Fatalf("%d of 1000 neighbours wait less than the middle", early)
	}
}

// TestQueueIsAPriorityQueue compares with a sorted slice.
func TestQueueIsAPriorityQueue(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		var q Queue
		items := make([]*Item, 20)
		due := map[*Item]time.Time{}
		for i := range items {
			items[i] = &Item{Key: fmt.Sprint(i)}
		}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			item := rapid.SampledFrom(items).Draw(t, "item")
			at := start.Add(time.Duration(rapid.IntRange(0, 9).Draw(t, "at")) * time.Second)
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				q.Remove(item)
				delete(due, item)
			case 1:
				got, want := q.Pop(at), first(due, at)
				if got != want {
					t.Fatalf("popped %v, want %v", got, want)
				}
				delete(due, got)
			default:
				q.Add(item, at)
				due[item] = at
			}
			if _, waits := due[item]; q.Len() != len(due) || item.Queued() != waits {
				t.Fatalf("%d queued, want %d", q.Len(), len(due))
			}
		}
	})
}

func first(due map[*Item]time.Time, now time.Time) *Item {
	var best *Item
	for item, at := range due {
		if at.After(now) {
			continue
		}
		if best == nil || at.Before(due[best]) || at.Equal(due[best]) && item.Key < best.Key {
			best = item
		}
	}
	return best
}

// TestNothingIsForgotten draws until all is done, waking only when asked to.
func TestNothingIsForgotten(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		s := newLanes(quota.Limit{Rate: 5, Burst: 5})
		now := start
		left := map[string]*Item{}
		account := func(key string) string { return "account-" + key[:1] }
		for i := range rapid.IntRange(1, 60).Draw(t, "items") {
			item := &Item{Key: fmt.Sprint(i)}
			left[item.Key] = item
			s.Add(account(item.Key), item, now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "due"))*time.Second))
		}
		for range 100_000 {
			for _, key := range draw(s, now) {
				item := left[key]
				outcome := rapid.SampledFrom([]machine.Outcome{
					machine.Done{}, machine.Done{}, machine.Retry{}, machine.Snooze{For: time.Second},
					machine.Snooze{Throttled: true}, machine.Snooze{Unspent: true}, machine.Park{},
				}).Draw(t, "outcome")
				finish(s, account(key), item, outcome, now)
				if _, done := outcome.(machine.Done); done {
					delete(left, key)
					continue
				}
				if rapid.Bool().Draw(t, "low") {
					s.AddLow(account(key), item, now.Add(time.Second))
					continue
				}
				s.Add(account(key), item, now.Add(time.Second))
			}
			if len(left) == 0 {
				break
			}
			wake := s.Wake()
			if wake.IsZero() {
				t.Fatalf("%d items left and no wish to wake", len(left))
			}
			if wake.After(now) {
				now = wake
			}
		}
		if s.Pending() != 0 || len(left) != 0 {
			t.Fatalf("%d pending, %d left", s.Pending(), len(left))
		}
	})
}

// TestAParkedAccountDoesNotFillTheRoomOfOthers, but has a bound itself.
func TestAParkedAccountDoesNotFillTheRoomOfOthers(t *testing.T) {
	t.Parallel()
	s := newLanes(quota.Limit{Rate: 1, Burst: 10})
	probe := &Item{Key: "probe"}
	s.Add("parked", probe, start)
	draw(s, start)
	for i := range 100 {
		s.Add("parked", &Item{Key: fmt.Sprint(i)}, start)
		s.Add("well", &Item{Key: fmt.Sprint("well-", i)}, start)
	}
	if s.Pending() != 201 {
		t.Fatalf("%d pending", s.Pending())
	}
	if finish(s, "parked", probe, machine.Park{}, start); s.Pending() != 100 {
		t.Errorf("%d pending, want the 100 of the other account", s.Pending())
	}
	for i := range 500 {
		s.Add("parked", &Item{Key: fmt.Sprint("more-", i)}, start)
	}
	if s.Pending() != 600/apartShare {
		t.Errorf("%d pending, want a part of the 600", s.Pending())
	}
	for drawn := draw(s, start); !slices.Contains(drawn, "0"); drawn = draw(s, s.Wake()) {
	}
	if s.Pending() != 600/apartShare {
		t.Errorf("%d pending while it is tried", s.Pending())
	}
	if s.Changed(&machine.Tx{Now: start}, "parked"); s.Pending() != 600/apartShare {
		t.Errorf("%d pending before a call has shown that it is well again", s.Pending())
	}
	for item := range s.Of("parked") {
		if item.inFlight {
			probe = item
		}
	}
	if finish(s, "parked", probe, machine.Done{}, start); s.Pending() != 699 {
		t.Errorf("%d pending when it is well again", s.Pending())
	}
}
