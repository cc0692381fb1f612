package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

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
	joined atomic.Bool   // whether the group has given us a share, be it an empty one
	limit  *rate.Limiter // nil for none
	stats  counters

	// mu guards what follows. It is not held while Amazon or Kafka is asked.
	mu         sync.Mutex
	changed    *sync.Cond // a request has its answer, or a commit has
	client     *kgo.Client
	cursors    map[partition]*cursor
	ring       []*cursor // the same, in the order in which they get their turn
	later      delayed   // items whose next try is due at a time
	letters    int       // dead letters that are being written
	refusal    Refusal
	window     window
	began      time.Time // when the last request did
	meter      meter
	commits    commits
	unreadable unreadable
	refreshed  time.Time          // when the journal was last looked at
	endPoll    context.CancelFunc // ends the poll that waits; never nil
	used       any                // a value that nobody needs any more
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
	p := &Publisher{opts: opts, cursors: make(map[partition]*cursor), window: newWindow(opts.MaxInFlight), limit: newLimit(opts.Rate), endPoll: func() {}}
	p.changed = sync.NewCond(&p.mu)
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

// Run publishes until ctx ends, then finishes the requests under way, commits
// and leaves the group. Errors of Kafka and EventBridge do not end it: they
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
	client, err := p.join(work)
	if err != nil {
		return fmt.Errorf("bridge/eventbridge: Kafka client: %w", err)
	}
	defer client.CloseAllowingRebalance()
	for ctx.Err() == nil && !p.done() && !p.stuck() {
		if err = p.poll(ctx); err != nil {
			break
		}
		if ctx.Err() == nil { // begin nothing behind it
			p.step(work)
		}
		client.AllowRebalance()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish(work, p.ring)
	return err
}

// join makes a client, which joins the group on its own: its callbacks may come before
// it is returned.
func (p *Publisher) join(work context.Context) (client *kgo.Client, err error) {
	p.joined.Store(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unreadable = unreadable{}
	p.client, err = kclient.NewClient(p.groupOptions(work)...)
	return p.client, err
}

// step begins as many requests as may be under way, and a commit if one is due.
func (p *Publisher) step(work context.Context) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.later.due(now)
	for p.mayBegin(now) {
		request := p.gather(work, now)
		if len(request) == 0 {
			break
		}
		p.begin(request)
		go p.deliver(work, request)
	}
	p.commitIfDue(work, now)
	for _, c := range p.ring {
		if c.paused && c.thin() {
			c.paused = false
			p.client.ResumeFetchPartitions(map[string][]int32{c.topic: {c.number}})
		}
	}
}

// wake has the loop look again at what there is to do; p.mu is held.
func (p *Publisher) wake() {
	p.changed.Broadcast()
	p.endPoll()
}

const firstBackoff, maxBackoff = 125 * time.Millisecond, 16 * time.Second

// backoff returns how long to wait after a try that failed.
func backoff(failures int) time.Duration { return clock.Backoff(failures, firstBackoff, maxBackoff) }
