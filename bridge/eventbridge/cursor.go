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
)

type partition struct {
	topic  string
	number int32
}

// cursor is a partition that this process owns, and where it stands in it.
type cursor struct {
	partition
	records []*kgo.Record // polled and not settled, in offset order
	entry   *entry        // of the first record, once it is made
	paused  bool

	attempts  int       // tries of the first record that failed
	notBefore time.Time // of its next try
	doubtful  bool      // whether an earlier try may have reached Amazon
	alone     bool      // whether it goes in a request of its own, since one with others was invalid
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

// ready says whether the cursor's first record may be sent now.
func (c *cursor) ready(now time.Time) bool {
	return len(c.records) > 0 && !c.notBefore.After(now)
}

// settle takes the first record off.
func (c *cursor) settle() {
	c.records[0] = nil
	c.records = c.records[1:]
	c.entry, c.attempts, c.notBefore, c.doubtful, c.alone = nil, 0, time.Time{}, false, false
}

// postpone puts the first record's next try off, longer after every failure.
func (c *cursor) postpone(now time.Time) {
	c.notBefore = now.Add(backoff(c.attempts))
	c.attempts++
}
