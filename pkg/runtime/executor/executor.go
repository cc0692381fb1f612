// Package executor carries out the calls that machines ask for: it stands between a
// machine.Call and Amazon, and translates the end of a call into a machine.Outcome. It
// holds no queue and never repeats a call.
package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
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

// settingPause is how long an account's calls of an operation wait when our
// configuration does not allow what Amazon asks for: somebody must change it.
const settingPause = time.Minute

// Sellers finds the caller of an account by our name of it. Its error parks the
// account, so it should say what to configure.
type Sellers func(account string) (*spapi.Seller, error)

// Executor may be used from any goroutine.
type Executor struct {
	sellers  Sellers
	breakers *breaker.Breakers
	tally    *blame.Tally
	clock    clock.Clock
	log      *slog.Logger
}

// New makes an executor. breakers and tally are shared by all that call from this
// process; the tally is told the time of clk.
func New(sellers Sellers, breakers *breaker.Breakers, tally *blame.Tally, clk clock.Clock, log *slog.Logger) *Executor {
	return &Executor{sellers: sellers, breakers: breakers, tally: tally, clock: clk, log: log}
}

// Execute makes one call and returns how it ended. It returns when the call has
// ended or ctx has.
func (e *Executor) Execute(ctx context.Context, call machine.Call) machine.Result {
	res := machine.Result{Call: call}
	if err := context.Cause(ctx); err != nil {
		res.Outcome = machine.Snooze{Unspent: true, Err: fmt.Errorf("%s for account %s was not started: %w", call.Operation, call.Account, err)}
		return res
	}
	seller, err := e.sellers(call.Account)
	if err != nil {
		res.Outcome, res.Blame = machine.Park{Err: err}, blame.Account
		e.report(ctx, &res)
		return res
	}
	if pass := e.enter(&res, seller); pass != nil {
		e.do(ctx, &res, seller, pass)
	}
	e.report(ctx, &res)
	return res
}

// enter asks whether the call may be made. Without a pass the result says why not.
func (e *Executor) enter(res *machine.Result, seller *spapi.Seller) *breaker.Pass {
	call := res.Call
	about, now := callOf(seller, call), e.clock.Now()
	found, wait, held := e.tally.Hold(about, now)
	if held {
		res.Blame, res.Shared = found.Party, found.Shared
		res.Outcome = machine.Snooze{
			For: wait + rand.N(time.Second+wait/4), Unspent: true, Parked: refuses(found.Party), Err: &heldError{call, found.Shared},
		}
		return nil
	}
	pass, err := e.breakers.EnterFor(seller.Host(), call.Account, call.Operation, call.Key)
	var open *breaker.OpenError
	if errors.As(err, &open) {
		found = e.tally.Unmade(about, open.Cause, now)
		res.Blame, res.Shared = found.Party, found.Shared
		res.Outcome = machine.Snooze{For: open.Wait, Unspent: true, Parked: refuses(found.Party), Err: err}
		return nil
	}
	return pass
}

// refuses reports whether calls that wait because of a party wait for a person: the
// account is parked, whichever role's call was refused first.
func refuses(party blame.Party) bool { return party == blame.Account || party == blame.Application }

// do makes the call.
func (e *Executor) do(ctx context.Context, res *machine.Result, seller *spapi.Seller, pass *breaker.Pass) {
	call := res.Call
	response, meta, err := e.call(spapi.StartBy(ctx, call.StartBy), seller, call)
	pass.Exit(ctx, err)
	res.RateLimit = meta.RateLimit
	var refusal *model.Error
	if err != nil {
		refusal = refusalOf(call, err)
	}
	found := e.blamed(callOf(seller, call), refusal)
	if err == nil {
		res.Outcome = machine.Done{Response: response}
		return
	}
	res.Blame, res.Shared = found.Party, found.Shared
	res.Outcome = e.budgeted(call, e.outcome(ctx, call, err, found), blame.Of(call.Operation, err))
}

// blamed is whose fault the end of a call is; refusal is nil for a success. A call that
// the breaker of token requests held back has found out nothing.
func (e *Executor) blamed(about blame.Call, refusal *model.Error) blame.Finding {
	switch now := e.clock.Now(); {
	case refusal == nil:
		return e.tally.Ended(about, nil, now)
	case tokenHeld(refusal):
		return e.tally.Unmade(about, refusal, now)
	default:
		return e.tally.Ended(about, refusal, now)
	}
}

// tokenHeld reports whether a call was not made because its token was not asked for.
func tokenHeld(refusal *model.Error) bool { return refusal.TokenMissing && refusal.NotSent }

// outcome is like Outcome, but heeds what the tally has found: a call that is refused
// like those of others waits with them, until one call finds that the cause is over.
func (e *Executor) outcome(ctx context.Context, call machine.Call, err error, found blame.Finding) machine.Outcome {
	outcome := Outcome(ctx, call, err)
	switch o := outcome.(type) {
	case machine.Reject:
		switch {
		case found.Own: // until one of the others is taken
			return machine.Snooze{For: blame.VagueFor, Own: true, Err: o.Err}
		case found.Party != blame.Of(call.Operation, err):
			return machine.Park(o)
		}
	case machine.Snooze:
		if found.Party == blame.Ourselves && found.Shared != nil {
			o.For = max(o.For, min(e.clock.Now().Sub(found.Shared.Since)/4, lane.ProbeAfter))
			return o
		}
	}
	return outcome
}

