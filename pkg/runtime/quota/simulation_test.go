package quota

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	day   = 24 * time.Hour
	usual = 450 * time.Millisecond
)

// scenario is a day in a bucket's life.
type scenario struct {
	handoff time.Duration // how often the owner changes; 0 for never
	work    time.Duration // how long of each ten minutes there is work
	delay   time.Duration // by how much more one call is delayed than another, at most
	share   float64       // of what the plan allows that must be used
}

// TestADayAtTheLimit has a bucket that is wanted for 24 hours of virtual time,
// and Amazon's own bucket at the other end of a line that delays each call by
// another amount. Amazon must never have to refuse, and where there is always
// work the calls must use what the usage plan allows: burst + rate × time.
func TestADayAtTheLimit(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{model.CreateFeed, model.GetOrder, model.ConfirmShipment} {
		for name, s := range map[string]scenario{
			"one owner":                 {0, 10 * time.Minute, usual, 0.99},
			"a handoff every 5 minutes": {5 * time.Minute, 10 * time.Minute, usual, 0.98},
			"bursts":                    {0, 2 * time.Minute, usual, 0},
			"bursts and handoffs":       {7 * time.Minute, 2 * time.Minute, usual, 0},
			"bursts on a slow line":     {0, 2 * time.Minute, 40 * time.Second, 0},
		} {
			t.Run(operation+"/"+name, func(t *testing.T) {
				t.Parallel()
				limit := limitOf(t, operation)
				sent, refused := simulate(limit, s, NewFull("a", operation, limit), func(committed *schemas.QuotaState) *Bucket {
					return Resume(committed, limit)
				})
				share := float64(sent) / (float64(limit.Burst) + limit.Rate*day.Seconds())
				t.Logf("%d calls, %.2f %% of what the plan allows, %d refused", sent, 100*share, refused)
				if refused > 0 || share < s.share {
					t.Fatalf("%d refused, %.2f %% used; want 0 and at least %.0f %%", refused, 100*share, 100*s.share)
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
	s := scenario{handoff: 5 * time.Minute, work: 10 * time.Minute, delay: usual}
	for name, fresh := range map[string]func() *Bucket{
		"full":  func() *Bucket { return NewFull("a", model.CreateFeed, limit) },
		"empty": func() *Bucket { return NewEmpty("a", model.CreateFeed, limit) },
	} {
		sent, refused := simulate(limit, s, fresh(), func(*schemas.QuotaState) *Bucket { return fresh() })
		share := float64(sent) / (float64(limit.Burst) + limit.Rate*day.Seconds())
		t.Logf("%s start: %.1f %%, %d refused", name, 100*share, refused)
		if refused == 0 && share >= 0.98 {
			t.Errorf("a %s start at each handoff is as good as a checkpoint", name)
		}
	}
}

// line is the way to Amazon.
type line struct {
	random *rand.Rand
	delay  time.Duration
	ready  time.Time   // when the owner has a connection and an access token
	under  []time.Time // arrivals of the calls under way, in order
}

// connect is what a new owner's first calls wait for.
const connect = 3 * time.Second

func (l *line) send(now time.Time) {
	if l.ready.Before(now) {
		l.ready = now
	}
	at := l.ready.Add(time.Duration(l.random.Int64N(int64(l.delay))))
	i, _ := slices.BinarySearchFunc(l.under, at, time.Time.Compare)
	l.under = slices.Insert(l.under, i, at)
}

// simulate returns how many calls were sent in a day and how many of them
// Amazon's bucket refused.
func simulate(limit Limit, s scenario, b *Bucket, takeover func(*schemas.QuotaState) *Bucket) (sent, refused int) {
	amazon := rate.NewLimiter(rate.Limit(limit.Rate), limit.Burst)
	l := line{random: rand.New(rand.NewPCG(1, 2)), delay: s.delay, ready: start.Add(connect)}
	var committed *schemas.QuotaState
	moves := start.Add(s.handoff)
	for now := start; now.Before(start.Add(day)); {
		for len(l.under) > 0 && !l.under[0].After(now) {
			if !amazon.AllowN(l.under[0], 1) {
				refused++
			}
			b.Answered(now)
			b.Learn(0, now)
			l.under = l.under[1:]
		}
		if s.handoff > 0 && !now.Before(moves) {
			b = takeover(committed)
			moves = moves.Add(s.handoff)
			l.ready = now.Add(connect)
		}
		round := now.Sub(start) % (10 * time.Minute)
		wake := now.Add(10*time.Minute - round)
		if round < s.work {
			for checkpoint, ok := b.Take(now); ok; checkpoint, ok = b.Take(now) {
				if checkpoint != nil {
					committed = checkpoint
				}
				l.send(now)
				sent++
			}
			if next := b.Next(now); !next.IsZero() {
				wake = next
			}
		}
		if len(l.under) > 0 && l.under[0].Before(wake) {
			wake = l.under[0]
		}
		if s.handoff > 0 && moves.Before(wake) {
			wake = moves
		}
		now = wake
	}
	return sent, refused
}
