package quota

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func limitOf(t testing.TB, operation string) Limit {
	t.Helper()
	limit, ok := Default(operation)
	if !ok {
		t.Fatalf("no default for %s", operation)
	}
	return limit
}

// takeAll takes what there is at now.
func takeAll(b *Bucket, now time.Time) (taken int) {
	for {
		if _, ok := b.Take(now); !ok {
			return taken
		}
		b.Answered(now)
		taken++
	}
}

func TestOneTokenOfTheBurstStaysUnspent(t *testing.T) {
	t.Parallel()
	limit := limitOf(t, model.GetOrder)
	b := NewFull("a", model.GetOrder, limit)
	if got := takeAll(b, start); got != limit.Burst-1 {
		t.Fatalf("%d tokens at once, want %d", got, limit.Burst-1)
	}
	if got := takeAll(b, start.Add(24*time.Hour)); got != limit.Burst-1 {
		t.Fatalf("%d tokens after a day, want %d", got, limit.Burst-1)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	limit := Limit{Rate: 0.5, Burst: 30}
	checkpoint := func(tokens, rate float64, at time.Time) *schemas.QuotaState {
		return &schemas.QuotaState{Account: "a", Operation: model.GetOrder, Tokens: tokens, Rate: rate, Time: at}
	}
	for _, test := range []struct {
		name   string
		bucket *Bucket
		want   int
	}{
		{"never seen", NewFull("a", model.GetOrder, limit), 29},
		{"unknown past", NewEmpty("a", model.GetOrder, limit), 0},
		{"checkpoint of now", Resume(checkpoint(3.5, 0.5, start), limit), 3},
		{"ten seconds later", Resume(checkpoint(3.5, 0.5, start.Add(-10*time.Second)), limit), 8},
		{"an hour later", Resume(checkpoint(0, 0.5, start.Add(-time.Hour)), limit), 29},
		{"slow, an hour later: capped", Resume(checkpoint(0, 0.01, start.Add(-time.Hour)), Limit{Rate: 0.01, Burst: 30}), 3},
		{"from a clock ahead of ours", Resume(checkpoint(2, 0.5, start.Add(time.Hour)), limit), 2},
		{"more than a burst", Resume(checkpoint(500, 0.5, start), limit), 29},
		{"a learned rate", Resume(checkpoint(0, 2, start.Add(-5*time.Second)), limit), 10},
		{"nonsense", Resume(checkpoint(math.NaN(), math.Inf(1), start), limit), 0},
		{"negative", Resume(checkpoint(-5, -1, start), limit), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := takeAll(test.bucket, start); got != test.want {
				t.Fatalf("%d tokens, want %d", got, test.want)
			}
		})
	}
}

func TestThrottledDrainsHalvesOnceAndRecovers(t *testing.T) {
	t.Parallel()
	b := NewFull("a", model.GetOrder, Limit{Rate: 0.5, Burst: 30})
	for range 10 {
		b.Take(start)
	}
	for range 5 {
		b.Answered(start)
	}
	for range 5 { // five of the ten were refused
		b.Answered(start)
		if c := b.Throttled(start); c.Tokens != 0 || c.Rate != 0.25 {
			t.Fatalf("checkpoint %+v, want no tokens at 0.25/s", c)
		}
	}
	if _, ok := b.Take(start.Add(3900 * time.Millisecond)); ok {
		t.Fatal("a token before 4 s at 0.25/s")
	}
	now := start.Add(4 * time.Second)
	if _, ok := b.Take(now); !ok {
		t.Fatal("no token after 4 s at 0.25/s")
	}
	for range 9 {
		b.Learn(0, now)
	}
	if rate := b.Checkpoint(now).Rate; rate >= 0.5 || rate < 0.45 {
		t.Fatalf("rate %v after 9 answers", rate)
	}
	b.Learn(0, now)
	if rate := b.Checkpoint(now).Rate; rate < 0.4999 || rate > 0.5 {
		t.Fatalf("rate %v after 10 answers, want 0.5", rate)
	}
	for range 20 {
		now = b.Next(now)
		if _, ok := b.Take(now); !ok {
			t.Fatal("no token when Next said so")
		}
		b.Answered(now)
		b.Throttled(now)
	}
	if rate := b.Checkpoint(now).Rate; rate != 0.5/16 {
		t.Fatalf("rate %v after 20 throttles, want no less than a sixteenth", rate)
	}
}

