package eventbridge

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
)

// pollRecords bounds one poll.
const pollRecords = 1000

// maxWaitingBytes bounds what was polled and not settled, of all partitions.
const maxWaitingBytes = 32 << 20

// poll takes in new records. It waits for them only while there is nothing to
// do, and an answer ends the wait. When it brings records, rebalances wait until
// AllowRebalance, so that they cannot be of a partition that is given up meanwhile.
func (p *Publisher) poll(ctx context.Context) error {
	wait, cancel := p.pollContext(ctx)
	defer cancel()
	if p.crowded() {
		if wait != nil {
			<-wait.Done()
		}
		return nil
	}
	fetches := p.client.PollRecords(wait, pollRecords)
	if err := p.refresh(ctx, fetches); err != nil && ctx.Err() == nil { // else it has been stopped
		return err
	}
	unreadable := p.errors(fetches)
	p.mu.Lock()
	defer p.mu.Unlock()
	fetches.EachTopic(p.identify)
	fetches.EachPartition(p.take)
	for _, batch := range unreadable {
		p.skip(batch)
	}
	return nil
}

// take puts polled records among their partition's.
func (p *Publisher) take(fetched kgo.FetchTopicPartition) {
	c := p.cursors[partition{fetched.Topic, fetched.Partition}]
	if c == nil || len(fetched.Records) == 0 {
		return
	}
	c.check(fetched.Records[0].Offset)
	last := fetched.Records[len(fetched.Records)-1]
	c.next, c.epoch = last.Offset+1, last.LeaderEpoch
	p.commits.dirty = true
	c.add(p.meant(fetched.Records)...)
	if c.full() && !c.paused {
		c.paused = true
		p.client.PauseFetchPartitions(map[string][]int32{c.topic: {c.number}})
	}
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

// pollContext is nil, which tells kgo not to wait, when there is something to do;
// else it ends with ctx, when something is due, or when an answer comes.
func (p *Publisher) pollContext(ctx context.Context) (context.Context, context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.overdue(now) || p.sendable(now) {
		return nil, func() {}
	}
	next := p.nextDue(now)
	if next.IsZero() {
		next = now.Add(idle)
	}
	wait, cancel := context.WithDeadline(ctx, next)
	p.endPoll = cancel
	return wait, cancel
}

// mayBegin reports whether a request may begin, if there is something to send.
func (p *Publisher) mayBegin(now time.Time) bool {
	return p.window.free(now) && p.commits.room(p.window.under, p.opts.MaxInFlight) && p.worthwhile(now) && p.allowed(now) > 0
}

// overdue reports whether the time of a try or of a commit has come.
func (p *Publisher) overdue(now time.Time) bool {
	return len(p.later) > 0 && !p.later[0].notBefore.After(now) || p.commits.due(now, p.opts.MaxInFlight)
}

// sendable reports whether a request can begin now.
func (p *Publisher) sendable(now time.Time) bool {
	if !p.mayBegin(now) {
		return false
	}
	for _, c := range p.ring {
		if !c.leaving && (len(c.ready) > 0 || p.readable(c, now)) {
			return true
		}
	}
	return false
}

// readable reports whether the next record of a cursor may be looked at.
func (p *Publisher) readable(c *cursor, now time.Time) bool {
	return c.unread > 0 && c.open < maxOpen && !c.notBefore.After(now) && p.letters < maxLetters
}

// nextDue is when there is something to do although nothing comes; zero if nothing is due.
func (p *Publisher) nextDue(now time.Time) (next time.Time) {
	due := func(at time.Time) {
		if at.After(now) && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	due(p.window.until)
	due(p.began.Add(linger))
	due(p.allowedAt(now))
	if len(p.later) > 0 {
		due(p.later[0].notBefore)
	}
	for _, c := range p.ring {
		due(c.notBefore)
	}
	if p.commits.dirty && !p.commits.running {
		due(p.commits.next)
	}
	if p.refused() {
		due(now.Add(refusedPatience))
	}
	return next
}
