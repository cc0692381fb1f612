package eventbridge_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awseventbridge "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/smithy-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	prefix     = "test."
	partitions = 12

	// patience is how long a test waits for what must come. The fake broker can
	// leave a member that waits for its SyncGroup without an answer until the
	// request's timeout of more than a minute; Kafka does not.
	patience = 3 * time.Minute
)

var application = simulator.Application{Name: "shop", ClientID: "amzn1.application-oa2-client.1", ClientSecrets: []string{"secret"}}

// world is a Kafka with the orders topic and a simulated EventBridge, reached
// by Amazon's own SDK.
type world struct {
	*simulator.Simulator
	t        *testing.T
	cluster  *kfake.Cluster
	producer *kgo.Client
}

func newWorld(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	s, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{application}, Accounts: simulator.Sellers(1, "shop"),
		EventBridgeLatency: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	cluster := fakekafka.New(t, kfake.SeedTopics(partitions, prefix+schemas.Orders, prefix+schemas.DeadLetters),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}))
	w := &world{Simulator: s, t: t, cluster: cluster}
	w.producer = fakekafka.Client(w.t, w.cluster)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// options are a publisher's for the world.
func (w *world) options() eventbridge.Options {
	return eventbridge.Options{
		Client: sdkOf(w.EventBridge()), Codec: plain{}, Details: details, Prefix: prefix, Topics: []string{schemas.Orders},
		Kafka: []kgo.Opt{
			kgo.SeedBrokers(w.cluster.ListenAddrs()...),
			kgo.HeartbeatInterval(50 * time.Millisecond), kgo.SessionTimeout(6 * time.Second),
		},
		Logger: slog.New(slog.DiscardHandler),
	}
}

// sdkOf is Amazon's client of a server.
func sdkOf(server http.Handler) *awseventbridge.Client {
	return eventbridge.NewClient(aws.Config{
		Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		HTTPClient: simulatortest.InProcess{Server: server},
	}, "http://events.test")
}

// run starts a publisher; the function that it returns stops it. What it lets
// observe must be what it counts.
func (w *world) run(opts eventbridge.Options) (*eventbridge.Publisher, func()) {
	w.t.Helper()
	var observed [eventbridge.DeadLetters + 1]atomic.Int64
	opts.Observe = func(o eventbridge.Observation) {
		observed[o.Outcome].Add(1)
		if o.Record == nil || o.DetailType == "" && o.Outcome != eventbridge.DeadLetters || (o.Reason == "") == (o.Outcome == eventbridge.DeadLetters) {
			w.t.Errorf("observed %+v", o)
		}
	}
	p, err := eventbridge.New(opts)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		for outcome, counted := range map[eventbridge.Outcome]int64{
			eventbridge.Accepted: p.Stats().Published, eventbridge.Resent: p.Stats().Resent, eventbridge.DeadLetters: p.Stats().DeadLetters,
		} {
			if n := observed[outcome].Load(); n != counted {
				w.t.Errorf("outcome %d: %d observed, %d counted", outcome, n, counted)
			}
		}
	})
	w.t.Cleanup(stop)
	return p, stop
}

// account is one of the 9 that the records of these tests have.
func account(i int) string { return fmt.Sprintf("account-%02d", i%9) }

// produce writes records from to n-1 to orders, each under one of 9 accounts.
func (w *world) produce(from, n int) {
	w.t.Helper()
	for i := from; i < n; i++ {
		w.produceValue(account(i), fmt.Sprintf("%s/%06d", account(i), i))
	}
}

// produceValue says in which partition the record stands.
func (w *world) produceValue(key, value string) int32 {
	w.t.Helper()
	rec := &kgo.Record{Topic: prefix + schemas.Orders, Key: []byte(key), Value: []byte(value)}
	if err := w.producer.ProduceSync(context.Background(), rec).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
	return rec.Partition
}

// plain is a codec for values that are their own bytes.
type plain struct{}

