package pipeline

import (
	"log/slog"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/processors/inventory"
)

func TestQuarantineCoversRealTimeOnAFastClock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		clock           clock.Clock
		session         time.Duration
		lease, callTime time.Duration
	}{
		{clock.Real{}, 10 * time.Second, 8 * time.Second, 38 * time.Second},
		{clock.Real{}, 5 * time.Second, 4 * time.Second, 34 * time.Second},
		{clock.Real{}, 30 * time.Minute, 8 * time.Second, 38 * time.Second},
		{clock.NewScaled(time.Now(), 60), 10 * time.Second, 8 * time.Second, 38 * time.Minute},
	} {
		cfg := config.Default()
		cfg.Runtime.SessionTimeout = test.session
		p := &pipeline{Settings: Settings{Config: cfg, Clock: test.clock}, live: newTestLive(t, cfg)}
		got := p.inventoryConfig()
		if got.Lease != test.lease || got.CallTime != test.callTime {
			t.Errorf("%+v: a lease of %s and a call time of %s", test, got.Lease, got.CallTime)
		}
		if s := p.shipmentsConfig(); s.Lease != got.Lease || s.CallTime != got.CallTime {
			t.Errorf("%+v: shipments have a lease of %s and a call time of %s", test, s.Lease, s.CallTime)
		}
	}
}

func TestZeroMeansNoPatches(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Inventory.PatchBelow, cfg.Inventory.PatchMost = 0, 0
	p := &pipeline{Settings: Settings{Config: cfg, Clock: clock.Real{}}, live: newTestLive(t, cfg)}
	if got := p.inventoryConfig(); got.PatchBelow >= 0 || got.PatchMost >= 0 {
		t.Errorf("%d and %d would mean the machine's defaults", got.PatchBelow, got.PatchMost)
	}
}

func TestListingsAreTheAccountsOwnOrTheDefault(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	cfg.Accounts = []config.Account{
		{ID: "own", SellerID: "A", Inventory: config.Listings{ProductType: "LUGGAGE", IssueLocale: "de_DE"}},
		{ID: "default", SellerID: "B"},
	}
	l := newTestLive(t, cfg)
	of := l.listings(cfg.Inventory.Defaults)
	defaults := inventory.Settings{ProductType: "PRODUCT", Channel: "DEFAULT"}
	for account, want := range map[string]inventory.Settings{
		"own":     {ProductType: "LUGGAGE", Channel: "DEFAULT", IssueLocale: "de_DE"},
		"default": defaults, "removed": defaults,
	} {
		if got := of(account); got != want {
			t.Errorf("%s: %+v, want %+v", account, got, want)
		}
	}
	cfg.Accounts = []config.Account{{ID: "own", SellerID: "A"}}
	l.apply(cfg)
	if got := of("own"); got != defaults {
		t.Errorf("after a change: %+v, want %+v", got, defaults)
	}
}

func newTestLive(t *testing.T, cfg config.Config) *live {
	t.Helper()
	l, err := newLive(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return l
}