func callOf(seller *spapi.Seller, call machine.Call) blame.Call {
	return blame.Call{
		Host: seller.Host(), Application: seller.Application(), Account: call.Account, Operation: call.Operation, Key: call.Key,
		TokenIssued: seller.TokenIssued(),
	}
}

// heldError is a call that waits until another has found out whether what it shares
// with others is over.
type heldError struct {
	call machine.Call
	by   *blame.Shared
}

func (e *heldError) Error() string {
	return fmt.Sprintf("%s of %s was not made: %d accounts get the same answer since %s, and one call at a time finds out whether that is over: %s%s at %s",
		e.call.Operation, e.call.Account, e.by.Count, e.by.Since.UTC().Format(time.RFC3339), e.by.Cause, e.by.Status, e.by.Host)
}

func (e *Executor) call(ctx context.Context, seller *spapi.Seller, call machine.Call) (any, spapi.Meta, error) {
	response, meta, err := seller.Call(ctx, call.Request)
	if errors.Is(err, spapi.ErrUnknownRequest) {
		err = &model.Error{
			Class: model.Invalid, Operation: call.Operation, Account: call.Account,
			Message: fmt.Sprintf("there is no call for a request of type %T", call.Request),
		}
	}
	return response, meta, err
}

// Outcome is what an error of a call to Amazon means to a machine.
func Outcome(ctx context.Context, call machine.Call, err error) machine.Outcome {
	refusal := refusalOf(call, err)
	switch blame.Of(call.Operation, refusal) {
	case blame.Item, blame.Operation:
		return refused(call, refusal, err)
	case blame.Account, blame.Application:
		if refusal.OfApplication {
			return refused(call, refusal, err)
		}
		return machine.Park{Err: err}
	case blame.Ourselves:
		if refusal.StaleToken {
			return machine.Retry{Err: err} // a new token may be all that it takes
		}
		if refusal.Setting != "" {
			return machine.Snooze{For: settingPause, Err: err}
		}
	}
	return unanswered(ctx, call, refusal, err)
}

// refusalOf returns the *model.Error of err, or makes one of it.
func refusalOf(call machine.Call, err error) *model.Error {
	var refusal *model.Error
	if errors.As(err, &refusal) {
		return refusal
	}
	refusal = &model.Error{Class: model.Unavailable, Operation: call.Operation, Account: call.Account, Err: err}
	if model.Writes(call.Operation) {
		refusal.Class = model.Ambiguous
	}
	return refusal
}

// refused is the outcome of a call that Amazon has refused, or answered with something
// that cannot be read.
func refused(call machine.Call, refusal *model.Error, err error) machine.Outcome {
	switch {
	case refusal.Class == model.Throttled:
		return machine.Snooze{For: refusal.RetryAfter, Throttled: true, Application: refusal.OfApplication, Err: err}
	case refusal.Class == model.Unavailable: // a new URL for the document may do
		return machine.Retry{Err: err}
	case refusal.Class == model.Malformed && model.Writes(call.Operation): // it has happened, who knows with what result
		return machine.Ambiguous{Err: err}
	}
	return machine.Reject{Err: err}
}

// unanswered is the outcome of a call that Amazon has not answered.
func unanswered(ctx context.Context, call machine.Call, refusal *model.Error, err error) machine.Outcome {
	switch {
	case tokenHeld(refusal):
		return machine.Snooze{For: refusal.RetryAfter, Unspent: true, Err: err}
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

// budgeted turns a retry into a longer wait of its item where too many of the account's
// calls go unanswered: the load must not double because Amazon has a bad day. A call
// that is blamed on an item costs the others nothing.
func (e *Executor) budgeted(call machine.Call, outcome machine.Outcome, fault blame.Party) machine.Outcome {
	retry, ok := outcome.(machine.Retry)
	if !ok || fault != blame.Host {
		return outcome
	}
	wait, ok := e.breakers.Retry(call.Account, call.Operation)
	if ok {
		return retry
	}
	return machine.Snooze{For: wait, Own: true, Err: fmt.Errorf("too many of the account's calls fail, so this one is not tried again at once: %w", retry.Err)}
}

// report logs what an operator can act on. What is retried by itself is logged for
// debugging only.
func (e *Executor) report(ctx context.Context, res *machine.Result) {
	level, text, err := slog.LevelDebug, "", error(nil)
	switch o := res.Outcome.(type) {
	case machine.Done:
		return
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
		if res.Blame == blame.Ourselves && o.For >= settingPause {
			level, text = slog.LevelError, "our configuration does not allow this: its calls wait until it is changed"
		}
	}
	if level > slog.LevelDebug && res.Shared != nil && !res.Shared.Speaks { // one line for all that share it
		level = slog.LevelDebug
	}
	e.log.Log(ctx, level, text, "account", res.Call.Account, "operation", res.Call.Operation, "key", res.Call.Key, "blame", res.Blame, "error", err)
}
