package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/logged"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testPartitions = 3
	testPrefix     = "t."
	in1, in2       = "in1", "in2"
	out            = "out"
	state          = "state.test"
	replays        = "replays"

	// patience is virtual. The fake broker can leave a member waiting for the
	// answer to its SyncGroup when the leader has died meanwhile, until the
	// request's timeout of more than a minute; Kafka does not.
	patience = 5 * time.Minute
)

// payload is the value of test records, state entries and outputs.
type payload struct {
	Account string
	N       int
	Text    string `json:",omitempty"`
}

// codec reads what the tests write; refuse, if not nil, may refuse a topic's values.
func codec(refuse func(topic string) error) fakekafka.JSON {
	return fakekafka.JSON{
		Kinds: []any{&payload{}, &schemas.Position{}, &schemas.Claim{}, &schemas.DeadLetter{}, &schemas.Imported{}}, Refuse: refuse,
	}
}

// world is a fake Kafka on a virtual network, inside a synctest bubble.
type world struct {
	t       *testing.T
	net     *kfake.VirtualNetwork
	cluster *kfake.Cluster
	client  *kgo.Client // for the test's own records
	logs    *logged.Text
}

// inBubble runs test under virtual time, and checks that nothing is left running.
func inBubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: &kfake.VirtualNetwork{}, logs: &logged.Text{}}
		var names []string
		for _, logical := range []string{in1, in2, out, state, replays, schemas.FeedResults, schemas.DeadLetters} {
			names = append(names, testPrefix+logical)
		}
		cluster, err := kfake.NewCluster(
			kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(w.net.Listen), kfake.SeedTopics(testPartitions, names...),
		)
		if err != nil {
			t.Fatalf("NewCluster: %v", err)
		}
		defer cluster.Close()
		w.cluster = cluster
		w.client = w.newClient(kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer w.client.Close()
		test(t, w)
	})
}

func (w *world) newClient(more ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	client, err := kgo.NewClient(append(w.clientOptions(), more...)...)
	if err != nil {
		w.t.Fatalf("NewClient: %v", err)
	}
	return client
}

func (w *world) clientOptions() []kgo.Opt {
	return []kgo.Opt{kgo.SeedBrokers(w.cluster.ListenAddrs()...), kgo.Dialer(w.net.DialContext)}
}

// produce writes a record of account n to an input.
func (w *world) produce(topic, account string, n int) {
	w.t.Helper()
	w.produceRaw(&kgo.Record{
		Topic: testPrefix + topic, Partition: partitionOf(account), Key: []byte(account), Value: encoded(w.t, &payload{Account: account, N: n}),
	})
}

// produceRaw writes records to the partitions that they name.
func (w *world) produceRaw(recs ...*kgo.Record) {
	w.t.Helper()
	if err := w.client.ProduceSync(w.t.Context(), recs...).FirstErr(); err != nil {
		w.t.Fatalf("produce: %v", err)
	}
}

// read returns the first n records of a topic that were committed, and fails
// where there are fewer within a patience of virtual time.
func (w *world) read(topic string, n int) []*kgo.Record {
	w.t.Helper()
	recs := w.readFor(topic, n, patience)
	if len(recs) < n {
		w.t.Fatalf("topic %s has %d records, want %d\n%s", topic, len(recs), n, w.logs)
	}
	return recs
}

func (w *world) readFor(topic string, n int, wait time.Duration) []*kgo.Record {
	w.t.Helper()
	client := w.newClient(kgo.ConsumeTopics(testPrefix+topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(100*time.Millisecond), kgo.DisableFetchSessions())
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), wait)
	defer cancel()
	var recs []*kgo.Record
	for len(recs) < n && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(rec *kgo.Record) { recs = append(recs, rec) })
	}
	return recs
}

// decode reads a record's value as a T.
func decode[T any](t *testing.T, rec *kgo.Record) T {
	t.Helper()
	value, err := codec(nil).Decode(t.Context(), "", rec.Value)
	if err != nil {
		t.Fatalf("decode %s/%d/%d: %v", rec.Topic, rec.Partition, rec.Offset, err)
	}
	typed, ok := value.(*T)
	if !ok {
		t.Fatalf("%s/%d/%d is a %T", rec.Topic, rec.Partition, rec.Offset, value)
	}
	return *typed
}

