package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
)

// group is the consumer group's name, after the role; see Options.Prefix.
const group = "events"

// Publisher publishes the records of the output topics as events.
type Publisher struct {
	opts   Options
	client *kgo.Client
	joined atomic.Bool   // whether the group has given us a share, be it an empty one
	limit  *rate.Limiter // nil for none

	// mu is held while a request is under way and until its offsets are
	// committed, and by the group's callbacks.
	mu      sync.Mutex
	cursors map[partition]*cursor
	ring    []*cursor // the same, in the order in which they get their turn

	unreadable unreadable
	stats      counters
	heads      heads
}

// Stats are counts since the Publisher was made.
type Stats struct {
	Published   int64 // events that EventBridge accepted
	Failed      int64 // entries that were refused or whose request failed; they are tried again
	Resent      int64 // entries sent again although an earlier, unanswered request may have brought them
	DeadLetters int64 // records set aside
}

type counters struct{ published, failed, resent, deadLetters atomic.Int64 }

// New checks the options. The Publisher does nothing until Run.
func New(opts Options) (*Publisher, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Publisher{opts: opts, cursors: make(map[partition]*cursor)}
	if opts.Again != nil && opts.Again.Rate > 0 {
		p.limit = rate.NewLimiter(rate.Limit(opts.Again.Rate), maxEntries)
	}
	return p, nil
}

// WaitsFor returns what keeps the publisher from being ready; "" while it is a
// member of its group.
func (p *Publisher) WaitsFor() string {
	if p.joined.Load() {
		return ""
	}
	return "the consumer group " + p.group()
}

// Stats reads the counters.
func (p *Publisher) Stats() Stats {
	return Stats{
		Published: p.stats.published.Load(), Failed: p.stats.failed.Load(),
		Resent: p.stats.resent.Load(), DeadLetters: p.stats.deadLetters.Load(),
	}
}

// errStopped is why work ends that the drain deadline cuts off.
var errStopped = errors.New("the publisher has stopped")

// Run publishes until ctx ends, then finishes the request under way, commits
// it and leaves the group. Errors of Kafka and EventBridge do not end it: they
// are logged and tried again. It may be called once.
func (p *Publisher) Run(ctx context.Context) error {
	work, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(errStopped)
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(p.opts.DrainTimeout, func() { stop(errStopped) })
	})()
	for ctx.Err() == nil && !p.done() {
		if err := p.session(ctx, work); err != nil {
			return err
		}
	}
	return nil
}

// session publishes until ctx ends, or until the client must be made anew.
func (p *Publisher) session(ctx, work context.Context) error {
	client, err := kclient.NewClient(p.groupOptions()...)
	if err != nil {
		return fmt.Errorf("bridge/eventbridge: Kafka client: %w", err)
	}
	p.joined.Store(false)
	p.unreadable = unreadable{}
	p.heads.mu.Lock()
	p.client = client
	p.heads.mu.Unlock()
	defer client.CloseAllowingRebalance()
	for ctx.Err() == nil && !p.done() && !p.stuck() {
		if err := p.poll(ctx); err != nil {
			return err
		}
		p.step(ctx, work)
		client.AllowRebalance()
	}
	return nil
}

// fetchMaxWait bounds how long a fetch waits at the broker. The client has one
// fetch at a time with each broker, so a partition that is resumed waits for the
// end of one that found nothing in the others: with the client's default of 5 s
// a partition that once fell behind pauseAt would stay at 20 records a second.
const fetchMaxWait = 250 * time.Millisecond

func (p *Publisher) groupOptions() []kgo.Opt {
	topics := make([]string, len(p.opts.Topics))
	for i, t := range p.opts.Topics {
		topics[i] = p.opts.Prefix + t
	}
	return append(p.againOptions([]kgo.Opt{
		kgo.ConsumerGroup(p.group()),
		kgo.ConsumeTopics(topics...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // the position behind a transaction's marker must be known
		kgo.FetchMaxWait(fetchMaxWait),
		// A new group publishes all there is, and one that fell behind the topic's
		// retention goes on with what is left.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(p.assigned),
		kgo.OnPartitionsRevoked(p.dropped),
		kgo.OnPartitionsLost(p.lost),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytesFn(deadLetterBatch(p.opts.Prefix)),
	}), p.opts.Kafka...)
}

func (p *Publisher) assigned(_ context.Context, client *kgo.Client, added map[string][]int32) {
	p.joined.Store(true)
	// A pause outlives the assignment that it was made in.
	client.ResumeFetchPartitions(added)
	client.PauseFetchPartitions(p.closed(added))
	p.mu.Lock()
	defer p.mu.Unlock()
	for topic, numbers := range added {
		for _, n := range numbers {
			c := &cursor{partition: partition{topic, n}, next: unknownPosition}
			p.cursors[c.partition] = c
			p.ring = append(p.ring, c)
		}
	}
	p.note()
}

// lost is dropped for a process that is no longer of its group.
func (p *Publisher) lost(ctx context.Context, client *kgo.Client, gone map[string][]int32) {
	p.joined.Store(false)
	p.dropped(ctx, client, gone)
}

// dropped gives partitions up. It waits for the request under way, whose
// offsets are then committed: the new owner goes on behind it. What was polled
// and not sent is the new owner's.
func (p *Publisher) dropped(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for topic, numbers := range gone {
		for _, n := range numbers {
			delete(p.cursors, partition{topic, n})
		}
	}
	kept := p.ring[:0]
	for _, c := range p.ring {
		if p.cursors[c.partition] == c {
			kept = append(kept, c)
		}
	}
	clear(p.ring[len(kept):])
	p.ring = kept
	p.note()
}

// pollRecords bounds one poll.
const pollRecords = 100

// maxWaitingBytes bounds what was polled and not settled, of all partitions.
const maxWaitingBytes = 32 << 20

// poll takes in new records. It waits for them only while there is nothing to
// send. When it brings records, rebalances wait until AllowRebalance, so that
// they cannot be of a partition that is given up meanwhile.
func (p *Publisher) poll(ctx context.Context) error {
	wait, cancel := p.pollContext(ctx)
	if p.crowded() {
		if wait != nil { // until the next try is due
			<-wait.Done()
		}
		cancel()
		return nil
	}
	fetches := p.client.PollRecords(wait, pollRecords)
	cancel()
	if err := p.refresh(ctx, fetches); err != nil {
		return err
	}
	unreadable := p.errors(fetches)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.note()
	fetches.EachTopic(p.identify)
	fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
		c := p.cursors[partition{fetched.Topic, fetched.Partition}]
		if c == nil || len(fetched.Records) == 0 {
			return
		}
		c.next = fetched.Records[len(fetched.Records)-1].Offset + 1
		c.add(p.meant(fetched.Records)...)
		if c.full() && !c.paused {
			c.paused = true
			p.client.PauseFetchPartitions(map[string][]int32{c.topic: {c.number}})
		}
	})
	for _, batch := range unreadable {
		p.skip(batch)
	}
	return nil
}

