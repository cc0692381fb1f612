package sqs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// setAside makes the message's record a dead letter, whose id is the same
// whenever the message comes again. It says false when even that cannot be
// encoded: the message is then abandoned.
func (b *Bridge) setAside(m *message, why *rejection) bool {
	m.body = withoutPostalCode(m.body) // also from the id: with all else known, a hash would give it away
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
	b.opts.SetAside(why.reason)
	if b.asides.first(why.reason) {
		b.opts.Logger.Warn("set a message aside", "queue", b.opts.Queue, "message_id", m.id,
			"dead_letter", letter.ID, "reason", why.reason, "message", why.message)
	}
	m.record = &kgo.Record{Topic: b.opts.Prefix + schemas.DeadLetters, Value: value}
	return true
}

// asidesEvery is how often the messages set aside for one reason are summed up
// in the log: a queue full of them must not fill it.
const asidesEvery = time.Minute

// asides counts the messages set aside that the log does not show yet.
type asides struct {
	mu     sync.Mutex
	unsaid map[string]int // by reason; a reason stands here, if with 0, once its first was logged
}

// first counts a message and says whether it is the first of its reason, to be
// logged in full.
func (a *asides) first(reason string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.unsaid[reason]; known {
		a.unsaid[reason]++
		return false
	}
	if a.unsaid == nil {
		a.unsaid = make(map[string]int)
	}
	a.unsaid[reason] = 0
	return true
}

// take gives the counts that are not 0 and starts them anew. Of a reason whose
// count is 0 the next message is a first one again.
func (a *asides) take() map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := make(map[string]int)
	for reason, n := range a.unsaid {
		if n == 0 {
			delete(a.unsaid, reason)
			continue
		}
		taken[reason] = n
		a.unsaid[reason] = 0
	}
	return taken
}

// logAsides sums up what was set aside every minute and when ctx ends.
func (b *Bridge) logAsides(ctx context.Context) {
	ticker := time.NewTicker(asidesEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		for reason, n := range b.asides.take() {
			b.opts.Logger.Warn("set more messages aside: read them on the topic "+b.opts.Prefix+schemas.DeadLetters,
				"queue", b.opts.Queue, "reason", reason, "messages", n)
		}
	}
}
