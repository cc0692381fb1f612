package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"
)

// topicPatience is for topics that were made just now: brokers hear of them one
// by one.
const topicPatience = 3 * time.Second

// Processor runs the units of one role that the consumer group assigns to this process.
type Processor struct {
	opts     Options
	instance string // who we are in claims: host and a random part
	group    atomic.Pointer[group]

	// Set by Run before a unit starts.
	partitions int32 // of every topic
	topicIDs   map[string]kadm.TopicID
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
	return &Processor{opts: opts, instance: host + "-" + strings.ToLower(rand.Text()[:8])}, nil
}

// Run runs until intake or work ends, or a unit cannot go on. When intake ends
// it stops taking records and starting calls, lets started calls end within
// DrainTimeout, commits, and leaves the group; this is a clean stop and
// returns nil. When work ends everything stops at once. An error names the
// topic, partition and offset that could not be passed and what to do.
//
// Run may be called once.
func (p *Processor) Run(intake, work context.Context) error {
	work, stopWork := context.WithCancel(work)
	defer stopWork()
	intake, stopIntake := context.WithCancelCause(intake)
	defer stopIntake(nil)
	defer context.AfterFunc(work, func() { stopIntake(context.Cause(work)) })()

	if err := p.checkTopics(intake); err != nil {
		if intake.Err() != nil {
			return nil
		}
		return err
	}
	g, err := joinGroup(work, p, stopIntake)
	if err != nil {
		return err
	}
	p.group.Store(g)
	<-intake.Done()
	g.leave()
	if fatal := (*fatalError)(nil); errors.As(context.Cause(intake), &fatal) {
		return fmt.Errorf("processor %s: %w", p.opts.Processor, fatal)
	}
	return nil
}

// checkTopics finds the number of partitions, which must be the same for all
// topics: a unit is one partition number across them. It waits for brokers
// that cannot be reached, and a moment for topics that are missing.
func (p *Processor) checkTopics(ctx context.Context) error {
	client, err := kgo.NewClient(p.clientOptions(kgo.RequestRetries(2), kgo.WithContext(ctx))...)
	if err != nil {
		return fmt.Errorf("processor %s: Kafka client: %w", p.opts.Processor, err)
	}
	defer client.Close()
	names := make([]string, 0, len(p.opts.topics()))
	for _, logical := range p.opts.topics() {
		names = append(names, p.opts.topic(logical))
	}
	began := time.Now()
	for attempt := 0; ; attempt++ {
		details, err := kadm.NewClient(client).ListTopics(ctx, names...)
		if err == nil {
			if err = p.checkPartitions(names, details); err == nil || time.Since(began) > topicPatience {
				return err
			}
		}
		p.opts.Logger.Debug("the topics cannot be used yet; looking again", "error", err)
		if err := sleep(ctx, backoff(attempt)); err != nil {
			return err
		}
	}
}

func (p *Processor) checkPartitions(names []string, details kadm.TopicDetails) error {
	var faults []error
	p.partitions, p.topicIDs = 0, make(map[string]kadm.TopicID, len(names))
	for _, name := range names {
		detail, ok := details[name]
		if !ok || detail.Err != nil || len(detail.Partitions) == 0 {
			err := detail.Err
			if err == nil {
				err = errors.New("no such topic")
			}
			faults = append(faults, fmt.Errorf("topic %s cannot be used: %w; create it with as many partitions as the others", name, err))
			continue
		}
		count := int32(len(detail.Partitions))
		p.topicIDs[name] = detail.ID
		if p.partitions == 0 {
			p.partitions = count
		}
		if count != p.partitions {
			faults = append(faults, fmt.Errorf("topic %s has %d partitions but %s has %d: all topics of a processor need the same number, since a partition owns the same accounts in each",
				name, count, names[0], p.partitions))
		}
	}
	if len(faults) > 0 {
		return fmt.Errorf("processor %s: %w", p.opts.Processor, errors.Join(faults...))
	}
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
