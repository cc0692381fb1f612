package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestBackfill: the command writes the wish once, follows what runs, and ends it.
func TestBackfill(t *testing.T) {
	t.Parallel()
	file, _ := embeddedConfig(t)
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Fatal(stderr)
	}
	writeState(t, file, schemas.StateOrders, map[string]any{"order/acme-eu/202-1": &schemas.OrderState{Account: "acme-eu", OrderID: "202-1"}})
	begun := time.Now().UTC().Add(-time.Hour).Truncate(time.Millisecond)
	runs := schemas.BackfillState{
		Account: "acme-eu", SinceTime: begun.Add(-100 * time.Hour), UntilTime: begun, CursorTime: begun.Add(-25 * time.Hour),
		BegunTime: begun, Read: 500, Found: 400,
	}
	done := runs
	done.CursorTime, done.FinishedTime = runs.SinceTime, begun.Add(time.Hour)
	requests := 0
	for _, step := range []struct {
		state *schemas.BackfillState
		args  []string
		code  int
		says  string
		asks  bool
	}{
		{nil, nil, exitUsage, "--account is missing", false},
		{nil, []string{"--account", "zeta"}, exitUsage, `no account is called "zeta"`, false},
		{nil, []string{"--account", "acme-eu", "--since", "tomorrow"}, exitUsage, "--since: ", false},
		{nil, []string{"--account", "acme-eu", "--since", "3000-01-01T00:00:00Z"}, exitUsage, "a time that has passed", false},
		{nil, []string{"--account", "acme-eu", "--since", "731d"}, exitUsage, "write at most 730d", false},
		{nil, []string{"--account", "acme-eu", "--since", "30d", "--fulfilled-by", "FBA"}, exitUsage, "write MERCHANT or AMAZON", false},
		{nil, []string{"--account", "acme-eu", "--stop", "--since", "30d"}, exitUsage, "--stop goes with neither", false},
		{nil, []string{"--account", "acme-eu", "--restart"}, exitUsage, "--since is missing", false},
		{nil, []string{"--account", "acme-eu"}, 0, "has had no backfill: give --since", false},
		{nil, []string{"--account", "acme-eu", "--stop"}, 0, "no backfill of account acme-eu runs", false},
		{nil, []string{"--account", "acme-eu", "--since", "30d", "--fulfilled-by", "MERCHANT"}, 0, "asked for; the running pipeline", true},
		{&runs, []string{"--account", "acme-eu", "--since", "30d"}, 0, "25 % of the time: 500 orders read, 400 new, ", false},
		{&runs, []string{"--account", "acme-eu"}, 0, "about 3h", false},
		{&runs, []string{"--account", "acme-eu", "--json"}, 0, `"read": 500`, false},
		{&runs, []string{"--account", "acme-eu", "--since", "30d", "--restart", "--json"}, 0, `"asked": "begin"`, true},
		{&runs, []string{"--account", "acme-eu", "--since", "30d", "--restart"}, 0, "asked for", true},
		{&runs, []string{"--account", "acme-eu", "--stop"}, 0, "to be ended", true},
		{&done, []string{"--account", "acme-eu", "--wait"}, 0, "done in 1h0m0s: 500 orders read", false},
	} {
		if step.state != nil {
			writeState(t, file, schemas.StateOrders, map[string]any{"backfill/acme-eu": step.state})
		}
		code, stdout, stderr := execute(append(append([]string{"backfill"}, step.args...), "--config", file)...)
		if code != step.code || !strings.Contains(stdout+stderr, step.says) {
			t.Errorf("%v: exit %d, want %d and %q in\n%s%s", step.args, code, step.code, step.says, stdout, stderr)
		}
		if slices.Contains(step.args, "--json") && !json.Valid([]byte(stdout)) {
			t.Errorf("%v: no JSON: %s", step.args, stdout)
		}
		if step.asks {
			requests++
		}
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Kafka.Brokers...), kgo.ConsumeTopics(cfg.Prefix+schemas.OrderBackfills), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if t.Failed() {
		return
	}
	for got := 0; got < requests; {
		fetches := client.PollFetches(t.Context())
		fetches.EachRecord(func(rec *kgo.Record) {
			if got++; string(rec.Key) != "acme-eu" {
				t.Errorf("a wish has the key %q", rec.Key)
			}
		})
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
	}
}