func (plain) Decode(_ context.Context, _ string, data []byte) (any, error) {
	if string(data) == "undecodable" {
		return nil, errors.New("not a value")
	}
	return string(data), nil
}

func (plain) AppendEncode(dst []byte, _ string, value any) ([]byte, error) {
	letter := value.(*schemas.DeadLetter)
	return fmt.Appendf(dst, "%s %s", letter.Reason, letter.Value[:min(len(letter.Value), 100)]), nil
}

// details makes events of values "entity/state".
func details(_ string, value any) (eventbridge.Event, bool, error) {
	switch text := value.(string); text {
	case "silent":
		return eventbridge.Event{}, false, nil
	case "unmappable":
		return eventbridge.Event{}, false, errors.New("no such event")
	case "panicking":
		panic("no such event")
	default:
		entity, _, _ := strings.Cut(text, "/")
		return eventbridge.Event{Type: "OrderChanged", Detail: fmt.Appendf(nil, `{"id":%q}`, text), Entity: entity}, true, nil
	}
}

// await waits until done holds.
func (w *world) await(what string, done func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !done() {
		if time.Now().After(deadline) {
			w.t.Fatalf("no %s within %v", what, patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// awaitEvents waits until n different events were received.
func (w *world) awaitEvents(n int) {
	w.t.Helper()
	w.await(fmt.Sprintf("%d events", n), func() bool { return len(w.counts()) >= n })
}

// counts returns how often each event's detail was received.
func (w *world) counts() map[string]int {
	counts := make(map[string]int)
	events, _ := w.Events(0)
	for _, e := range events {
		counts[e.Detail]++
	}
	return counts
}

// checkOnce wants each of n events to be received once, and in the order
// of its account.
func (w *world) checkOnce(n int) {
	w.t.Helper()
	counts := w.counts()
	if len(counts) != n {
		w.t.Errorf("%d different events, want %d", len(counts), n)
	}
	for detail, count := range counts {
		if count != 1 {
			w.t.Errorf("%s was received %d times", detail, count)
		}
	}
	w.checkOrder()
}

// checkOrder wants that no event came before an older one of its entity.
func (w *world) checkOrder() {
	w.t.Helper()
	last := make(map[string]string)
	events, _ := w.Events(0)
	for _, e := range events {
		entity, _, _ := strings.Cut(e.Detail, "/")
		if e.Detail < last[entity] {
			w.t.Errorf("%s came after %s", e.Detail, last[entity])
		}
		last[entity] = e.Detail
	}
}

// checkOrderOfFirst wants it of what came for the first time.
func (w *world) checkOrderOfFirst() {
	w.t.Helper()
	last, seen := make(map[string]string), make(map[string]bool)
	events, _ := w.Events(0)
	for _, e := range events {
		entity, _, _ := strings.Cut(e.Detail, "/")
		if e.Detail < last[entity] && !seen[e.Detail] {
			w.t.Errorf("%s came after %s", e.Detail, last[entity])
		}
		last[entity], seen[e.Detail] = max(last[entity], e.Detail), true
	}
}

// deadLetters reads what stands on dead-letters, waiting for n.
func (w *world) deadLetters(n int) (letters []string) {
	w.t.Helper()
	client := fakekafka.Client(w.t, w.cluster, kgo.ConsumeTopics(prefix+schemas.DeadLetters), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for len(letters) < n {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			w.t.Fatalf("%d dead letters within %v, want %d", len(letters), patience, n)
		}
		fetches.EachRecord(func(rec *kgo.Record) { letters = append(letters, string(rec.Value)) })
	}
	return letters
}

var _ eventbridge.Codec = (*registry.Codec)(nil)

// validation is EventBridge's refusal of a whole request.
func validation(message string) error {
	return &smithy.GenericAPIError{Code: "ValidationException", Message: message, Fault: smithy.FaultClient}
}
