package spapi

import (
	"context"
	"net/url"
	"slices"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The operations of the Notifications API. Amazon's default quota of each is 1 a
// second, burst 5. All their errors are *model.Error. The creating operations are not
// idempotent. To create what exists already is a model.Conflict; after model.Ambiguous
// or model.Malformed, look whether it exists.

// payload is the shape of all their answers.
type payload[T any] struct {
	Payload T `json:"payload"`
}

// GetSubscriptions lists the seller's subscriptions of one type, up to a page.
func (s *Seller) GetSubscriptions(ctx context.Context, req model.GetSubscriptionsRequest) (*model.SubscriptionPage, Meta, error) {
	// The parameter is a list that must hold one type: a comma would make it two.
	if !element(req.NotificationType) {
		return nil, Meta{}, s.invalid(model.GetSubscriptions, "subscriptions are listed by one notification type")
	}
	query := url.Values{"notificationTypes": {req.NotificationType}}
	if req.PayloadVersion != "" {
		query.Set("payloadVersion", req.PayloadVersion)
	}
	if req.NextToken != "" {
		query.Set("nextToken", req.NextToken)
	}
	list := newCall(model.GetSubscriptions)
	list.query = query
	return ask[model.SubscriptionPage](ctx, &s.caller, nil, list)
}

// GetSubscription is the seller's subscription of one type. Without one the error is a
// model.NotFound.
func (s *Seller) GetSubscription(ctx context.Context, req model.GetSubscriptionRequest) (*model.Subscription, Meta, error) {
	get := newCall(model.GetSubscription, req.NotificationType)
	if req.PayloadVersion != "" {
		get.query = url.Values{"payloadVersion": {req.PayloadVersion}}
	}
	return ask(ctx, &s.caller, identified, get, req.NotificationType)
}

// CreateSubscription makes the seller's notifications of one type go to a destination.
func (s *Seller) CreateSubscription(ctx context.Context, req model.CreateSubscriptionRequest) (*model.Subscription, Meta, error) {
	create := newCall(model.CreateSubscription, req.NotificationType)
	create.body = req
	return ask(ctx, &s.caller, identified, create, req.NotificationType)
}

// GetSubscriptionByID is any seller's subscription through the application.
func (g *Grantless) GetSubscriptionByID(ctx context.Context, req model.GetSubscriptionByIDRequest) (*model.Subscription, Meta, error) {
	get := newCall(model.GetSubscriptionByID, req.NotificationType, req.SubscriptionID)
	return ask(ctx, &g.caller, identified, get, req.NotificationType, req.SubscriptionID)
}

// DeleteSubscriptionByID ends any seller's subscription through the
// application; model.NotFound when there is none of that id.
func (g *Grantless) DeleteSubscriptionByID(ctx context.Context, req model.DeleteSubscriptionByIDRequest) (*model.DeleteSubscriptionByIDResponse, Meta, error) {
	end := newCall(model.DeleteSubscriptionByID, req.NotificationType, req.SubscriptionID)
	return ask[model.DeleteSubscriptionByIDResponse](ctx, &g.caller, nil, end, req.NotificationType, req.SubscriptionID)
}

// GetDestinations lists the application's destinations in the region.
func (g *Grantless) GetDestinations(ctx context.Context, _ model.GetDestinationsRequest) (*model.GetDestinationsResponse, Meta, error) {
	all, meta, err := ask[[]model.Destination](ctx, &g.caller, nil, newCall(model.GetDestinations))
	if err != nil {
		return nil, meta, err
	}
	return &model.GetDestinationsResponse{Destinations: *all}, meta, nil
}

// GetDestination is one of the application's destinations.
func (g *Grantless) GetDestination(ctx context.Context, req model.GetDestinationRequest) (*model.Destination, Meta, error) {
	return ask(ctx, &g.caller, located, newCall(model.GetDestination, req.DestinationID), req.DestinationID)
}

// CreateDestination makes a destination of the application.
func (g *Grantless) CreateDestination(ctx context.Context, req model.CreateDestinationRequest) (*model.Destination, Meta, error) {
	create := newCall(model.CreateDestination)
	create.body = req
	return ask(ctx, &g.caller, located, create)
}

// DeleteDestination removes one of the application's destinations.
func (g *Grantless) DeleteDestination(ctx context.Context, req model.DeleteDestinationRequest) (*model.DeleteDestinationResponse, Meta, error) {
	return ask[model.DeleteDestinationResponse](ctx, &g.caller, nil, newCall(model.DeleteDestination, req.DestinationID), req.DestinationID)
}

// ask makes a call about the things that ids name, and unwraps its payload. complete, if
// not nil, reports whether the payload is what it must be.
func ask[T any](ctx context.Context, c *caller, complete func(*T) bool, call call, ids ...string) (*T, Meta, error) {
	if slices.ContainsFunc(ids, pathless) {
		return nil, Meta{}, c.invalid(call.Name, "a notification type or an id is empty or a path")
	}
	var answer payload[T]
	meta, err := c.send(ctx, call, &answer)
	if err != nil {
		return nil, meta, err
	}
	if complete != nil && !complete(&answer.Payload) {
		return nil, meta, c.unreadable(call, "the answer holds no id")
	}
	return &answer.Payload, meta, nil
}

func identified(s *model.Subscription) bool { return s.ID != "" && s.DestinationID != "" }

func located(d *model.Destination) bool { return d.ID != "" }
