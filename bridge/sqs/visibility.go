package sqs

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// renewers bounds the renewals under way at once: 5,000 messages take 500 calls,
// which one after the other could outlast the visibility that they renew.
const renewers = 8

// keepHidden renews the visibility timeout of messages that have been worked
// on for half of it, such as while Kafka is down, so that SQS does not give
// them to another reader.
func (b *Bridge) keepHidden(ctx context.Context) {
	half := b.opts.VisibilityTimeout / 2
	ticker := time.NewTicker(half / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			b.renewAll(ctx, b.flight.due(now, half))
		}
	}
}

// renewAll gives messages another visibility timeout, a batch to a call.
func (b *Bridge) renewAll(ctx context.Context, due []*message) {
	var calls sync.WaitGroup
	slots := make(chan struct{}, renewers)
	for group := range slices.Chunk(due, batchSize) {
		slots <- struct{}{} // does not wait for long: the calls end with ctx
		calls.Go(func() {
			b.renew(ctx, group)
			<-slots
		})
	}
	calls.Wait()
}

// renew gives a batch of messages another visibility timeout. What failed
// through no fault of ours is tried again at the next tick; at worst the
// messages come again.
func (b *Bridge) renew(ctx context.Context, group []*message) {
	entries := make([]types.ChangeMessageVisibilityBatchRequestEntry, len(group))
	for i, m := range group {
		entries[i] = types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &m.receipt,
			VisibilityTimeout: int32(b.opts.VisibilityTimeout / time.Second),
		}
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := b.opts.Client.ChangeMessageVisibilityBatch(call, &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: aws.String(b.opts.Queue), Entries: entries,
	})
	if err != nil {
		if ctx.Err() == nil {
			b.flight.unrenew(group...)
			b.opts.Logger.Warn("cannot keep messages hidden: they may come again", "queue", b.opts.Queue, "messages", len(group), "error", err)
		}
		return
	}
	for _, fault := range out.Failed {
		if i, ok := entryIndex(fault.Id, len(group)); ok {
			if !fault.SenderFault {
				b.flight.unrenew(group[i])
			}
			b.opts.Logger.Warn("cannot keep a message hidden: it may come again",
				"queue", b.opts.Queue, "message_id", group[i].id, "code", aws.ToString(fault.Code))
		}
	}
}
