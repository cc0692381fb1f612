package spapi

import (
	"context"
	"net/url"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The operations of the Notifications API. Amazon's default quota of each is 1
// a second, burst 5. All their errors are *model.Error. Neither of the creating
// operations is idempotent: what exists already is a model.Conflict, and after
// model.Ambiguous or model.Malformed the way to know is to look.

// payload is the shape of all their answers.
type payload[T any] struct {
	Payload T `json:"payload"`
}

// GetSubscriptions lists the seller's subscriptions of one type, up to a page.
func (s *Seller) GetSubscriptions(ctx context.Context, req model.GetSubscriptionsRequest) (model.SubscriptionPage, Meta, error) {
	// The parameter is a list that must hold one type: a comma would make it two.
	if req.NotificationType == "" || strings.Contains(req.NotificationType, ",") {
		return model.SubscriptionPage{}, Meta{}, s.invalid(model.GetSubscriptions, "subscriptions are listed by one notification type")
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

// GetSubscription is the seller's subscription of one type and payload version
// ("" means the newest); model.NotFound when there is none.
func (s *Seller) GetSubscription(ctx context.Context, notificationType, payloadVersion string) (model.Subscription, Meta, error) {
	get := newCall(model.GetSubscription)
	if payloadVersion != "" {
		get.query = url.Values{"payloadVersion": {payloadVersion}}
	}
	return ask(ctx, &s.caller, identified, get, notificationType)
}

// CreateSubscription makes the seller's notifications of one type go to a destination.
func (s *Seller) CreateSubscription(ctx context.Context, notificationType string, req model.CreateSubscriptionRequest) (model.Subscription, Meta, error) {
	create := newCall(model.CreateSubscription)
	create.body = req
	return ask(ctx, &s.caller, identified, create, notificationType)
}

// GetSubscriptionByID is any seller's subscription through the application.
func (g *Grantless) GetSubscriptionByID(ctx context.Context, notificationType, id string) (model.Subscription, Meta, error) {
	return ask(ctx, &g.caller, identified, newCall(model.GetSubscriptionByID), notificationType, id)
}

// DeleteSubscriptionByID ends any seller's subscription through the
// application; model.NotFound when there is none of that id.
func (g *Grantless) DeleteSubscriptionByID(ctx context.Context, notificationType, id string) (Meta, error) {
	_, meta, err := ask[any](ctx, &g.caller, nil, newCall(model.DeleteSubscriptionByID), notificationType, id)
	return meta, err
}

// GetDestinations lists the application's destinations in the region.
func (g *Grantless) GetDestinations(ctx context.Context) ([]model.Destination, Meta, error) {
	return ask[[]model.Destination](ctx, &g.caller, nil, newCall(model.GetDestinations))
}

// GetDestination is one of the application's destinations.
func (g *Grantless) GetDestination(ctx context.Context, id string) (model.Destination, Meta, error) {
	return ask(ctx, &g.caller, located, newCall(model.GetDestination), id)
}

// CreateDestination makes a destination of the application.
func (g *Grantless) CreateDestination(ctx context.Context, req model.CreateDestinationRequest) (model.Destination, Meta, error) {
	create := newCall(model.CreateDestination)
	create.body = req
	return ask(ctx, &g.caller, located, create)
}

// DeleteDestination removes one of the application's destinations.
func (g *Grantless) DeleteDestination(ctx context.Context, id string) (Meta, error) {
	_, meta, err := ask[any](ctx, &g.caller, nil, newCall(model.DeleteDestination), id)
	return meta, err
}

// ask makes a call whose path has these segments and unwraps its payload. complete,
// if not nil, reports whether the payload is what it must be.
func ask[T any](ctx context.Context, c *caller, complete func(T) bool, call call, segments ...string) (T, Meta, error) {
	var none T
	for i, segment := range segments {
		if pathless(segment) {
			return none, Meta{}, c.invalid(call.Name, "a notification type or an id is empty or a path")
		}
		segments[i] = url.PathEscape(segment)
	}
	call.path = fill(call.Path, segments)
	var answer payload[T]
	meta, err := c.send(ctx, call, &answer)
	if err != nil {
		return none, meta, err
	}
	if complete != nil && !complete(answer.Payload) {
		return none, meta, c.unreadable(call, "the answer holds no id")
	}
	return answer.Payload, meta, nil
}

func identified(s model.Subscription) bool { return s.ID != "" && s.DestinationID != "" }

func located(d model.Destination) bool { return d.ID != "" }
