package spapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The operations of the Notifications API. Amazon's default quota of each is 1
// a second, burst 5. All their errors are *model.Error. Neither of the creating
// operations is idempotent: what exists already is a model.Conflict, and after
// model.Ambiguous the way to know is to look.

const notificationsPath = "notifications/v1/"

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
	return ask[model.SubscriptionPage](ctx, &s.caller, nil, call{
		operation: model.GetSubscriptions, method: http.MethodGet, query: query,
	}, "subscriptions")
}

// GetSubscription is the seller's subscription of one type and payload version
// ("" means the newest); model.NotFound when there is none.
func (s *Seller) GetSubscription(ctx context.Context, notificationType, payloadVersion string) (model.Subscription, Meta, error) {
	query := url.Values{}
	if payloadVersion != "" {
		query.Set("payloadVersion", payloadVersion)
	}
	return ask(ctx, &s.caller, identified, call{
		operation: model.GetSubscription, method: http.MethodGet, query: query,
	}, "subscriptions", notificationType)
}

// CreateSubscription makes the seller's notifications of one type go to a destination.
func (s *Seller) CreateSubscription(ctx context.Context, notificationType string, req model.CreateSubscriptionRequest) (model.Subscription, Meta, error) {
	return ask(ctx, &s.caller, identified, call{
		operation: model.CreateSubscription, method: http.MethodPost, body: req, writes: true,
	}, "subscriptions", notificationType)
}

// GetSubscriptionByID is any seller's subscription through the application.
func (g *Grantless) GetSubscriptionByID(ctx context.Context, notificationType, id string) (model.Subscription, Meta, error) {
	return ask(ctx, &g.caller, identified, call{
		operation: model.GetSubscriptionByID, method: http.MethodGet,
	}, "subscriptions", notificationType, id)
}

// DeleteSubscriptionByID ends any seller's subscription through the
// application; model.NotFound when there is none of that id.
func (g *Grantless) DeleteSubscriptionByID(ctx context.Context, notificationType, id string) (Meta, error) {
	_, meta, err := ask[any](ctx, &g.caller, nil, call{
		operation: model.DeleteSubscriptionByID, method: http.MethodDelete, writes: true,
	}, "subscriptions", notificationType, id)
	return meta, err
}

// GetDestinations lists the application's destinations in the region.
func (g *Grantless) GetDestinations(ctx context.Context) ([]model.Destination, Meta, error) {
	return ask[[]model.Destination](ctx, &g.caller, nil, call{
		operation: model.GetDestinations, method: http.MethodGet,
	}, "destinations")
}

// GetDestination is one of the application's destinations.
func (g *Grantless) GetDestination(ctx context.Context, id string) (model.Destination, Meta, error) {
	return ask(ctx, &g.caller, located, call{
		operation: model.GetDestination, method: http.MethodGet,
	}, "destinations", id)
}

// CreateDestination makes a destination of the application.
func (g *Grantless) CreateDestination(ctx context.Context, req model.CreateDestinationRequest) (model.Destination, Meta, error) {
	return ask(ctx, &g.caller, located, call{
		operation: model.CreateDestination, method: http.MethodPost, body: req, writes: true,
	}, "destinations")
}

// DeleteDestination removes one of the application's destinations.
func (g *Grantless) DeleteDestination(ctx context.Context, id string) (Meta, error) {
	_, meta, err := ask[any](ctx, &g.caller, nil, call{
		operation: model.DeleteDestination, method: http.MethodDelete, writes: true,
	}, "destinations", id)
	return meta, err
}

// ask makes a call to the path of segments and unwraps its payload. complete,
// if not nil, says whether the payload is what it must be.
func ask[T any](ctx context.Context, c *caller, complete func(T) bool, call call, segments ...string) (T, Meta, error) {
	var none T
	call.path = notificationsPath
	for i, segment := range segments {
		if pathless(segment) {
			return none, Meta{}, c.invalid(call.operation, "a notification type or an id is empty or a path")
		}
		if i > 0 {
			call.path += "/"
		}
		call.path += url.PathEscape(segment)
	}
	var answer payload[T]
	meta, err := c.send(ctx, call, &answer)
	if err != nil {
		return none, meta, err
	}
	if complete != nil && !complete(answer.Payload) {
		return none, meta, c.lost(call, errors.New("the answer holds no id"))
	}
	return answer.Payload, meta, nil
}

func identified(s model.Subscription) bool { return s.ID != "" && s.DestinationID != "" }

func located(d model.Destination) bool { return d.ID != "" }
