package spapi

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
)

// owner is whose destinations a request is about.
func (r *request) owner() notify.Owner {
	return notify.Owner{Application: r.application, Region: r.region}
}

func (a *API) getDestinations(r *request) exchange.Answer {
	if q := r.read(); q.err != nil {
		return invalid(q.err)
	}
	return payload(a.Notifier.Destinations(r.owner()))
}

func (a *API) getDestination(r *request) exchange.Answer {
	return payloadOf(a.Notifier.Destination(r.owner(), r.PathValue("destinationId")))
}

func (a *API) createDestination(r *request) exchange.Answer {
	var body struct {
		Name          string `json:"name"`
		Specification struct {
			SQS         *notify.Queue `json:"sqs"`
			EventBridge *struct {
				Region    string `json:"region"`
				AccountID string `json:"accountId"`
			} `json:"eventBridge"`
		} `json:"resourceSpecification"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	resource := notify.Resource{SQS: body.Specification.SQS}
	switch bridge := body.Specification.EventBridge; {
	case body.Name == "" || len(body.Name) > 256:
		return invalidInput("The name must have 1 to 256 characters.")
	case (resource.SQS == nil) == (bridge == nil):
		return invalidInput("The resourceSpecification must have an sqs or eventBridge property.")
	case bridge != nil && (len(bridge.AccountID) != 12 || bridge.Region == ""):
		return invalidInput("The eventBridge property must have an accountId of 12 digits and a region.")
	case bridge != nil:
		resource.EventBridge = &notify.EventBridge{Region: bridge.Region, AccountID: bridge.AccountID}
	case !notify.IsQueue(resource.SQS.ARN) || len(resource.SQS.ARN) > 1000:
		return invalidInput("The arn is not that of an SQS queue.")
	case strings.HasSuffix(resource.SQS.ARN, ".fifo"):
		return invalidInput("FIFO queues are not supported.")
	}
	d, err := a.Notifier.AddDestination(r.owner(), body.Name, resource)
	if err != nil {
		return failure(http.StatusConflict, "Conflict", "Destination with the same resource already exists.", "")
	}
	return payload(d)
}

func (a *API) deleteDestination(r *request) exchange.Answer {
	switch err := a.Notifier.DeleteDestination(r.owner(), r.PathValue("destinationId")); {
	case errors.Is(err, notify.ErrUsed):
		return failure(http.StatusConflict, "StateConflict", "The destination has subscriptions.", "")
	case err != nil:
		return status(http.StatusNotFound)
	}
	return exchange.JSON(http.StatusOK, struct{}{})
}

// getSubscriptions gives pages of pageSize; its token is the number of those
// before.
func (a *API) getSubscriptions(r *request) exchange.Answer {
	q := r.read("notificationTypes", "payloadVersion", "pageSize", "nextToken")
	kind := r.query.Get("notificationTypes")
	q.check(notify.Known(kind), "The notificationTypes must be one supported notification type.")
	size := q.number("pageSize", 30, 30, 100, "The pageSize must be between 30 and 100.")
	from := q.number("nextToken", 0, 0, math.MaxInt, "The nextToken is invalid.")
	if q.err != nil {
		return invalid(q.err)
	}
	subscriptions := a.Notifier.SubscriptionsOf(r.account, kind, r.query.Get("payloadVersion"))
	subscriptions = subscriptions[min(from, len(subscriptions)):]
	page := struct {
		Subscriptions []*notify.Subscription `json:"subscriptions"`
		NextToken     string                 `json:"nextToken,omitempty"`
	}{Subscriptions: append([]*notify.Subscription{}, subscriptions[:min(size, len(subscriptions))]...)}
	if len(subscriptions) > size {
		page.NextToken = strconv.Itoa(from + size)
	}
	return payload(page)
}

func (a *API) getSubscription(r *request) exchange.Answer {
	q := r.read("payloadVersion")
	q.check(notify.Known(r.PathValue("notificationType")), "The notificationType is not supported.")
	if q.err != nil {
		return invalid(q.err)
	}
	subscriptions := a.Notifier.SubscriptionsOf(r.account, r.PathValue("notificationType"), r.query.Get("payloadVersion"))
	if len(subscriptions) == 0 {
		return status(http.StatusNotFound)
	}
	return payload(subscriptions[0])
}

func (a *API) createSubscription(r *request) exchange.Answer {
	var body struct {
		PayloadVersion      string            `json:"payloadVersion"`
		DestinationID       string            `json:"destinationId"`
		ProcessingDirective *notify.Directive `json:"processingDirective"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	kind := r.PathValue("notificationType")
	switch {
	case !notify.Known(kind):
		return invalidInput("The notificationType is not supported.")
	case body.PayloadVersion != notify.VersionOf(kind):
		return invalidInput("The payloadVersion is not supported.")
	}
	if err := body.ProcessingDirective.Check(kind); err != nil {
		return invalid(err)
	}
	sub, err := a.Notifier.AddSubscription(r.account, kind, body.PayloadVersion, body.DestinationID, body.ProcessingDirective)
	switch {
	case errors.Is(err, notify.ErrExists):
		return failure(http.StatusConflict, "StateConflict", "Subscription already exists.", "")
	case errors.Is(err, notify.ErrKind):
		return invalidInput("The notificationType is not delivered to a destination of this kind.")
	case err != nil:
		return invalidInput("The destinationId is unknown.")
	}
	return payload(sub)
}

func (a *API) getSubscriptionByID(r *request) exchange.Answer {
	return payloadOf(a.Notifier.Subscription(r.owner(), r.PathValue("notificationType"), r.PathValue("subscriptionId")))
}

func (a *API) deleteSubscriptionByID(r *request) exchange.Answer {
	if a.Notifier.DeleteSubscription(r.owner(), r.PathValue("notificationType"), r.PathValue("subscriptionId")) != nil {
		return status(http.StatusNotFound)
	}
	return exchange.JSON(http.StatusOK, struct{}{})
}

// sendTestNotification sends a made-up notification, as Amazon's sandbox does.
func (a *API) sendTestNotification(r *request) exchange.Answer {
	var body struct {
		DestinationID string `json:"destinationId"`
		Test          *struct {
			PayloadVersion string `json:"payloadVersion"`
			Scenario       string `json:"testScenario"`
		} `json:"testNotification"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	kind := r.PathValue("notificationType")
	switch {
	case !notify.Known(kind):
		return invalidInput("The notificationType is not supported.")
	case body.Test == nil || body.Test.Scenario == "":
		return invalidInput("The testNotification must have a testScenario.")
	case body.Test.PayloadVersion != notify.VersionOf(kind):
		return invalidInput("The payloadVersion is not supported.")
	}
	switch err := a.Notifier.Test(r.owner(), kind, body.DestinationID); {
	case errors.Is(err, notify.ErrKind):
		return invalidInput("Test notifications of this notificationType go to an SQS queue only; the simulator has none of it.")
	case err != nil:
		return failure(http.StatusBadRequest, "InvalidInput", "InvalidInput",
			"Invalid Input, recheck that the AppId and DestinationId are valid and DestinationId belongs to the application")
	}
	return payload(struct{}{})
}

// payloadOf is what an operation looked for, or Amazon's body for nothing.
func payloadOf(v any, err error) exchange.Answer {
	if err != nil {
		return status(http.StatusNotFound)
	}
	return payload(v)
}

// payload is a success in the shape of this API.
func payload(v any) exchange.Answer {
	return exchange.JSON(http.StatusOK, struct {
		Payload any `json:"payload"`
	}{v})
}