func TestTheHeaderIsFollowed(t *testing.T) {
	t.Parallel()
	b := NewEmpty("a", model.GetOrder, Limit{Rate: 0.5, Burst: 30})
	b.Learn(2, start)
	if got := takeAll(b, start.Add(5*time.Second)); got != 10 {
		t.Fatalf("%d tokens in 5 s, want 10", got)
	}
	for _, absurd := range []float64{0, math.NaN(), math.Inf(1), -1} {
		b.Learn(absurd, start.Add(5*time.Second))
	}
	resumed := Resume(b.Checkpoint(start.Add(5*time.Second)), Limit{Rate: 0.5, Burst: 30})
	if got := takeAll(resumed, start.Add(10*time.Second)); got < 9 || got > 10 {
		t.Fatalf("%d tokens in the new owner's 5 s, want 9 or 10: the learned rate moves along", got)
	}
	resumed.Learn(0.25, start.Add(10*time.Second))
	if got := takeAll(resumed, start.Add(18*time.Second)); got != 2 {
		t.Fatalf("%d tokens in 8 s at 0.25/s, want 2", got)
	}
}

// TestALowerPlanHolds against what Amazon grants and what an earlier owner used:
// the rest of the pair's quota is another program's.
func TestALowerPlanHolds(t *testing.T) {
	t.Parallel()
	checkpoint := &schemas.QuotaState{Account: "a", Operation: model.GetOrder, Tokens: 3, Rate: 0.5, Time: start}
	for name, b := range map[string]*Bucket{
		"new":     NewFull("a", model.GetOrder, Limit{Rate: 0.1, Burst: 5}),
		"resumed": Resume(checkpoint, Limit{Rate: 0.1, Burst: 5}),
	} {
		b.Learn(0, start)
		if got := b.Checkpoint(start).Rate; got != 0.1 {
			t.Errorf("%s: the rate is %v before an answer, want 0.1", name, got)
		}
		b.Learn(0.5, start)
		if got := b.Checkpoint(start).Rate; got != 0.1 {
			t.Errorf("%s: the rate is %v, want 0.1 although Amazon grants 0.5", name, got)
		}
		b.Learn(0.05, start)
		if got := b.Checkpoint(start).Rate; got != 0.05 {
			t.Errorf("%s: the rate is %v, want the 0.05 that Amazon grants", name, got)
		}
	}
	raised := NewFull("a", model.GetOrder, Limit{Rate: 1, Burst: 30})
	raised.Learn(2, start)
	if got := raised.Checkpoint(start).Rate; got != 2 {
		t.Errorf("the rate is %v, want the 2 that Amazon grants", got)
	}
}

// TestCallsUnderWayTakeUpRoom: while a call is on its way Amazon's bucket may
// be full, and what flows in there is lost.
func TestCallsUnderWayTakeUpRoom(t *testing.T) {
	t.Parallel()
	b := NewFull("a", model.GetOrder, Limit{Rate: 0.5, Burst: 30})
	for range 29 {
		b.Take(start)
	}
	late := start.Add(time.Hour)
	if _, ok := b.Take(late); ok {
		t.Fatal("a token while 29 calls are under way")
	}
	if next := b.Next(late); !next.IsZero() {
		t.Fatalf("Next is %v, but only an answer can bring a token", next)
	}
	b.Answered(late)
	b.Answered(late)
	if _, ok := b.Take(late.Add(1900 * time.Millisecond)); ok {
		t.Fatal("a token before its 2 s")
	}
	if got := takeAll(b, late.Add(time.Hour)); got != 2 {
		t.Fatalf("%d tokens beside 27 calls under way, want 2", got)
	}
}

