package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
)

// TestQuantitiesWaitForTheFirstListAndOrdersForAWhile starts without a list, and
// writes it an hour later.
func TestQuantitiesWaitForTheFirstListAndOrdersForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := config.Default()
		cfg.Exclusions.File = filepath.Join(t.TempDir(), "skus.csv")
		cfg.Accounts = []config.Account{{ID: "acme-eu", SellerID: "A"}}
		log := &journal{}
		p := &pipeline{
			Settings: Settings{Config: cfg, Clock: clock.Real{}, Logger: slog.New(slog.NewTextHandler(log, nil))},
			live:     newTestLive(t, cfg),
		}
		source, err := p.exclusions()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := p.exclusions(); again != source || err != nil || len(p.roles) != 1 {
			t.Errorf("the roles do not share one source: %v, %v", p.roles, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go func() { _ = p.roles[0].run(ctx) }()

		start := time.Now()
		if err := p.awaitExclusionsForAWhile(ctx); err != nil || time.Since(start) != cfg.Exclusions.OrdersWait {
			t.Errorf("orders began after %s: %v", time.Since(start), err)
		}
		if !strings.Contains(log.String(), "orders go on without marks") {
			t.Errorf("nothing says so:\n%s", log.String())
		}
		stopped, cancel := context.WithTimeout(ctx, time.Hour)
		defer cancel()
		if err := p.awaitExclusions(stopped); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("quantities began without a list: %v", err)
		}
		if err := p.awaitExclusionsForAWhile(stopped); err == nil {
			t.Error("orders began although they were stopped")
		}

		if err := os.WriteFile(cfg.Exclusions.File, []byte("acme-eu,A\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.awaitExclusions(ctx), p.awaitExclusionsForAWhile(ctx)); err != nil {
			t.Error(err)
		}
		if !source.Excluded("acme-eu", "A") || source.Excluded("acme-eu", "B") {
			t.Error("the list does not hold")
		}
		stop()
		synctest.Wait()
	})
}

func TestNothingIsWaitedForWithoutAList(t *testing.T) {
	t.Parallel()
	cfg := config.Default()
	p := &pipeline{Settings: Settings{Config: cfg, Clock: clock.Real{}}, live: newTestLive(t, cfg)}
	source, err := p.exclusions()
	if source != nil || err != nil || len(p.roles) != 0 {
		t.Errorf("got %v, %v", source, err)
	}
	if err := errors.Join(p.awaitExclusions(t.Context()), p.awaitExclusionsForAWhile(t.Context())); err != nil {
		t.Error(err)
	}
}

func TestExclusionsComeFromTheConfiguredPlace(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]config.Exclusions{
		"file skus.csv":          {File: "skus.csv"},
		"topic excluded":         {Topic: "excluded"},
		"https://skus.example/a": {URL: "https://skus.example/a?key=hidden"},
		"https://skus.example/b": {URL: "https://skus.example/b", Token: config.Secret{Value: secrets.New("x")}},
	} {
		cfg := config.Default()
		cfg.Exclusions = e
		if from, err := exclusionsFrom(cfg, nil); err != nil || from.String() != want {
			t.Errorf("%s: got %v, %v", want, from, err)
		}
	}
}
