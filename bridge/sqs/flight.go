package sqs

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// message is one received message, from its receipt until it is deleted or
// left to come again.
type message struct {
	batch   *batch
	id      string // SQS message id
	receipt string
	body    string
	size    int       // of the body, as SQS gave it
	sent    time.Time // when it entered the queue
	records []*kgo.Record
	refused []error      // why Kafka did not take each of them, in one round of producing
	waits   atomic.Int32 // records of that round that Kafka has not answered
	settled bool         // guarded by flight.mu

	letter      *schemas.DeadLetter // what the record says, where it is a dead letter
	letterBytes int                 // how large it may be
}

// batch is what one receive brought: its messages become visible together.
type batch struct {
	messages []*message
	open     int       // messages not settled; guarded by flight.mu
	renewed  time.Time // when visibility was last given to it; guarded by flight.mu
}

// flight accounts for the messages that are received and not yet settled.
type flight struct {
	maxMessages int
	maxBytes    int

	mu       sync.Mutex
	batches  map[*batch]struct{}
	messages int
	bytes    int
	changed  chan struct{} // closed and replaced when messages leave
}

func newFlight(maxMessages, maxBytes int) *flight {
	return &flight{
		maxMessages: maxMessages, maxBytes: maxBytes,
		batches: make(map[*batch]struct{}),
		changed: make(chan struct{}),
	}
}

// add takes in what a receive brought.
func (f *flight) add(b *batch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b.open = len(b.messages)
	f.batches[b] = struct{}{}
	f.messages += b.open
	for _, m := range b.messages {
		f.bytes += m.size
	}
}

// settle lets messages go: they are deleted, or left to come again.
func (f *flight) settle(messages ...*message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range messages {
		if m.settled {
			continue
		}
		m.settled = true
		f.messages--
		f.bytes -= m.size
		if m.batch.open--; m.batch.open == 0 {
			delete(f.batches, m.batch)
		}
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// await waits until ok holds for the messages and bytes in flight.
func (f *flight) await(ctx context.Context, ok func(messages, bytes int) bool) error {
	for {
		f.mu.Lock()
		done, changed := ok(f.messages, f.bytes), f.changed
		f.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// awaitRoom waits until another receive is allowed.
func (f *flight) awaitRoom(ctx context.Context) error {
	return f.await(ctx, func(messages, bytes int) bool { return messages < f.maxMessages && bytes < f.maxBytes })
}

// awaitEmpty waits until every message is settled.
func (f *flight) awaitEmpty(ctx context.Context) error {
	return f.await(ctx, func(messages, _ int) bool { return messages == 0 })
}

// size is the number of messages in flight.
func (f *flight) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.messages
}

// due gives the open messages whose visibility was last given age or more
// before now, and counts it as given again.
func (f *flight) due(now time.Time, age time.Duration) []*message {
	f.mu.Lock()
	defer f.mu.Unlock()
	var due []*message
	for b := range f.batches {
		if now.Sub(b.renewed) < age {
			continue
		}
		b.renewed = now
		for _, m := range b.messages {
			if !m.settled {
				due = append(due, m)
			}
		}
	}
	return due
}

// unrenew makes messages due again, whose visibility could not be given.
func (f *flight) unrenew(messages ...*message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range messages {
		m.batch.renewed = time.Time{}
	}
}
