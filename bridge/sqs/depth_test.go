package sqs_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/sellerstream/sellerstream/bridge/sqs"
)

// attributes is a queue that may not be asked for its attributes for a while.
type attributes struct {
	sqs.AttributesAPI
	denied atomic.Bool
	asked  atomic.Int32
}

func (a *attributes) GetQueueAttributes(ctx context.Context, in *awssqs.GetQueueAttributesInput, opts ...func(*awssqs.Options)) (*awssqs.GetQueueAttributesOutput, error) {
	a.asked.Add(1)
	if a.denied.Load() {
		return nil, errors.New("AccessDenied")
	}
	return a.AttributesAPI.GetQueueAttributes(ctx, in, opts...)
}

// TestDepthIsWhatSQSCounts, once a minute; what it does not tell is not 0.
func TestDepthIsWhatSQSCounts(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.kafka.goDown() // what is received stays in flight
		opts := w.options()
		api := &attributes{AttributesAPI: opts.Client.(*awssqs.Client)}
		opts.Attributes = api
		w.send(7)
		time.Sleep(3 * time.Minute)
		b, stop := w.run(opts)
		time.Sleep(90 * time.Second)
		synctest.Wait()
		if got, ok := b.Depth(); !ok || got.Visible != 0 || got.NotVisible != 7 || got.Oldest < 3*time.Minute || got.Oldest > 4*time.Minute {
			t.Errorf("%+v, %t", got, ok)
		}
		if n := api.asked.Load(); n != 2 {
			t.Errorf("asked %d times in 90 s", n)
		}
		api.denied.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got, ok := b.Depth(); ok {
			t.Errorf("SQS does not tell: %+v", got)
		}
		api.denied.Store(false)
		w.kafka.comeUp()
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if got, ok := b.Depth(); !ok || got != (sqs.Depth{}) {
			t.Errorf("emptied: %+v, %t", got, ok)
		}
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
}
