package integration

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/parts"
	"github.com/sellerstream/sellerstream/test/process"
)

// environment is everything around one pipeline. Names in it are the test's
// own, so that tests may run on the same parts at the same time.
type environment struct {
	brokers  []string
	registry string
	aws      string // endpoint of SQS and EventBridge

	prefix    string // of topics and groups
	queue     string // URL, where Amazon's notifications arrive
	queueARN  string
	bus       string
	delivered string // URL of the queue to which the bus delivers

	binary   string
	settings process.Config
	config   string // file that has them

	sqs    *sqs.Client
	codec  *registry.Codec
	tap    *tap
	amazon *simulator.Simulator
	urls   simulator.URLs

	dropped   float64 // share of notifications that Amazon does not send
	shipments int     // produced so far
	poisoned  int     // notifications sent that no code can process
}

func newEnvironment(t *testing.T) *environment {
	t.Helper()
	return newEnvironmentWith(t, simulator.Config{}, process.Config{})
}

// newEnvironmentWith is one whose Amazon and configuration have settings of the
// test's own.
func newEnvironmentWith(t *testing.T, amazon simulator.Config, settings process.Config) *environment {
	t.Helper()
	name := fmt.Sprintf("it-%d", time.Now().UnixNano())
	e := &environment{
		brokers: parts.Kafka(t), registry: parts.Registry(t), aws: parts.AWS(t),
		prefix: name + ".", bus: name,
		binary: buildBinary(t),
	}
	t.Cleanup(func() { removeTopics(t, e.brokers, e.prefix) })
	e.amazon, e.urls = startAmazon(t, amazon)
	e.tap = startTap(t, e.aws)

	config := credentials()
	e.sqs = sqs.NewFromConfig(config, func(o *sqs.Options) { o.BaseEndpoint = aws.String(e.aws) })
	e.queue, e.queueARN = makeQueue(t, e.sqs, name+"-notifications")
	delivered, deliveredARN := makeQueue(t, e.sqs, name+"-delivered")
	e.delivered = delivered
	makeBus(t, e.aws, e.bus, deliveredARN)

	codec, err := registry.New(t.Context(), registry.Config{
		Client: []sr.ClientOpt{sr.URLs(e.registry)}, Prefix: e.prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatalf("connect to the schema registry: %v", err)
	}
	e.codec = codec
	settings.Prefix, settings.Brokers, settings.Registry = e.prefix, e.brokers, e.registry
	// moto scans the whole queue for each request, one at a time, and many pollers
	// would keep it from answering PutEvents in time.
	settings.SQS, settings.Queue, settings.MaxPollers = e.aws, e.queue, 2
	settings.EventBridge, settings.Bus = e.tap.url, e.bus
	settings.Amazon, settings.Accounts, settings.Application = e.urls, e.amazon.Accounts(), application
	if settings.Rates == nil {
		settings.Rates = map[string]simulator.Rate{"getOrder": getOrderRate}
	}
	e.settings = settings
	e.config, err = settings.Write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// start runs the pipeline; it is gone at the end of the test.
func (e *environment) start(t *testing.T) *process.Process {
	t.Helper()
	return e.startWith(t, e.config)
}

// startWith is start with a configuration and flags of its own.
func (e *environment) startWith(t *testing.T, config string, flags ...string) *process.Process {
	t.Helper()
	p, err := process.Start(e.binary, config, t.TempDir(), flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("the pipeline's log ends with:\n%s", p.Log())
		}
	})
	return p
}

// awaitUp waits until a pipeline has begun its work: one that is stopped before has
// not drained, but was interrupted.
func (e *environment) awaitUp(ctx context.Context, t *testing.T, p *process.Process) {
	t.Helper()
	for !strings.Contains(p.Log(), "units restored") {
		select {
		case <-p.Exited:
			t.Fatal("the pipeline ended before it was up")
		case <-ctx.Done():
			t.Fatal("the pipeline did not come up")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// begin starts a pipeline and waits until it has taken its first order all the
// way, so that what comes next finds it at work.
func (e *environment) begin(ctx context.Context, t *testing.T) *process.Process {
	t.Helper()
	p := e.start(t)
	ctx, cancel := p.Watch(ctx)
	defer cancel()
	e.order(t, e.amazon.Accounts()[0].ID)
	if e.carry(ctx, t) == 0 {
		t.Fatal("the simulator has not sent the notification of the first order")
	}
	e.tap.await(ctx, t, "the first event", func(events map[string][]event) bool { return len(events) > 0 })
	return p
}
