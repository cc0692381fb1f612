package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/bench/internal/stage"
)

// parts are what the measured sides work on.
type parts struct {
	*stage.Stage
	bodies []string
	runs   int
}

// side is one thing to measure.
type side struct {
	Name    string
	Pollers int    // of the bare loop
	Profile string // file for a CPU profile
}

// task is what a measured process is told.
type task struct {
	side
	Queue    string
	SQS      string
	Brokers  []string
	Registry string
	Prefix   string
	Accounts []account.Account
}

// result is one run of one side.
type result struct {
	Rate float64 // messages per second
	CPU  float64 // milliseconds of CPU per 1,000 messages
}

func openParts(messages int) (*parts, error) {
	s, err := stage.Open("bridge")
	if err != nil {
		return nil, err
	}
	err = s.Simulate(simulator.Config{
		Accounts: simulator.Sellers(24, stage.Application().Name), SQSLatency: 5 * time.Millisecond, CallsKept: 1000,
	})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	p := &parts{Stage: s}
	p.bodies = notifications(messages, p.accounts())
	return p, nil
}

func (p *parts) accounts() (accounts []account.Account) {
	for _, seller := range p.Pipeline.Accounts {
		accounts = append(accounts, seller.Account)
	}
	return accounts
}

// errDoesNotCount is a run in which something was lost, doubled or redelivered.
var errDoesNotCount = errors.New("the run does not count")

// repeat measures a side, and again when a run does not count, which it says.
func (p *parts) repeat(ctx context.Context, s side) (result, error) {
	const tries = 3
	for try := 1; ; try++ {
		r, err := p.measure(ctx, s)
		if !errors.Is(err, errDoesNotCount) || try == tries {
			return r, err
		}
		fmt.Printf("%s: %v\n", s.Name, err)
		if err := p.awaitEmptyQueue(); err != nil {
			return result{}, err
		}
	}
}

// awaitEmptyQueue waits until what a run left in the queue is gone.
func (p *parts) awaitEmptyQueue() error {
	for range 600 {
		q, err := p.Amazon.Queue(simulator.DefaultQueue)
		if err != nil || q.Visible+q.InFlight == 0 {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the queue is not empty a minute after a run that does not count")
}

// measure runs a side once over a full queue.
func (p *parts) measure(ctx context.Context, s side) (result, error) {
	p.runs++
	t := task{
		side: s, Queue: p.Pipeline.Queue, SQS: p.Pipeline.SQS, Brokers: p.Brokers, Registry: p.Pipeline.Registry,
		Prefix: fmt.Sprintf("run%d.", p.runs), Accounts: p.accounts(),
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(t.Brokers...))
	if err != nil {
		return result{}, err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	if _, err := topics.Ensure(ctx, admin, topics.Options{Prefix: t.Prefix, Partitions: 12, Replication: 1}); err != nil {
		return result{}, err
	}
	before, err := p.Amazon.Queue(simulator.DefaultQueue)
	if err != nil {
		return result{}, err
	}
	if err := p.Amazon.Send(simulator.DefaultQueue, p.bodies...); err != nil {
		return result{}, err
	}
	r, err := p.drive(ctx, t, before.Deleted+len(p.bodies))
	if err != nil {
		return result{}, err
	}
	after, err := p.Amazon.Queue(simulator.DefaultQueue)
	if err != nil {
		return result{}, err
	}
	if after.Visible+after.InFlight != 0 || after.Redelivered != before.Redelivered {
		return result{}, fmt.Errorf("%w: queue %+v", errDoesNotCount, after)
	}
	if err := p.checkTopic(ctx, t); err != nil {
		return result{}, fmt.Errorf("%w: %w", errDoesNotCount, err)
	}
	_, err = admin.DeleteTopics(ctx, t.Prefix+schemas.OrderChanges)
	return r, err
}

// drive measures a side from when it has come up to speed until the queue has deleted
// everything.
func (p *parts) drive(ctx context.Context, t task, deleted int) (r result, err error) {
	err = stage.Measure(ctx, t, func(side *stage.Remote) error {
		first, err := p.await(deleted-len(p.bodies)*(100-rampUp)/100, side)
		if err != nil {
			return err
		}
		last, err := p.await(deleted, side)
		took, n := last.at.Sub(first.at).Seconds(), float64(last.deleted-first.deleted)
		if err == nil && took < leastSeconds {
			fmt.Printf("(%s took %.1f s; below %d s a run says little: raise -messages)\n", t.Name, took, leastSeconds)
		}
		r = result{Rate: n / took, CPU: (last.cpu - first.cpu).Seconds() * 1e6 / n}
		return err
	})
	return r, err
}

const (
	rampUp       = 10 // percent of the messages that are not measured
	leastSeconds = 10 // that a run should take
	runPatience  = 2 * time.Minute
)

// moment is where a measured process is.
type moment struct {
	at      time.Time
	cpu     time.Duration
	deleted int
}

// await waits until so many messages have been deleted.
func (p *parts) await(deleted int, side *stage.Remote) (moment, error) {
	for begun := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		q, err := p.Amazon.Queue(simulator.DefaultQueue)
		if err != nil {
			return moment{}, err
		}
		if q.Deleted >= deleted {
			usage, err := side.Usage()
			return moment{time.Now(), usage.CPU, q.Deleted}, err
		}
		if time.Since(begun) > runPatience {
			return moment{}, fmt.Errorf("not done after %v: queue %+v", runPatience, q)
		}
	}
}

// checkTopic reports whether each message stands on order-changes once.
func (p *parts) checkTopic(ctx context.Context, t task) error {
	codec, err := registry.New(ctx, registry.Config{
		Client: []sr.ClientOpt{sr.URLs(t.Registry)}, Prefix: t.Prefix, Register: true,
	})
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(t.Brokers...), kgo.ConsumeTopics(t.Prefix+schemas.OrderChanges),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	seen := make(map[string]bool)
	for len(seen) < len(p.bodies) {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("%d of %d messages are in Kafka: %w", len(seen), len(p.bodies), err)
		}
		for _, rec := range fetches.Records() {
			id, err := orderID(ctx, codec, t.Name, rec.Value)
			if err != nil {
				return err
			}
			seen[id] = true
		}
	}
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, t.Prefix+schemas.OrderChanges)
	if err != nil {
		return err
	}
	var total int64
	ends.Each(func(o kadm.ListedOffset) { total += o.Offset })
	if int(total) != len(p.bodies) {
		return fmt.Errorf("%d records in Kafka for %d messages", total, len(p.bodies))
	}
	return nil
}

func orderID(ctx context.Context, codec *registry.Codec, name string, value []byte) (string, error) {
	if name == "bare" {
		_, rest, _ := strings.Cut(string(value), `"AmazonOrderId":"`)
		id, _, _ := strings.Cut(rest, `"`)
		return id, nil
	}
	change, err := codec.Decode(ctx, schemas.OrderChanges, value)
	if err != nil {
		return "", err
	}
	return change.(*schemas.OrderChange).OrderID, nil
}
