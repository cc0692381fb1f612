package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/parts"
	"github.com/sellerstream/sellerstream/test/process"
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
	e := newEnvironmentWith(t, simulator.Config{}, process.Config{More: "inventory: {seen_within: 0s, defaults: {unknown: send}}\n"})
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
	for _, outcome := range printed(t, client, "ECHO-DOT,7\nECHO-SHOW,3\nNOT-LISTED,1\n") {
		outcomes[outcome.SKU] = outcome.Outcome
	}
	if want := (map[string]string{"ECHO-DOT": "APPLIED", "ECHO-SHOW": "EXCLUDED", "NOT-LISTED": "REJECTED"}); fmt.Sprint(outcomes) != fmt.Sprint(want) {
		t.Errorf("the client's outcomes are %v, want %v", outcomes, want)
	}

	e.shipByExample(ctx, t, python)
	e.sendBadRecords(ctx, t)
	e.kcat(ctx, t, schemas.InventoryUpdates, update("example-1", account.ID, "ECHO-POP", 5, time.Now()))
	e.follow(ctx, t, schemas.InventoryResults, func(value any) bool {
		result := value.(*schemas.InventoryResult)
		if result.UpdateID == "example-1" && result.Outcome != "APPLIED" {
			t.Errorf("the update behind the bad ones is %s: %s", result.Outcome, result.Message)
		}
		return result.UpdateID == "example-1"
	})
	e.checkPartitions(ctx, t)
	if err := p.Stop(time.Minute); err != nil {
		t.Errorf("stop the pipeline: %v", err)
	}
}

// outcome is a line that an example's client prints.
type outcome struct{ SKU, PackageID, Outcome, Code string }

// printed runs a client to its end and returns the outcomes that it prints.
func printed(t *testing.T, client *exec.Cmd, input string) []outcome {
	t.Helper()
	var outcomes []outcome
	for line := range strings.Lines(output(t, client, input)) {
		var o outcome
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("the client prints %q: %v", line, err)
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// shipByExample ships an order with the warehouse in Python: in two packages. One
// has an item that was not ordered; kcat then corrects the other.
func (e *environment) shipByExample(ctx context.Context, t *testing.T, python string) {
	t.Helper()
	account := e.amazon.Accounts()[0].ID
	change, err := e.amazon.World.PlaceOrder(account)
	for err == nil && change.Order.Status() == simulator.Pending {
		change, err = e.amazon.World.Change(change.Order.OrderID)
	}
	if err != nil {
		t.Fatal(err)
	}
	e.amazon.Notify(change)
	for e.carry(ctx, t) == 0 {
	}
	id, item := change.Order.OrderID, change.Order.Items[0]
	client := exec.CommandContext(ctx, python, filepath.Join(examples, "warehouse.py"), "--account", account,
		"--brokers", strings.Join(e.brokers, ","), "--registry", e.registry, "--prefix", e.prefix, "--wait", "120")
	client.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	outcomes := make(map[string]outcome)
	for _, o := range printed(t, client, fmt.Sprintf("%s,1,%s,%d,DHL Paket,T-1\n%[1]s,2,999,1,DHL Paket,T-2\n", id, item.OrderItemID, item.Quantity)) {
		outcomes[o.PackageID] = o
	}
	if outcomes["1"].Outcome != "CONFIRMED" || outcomes["2"].Outcome != "REJECTED" || outcomes["2"].Code != "unknown_item" {
		t.Errorf("the warehouse's outcomes are %+v", outcomes)
	}

	now := time.Now().UTC().Format(time.RFC3339Nano)
	line, _ := json.Marshal(map[string]any{
		"shipmentId": "example-1", "account": account, "orderId": id, "packageId": "1", "carrierName": "DHL Paket", "trackingNumber": "T-3",
		"items":    []any{map[string]any{"orderItemId": item.OrderItemID, "quantity": item.Quantity}},
		"shipTime": now, "eventTime": now,
	})
	e.kcat(ctx, t, schemas.Shipments, string(line)+"\n")
	if _, err := e.amazon.Ledger.Await(ctx, simulator.Filter{Operation: confirmShipment, Status: http.StatusNoContent}, 2); err != nil {
		t.Fatal(err)
	}
	shipments := e.amazon.World.Shipments()
	if len(shipments) != 1 || len(shipments[0].Parcels) != 2 || shipments[0].Parcels[1].TrackingNumber != "T-3" || shipments[0].Parcels[0].CarrierCode != "DHL-Paket" {
		t.Errorf("Amazon has %+v, want one package whose tracking number was corrected", shipments)
	}
}

// exclude configures a list of SKUs that other services manage.
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
	e.kcat(ctx, t, schemas.InventoryUpdates, update("bad", "nobody", "ECHO-POP", 1, now)+
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
	accounts := e.amazon.Accounts()
	misplaced := slices.IndexFunc(accounts, func(a simulator.Account) bool { // by librdkafka's own partitioner
		return int32(crc32.ChecksumIEEE([]byte(a.ID))%partitions) != partitionOf(a.ID)
	})
	if misplaced < 0 {
		t.Fatal("both partitioners agree about every account")
	}
	output(t, forgetful, update("bad", accounts[misplaced].ID, "ECHO-POP", 1, now))

	want := map[string]bool{"unknown_account": true, "negative_quantity": true, "event_time_ahead": true, "undecodable": true, "wrong_partition": true}
	e.follow(ctx, t, schemas.DeadLetters, func(value any) bool {
		letter := value.(*schemas.DeadLetter)
		if !want[letter.Reason] {
			t.Errorf("a dead letter says %s: %s", letter.Reason, letter.Message)
		}
		if letter.Reason == "wrong_partition" && !strings.Contains(letter.Message, "murmur2_random") {
			t.Errorf("who forgot the partitioner is told %q", letter.Message)
		}
		delete(want, letter.Reason)
		return len(want) == 0
	})
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

// update is a record as sellerstream encode takes it.
func update(id, account, sku string, quantity int, at time.Time) string {
	line, _ := json.Marshal(map[string]any{
		"updateId": id, "account": account, "sku": sku, "quantity": quantity, "eventTime": at.UTC().Format(time.RFC3339Nano),
	})
	return string(line) + "\n"
}

// kcat sends records as the example does.
func (e *environment) kcat(ctx context.Context, t *testing.T, topic, lines string) {
	t.Helper()
	script := exec.CommandContext(ctx, "bash", filepath.Join(examples, "kcat.sh"))
	script.Env = append(os.Environ(), "BROKERS="+strings.Join(e.brokers, ","), "REGISTRY="+e.registry, "PREFIX="+e.prefix, "TOPIC="+topic,
		"PATH="+filepath.Dir(e.binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	output(t, script, lines)
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

// checkPartitions wants every record on its account's partition, except for the one
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
			if rec.Partition != partitionOf(string(rec.Key)) {
				misplaced++
			}
		})
	}
	if misplaced != 1 {
		t.Errorf("%d updates are on another partition than their account's, want the one that was sent without a partitioner", misplaced)
	}
}
