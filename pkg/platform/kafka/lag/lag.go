// Package lag counts how many records are left behind the places to which consumers have
// come that keep these places themselves.
package lag

import (
	"context"

	"github.com/twmb/franz-go/pkg/kadm"
)

// Places in a partition that has brought no record yet.
const (
	Unknown   = -1 // where the group has committed, or else where the log begins
	Beginning = -2 // where the log begins
)

// Positions are the offsets of the next record, by the topic's name without its prefix and
// by partition.
type Positions map[string]map[int32]int64

// Of returns how many offsets of each topic lie between the positions and the end of what is
// committed; those of transactions' markers count. A topic is left out where Kafka does not
// tell where all of its partitions end: that is not 0. Of is nil where Kafka does not answer
// until ctx ends.
func Of(ctx context.Context, admin *kadm.Client, group, prefix string, at Positions) map[string]int64 {
	var topics []string
	unread := false
	for topic, partitions := range at {
		topics = append(topics, prefix+topic)
		for _, next := range partitions {
			unread = unread || next < 0
		}
	}
	ends, err := admin.ListCommittedOffsets(ctx, topics...)
	if err != nil && len(ends) == 0 {
		return nil
	}
	var starts kadm.ListedOffsets
	var committed kadm.OffsetResponses
	if unread {
		if starts, err = admin.ListStartOffsets(ctx, topics...); err != nil && len(starts) == 0 {
			return nil
		}
		if committed, err = admin.FetchOffsets(ctx, group); err != nil {
			return nil
		}
	}
	lag := make(map[string]int64, len(at))
	for topic, partitions := range at {
		name := prefix + topic
		if !known(ends[name]) {
			continue
		}
		lag[topic] = 0
		for partition, next := range partitions {
			if next < 0 {
				if told, ok := committed.Lookup(name, partition); ok && told.Err == nil && next == Unknown {
					next = told.At
				}
				start, _ := starts.Lookup(name, partition)
				next = max(next, start.Offset, 0)
			}
			lag[topic] += max(0, ends[name][partition].Offset-next)
		}
	}
	return lag
}

// OfGroup returns how many offsets lie between what a group has committed in all partitions of
// the topics and the end of what is committed in them, whoever reads them. It is not ok where
// Kafka does not tell until ctx ends.
func OfGroup(ctx context.Context, admin *kadm.Client, group, prefix string, topics []string) (n int64, ok bool) {
	details, err := admin.ListTopics(ctx, named(prefix, topics)...)
	if err != nil {
		return 0, false
	}
	at := make(Positions, len(topics))
	for _, topic := range topics {
		at[topic] = make(map[int32]int64)
		for partition := range details[prefix+topic].Partitions {
			at[topic][partition] = Unknown
		}
	}
	byTopic := Of(ctx, admin, group, prefix, at)
	for _, behind := range byTopic {
		n += behind
	}
	return n, len(byTopic) == len(topics)
}

func named(prefix string, topics []string) (names []string) {
	for _, topic := range topics {
		names = append(names, prefix+topic)
	}
	return names
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
