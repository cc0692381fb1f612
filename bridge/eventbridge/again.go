package eventbridge

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// idle is after what time without a record it is looked whether what is left was
// done by another process, or removed.
const idle = 5 * time.Second

// group is the consumer group's name.
func (p *Publisher) group() string {
	if p.opts.Again != nil {
		return p.opts.Again.Journal.Group
	}
	return p.opts.Prefix + group
}

// againOptions are opts and what it takes to know the end of a run, which can be
// the end of a transaction.
func (p *Publisher) againOptions(opts []kgo.Opt) []kgo.Opt {
	if p.opts.Again != nil {
		opts = append(opts, kgo.KeepControlRecords())
	}
	return opts
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
	if p.opts.Again == nil || !fetches.Empty() || ctx.Err() != nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.ContainsFunc(p.ring, func(c *cursor) bool { return len(c.records) > 0 }) {
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

// pace waits until so many events may go.
func (p *Publisher) pace(ctx context.Context, events int) error {
	if p.limit == nil {
		return nil
	}
	return p.limit.WaitN(ctx, events)
}

// advance notes what was committed, and reads on only where something is left.
func (p *Publisher) advance(offsets map[string]map[int32]kgo.EpochOffset) {
	if p.opts.Again == nil {
		return
	}
	through := make(map[string][]int32)
	for topic, partitions := range offsets {
		for n, offset := range partitions {
			p.opts.Again.Run.Advance(n, offset.Offset)
			if !p.opts.Again.Run.Open(n) {
				through[topic] = append(through[topic], n)
			}
		}
	}
	p.client.PauseFetchPartitions(through)
}

// annotated adds the journal's notes to the offsets that are committed.
func (p *Publisher) annotated(ctx context.Context) context.Context {
	if p.opts.Again == nil {
		return ctx
	}
	return kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		for i := range req.Topics {
			for j := range req.Topics[i].Partitions {
				at := &req.Topics[i].Partitions[j]
				at.Metadata = kmsg.StringPtr(p.opts.Again.Run.Metadata(at.Partition))
			}
		}
		return nil
	})
}
