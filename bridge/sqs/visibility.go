package sqs

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

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
			due := b.flight.due(now, half)
			for len(due) > 0 && ctx.Err() == nil {
				n := min(len(due), batchSize)
				b.renew(ctx, due[:n])
				due = due[n:]
			}
		}
	}
}

// renew gives messages another visibility timeout. A call that failed is tried
// again at the next tick; at worst the messages come again.
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
			b.flight.unrenew(group)
			b.opts.Logger.Warn("cannot keep messages hidden: they may come again", "queue", b.opts.Queue, "messages", len(group), "error", err)
		}
		return
	}
	for _, fault := range out.Failed {
		if i, ok := entryIndex(fault.Id, len(group)); ok {
			b.opts.Logger.Warn("cannot keep a message hidden: it may come again",
				"queue", b.opts.Queue, "message_id", group[i].id, "code", aws.ToString(fault.Code))
		}
	}
}
