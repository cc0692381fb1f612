package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// notificationsOperations is Notifications v1, without test notifications.
func (s *Simulator) notificationsOperations() map[string]serve {
	return map[string]serve{
		model.GetDestinations: s.getDestinations, model.CreateDestination: s.createDestination,
		model.GetDestination: s.getDestination, model.DeleteDestination: s.deleteDestination,
		model.GetSubscriptions: s.getSubscriptions, model.GetSubscription: s.getSubscription, model.CreateSubscription: s.createSubscription,
		model.GetSubscriptionByID: s.getSubscriptionByID, model.DeleteSubscriptionByID: s.deleteSubscriptionByID,
	}
}

func (s *Simulator) getDestinations(r *spapiRequest) answer {
	if complaint, bad := unknownParameter(r.query); bad {
		return invalidInput(complaint)
	}
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	mine := []*destination{}
	for _, d := range s.subscriptions.destinations {
		if d.application == r.application && d.region == r.region {
			mine = append(mine, d)
		}
	}
	return payload(mine)
}

// ownDestination finds the destination of the path; call it with the lock held.
func (s *Simulator) ownDestination(r *spapiRequest) *destination {
	d := s.subscriptions.destination(r.PathValue("destinationId"))
	if d == nil || d.application != r.application || d.region != r.region {
		return nil
	}
	return d
}

func (s *Simulator) getDestination(r *spapiRequest) answer {
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	d := s.ownDestination(r)
	if d == nil {
		return spapiStatus(http.StatusNotFound)
	}
	return payload(d)
}

