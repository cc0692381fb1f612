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

// odd are the floats that arithmetic stumbles over.
func odd() []float64 {
	return []float64{
		0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, -math.MaxFloat64,
		math.SmallestNonzeroFloat64, 1e-308, 1e-12, 1e-9, 1e-6, 0.0083, 0.5, 1, 10_000, 1e9, 1e18, 1e300, -1, -1e-12,
	}
}

func anyFloat() *rapid.Generator[float64] {
	return rapid.OneOf(
		rapid.SampledFrom(odd()), rapid.Float64(),
		rapid.Custom(func(t *rapid.T) float64 { return math.Float64frombits(rapid.Uint64().Draw(t, "bits")) }),
	)
}

func anyTime() *rapid.Generator[time.Time] {
	return rapid.OneOf(
		rapid.SampledFrom([]time.Time{{}, start, start.Add(-100 * 365 * 24 * time.Hour), start.Add(250 * 365 * 24 * time.Hour), time.Unix(math.MaxInt32, 0)}),
		rapid.Custom(func(t *rapid.T) time.Time {
			return start.Add(time.Duration(rapid.Int64Range(-1<<60, 1<<60).Draw(t, "away")))
		}),
	)
}

// TestWhateverRateComesFromOutside checks containment rule 1: whatever a header says
// and whatever the state holds, a bucket hands out no more than twenty times its plan
// and its burst, and has a token again within twenty times what its plan takes.
func TestWhateverRateComesFromOutside(t *testing.T) {
	t.Parallel()
	property.Check(t, checkBounds)
}

func FuzzBucket(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkBounds)) }

func checkBounds(t *rapid.T) {
	operation := rapid.SampledFrom([]string{model.GetOrder, model.CreateFeed, model.PatchListingsItem, "unknown"}).Draw(t, "operation")
	plan, known := Default(operation)
	if !known {
		plan = Limit{Rate: 1, Burst: 5}
	}
	if rapid.Bool().Draw(t, "configured") { // validated: above zero, and a burst of at least one
		plan = Limit{Rate: math.Abs(anyFloat().Draw(t, "plan")), Burst: rapid.IntRange(1, math.MaxInt).Draw(t, "burst")}
	}
	now := start
	b := Resume(&schemas.QuotaState{
		Account: "a", Operation: operation, Tokens: anyFloat().Draw(t, "tokens"), Rate: anyFloat().Draw(t, "rate"), Time: anyTime().Draw(t, "time"),
	}, plan)
	usable := b.limit
	most, least := usable.Rate*spread, usable.Rate/spread
	allowed := float64(b.capacity())
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		switch rapid.IntRange(0, 6).Draw(t, "step") {
		case 0:
			pause := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "pause"))
			now = now.Add(pause)
			allowed += most * pause.Seconds()
		case 1:
			b.Learn(anyFloat().Draw(t, "granted"), now)
		case 2:
			b.Throttled(now)
		case 3:
			b.Answered(now)
		case 4:
			b = Resume(b.Checkpoint(now), plan)
			allowed++ // a token under way is not the new owner's
		default:
			for range 5 {
				if checkpoint, ok := b.Take(now); ok {
					allowed--
					checkCheckpoint(t, checkpoint)
				}
			}
		}
		checkCheckpoint(t, b.Checkpoint(now))
		if got := b.rate(); !(got >= least*(1-1e-9) && got <= most*(1+1e-9)) {
			t.Fatalf("the rate is %v, of a plan of %v", got, usable.Rate)
		}
		if allowed < -1e-3*math.Abs(most)-1 {
			t.Fatalf("%v more tokens than %v a second", -allowed, most)
		}
		next := b.Next(now)
		if wait := next.Sub(now); !next.IsZero() && (wait < 0 || wait > span(1/least)+time.Second) {
			t.Fatalf("the next token comes in %v, of a plan of %v", wait, usable.Rate)
		}
	}
}

func checkCheckpoint(t *rapid.T, c *schemas.QuotaState) {
	if c != nil && (math.IsNaN(c.Tokens) || math.IsInf(c.Tokens, 0) || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0) || c.Rate <= 0) {
		t.Fatalf("checkpoint %+v", c)
	}
}

// TestARateOfNothingStopsNobody: 1e-12 gave 4,392 getOrder calls in 40 s, and 1e-9
// parked an account for decades.
func TestARateOfNothingStopsNobody(t *testing.T) {
	t.Parallel()
	plan := limitOf(t, model.GetOrder)
	for _, rate := range odd() {
		for name, b := range map[string]*Bucket{
			"header": NewEmpty("a", model.GetOrder, plan),
			"state":  Resume(&schemas.QuotaState{Account: "a", Operation: model.GetOrder, Rate: rate, Time: start}, plan),
		} {
			b.Learn(rate, start)
			taken := 0
			for at := start; at.Before(start.Add(400 * time.Second)); at = at.Add(time.Second) {
				taken += takeAll(b, at)
			}
			if taken < 9 || taken > 4000 {
				t.Errorf("%s %v: %d calls in 400 s, want 10 to 4000", name, rate, taken)
			}
		}
	}
}

// TestAConfiguredRateWins over what Amazon grants.
func TestAConfiguredRateWins(t *testing.T) {
	t.Parallel()
	b := NewFull("a", model.GetOrder, Limit{Rate: 0.1, Burst: 5})
	for _, granted := range odd() {
		b.Learn(granted, start)
		if rate := b.rate(); rate > 0.1 || rate < 0.1/spread {
			t.Errorf("granted %v: the rate is %v", granted, rate)
		}
	}
}

// TestANewOwnerGoesOnAtTheHalvedRate of the checkpoint.
func TestANewOwnerGoesOnAtTheHalvedRate(t *testing.T) {
	t.Parallel()
	plan := limitOf(t, model.GetOrder)
	b := NewFull("a", model.GetOrder, plan)
	b.Take(start)
	resumed := Resume(b.Throttled(start), plan)
	if rate := resumed.Checkpoint(start).Rate; rate != plan.Rate/2 {
		t.Errorf("the new owner's rate is %v, want %v", rate, plan.Rate/2)
	}
	if wait := resumed.Next(start).Sub(start); wait < time.Duration(2/plan.Rate*0.99*float64(time.Second)) {
		t.Errorf("the new owner's first token comes in %v", wait)
	}
	resumed.Learn(0, start)
	if rate := resumed.Checkpoint(start).Rate; rate != plan.Rate*(0.5+recovery) {
		t.Errorf("after an answer the rate is %v: it must recover, not jump", rate)
	}
}

// TestAVoidBlockIsRenewed: when the bucket was full for a while, a new owner would
// take the time since the block's checkpoint for tokens.
func TestAVoidBlockIsRenewed(t *testing.T) {
	t.Parallel()
	b := NewFull("a", model.PatchListingsItem, Limit{Rate: 10, Burst: 21})
	promise, _ := b.Take(start)
	if promise == nil || b.reserved == 0 {
		t.Fatal("nothing was reserved")
	}
	b.Answered(start)
	later := start.Add(time.Minute)
	for taken := 1; ; taken++ {
		renewed, ok := b.Take(later)
		if !ok {
			break
		}
		if renewed != nil {
			promise = renewed
		}
		if seen, left := level(promise, b.capacity(), later), b.left(later); seen > left {
			t.Fatalf("after %d tokens a new owner would see %v of %v", taken, seen, left)
		}
	}
}
