package stream

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// positions are a unit's committed positions by topic, for the group's
// committer; the unit's own are in its intake.
type positions struct {
	mu     sync.Mutex
	latest map[string]int64 // by topic name on the wire
	told   map[string]int64 // what the group has
}

func newPositions() *positions {
	return &positions{latest: make(map[string]int64), told: make(map[string]int64)}
}

func (p *positions) set(topic string, offset int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest[topic] = offset
}

// each calls fn with those that the group does not have.
func (p *positions) each(fn func(topic string, offset int64)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for topic, offset := range p.latest {
		if told, ok := p.told[topic]; !ok || told != offset {
			fn(topic, offset)
		}
	}
}

// committed notes what the group has been told.
func (p *positions) committed(offsets map[string]map[int32]kgo.EpochOffset, partition int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for topic, partitions := range offsets {
		if at, ok := partitions[partition]; ok {
			p.told[topic] = at.Offset
		}
	}
}
