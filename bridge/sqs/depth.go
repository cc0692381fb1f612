package sqs

import (
	"context"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// AttributesAPI is what measuring a queue needs of SQS; *sqs.Client has it.
type AttributesAPI interface {
	GetQueueAttributes(context.Context, *sqs.GetQueueAttributesInput, ...func(*sqs.Options)) (*sqs.GetQueueAttributesOutput, error)
}

// Depth is what waits in the queue, as SQS counts it: about.
type Depth struct {
	Visible    int64 // may be received
	NotVisible int64 // received, by us or others, and not deleted
	Delayed    int64 // may be received later
	// Oldest is how long the oldest message that was received within the minute before had
	// been in the queue; 0 where none was. (Only CloudWatch knows it of those that wait.)
	Oldest time.Duration
}

// depthEvery is how often SQS is asked; a request of each process costs what a receive does.
const depthEvery = time.Minute

// Depth returns what SQS has said last. It is not ok where SQS did not tell.
func (b *Bridge) Depth() (d Depth, ok bool) {
	if depth := b.depth.Load(); depth != nil {
		return *depth, true
	}
	return Depth{}, false
}

// measure asks SQS now and then until ctx ends.
func (b *Bridge) measure(ctx context.Context) {
	ticker := time.NewTicker(depthEvery)
	defer ticker.Stop()
	for refused := false; ; {
		depth, err := b.ask(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			b.depth.Store(&depth)
		case !refused:
			b.depth.Store(nil)
			b.opts.Logger.Warn("SQS does not tell how much waits in the queue: its metrics are left out, all else goes on; allow sqs:GetQueueAttributes",
				"queue", b.opts.Queue, "error", err)
		default:
			b.depth.Store(nil)
		}
		refused = err != nil
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask asks SQS once. The ages of what was received are taken from now on.
func (b *Bridge) ask(ctx context.Context) (Depth, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	depth := Depth{Oldest: time.Duration(b.oldest.Swap(0))}
	out, err := b.opts.Attributes.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(b.opts.Queue),
		AttributeNames: []types.QueueAttributeName{
			types.QueueAttributeNameApproximateNumberOfMessages,
			types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
			types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		},
	})
	if err != nil {
		return Depth{}, err
	}
	for name, n := range map[types.QueueAttributeName]*int64{
		types.QueueAttributeNameApproximateNumberOfMessages:           &depth.Visible,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible: &depth.NotVisible,
		types.QueueAttributeNameApproximateNumberOfMessagesDelayed:    &depth.Delayed,
	} {
		if *n, err = strconv.ParseInt(out.Attributes[string(name)], 10, 64); err != nil {
			return Depth{}, err
		}
	}
	return depth, nil
}

// aged notes how long a message that was received had been in the queue.
func (b *Bridge) aged(sent time.Time) {
	if sent.IsZero() {
		return
	}
	age := int64(time.Since(sent))
	for {
		oldest := b.oldest.Load()
		if age <= oldest || b.oldest.CompareAndSwap(oldest, age) {
			return
		}
	}
}
