package quota

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
)

// TestPartsAreTheLimit adds up what roles get, whatever is switched on and configured.
func TestPartsAreTheLimit(t *testing.T) {
	t.Parallel()
	types := model.SharingFeeds()
	configured := Limits(func(_, operation string) (Limit, bool) { return Limit{Rate: 7, Burst: 70}, operation == model.GetFeeds })
	small := Limits(func(_, operation string) (Limit, bool) {
		return Limit{Rate: 7, Burst: len(types) + 1}, operation == model.GetFeeds
	})
	for _, limits := range []Limits{nil, configured, small} {
		for sent := range len(types) + 1 {
			parts := limits.Shared(func(string) []string { return types[:sent] })
			for _, operation := range model.SharedOperations() {
				whole, sum := limits.Of("a", operation), parts.Of("a", operation)
				if sent == 0 && sum != whole {
					t.Errorf("%s: with nothing switched on the limit is %+v, not %+v", operation, sum, whole)
				}
				for _, feedType := range types[:sent] {
					part := parts.Of("a", model.ShareOf(operation, feedType))
					if part.Rate != whole.Rate/model.ShareParts || part.Burst != model.ShareBurst && whole.Burst > 2*model.ShareBurst {
						t.Errorf("%s of %s: %+v", operation, feedType, part)
					}
					sum.Rate, sum.Burst = sum.Rate+part.Rate, sum.Burst+part.Burst
				}
				if sum.Rate > whole.Rate*(1+1e-12) || sum.Burst > whole.Burst {
					t.Errorf("%s: %d shares and the rest are %+v together, more than %+v", operation, sent, sum, whole)
				}
			}
			for _, other := range []string{model.GetFeed, model.CreateListingsFeed, model.PatchListingsItem} {
				if parts.Of("a", other) != limits.Of("a", other) {
					t.Errorf("%s is divided", other)
				}
			}
		}
	}
}

// TestAHeaderIsDividedToo: Amazon names the limit of the account, and a role has a part of that.
func TestAHeaderIsDividedToo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	limits := Limits(nil).Shared(func(string) []string { return model.SharingFeeds() })
	for operation, part := range map[string]float64{
		model.CreateFeed: 6.0 / 8, model.ShareOf(model.CreateFeed, model.OrderFulfillmentFeed): 1.0 / 8,
	} {
		for _, granted := range []float64{0.0083, 0.0166} {
			b := NewFull("a", operation, limits.Of("a", operation))
			b.Take(now)
			b.Answered(now)
			b.Learn(granted, now)
			if got := b.Rate(); got > granted*part*1.0001 {
				t.Errorf("%s: granted %g, and it takes %g", operation, granted, got)
			}
		}
	}
}

// sharer is a role's bucket with what it has committed.
type sharer struct {
	operation string
	bucket    *Bucket
	committed *schemas.QuotaState
	flying    []time.Time // arrivals at Amazon
	on        []string    // what its process knows to be switched on
	sees      time.Time   // when it restarts with another configuration
}

func (s *sharer) commit(checkpoint *schemas.QuotaState) {
	if checkpoint != nil {
		s.committed = checkpoint
	}
}

// restart gives the bucket to a new owner.
func (s *sharer) restart() {
	limit := Limits(nil).Shared(func(string) []string { return s.on }).Of("a", s.operation)
	if s.bucket = NewFull("a", s.operation, limit); s.committed != nil {
		s.bucket = Resume(s.committed, limit)
	}
}

// TestPartsNeverExceedTheLimit has roles that take what they can, are switched on and off,
// at times not at once, and change their owners, for days. Amazon's own bucket never has to
// refuse, and what is taken is most of what it allows.
func TestPartsNeverExceedTheLimit(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{model.CreateFeed, model.GetFeeds} {
		for seed := range uint64(long.Pick(t, 10, 100)) {
			t.Run(fmt.Sprint(operation, "/", seed), func(t *testing.T) {
				t.Parallel()
				whole, _ := Default(operation)
				f := &fleetOfParts{random: rand.New(rand.NewPCG(seed, 2)), amazon: rate.NewLimiter(rate.Limit(whole.Rate), whole.Burst)}
				for _, name := range []string{operation, model.ShareOf(operation, model.OrderAcknowledgementFeed), model.ShareOf(operation, model.OrderFulfillmentFeed)} {
					f.sharers = append(f.sharers, &sharer{operation: name})
				}
				f.run(2 * 24 * time.Hour)
				if allowed := float64(whole.Burst) + whole.Rate*(2*24*time.Hour).Seconds(); f.refused > 0 || float64(f.made) < allowed/2 {
					t.Errorf("%d made of %.0f allowed, %d refused", f.made, allowed, f.refused)
				}
			})
		}
	}
}

type fleetOfParts struct {
	random        *rand.Rand
	amazon        *rate.Limiter
	sharers       []*sharer
	on            []string
	made, refused int
}

func (f *fleetOfParts) run(span time.Duration) {
	start := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for _, s := range f.sharers {
		s.restart()
	}
	for now := start; now.Before(start.Add(span)); now = now.Add(time.Second) {
		switch n := f.random.IntN(20_000); {
		case n < 2: // a switch, which the processes see one after the other
			f.on = model.SharingFeeds()[:f.random.IntN(3)]
			for _, s := range f.sharers {
				s.sees = now.Add(time.Duration(f.random.IntN(150)) * time.Second)
			}
		case n < 6:
			f.sharers[f.random.IntN(3)].restart()
		}
		busy := now.Unix()/1800%3 > 0
		for i, s := range f.sharers {
			if f.arrive(s, now); now.Equal(s.sees) {
				s.on = f.on
				s.restart()
			}
			if i > len(s.on) || !busy && i == 0 {
				continue // it is not switched on, or has nothing to do
			}
			for {
				checkpoint, ok := s.bucket.Take(now)
				if !ok {
					break
				}
				s.commit(checkpoint)
				s.flying = append(s.flying, now.Add(time.Duration(f.random.IntN(3000))*time.Millisecond))
			}
		}
	}
}

// arrive ends the calls that have come to Amazon.
func (f *fleetOfParts) arrive(s *sharer, now time.Time) {
	s.flying = slices.DeleteFunc(s.flying, func(at time.Time) bool {
		if at.After(now) {
			return false
		}
		f.made++
		if !f.amazon.AllowN(now, 1) {
			f.refused++
		}
		s.commit(s.bucket.Answered(now))
		return true
	})
}
