package notify

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// The types of notifications, and their version.
const (
	OrderChange    = "ORDER_CHANGE"
	FeedFinished   = "FEED_PROCESSING_FINISHED"
	PayloadVersion = "1.0" // see VersionOf
)

// queueARN is the model's pattern of an SQS queue's ARN.
var queueARN = regexp.MustCompile(`^arn:aws:sqs:\S+:\S+:\S+`)

// IsQueue reports whether an ARN is that of an SQS queue.
func IsQueue(arn string) bool { return queueARN.MatchString(arn) }

// Known reports whether a type of notifications is simulated.
func Known(kind string) bool {
	return kind == OrderChange || kind == FeedFinished || OnEventBridge(kind)
}

// What Amazon may say of a destination or a subscription.
var (
	ErrNotFound = errors.New("there is none")
	ErrExists   = errors.New("there is one already")
	ErrUsed     = errors.New("the destination has subscriptions")
	ErrKind     = errors.New("the notification type is not delivered to such a destination")
)

// Staged is a subscription as a test or a person sees it.
type Staged struct {
	ID               string `json:"id"`
	Account          string `json:"account"`
	NotificationType string `json:"notificationType"`
	Destination      string `json:"destination"` // the ARN of its queue, or the name of its event source
	Filter           string `json:"filter,omitempty"`
}

// Subscriptions lists every subscription, oldest first.
func (n *Notifier) Subscriptions() []Staged {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := []Staged{}
	for _, sub := range n.subscriptions {
		list = append(list, Staged{sub.ID, sub.account.ID, sub.kind, sub.destination.Resource.name(), sub.Directive.filter()})
	}
	return list
}

// DropSubscriptions ends subscriptions without telling anybody, as Amazon was
// seen to do. An empty account or type means all. It says how many there were.
func (n *Notifier) DropSubscriptions(accountID, notificationType string) int {
	return n.remove(func(sub *Subscription) bool {
		return (accountID == "" || sub.account.ID == accountID) && (notificationType == "" || sub.kind == notificationType)
	})
}

// Subscribe adds a subscription to a queue by its ARN, whatever there is
// already, so that what a seller's history left behind can be staged:
// duplicates, and destinations of others. It returns the subscription's id.
func (n *Notifier) Subscribe(accountID, notificationType, arn string) (string, error) {
	a, err := n.world.Account(accountID)
	if err != nil {
		return "", err
	}
	if !IsQueue(arn) {
		return "", fmt.Errorf("%q is not the ARN of a queue", arn)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	owner := Owner{a.Application, a.Region}
	queue := Resource{SQS: &Queue{arn}}
	d := n.to(owner, queue)
	if d == nil {
		d = n.add(n.ids.New(), owner, "staged", queue)
	}
	sub := &Subscription{ID: n.ids.New(), PayloadVersion: VersionOf(notificationType), DestinationID: d.ID, account: a, kind: notificationType, destination: d}
	if notificationType == OrderChange {
		sub.Directive = &Directive{EventFilter: &EventFilter{Type: OrderChange}}
	}
	n.subscriptions = append(n.subscriptions, sub)
	return sub.ID, nil
}

// Destinations lists an owner's destinations.
func (n *Notifier) Destinations(o Owner) []*Destination {
	n.mu.Lock()
	defer n.mu.Unlock()
	mine := []*Destination{}
	for _, d := range n.destinations {
		if d.owner == o {
			mine = append(mine, d)
		}
	}
	return mine
}

// Destination finds an owner's destination.
func (n *Notifier) Destination(o Owner, id string) (*Destination, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.own(o, id)
}

// AddDestination makes a destination of a queue, or of an AWS account's event source, that
// the owner has none of.
func (n *Notifier) AddDestination(o Owner, name string, r Resource) (*Destination, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.to(o, r) != nil {
		return nil, ErrExists
	}
	if r.EventBridge != nil {
		r.EventBridge.Name = source(r.EventBridge.AccountID, o.Application)
	}
	return n.add(n.ids.New(), o, name, r), nil
}

// DeleteDestination refuses to take the ground from under a subscription.
// Amazon does not document what it does then.
func (n *Notifier) DeleteDestination(o Owner, id string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	gone, err := n.own(o, id)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(n.subscriptions, func(sub *Subscription) bool { return sub.destination == gone }) {
		return ErrUsed
	}
	n.destinations = slices.DeleteFunc(n.destinations, func(d *Destination) bool { return d == gone })
	return nil
}

// SubscriptionsOf lists a seller's subscriptions of one type; an empty version means all.
func (n *Notifier) SubscriptionsOf(a *world.Account, kind, version string) []*Subscription {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.of(a, kind, version)
}

// AddSubscription makes a seller's only subscription of a type and version, or its only
// one with that directive.
func (n *Notifier) AddSubscription(a *world.Account, kind, version, destinationID string, directive *Directive) (*Subscription, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d, err := n.own(Owner{a.Application, a.Region}, destinationID)
	if err != nil {
		return nil, err
	}
	if OnEventBridge(kind) != (d.Resource.EventBridge != nil) {
		return nil, ErrKind
	}
	stands := func(sub *Subscription) bool { return !n.config.Several || sub.Directive.filter() == directive.filter() }
	if slices.ContainsFunc(n.of(a, kind, version), stands) {
		return nil, ErrExists
	}
	sub := &Subscription{n.ids.New(), version, destinationID, directive, a, kind, d}
	n.subscriptions = append(n.subscriptions, sub)
	return sub, nil
}

// Subscription finds a subscription of any of the owner's sellers.
func (n *Notifier) Subscription(o Owner, kind, id string) (*Subscription, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, sub := range n.subscriptions {
		if sub.is(o, kind, id) {
			return sub, nil
		}
	}
	return nil, ErrNotFound
}

// DeleteSubscription ends a subscription of any of the owner's sellers.
func (n *Notifier) DeleteSubscription(o Owner, kind, id string) error {
	if n.remove(func(sub *Subscription) bool { return sub.is(o, kind, id) }) == 0 {
		return ErrNotFound
	}
	return nil
}

func (sub *Subscription) is(o Owner, kind, id string) bool {
	return sub.ID == id && sub.kind == kind && o == Owner{sub.account.Application, sub.account.Region}
}

func (n *Notifier) add(id string, o Owner, name string, r Resource) *Destination {
	d := &Destination{id, name, r, o}
	n.destinations = append(n.destinations, d)
	return d
}

// remove ends subscriptions, and returns how many.
func (n *Notifier) remove(gone func(*Subscription) bool) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := len(n.subscriptions)
	n.subscriptions = slices.DeleteFunc(n.subscriptions, gone)
	return before - len(n.subscriptions)
}

