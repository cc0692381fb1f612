package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/parts"
	"github.com/sellerstream/sellerstream/test/process"
)

// buyerMark begins every text about a buyer at Amazon.
const buyerMark = "ITCANARY "

// TestBuyerData takes orders with buyer data through real parts, encrypted with a
// key of a file at first and of AWS KMS after a restart. It can be read by
// `sellerstream decode` and by the example in Python, and nowhere without a key.
func TestBuyerData(t *testing.T) {
	python := parts.Python(t, filepath.Join(examples, "requirements.txt"))
	parts.Program(t, "kcat")
	e := newEnvironmentWith(t, simulator.Config{BuyerMark: buyerMark}, process.Config{})
	keys := filepath.Join(t.TempDir(), "keys")
	output(t, exec.CommandContext(t.Context(), e.binary, "buyer-key", "generate", keys), "")
	on := e.amazon.Accounts()[0].ID
	e.edit(t, "  - id: "+on+"\n", "  - id: "+on+"\n    buyer_data: true\n")
	e.edit(t, "\nbridge:\n", "\nbuyer_data:\n  keys: {file: "+keys+"}\nbridge:\n")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := e.begin(ctx, t)
	e.play(ctx, t, 20)
	e.finish(ctx, t, p)

	e.edit(t, "buyer_data:\n  keys", "buyer_data:\n  kms: "+e.makeKey(t)+"\n  keys")
	e.edit(t, "\n  sqs_endpoint:", "\n  kms_endpoint: "+e.aws+"\n  sqs_endpoint:")
	p = e.start(t)
	e.play(ctx, t, 20)
	e.finish(ctx, t, p)

	shown := make(map[string]map[string]string) // by order
	wrapped := e.wrappedBy(ctx, t)
	for _, order := range e.decoded(ctx, t, schemas.Orders, "--config", e.config) {
		switch {
		case order.Account != on && order.BuyerData != nil:
			t.Errorf("order %s of account %s has buyer data", order.OrderID, order.Account)
		case order.Account == on && order.BuyerData == nil && order.Status == "CANCELLED": // when it was first seen
		case order.Account == on && order.BuyerData == nil:
			t.Errorf("order %s, %s, has no buyer data", order.OrderID, order.Status)
		case order.Account == on:
			if name := order.BuyerData.Fields["recipient.name"]; !strings.HasPrefix(name, buyerMark) {
				t.Errorf("order %s shows the recipient %q, %s", order.OrderID, name, order.BuyerData.Error)
			}
			shown[order.OrderID] = order.BuyerData.Fields
		}
	}
	schemes := make(map[string]int)
	for order := range shown {
		scheme, _, _ := strings.Cut(wrapped[order], ":")
		schemes[scheme]++
	}
	if schemes["file"] == 0 || schemes["kms"] == 0 || len(schemes) != 2 {
		t.Errorf("keys are wrapped by %v, want by file and kms", schemes)
	}
	e.checkPython(ctx, t, python, keys, shown, wrapped)
	e.checkNobody(ctx, t)
}

