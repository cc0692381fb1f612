package quota

import (
	"math/rand/v2"
	"sort"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	day = 24 * time.Hour
	// slowest is the longest way of a call to Amazon. A call that comes this
	// late lets the next ones catch up with it.
	slowest = 450 * time.Millisecond
)

// TestADayAtTheLimit has a bucket that is always wanted for 24 hours of
// virtual time, and Amazon's own bucket at the other end of a line that delays
// each call by another amount. Amazon must never have to refuse, and the calls
// must use what the usage plan allows: burst + rate × time.
func TestADayAtTheLimit(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{model.CreateFeed, model.GetOrder, model.ConfirmShipment} {
		for _, test := range []struct {
			name    string
			handoff time.Duration // how often the owner changes; 0 for never
			share   float64       // of what is allowed
		}{
			{"one owner", 0, 0.99},
			{"a handoff every 5 minutes", 5 * time.Minute, 0.98},
		} {
			t.Run(operation+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				limit := limitOf(t, operation)
				sent, refused := saturate(operation, limit, test.handoff)
				share := float64(sent) / (float64(limit.Burst) + limit.Rate*day.Seconds())
				t.Logf("%d calls, %.2f %% of what the plan allows, %d refused", sent, 100*share, refused)
				if refused > 0 || share < test.share {
					t.Fatalf("%d refused, %.2f %% used; want 0 and at least %.0f %%", refused, 100*share, 100*test.share)
				}
			})
		}
	}
}

// TestWithoutCheckpointsItWouldFail shows that the simulation can fail, and
// why the checkpoint is there.
func TestWithoutCheckpointsItWouldFail(t *testing.T) {
	t.Parallel()
	limit := limitOf(t, model.CreateFeed)
	for name, fresh := range map[string]func() *Bucket{
		"full":  func() *Bucket { return NewFull("a", model.CreateFeed, limit) },
		"empty": func() *Bucket { return NewEmpty("a", model.CreateFeed, limit) },
	} {
		sent, refused := simulate(limit, 5*time.Minute, fresh(), func(*schemas.QuotaState) *Bucket { return fresh() })
		share := float64(sent) / (float64(limit.Burst) + limit.Rate*day.Seconds())
		t.Logf("%s start: %.1f %%, %d refused", name, 100*share, refused)
		if refused == 0 && share >= 0.98 {
			t.Errorf("a %s start at each handoff is as good as a checkpoint", name)
		}
	}
}

func saturate(operation string, limit Limit, handoff time.Duration) (sent, refused int) {
	return simulate(limit, handoff, NewFull("a", operation, limit), func(committed *schemas.QuotaState) *Bucket {
		return Resume(committed, limit)
	})
}

// simulate returns how many calls were sent in a day and how many of them
// Amazon's bucket refused.
func simulate(limit Limit, handoff time.Duration, b *Bucket, takeover func(*schemas.QuotaState) *Bucket) (sent, refused int) {
	random := rand.New(rand.NewPCG(1, 2))
	var committed *schemas.QuotaState
	var arrivals []time.Time
	next := start.Add(handoff)
	for now := start; now.Before(start.Add(day)); {
		for checkpoint, ok := b.Take(now); ok; checkpoint, ok = b.Take(now) {
			if checkpoint != nil {
				committed = checkpoint
			}
			arrivals = append(arrivals, now.Add(time.Duration(random.Int64N(int64(slowest)))))
		}
		now = b.Next(now)
		if handoff > 0 && !now.Before(next) {
			// The takeover itself costs time: a session timeout or a drain is longer.
			now = next.Add(time.Second)
			b = takeover(committed)
			next = next.Add(handoff)
		}
	}
	sort.Slice(arrivals, func(i, j int) bool { return arrivals[i].Before(arrivals[j]) })
	amazon := rate.NewLimiter(rate.Limit(limit.Rate), limit.Burst)
	for _, at := range arrivals {
		if !amazon.AllowN(at, 1) {
			refused++
		}
	}
	return len(arrivals), refused
}
