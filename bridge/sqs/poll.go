package sqs

import (
	"context"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/clock"
)

const (
	// patience is how many receives in a row may come back less than full
	// before their poller retires.
	patience = 3
	// maxReceiveDelay is the longest wait after failed receives; the first is a
	// sixteenth of it.
	maxReceiveDelay = 16 * time.Second
)

// contexts of a poller: stop ends polling, receive the calls under way a
// little later, and work what was received, at the drain deadline.
type contexts struct{ stop, receive, work context.Context }

// poll receives until stop ends or the queue deserves one poller less. A
// receive holds at most 10 messages, so throughput is a matter of how many are
// under way: every full one adds a poller, and a poller whose receives are not
// full retires, down to the last.
func (b *Bridge) poll(ctx contexts) {
	d := &decoder{region: b.opts.Region, maxBody: b.opts.MaxBodyBytes}
	short, failures := 0, 0
	for ctx.stop.Err() == nil && b.flight.awaitRoom(ctx.stop) == nil {
		messages, err := b.receive(ctx.receive)
		if err != nil {
			if ctx.stop.Err() != nil || b.retire() {
				return
			}
			delay := backoff(failures, maxReceiveDelay)
			failures++
			b.opts.Logger.Error("cannot receive from SQS: check the queue's URL, its policy and the credentials; trying again",
				"queue", b.opts.Queue, "again_in", delay, "error", err)
			if clock.Sleep(ctx.stop, clock.Real{}, delay) != nil {
				return
			}
			continue
		}
		failures = 0
		if len(messages) > 0 {
			b.take(ctx.work, d, messages)
		}
		switch {
		case len(messages) == batchSize:
			short = 0
			b.grow(ctx)
		case len(messages) == 0:
			short = patience
		default:
			short++
		}
		if short >= patience && b.retire() {
			return
		}
	}
}

// grow adds a poller, unless there are enough.
func (b *Bridge) grow(ctx contexts) {
	for {
		n := b.pollers.Load()
		if int(n) >= b.opts.MaxPollers || ctx.stop.Err() != nil {
			return
		}
		if b.pollers.CompareAndSwap(n, n+1) {
			b.tasks.Go(func() { b.poll(ctx) })
			return
		}
	}
}

// retire says whether the poller that asks may end: the last may not.
func (b *Bridge) retire() bool {
	for {
		n := b.pollers.Load()
		if n == 1 {
			return false
		}
		if b.pollers.CompareAndSwap(n, n-1) {
			return true
		}
	}
}

// backoff is a wait that doubles with every failure up to limit, of which a
// random half is taken off so that many do not come back at once.
func backoff(failures int, limit time.Duration) time.Duration {
	d := min(limit>>4<<min(failures, 4), limit)
	return d - rand.N(d/2)
}

func (b *Bridge) receive(ctx context.Context) ([]types.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, longPoll+callTimeout)
	defer cancel()
	wait := longPoll
	if !b.answered.Load() {
		wait = 0 // whether the queue can be read at all should not show after a long poll only
	}
	out, err := b.opts.Client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:            aws.String(b.opts.Queue),
		MaxNumberOfMessages: batchSize,
		WaitTimeSeconds:     int32(wait / time.Second),
		VisibilityTimeout:   int32(b.opts.VisibilityTimeout / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameSentTimestamp,
			types.MessageSystemAttributeNameApproximateReceiveCount,
		},
	})
	b.answered.Store(err == nil)
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// take brings received messages on their way into Kafka.
func (b *Bridge) take(ctx context.Context, d *decoder, received []types.Message) {
	group := &batch{messages: make([]*message, len(received)), renewed: time.Now()}
	for i := range received {
		in := &received[i]
		group.messages[i] = &message{
			batch: group, id: aws.ToString(in.MessageId), receipt: aws.ToString(in.ReceiptHandle),
			body: aws.ToString(in.Body), sent: sentTime(in.Attributes),
		}
		if in.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)] > "1" {
			b.stats.redelivered.Add(1)
		}
	}
	b.stats.received.Add(int64(len(received)))
	b.flight.add(group)
	// One buffer holds the values of the whole receive.
	buf := make([]byte, 0, 512*len(received))
	for _, m := range group.messages {
		var ok bool
		if buf, ok = b.encode(d, m, buf); ok {
			b.produce(ctx, m)
		}
	}
}

// encode makes the message's record and gives back buf with its value
// appended. It says false when the message is abandoned.
func (b *Bridge) encode(d *decoder, m *message, buf []byte) ([]byte, bool) {
	out, wrong := d.decode(m.body, m.sent, b.opts.Directory())
	if wrong == nil {
		encoded, err := b.opts.Encoder.AppendEncode(buf, out.topic, out.value)
		if err == nil {
			m.record = &kgo.Record{
				Topic: b.opts.Prefix + out.topic,
				Key:   []byte(out.account),
				Value: encoded[len(buf):len(encoded):len(encoded)],
			}
			return encoded, true
		}
		wrong = reject(ReasonNotEncodable, "the notification does not fit the schema of %s: %v", out.topic, err)
	}
	return buf, b.setAside(m, wrong)
}

// sentTime is the attribute SentTimestamp, in milliseconds since 1970.
func sentTime(attributes map[string]string) time.Time {
	millis, err := strconv.ParseInt(attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err != nil || millis < 0 || millis > maxMillis {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}