func TestFastOperationsReserveABlock(t *testing.T) {
	t.Parallel()
	b := NewFull("a", model.ConfirmShipment, limitOf(t, model.ConfirmShipment)) // 2/s: blocks of 4
	var written []float64
	for range 9 {
		c, ok := b.Take(start)
		if !ok {
			t.Fatal("no token")
		}
		if c != nil {
			written = append(written, c.Tokens)
		}
	}
	if len(written) != 3 || written[0] != 5 || written[1] != 1 || written[2] != 0 {
		t.Fatalf("checkpoints hold %v tokens", written)
	}
}

// TestACheckpointNeverPromisesTooMuch: whatever happened after it, a new owner
// that resumes from the last checkpoint has no more than the old one had left.
func TestACheckpointNeverPromisesTooMuch(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		limit := Limit{
			Rate:  rapid.SampledFrom([]float64{0.0083, 0.0222, 0.5, 1, 2, 5}).Draw(t, "rate"),
			Burst: rapid.IntRange(1, 30).Draw(t, "burst"),
		}
		now := start
		b := NewFull("a", "op", limit)
		last := b.Checkpoint(now)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000_000).Draw(t, "wait")) * time.Microsecond)
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				last = b.Throttled(now)
			case 1:
				granted := rapid.SampledFrom([]float64{0, limit.Rate, limit.Rate / 2, limit.Rate * 2}).Draw(t, "granted")
				if c := b.Learn(granted, now); c != nil {
					last = c
				}
			case 2, 3, 4, 5, 6, 7:
				if c, ok := b.Take(now); ok && c != nil {
					last = c
				}
			case 8:
				if c := b.Answered(now); c != nil {
					last = c
				}
			case 9:
				if c := b.Return(now); c != nil {
					last = c
				}
			}
		}
		for b.underWay > 0 { // a handover waits for the calls under way
			if c := b.Answered(now); c != nil {
				last = c
			}
		}
		// The rate may have recovered since; the promise is about tokens.
		mine := b.Checkpoint(now).Tokens + float64(b.reserved)
		theirs := Resume(last, limit).Checkpoint(now).Tokens
		if theirs > mine+1e-6 {
			t.Fatalf("the new owner has %v tokens, the old one had %v", theirs, mine)
		}
	})
}

// TestAReturnedTokenIsAsIfItHadNotBeenTaken compares a bucket whose tokens are
// taken and returned with an untouched one.
func TestAReturnedTokenIsAsIfItHadNotBeenTaken(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		limit := Limit{
			Rate:  rapid.SampledFrom([]float64{0.0083, 0.5, 2}).Draw(t, "rate"),
			Burst: rapid.IntRange(2, 15).Draw(t, "burst"),
		}
		now := start
		b, without := NewFull("a", "op", limit), NewFull("a", "op", limit)
		calls, unmade := 0, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 100_000).Draw(t, "wait")) * time.Millisecond)
			switch what := rapid.IntRange(0, 5).Draw(t, "what"); {
			case what < 2:
				if _, ok := b.Take(now); ok {
					calls++
					without.Take(now)
				}
			case what == 2:
				if _, ok := b.Take(now); ok {
					unmade++
				}
			case what == 3 && calls > 0:
				calls--
				b.Answered(now)
				without.Answered(now)
			case unmade > 0:
				unmade--
				b.Return(now)
			}
		}
		for ; unmade > 0; unmade-- {
			b.Return(now)
		}
		if got, want := b.Checkpoint(now).Tokens+float64(b.reserved), without.Checkpoint(now).Tokens+float64(without.reserved); math.Abs(got-want) > 1e-6 {
			t.Fatalf("%v tokens, want %v", got, want)
		}
	})
}

func TestATokenThatA429MadeVoidDoesNotComeBack(t *testing.T) {
	t.Parallel()
	b := NewFull("a", model.CreateFeed, limitOf(t, model.CreateFeed))
	b.Take(start)
	b.Take(start)
	b.Answered(start)
	b.Throttled(start)
	b.Return(start)
	if _, ok := b.Take(start); ok {
		t.Fatal("a token, although Amazon's bucket was empty")
	}
}

