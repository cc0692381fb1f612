package simulator

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

const (
	orderChangeType  = "ORDER_CHANGE"
	feedFinishedType = "FEED_PROCESSING_FINISHED"
	payloadVersion   = "1.0" // the only one of both types
)

// queueARN is the model's pattern of an SQS queue's ARN.
var queueARN = regexp.MustCompile(`^arn:aws:sqs:\S+:\S+:\S+`)

// destination is where an application's notifications of a region go.
type destination struct {
	ID       string              `json:"destinationId"`
	Name     string              `json:"name"`
	Resource destinationResource `json:"resource"`

	application string
	region      model.Region
}

type destinationResource struct {
	SQS *sqsResource `json:"sqs,omitempty"`
}

type sqsResource struct {
	ARN string `json:"arn"`
}

// subscription is one type of a seller's notifications.
type subscription struct {
	ID                  string               `json:"subscriptionId"`
	PayloadVersion      string               `json:"payloadVersion"`
	DestinationID       string               `json:"destinationId"`
	ProcessingDirective *processingDirective `json:"processingDirective,omitempty"`

	account *Account
	kind    string // notification type
}

type processingDirective struct {
	EventFilter *eventFilter `json:"eventFilter,omitempty"`
}

type eventFilter struct {
	Type             string   `json:"eventFilterType"`
	MarketplaceIDs   []string `json:"marketplaceIds,omitempty"`
	OrderChangeTypes []string `json:"orderChangeTypes,omitempty"`
}

// subscriptions are all destinations and subscriptions, oldest first.
type subscriptions struct {
	mu           sync.Mutex
	destinations []*destination
	list         []*subscription
}

// Subscription is a subscription as a test or a person sees it.
type Subscription struct {
	ID               string `json:"id"`
	Account          string `json:"account"`
	NotificationType string `json:"notificationType"`
	Destination      string `json:"destination"` // the ARN of its queue
}

// Subscriptions lists every subscription, oldest first.
func (s *Simulator) Subscriptions() []Subscription {
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	list := []Subscription{}
	for _, sub := range s.subscriptions.list {
		arn := ""
		if d := s.subscriptions.destination(sub.DestinationID); d != nil {
			arn = d.Resource.SQS.ARN
		}
		list = append(list, Subscription{ID: sub.ID, Account: sub.account.ID, NotificationType: sub.kind, Destination: arn})
	}
	return list
}

// DropSubscriptions ends subscriptions without telling anybody, as Amazon was
// seen to do. An empty account or type means all. It says how many there were.
func (s *Simulator) DropSubscriptions(accountID, notificationType string) int {
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	before := len(s.subscriptions.list)
	s.subscriptions.list = slices.DeleteFunc(s.subscriptions.list, func(sub *subscription) bool {
		return (accountID == "" || sub.account.ID == accountID) && (notificationType == "" || sub.kind == notificationType)
	})
	return before - len(s.subscriptions.list)
}

// Subscribe adds a subscription to a queue by its ARN, whatever there is
// already, so that what a seller's history left behind can be staged:
// duplicates, and destinations of others. It returns the subscription's id.
func (s *Simulator) Subscribe(accountID, notificationType, arn string) (string, error) {
	a := s.World.accounts[accountID]
	if a == nil {
		return "", fmt.Errorf("no account is named %q", accountID)
	}
	if !queueARN.MatchString(arn) {
		return "", fmt.Errorf("%q is not the ARN of a queue", arn)
	}
	s.subscriptions.mu.Lock()
	defer s.subscriptions.mu.Unlock()
	d := s.subscriptions.toQueue(a.Application, a.Region, arn)
	if d == nil {
		d = s.addDestination(a.Application, a.Region, "staged", arn)
	}
	sub := &subscription{
		ID: s.newID(), PayloadVersion: payloadVersion, DestinationID: d.ID, account: a, kind: notificationType,
	}
	if notificationType == orderChangeType {
		sub.ProcessingDirective = &processingDirective{EventFilter: &eventFilter{Type: orderChangeType}}
	}
	s.subscriptions.list = append(s.subscriptions.list, sub)
	return sub.ID, nil
}

// addDestination is called with the lock held.
func (s *Simulator) addDestination(application string, region model.Region, name, arn string) *destination {
	d := &destination{
		ID: s.newID(), Name: name, Resource: destinationResource{&sqsResource{arn}}, application: application, region: region,
	}
	s.subscriptions.destinations = append(s.subscriptions.destinations, d)
	return d
}

func (t *subscriptions) destination(id string) *destination {
	for _, d := range t.destinations {
		if d.ID == id {
			return d
		}
	}
	return nil
}

func (t *subscriptions) toQueue(application string, region model.Region, arn string) *destination {
	for _, d := range t.destinations {
		if d.application == application && d.region == region && d.Resource.SQS.ARN == arn {
			return d
		}
	}
	return nil
}

// of lists a seller's subscriptions of one type; an empty version means all.
func (t *subscriptions) of(a *Account, kind, version string) []*subscription {
	var found []*subscription
	for _, sub := range t.list {
		if sub.account == a && sub.kind == kind && (version == "" || sub.PayloadVersion == version) {
			found = append(found, sub)
		}
	}
	return found
}

// queuesOf lists the queues to which a seller's notification of one type is sent.
func (t *subscriptions) queuesOf(a *Account, kind string, wanted func(*subscription) bool) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for _, sub := range t.of(a, kind, "") {
		d := t.destination(sub.DestinationID)
		if d == nil || !wanted(sub) {
			continue
		}
		arn := d.Resource.SQS.ARN
		names = append(names, arn[strings.LastIndexByte(arn, ':')+1:])
	}
	return names
}

func (sub *subscription) wants(c Change) bool {
	if sub.ProcessingDirective == nil || sub.ProcessingDirective.EventFilter == nil {
		return true
	}
	filter := sub.ProcessingDirective.EventFilter
	return (len(filter.MarketplaceIDs) == 0 || slices.Contains(filter.MarketplaceIDs, c.Order.SalesChannel.MarketplaceID)) &&
		(len(filter.OrderChangeTypes) == 0 || slices.Contains(filter.OrderChangeTypes, c.Type))
}
