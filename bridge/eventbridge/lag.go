package eventbridge

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
)

// heads are the offsets of the first records that wait, by partition. They have a
// lock of their own, since the publisher's is held for as long as Amazon and
// Kafka take to answer.
type heads struct {
	mu sync.Mutex
	at map[partition]int64
}

// note takes the cursors' first records; p.mu is held.
func (p *Publisher) note() {
	p.heads.mu.Lock()
	defer p.heads.mu.Unlock()
	if p.heads.at == nil {
		p.heads.at = make(map[partition]int64)
	}
	clear(p.heads.at)
	for _, c := range p.ring {
		if len(c.records) > 0 {
			p.heads.at[c.partition] = c.records[0].Offset
		}
	}
}

// Lag is how many records of each topic, by its logical name, are not published
// yet of the partitions that this process has, markers of transactions included.
// It is nil when that is not known: before the process is of its group, and when
// Kafka does not answer until ctx ends.
func (p *Publisher) Lag(ctx context.Context) map[string]int64 {
	if !p.joined.Load() { // which is also before there is a client
		return nil
	}
	p.heads.mu.Lock()
	at := maps.Clone(p.heads.at)
	p.heads.mu.Unlock()
	lag := make(map[string]int64, len(p.opts.Topics))
	for _, topic := range p.opts.Topics {
		lag[topic] = 0
	}
	if len(at) == 0 {
		return lag
	}
	var topics []string
	for of := range at {
		topics = append(topics, of.topic)
	}
	slices.Sort(topics)
	ends, err := kadm.NewClient(p.client).ListCommittedOffsets(ctx, slices.Compact(topics)...)
	if err != nil {
		return nil
	}
	for of, first := range at {
		if end, ok := ends.Lookup(of.topic, of.number); ok && end.Err == nil {
			lag[strings.TrimPrefix(of.topic, p.opts.Prefix)] += max(0, end.Offset-first)
		}
	}
	return lag
}
