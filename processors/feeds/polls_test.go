package feeds

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestGetFeedCallsPerFeed measures what following a feed of 30 to 60 s costs:
// at most 1.5 getFeed calls with notifications (some are lost and most come more
// than once), and at most 8 without. (A fixed poll of 10 s makes 3 to 24.)
func TestGetFeedCallsPerFeed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		lost  float64 // share of feeds whose notifications are lost
		limit float64 // calls per feed
		delay time.Duration
	}{
		{"all notified", 0, 1.5, 10 * time.Second},
		{"5 % lost", 0.05, 1.5, 30 * time.Second},
		{"20 % lost", 0.2, 1.5, time.Minute},
		{"none notified", 1, 8, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			calls, delays := watch(t, test.lost)
			mean := 0.0
			for _, d := range delays {
				mean += d.Seconds() / float64(len(delays))
			}
			p50, p95 := delays[len(delays)/2], delays[len(delays)*95/100]
			t.Logf("%.2f getFeed calls per feed; the end is known after %.1f s on average, %v at p50, %v at p95",
				calls, mean, p50.Round(time.Second), p95.Round(time.Second))
			if calls > test.limit {
				t.Errorf("%.2f getFeed calls per feed, want at most %.1f", calls, test.limit)
			}
			if mean > test.delay.Seconds() {
				t.Errorf("the end is known after %.1f s, want at most %v", mean, test.delay)
			}
		})
	}
}

// watch follows 50 feeds of each of 10 accounts, whose first feed is new to the
// machine, and returns the calls per feed and how late the ends were known.
func watch(t *testing.T, lost float64) (calls float64, delays []time.Duration) {
	r, a := newRuntime(t), newAmazon()
	random := rand.New(rand.NewPCG(1, 2))
	var todo agenda
	for i := range 10 {
		for j := range 50 {
			f := &amazonFeed{
				account: fmt.Sprint("shop-", i), id: fmt.Sprint(j), status: model.FeedDone, document: fmt.Sprintf("%d-%d", i, j),
				created: testStart.Add(time.Duration(j)*5*time.Minute + time.Duration(i)*time.Second),
			}
			f.end = f.created.Add(30*time.Second + time.Duration(random.IntN(30_000))*time.Millisecond)
			a.feeds[f.account+"/"+f.id] = f
			todo.add(f.created, f.submission(), nil)
			if random.Float64() >= lost {
				for range 1 + random.IntN(3) {
					todo.add(f.end.Add(time.Duration(500+random.IntN(5000))*time.Millisecond), f.notification(), nil)
				}
			}
		}
	}
	for len(todo) > 0 || r.Machine.Pending() > 0 {
		if next := r.Wake; len(todo) > 0 && (next.IsZero() || todo[0].at.Before(next)) {
			r.Now = todo[0].at
		} else if next.After(r.Now) {
			r.Now = next
		}
		var records []any
		var results []machine.Result
		for len(todo) > 0 && !todo[0].at.After(r.Now) {
			due := todo[0]
			todo = todo[1:]
			switch {
			case due.call == nil:
				records = append(records, due.record)
			case !a.Admit(due.call.Account, r.Now, due.call.Operation):
				t.Fatal("Amazon answered 429")
			default:
				results = append(results, machine.Result{Call: *due.call, Outcome: a.answer(*due.call, r.Now)})
			}
		}
		for _, call := range r.Tick(r.Records(records...), results...) {
			todo.add(r.Now.Add(200*time.Millisecond), nil, &call)
		}
	}
	total := 0
	for _, call := range r.Started {
		if call.Operation == model.GetFeed {
			total++
		}
	}
	for _, result := range r.results {
		delays = append(delays, result.DetectedTime.Sub(result.ProcessingEndTime))
	}
	if len(delays) != len(a.feeds) {
		t.Fatalf("%d of %d feeds ended", len(delays), len(a.feeds))
	}
	slices.Sort(delays)
	return float64(total) / float64(len(a.feeds)), delays
}

// agenda is what happens, in the order of its time.
type agenda []entry

type entry struct {
	at     time.Time
	record any           // a record that arrives
	call   *machine.Call // or a call that is answered
}

func (a *agenda) add(at time.Time, record any, call *machine.Call) {
	later := func(e entry) bool { return e.at.After(at) }
	i := slices.IndexFunc(*a, later)
	if i < 0 {
		i = len(*a)
	}
	*a = slices.Insert(*a, i, entry{at, record, call})
}

// Without notifications polling is close at first and slower after, and never
// stops.
func TestPollsSlowDown(t *testing.T) {
	t.Parallel()
	pace := &schemas.FeedPace{NotifiedShare: 0.1, Samples: 1, ExpectedSeconds: 45}
	f := newFeed("feed/acme-eu/1", &schemas.FeedState{Phase: running, SubmittedTime: testStart})
	now := testStart
	for now.Before(testStart.Add(48 * time.Hour)) {
		next := nextPoll(f, pace, now)
		wait, elapsed := next.Sub(now), now.Sub(testStart)
		limit := 5 * time.Minute
		switch {
		case f.Polls == 0:
			limit = 45 * time.Second
		case elapsed < 5*time.Minute:
			limit = 30 * time.Second
		}
		if wait < 5*time.Second || wait > limit {
			t.Fatalf("poll %d, %v after the submission, waits %v", f.Polls, elapsed, wait)
		}
		if elapsed > 2*time.Hour && wait < 2*time.Minute {
			t.Fatalf("%v after the submission it still waits only %v", elapsed, wait)
		}
		now = next
		f.Polls++
	}
}
