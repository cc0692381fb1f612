package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
)

var (
	errLeaseOver = errors.New("the call's lease was over before it could start")
	errHandover  = errors.New("the unit was handed over before the call could start")
)

// calls runs a unit's calls, at most limit at a time. Its methods are called
// by the unit's goroutine only.
type calls struct {
	execute func(context.Context, machine.Call) machine.Result
	limit   int
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan machine.Result // each running call sends once; there is room for all
	running int
	waiting []leased
	wg      sync.WaitGroup
}

// leased is a call and when it must have started and ended; zero for never.
type leased struct {
	call machine.Call
	end  time.Time
}

func newCalls(ctx context.Context, execute func(context.Context, machine.Call) machine.Result, limit int) *calls {
	ctx, cancel := context.WithCancel(ctx)
	return &calls{execute: execute, limit: limit, ctx: ctx, cancel: cancel, done: make(chan machine.Result, limit)}
}

// start starts calls that a transaction allowed, or queues them. Their leases
// run from committed, in real time.
func (c *calls) start(list []machine.Call, committed time.Time) {
	for _, call := range list {
		l := leased{call: call}
		if call.Lease > 0 {
			l.end = committed.Add(call.Lease)
		}
		c.waiting = append(c.waiting, l)
	}
	c.fill()
}

// ended takes note of a result that came out of done.
func (c *calls) ended() {
	c.running--
	c.fill()
}

func (c *calls) fill() {
	for c.running < c.limit && len(c.waiting) > 0 {
		next := c.waiting[0]
		c.waiting[0] = leased{}
		c.waiting = c.waiting[1:]
		c.running++
		c.wg.Go(func() { c.done <- c.run(next) })
	}
}

func (c *calls) run(l leased) machine.Result {
	ctx := c.ctx
	if !l.end.IsZero() {
		leaseCtx, cancel := context.WithDeadlineCause(ctx, l.end, errLeaseOver)
		defer cancel()
		ctx = leaseCtx
	}
	if ctx.Err() != nil {
		return machine.Result{Call: l.call, Outcome: machine.Snooze{Unspent: true, Err: context.Cause(ctx)}}
	}
	res := c.execute(ctx, l.call)
	res.Call = l.call
	return res
}

// turnAway returns, as snoozed, the calls that have not started.
func (c *calls) turnAway() []machine.Result {
	results := make([]machine.Result, 0, len(c.waiting))
	for _, l := range c.waiting {
		results = append(results, machine.Result{Call: l.call, Outcome: machine.Snooze{Unspent: true, Err: errHandover}})
	}
	c.waiting = nil
	return results
}

// stop cancels what runs and waits for it.
func (c *calls) stop() {
	c.cancel()
	c.waiting = nil
	c.wg.Wait()
}
