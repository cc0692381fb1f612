package stock

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/processors/inventory"
)

// TestFeedsKeepTheirInterval over hours, while units change hands and steps go wrong: each
// account submits a feed in 20 minutes at most, busy ones nearly as many, and each update
// is settled once.
func TestFeedsKeepTheirInterval(t *testing.T) {
	t.Parallel()
	const interval = 20 * time.Minute
	w := simulate(t, setup{
		seed: 3, accounts: 4, length: 3 * time.Hour, faults: 0.01, notes: true, changes: time.Hour, config: inventory.Config{FeedInterval: interval},
	})
	w.report(t)
	if doubles := w.doubles(); len(doubles) > 0 {
		t.Errorf("%d feeds are there twice: %v", len(doubles), doubles)
	}
	most := 0
	for _, sh := range w.shops {
		list := w.amazon.ofAccount[sh.id]
		most = max(most, len(list))
		for i := 1; i < len(list); i++ {
			if apart := list[i].CreatedTime.Sub(list[i-1].CreatedTime); apart < interval {
				t.Errorf("%s: the feeds %s and %s are %v apart", sh.id, list[i-1].FeedID, list[i].FeedID, apart)
			}
		}
	}
	if most < 6 {
		t.Errorf("%d feeds of the busiest account in %v: the interval alone allows 9", most, w.now)
	}
}
