package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/parts"
)

const (
	examples = "../../deploy/examples"
	// partitions is what test/process configures.
	partitions = 6
)

// TestExamplesOfUpstreamServices runs what deploy/examples shows, against a
// pipeline at work: a client in Python that gets its outcomes, a line with kcat, and
// what becomes of records that nobody should send.
func TestExamplesOfUpstreamServices(t *testing.T) {
	python := parts.Python(t, filepath.Join(examples, "requirements.txt"))
	parts.Program(t, "kcat")
	e := newEnvironment(t)
	account := e.amazon.Accounts()[0]
	for _, sku := range []string{"ECHO-DOT", "ECHO-SHOW", "ECHO-POP"} {
		if err := e.amazon.List(account.ID, simulator.Listing{SKU: sku, ProductType: "PRODUCT", Marketplaces: account.Marketplaces}); err != nil {
			t.Fatal(err)
		}
	}
	e.exclude(t, "ECHO-SHOW\n")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := e.begin(ctx, t)
	ctx, cancel = p.Watch(ctx)
	defer cancel()

	client := exec.CommandContext(ctx, python, filepath.Join(examples, "upstream.py"), "--account", account.ID,
		"--brokers", strings.Join(e.brokers, ","), "--registry", e.registry, "--prefix", e.prefix, "--wait", "120")
	outcomes := make(map[string]string)
	for line := range strings.Lines(output(t, client, "ECHO-DOT,7\nECHO-SHOW,3\nNOT-LISTED,1\n")) {
		var outcome struct{ SKU, Outcome string }
		if err := json.Unmarshal([]byte(line), &outcome); err != nil {
			t.Fatalf("the client prints %q: %v", line, err)
		}
		outcomes[outcome.SKU] = outcome.Outcome
	}
	if want := (map[string]string{"ECHO-DOT": "APPLIED", "ECHO-SHOW": "EXCLUDED", "NOT-LISTED": "REJECTED"}); fmt.Sprint(outcomes) != fmt.Sprint(want) {
		t.Errorf("the client's outcomes are %v, want %v", outcomes, want)
	}

	e.sendBadRecords(ctx, t)
	e.kcat(ctx, t, update("example-1", account.ID, "ECHO-POP", 5, time.Now()))
	e.awaitApplied(ctx, t, "example-1")
	e.checkPartitions(ctx, t)
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
}

// exclude has a list of SKUs configured that other services manage.
func (e *environment) exclude(t *testing.T, list string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "excluded.csv")
	config, err := os.ReadFile(e.config)
	if err != nil {
		t.Fatal(err)
	}
	config = fmt.Appendf(config, "exclusions: {file: %q}\n", file)
	for name, text := range map[string][]byte{e.config: config, file: []byte(list)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// sendBadRecords sends one record of each kind that nobody should send, and wants
// a dead letter with its reason for each.
func (e *environment) sendBadRecords(ctx context.Context, t *testing.T) {
	t.Helper()
	account, now := e.amazon.Accounts()[0].ID, time.Now()
	e.kcat(ctx, t, update("bad", "nobody", "ECHO-POP", 1, now)+
		update("bad", account, "ECHO-POP", -1, now)+
		update("bad", account, "ECHO-POP", 1, now.Add(10*time.Minute)))

	raw := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(raw, []byte("no Avro"), 0o600); err != nil {
		t.Fatal(err)
	}
	output(t, exec.CommandContext(ctx, "kcat", "-P", "-b", strings.Join(e.brokers, ","), "-t", e.prefix+schemas.InventoryUpdates,
		"-k", account, "-X", "partitioner=murmur2_random", raw), "")

	forgetful := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c",
		`"$1" encode --registry "$2" --prefix "$3" --topic inventory-updates | kcat -P -b "$4" -t "$3inventory-updates" -K : -D '<<end>>'`,
		"bash", e.binary, e.registry, e.prefix, strings.Join(e.brokers, ","))
	output(t, forgetful, update("bad", e.misplaced(t), "ECHO-POP", 1, now))

	want := map[string]bool{"unknown_account": true, "negative_quantity": true, "event_time_ahead": true, "undecodable": true, "wrong_partition": true}
	letters := e.read(t, schemas.DeadLetters)
	for positions := map[int32]int64{}; len(want) > 0; {
		for _, value := range letters.next(ctx, t, positions) {
			letter := value.(*schemas.DeadLetter)
			if !want[letter.Reason] {
				t.Errorf("a dead letter says %s: %s", letter.Reason, letter.Message)
			}
			if letter.Reason == "wrong_partition" && !strings.Contains(letter.Message, "murmur2_random") {
				t.Errorf("who forgot the partitioner is told %q", letter.Message)
			}
			delete(want, letter.Reason)
		}
	}
}

