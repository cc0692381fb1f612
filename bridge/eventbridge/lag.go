package eventbridge

import (
	"context"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// unknownPosition is the position in a partition that has brought no record yet.
const unknownPosition = -1

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
	p.mu.Lock()
	client, at := p.client, make(map[partition]int64, len(p.ring))
	for _, c := range p.ring {
		if at[c.partition] = c.next; c.next != unknownPosition {
			at[c.partition] -= int64(c.waiting())
		}
	}
	p.mu.Unlock()
	admin := kadm.NewClient(client)
	if !p.fillIn(ctx, admin, at) {
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

// fillIn fills in the positions of partitions that have brought no record yet: what the group
// has committed, or where the log begins.
func (p *Publisher) fillIn(ctx context.Context, admin *kadm.Client, at map[partition]int64) bool {
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
