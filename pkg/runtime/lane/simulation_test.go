package lane

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// throttle is Amazon's side of createFeed for JSON_LISTINGS_FEED: its own bucket
// and, in the strictest reading, at most 5 in any 5 minutes.
type throttle struct {
	bucket *rate.Limiter
	recent []time.Time
}

func (t *throttle) allow(now time.Time) bool {
	t.recent = slices.DeleteFunc(t.recent, func(at time.Time) bool { return now.Sub(at) > 5*time.Minute })
	if len(t.recent) >= 5 || !t.bucket.AllowN(now, 1) {
		return false
	}
	t.recent = append(t.recent, now)
	return true
}

// TestADayOfFeeds has feeds to submit for 24 hours of virtual time, with an
// owner that changes, calls that never leave and calls that are delayed on their
// way: Amazon must never have to refuse, and the calls must use what the two
// throttles allow together.
func TestADayOfFeeds(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]struct {
		handoff time.Duration // how often the owner changes; 0 for never
		unmade  int           // one call in so many never leaves; 0 for none
		share   float64       // of what the throttles allow that must be used
	}{
		"one owner":                 {0, 0, 0.99},
		"a handoff every 5 minutes": {5 * time.Minute, 0, 0.98},
		"calls that never leave":    {0, 3, 0.99},
		"both":                      {5 * time.Minute, 3, 0.98},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := quota.Limits(nil).Of("a", model.CreateFeed)
			d := feedDay{
				random: rand.New(rand.NewPCG(1, 2)), committed: map[string]any{}, unmade: s.unmade,
				amazon: &throttle{bucket: rate.NewLimiter(rate.Limit(plan.Rate), plan.Burst)},
			}
			d.takeOver()
			d.run(s.handoff)
			share := float64(d.made) / allowedInADay()
			t.Logf("%d feeds, %.2f %% of what the throttles allow, %d refused", d.made, 100*share, d.refused)
			if d.refused > 0 || share < s.share {
				t.Fatalf("%d refused, %.2f %% used; want 0 and at least %.0f %%", d.refused, 100*share, 100*s.share)
			}
		})
	}
}

// allowedInADay is the least of what the plans allow: burst + rate × time.
func allowedInADay() float64 {
	least := 0.0
	for _, operation := range []string{model.CreateFeed, model.CreateListingsFeed} {
		plan := quota.Limits(nil).Of("a", operation)
		allowed := float64(plan.Burst) + plan.Rate*(24*time.Hour).Seconds()
		if least == 0 || allowed < least {
			least = allowed
		}
	}
	return least
}

// feedDay is one account's day.
type feedDay struct {
	random    *rand.Rand
	lanes     *Lanes
	committed map[string]any
	amazon    *throttle
	flying    []*Item
	arrives   []time.Time // when each of flying arrives and is answered
	unmade    int

	made, refused int
}

// takeOver is a new owner, which knows what was committed.
func (d *feedDay) takeOver() {
	d.lanes = New(model.CreateFeed, quota.Limits(nil).Of, model.CreateListingsFeed)
	for _, checkpoint := range d.committed {
		d.lanes.Restore(checkpoint.(*schemas.QuotaState))
	}
	for i := range 20 {
		d.lanes.Add("a", &Item{Key: fmt.Sprint(i)}, start)
	}
}

func (d *feedDay) run(handoff time.Duration) {
	end, moves := start.Add(24*time.Hour), start.Add(handoff)
	for now := start; now.Before(end); {
		d.arrive(now)
		if handoff > 0 && !now.Before(moves) {
			for i, item := range d.flying { // a handover lets the calls under way end
				d.end(item, d.arrives[i])
			}
			d.flying, d.arrives = nil, nil
			d.takeOver()
			moves = moves.Add(handoff)
		}
		tx := machine.Tx{Now: now}
		d.lanes.Draw(&tx, func(item *Item) {
			d.flying = append(d.flying, item)
			d.arrives = append(d.arrives, now.Add(time.Millisecond+time.Duration(d.random.Int64N(int64(450*time.Millisecond)))))
		})
		maps.Copy(d.committed, tx.State)
		next := end
		for _, t := range append(slices.Clone(d.arrives), tx.Wake) {
			if t.After(now) && t.Before(next) {
				next = t
			}
		}
		if handoff > 0 && moves.Before(next) {
			next = moves
		}
		now = next
	}
}

// arrive ends the calls that have arrived by now.
func (d *feedDay) arrive(now time.Time) {
	for i := 0; i < len(d.flying); {
		if d.arrives[i].After(now) {
			i++
			continue
		}
		d.end(d.flying[i], d.arrives[i])
		d.flying, d.arrives = slices.Delete(d.flying, i, i+1), slices.Delete(d.arrives, i, i+1)
	}
}

func (d *feedDay) end(item *Item, now time.Time) {
	var outcome machine.Outcome = machine.Done{}
	switch {
	case d.unmade > 0 && d.random.IntN(d.unmade) == 0:
		outcome = machine.Snooze{Unspent: true}
	case d.amazon.allow(now):
		d.made++
	default:
		d.refused++
		outcome = machine.Snooze{Throttled: true}
	}
	tx := machine.Tx{Now: now}
	d.lanes.Finish(&tx, "a", item, &machine.Result{Outcome: outcome})
	d.lanes.Add("a", item, now)
	maps.Copy(d.committed, tx.State)
}
