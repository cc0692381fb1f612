package main

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestAccounts(t *testing.T) {
	t.Parallel()
	file, _ := embeddedConfig(t)
	if code, _, stderr := execute("accounts", "--config", file); code != exitFailed || !strings.Contains(stderr, "start the pipeline once") {
		t.Errorf("without a topic: exit %d, %s", code, stderr)
	}
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Fatal(stderr)
	}
	writeState(t, file, schemas.StateOrders, map[string]any{
		"order/acme-eu/202-1": &schemas.OrderState{Account: "acme-eu", OrderID: "202-1", Pending: true, PendingSince: time.Now().Add(-time.Minute)},
		"order/gone/202-2":    &schemas.OrderState{Account: "gone", OrderID: "202-2", Pending: true, PendingSince: time.Now()},
	})
	// Deleted again, in a transaction of its own.
	writeState(t, file, schemas.StateOrders, map[string]any{"order/gone/202-2": nil})
	for _, step := range []struct {
		args []string
		code int
		says []string
		not  string
	}{
		{nil, 0, []string{"1 account: ", "acme-eu  1"}, "gone "},
		{[]string{"--json"}, 0, []string{`"account": "acme-eu"`, `"pending": 1`}, ""},
		{[]string{"acme-eu"}, 0, []string{"acme-eu: working", "order 202-1", "getOrder"}, ""},
		{[]string{"acme-ue"}, exitUsage, []string{"there is acme-eu"}, ""},
	} {
		code, stdout, stderr := execute(append(append([]string{"accounts"}, step.args...), "--config", file)...)
		if code != step.code {
			t.Errorf("%v: exit %d, want %d", step.args, code, step.code)
		}
		for _, says := range step.says {
			if !strings.Contains(stdout+stderr, says) {
				t.Errorf("%v: no %q in\n%s%s", step.args, says, stdout, stderr)
			}
		}
		if step.not != "" && strings.Contains(stdout, step.not) {
			t.Errorf("%v: %q in\n%s", step.args, step.not, stdout)
		}
	}
}

// writeState commits entries of a state topic, all on the partition of acme-eu.
func writeState(t *testing.T, file, topic string, entries map[string]any) {
	t.Helper()
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := registry.New(t.Context(), registry.Config{
		Client: []sr.ClientOpt{sr.URLs(cfg.Registry.URL)}, Prefix: cfg.Prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Kafka.Brokers...), kgo.TransactionalID("writer"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	for key, value := range entries {
		partition := partitioner.Partition(&kgo.Record{Key: []byte("acme-eu")}, cfg.Kafka.Partitions)
		rec := &kgo.Record{Topic: cfg.Prefix + topic, Key: []byte(key), Partition: int32(partition)}
		if value != nil {
			if rec.Value, err = codec.AppendEncode(nil, topic, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
}
