package eventbridge

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Marks of how many polled records of a partition wait here. Above the higher
// one the partition is paused, so that the others' records can be polled; the
// lower one lasts for about fetchMaxWait, at 5 ms a request.
const (
	pauseAt  = 100
	resumeAt = 50
	// pauseBytes is the same mark for their bytes (containment rule 1).
	pauseBytes = 1 << 20
)

type partition struct {
	topic  string
	number int32
}

// cursor is a partition that this process owns, and where it stands in it.
type cursor struct {
	partition
	topicID string        // Kafka's; "" where the broker gives topics none
	records []*kgo.Record // polled and not settled, in offset order
	bytes   int           // of the records
	entry   *entry        // of the first record, once it is made
	next    int64         // offset behind what was polled, markers of transactions included; unknownPosition before
	paused  bool

	attempts  int       // tries of the first record that failed
	notBefore time.Time // of its next try
	doubtful  bool      // whether an earlier try may have reached Amazon
	most      int       // entries of a request that it may go in, since one of more was refused; 0 for any number
}

// position is the offset of the first record that is not settled.
func (c *cursor) position() int64 {
	if len(c.records) > 0 {
		return c.records[0].Offset
	}
	return c.next
}

// entry is a record as an event.
type entry struct {
	put  types.PutEventsRequestEntry
	size int // in bytes, by Amazon's way of counting
}

// observation is of the first record.
func (c *cursor) observation(outcome Outcome, reason string) Observation {
	o := Observation{Outcome: outcome, Reason: reason, Record: c.records[0]}
	if c.entry != nil {
		o.DetailType = *c.entry.put.DetailType
	}
	return o
}

// ready reports whether the cursor's first record may be sent now.
func (c *cursor) ready(now time.Time) bool {
	return len(c.records) > 0 && !c.notBefore.After(now)
}

// add takes polled records in.
func (c *cursor) add(records ...*kgo.Record) {
	for _, rec := range records {
		c.records = append(c.records, rec)
		c.bytes += size(rec)
	}
}

// full reports whether so much waits that no more is to be polled.
func (c *cursor) full() bool { return len(c.records) >= pauseAt || c.bytes >= pauseBytes }

// size is what a record takes in memory, about.
func size(rec *kgo.Record) int {
	n := 200 + len(rec.Key) + len(rec.Value)
	for _, h := range rec.Headers {
		n += 50 + len(h.Key) + len(h.Value)
	}
	return n
}

// settle takes the first record off.
func (c *cursor) settle() {
	c.bytes -= size(c.records[0])
	c.records[0] = nil
	c.records = c.records[1:]
	c.entry, c.attempts, c.notBefore, c.doubtful, c.most = nil, 0, time.Time{}, false, 0
}

// postpone puts the first record's next try off, longer after every failure.
func (c *cursor) postpone(now time.Time) {
	c.notBefore = now.Add(backoff(c.attempts))
	c.attempts++
}