// errors logs what went wrong with a poll, and returns the batches that cannot be
// read.
func (p *Publisher) errors(fetches kgo.Fetches) (unreadable []*kclient.UnreadableError) {
	for _, e := range kclient.Errors(fetches) {
		var batch *kclient.UnreadableError
		var session *kgo.ErrGroupSession
		switch {
		case errors.As(e.Err, &batch):
			unreadable = append(unreadable, batch)
		case errors.Is(e.Err, context.Canceled), errors.Is(e.Err, context.DeadlineExceeded), errors.Is(e.Err, kgo.ErrClientClosed):
		case errors.As(e.Err, &session):
			p.opts.Logger.Error("cannot join the consumer group: check that the brokers answer and that the user may read the group; trying again", "group", p.group(), "error", e.Err)
		default:
			p.opts.Logger.Error("cannot read a topic: check that it exists and may be read; trying again", "topic", e.Topic, "partition", e.Partition, "error", e.Err)
		}
	}
	return unreadable
}

// identify notes Kafka's id of a topic, which one that is made anew does not have.
func (p *Publisher) identify(topic kgo.FetchTopic) {
	if topic.TopicID == [16]byte{} { // the broker has none
		return
	}
	for _, fetched := range topic.Partitions {
		if c := p.cursors[partition{topic.Topic, fetched.Partition}]; c != nil {
			c.topicID = kadm.TopicID(topic.TopicID).String()
		}
	}
}

// crowded reports whether so much waits in all partitions together that nothing
// more is polled (containment rule 1).
func (p *Publisher) crowded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	bytes := 0
	for _, c := range p.ring {
		bytes += c.bytes
	}
	return bytes >= maxWaitingBytes
}

// pollContext is nil, which tells kgo not to wait, when there is something to
// send; else it ends with ctx or when the next try is due.
func (p *Publisher) pollContext(ctx context.Context) (context.Context, context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	var next time.Time
	for _, c := range p.ring {
		if c.ready(now) {
			return nil, func() {}
		}
		if len(c.records) > 0 && (next.IsZero() || c.notBefore.Before(next)) {
			next = c.notBefore
		}
	}
	if p.refused() && (next.IsZero() || next.After(now.Add(refusedPatience))) {
		next = now.Add(refusedPatience)
	}
	switch {
	case !next.IsZero():
		return context.WithDeadline(ctx, next)
	case p.opts.Again != nil:
		return context.WithTimeout(ctx, idle)
	}
	return ctx, func() {}
}

// step sends one request and commits what it settled. It begins nothing after
// ctx has ended.
func (p *Publisher) step(ctx, work context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.note()
	settled, request := p.gather(work)
	if len(request) > 0 && p.pace(ctx, len(request)) == nil {
		settled = append(settled, p.send(work, request)...)
	}
	if len(settled) == 0 {
		return
	}
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	for _, c := range settled {
		rec := c.records[0]
		if offsets[c.topic] == nil {
			offsets[c.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[c.topic][c.number] = kgo.EpochOffset{Epoch: rec.LeaderEpoch, Offset: rec.Offset + 1}
		c.settle()
		if c.paused && len(c.records) <= resumeAt && c.bytes <= pauseBytes/2 {
			c.paused = false
			p.client.ResumeFetchPartitions(map[string][]int32{c.topic: {c.number}})
		}
	}
	if !p.opts.DryRun {
		p.commit(work, offsets)
	}
	p.advance(offsets)
}

const firstBackoff, maxBackoff = 125 * time.Millisecond, 16 * time.Second

// backoff returns how long to wait after a try that failed.
func backoff(failures int) time.Duration { return clock.Backoff(failures, firstBackoff, maxBackoff) }
