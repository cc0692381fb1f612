package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/executor"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The calls of the Notifications API pass the same breakers as those of the
// processors, and those of accounts the same tally: what one learns of Amazon or of an
// account holds for the others.

// sellerNotifications makes an account's calls about its subscriptions, by whatever is
// configured when they are made.
type sellerNotifications struct {
	*amazon
	gate    gate
	account string
}

// GetSubscriptions asks for one type's subscriptions.
func (n sellerNotifications) GetSubscriptions(ctx context.Context, req model.GetSubscriptionsRequest) (*model.SubscriptionPage, spapi.Meta, error) {
	seller, err := n.seller(n.account)
	if err != nil {
		return nil, spapi.Meta{}, err
	}
	return passed(ctx, n.gate, ofSeller(seller, model.GetSubscriptions), seller.GetSubscriptions, req)
}

// CreateSubscription subscribes the account.
func (n sellerNotifications) CreateSubscription(ctx context.Context, req model.CreateSubscriptionRequest) (*model.Subscription, spapi.Meta, error) {
	seller, err := n.seller(n.account)
	if err != nil {
		return nil, spapi.Meta{}, err
	}
	return passed(ctx, n.gate, ofSeller(seller, model.CreateSubscription), seller.CreateSubscription, req)
}

// applicationNotifications makes an application's calls in one region.
type applicationNotifications struct {
	caller *spapi.Grantless
	gate   gate
	owner  string // see applicationOwner
}

// applicationOwner returns an application's name among the breakers' accounts. No
// account has a space in its name.
func applicationOwner(name string) string { return "application " + name }

func (n applicationNotifications) callee(operation string) callee {
	return callee{host: n.caller.Host(), owner: n.owner, operation: operation}
}

// GetDestinations asks for all of the application's.
func (n applicationNotifications) GetDestinations(ctx context.Context, req model.GetDestinationsRequest) (*model.GetDestinationsResponse, spapi.Meta, error) {
	return passed(ctx, n.gate, n.callee(model.GetDestinations), n.caller.GetDestinations, req)
}

// CreateDestination makes one.
func (n applicationNotifications) CreateDestination(ctx context.Context, req model.CreateDestinationRequest) (*model.Destination, spapi.Meta, error) {
	return passed(ctx, n.gate, n.callee(model.CreateDestination), n.caller.CreateDestination, req)
}

// DeleteDestination removes one.
func (n applicationNotifications) DeleteDestination(ctx context.Context, req model.DeleteDestinationRequest) (*model.DeleteDestinationResponse, spapi.Meta, error) {
	return passed(ctx, n.gate, n.callee(model.DeleteDestination), n.caller.DeleteDestination, req)
}

// DeleteSubscriptionByID ends a seller's subscription.
func (n applicationNotifications) DeleteSubscriptionByID(ctx context.Context, req model.DeleteSubscriptionByIDRequest) (*model.DeleteSubscriptionByIDResponse, spapi.Meta, error) {
	return passed(ctx, n.gate, n.callee(model.DeleteSubscriptionByID), n.caller.DeleteSubscriptionByID, req)
}

// callee is the host and operation of a call, and the owner of its token. application is that
// of an account's call; "" for an application's own.
type callee struct{ host, application, owner, operation string }

func ofSeller(seller *spapi.Seller, operation string) callee {
	return callee{seller.Host(), seller.Application(), seller.Account(), operation}
}

// gate is what calls pass: breakers and a tally that may hold them back, and whoever
// counts them.
type gate struct {
	breakers *breaker.Breakers
	tally    *blame.Tally
	clock    clock.Clock
	count    func(operation string, outcome machine.Outcome, took time.Duration)
}

// call is what the tally knows of a call. This role raises no alerts.
func (c callee) call() blame.Call {
	return blame.Call{Host: c.host, Application: c.application, Account: c.owner, Operation: c.operation, Mute: true}
}

// enter asks whether a call may be made. If it may, exit must follow.
func (g gate) enter(to callee) (*breaker.Pass, error) {
	if to.application == "" {
		return g.breakers.Enter(to.host, to.owner, to.operation)
	}
	if found, wait, held := g.tally.Hold(to.call(), g.clock.Now()); held {
		return nil, &breaker.OpenError{
			Operation: to.operation, Account: to.owner, Wait: wait, What: "what it shares with other calls", Cause: errors.New(found.Shared.Cause),
		}
	}
	pass, err := g.breakers.Enter(to.host, to.owner, to.operation)
	var open *breaker.OpenError
	if errors.As(err, &open) {
		g.tally.Unmade(to.call(), open.Cause, g.clock.Now())
	}
	return pass, err
}

// exit takes the end of a call.
func (g gate) exit(ctx context.Context, to callee, pass *breaker.Pass, err error) {
	pass.Exit(ctx, err)
	if to.application != "" {
		g.tally.Ended(to.call(), err, g.clock.Now())
	}
}

// gate counts nothing in an operator's command, which has no metrics.
func (p *pipeline) gate() gate {
	count := func(string, machine.Outcome, time.Duration) {}
	if p.metrics != nil {
		count = p.metrics.Call
	}
	return gate{p.breakers(), &p.tally, p.Clock, count}
}

// passed makes a call that the gate lets through. Its error is a
// *breaker.OpenError.
func passed[Request, Answer any](ctx context.Context, g gate, to callee,
	call func(context.Context, Request) (*Answer, spapi.Meta, error), req Request,
) (*Answer, spapi.Meta, error) {
	pass, err := g.enter(to)
	if err != nil {
		g.count(to.operation, machine.Snooze{Unspent: true, Err: err}, 0)
		return nil, spapi.Meta{}, err
	}
	began := time.Now()
	answer, meta, err := call(ctx, req)
	g.exit(ctx, to, pass, err)
	outcome := machine.Outcome(machine.Done{})
	if err != nil {
		outcome = executor.Outcome(ctx, machine.Call{Account: to.owner, Operation: to.operation}, err)
	}
	g.count(to.operation, outcome, time.Since(began))
	return answer, meta, err
}
