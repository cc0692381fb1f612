package stock

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/test/long"
)

// TestGetFeedCalls counts what following feeds of 30 to 60 s costs: at most
// 1.5 getFeed calls a feed with notifications (some are lost and some come twice),
// and at most 8 without.
func TestGetFeedCalls(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		notes bool
		lost  float64
		limit float64
	}{
		{"notified", true, 0, 1.5},
		{"5 % lost", true, 0.05, 1.5},
		{"not notified", false, 0, 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			accounts := long.Pick(t, 6, 20)
			w := simulate(t, setup{
				seed: 7, accounts: accounts, length: 6 * time.Hour, calm: true, notes: test.notes, lostNotes: test.lost,
				config: inventory.Config{PatchBelow: -1}, // small sets go by feeds too
			})
			calls := float64(w.count.calls[model.GetFeed]) / float64(w.count.feeds)
			t.Logf("%d feeds, %.2f getFeed calls each", w.count.feeds, calls)
			if w.count.feeds < accounts*30 {
				t.Errorf("only %d feeds", w.count.feeds)
			}
			if calls > test.limit {
				t.Errorf("%.2f getFeed calls a feed, want at most %.1f", calls, test.limit)
			}
		})
	}
}
