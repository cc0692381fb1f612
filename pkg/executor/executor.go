// Package executor carries out the calls that machines ask for: it is the one
// place between a machine.Call and Amazon, and says what each way for a call
// to end means to a machine. It holds no queue and never repeats a call.
package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sellerstream/sellerstream/pkg/breaker"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// tokenPause is how long an account's calls wait when LWA gives no token. The
// wait is the lane's; the account's breaker holds back its other lanes, so that
// one token request is made for all of them.
const tokenPause = 10 * time.Second

// sendPause is how long an account's calls of an operation wait when a writing
// one found no connection: it costs no attempt, so without a pause it would be
// made again as fast as connections fail.
const sendPause = 5 * time.Second

// Sellers finds the caller of an account by our name of it. Its error parks the
// account, so it should say what to configure.
type Sellers func(account string) (*spapi.Seller, error)

// Executor may be used from any goroutine.
type Executor struct {
	sellers  Sellers
	breakers *breaker.Breakers
	log      *slog.Logger
}

// New makes an executor. breakers are shared by all that call from this process.
func New(sellers Sellers, breakers *breaker.Breakers, log *slog.Logger) *Executor {
	return &Executor{sellers: sellers, breakers: breakers, log: log}
}

// Execute makes one call and says how it ended. It returns when the call has
// ended or ctx has.
func (e *Executor) Execute(ctx context.Context, call machine.Call) machine.Result {
	res := machine.Result{Call: call}
	if err := context.Cause(ctx); err != nil {
		res.Outcome = machine.Snooze{Unspent: true, Err: fmt.Errorf("%s for account %s was not started: %w", call.Operation, call.Account, err)}
		return res
	}
	seller, err := e.sellers(call.Account)
	if err != nil {
		res.Outcome = machine.Park{Err: err}
		e.report(ctx, &res)
		return res
	}
	pass, err := e.breakers.Enter(seller.Host(), call.Account, call.Operation)
	var open *breaker.OpenError
	if errors.As(err, &open) {
		res.Outcome = machine.Snooze{For: open.Wait, Unspent: true, Err: err}
		e.report(ctx, &res)
		return res
	}
	response, meta, err := e.call(ctx, seller, call)
	pass.Exit(ctx, err)
	res.RateLimit = meta.RateLimit
	if err == nil {
		res.Outcome = machine.Done{Response: response}
		return res
	}
	res.Outcome = e.budgeted(call, Outcome(ctx, call, err))
	e.report(ctx, &res)
	return res
}

func (e *Executor) call(ctx context.Context, seller *spapi.Seller, call machine.Call) (any, spapi.Meta, error) {
	switch req := call.Request.(type) {
	case *model.GetOrderRequest:
		return seller.GetOrder(ctx, *req)
	case *model.UploadFeedRequest:
		return seller.UploadFeed(ctx, *req)
	case *model.CreateFeedRequest:
		return seller.CreateFeed(ctx, *req)
	case *model.GetFeedRequest:
		return seller.GetFeed(ctx, *req)
	case *model.GetFeedsRequest:
		return seller.GetFeeds(ctx, *req)
	case *model.CancelFeedRequest:
		return seller.CancelFeed(ctx, *req)
	case *model.ReadFeedReportRequest:
		return seller.ReadFeedReport(ctx, *req)
	case *model.PatchQuantityRequest:
		return seller.PatchQuantity(ctx, *req)
	case *model.GetListingsItemRequest:
		return seller.GetListingsItem(ctx, *req)
	case *model.SearchOrdersRequest:
		return seller.SearchOrders(ctx, *req)
	case *model.GetOrderV0Request:
		return seller.GetOrderV0(ctx, *req)
	case *model.GetOrderItemsV0Request:
		return seller.GetOrderItemsV0(ctx, *req)
	case *model.CreateRestrictedDataTokenRequest:
		return seller.CreateRestrictedDataToken(ctx, *req)
	case *model.ConfirmShipmentRequest:
		return seller.ConfirmShipment(ctx, *req)
	}
	return nil, spapi.Meta{}, &model.Error{
		Class: model.Invalid, Operation: call.Operation, Account: call.Account,
		Message: fmt.Sprintf("no call is known for a request of type %T", call.Request),
	}
}

// Outcome says what an error of a call to Amazon means to a machine.
func Outcome(ctx context.Context, call machine.Call, err error) machine.Outcome {
	var refusal *model.Error
	if !errors.As(err, &refusal) {
		refusal = &model.Error{Class: model.Unavailable, Operation: call.Operation, Account: call.Account, Err: err}
		if model.Writes(call.Operation) {
			refusal.Class = model.Ambiguous
		}
	}
	switch refusal.Class {
	case model.Throttled:
		return machine.Snooze{For: refusal.RetryAfter, Throttled: true, Err: err}
	case model.Unauthorized, model.Forbidden:
		if refusal.StaleToken {
			return machine.Retry{Err: err} // a new token may be all that it takes
		}
		return machine.Park{Err: err}
	case model.NotFound, model.Invalid, model.Conflict:
		return machine.Reject{Err: err}
	}
	switch {
	case refusal.TokenMissing: // nothing was sent
		return machine.Snooze{For: max(tokenPause, refusal.RetryAfter), Unspent: true, Err: err}
	case refusal.NotSent && model.Writes(call.Operation): // with a byte of it sent, it would be in doubt
		return machine.Snooze{For: max(sendPause, refusal.RetryAfter), Unspent: true, Err: err}
	case refusal.Class == model.Ambiguous:
		return machine.Ambiguous{Err: err}
	case ctx.Err() != nil: // we stopped it: no fault of Amazon's
		return machine.Snooze{Err: err}
	}
	return machine.Retry{Err: err}
}

// budgeted turns a retry into a longer wait where too many of the account's
// calls fail: the load must not double because Amazon has a bad day.
func (e *Executor) budgeted(call machine.Call, outcome machine.Outcome) machine.Outcome {
	retry, ok := outcome.(machine.Retry)
	if !ok {
		return outcome
	}
	wait, ok := e.breakers.Retry(call.Account, call.Operation)
	if ok {
		return retry
	}
	return machine.Snooze{For: wait, Err: fmt.Errorf("too many of the account's calls fail to try again at once: %w", retry.Err)}
}

// report logs what an operator can act on; what is retried by itself is for
// whoever looks closely.
func (e *Executor) report(ctx context.Context, res *machine.Result) {
	level, text, err := slog.LevelDebug, "", error(nil)
	switch o := res.Outcome.(type) {
	case machine.Park:
		level, text, err = slog.LevelError, "account parked: its calls wait until this is mended", o.Err
	case machine.Reject:
		text, err = "call refused", o.Err // whether that is final is the machine's to say
	case machine.Ambiguous:
		level, text, err = slog.LevelWarn, "call may or may not have happened", o.Err
	case machine.Retry:
		text, err = "call failed and is tried again", o.Err
	case machine.Snooze:
		text, err = "call waits", o.Err
		if o.Throttled {
			level = slog.LevelWarn
		}
	}
	e.log.Log(ctx, level, text, "account", res.Call.Account, "operation", res.Call.Operation, "key", res.Call.Key, "error", err)
}
