package eventbridge

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/lag"
)

// unknownPosition is the position in a partition that has brought no record yet.
const unknownPosition = lag.Unknown

// Lag is how many records of each topic, by its logical name, are not published
// yet of the partitions that this process has, whether or not they could be read:
// from its positions to the topics' ends, without what is not committed. A topic
// whose end Kafka does not tell is left out. Lag is nil when nothing is known:
// before the process is of its group, and when Kafka does not answer until ctx
// ends.
func (p *Publisher) Lag(ctx context.Context) map[string]int64 {
	if !p.joined.Load() { // which is also before there is a client
		return nil
	}
	at := make(lag.Positions, len(p.opts.Topics))
	for _, topic := range p.opts.Topics {
		at[topic] = make(map[int32]int64)
	}
	p.mu.Lock()
	client := p.client
	for _, c := range p.ring {
		next := c.next
		if next != unknownPosition {
			next -= int64(c.waiting())
		}
		at[p.logical(c)][c.number] = next
	}
	p.mu.Unlock()
	return lag.Of(ctx, kadm.NewClient(client), p.group(), p.opts.Prefix, at)
}
