package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"
	"golang.org/x/time/rate"
)

// topicPatience is for topics that were made just now: brokers hear of them one
// by one.
const topicPatience = 3 * time.Second

// Processor runs the units of one role that the consumer group assigns to this process.
type Processor struct {
	opts     Options
	instance string // who we are in claims: host and a random part
	pace     *rate.Limiter
	chunks   sync.Pool // of *chunk
	group    atomic.Pointer[group]

	missing atomic.Pointer[string] // topics that Run waits for

	// Set by Run before a unit starts.
	topology  *topology
	namespace string // of this pipeline: its cluster and its prefix
}

// New checks opts, reporting every fault at once. It does not connect.
func New(opts Options) (*Processor, error) {
	opts = opts.withDefaults()
	if err := opts.validate(); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("stream: the host's name, which claims carry: %w", err)
	}
	opts.Logger = opts.Logger.With("role", opts.Processor)
	return &Processor{opts: opts, pace: newPace(), instance: host + "-" + strings.ToLower(rand.Text()[:8])}, nil
}

// stopGrace is what a stop may take beyond DrainTimeout: commits and leaving the group.
const stopGrace = 10 * time.Second

// Run runs until ctx ends. Then it stops taking records and starting calls, lets
// started calls end within DrainTimeout, commits, and leaves the group; this is a
// clean stop and returns nil. An error means that Kafka's clients cannot be made
// of the options: a unit that cannot go on stops alone, see Stopped.
//
// Run may be called once.
func (p *Processor) Run(ctx context.Context) error {
	work, cancel := outlive(ctx, p.opts.DrainTimeout+stopGrace)
	defer cancel()
	return p.run(ctx, work)
}

// outlive returns a context that ends some time after ctx does.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	late := time.AfterFunc(time.Hour, func() { cancel(errors.New("stopping took longer than the drain timeout")) })
	late.Stop() // until ctx ends
	stop := context.AfterFunc(ctx, func() { late.Reset(by) })
	return longer, func() {
		stop()
		late.Stop()
		cancel(context.Canceled)
	}
}

// run runs until intake ends, as Run does; when work ends everything stops at once.
func (p *Processor) run(intake, work context.Context) error {
	work, stopWork := context.WithCancel(work)
	defer stopWork()
	intake, stopIntake := context.WithCancelCause(intake)
	defer stopIntake(nil)
	defer context.AfterFunc(work, func() { stopIntake(context.Cause(work)) })()

	var err error
	if p.topology, err = p.awaitTopics(intake); err != nil {
		if intake.Err() != nil {
			return nil
		}
		return err
	}
	g, err := joinGroup(work, p)
	if err != nil {
		return err
	}
	p.group.Store(g)
	<-intake.Done()
	g.leave()
	return nil
}

// clientOptions are those that all clients share, and more.
func (p *Processor) clientOptions(more ...kgo.Opt) []kgo.Opt {
	all := []kgo.Opt{
		kgo.ClientID("sellerstream-" + p.opts.Processor),
		kgo.WithLogger(clientLogger{kslog.New(p.opts.Logger)}),
		// The push of client metrics delays every Close by up to a second.
		kgo.DisableClientMetrics(),
		// Leaders move when brokers restart; the default of 5 s would be a pause.
		kgo.MetadataMinAge(250 * time.Millisecond),
	}
	return append(append(all, p.opts.Client...), more...)
}

// clientLogger leaves out what the Kafka client says of every transaction.
type clientLogger struct{ kgo.Logger }

func (l clientLogger) Level() kgo.LogLevel { return min(l.Logger.Level(), kgo.LogLevelWarn) }
