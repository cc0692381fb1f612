package eventbridge

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchMaxWait bounds how long a fetch waits at the broker. The client has one
// fetch at a time with each broker, so a partition that is resumed waits for the
// end of one that found nothing in the others: with the client's default of 5 s
// a partition that once fell behind pauseAt would stay at 20 records a second.
const fetchMaxWait = 250 * time.Millisecond

func (p *Publisher) groupOptions(work context.Context) []kgo.Opt {
	topics := make([]string, len(p.opts.Topics))
	for i, t := range p.opts.Topics {
		topics[i] = p.opts.Prefix + t
	}
	return append([]kgo.Opt{
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
		kgo.OnOffsetsFetched(p.resumed),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { p.revoked(work, gone) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) { p.lost(gone) }),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytesFn(deadLetterBatch(p.opts.Prefix)),
	}, p.opts.Kafka...)
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
			c := newCursor(partition{topic, n})
			p.cursors[c.partition] = c
			p.ring = append(p.ring, c)
		}
	}
}

// resumed takes over what stands beside the committed offsets of partitions that were
// assigned, before the first of their records is polled.
func (p *Publisher) resumed(_ context.Context, _ *kgo.Client, answer *kmsg.OffsetFetchResponse) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, group := range answer.Groups {
		for _, topic := range group.Topics {
			for _, at := range topic.Partitions {
				c := p.cursors[partition{topic.Topic, at.Partition}]
				if c != nil && c.next == unknownPosition && at.ErrorCode == 0 && at.Offset >= 0 && at.Metadata != nil {
					c.before = readNote(at.Offset, *at.Metadata)
				}
			}
		}
	}
	return nil
}

// revoked gives partitions up once their requests have their answers and their
// progress is committed: the new owner goes on from there. What was polled and
// not sent is the new owner's.
func (p *Publisher) revoked(work context.Context, gone map[string][]int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish(work, p.those(gone))
	p.forget(gone)
}

// lost is for a process that is no longer of its group: others have its partitions.
func (p *Publisher) lost(gone map[string][]int32) {
	p.joined.Store(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.commits.running { // it must not reach Kafka as one of the next membership
		p.changed.Wait()
	}
	p.forget(gone)
}

// those are the cursors of partitions.
func (p *Publisher) those(partitions map[string][]int32) (cursors []*cursor) {
	for topic, numbers := range partitions {
		for _, n := range numbers {
			if c := p.cursors[partition{topic, n}]; c != nil {
				cursors = append(cursors, c)
			}
		}
	}
	return cursors
}

func (p *Publisher) forget(gone map[string][]int32) {
	for _, c := range p.those(gone) {
		c.leaving = true
		delete(p.cursors, c.partition)
	}
	p.ring = slices.DeleteFunc(p.ring, func(c *cursor) bool { return p.cursors[c.partition] != c })
}

// finish sends nothing more of the cursors, waits for what is under way, and commits.
// It gives p.mu up meanwhile.
func (p *Publisher) finish(work context.Context, cursors []*cursor) {
	cursors = slices.Clone(cursors)
	for _, c := range cursors {
		c.leaving = true
	}
	for p.commits.running || slices.ContainsFunc(cursors, func(c *cursor) bool { return c.flying > 0 }) {
		p.changed.Wait()
	}
	// Those that were lost meanwhile are another process's.
	cursors = slices.DeleteFunc(cursors, func(c *cursor) bool { return p.cursors[c.partition] != c })
	p.commit(work, cursors)
}