// options run the test machine on the world.
func (w *world) options(newMachine func(machine.Unit) machine.Machine) Options {
	return Options{
		Processor: "test", Prefix: testPrefix, TransactionalPrefix: "txn",
		Inputs: []string{in1, in2}, Outputs: []string{out}, State: state,
		New: newMachine, Codec: codec(nil), Own: codec(nil), Client: w.clientOptions(),
		SessionTimeout: 6 * time.Second, HeartbeatInterval: 500 * time.Millisecond,
		Logger: w.logs.Logger(slog.LevelDebug),
	}
}

// running is a processor that a test has started.
type running struct {
	*Processor
	w        *world
	stop     context.CancelFunc // a clean stop
	kill     context.CancelFunc // stops at once
	finished chan struct{}
	err      error
}

func (w *world) run(opts Options) *running {
	w.t.Helper()
	p, err := New(opts)
	if err != nil {
		w.t.Fatalf("New: %v", err)
	}
	r := &running{Processor: p, w: w, finished: make(chan struct{})}
	var intake, work context.Context
	intake, r.stop = context.WithCancel(context.Background())
	work, r.kill = context.WithCancel(context.Background())
	go func() {
		defer close(r.finished)
		r.err = p.run(intake, work)
	}()
	w.t.Cleanup(func() { r.stop(); r.kill(); <-r.finished })
	return r
}

// wait returns Run's error.
func (r *running) wait() error {
	r.w.t.Helper()
	select {
	case <-r.finished:
		return r.err
	case <-time.After(patience):
		r.w.t.Fatalf("Run does not end\n%s", r.w.logs)
		return nil
	}
}

// shutdown stops cleanly.
func (r *running) shutdown() {
	r.w.t.Helper()
	r.stop()
	if err := r.wait(); err != nil {
		r.w.t.Fatalf("Run: %v", err)
	}
}

// eventually waits in virtual time until ok.
func (w *world) eventually(what string, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("never: %s\n%s", what, w.logs)
		}
	}
}

func encoded(t *testing.T, value any) []byte {
	t.Helper()
	data, err := codec(nil).AppendEncode(nil, "", value)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// accountOf returns the first of many accounts that fits.
func accountOf(fits func(account string) bool) string {
	for n := 0; ; n++ {
		if account := fmt.Sprint("account-", n); fits(account) {
			return account
		}
	}
}

// setTopicConfig sets one configuration of a topic.
func (w *world) setTopicConfig(topic, name, value string) {
	w.t.Helper()
	responses, err := kadm.NewClient(w.client).AlterTopicConfigs(w.t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: name, Value: &value}}, testPrefix+topic)
	if err == nil {
		_, err = responses.On(testPrefix+topic, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	if err != nil {
		w.t.Fatalf("configure %s: %v", topic, err)
	}
}

// counter is a machine that numbers the records of each account, in its
// state, and emits every one with its number.
type counter struct {
	machinetest.NoCalls
	counts map[string]int
}

func newCounter(machine.Unit) machine.Machine { return &counter{counts: make(map[string]int)} }

func (m *counter) Restore(key string, value any) error {
	p, ok := value.(*payload)
	if !ok {
		return errors.New("not a payload")
	}
	m.counts[key] = p.N
	return nil
}

func (m *counter) Record(tx *machine.Tx, rec *machine.Record) {
	m.counts[rec.Account]++
	n := m.counts[rec.Account]
	tx.Put(rec.Account, &payload{Account: rec.Account, N: n})
	tx.Emit(machine.Output{Topic: out, Account: rec.Account, Value: &payload{
		Account: rec.Account, N: n, Text: fmt.Sprint(rec.Value.(*payload).N),
	}})
}

// scripted is a machine that does what a test says when a record comes.
type scripted struct {
	counter
	record func(tx *machine.Tx, rec *machine.Record)
}

func (m *scripted) Record(tx *machine.Tx, rec *machine.Record) { m.record(tx, rec) }
