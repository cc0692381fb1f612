package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/parts"
)

// kcatWorld is a prefix with all topics and schemas, and how kcat is used on it.
type kcatWorld struct {
	brokers  string
	registry string
	prefix   string
	config   string // file
	binary   string
}

func newKcatWorld(t *testing.T) *kcatWorld {
	t.Helper()
	brokers := parts.Kafka(t)
	w := &kcatWorld{
		brokers: strings.Join(brokers, ","), registry: parts.Registry(t),
		prefix: fmt.Sprintf("kcat-%d.", time.Now().UnixNano()), binary: buildBinary(t),
		config: filepath.Join(t.TempDir(), "sellerstream.yaml"),
	}
	parts.Program(t, "kcat")
	text := strings.NewReplacer("127.0.0.1:9092", w.brokers, "http://127.0.0.1:8081", w.registry,
		"# prefix: sellerstream.", "prefix: "+w.prefix, "  # partitions: 12", "  partitions: 2").Replace(config.Example)
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeTopics(t, brokers, w.prefix) })
	if _, err := registry.New(t.Context(), registry.Config{
		Client: []sr.ClientOpt{sr.URLs(w.registry)}, Prefix: w.prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	}); err != nil {
		t.Fatal(err)
	}
	return w
}

// sellerstream runs a command of ours.
func (w *kcatWorld) sellerstream(t *testing.T, input string, args ...string) string {
	t.Helper()
	return output(t, exec.CommandContext(t.Context(), w.binary, args...), input)
}

// kcat reads a topic to its end.
func (w *kcatWorld) kcat(t *testing.T, topic string, args ...string) string {
	t.Helper()
	args = append([]string{"-C", "-q", "-e", "-b", w.brokers, "-t", w.prefix + topic, "-X", "isolation.level=read_committed"}, args...)
	return output(t, exec.CommandContext(t.Context(), "kcat", args...), "")
}

// golden are the golden records of a topic's kinds, a line of JSON for each.
func golden(t *testing.T, topic schemas.Topic) (lines []string) {
	t.Helper()
	for _, name := range topic.Records {
		record, _ := schemas.Of(name)
		text, err := os.ReadFile(filepath.Join("../../schemas/testdata/golden", record.File()+".json"))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(string(text)))
	}
	return lines
}

// Every topic of the table, with a record of each kind that may stand on it, goes
// in by encode and kcat -P and comes out by the README's lines: keys as text,
// values framed, values raw; and by readers that know nothing of ours.
func TestKcatOnEveryTopic(t *testing.T) {
	python := parts.Python(t, filepath.Join(examples, "requirements.txt"))
	w := newKcatWorld(t)
	w.sellerstream(t, "", "topics", "apply", "--yes", "--config", w.config)
	for _, topic := range schemas.Topics() {
		t.Run(topic.Name, func(t *testing.T) {
			t.Parallel()
			const key = "account/ü" // state topics have such keys
			lines := golden(t, topic)
			for i, line := range lines {
				value := w.sellerstream(t, line, "encode", "--raw", "--registry", w.registry, "--prefix", w.prefix, "--topic", topic.Name, "--record", topic.Records[i])
				file := filepath.Join(t.TempDir(), "value")
				if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
					t.Fatal(err)
				}
				output(t, exec.CommandContext(t.Context(), "kcat", "-P", "-b", w.brokers, "-t", w.prefix+topic.Name,
					"-k", key, "-X", "partitioner=murmur2_random", file), "")
			}
			all := strings.Join(lines, "\n") + "\n"
			framed := w.kcat(t, topic.Name, "-f", "%R%s")
			if got := w.sellerstream(t, framed, "decode", "--registry", w.registry); got != all {
				t.Errorf("framed:\n%s\nwant:\n%s", got, all)
			}
			if got, want := w.kcat(t, topic.Name, "-f", "%k\n"), strings.Repeat(key+"\n", len(lines)); got != want {
				t.Errorf("keys: %q, want %q", got, want)
			}
			raw := w.kcat(t, topic.Name, "-c", "1", "-f", "%s")
			if got := w.sellerstream(t, raw, "decode", "--raw", "--registry", w.registry); got != lines[0]+"\n" {
				t.Errorf("raw:\n%s\nwant:\n%s", got, lines[0])
			}
			stranger := exec.CommandContext(t.Context(), python, "testdata/read_avro.py", w.registry)
			sameRecords(t, "the stranger", output(t, stranger, framed), lines)
			w.kcatWithAvro(t, topic, lines)
		})
	}
}

