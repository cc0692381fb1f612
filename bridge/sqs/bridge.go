package sqs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Bridge moves one queue's notifications into Kafka.
type Bridge struct {
	opts   Options
	flight *flight
	acked  chan *message // acknowledged by Kafka, to be deleted
	failed chan *message // not acknowledged, to be produced again
	stats  counters
	asides asides
	odd    asides // by field

	depth  atomic.Pointer[Depth] // nil while SQS does not tell
	oldest atomic.Int64          // see Depth.Oldest

	pollers  atomic.Int32
	answered atomic.Bool    // whether the last receive was
	tasks    sync.WaitGroup // the pollers
}

// Stats are counts since the Bridge was made, except Pollers and InFlight,
// which are of the present moment.
type Stats struct {
	Received    int64            // messages received
	Redelivered int64            // of these, those that SQS had given out before
	Produced    int64            // records acknowledged by Kafka, dead letters included
	Forwarded   int64            // of these, those that are no dead letters
	Unwanted    int64            // messages deleted without a record: about orders that their account leaves out
	DeadLetters map[string]int64 // messages set aside, by reason
	Deleted     int64            // messages deleted from the queue
	OddFields   int64            // fields left out, or read from another type, because they were not as documented
	Abandoned   int64            // messages left to come again, because they could not be deleted or set aside
	Pollers     int              // receives that can be under way at once
	InFlight    int              // messages received and neither deleted nor abandoned
}

type counters struct {
	received, redelivered, produced, forwarded, unwanted, deleted, abandoned, odd atomic.Int64

	mu          sync.Mutex
	deadLetters map[string]int64
}

// New checks the options. The Bridge does nothing until Run.
func New(opts Options) (*Bridge, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	// No send on these channels ever waits: every message in flight fits.
	room := opts.MaxInFlight + opts.MaxPollers*batchSize
	return &Bridge{
		opts:   opts,
		flight: newFlight(opts.MaxInFlight, opts.MaxInFlightBytes),
		acked:  make(chan *message, room),
		failed: make(chan *message, room),
	}, nil
}

// Stats reads the counters.
func (b *Bridge) Stats() Stats {
	return Stats{
		Received: b.stats.received.Load(), Redelivered: b.stats.redelivered.Load(),
		Produced: b.stats.produced.Load(), Forwarded: b.stats.forwarded.Load(), Unwanted: b.stats.unwanted.Load(), DeadLetters: b.stats.setAside(),
		OddFields: b.stats.odd.Load(), Deleted: b.stats.deleted.Load(), Abandoned: b.stats.abandoned.Load(),
		Pollers: int(b.pollers.Load()), InFlight: b.flight.size(),
	}
}

// WaitsFor returns what keeps the bridge from being ready; "" while SQS answers it.
func (b *Bridge) WaitsFor() string {
	if b.answered.Load() {
		return ""
	}
	return "SQS to answer for the queue " + b.opts.Queue
}

// setAside is a copy of the counts by reason.
func (c *counters) setAside() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.deadLetters)
}

func (c *counters) countDeadLetter(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadLetters == nil {
		c.deadLetters = make(map[string]int64)
	}
	c.deadLetters[reason]++
}

// errStopped is why work ends that waits for nothing more.
var errStopped = errors.New("the bridge has stopped")

// receiveGrace is how long a receive under way may go on after a stop: the
// messages of a receive that is cut off stay hidden until their timeout.
const receiveGrace = 500 * time.Millisecond

// Run moves messages until ctx ends, then finishes those it has received. It
// returns nil, or an error when DrainTimeout was not enough: the messages that
// were left are still in the queue. Errors of SQS and Kafka do not end it: they
// are logged and tried again. Run may be called once.
func (b *Bridge) Run(ctx context.Context) error {
	work, stopWork := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stopWork(errStopped)
	receive, stopReceive := context.WithCancelCause(work)
	defer stopReceive(errStopped)
	defer context.AfterFunc(ctx, func() {
		time.AfterFunc(receiveGrace, func() { stopReceive(errStopped) })
	})()

	var keepers sync.WaitGroup
	keepers.Go(func() { b.deleteAcked(work) })
	keepers.Go(func() { b.produceFailed(work) })
	keepers.Go(func() { b.keepHidden(work) })
	keepers.Go(func() { b.logAsides(work) })
	if b.opts.Attributes != nil {
		keepers.Go(func() { b.measure(work) })
	}
	b.pollers.Store(1)
	b.tasks.Go(func() { b.poll(contexts{stop: ctx, receive: receive, work: work}) })

	<-ctx.Done()
	deadline, cancel := context.WithTimeoutCause(work, b.opts.DrainTimeout, errStopped)
	defer cancel()
	polled := make(chan struct{})
	go func() { b.tasks.Wait(); close(polled) }()
	select {
	case <-polled:
	case <-deadline.Done():
	}
	err := b.flight.awaitEmpty(deadline)
	stopWork(errStopped)
	<-polled
	keepers.Wait()
	if err != nil {
		return fmt.Errorf("bridge/sqs: %d messages of %s were not written to Kafka and deleted within %s of the stop: they are still in the queue and will come again",
			b.flight.size(), b.opts.Queue, b.opts.DrainTimeout)
	}
	return nil
}
