package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/lag"
	"github.com/sellerstream/sellerstream/schemas"
)

// Backlog is what waits for EventBridge.
type Backlog struct {
	// Pending is how many offsets of all partitions are behind what the group has
	// committed, whoever has the partitions, be it nobody. Markers of transactions count.
	// It is negative where Kafka does not tell.
	Pending int64
	// Oldest is the time of the oldest record that this process has polled and not
	// published; zero for none.
	Oldest time.Time
}

// Backlog asks Kafka until ctx ends.
func (p *Publisher) Backlog(ctx context.Context) Backlog {
	backlog := Backlog{Pending: -1}
	p.mu.Lock()
	client := p.client
	backlog.Oldest = p.oldest()
	p.mu.Unlock()
	if client == nil {
		return backlog
	}
	if n, ok := lag.OfGroup(ctx, kadm.NewClient(client), p.group(), p.opts.Prefix, p.opts.Topics); ok {
		backlog.Pending = n
	}
	return backlog
}

// oldest is the time of the first record that is not settled; zero for none.
func (c *cursor) oldest() time.Time {
	for _, it := range c.items {
		if !it.settled {
			return it.rec.Timestamp
		}
	}
	return time.Time{}
}

// Refusal is that EventBridge has taken nothing since a time, although it was asked.
type Refusal struct {
	Since time.Time // zero where it takes events
	Cause string    // what it answered last, and what to do about it
}

// Refusal returns whether EventBridge takes nothing. Who has nothing left to send, as its
// partitions went to others, cannot tell.
func (p *Publisher) Refusal() Refusal {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.oldest().IsZero() {
		p.refusal = Refusal{}
	}
	return p.refusal
}

// oldest is the time of the oldest record that is not settled; zero for none. p.mu is held.
func (p *Publisher) oldest() (oldest time.Time) {
	for _, c := range p.ring {
		if at := c.oldest(); !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return oldest
}

// refuses notes that EventBridge has taken nothing of a request; p.mu is held.
func (p *Publisher) refuses(now time.Time, cause string) {
	if p.refusal.Since.IsZero() {
		p.refusal.Since = now
	}
	p.refusal.Cause = cause
}

// causeOf is the cause of a request that failed as a whole.
func causeOf(err error) string {
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Sprintf("no answer in time: %s", advice(err))
	}
	return fmt.Sprintf("%s: %s", schemas.Brief(err.Error()), advice(err))
}
