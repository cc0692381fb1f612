package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// putLetters makes the topics, and sets a record, a message and work aside.
func putLetters(t *testing.T, file string) *registry.Codec {
	t.Helper()
	if code, stdout, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Fatal(stdout, stderr)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	codec, err := registry.New(t.Context(), registry.Config{Client: []sr.ClientOpt{sr.URLs(cfg.Registry.URL)}, Prefix: cfg.Prefix, Register: true})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cfg.Kafka.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	change, err := codec.AppendEncode(nil, schemas.OrderChanges, &schemas.OrderChange{Account: "acme-eu", OrderID: "202-1234567-8901234"})
	if err != nil {
		t.Fatal(err)
	}
	partition, offset, last := int32(1), int64(2), int64(5)
	for _, letter := range []*schemas.DeadLetter{
		{
			ID: "record", Role: "orders", Reason: "unknown_account", Message: "configure it\x1b[2J", Account: "acme-eu", SourceTime: time.Now(),
			Source: cfg.Prefix + schemas.OrderChanges, Partition: &partition, Offset: &offset, Key: []byte("acme-eu"), Value: change,
		},
		{ID: "message", Role: "bridge", Reason: "not_json", Source: cfg.Bridge.Queues[0].URL, Value: []byte("{\"a\": [1\x1b")},
		{ID: "work", Role: "orders", Reason: "order_refused", Source: cfg.Prefix + schemas.StateOrders, Key: []byte("order/acme-eu/1"), Account: "acme-eu"},
		{
			ID: "part", Role: "inventory", Reason: "undecodable", Source: cfg.Prefix + schemas.InventoryUpdates, Partition: &partition, Offset: &offset,
			Key: []byte("k"), Value: []byte("v"), Cut: map[string]int64{"value": 3 << 20, "key": 800_000},
		},
		{ID: "batch", Role: "inventory", Reason: "batch_unreadable", Source: cfg.Prefix + schemas.InventoryUpdates, Partition: &partition, Offset: &offset, LastOffset: &last},
		{ID: "bytes", Role: "events", Reason: "undecodable", Source: schemas.Orders, Partition: &partition, Offset: &offset, Value: []byte{0xff, 0}},
	} {
		value, err := codec.AppendEncode(nil, schemas.DeadLetters, letter)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: cfg.Prefix + schemas.DeadLetters, Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return codec
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	file, admin := embeddedConfig(t)
	putLetters(t, file)
	// No role uses it, so that none creates it.
	if _, err := admin.DeleteTopics(t.Context(), "sellerstream."+schemas.DeadLettersResolved); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		code int
		says []string // patterns
	}{
		{[]string{"list"}, 0, []string{`^6 open dead letters`, `unknown_account +orders +1 `, `the newest, 6 letters:`, `record +orders +unknown_account +acme-eu +sellerstream.order-changes\[1\]@2 +open`}},
		{[]string{"list", "--reason", "not_json", "--since", "1h", "--limit", "0"}, 0, []string{`^1 open dead letter\n`}},
		{[]string{"list", "--since", "yesterday"}, exitUsage, []string{`--since: "yesterday" is neither a time`}},
		{[]string{"list", "--limit", "-1"}, exitUsage, []string{`--limit must be`}},
		{[]string{"list", "--account", "zeta"}, 0, []string{`^no open dead letter matches`}},
		{[]string{"show", "record"}, 0, []string{`message +configure it\\x1b\[2J`, `bytes of Avro\)\n  \{\n    "notificationId"`, `deadletters retry record. sends it to sellerstream.order-changes`}},
		{[]string{"show", "message"}, 0, []string{`bytes of text\)\n  \{"a": \[1\\x1b`}},
		{[]string{"show", "work"}, 0, []string{`deadletters retry work. sends it to sellerstream.order-changes once more`}},
		{[]string{"show", "bytes"}, 0, []string{`neither Avro of a known schema nor text`, `ff 00`}},
		{[]string{"show", "part"}, 0, []string{`cut +key had 800000 bytes, value had 3145728 bytes`, `holds only a part .* topic sellerstream.inventory-updates, partition 1, offset 2`}},
		{[]string{"show", "batch"}, 0, []string{`from +sellerstream.inventory-updates\[1\]@2 to 5`, `a whole batch of records .* offsets 2 to 5 of topic sellerstream.inventory-updates, partition 1`}},
		{[]string{"retry", "part", "batch", "--yes"}, exitFailed, []string{`none of them can be retried`, `holds only a part`, `a whole batch`}},
		{[]string{"show", "--raw", "message"}, 0, []string{"^{\"a\": \\[1\x1b$"}},
		{[]string{"show", "nothing"}, exitFailed, []string{`no dead letter has the id "nothing"`}},
		{[]string{"retry"}, exitUsage, []string{`say which: ids, or a filter`}},
		{[]string{"retry", "record", "work", "--dry-run"}, 0, []string{`2 to topic sellerstream.order-changes\n`}},
		{[]string{"retry", "record"}, exitUsage, []string{`Retry 1 dead letter\? Nobody is at the terminal`}},
		{[]string{"retry", "record", "--yes"}, 0, []string{`retried 1 dead letter`}},
		{[]string{"retry", "record", "--yes"}, exitFailed, []string{`record: RETRIED at .* by .* to sellerstream.order-changes; .retry --again`}},
		{[]string{"retry", "record", "--yes", "--again"}, 0, []string{`retried 1 dead letter`}},
		{[]string{"retry", "work", "--yes"}, 0, []string{`retried 1 dead letter`}},
		{[]string{"discard", "--reason", "not_json", "--yes"}, 0, []string{`discarded 1 dead letter`}},
		{[]string{"list"}, 0, []string{`^3 open dead letters`}},
		{[]string{"list", "--all"}, 0, []string{`^6 dead letters`, `message .* DISCARDED`, `work .* RETRIED`, `record .* RETRIED`}},
		{[]string{"discard", "--role", "orders", "--yes"}, exitFailed, []string{`no open dead letter matches`}},
		{[]string{"discard", "--since", "30d", "--yes"}, 0, []string{`discarded 3 dead letters`}},
		{[]string{"list"}, 0, []string{`^there is no open dead letter\n`}},
	} {
		code, stdout, stderr := execute(append(append([]string{"deadletters"}, step.args...), "--config", file)...)
		if code != step.code {
			t.Errorf("%v: exit %d, want %d", step.args, code, step.code)
		}
		for _, pattern := range step.says {
			if !regexp.MustCompile(pattern).MatchString(stdout + stderr) {
				t.Errorf("%v: no %s in\n%s%s", step.args, pattern, stdout, stderr)
			}
		}
		if strings.Contains(stdout, "\x1b") && step.args[1] != "--raw" {
			t.Errorf("%v: what came from outside steers the terminal: %q", step.args, stdout)
		}
	}
}

