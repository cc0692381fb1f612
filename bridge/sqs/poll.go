package sqs

import (
	"context"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	// patience is how many receives in a row may come back less than full
	// before their poller retires.
	patience = 3
	// firstReceiveDelay and maxReceiveDelay bound the wait after failed receives.
	firstReceiveDelay = time.Second
	maxReceiveDelay   = 16 * time.Second
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
			delay := clock.Backoff(failures, firstReceiveDelay, maxReceiveDelay)
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

// retire reports whether the poller that asks may end: the last may not.
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
	}, quickly)
	b.answered.Store(err == nil)
	if err != nil {
		return nil, err
	}
	return out.Messages, nil
}

// take brings received messages on their way into Kafka. It takes no more of them
// than were asked for: those of an endpoint that gives more come again.
func (b *Bridge) take(ctx context.Context, d *decoder, received []types.Message) {
	received = received[:min(len(received), batchSize)]
	group := &batch{messages: make([]*message, len(received)), renewed: time.Now()}
	for i := range received {
		in := &received[i]
		body := aws.ToString(in.Body)
		group.messages[i] = &message{
			batch: group, id: aws.ToString(in.MessageId), receipt: aws.ToString(in.ReceiptHandle),
			body: body, size: len(body), sent: sentTime(in.Attributes),
		}
		b.aged(group.messages[i].sent)
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
		buf, ok = b.encode(d, m, buf)
		switch {
		case !ok:
		case len(m.records) == 0:
			b.stats.unwanted.Add(1)
			b.acked <- m
		default:
			b.produce(ctx, m)
		}
	}
}

// encode makes the message's records and returns buf with their values
// appended. There are none for an order that its account does not want. It says false
// when the message is abandoned.
func (b *Bridge) encode(d *decoder, m *message, buf []byte) (out []byte, ok bool) {
	defer func() {
		// Whether the body holds a secret is then not known, so it is written nowhere.
		if fault := recover(); fault != nil {
			b.panicked(m, fault)
			out, ok = buf, b.letter(m, reject(schemas.ReasonFault,
				"looking for secrets in the body of %d bytes panicked: this is a fault of the program, report it", len(m.body)), nil)
		}
	}()
	if hidesSecret(m.body) {
		return buf, b.setAside(m, withheld(m.body))
	}
	read, wrong := b.read(d, m, buf)
	if wrong != nil {
		return buf, b.setAside(m, wrong)
	}
	return read, true
}

// read decodes the message and makes its records. A panic costs the message only:
// what made it is in the body, which somebody else wrote (containment rule 3).
func (b *Bridge) read(d *decoder, m *message, buf []byte) (_ []byte, wrong *rejection) {
	defer func() {
		if fault := recover(); fault != nil {
			b.panicked(m, fault)
			wrong = reject(schemas.ReasonFault, "reading the body panicked: this is a fault of the program, report it with this letter")
		}
	}()
	out, wrong := d.decode(m.body, arrival{m.id, m.sent}, b.opts.Directory())
	b.countOdd(d)
	if wrong != nil || out.unwanted {
		return buf, wrong
	}
	return b.records(d, m, out, buf)
}

// panicked logs a panic. It quotes nothing of the body.
func (b *Bridge) panicked(m *message, fault any) {
	b.opts.Logger.Error("reading a message panicked: this is a fault of the program, report it with its dead letter",
		"queue", b.opts.Queue, "message_id", m.id, "panic", schemas.PanicText(fault), "stack", string(debug.Stack()))
}

// records makes the records of a decoded message, one for each account that it
// may be of.
func (b *Bridge) records(d *decoder, m *message, out decoded, buf []byte) ([]byte, *rejection) {
	m.records = make([]*kgo.Record, 0, 1+len(out.others))
	for id := out.account; ; id = d.readdress(&out) {
		encoded, err := b.opts.Encoder.AppendEncode(buf, out.topic, out.value)
		if err != nil {
			return buf, reject(ReasonNotEncodable, "the notification does not fit the schema of %s: %v", out.topic, err)
		}
		m.records = append(m.records, &kgo.Record{
			Topic: b.opts.Prefix + out.topic, Key: []byte(id), Value: encoded[len(buf):len(encoded):len(encoded)],
		})
		if buf = encoded; len(out.others) == 0 {
			return buf, nil
		}
	}
}

// sentTime is the attribute SentTimestamp, in milliseconds since 1970.
func sentTime(attributes map[string]string) time.Time {
	millis, err := strconv.ParseInt(attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64)
	if err != nil || millis < 0 || millis > maxMillis {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}
