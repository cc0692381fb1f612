package eventbridge

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// idle is the longest poll. A replay looks after it whether the rest was done by another
// process, or removed.
const idle = 5 * time.Second

// group is the consumer group's name.
func (p *Publisher) group() string {
	if p.opts.Again != nil {
		return p.opts.Again.Journal.Group
	}
	return p.opts.Prefix + group
}

func (p *Publisher) done() bool { return p.opts.Again != nil && p.opts.Again.Run.Done() }

// closed returns the partitions that hold nothing to publish again.
func (p *Publisher) closed(partitions map[string][]int32) map[string][]int32 {
	closed := make(map[string][]int32)
	if p.opts.Again == nil {
		return closed
	}
	for topic, numbers := range partitions {
		for _, n := range numbers {
			if !p.opts.Again.Run.Open(n) {
				closed[topic] = append(closed[topic], n)
			}
		}
	}
	return closed
}

// refresh looks at the journal when nothing has come.
func (p *Publisher) refresh(ctx context.Context, fetches kgo.Fetches) error {
	if p.opts.Again == nil || !fetches.Empty() {
		return nil
	}
	p.mu.Lock()
	early := time.Since(p.refreshed) < idle || slices.ContainsFunc(p.ring, func(c *cursor) bool { return c.waiting() > 0 })
	if !early {
		p.refreshed = time.Now()
	}
	p.mu.Unlock()
	if early {
		return nil
	}
	return p.opts.Again.Journal.Refresh(ctx, p.opts.Again.Run)
}

// meant are those of the records that are to be published.
func (p *Publisher) meant(records []*kgo.Record) []*kgo.Record {
	if p.opts.Again == nil {
		return slices.DeleteFunc(records, func(rec *kgo.Record) bool { return rec.Attrs.IsControl() })
	}
	return slices.DeleteFunc(records, func(rec *kgo.Record) bool { return !p.opts.Again.Run.Has(rec.Partition, rec.Offset) })
}

// wanted reports whether an event is to be published.
func (p *Publisher) wanted(rec *kgo.Record, value any, detailType string) bool {
	again := p.opts.Again
	return again == nil || again.Wants == nil || again.Wants(rec, value, detailType)
}

// mark is what stands in an entry's Resources.
func (p *Publisher) mark() []string {
	if p.opts.Again == nil {
		return nil
	}
	return []string{p.opts.Again.Mark}
}

// note is what stands beside an offset; done is the progress in it.
func (p *Publisher) note(number int32, done string) string {
	if p.opts.Again != nil {
		return p.opts.Again.Run.Metadata(number, done)
	}
	return noteOf(done)
}

// advance notes what was committed, and reads on only where something is left.
func (p *Publisher) advance(s snapshot) {
	if p.opts.Again == nil {
		return
	}
	through := make(map[string][]int32)
	for c, at := range s.of {
		p.opts.Again.Run.Advance(c.number, at.at)
		if !p.opts.Again.Run.Open(c.number) {
			through[c.topic] = append(through[c.topic], c.number)
		}
	}
	p.client.PauseFetchPartitions(through)
}
