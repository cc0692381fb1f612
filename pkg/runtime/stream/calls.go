package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

var (
	errLeaseOver = errors.New("the call was not sent: its lease was over before it could start")
	errHandover  = errors.New("the unit was handed over before the call could start")
)

// calls runs a unit's calls, at most limit at a time. Its methods are called
// by the unit's goroutine only.
type calls struct {
	log     *slog.Logger
	execute func(context.Context, machine.Call) machine.Result
	limit   int
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan machine.Result // each running call sends once; there is room for all
	running int
	waiting []machine.Call
	wg      sync.WaitGroup
}

func newCalls(ctx context.Context, log *slog.Logger, execute func(context.Context, machine.Call) machine.Result, limit int) *calls {
	ctx, cancel := context.WithCancel(ctx)
	return &calls{log: log, execute: execute, limit: limit, ctx: ctx, cancel: cancel, done: make(chan machine.Result, limit)}
}

// start starts calls that a transaction allowed, or queues them. Their leases
// run from committed, in real time.
func (c *calls) start(list []machine.Call, committed time.Time) {
	for _, call := range list {
		if call.Lease > 0 {
			call.StartBy = committed.Add(call.Lease)
		}
		c.waiting = append(c.waiting, call)
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
		c.waiting[0] = machine.Call{}
		c.waiting = c.waiting[1:]
		c.running++
		c.wg.Go(func() { c.done <- c.contained(next) })
	}
}

// contained is like run, but a panic costs only the call.
func (c *calls) contained(call machine.Call) (res machine.Result) {
	defer func() {
		fault := recover()
		if fault == nil {
			return
		}
		c.log.Error("a call panicked: this is a fault of the program, report it", "account", call.Account, "operation", call.Operation,
			"key", schemas.Brief(call.Key), "panic", schemas.Brief(fmt.Sprint(fault)), "stack", string(debug.Stack()))
		err := fmt.Errorf("%s of account %s panicked: %v", call.Operation, call.Account, fault)
		res = machine.Result{Call: call, Blame: blame.Ourselves, Outcome: machine.Retry{Err: err}}
		if call.Lease > 0 { // a writing call
			res.Outcome = machine.Ambiguous{Err: err}
		}
	}()
	return c.run(call)
}

// run makes a call whose time to start is not over. Whoever executes it checks
// that time again when it sends: from then on only the executor's own timeout
// and the end of the unit bound the answer.
func (c *calls) run(call machine.Call) machine.Result {
	err := context.Cause(c.ctx)
	if err == nil && !call.StartBy.IsZero() && !time.Now().Before(call.StartBy) {
		err = errLeaseOver
	}
	if err != nil {
		return machine.Result{Call: call, Outcome: machine.Snooze{Unspent: true, Err: err}}
	}
	res := c.execute(c.ctx, call)
	res.Call = call
	return res
}

// turnAway returns, as snoozed, the calls that have not started.
func (c *calls) turnAway() []machine.Result {
	results := make([]machine.Result, 0, len(c.waiting))
	for _, call := range c.waiting {
		results = append(results, machine.Result{Call: call, Outcome: machine.Snooze{Unspent: true, Err: errHandover}})
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
