package main

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/bridge/subscriptions"
	"github.com/sellerstream/sellerstream/pkg/app/simulated"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// startAmazon runs the simulator on a fast clock, and writes the configuration
// that fits it.
func startAmazon(t *testing.T) (sim *simulator.Simulator, file string) {
	t.Helper()
	const speed = 100
	epoch := time.Now()
	sim, err := simulated.New(2, clock.NewScaled(epoch, speed), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	urls, err := sim.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	text, err := simulated.Configuration(sim, urls, simulated.Surroundings{
		Brokers: []string{"127.0.0.1:1"}, Registry: "http://127.0.0.1:1", Speed: speed, Epoch: epoch,
	})
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "sellerstream.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return sim, file
}

func TestSubscriptionsCommands(t *testing.T) {
	t.Parallel()
	sim, file := startAmazon(t)
	command := func(want int, says string, args ...string) string {
		t.Helper()
		code, out, errs := execute(append([]string{"subscriptions", "--config", file}, args...)...)
		if code != want || !strings.Contains(out+errs, says) {
			t.Errorf("%v: exit %d, want %d and %q\n%s%s", args, code, want, says, out, errs)
		}
		return out
	}
	command(exitFailed, "not every account", "list")
	command(0, "created", "ensure")
	command(0, "good", "list")
	if _, err := sim.Subscribe("seller-2-us", "ORDER_CHANGE", "arn:aws:sqs:us-east-1:1:other"); err != nil {
		t.Fatal(err)
	}
	command(exitFailed, "nothing was removed: 1 duplicate or foreign; say --yes", "prune")
	command(exitFailed, "nothing was removed: 2 duplicate or foreign", "prune", "--destinations")
	if n := len(sim.Subscriptions()); n != 5 {
		t.Errorf("%d subscriptions are left without --yes", n)
	}
	var report subscriptions.Report
	if err := json.Unmarshal([]byte(command(0, "removed", "prune", "--yes", "--destinations", "--json")), &report); err != nil {
		t.Error(err)
	}
	if n := len(sim.Subscriptions()); n != 4 || len(report.Subscriptions) != 5 || len(report.Destinations) != 3 {
		t.Errorf("%d subscriptions are left; %+v", n, report)
	}
	command(0, "good", "prune")
	configured, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	filtered := strings.Replace(string(configured), "    region: ", "    orders: {fulfilled_by: [MERCHANT], filter_expression: true}\n    region: ", 1)
	if err := os.WriteFile(file, []byte(filtered), 0o600); err != nil {
		t.Fatal(err)
	}
	command(0, "its filter is everything, and lets more through than is configured, which is (!has(OrderChangeNotification", "list")
	command(0, "created", "ensure")
	command(0, "FulfillmentType != 'AFN'", "list")
	if n := sim.Ledger.Throttled(); n != 0 {
		t.Errorf("%d calls were throttled", n)
	}

	// What fails is said with its cause.
	if _, err := sim.Faults.Add(simulator.Rule{Part: simulator.SPAPI, Account: "seller-1-de", Action: simulator.Action{Status: 403}}); err != nil {
		t.Fatal(err)
	}
	command(exitFailed, "the application lacks the role", "list")
}

func TestSubscriptionsNeedAQueue(t *testing.T) {
	t.Parallel()
	_, file := startAmazon(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	without := strings.Replace(string(text), "      arn: "+simulator.QueueARN(simulator.DefaultQueue)+"\n", "", 1)
	if err := os.WriteFile(file, []byte(without), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"subscriptions", "list"}, {"subscriptions", "list", "--config", file}} {
		if code, _, errs := execute(args...); code != exitUsage {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
}