func (s *Simulator) createDestination(r *spapiRequest) answer {
	var body struct {
		Name          string `json:"name"`
		Specification struct {
			SQS *sqsResource `json:"sqs"`
		} `json:"resourceSpecification"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	switch resource := body.Specification.SQS; {
	case body.Name == "" || len(body.Name) > 256:
		return invalidInput("The name must have 1 to 256 characters.")
	case resource == nil:
		return invalidInput("The resourceSpecification must have an sqs or eventBridge property; only sqs is simulated.")
	case !queueARN.MatchString(resource.ARN) || len(resource.ARN) > 1000:
		return invalidInput("The arn is not that of an SQS queue.")
	case strings.HasSuffix(resource.ARN, ".fifo"):
		return invalidInput("FIFO queues are not supported.")
	}
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	if s.subscriptions.toQueue(r.application, r.region, body.Specification.SQS.ARN) != nil {
		return spapiError(http.StatusConflict, "Conflict", "Destination with the same resource already exists.", "")
	}
	return payload(s.addDestination(r.application, r.region, body.Name, body.Specification.SQS.ARN))
}

// deleteDestination refuses to take the ground from under a subscription.
// Amazon does not document what it does then.
func (s *Simulator) deleteDestination(r *spapiRequest) answer {
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	d := s.ownDestination(r)
	if d == nil {
		return spapiStatus(http.StatusNotFound)
	}
	for _, sub := range s.subscriptions.list {
		if sub.DestinationID == d.ID {
			return spapiError(http.StatusConflict, "StateConflict", "The destination has subscriptions.", "")
		}
	}
	s.subscriptions.destinations = slices.DeleteFunc(s.subscriptions.destinations, func(other *destination) bool { return other == d })
	return answer{status: http.StatusOK, contentType: jsonType, body: []byte("{}")}
}

// getSubscriptions gives pages of pageSize; its token is the number of those
// before.
func (s *Simulator) getSubscriptions(r *spapiRequest) answer {
	if complaint, bad := unknownParameter(r.query, "notificationTypes", "payloadVersion", "pageSize", "nextToken"); bad {
		return invalidInput(complaint)
	}
	kind := r.query.Get("notificationTypes")
	if !knownType(kind) {
		return invalidInput("The notificationTypes must be one supported notification type.")
	}
	size := 30
	if text := r.query.Get("pageSize"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 30 || n > 100 {
			return invalidInput("The pageSize must be between 30 and 100.")
		}
		size = n
	}
	from := 0
	if text := r.query.Get("nextToken"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return invalidInput("The nextToken is invalid.")
		}
		from = n
	}
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	found := s.subscriptions.of(r.account, kind, r.query.Get("payloadVersion"))
	found = found[min(from, len(found)):]
	page := struct {
		Subscriptions []*subscription `json:"subscriptions"`
		NextToken     string          `json:"nextToken,omitempty"`
	}{Subscriptions: append([]*subscription{}, found[:min(size, len(found))]...)}
	if len(found) > size {
		page.NextToken = strconv.Itoa(from + size)
	}
	return payload(page)
}

func (s *Simulator) getSubscription(r *spapiRequest) answer {
	if complaint, bad := unknownParameter(r.query, "payloadVersion"); bad {
		return invalidInput(complaint)
	}
	if !knownType(r.PathValue("notificationType")) {
		return invalidInput("The notificationType is not supported.")
	}
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	found := s.subscriptions.of(r.account, r.PathValue("notificationType"), r.query.Get("payloadVersion"))
	if len(found) == 0 {
		return spapiStatus(http.StatusNotFound)
	}
	return payload(found[0])
}

func (s *Simulator) createSubscription(r *spapiRequest) answer {
	var body struct {
		PayloadVersion      string               `json:"payloadVersion"`
		DestinationID       string               `json:"destinationId"`
		ProcessingDirective *processingDirective `json:"processingDirective"`
	}
	if refusal := decodeBody(r, &body); refusal != nil {
		return *refusal
	}
	kind := r.PathValue("notificationType")
	switch {
	case !knownType(kind):
		return invalidInput("The notificationType is not supported.")
	case body.PayloadVersion != payloadVersion:
		return invalidInput("The payloadVersion is not supported.")
	}
	if err := body.ProcessingDirective.check(kind); err != nil {
		return invalidInput(err.Error())
	}
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	d := s.subscriptions.destination(body.DestinationID)
	if d == nil || d.application != r.application || d.region != r.region {
		return invalidInput("The destinationId is unknown.")
	}
	if len(s.subscriptions.of(r.account, kind, body.PayloadVersion)) > 0 {
		return spapiError(http.StatusConflict, "StateConflict", "Subscription already exists.", "")
	}
	sub := &subscription{
		ID: s.newID(), PayloadVersion: body.PayloadVersion, DestinationID: d.ID,
		ProcessingDirective: body.ProcessingDirective, account: r.account, kind: kind,
	}
	s.subscriptions.list = append(s.subscriptions.list, sub)
	return payload(sub)
}

// check refuses what does not fit the notification type.
func (d *processingDirective) check(kind string) error {
	switch {
	case kind != orderChangeType && d != nil:
		return errors.New("the processingDirective is not supported for this notification type")
	case kind != orderChangeType:
		return nil
	case d == nil || d.EventFilter == nil:
		return errors.New("the processingDirective must have an eventFilter for ORDER_CHANGE")
	case d.EventFilter.Type != orderChangeType:
		return errors.New("the eventFilterType must be ORDER_CHANGE")
	}
	places := marketplaces()
	for _, id := range d.EventFilter.MarketplaceIDs {
		if _, known := places[id]; !known {
			return fmt.Errorf("the marketplaceId %s is unknown", id)
		}
	}
	for _, change := range d.EventFilter.OrderChangeTypes {
		if !slices.Contains([]string{"BuyerRequestedChange", "DeliveryTipChange", "OrderStatusChange"}, change) {
			return fmt.Errorf("the orderChangeType %s is unknown", change)
		}
	}
	return nil
}

// ownSubscription finds the subscription of the path; call it with the lock held.
func (s *Simulator) ownSubscription(r *spapiRequest) *subscription {
	for _, sub := range s.subscriptions.list {
		if sub.ID == r.PathValue("subscriptionId") && sub.kind == r.PathValue("notificationType") &&
			sub.account.Application == r.application && sub.account.Region == r.region {
			return sub
		}
	}
	return nil
}

func (s *Simulator) getSubscriptionByID(r *spapiRequest) answer {
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	sub := s.ownSubscription(r)
	if sub == nil {
		return spapiStatus(http.StatusNotFound)
	}
	return payload(sub)
}

func (s *Simulator) deleteSubscriptionByID(r *spapiRequest) answer {
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	gone := s.ownSubscription(r)
	if gone == nil {
		return spapiStatus(http.StatusNotFound)
	}
	s.subscriptions.list = slices.DeleteFunc(s.subscriptions.list, func(sub *subscription) bool { return sub == gone })
	return answer{status: http.StatusOK, contentType: jsonType, body: []byte("{}")}
}

func knownType(kind string) bool { return kind == orderChangeType || kind == feedFinishedType }

// payload is a success in the shape of this API.
func payload(v any) answer {
	return answer{status: http.StatusOK, contentType: jsonType, body: mustJSON(struct {
		Payload any `json:"payload"`
	}{v})}
}

// spapiBodyLimit bounds the body of a request that describes something small.
const spapiBodyLimit = 64 << 10

// decodeBody reads a JSON body strictly, or says what is wrong with it.
func decodeBody(r *spapiRequest, into any) *answer {
	refuse := func(a answer) *answer { return &a }
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != jsonType {
		return refuse(spapiError(http.StatusUnsupportedMediaType, "UnsupportedMediaType", "The Content-Type must be application/json.", ""))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, spapiBodyLimit+1))
	switch {
	case err != nil:
		return refuse(invalidInput("The request's body could not be read."))
	case len(body) > spapiBodyLimit:
		return refuse(spapiError(http.StatusRequestEntityTooLarge, "RequestTooLarge", "The request size exceeded the maximum accepted size.", ""))
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return refuse(invalidInput("The request's body is malformed: " + err.Error()))
	}
	return nil
}
