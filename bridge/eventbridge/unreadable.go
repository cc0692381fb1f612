package eventbridge

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
)

// refusedPatience is how long a batch may be known to the client as unreadable
// before it has said which it is.
const refusedPatience = time.Second

// unreadable is what is known of batches that cannot be read, of one client.
type unreadable struct {
	told  int64     // those that the client has reported
	since time.Time // since when there are more than those
	held  []*cursor // those whose partition the client does not read on
}

// skip puts a batch that cannot be read among its partition's records, to become
// one dead letter, and has the client read on behind it.
func (p *Publisher) skip(batch *kclient.UnreadableError) {
	p.unreadable.told++
	c := p.cursors[partition{batch.Topic, batch.Partition}]
	if c == nil {
		return
	}
	c.check(batch.First)
	c.add(p.meant([]*kgo.Record{batch.Record()})...)
	c.next, c.epoch = batch.Last+1, batch.Epoch
	p.commits.dirty = true
	next := kgo.EpochOffset{Epoch: batch.Epoch, Offset: batch.Last + 1}
	p.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{c.topic: {c.number: next}})
	// SetOffsets does nothing for a partition where the group has committed nothing
	// and this client has polled nothing. A new client reads on from what this one
	// has committed.
	if p.client.CommittedOffsets()[c.topic][c.number] != next {
		p.unreadable.held = append(p.unreadable.held, c)
	}
}

// refused reports whether the client has found batches unreadable that it has not
// reported: a partition that is paused at that moment would stand still.
func (p *Publisher) refused() bool { return kclient.Refused(p.client) > p.unreadable.told }

// stuck reports whether the client must be made anew to read on. What waits is read
// again by the next one, from where was committed.
func (p *Publisher) stuck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.unreadable.held {
		if (c.waiting() == 0 || p.cursors[c.partition] != c) && !p.opts.DryRun { // which commits nothing to read on from
			return true
		}
	}
	switch {
	case !p.refused():
		p.unreadable.since = time.Time{}
	case p.unreadable.since.IsZero():
		p.unreadable.since = time.Now()
	default:
		return time.Since(p.unreadable.since) > refusedPatience
	}
	return false
}
