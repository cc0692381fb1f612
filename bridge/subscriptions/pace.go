package subscriptions

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	// tries bounds the attempts at one call within a pass; what still fails is
	// tried again after Options.Retry.
	tries = 4
	// firstPause grows fourfold with each attempt at a call that Amazon, or the
	// way to it, did not answer.
	firstPause = 2 * time.Second
	// longestHeld is how long a call waits for a breaker. A host's is never open
	// for longer before a call may find out. It does not wait for refused credentials,
	// which would keep the other accounts waiting too.
	longestHeld = 2 * time.Minute
)

// pacer holds a bucket for each (account or application, operation). Only the
// rate is used, never the burst: there is no hurry, and so an operator's command
// beside the keeper, or the next keeper, finds tokens left at Amazon.
type pacer struct {
	clock  clock.Clock
	limits quota.Limits

	mu      sync.Mutex
	buckets map[pair]*paced
}

type pair struct{ owner, operation string }

// paced is a bucket whose calls are made one after the other.
type paced struct {
	turn   chan struct{} // full while a call is waited for or made
	bucket *quota.Bucket
}

func (p *pacer) of(owner, operation string) *paced {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := pair{owner, operation}
	b := p.buckets[key]
	if b == nil {
		limit := p.limits.Of(owner, operation)
		limit.Burst = 1
		b = &paced{turn: make(chan struct{}, 1), bucket: quota.NewFull(owner, operation, limit)}
		p.buckets[key] = b
	}
	return b
}

// forget drops the quotas of owners, so that they are asked for anew.
func (p *pacer) forget(owners []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := make(map[string]bool, len(owners))
	for _, owner := range owners {
		gone[owner] = true
	}
	maps.DeleteFunc(p.buckets, func(key pair, _ *paced) bool { return gone[key.owner] })
}

// made makes a call as p.call does.
func made[Request, Answer any](
	ctx context.Context, p *pacer, owner, operation string, call func(context.Context, Request) (*Answer, spapi.Meta, error), req Request,
) (answer *Answer, err error) {
	err = p.call(ctx, owner, operation, func() (meta spapi.Meta, err error) {
		answer, meta, err = call(ctx, req)
		return meta, err
	})
	return answer, err
}

// call makes a call when there is a token for it, and again, with a token of
// its own, when it was throttled, a read went unanswered, or a breaker held it
// back. A writing call that may have been carried out is not made again: whoever
// asked has to look.
func (p *pacer) call(ctx context.Context, owner, operation string, do func() (spapi.Meta, error)) error {
	b := p.of(owner, operation)
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-b.turn }()
	pause := firstPause
	for attempt := 1; ; attempt++ {
		if err := b.wait(ctx, p.clock); err != nil {
			return err
		}
		meta, err := do()
		var open *breaker.OpenError
		if errors.As(err, &open) {
			b.bucket.Return(p.clock.Now())
			if attempt == tries || open.Wait > longestHeld || blame.Of(operation, open.Cause) != blame.Host {
				return err
			}
			if err := clock.Sleep(ctx, p.clock, open.Wait); err != nil {
				return err
			}
			continue
		}
		var refusal *model.Error
		errors.As(err, &refusal)
		b.learn(meta, refusal, p.clock.Now())
		switch {
		case refusal == nil || attempt == tries:
			return err
		case refusal.Class == model.Throttled || refusal.StaleToken:
		case refusal.Class == model.Unavailable:
			if err := clock.Sleep(ctx, p.clock, max(refusal.RetryAfter, pause/2+rand.N(pause))); err != nil {
				return err
			}
			pause *= 4
		default:
			return err
		}
	}
}

func (b *paced) wait(ctx context.Context, c clock.Clock) error {
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		now := c.Now()
		if _, ok := b.bucket.Take(now); ok {
			return nil
		}
		if err := clock.Sleep(ctx, c, b.bucket.Next(now).Sub(now)); err != nil {
			return err
		}
	}
}

func (b *paced) learn(meta spapi.Meta, refusal *model.Error, now time.Time) {
	b.bucket.Answered(now)
	if refusal != nil && refusal.Class == model.Throttled {
		b.bucket.Throttled(now)
		return
	}
	b.bucket.Learn(meta.RateLimit, now)
}
