package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func client(t *testing.T, cluster *embedded.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append(opts, kgo.SeedBrokers(cluster.Brokers()...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// What was written before a restart is read after it, with the same schema ids.
func TestRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := fakekafka.Embedded(t, dir)
	producer := client(t, first)
	if _, err := topics.Ensure(t.Context(), kadm.NewClient(producer), topics.Options{Prefix: "s.", Partitions: 2}); err != nil {
		t.Fatal(err)
	}
	value, err := fakekafka.Codec(t, first.RegistryURL(), schemas.DefaultPrefix).AppendEncode(nil, schemas.Orders, &schemas.Order{OrderID: "202-1"})
	if err != nil {
		t.Fatal(err)
	}
	record := &kgo.Record{Topic: "s.orders", Key: []byte("acme-eu"), Value: value}
	if err := producer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
	producer.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}

	second := fakekafka.Embedded(t, dir)
	if first.TransactionalPrefix() == second.TransactionalPrefix() {
		t.Error("the transactional prefix did not change")
	}
	consumer := client(t, second, kgo.ConsumeTopics("s.orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	fetched := consumer.PollFetches(t.Context())
	if err := fetched.Err(); err != nil {
		t.Fatal(err)
	}
	decoded, err := fakekafka.Codec(t, second.RegistryURL(), schemas.DefaultPrefix).Decode(t.Context(), schemas.Orders, fetched.Records()[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	if id := decoded.(*schemas.Order).OrderID; id != "202-1" {
		t.Errorf("order id %s", id)
	}
}

func TestRegistryJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	register := func(cluster *embedded.Cluster, subject, schema string) int {
		t.Helper()
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		c, err := sr.NewClient(sr.URLs(cluster.RegistryURL()), sr.HTTPClient(&http.Client{Transport: transport}))
		if err != nil {
			t.Fatal(err)
		}
		id, err := c.RegisterSchema(t.Context(), subject, sr.Schema{Schema: schema}, -1, -1)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	cluster := fakekafka.Embedded(t, dir)
	all := func(cluster *embedded.Cluster) []int {
		return []int{
			register(cluster, "a", `"string"`), register(cluster, "b/ü", `"long"`), register(cluster, "c", `"string"`),
			register(cluster, "a", `"string"`), register(cluster, "a", `"bytes"`), register(cluster, "d", ` "string" `),
			register(cluster, "e", `"bytes"`), register(cluster, "f", `"float"`),
		}
	}
	ids := all(cluster)
	if want := []int{1, 2, 1, 1, 3, 1, 3, 4}; !slices.Equal(ids, want) {
		t.Errorf("ids are %v, want %v: one for each text", ids, want)
	}
	if err := cluster.Close(); err != nil {
		t.Fatal(err)
	}
	journal, err := os.ReadFile(dir + "/registry.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(journal, []byte("\n")); lines != 7 {
		t.Errorf("%d lines for 7 registrations:\n%s", lines, journal)
	}
	// A kill in the middle of a write leaves half a line.
	if err := os.WriteFile(dir+"/registry.jsonl", append(journal, strings.Repeat(`{"subj`, 1000)...), 0o644); err != nil {
		t.Fatal(err)
	}
	cluster = fakekafka.Embedded(t, dir)
	if again := all(cluster); !slices.Equal(again, ids) {
		t.Errorf("ids were %v, are %v", ids, again)
	}
	if next := register(cluster, "g", `"int"`); next <= slices.Max(ids) {
		t.Errorf("a new schema took the old id %d", next)
	}
	if err := cluster.Close(); err != nil {
		t.Fatal(err)
	}
	fakekafka.Embedded(t, dir) // what was written after the half line is whole
}

func TestLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fakekafka.Embedded(t, dir)
	_, err := embedded.Start(embedded.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("a second use of the directory gave: %v", err)
	}
}

func TestTakenPorts(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	var log bytes.Buffer
	cluster, err := embedded.Start(embedded.Config{
		Dir: t.TempDir(), KafkaPort: port, RegistryPort: port, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	for _, address := range append(cluster.Brokers(), strings.TrimPrefix(cluster.RegistryURL(), "http://")) {
		host, got, _ := net.SplitHostPort(address)
		if host != "127.0.0.1" || got == strconv.Itoa(port) {
			t.Errorf("listens on %s", address)
		}
	}
	if said := log.String(); strings.Count(said, "is taken") != 2 {
		t.Errorf("log: %s", said)
	}
}

// State topics must not grow with the number of writes.
func TestCompaction(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, t.TempDir())
	producer := client(t, cluster)
	if _, err := topics.Ensure(t.Context(), kadm.NewClient(producer), topics.Options{Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	const writes = 20
	for i := range writes { // each a batch of its own: kfake never touches the last batch
		record := &kgo.Record{Topic: schemas.StateOrders, Key: []byte("k"), Value: []byte(strconv.Itoa(i))}
		if err := producer.ProduceSync(t.Context(), record).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	cluster.Maintain()
	consumer := client(t, cluster, kgo.ConsumeTopics(schemas.StateOrders), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	seen, last := 0, ""
	for last != strconv.Itoa(writes-1) {
		fetched := consumer.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		fetched.EachRecord(func(r *kgo.Record) { seen++; last = string(r.Value) })
	}
	if seen > 2 {
		t.Errorf("%d of %d values of one key are still there", seen, writes)
	}
}

// The largest message that SQS has fits into dead-letters, and nowhere else.
func TestLargeRecords(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, t.TempDir())
	producer := client(t, cluster, kgo.ProducerBatchMaxBytes(schemas.MaxDeadLetterBytes), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if _, err := topics.Ensure(t.Context(), kadm.NewClient(producer), topics.Options{Partitions: 1}); err != nil {
		t.Fatal(err)
	}
	letter := &schemas.DeadLetter{
		Reason: "not_json", Message: strings.Repeat("m", 4096), Value: make([]byte, 1<<20),
		Attributes: map[string][]byte{"MessageId": make([]byte, 256<<10)},
	}
	value, err := fakekafka.Codec(t, cluster.RegistryURL(), schemas.DefaultPrefix).AppendEncode(nil, schemas.DeadLetters, letter)
	if err != nil {
		t.Fatal(err)
	}
	if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: schemas.DeadLetters, Value: value}).FirstErr(); err != nil {
		t.Errorf("dead-letters: %v", err)
	}
	err = producer.ProduceSync(t.Context(), &kgo.Record{Topic: schemas.Orders, Value: value}).FirstErr()
	if !errors.Is(err, kerr.MessageTooLarge) {
		t.Errorf("orders: %v", err)
	}
}
