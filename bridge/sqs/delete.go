package sqs

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
)

// firstDeleteDelay and maxDeleteDelay bound the wait between tries of a deletion.
const firstDeleteDelay, maxDeleteDelay = 250 * time.Millisecond, 4 * time.Second

// deleteAcked deletes what Kafka has acknowledged, ten at a time whichever
// pollers they came from, and no later than DeleteLinger after the first of
// the ten.
func (b *Bridge) deleteAcked(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	places := make(chan struct{}, b.opts.MaxPollers)
	var group []*message
	timer := time.NewTimer(b.opts.DeleteLinger)
	timer.Stop()
	defer timer.Stop()
	flush := func() {
		timer.Stop()
		full := group
		group = nil
		select {
		case places <- struct{}{}:
			calls.Go(func() {
				b.delete(ctx, full)
				<-places
			})
		case <-ctx.Done():
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-b.acked:
			if group = append(group, m); len(group) == batchSize {
				flush()
			} else if len(group) == 1 {
				timer.Reset(b.opts.DeleteLinger)
			}
		case <-timer.C:
			flush()
		}
	}
}

// delete deletes up to ten messages and tries again those that failed. A
// message that cannot be deleted comes again: readers know it by its id.
func (b *Bridge) delete(ctx context.Context, group []*message) {
	for attempt := 0; ; attempt++ {
		var err error
		group, err = b.deleteOnce(ctx, group)
		if len(group) == 0 || ctx.Err() != nil {
			return
		}
		if attempt == maxAttempts {
			b.opts.Logger.Error("messages could not be deleted: they will come again", "queue", b.opts.Queue, "messages", len(group), "error", err)
			b.abandon(group...)
			return
		}
		if clock.Sleep(ctx, clock.Real{}, clock.Backoff(attempt, firstDeleteDelay, maxDeleteDelay)) != nil {
			return
		}
	}
}

// deleteOnce returns the messages whose deletion should be tried again.
func (b *Bridge) deleteOnce(ctx context.Context, group []*message) ([]*message, error) {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(group))
	for i, m := range group {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &m.receipt}
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	out, err := b.opts.Client.DeleteMessageBatch(call, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(b.opts.Queue), Entries: entries})
	if err != nil {
		return group, err
	}
	var again, done []*message
	verdicts := make([]*types.BatchResultErrorEntry, len(group))
	for i := range out.Failed {
		if at, ok := entryIndex(out.Failed[i].Id, len(group)); ok {
			verdicts[at] = &out.Failed[i]
		}
	}
	for i, m := range group {
		switch fault := verdicts[i]; {
		case fault == nil:
			done = append(done, m)
		case fault.SenderFault:
			// The handle has expired or is not valid: another try cannot help.
			b.opts.Logger.Warn("SQS refuses to delete a message: it may come again",
				"queue", b.opts.Queue, "message_id", m.id, "code", aws.ToString(fault.Code))
			b.abandon(m)
		default:
			again = append(again, m)
		}
	}
	b.stats.deleted.Add(int64(len(done)))
	b.flight.settle(done...)
	return again, nil
}

// entryIndex reads the id that deleteOnce and renew gave an entry.
func entryIndex(id *string, n int) (int, bool) {
	i, err := strconv.Atoi(aws.ToString(id))
	return i, err == nil && i >= 0 && i < n
}
