package sqs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/schemas"
)

// produceDelay is the wait before records that Kafka did not take are produced
// again. kgo has then already retried what can be retried at once.
const produceDelay = time.Second

// produce writes a message's records; Kafka's answers decide what becomes of the
// message. The promises must not block kgo: both channels have room for every
// message in flight.
func (b *Bridge) produce(ctx context.Context, m *message) {
	m.refused = make([]error, len(m.records))
	m.waits.Store(int32(len(m.records)))
	for i, record := range m.records {
		b.opts.Producer.Produce(ctx, record, func(_ *kgo.Record, err error) {
			m.refused[i] = err
			if err == nil {
				b.stats.produced.Add(1)
			}
			if m.waits.Add(-1) == 0 {
				b.acknowledged(m)
			}
		})
	}
}

// acknowledged takes a message once Kafka has answered for all its records. Only the
// records that Kafka refused remain in it.
func (b *Bridge) acknowledged(m *message) {
	letter, left := b.isDeadLetter(m), 0
	for i, err := range m.refused {
		if err != nil {
			m.records[left], m.refused[left] = m.records[i], err
			left++
		}
	}
	if left > 0 {
		m.records, m.refused = m.records[:left], m.refused[:left]
		b.failed <- m
		return
	}
	if !letter {
		b.stats.forwarded.Add(1)
	}
	b.acked <- m
}

// produceFailed produces again what Kafka did not take. Meanwhile the messages
// count as in flight, so that the pollers stop when there are too many.
func (b *Bridge) produceFailed(ctx context.Context) {
	var waiting []*message
	timer := time.NewTimer(produceDelay)
	timer.Stop()
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-b.failed:
			if ctx.Err() != nil {
				return
			}
			if !b.takes(m) {
				continue
			}
			if len(waiting) == 0 {
				b.opts.Logger.Error("Kafka does not take records: check the brokers and the topics; the messages stay in the queue and are tried again",
					"topic", m.records[0].Topic, "account", string(m.records[0].Key), "error", m.refused[0])
				timer.Reset(clock.Backoff(0, produceDelay, produceDelay))
			}
			waiting = append(waiting, m)
		case <-timer.C:
			for _, m := range waiting {
				for i, old := range m.records {
					m.records[i] = &kgo.Record{Topic: old.Topic, Key: old.Key, Value: old.Value}
				}
				b.produce(ctx, m)
			}
			waiting = nil
		}
	}
}

// takes reports whether Kafka may take the message's records when they are
// produced again. One that it never will becomes a dead letter.
func (b *Bridge) takes(m *message) bool {
	final := slices.IndexFunc(m.refused, func(err error) bool {
		return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.InvalidRecord)
	})
	if final < 0 {
		return true
	}
	if b.isDeadLetter(m) && m.letterBytes > schemas.LeastDeadLetterBytes && errors.Is(m.refused[final], kerr.MessageTooLarge) {
		m.letterBytes = max(m.letterBytes/4, schemas.LeastDeadLetterBytes)
		return b.encodeLetter(m)
	}
	if b.isDeadLetter(m) {
		b.opts.Logger.Error("a message can neither be written nor set aside: it stays in the queue",
			"queue", b.opts.Queue, "message_id", m.id, "error", m.refused[final])
		b.abandon(m)
		return false
	}
	return b.setAside(m, reject(ReasonKafkaRefused, "topic %s refused the record: %v: compare the topic's max.message.bytes", m.records[final].Topic, m.refused[final]))
}

// isDeadLetter reports whether a message became one.
func (b *Bridge) isDeadLetter(m *message) bool {
	logical, ok := strings.CutPrefix(m.records[0].Topic, b.opts.Prefix)
	return ok && logical == schemas.DeadLetters
}

// abandon leaves messages to come again when their visibility ends.
func (b *Bridge) abandon(messages ...*message) {
	b.stats.abandoned.Add(int64(len(messages)))
	b.flight.settle(messages...)
}
