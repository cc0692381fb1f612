package eventbridge

import (
	"context"
	"errors"
	"fmt"
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

const (
	// maxLetters is how many dead letters are being written when no more records are
	// looked at.
	maxLetters = 8
	// letterTimeout bounds the writing of one. Rebalances wait for it.
	letterTimeout = 5 * time.Second
)

// reject has an item set aside that cannot become an event; p.mu is held.
func (p *Publisher) reject(work context.Context, it *item, reason, message string) {
	it.reason, it.message = reason, message
	it.cursor.flying++
	p.setAside(work, it, reason, message)
}

// rejectSent has an item set aside that EventBridge refused; p.mu is held.
func (p *Publisher) rejectSent(work context.Context, it *item, message string) {
	p.setAside(work, it, ReasonRefused, message)
}

// setAside writes an item to dead-letters, beside what goes on. When Kafka does not
// take the letter, it is tried again later: nothing is skipped. p.mu is held.
func (p *Publisher) setAside(work context.Context, it *item, reason, message string) {
	c, rec := it.cursor, it.rec
	where := []any{"topic", c.topic, "partition", c.number, "offset", rec.Offset, "account", schemas.Brief(string(rec.Key)), "reason", reason, "message", message}
	switch {
	case p.opts.DryRun:
		p.opts.Logger.Info("dry run: a record would be set aside", where...)
	case p.opts.Again != nil:
		p.stats.deadLetters.Add(1)
		p.opts.Logger.Warn("a record cannot be published again and is passed over", where...)
	default:
		p.letters++
		go p.putAside(work, p.client, it, p.letter(it, reason, message), where)
		return
	}
	c.flying--
	p.settle(it)
}

// putAside writes an item's letter.
func (p *Publisher) putAside(work context.Context, client *kgo.Client, it *item, letter *schemas.DeadLetter, where []any) {
	err := p.writeLetter(work, client, letter)
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.wake()
	p.letters--
	if err != nil {
		p.opts.Logger.Error("a dead letter cannot be written, and without it its record is not done; trying again", append(where, "error", err)...)
		p.delay(it, time.Now().Add(backoff(it.attempts)))
		return
	}
	p.stats.deadLetters.Add(1)
	p.opts.Observe(it.observation(DeadLetters, letter.Reason))
	p.opts.Logger.Warn("set a record aside", append(where, "dead_letter", letter.ID)...)
	it.cursor.flying--
	p.settle(it)
}

func (p *Publisher) letter(it *item, reason, message string) *schemas.DeadLetter {
	c, rec := it.cursor, it.rec
	letter := &schemas.DeadLetter{
		ID: schemas.EventID("DeadLetter", group, c.topic, c.topicID, fmt.Sprint(c.number), fmt.Sprint(rec.Offset)), Time: p.opts.Clock.Now().UTC(), Role: "events",
		Reason: reason, Message: message, Account: string(rec.Key),
		Source: p.logical(c), Partition: &rec.Partition, Offset: &rec.Offset, SourceTime: rec.Timestamp.UTC(),
		Key: rec.Key, Value: rec.Value, Attributes: make(map[string][]byte, len(rec.Headers)),
	}
	for _, h := range rec.Headers {
		letter.Attributes[h.Key] = h.Value
	}
	if first, last, ok := kclient.Span(rec); ok {
		letter.Offset, letter.LastOffset = &first, &last
	}
	return letter
}

// writeLetter writes a letter that its topic takes, however little that is
// (containment rule 2).
func (p *Publisher) writeLetter(ctx context.Context, client *kgo.Client, letter *schemas.DeadLetter) error {
	call, cancel := context.WithTimeout(ctx, letterTimeout)
	defer cancel()
	for limit := schemas.MaxDeadLetterBytes; ; limit = max(limit/4, schemas.LeastDeadLetterBytes) {
		letter.Bound(limit)
		value, err := p.opts.Codec.AppendEncode(nil, schemas.DeadLetters, letter)
		if err != nil {
			return err
		}
		rec := &kgo.Record{Topic: p.opts.Prefix + schemas.DeadLetters, Key: letter.RecordKey(), Value: value}
		err = client.ProduceSync(call, rec).FirstErr()
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
