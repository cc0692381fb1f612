package eventbridge

import (
	"context"
	"maps"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
)

// unknownPosition is the position in a partition that has brought no record yet.
const unknownPosition = -1

// heads are the offsets of the first records that are not published, by
// partition. They have a lock of their own, since the publisher's is held for as
// long as Amazon and Kafka take to answer.
type heads struct {
	mu sync.Mutex
	at map[partition]int64
}

// note takes the cursors' positions; p.mu is held.
func (p *Publisher) note() {
	p.heads.mu.Lock()
	defer p.heads.mu.Unlock()
	if p.heads.at == nil {
		p.heads.at = make(map[partition]int64)
	}
	clear(p.heads.at)
	for _, c := range p.ring {
		p.heads.at[c.partition] = c.position()
	}
}

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
	p.heads.mu.Lock()
	at, client := maps.Clone(p.heads.at), p.client
	p.heads.mu.Unlock()
	admin := kadm.NewClient(client)
	if !p.begin(ctx, admin, at) {
		return nil
	}
	topics := make([]string, len(p.opts.Topics))
	for i, topic := range p.opts.Topics {
		topics[i] = p.opts.Prefix + topic
	}
	ends, err := admin.ListCommittedOffsets(ctx, topics...)
	if err != nil && len(ends) == 0 {
		return nil
	}
	lag := make(map[string]int64, len(topics))
	for _, topic := range topics {
		if known(ends[topic]) {
			lag[strings.TrimPrefix(topic, p.opts.Prefix)] = 0
		}
	}
	for of, position := range at {
		topic := strings.TrimPrefix(of.topic, p.opts.Prefix)
		if _, ok := lag[topic]; ok {
			lag[topic] += max(0, ends[of.topic][of.number].Offset-position)
		}
	}
	return lag
}

// known reports whether Kafka tells where all partitions of a topic end.
func known(ends map[int32]kadm.ListedOffset) bool {
	for _, end := range ends {
		if end.Err != nil {
			return false
		}
	}
	return len(ends) > 0
}

// begin fills in the positions of partitions that have brought no record yet: what the group
// has committed, or where the log begins.
func (p *Publisher) begin(ctx context.Context, admin *kadm.Client, at map[partition]int64) bool {
	var unread []partition
	for of, position := range at {
		if position == unknownPosition {
			unread = append(unread, of)
		}
	}
	if len(unread) == 0 {
		return true
	}
	topics := make([]string, 0, len(unread))
	for _, of := range unread {
		topics = append(topics, of.topic)
	}
	committed, err := admin.FetchOffsets(ctx, p.group())
	if err != nil {
		return false
	}
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err != nil && len(starts) == 0 {
		return false
	}
	for _, of := range unread {
		start, _ := starts.Lookup(of.topic, of.number)
		at[of] = start.Offset
		if c, ok := committed.Lookup(of.topic, of.number); ok && c.Err == nil {
			at[of] = max(c.At, start.Offset)
		}
	}
	return true
}
