package integration

import (
	"bytes"
	"fmt"
	"log/slog"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/registry"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/parts"
)

// TestKcatReadsThroughDecode runs the line that the README gives: Debian's kcat
// is built without Avro, so its records go through `sellerstream decode`.
func TestKcatReadsThroughDecode(t *testing.T) {
	brokers, registryURL := parts.Kafka(t), parts.Registry(t)
	parts.Program(t, "kcat")
	prefix := fmt.Sprintf("kcat-%d.", time.Now().UnixNano())
	codec, err := registry.New(t.Context(), registry.Config{
		Client: []sr.ClientOpt{sr.URLs(registryURL)}, Prefix: prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(prefix+schemas.Orders))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	t.Cleanup(func() { removeTopics(t, brokers, prefix) })
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, nil, prefix+schemas.Orders); err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	for i := range 3 {
		order := &schemas.Order{
			// A line break inside a value must not end the line of output.
			EventID: fmt.Sprint("event-", i), Account: "acme-eu", MarketplaceName: "Straße\n1",
			CreatedTime: time.UnixMilli(1), LastUpdatedTime: time.UnixMilli(2),
			Programs: []string{}, Items: []schemas.OrderItem{}, Packages: []schemas.OrderPackage{},
		}
		value, err := codec.AppendEncode(nil, schemas.Orders, order)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Key: []byte(order.Account), Value: value}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		line, err := schemas.AppendJSON(nil, order)
		if err != nil {
			t.Fatal(err)
		}
		want.Write(append(line, '\n'))
	}

	line := `kcat -C -q -e -b "$1" -t "$2" -f '%R%s' | "$3" decode --registry "$4"`
	shell := exec.CommandContext(t.Context(), "bash", "-o", "pipefail", "-c", line, "bash",
		strings.Join(brokers, ","), prefix+schemas.Orders, buildBinary(t), registryURL)
	var stderr bytes.Buffer
	shell.Stderr = &stderr
	got, err := shell.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, stderr.Bytes())
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want.Bytes())
	}
}
