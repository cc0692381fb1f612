package eventbridge

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Marks of how many polled records of a partition wait here. Above the higher
// one the partition is paused, so that the others' records can be polled; the
// lower one lasts for longer than fetchMaxWait, at 20,000 events a second: with less,
// one busy partition waited for its next records at times.
const (
	pauseAt  = 8000
	resumeAt = 6000
	// pauseBytes is the same mark for their bytes (containment rule 1).
	pauseBytes = 8 << 20
	// maxOpen bounds the records of a partition that were looked at and have no
	// answer: what is committed beside an offset names them.
	maxOpen = 1000
)

type partition struct {
	topic  string
	number int32
}

// cursor is a partition that this process owns, and where it stands in it.
type cursor struct {
	partition
	topicID string           // Kafka's; "" where the broker gives topics none
	items   []*item          // polled, in offset order; settled ones are taken off the front, and now and then from between
	unread  int              // how many at the end of items were not looked at
	open    int              // items that were looked at and are not settled
	ready   []*item          // those of the open ones that may be sent, in about the order of their offsets
	latest  map[string]*item // the last open item of each entity
	next    int64            // offset behind what was polled, markers of transactions included; unknownPosition before
	epoch   int32            // the leader's at next
	highest int64            // the highest settled offset
	written int32            // the leader's epoch of its record
	bytes   int              // of what is not settled
	flying  int              // items in requests under way, or whose dead letter is being written
	paused  bool
	leaving bool // given up: nothing more of it is sent

	before    progress  // what was committed when the partition came
	saved     committed // what this process has committed
	attempts  int       // tries to decode the first unread record that failed
	notBefore time.Time // of its next try
}

// item is a record that is not settled: neither accepted nor set aside nor passed over.
type item struct {
	cursor  *cursor
	rec     *kgo.Record
	size    int    // in memory, about
	entry   *entry // once it is made
	entity  string // "" before the entry is made
	then    *item  // the next state of its entity, which waits for this one
	settled bool
	reason  string // of its dead letter, if no event can be made of it
	message string

	attempts  int       // tries that failed
	notBefore time.Time // of the next try
	doubtful  bool      // whether an earlier try may have reached Amazon
	most      int       // entries of a request that it may go in, since one of more was refused; 0 for any number
}

// entry is a record as an event.
type entry struct {
	put  types.PutEventsRequestEntry
	size int // in bytes, by Amazon's way of counting
}

func newCursor(of partition) *cursor {
	return &cursor{partition: of, next: unknownPosition, highest: unknownPosition, latest: make(map[string]*item), saved: committed{at: unknownPosition}}
}

// check forgets what cannot be true of the log that has a record at first, which was
// polled: it begins before what was committed, or again before what was polled. Then it
// was made anew, or cut behind an election, or somebody set the group back.
func (c *cursor) check(first int64) {
	switch {
	case c.next == unknownPosition && first < c.before.from:
		c.before = progress{}
	case c.next != unknownPosition && first < c.next:
		c.before, c.highest = progress{}, min(c.highest, first-1)
	}
}

// add takes polled records in, without those that had their answer from the owner before.
func (c *cursor) add(records ...*kgo.Record) {
	for _, rec := range records {
		if c.before.has(rec.Offset, rec.LeaderEpoch) {
			continue
		}
		it := &item{cursor: c, rec: rec, size: size(rec)}
		c.items = append(c.items, it)
		c.unread++
		c.bytes += it.size
	}
}

// waiting is how many items are not settled.
func (c *cursor) waiting() int { return c.open + c.unread }

// full reports whether so much waits that no more is to be polled.
func (c *cursor) full() bool { return c.waiting() >= pauseAt || c.bytes >= pauseBytes }

// thin reports whether so little waits that more is to be polled again.
func (c *cursor) thin() bool { return c.waiting() <= resumeAt && c.bytes <= pauseBytes/2 }

// look takes the first unread item to be looked at; nil when there is none, or when
// as many are open as may be.
func (c *cursor) look() *item {
	if c.unread == 0 || c.open >= maxOpen {
		return nil
	}
	it := c.items[len(c.items)-c.unread]
	c.unread--
	c.open++
	return it
}

// unlook puts the item back that look has just given.
func (c *cursor) unlook() {
	c.unread++
	c.open--
}

// made gives an item its entry. It may be sent unless an earlier state of its
// entity is open.
func (c *cursor) made(it *item, e *entry, entity string) {
	it.entry, it.entity = e, entity
	if earlier := c.latest[entity]; earlier != nil {
		earlier.then = it
	} else {
		c.ready = append(c.ready, it)
	}
	c.latest[entity] = it
}

// settle is for an item that needs nothing more: the next state of its entity may
// be sent.
func (c *cursor) settle(it *item) {
	c.open--
	c.bytes -= it.size
	if it.rec.Offset > c.highest {
		c.highest, c.written = it.rec.Offset, it.rec.LeaderEpoch
	}
	switch {
	case it.then != nil:
		c.ready = append(c.ready, it.then)
	case it.entity != "":
		delete(c.latest, it.entity)
	}
	it.settled, it.rec, it.entry, it.then = true, nil, nil, nil
	c.compact()
}

// compact takes settled items off the front, and from between once they are most.
func (c *cursor) compact() {
	n := 0
	for n < len(c.items) && c.items[n].settled {
		c.items[n] = nil
		n++
	}
	c.items = c.items[n:]
	if len(c.items) > 2*c.waiting()+maxOpen {
		c.items = slices.DeleteFunc(c.items, func(it *item) bool { return it.settled })
	}
}

// back lets an item be sent before the others of its partition.
func (c *cursor) back(it *item) { c.ready = slices.Insert(c.ready, 0, it) }

// position is the offset of the first record that is not settled.
func (c *cursor) position() int64 {
	if len(c.items) > 0 {
		return c.items[0].rec.Offset
	}
	return c.next
}

// progress describes the items behind the position, for the commit. What the owner before knew
// of records that were not polled yet stays known.
func (c *cursor) progress() progress {
	p := progress{from: c.position(), through: c.highest + 1, epoch: c.written}
	if c.before.through > p.through {
		p.through, p.epoch = c.before.through, c.before.epoch
	}
	for _, it := range c.items {
		if !it.settled && it.rec.Offset < p.through {
			p.open = append(p.open, it.rec.Offset)
		}
	}
	for _, offset := range c.before.open {
		if offset >= c.next {
			p.open = append(p.open, offset)
		}
	}
	return p
}

// observation is of an item that is not settled.
func (it *item) observation(outcome Outcome, reason string) Observation {
	o := Observation{Outcome: outcome, Reason: reason, Record: it.rec}
	if it.entry != nil {
		o.DetailType = *it.entry.put.DetailType
	}
	return o
}

// size is what a record takes in memory, about.
func size(rec *kgo.Record) int {
	n := 200 + len(rec.Key) + len(rec.Value)
	for _, h := range rec.Headers {
		n += 50 + len(h.Key) + len(h.Value)
	}
	return n
}
