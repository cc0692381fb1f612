package sqs

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// setAside makes the message's record a dead letter, whose id is the same
// whenever the message comes again. It says false when even that cannot be
// encoded: the message is then abandoned.
func (b *Bridge) setAside(m *message, why *rejection) bool {
	body := sha256.Sum256([]byte(m.body))
	id := sha256.Sum256([]byte(b.opts.Queue + "\x00" + m.id + "\x00" + string(body[:])))
	letter := &schemas.DeadLetter{
		ID: hex.EncodeToString(id[:16]), Time: b.opts.Clock.Now().UTC(), Role: "bridge",
		Reason: why.reason, Message: why.message,
		Source: b.opts.Queue, SourceTime: m.sent, Value: []byte(m.body),
		Attributes: map[string][]byte{"message_id": []byte(m.id)},
	}
	value, err := b.opts.Encoder.AppendEncode(nil, schemas.DeadLetters, letter)
	if err != nil {
		b.opts.Logger.Error("a dead letter cannot be encoded: its message stays in the queue",
			"queue", b.opts.Queue, "message_id", m.id, "reason", why.reason, "error", err)
		b.abandon(m)
		return false
	}
	b.stats.countDeadLetter(why.reason)
	b.opts.Logger.Warn("set a message aside", "queue", b.opts.Queue, "message_id", m.id,
		"dead_letter", letter.ID, "reason", why.reason, "message", why.message)
	m.record = &kgo.Record{Topic: b.opts.Prefix + schemas.DeadLetters, Value: value}
	return true
}
