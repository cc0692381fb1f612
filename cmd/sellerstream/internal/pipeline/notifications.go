package pipeline

import (
	"context"
	"time"

	"github.com/sellerstream/sellerstream/pkg/breaker"
	"github.com/sellerstream/sellerstream/pkg/executor"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The calls of the Notifications API pass the same breakers as those of the
// processors: what one learns of Amazon or of an account holds for the others.

// sellerNotifications makes an account's calls about its subscriptions, by whatever is
// configured when they are made.
type sellerNotifications struct {
	*amazon
	gate    gate
	account string
}

// GetSubscriptions asks for one type's subscriptions.
func (n sellerNotifications) GetSubscriptions(ctx context.Context, req model.GetSubscriptionsRequest) (model.SubscriptionPage, spapi.Meta, error) {
	seller, err := n.seller(n.account)
	if err != nil {
		return model.SubscriptionPage{}, spapi.Meta{}, err
	}
	return passed(ctx, n.gate, callee{seller.Host(), n.account, model.GetSubscriptions}, func() (model.SubscriptionPage, spapi.Meta, error) {
		return seller.GetSubscriptions(ctx, req)
	})
}

// CreateSubscription subscribes the account.
func (n sellerNotifications) CreateSubscription(ctx context.Context, kind string, req model.CreateSubscriptionRequest) (model.Subscription, spapi.Meta, error) {
	seller, err := n.seller(n.account)
	if err != nil {
		return model.Subscription{}, spapi.Meta{}, err
	}
	return passed(ctx, n.gate, callee{seller.Host(), n.account, model.CreateSubscription}, func() (model.Subscription, spapi.Meta, error) {
		return seller.CreateSubscription(ctx, kind, req)
	})
}

// applicationNotifications makes an application's calls in one region.
type applicationNotifications struct {
	caller *spapi.Grantless
	gate   gate
	owner  string // see applicationOwner
}

// applicationOwner is an application's name among the breakers' accounts, none of
// which has a space in its name.
func applicationOwner(name string) string { return "application " + name }

func (n applicationNotifications) callee(operation string) callee {
	return callee{n.caller.Host(), n.owner, operation}
}

// GetDestinations asks for all of the application's.
func (n applicationNotifications) GetDestinations(ctx context.Context) ([]model.Destination, spapi.Meta, error) {
	return passed(ctx, n.gate, n.callee(model.GetDestinations), func() ([]model.Destination, spapi.Meta, error) {
		return n.caller.GetDestinations(ctx)
	})
}

// CreateDestination makes one.
func (n applicationNotifications) CreateDestination(ctx context.Context, req model.CreateDestinationRequest) (model.Destination, spapi.Meta, error) {
	return passed(ctx, n.gate, n.callee(model.CreateDestination), func() (model.Destination, spapi.Meta, error) {
		return n.caller.CreateDestination(ctx, req)
	})
}

// DeleteDestination removes one.
func (n applicationNotifications) DeleteDestination(ctx context.Context, id string) (spapi.Meta, error) {
	_, meta, err := passed(ctx, n.gate, n.callee(model.DeleteDestination), func() (struct{}, spapi.Meta, error) {
		meta, err := n.caller.DeleteDestination(ctx, id)
		return struct{}{}, meta, err
	})
	return meta, err
}

// DeleteSubscriptionByID ends a seller's subscription.
func (n applicationNotifications) DeleteSubscriptionByID(ctx context.Context, kind, id string) (spapi.Meta, error) {
	_, meta, err := passed(ctx, n.gate, n.callee(model.DeleteSubscriptionByID), func() (struct{}, spapi.Meta, error) {
		meta, err := n.caller.DeleteSubscriptionByID(ctx, kind, id)
		return struct{}{}, meta, err
	})
	return meta, err
}

// callee is where a call goes, with whose token, and which it is.
type callee struct{ host, owner, operation string }

// gate is what calls pass: breakers that may hold them back, and whoever counts them.
type gate struct {
	breakers *breaker.Breakers
	count    func(operation string, outcome machine.Outcome, took time.Duration)
}

// gate counts nothing in an operator's command, which has no metrics.
func (p *pipeline) gate() gate {
	count := func(string, machine.Outcome, time.Duration) {}
	if p.metrics != nil {
		count = p.metrics.Call
	}
	return gate{p.breakers(), count}
}

// passed makes a call that the breakers let through. Their error is a
// *breaker.OpenError.
func passed[T any](ctx context.Context, g gate, to callee, call func() (T, spapi.Meta, error)) (T, spapi.Meta, error) {
	pass, err := g.breakers.Enter(to.host, to.owner, to.operation)
	if err != nil {
		g.count(to.operation, machine.Snooze{Unspent: true, Err: err}, 0)
		var none T
		return none, spapi.Meta{}, err
	}
	began := time.Now()
	answer, meta, err := call()
	pass.Exit(ctx, err)
	outcome := machine.Outcome(machine.Done{})
	if err != nil {
		outcome = executor.Outcome(ctx, machine.Call{Account: to.owner, Operation: to.operation}, err)
	}
	g.count(to.operation, outcome, time.Since(began))
	return answer, meta, err
}
