package stock

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/test/long"
)

// size is how much to simulate: so much, or what the environment says.
func size(t *testing.T, s setup) setup {
	t.Helper()
	number := func(name string, fallback float64) float64 {
		text := os.Getenv(name)
		if text == "" {
			return fallback
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	s.length = time.Duration(number("SIMULATE_HOURS", s.length.Hours()) * float64(time.Hour))
	s.accounts = int(number("SIMULATE_ACCOUNTS", float64(s.accounts)))
	s.seed = uint64(number("SIMULATE_SEED", float64(s.seed)))
	return s
}

// TestADay lets 1 % of all steps go wrong, and finds each update settled once,
// Amazon's quantities the newest, no feed twice and no call above the quota.
func TestADay(t *testing.T) {
	t.Parallel()
	w := simulate(t, size(t, setup{
		seed: 1, accounts: long.Pick(t, 5, 24), length: 2 * time.Hour, faults: 0.01, notes: true, lostNotes: 0.02, changes: 2 * time.Hour,
		config: inventory.Config{AuditEvery: time.Hour, SeenWithin: 24 * time.Hour, Accepted: true},
	}))
	w.report(t)
	if doubles := w.doubles(); len(doubles) > 0 {
		t.Errorf("%d feeds are there twice: %v", len(doubles), doubles)
	}
	if w.count.audits < len(w.shops) {
		t.Errorf("%d reports of all listings were read, of %d accounts", w.count.audits, len(w.shops))
	}
	if w.count.feeds != w.count.submissions {
		t.Errorf("%d feeds, and %d intents that became one", w.count.feeds, w.count.submissions)
	}
	rate, burst := plan(model.CreateFeed)
	quota := int(burst + rate*w.now.Seconds())
	busiest := slices.MaxFunc(w.shops, func(a, b *shop) int { return a.createFeeds - b.createFeeds })
	t.Logf("createFeed calls of the busiest account: %d, of %d that its quota has", busiest.createFeeds, quota)
	if busiest.createFeeds > quota {
		t.Errorf("%d createFeed calls of %s, more than %d", busiest.createFeeds, busiest.id, quota)
	}
	for i, text := range w.waits.broken {
		if t.Errorf("waited above %v: %s", bound, text); i == 10 {
			t.Fatalf("and %d more", len(w.waits.broken)-i)
		}
	}
}

func (w *world) report(t *testing.T) {
	t.Helper()
	c := &w.count
	t.Logf("%d accounts, %v, seed %d: %d updates, %d feeds of %d SKUs, %d patches", w.setup.accounts, w.setup.length, w.setup.seed,
		c.updates, c.feeds, c.messages, c.patches)
	t.Logf("%d faults in calls, %d crashes, %d handovers, %d bad feeds, %d cancelled; %d adopted; settled %v after the last update",
		c.faults, c.crashes, c.handovers, c.badFeeds, c.cancelled, c.adopted, c.drained.Round(time.Second))
	for _, list := range []map[string]int{c.calls, c.byOutcome, c.reasons, c.alerts} {
		for _, name := range slices.Sorted(maps.Keys(list)) {
			t.Logf("  %-34s %d", name, list[name])
		}
	}
	t.Logf("from update to submission:\n%v", &w.waits)
	t.Logf("getFeed calls per feed: %.2f", float64(c.calls[model.GetFeed])/float64(max(1, c.feeds)))
}
