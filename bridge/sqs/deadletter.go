package sqs

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// setAside makes the message's record a dead letter, whose id is the same
// whenever the message comes again. It says false when even that cannot be
// encoded: the message is then abandoned.
//
// A body that may hold a secret is not in the letter, nor in its id, nor quoted
// in its message.
func (b *Bridge) setAside(m *message, why *rejection) bool {
	switch {
	case why.reason == ReasonSecret:
	case codedSecret(m.body):
		why = withheld(m.body)
	case confirmsSubscription(m.body):
		why = confirmation(m.body)
	}
	var value []byte
	if why.reason != ReasonSecret {
		m.body = withoutPostalCode(m.body) // also from the id: with all else known, a hash would give it away
		value = []byte(m.body)
	}
	return b.letter(m, why, value)
}

// letter makes the message's record a dead letter with a value.
func (b *Bridge) letter(m *message, why *rejection, value []byte) bool {
	body := sha256.Sum256(value)
	letter := &schemas.DeadLetter{
		ID: schemas.ContentID([]byte(b.opts.Queue + "\x00" + m.id + "\x00" + string(body[:]))), Time: b.opts.Clock.Now().UTC(), Role: "bridge",
		Reason: why.reason, Message: why.message,
		Source: b.opts.Queue, SourceTime: m.sent, Value: value,
		Attributes: map[string][]byte{"message_id": []byte(m.id)},
	}
	if m.letter, m.letterBytes = letter, schemas.MaxDeadLetterBytes; !b.encodeLetter(m) {
		return false
	}
	b.stats.countDeadLetter(why.reason)
	b.opts.SetAside(why.reason)
	if b.asides.first(why.reason) {
		b.opts.Logger.Warn("set a message aside", "queue", b.opts.Queue, "message_id", m.id,
			"dead_letter", letter.ID, "reason", why.reason, "message", why.message)
	}
	return true
}

// encodeLetter makes the message's record of its letter, cut to what the topic
// takes (containment rule 2).
func (b *Bridge) encodeLetter(m *message) bool {
	m.letter.Bound(m.letterBytes)
	value, err := b.opts.Encoder.AppendEncode(nil, schemas.DeadLetters, m.letter)
	if err != nil {
		b.opts.Logger.Error("a dead letter cannot be encoded: its message stays in the queue",
			"queue", b.opts.Queue, "message_id", m.id, "reason", m.letter.Reason, "error", err)
		b.abandon(m)
		return false
	}
	m.records = []*kgo.Record{{Topic: b.opts.Prefix + schemas.DeadLetters, Key: m.letter.RecordKey(), Value: value}}
	return true
}

// asidesEvery is how often the messages set aside for one reason are summed up
// in the log: a queue full of them must not fill it.
const asidesEvery = time.Minute

// asides counts what the log does not show yet: messages set aside by reason, or
// odd values by field.
type asides struct {
	mu     sync.Mutex
	unsaid map[string]int // what stands here, if with 0, has had its first logged
}

// first counts one and reports whether it is the first of its reason or field, to
// be logged in full.
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

// take returns the counts that are not 0 and starts them anew. The next message of
// a reason whose count is 0 is a first one again.
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

// countOdd counts what the decoder left out of a message, or read from another
// type, and logs the first of each field.
func (b *Bridge) countOdd(d *decoder) {
	b.stats.odd.Add(int64(len(d.odd)))
	for _, o := range d.odd {
		if b.odd.first(o.field) {
			b.opts.Logger.Warn("a notification has a field that is not as Amazon documents it; it is forwarded without, unless the value could be read",
				"queue", b.opts.Queue, "field", o.field)
		}
	}
}

// logAsides sums up what was set aside, and what was odd, every minute and when
// ctx ends.
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
		for field, n := range b.odd.take() {
			b.opts.Logger.Warn("more notifications have that field as Amazon does not document it",
				"queue", b.opts.Queue, "field", field, "values", n)
		}
	}
}