// edit replaces text in the configuration.
func (e *environment) edit(t *testing.T, old, with string) {
	t.Helper()
	text, err := os.ReadFile(e.config)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("the configuration has no %q", old)
	}
	if err := os.WriteFile(e.config, bytes.Replace(text, []byte(old), []byte(with), 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// makeKey makes a key in KMS, and returns its ARN.
func (e *environment) makeKey(t *testing.T) string {
	t.Helper()
	client := kms.NewFromConfig(credentials(), func(o *kms.Options) { o.BaseEndpoint = &e.aws })
	made, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatalf("create a KMS key: %v", err)
	}
	return *made.KeyMetadata.Arn
}

// decodedOrder is what `sellerstream decode` prints of an order or of a key.
type decodedOrder struct {
	Account, OrderID string
	Status           string
	WrappedBy        string
	BuyerData        *struct {
		Fields map[string]string
		Error  string
	}
}

func (e *environment) decodeLines(ctx context.Context, t *testing.T, topic string, flags ...string) string {
	t.Helper()
	line := `topic=$1 brokers=$2 binary=$3; shift 3; kcat -C -q -e -b "$brokers" -t "$topic" -X isolation.level=read_committed -f '%R%s' | "$binary" decode "$@"`
	args := append([]string{"-o", "pipefail", "-c", line, "bash", e.prefix + topic, strings.Join(e.brokers, ","), e.binary}, flags...)
	command := exec.CommandContext(ctx, "bash", args...)
	command.Env = process.Environment()
	return output(t, command, "")
}

func (e *environment) decoded(ctx context.Context, t *testing.T, topic string, flags ...string) []decodedOrder {
	t.Helper()
	var all []decodedOrder
	for line := range strings.Lines(e.decodeLines(ctx, t, topic, flags...)) {
		var order decodedOrder
		if err := json.Unmarshal([]byte(line), &order); err != nil {
			t.Fatalf("decode prints %q: %v", line, err)
		}
		all = append(all, order)
	}
	return all
}

// wrappedBy is what each order's key is wrapped by.
func (e *environment) wrappedBy(ctx context.Context, t *testing.T) map[string]string {
	t.Helper()
	wrapped := make(map[string]string)
	for _, key := range e.decoded(ctx, t, schemas.BuyerKeys, "--registry", e.registry) {
		wrapped[key.OrderID] = key.WrappedBy
	}
	return wrapped
}

// checkPython makes the example decrypt what is wrapped with the file's key.
func (e *environment) checkPython(ctx context.Context, t *testing.T, python, keys string, shown map[string]map[string]string, wrapped map[string]string) {
	t.Helper()
	records := filepath.Join(t.TempDir(), "buyer-keys.jsonl")
	if err := os.WriteFile(records, []byte(e.decodeLines(ctx, t, schemas.BuyerKeys, "--registry", e.registry)), 0o600); err != nil {
		t.Fatal(err)
	}
	var orders strings.Builder
	for line := range strings.Lines(e.decodeLines(ctx, t, schemas.Orders, "--registry", e.registry)) {
		var order decodedOrder
		if err := json.Unmarshal([]byte(line), &order); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(wrapped[order.OrderID], "file:") {
			orders.WriteString(line)
		}
	}
	example := exec.CommandContext(ctx, python, "-B", filepath.Join(examples, "buyer_data.py"), "--keys", keys, "--buyer-keys", records)
	read := 0
	for line := range strings.Lines(output(t, example, orders.String())) {
		var order struct {
			OrderID string
			Fields  map[string]string
		}
		if err := json.Unmarshal([]byte(line), &order); err != nil {
			t.Fatalf("the example prints %q: %v", line, err)
		}
		if got, want := order.Fields["recipient.name"], shown[order.OrderID]["recipient.name"]; got != want || got == "" {
			t.Errorf("order %s: the example reads %q, decode %q", order.OrderID, got, want)
		}
		read++
	}
	if read == 0 {
		t.Error("the example read nothing")
	}
}

// checkNobody reads every byte of every topic, and every event.
func (e *environment) checkNobody(ctx context.Context, t *testing.T) {
	t.Helper()
	mark := []byte(strings.TrimSpace(buyerMark))
	client, err := kgo.NewClient(kgo.SeedBrokers(e.brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	reader := topicread.Reader{Admin: kadm.NewClient(client), Client: []kgo.Opt{kgo.SeedBrokers(e.brokers...)}}
	records := 0
	for _, topic := range schemas.Topics() {
		ends, err := reader.Ends(ctx, e.prefix+topic.Name)
		if errors.Is(err, topicread.ErrNoTopic) { // one that only a command makes
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		starts, err := reader.Starts(ctx, e.prefix+topic.Name, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		err = reader.Committed(ctx, e.prefix+topic.Name, starts, ends, func(rec *kgo.Record) error {
			records++
			if bytes.Contains(rec.Key, mark) || bytes.Contains(rec.Value, mark) {
				t.Errorf("a buyer is on topic %s: %.200q", topic.Name, rec.Value)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	sent, _ := e.tap.seen()
	for id, events := range sent {
		for _, event := range events {
			if bytes.Contains(event.detail, mark) || bytes.Contains(event.detail, []byte("buyerData")) {
				t.Errorf("event %s has buyer data: %s", id, event.detail)
			}
		}
	}
	if records == 0 || len(sent) == 0 {
		t.Errorf("%d records and %d events were looked at", records, len(sent))
	}
}