// TestNoWindowOfTheSecondThrottleHoldsMoreThanFive: Amazon says 5 submissions
// in 5 minutes, and not whether its window slides, so any 300 s will do.
func TestNoWindowOfTheSecondThrottleHoldsMoreThanFive(t *testing.T) {
	t.Parallel()
	limit := limitOf(t, model.CreateListingsFeed)
	property.Check(t, func(t *rapid.T) {
		b := NewFull("a", model.CreateListingsFeed, limit)
		now, committed := start, b.Checkpoint(start)
		var sent []time.Time
		underWay := 0
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0:
				now = now.Add(time.Duration(rapid.IntRange(0, 400_000).Draw(t, "wait")) * time.Millisecond)
			case 1, 2, 3: // as soon as can be
				if next := b.Next(now); !next.IsZero() {
					now = next
				}
			case 4:
				for ; underWay > 0; underWay-- { // a handover waits for the calls under way
					if c := b.Answered(now); c != nil {
						committed = c
					}
				}
				b = Resume(committed, limit)
			case 5: // drawn, and not sent
				if c, ok := b.Take(now); ok {
					if c != nil {
						committed = c
					}
					b.Return(now)
				}
			case 6, 7:
				if underWay > 0 {
					underWay--
					if c := b.Answered(now); c != nil {
						committed = c
					}
					b.Learn(0, now)
				}
			}
			if c, ok := b.Take(now); ok {
				if c != nil {
					committed = c
				}
				sent, underWay = append(sent, now), underWay+1
			}
		}
		for i := 5; i < len(sent); i++ {
			if window := sent[i].Sub(sent[i-5]); window <= 5*time.Minute {
				t.Fatalf("6 submissions in %v: %v", window, sent[i-5:i+1])
			}
		}
	})
}

func TestNextIsWhenTakeSucceeds(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		b := Resume(&schemas.QuotaState{
			Account: "a", Operation: "op", Time: start,
			Tokens: rapid.Float64Range(0, 5).Draw(t, "tokens"),
			Rate:   rapid.Float64Range(0.001, 20).Draw(t, "rate"),
		}, Limit{Rate: 1, Burst: 6})
		now := start
		for range 20 {
			next := b.Next(now)
			if early := next.Add(-time.Millisecond); early.After(now) {
				if _, ok := b.Take(early); ok {
					t.Fatalf("a token at %v, before Next", early)
				}
			}
			if _, ok := b.Take(next); !ok {
				t.Fatalf("no token at Next, %v", next)
			}
			b.Answered(next)
			now = next
		}
	})
}

func TestAnotherPlanHoldsAtOnceAndMakesNoToken(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	b := NewFull("a", "op", Limit{Rate: 1, Burst: 11})
	if b.SetLimit(Limit{Rate: 1, Burst: 11}, now) != nil || takeAll(b, now) != 10 {
		t.Fatal("the same plan changes something")
	}
	checkpoint := b.SetLimit(Limit{Rate: 0.1, Burst: 31}, now)
	if checkpoint == nil || checkpoint.Rate != 0.1 || checkpoint.Tokens != 0 {
		t.Fatalf("checkpoint %+v", checkpoint)
	}
	if got := takeAll(b, now); got != 0 {
		t.Errorf("%d tokens came with the plan", got)
	}
	if got := takeAll(b, now.Add(35*time.Second)); got != 3 {
		t.Errorf("%d tokens after 35 s at 0.1/s", got)
	}
	if got := takeAll(b, now.Add(time.Hour)); got != 30 {
		t.Errorf("%d tokens after an hour, want the new burst's", got)
	}
	unstarted := NewFull("a", "op", Limit{Rate: 1, Burst: 11})
	if unstarted.SetLimit(Limit{Rate: 1, Burst: 3}, now) != nil || takeAll(unstarted, now) != 2 {
		t.Error("a bucket that has not started keeps its old plan")
	}
}
