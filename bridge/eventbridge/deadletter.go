package eventbridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/kafka/kclient"
	"github.com/sellerstream/sellerstream/schemas"
)

// Reasons of dead letters: stable codes.
const (
	ReasonUndecodable = "undecodable"     // not a value of the topic's schema
	ReasonUnmappable  = "unmappable"      // a value that no event can be made of
	ReasonTooLarge    = "entry_too_large" // over EventBridge's limit of an entry
	ReasonRefused     = "entry_refused"   // EventBridge will never take it
)

// setAside writes the cursor's first record to dead-letters. When Kafka does
// not take it, the cursor is postponed and setAside says false: nothing is skipped.
func (p *Publisher) setAside(ctx context.Context, c *cursor, reason, message string) bool {
	rec := c.records[0]
	if p.opts.DryRun {
		p.opts.Logger.Info("dry run: a record would be set aside", "topic", c.topic, "partition", c.number, "offset", rec.Offset,
			"account", schemas.Brief(string(rec.Key)), "reason", reason, "message", message)
		return true
	}
	if p.opts.Again != nil {
		p.stats.deadLetters.Add(1)
		p.opts.Logger.Warn("a record cannot be published again and is passed over", "topic", c.topic, "partition", c.number, "offset", rec.Offset,
			"account", schemas.Brief(string(rec.Key)), "reason", reason, "message", message)
		return true
	}
	source := strings.TrimPrefix(c.topic, p.opts.Prefix)
	letter := &schemas.DeadLetter{
		ID: schemas.EventID("DeadLetter", group, c.topic, c.topicID, fmt.Sprint(c.number), fmt.Sprint(rec.Offset)), Time: p.opts.Clock.Now().UTC(), Role: "events",
		Reason: reason, Message: message, Account: string(rec.Key),
		Source: source, Partition: &rec.Partition, Offset: &rec.Offset, SourceTime: rec.Timestamp.UTC(),
		Key: rec.Key, Value: rec.Value, Attributes: make(map[string][]byte, len(rec.Headers)),
	}
	for _, h := range rec.Headers {
		letter.Attributes[h.Key] = h.Value
	}
	if first, last, ok := kclient.Span(rec); ok {
		letter.Offset, letter.LastOffset = &first, &last
	}
	if err := p.writeLetter(ctx, letter); err != nil {
		c.postpone(time.Now())
		p.opts.Logger.Error("a dead letter cannot be written, and without it its partition does not go on; trying again",
			"topic", c.topic, "partition", c.number, "offset", rec.Offset, "reason", reason, "error", err)
		return false
	}
	p.stats.deadLetters.Add(1)
	p.opts.Observe(c.observation(DeadLetters, reason))
	p.opts.Logger.Warn("set a record aside", "topic", c.topic, "partition", c.number, "offset", rec.Offset,
		"account", schemas.Brief(string(rec.Key)), "dead_letter", letter.ID, "reason", reason, "message", message)
	return true
}

// writeLetter writes a letter that its topic takes, however little that is
// (containment rule 2).
func (p *Publisher) writeLetter(ctx context.Context, letter *schemas.DeadLetter) error {
	call, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	for limit := schemas.MaxDeadLetterBytes; ; limit = max(limit/4, schemas.LeastDeadLetterBytes) {
		letter.Bound(limit)
		value, err := p.opts.Codec.AppendEncode(nil, schemas.DeadLetters, letter)
		if err != nil {
			return err
		}
		rec := &kgo.Record{Topic: p.opts.Prefix + schemas.DeadLetters, Key: letter.RecordKey(), Value: value}
		err = p.client.ProduceSync(call, rec).FirstErr()
		if !errors.Is(err, kerr.MessageTooLarge) || limit <= schemas.LeastDeadLetterBytes {
			return err
		}
		p.opts.Logger.Warn("Kafka does not take a dead letter of this size; cutting it: set the topic's max.message.bytes (`sellerstream topics apply` does)",
			"topic", rec.Topic, "bytes", len(value), "max.message.bytes", schemas.MaxDeadLetterBytes)
	}
}

// deadLetterBatch gives dead-letters batches of their own size, since a dead
// letter holds a whole record of another topic.
func deadLetterBatch(prefix string) func(topic string) int32 {
	return func(topic string) int32 {
		if topic == prefix+schemas.DeadLetters {
			return schemas.MaxDeadLetterBytes
		}
		return schemas.MaxRecordBytes
	}
}