// misplaced is an account that librdkafka's own partitioner puts elsewhere.
func (e *environment) misplaced(t *testing.T) string {
	t.Helper()
	for _, a := range e.amazon.Accounts() {
		if int(crc32.ChecksumIEEE([]byte(a.ID))%partitions) != owner(a.ID) {
			return a.ID
		}
	}
	t.Fatal("both partitioners agree about every account")
	return ""
}

// The script needs no variable to be set.
func TestKcatExampleOnItsDefaults(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for name, text := range map[string]string{
		"sellerstream": "echo \"$@\"; cat", "kcat": "cat; echo \"$@\"",
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/usr/bin/env bash\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script := exec.CommandContext(t.Context(), "bash", filepath.Join(examples, "kcat.sh"))
	script.Env = []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")}
	want := `encode --registry http://localhost:8081 --prefix sellerstream. --topic inventory-updates
{}
-P -b localhost:9092 -t sellerstream.inventory-updates -K : -D <<end>> -X partitioner=murmur2_random
`
	if got := output(t, script, "{}\n"); got != want {
		t.Errorf("it ran\n%s, want\n%s", got, want)
	}
}

// owner is the partition of an account.
func owner(account string) int {
	return kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: []byte(account)}, partitions)
}

// update is a record as sellerstream encode takes it.
func update(id, account, sku string, quantity int, at time.Time) string {
	line, _ := json.Marshal(map[string]any{
		"updateId": id, "account": account, "sku": sku, "quantity": quantity, "eventTime": at.UTC().Format(time.RFC3339Nano),
	})
	return string(line) + "\n"
}

// kcat sends updates as the example does.
func (e *environment) kcat(ctx context.Context, t *testing.T, updates string) {
	t.Helper()
	script := exec.CommandContext(ctx, "bash", filepath.Join(examples, "kcat.sh"))
	script.Env = append(os.Environ(), "BROKERS="+strings.Join(e.brokers, ","), "REGISTRY="+e.registry, "PREFIX="+e.prefix,
		"PATH="+filepath.Dir(e.binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	output(t, script, updates)
}

// output runs a command to its end.
func output(t *testing.T, command *exec.Cmd, input string) string {
	t.Helper()
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = strings.NewReader(input), &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", command.Args, err, out, stderr.Bytes())
	}
	return string(out)
}

func (e *environment) awaitApplied(ctx context.Context, t *testing.T, id string) {
	t.Helper()
	results := e.read(t, schemas.InventoryResults)
	for positions := map[int32]int64{}; ; {
		for _, value := range results.next(ctx, t, positions) {
			if result := value.(*schemas.InventoryResult); result.UpdateID == id {
				if result.Outcome != "APPLIED" {
					t.Errorf("the update behind the bad ones is %s: %s", result.Outcome, result.Message)
				}
				return
			}
		}
	}
}

// checkPartitions wants every record on its account's partition, but for the one
// that was sent without the partitioner.
func (e *environment) checkPartitions(ctx context.Context, t *testing.T) {
	t.Helper()
	const sent = 9
	client, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...), kgo.ConsumeTopics(e.prefix+schemas.InventoryUpdates),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	misplaced := 0
	for seen := 0; seen < sent; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d of %d updates read: %v", seen, sent, err)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			seen++
			if int(rec.Partition) != owner(string(rec.Key)) {
				misplaced++
			}
		})
	}
	if misplaced != 1 {
		t.Errorf("%d updates are on another partition than their account's, want the one that was sent without a partitioner", misplaced)
	}
}
