package simulated

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/simulator"
)

func TestTheConfigurationFitsTheSimulator(t *testing.T) {
	t.Parallel()
	sim, err := New(5, clock.Real{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	urls, err := sim.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	}()
	text, err := Configuration(sim, urls, Surroundings{
		Brokers: []string{"127.0.0.1:1", "127.0.0.1:2"}, Registry: "http://127.0.0.1:3",
		Speed: 60, Epoch: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("printed", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.CheckSecrets(t.Context(), "printed", nil); err != nil {
		t.Error(err)
	}
	if len(cfg.Accounts) != 5 || len(cfg.Kafka.Brokers) != 2 {
		t.Errorf("got %d accounts and %d brokers", len(cfg.Accounts), len(cfg.Kafka.Brokers))
	}
	if cfg.Clock.Speed != 60 || cfg.Clock.Epoch.IsZero() {
		t.Errorf("got the clock %+v", cfg.Clock)
	}
	if q := cfg.Bridge.Queues; len(q) != 1 || !strings.Contains(q[0].ARN, ":"+cfg.AWS.Region+":") {
		t.Errorf("the queues %+v are not in region %s", q, cfg.AWS.Region)
	}
	regions := map[string]bool{}
	for _, a := range cfg.Accounts {
		regions[string(a.Region)] = true
		if cfg.SPAPI.Endpoints[a.Region] != urls.SPAPI[a.Region] {
			t.Errorf("account %s would call %s", a.ID, cfg.SPAPI.Endpoints[a.Region])
		}
	}
	if len(regions) != 2 {
		t.Errorf("the accounts are in %d regions, want 2", len(regions))
	}
}