func (n *Notifier) own(o Owner, id string) (*Destination, error) {
	if d := n.find(func(d *Destination) bool { return d.owner == o && d.ID == id }); d != nil {
		return d, nil
	}
	return nil, ErrNotFound
}

// to finds the destination of a queue, or of an AWS account: there is one for each.
func (n *Notifier) to(o Owner, r Resource) *Destination {
	return n.find(func(d *Destination) bool {
		if d.owner != o || (r.SQS == nil) != (d.Resource.SQS == nil) {
			return false
		}
		return r.SQS != nil && d.Resource.SQS.ARN == r.SQS.ARN || r.SQS == nil && d.Resource.EventBridge.AccountID == r.EventBridge.AccountID
	})
}

func (n *Notifier) find(wanted func(*Destination) bool) *Destination {
	if i := slices.IndexFunc(n.destinations, wanted); i >= 0 {
		return n.destinations[i]
	}
	return nil
}

func (n *Notifier) of(a *world.Account, kind, version string) []*Subscription {
	var found []*Subscription
	for _, sub := range n.subscriptions {
		if sub.account == a && sub.kind == kind && (version == "" || sub.PayloadVersion == version) {
			found = append(found, sub)
		}
	}
	return found
}

// queuesOf lists the queues to which a seller's notification of one type is sent.
func (n *Notifier) queuesOf(a *world.Account, kind string, wanted func(*Subscription) bool) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var names []string
	for _, sub := range n.of(a, kind, "") {
		if wanted(sub) {
			names = append(names, sub.destination.queue(a))
		}
	}
	return names
}

// queue is where what is sent to a destination arrives.
func (d *Destination) queue(a *world.Account) string {
	if d.Resource.SQS == nil {
		return a.Queue // where the rule leads
	}
	return d.Resource.SQS.ARN[strings.LastIndexByte(d.Resource.SQS.ARN, ':')+1:]
}

func (sub *Subscription) wants(c world.Change, body []byte) bool {
	if sub.Directive == nil {
		return true
	}
	if sub.Directive.passes != nil {
		return sub.Directive.passes.matches(body)
	}
	filter := sub.Directive.EventFilter
	return filter == nil || (len(filter.MarketplaceIDs) == 0 || slices.Contains(filter.MarketplaceIDs, c.Order.SalesChannel.MarketplaceID)) &&
		(len(filter.OrderChangeTypes) == 0 || slices.Contains(filter.OrderChangeTypes, c.Type))
}

// filter is what of a directive leaves notifications out.
func (d *Directive) filter() string {
	switch {
	case d == nil:
		return ""
	case d.EventFilter == nil:
		return d.FilterExpression
	}
	return strings.Join(slices.Concat(d.EventFilter.MarketplaceIDs, d.EventFilter.OrderChangeTypes), ",")
}

// Check refuses what does not fit the notification type.
func (d *Directive) Check(kind string) error {
	switch {
	case kind != OrderChange && d != nil:
		return errors.New("the processingDirective is not supported for this notification type")
	case kind != OrderChange:
		return nil
	case d != nil && d.EventFilter != nil && d.FilterExpression != "":
		return errors.New("the processingDirective has both an eventFilter and a filterExpression")
	case d != nil && d.FilterExpression != "":
		passes, err := compile(d.FilterExpression)
		d.passes = passes
		return err
	case d == nil || d.EventFilter == nil:
		return errors.New("the processingDirective must have an eventFilter or a filterExpression for ORDER_CHANGE")
	case d.EventFilter.Type != OrderChange:
		return errors.New("the eventFilterType must be ORDER_CHANGE")
	}
	places := world.Marketplaces()
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