func TestDeadLettersAsJSON(t *testing.T) {
	t.Parallel()
	file, _ := embeddedConfig(t)
	putLetters(t, file)
	_, stdout, stderr := execute("deadletters", "list", "--json", "--config", file)
	var list struct {
		Total   int
		Reasons []struct{ Reason string }
		Newest  []struct{ State string }
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || list.Total != 6 || len(list.Reasons) != 6 || len(list.Newest) != 6 || list.Newest[0].State != "open" {
		t.Errorf("%v: %s%s", err, stdout, stderr)
	}
	_, stdout, stderr = execute("deadletters", "show", "record", "--json", "--config", file)
	var shown struct {
		RetryTo string
		Decoded json.RawMessage
	}
	if err := json.Unmarshal([]byte(stdout), &shown); err != nil || shown.RetryTo != "sellerstream.order-changes" || !strings.Contains(string(shown.Decoded), "202-1234567-8901234") {
		t.Errorf("%v: %s%s", err, stdout, stderr)
	}
}

func TestDeadLettersWithoutTheirTopic(t *testing.T) {
	t.Parallel()
	file, _ := embeddedConfig(t)
	code, _, stderr := execute("deadletters", "list", "--config", file)
	if code != exitFailed || !strings.Contains(stderr, "create it with `sellerstream topics apply`") {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if err := os.WriteFile(file, []byte("kafka: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := execute("deadletters", "list", "--config", file); code != exitUsage {
		t.Errorf("with a bad file: exit %d", code)
	}
}
