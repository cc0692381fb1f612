package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/operator/topicplan"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// embeddedConfig starts an embedded cluster and writes a file that leads to it.
// Its secrets cannot be read here, and need not be.
func embeddedConfig(t *testing.T) (file string, admin *kadm.Client) {
	t.Helper()
	cluster := fakekafka.Embedded(t, "")
	file = filepath.Join(t.TempDir(), "sellerstream.yaml")
	text := strings.NewReplacer("127.0.0.1:9092", cluster.Brokers()[0], "http://127.0.0.1:8081", cluster.RegistryURL()).Replace(config.Example)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return file, kadm.NewClient(client)
}

func TestTopicsPlanAndApply(t *testing.T) {
	t.Parallel()
	file, admin := embeddedConfig(t)
	settings := map[string]*string{"retention.ms": kadm.StringPtr("-1")}
	if _, err := admin.CreateTopic(t.Context(), 3, 1, settings, "sellerstream.orders"); err != nil {
		t.Fatal(err)
	}
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "sellerstream.ordres"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"plan"}, exitDiffers, []string{
			"+ sellerstream.alerts", "cleanup.policy=delete max.message.bytes=1048588",
			"~ sellerstream.orders", "-1 (for ever) → 604800000 (7 days)", "older records are deleted",
			"! sellerstream.orders", "3, not 12", "move to a new prefix",
			"? sellerstream.ordres", "1 that apply does not change",
		}},
		{[]string{"apply"}, exitUsage, []string{"Nobody is at the terminal to say yes", "--yes"}},
		{[]string{"apply", "--yes"}, exitDiffers, []string{"created ", "changed 2 settings", "1 difference of partitions or replicas left as they are"}},
		{[]string{"apply", "--yes"}, exitDiffers, []string{"0 to create, 0 to change, 1 that apply does not change"}},
		{[]string{"plan"}, exitDiffers, []string{"! sellerstream.orders", "the topics differ from the table"}},
	} {
		code, stdout, stderr := execute(append(append([]string{"topics"}, step.args...), "--config", file)...)
		if code != step.code {
			t.Errorf("%v: exit %d, want %d", step.args, code, step.code)
		}
		for _, says := range step.says {
			if !strings.Contains(stdout+stderr, says) {
				t.Errorf("%v: no %q in\n%s%s", step.args, says, stdout, stderr)
			}
		}
	}
	if _, err := admin.DeleteTopics(t.Context(), "sellerstream.orders"); err != nil {
		t.Fatal(err)
	}
	if code, stdout, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Errorf("without the topic: exit %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := execute("topics", "plan", "--config", file); code != 0 || !strings.Contains(stdout, "nothing differs") {
		t.Errorf("afterwards: exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestTopicsPlanAsJSON(t *testing.T) {
	t.Parallel()
	file, admin := embeddedConfig(t)
	settings := map[string]*string{"retention.ms": kadm.StringPtr("-1")}
	if _, err := admin.CreateTopic(t.Context(), 3, 1, settings, "sellerstream.orders"); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := execute("topics", "plan", "--json", "--config", file)
	var plan topicplan.Form
	if err := json.Unmarshal([]byte(stdout), &plan); err != nil || code != exitDiffers {
		t.Fatalf("exit %d, %v\n%s%s", code, err, stdout, stderr)
	}
	if plan.Same || len(plan.Create) != len(schemas.Topics())-1 || plan.Create[0].Partitions != 12 || plan.Create[0].Config["cleanup.policy"] != "delete" {
		t.Errorf("create: %+v", plan.Create)
	}
	if len(plan.Change) != 2 || plan.Change[1].Setting != "retention.ms" || plan.Change[1].Loss == "" {
		t.Errorf("change: %+v", plan.Change)
	}
	if len(plan.Refused) != 1 || plan.Refused[0].Setting != "partitions" || plan.Refused[0].Have != "3" {
		t.Errorf("refused: %+v", plan.Refused)
	}
	code, stdout, stderr = execute("topics", "apply", "--yes", "--json", "--config", file)
	var done struct{ Created, Changed, Refused []any }
	if err := json.Unmarshal([]byte(stdout), &done); err != nil || code != exitDiffers || len(done.Created) != len(plan.Create) || len(done.Changed) != 2 || len(done.Refused) != 1 {
		t.Errorf("apply: exit %d, %v, %+v\n%s%s", code, err, done, stdout, stderr)
	}
}

// TestTopicsPlanShowsWhatTheRegistryTakes: a subject that others write, where any
// schema could be registered.
func TestTopicsPlanShowsWhatTheRegistryTakes(t *testing.T) {
	t.Parallel()
	file, _ := embeddedConfig(t)
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	client, err := sr.NewClient(sr.URLs(cfg.Registry.URL))
	if err != nil {
		t.Fatal(err)
	}
	record, _ := schemas.Of("Shipment")
	if _, err := client.RegisterSchema(t.Context(), "sellerstream.shipments-value", sr.Schema{Schema: record.Schema()}, -1, -1); err != nil {
		t.Fatal(err)
	}
	_, stdout, stderr := execute("topics", "plan", "--config", file)
	if !strings.Contains(stdout, "BACKWARD, not FORWARD_TRANSITIVE") || strings.Contains(stdout, "inventory-updates-value") {
		t.Errorf("%s%s", stdout, stderr)
	}
	_, stdout, stderr = execute("topics", "plan", "--json", "--config", file)
	var plan topicplan.Form
	if err := json.Unmarshal([]byte(stdout), &plan); err != nil || plan.Unprotected["sellerstream.shipments-value"] != "BACKWARD" {
		t.Errorf("%v, %s%s", err, stdout, stderr)
	}
}