// kcatWithAvro reads the topic with a kcat that was built with Avro, which
// KCAT_AVRO names: Debian's was not, so that the stranger stands for it elsewhere.
func (w *kcatWorld) kcatWithAvro(t *testing.T, topic schemas.Topic, lines []string) {
	t.Helper()
	program := os.Getenv("KCAT_AVRO")
	if program == "" {
		return
	}
	out := output(t, exec.CommandContext(t.Context(), program, "-C", "-q", "-e", "-b", w.brokers, "-t", w.prefix+topic.Name,
		"-s", "value=avro", "-r", w.registry), "")
	// It writes Avro's own JSON, where a union names its branch: what is compared is
	// that it reads all of the records, and their first fields.
	got := strings.Split(strings.TrimSpace(out), "\n")
	if len(got) != len(lines) {
		t.Fatalf("kcat with Avro reads %d records, want %d:\n%s", len(got), len(lines), out)
	}
	for i, line := range got {
		var read, want map[string]any
		if err := json.Unmarshal([]byte(line), &read); err != nil {
			t.Fatalf("kcat with Avro writes %q: %v", line, err)
		}
		if err := json.Unmarshal([]byte(lines[i]), &want); err != nil {
			t.Fatal(err)
		}
		for name, value := range want {
			if text, ok := value.(string); ok && reflect.TypeOf(read[name]) == reflect.TypeOf(text) && read[name] != text {
				t.Errorf("kcat with Avro reads %s as %v, want %s", name, read[name], text)
			}
			if _, there := read[name]; !there {
				t.Errorf("kcat with Avro reads no %s", name)
			}
		}
	}
}

// sameRecords compares records as JSON, whatever the order of their fields.
func sameRecords(t *testing.T, who, got string, want []string) {
	t.Helper()
	lines := slices.Collect(strings.Lines(got))
	if len(lines) != len(want) {
		t.Fatalf("%s reads %d records, want %d:\n%s", who, len(lines), len(want), got)
	}
	for i, line := range lines {
		var read, wanted any
		if err := json.Unmarshal([]byte(line), &read); err != nil {
			t.Fatalf("%s writes %q: %v", who, line, err)
		}
		if err := json.Unmarshal([]byte(want[i]), &wanted); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(read, wanted) {
			t.Errorf("%s reads\n%s\nwant\n%s", who, line, want[i])
		}
	}
}

// A real broker takes what topics apply sets, and topics plan sees what differs.
func TestTopicsOnARealBroker(t *testing.T) {
	w := newKcatWorld(t)
	plan := func(want int) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), w.binary, "topics", "plan", "--config", w.config)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		_ = command.Run() // the status says it
		if got := command.ProcessState.ExitCode(); got != want {
			t.Errorf("plan: exit %d, want %d\n%s", got, want, out.String())
		}
		return out.String()
	}
	plan(3)
	w.sellerstream(t, "", "topics", "apply", "--yes", "--config", w.config)
	plan(0)
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(w.brokers, ",")...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	foreign := []kadm.AlterConfig{
		{Op: kadm.SetConfig, Name: "retention.ms", Value: kadm.StringPtr("-1")},
		{Op: kadm.SetConfig, Name: "cleanup.policy", Value: kadm.StringPtr("compact")},
	}
	if answers, err := admin.AlterTopicConfigs(t.Context(), foreign, w.prefix+schemas.Orders); err != nil || answers[0].Err != nil {
		t.Fatal(err, answers)
	}
	if answers, err := admin.CreatePartitions(t.Context(), 1, w.prefix+schemas.Alerts); err != nil || answers.Error() != nil {
		t.Fatal(err, answers)
	}
	text := plan(3)
	for _, says := range []string{"cleanup.policy  compact → delete", "retention.ms    -1 (for ever) → 604800000 (7 days)", "partitions      3, not 2"} {
		if !strings.Contains(text, says) {
			t.Errorf("the plan does not say %q:\n%s", says, text)
		}
	}
	apply := exec.CommandContext(t.Context(), w.binary, "topics", "apply", "--yes", "--config", w.config)
	if err := apply.Run(); err == nil || apply.ProcessState.ExitCode() != 3 {
		t.Errorf("apply: %v", err)
	}
	if text := plan(3); !strings.Contains(text, "0 to create, 0 to change, 1 that apply does not change") {
		t.Errorf("afterwards:\n%s", text)
	}
}
