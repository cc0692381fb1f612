package stock

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/test/long"
)

// TestDoubles compares how createFeed can be repeated when one in twenty steps
// goes wrong: blindly, after a look at getFeeds at once, after a quarantine that
// is too short, and as it is done. A double can carry old quantities out last.
func TestDoubles(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		blind bool
		late  time.Duration // by which Amazon is taken to be late at most; 0 for the defaults
		safe  bool
	}{
		{"blind retry", true, time.Millisecond, false},
		{"ask at once", false, time.Millisecond, false},
		{"quarantine of two minutes", false, time.Minute, false},
		{"quarantine", false, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := setup{
				seed: 5, accounts: long.Pick(t, 10, 20), length: 8 * time.Hour, calm: true, notes: true, faults: 0.05, blind: test.blind,
				config: inventory.Config{PatchBelow: -1, MaxAttempts: 20}, // small sets go by feeds too
			}
			if s.config.ApplyDelay, s.config.ShowDelay = test.late, test.late; test.late > 0 {
				s.config.CallTime = time.Millisecond
			}
			w := run(t, s)
			doubles := len(w.doubles())
			t.Logf("%d intents, %d of them without an answer; %d feeds at Amazon, of which nobody accounts for %d (%.1f %%, %.0f %% of those); %d SKUs end wrong",
				w.count.calls["createFeed"], w.count.unclear, w.count.feeds, doubles, share(doubles, w.count.feeds), share(doubles, w.count.unclear), len(w.wrong))
			if test.safe != (doubles == 0) {
				t.Errorf("%d doubles", doubles)
			}
			if test.safe && len(w.wrong) > 0 {
				t.Errorf("%d faults, the first: %s", len(w.wrong), w.wrong[0])
			}
		})
	}
}

func share(part, whole int) float64 { return 100 * float64(part) / float64(max(1, whole)) }
