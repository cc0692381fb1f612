package sqs_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/sellerstream/sellerstream/bridge/sqs"
)

// Slow renewals still come in time for all messages: 100 calls of half a second
// each, one after the other, would not.
func TestRenewalsAreSlow(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.send(1000)
		w.kafka.goDown()
		opts := w.options()
		opts.Client = &renewals{API: opts.Client, delay: 500 * time.Millisecond}
		b, _ := w.run(opts)
		time.Sleep(5 * time.Minute)
		if q := w.queue(); q.Redelivered != 0 || b.Stats().InFlight != 1000 {
			t.Errorf("queue %+v, %d messages in flight, want all 1000 hidden all the time", q, b.Stats().InFlight)
		}
	})
}

// Entries that SQS fails through no fault of ours are renewed again before
// their messages come into view.
func TestRenewalsFailInPart(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.send(10)
		w.kafka.goDown()
		opts := w.options()
		client := &renewals{API: opts.Client, fails: 2}
		opts.Client = client
		w.run(opts)
		time.Sleep(time.Minute)
		if q := w.queue(); q.Redelivered != 0 {
			t.Errorf("queue %+v, want nothing redelivered", q)
		}
		client.mu.Lock()
		defer client.mu.Unlock()
		if client.calls <= client.fails {
			t.Errorf("%d renewals: none after those that failed", client.calls)
		}
	})
}

// renewals makes the renewals of visibility slow, and lets the first ones fail
// for all their entries.
type renewals struct {
	sqs.API
	delay time.Duration
	fails int

	mu    sync.Mutex
	calls int
}

func (r *renewals) ChangeMessageVisibilityBatch(ctx context.Context, in *awssqs.ChangeMessageVisibilityBatchInput, opts ...func(*awssqs.Options)) (*awssqs.ChangeMessageVisibilityBatchOutput, error) {
	r.mu.Lock()
	r.calls++
	failing := r.calls <= r.fails
	r.mu.Unlock()
	if failing {
		out := &awssqs.ChangeMessageVisibilityBatchOutput{}
		for _, e := range in.Entries {
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: e.Id, Code: aws.String("InternalError")})
		}
		return out, nil
	}
	select {
	case <-time.After(r.delay):
		return r.API.ChangeMessageVisibilityBatch(ctx, in, opts...)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A renewal that fails as a whole is made again before its messages come into
// view: with half the timeout left there is time for more than one.
func TestRenewalsFailAsAWhole(t *testing.T) {
	inTime(t, func(t *testing.T, w *world) {
		w.send(10)
		w.kafka.goDown()
		opts := w.options()
		client := &wholeFailures{API: opts.Client}
		opts.Client = client
		b, _ := w.run(opts)
		time.Sleep(5 * time.Minute)
		if q := w.queue(); q.Redelivered != 0 || b.Stats().InFlight != 10 {
			t.Errorf("queue %+v, %d messages in flight, want all 10 hidden all the time", q, b.Stats().InFlight)
		}
		if client.failed.Load() < 10 {
			t.Errorf("%d renewals failed: the test tests nothing", client.failed.Load())
		}
	})
}

// wholeFailures lets two of three renewals fail as a whole.
type wholeFailures struct {
	sqs.API
	calls, failed atomic.Int32
}

func (f *wholeFailures) ChangeMessageVisibilityBatch(ctx context.Context, in *awssqs.ChangeMessageVisibilityBatchInput, opts ...func(*awssqs.Options)) (*awssqs.ChangeMessageVisibilityBatchOutput, error) {
	if f.calls.Add(1)%3 != 0 {
		f.failed.Add(1)
		return nil, errors.New("the connection was cut")
	}
	return f.API.ChangeMessageVisibilityBatch(ctx, in, opts...)
}
