package sqs

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// produceDelay is the wait before records that Kafka did not take are produced
// again. kgo has then already retried what can be retried at once.
const produceDelay = time.Second

// produce writes a message's record; Kafka's answer decides what becomes of
// the message. The promise must not block kgo: both channels have room for
// every message in flight.
func (b *Bridge) produce(ctx context.Context, m *message) {
	b.opts.Producer.Produce(ctx, m.record, func(_ *kgo.Record, err error) {
		if err != nil {
			m.err = err
			b.failed <- m
			return
		}
		b.stats.produced.Add(1)
		if !b.isDeadLetter(m) {
			b.stats.forwarded.Add(1)
		}
		b.acked <- m
	})
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
					"topic", m.record.Topic, "account", string(m.record.Key), "error", m.err)
				timer.Reset(backoff(4, produceDelay))
			}
			waiting = append(waiting, m)
		case <-timer.C:
			for _, m := range waiting {
				old := m.record
				m.record = &kgo.Record{Topic: old.Topic, Key: old.Key, Value: old.Value}
				b.produce(ctx, m)
			}
			waiting = nil
		}
	}
}

// takes says whether Kafka may take the message's record when it is produced
// again. One that it never will becomes a dead letter.
func (b *Bridge) takes(m *message) bool {
	if !errors.Is(m.err, kerr.MessageTooLarge) && !errors.Is(m.err, kerr.InvalidRecord) {
		return true
	}
	if b.isDeadLetter(m) {
		b.opts.Logger.Error("a message can neither be written nor set aside: it stays in the queue",
			"queue", b.opts.Queue, "message_id", m.id, "error", m.err)
		b.abandon(m)
		return false
	}
	return b.setAside(m, reject(ReasonKafkaRefused, "topic %s refused the record: %v: compare the topic's max.message.bytes", m.record.Topic, m.err))
}

// isDeadLetter says whether a message's record is one.
func (b *Bridge) isDeadLetter(m *message) bool {
	logical, ok := strings.CutPrefix(m.record.Topic, b.opts.Prefix)
	return ok && logical == schemas.DeadLetters
}

// abandon leaves messages to come again when their visibility ends.
func (b *Bridge) abandon(messages ...*message) {
	b.stats.abandoned.Add(int64(len(messages)))
	b.flight.settle(messages...)
}
