package stream

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// positions are a unit's committed positions by topic, for the group's
// committer; the unit's own are in its intake.
type positions struct {
	partition int32
	mu        sync.Mutex
	latest    map[string]int64 // by topic name on the wire
	group     map[string]told  // what the group has been told
}

// told is an offset that the group has, and its metadata.
type told struct {
	offset int64
	note   string
}

func newPositions(partition int32) *positions {
	return &positions{partition: partition, latest: make(map[string]int64), group: make(map[string]told)}
}

func (p *positions) set(topic string, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest[topic] = offset
}

// known reports whether there is a position in a topic.
func (p *positions) known(topic string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.latest[topic]
	return ok
}

// untold returns a topic's position, unless the group has it with this note already.
func (p *positions) untold(topic, note string) (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	offset, ok := p.latest[topic]
	if had, known := p.group[topic]; known && had == (told{offset, note}) {
		return 0, false
	}
	return offset, ok
}

// told notes the positions of a commit that the group has accepted.
func (p *positions) told(req *kmsg.OffsetCommitRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, topic := range req.Topics {
		for _, partition := range topic.Partitions {
			if partition.Partition == p.partition {
				p.group[topic.Topic] = told{partition.Offset, *partition.Metadata}
			}
		}
	}
}
