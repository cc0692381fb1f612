package replays

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/schemas"
)

// Each way of a replay has its own cost, and a quota is spent by account: the one that
// takes longest says how long it is.
func TestCost(t *testing.T) {
	t.Parallel()
	subjects := func(n uint64) *AccountCounts {
		a := &AccountCounts{Types: map[string]int{"": int(n) * 2}, subjects: map[uint64]struct{}{}}
		for i := range n {
			a.subjects[i] = struct{}{}
		}
		return a
	}
	counts := &Counts{Accounts: map[string]*AccountCounts{"acme-eu": subjects(30_000), "acme-us": subjects(10)}}
	for name, test := range map[string]struct {
		topic, api   string
		calls, write int
		longest      time.Duration
	}{
		"events":             {topic: schemas.Orders, longest: 60_020 * time.Second / 50},
		"orders":             {topic: schemas.OrderChanges, calls: 30_010, longest: 60_000 * time.Second},
		"orders of v0":       {topic: schemas.OrderChanges, api: config.OrdersV0, calls: 60_020, longest: 60_000 * time.Second},
		"two feeds and one":  {topic: schemas.InventoryUpdates, calls: 6, write: 60_020, longest: 241 * time.Second},
		"a call per package": {topic: schemas.Shipments, calls: 30_010, write: 30_010, longest: 15_000 * time.Second},
	} {
		cfg := config.Default()
		if test.api != "" {
			cfg.Orders.API = test.api
		}
		r := New(Options{Client: &kgo.Client{}, Config: cfg}, Request{Topic: test.topic, Rate: 50})
		cost := r.Cost(counts)
		if got := time.Duration(cost.Seconds * float64(time.Second)).Round(time.Second); cost.Calls != test.calls || cost.Writes != test.write || got != test.longest.Round(time.Second) {
			t.Errorf("%s: %d calls, %d that write, %v; want %d, %d, %v", name, cost.Calls, cost.Writes, got, test.calls, test.write, test.longest)
		}
	}
}
