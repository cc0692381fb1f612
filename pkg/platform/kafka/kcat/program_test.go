package kcat_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kcat"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/parts"
)

// What Encode writes goes through the real kcat to the partitions that every
// other producer would choose, and comes back through Decode.
func TestThroughKcat(t *testing.T) {
	t.Parallel()
	program := parts.Program(t, "kcat")
	cluster, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.Brokers()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if _, err := topics.Ensure(t.Context(), kadm.NewClient(client), topics.Options{}); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	codec, err := registry.New(t.Context(), registry.Config{
		Client:   []sr.ClientOpt{sr.URLs(cluster.RegistryURL()), sr.HTTPClient(&http.Client{Transport: transport})},
		Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	run := func(in []byte, args ...string) []byte {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, append([]string{"-b", cluster.Brokers()[0]}, args...)...)
		cmd.Stdin = bytes.NewReader(in)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", cmd, err)
		}
		return out
	}

	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic(schemas.InventoryUpdates)
	var lines, accounts []string
	partitions := map[string]int{}
	for i := range 20 {
		account := "acme-" + strconv.Itoa(i)
		accounts = append(accounts, account)
		partitions[account] = partitioner.Partition(&kgo.Record{Key: []byte(account)}, schemas.DefaultPartitions)
		// 5 is a newline on the wire, at which kcat splits by default.
		lines = append(lines, strings.NewReplacer("acme-eu", account, "3,", "5,").Replace(update))
	}
	var values bytes.Buffer
	encoding := kcat.Encoding{Topic: schemas.InventoryUpdates, Delimiter: kcat.DefaultDelimiter}
	encoding.Record, _ = schemas.Of("InventoryUpdate")
	if err := kcat.Encode(strings.NewReader(strings.Join(lines, "\n")), &values, codec, encoding); err != nil {
		t.Fatal(err)
	}
	run(values.Bytes(), "-P", "-t", schemas.InventoryUpdates, "-K", kcat.KeyDelimiter, "-D", kcat.DefaultDelimiter, "-X", "partitioner=murmur2_random")

	for _, placed := range strings.Fields(string(run(nil, "-C", "-q", "-e", "-t", schemas.InventoryUpdates, "-f", "%k=%p "))) {
		account, partition, _ := strings.Cut(placed, "=")
		if strconv.Itoa(partitions[account]) != partition {
			t.Errorf("%s is on partition %s, where others put it on %d", account, partition, partitions[account])
		}
		delete(partitions, account)
	}
	if len(partitions) > 0 {
		t.Errorf("not in Kafka: %v", partitions)
	}
	var out bytes.Buffer
	if err := kcat.Decode(t.Context(), bytes.NewReader(run(nil, "-C", "-q", "-e", "-t", schemas.InventoryUpdates, "-f", "%R%s")), &out, codec); err != nil {
		t.Fatal(err)
	}
	for _, account := range accounts {
		if !strings.Contains(out.String(), `"account":"`+account+`","sku":"s","quantity":5,`) {
			t.Errorf("%s did not come back in\n%s", account, out.String())
		}
	}
}
