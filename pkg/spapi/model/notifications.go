package model

// The notification types that the pipeline lives on.
const (
	OrderChangeNotification            = "ORDER_CHANGE"
	FeedProcessingFinishedNotification = "FEED_PROCESSING_FINISHED"
)

// The notification types about listings, which Amazon delivers to EventBridge only.
const (
	ListingQuantityNotification = "LISTINGS_ITEM_MFN_QUANTITY_CHANGE"
	ListingStatusNotification   = "LISTINGS_ITEM_STATUS_CHANGE"
	ListingIssuesNotification   = "LISTINGS_ITEM_ISSUES_CHANGE"
)

// The types of order changes.
const (
	OrderStatusChange    = "OrderStatusChange"
	BuyerRequestedChange = "BuyerRequestedChange"
	DeliveryTipChange    = "DeliveryTipChange"
)

// OrderChangeTypes returns the types of order changes that Amazon's model names.
func OrderChangeTypes() []string {
	return []string{OrderStatusChange, BuyerRequestedChange, DeliveryTipChange}
}

// Destination is where an application's notifications go.
type Destination struct {
	ID       string              `json:"destinationId"`
	Name     string              `json:"name" answer:"cut=1000"`
	Resource DestinationResource `json:"resource"`
}

// QueueARN returns the ARN of the destination's SQS queue; "" where it has none.
func (d Destination) QueueARN() string {
	if d.Resource.SQS == nil {
		return ""
	}
	return d.Resource.SQS.ARN
}

// DestinationResource is a queue or an event source: one of the fields is set.
type DestinationResource struct {
	SQS         *SQSResource         `json:"sqs,omitempty"`
	EventBridge *EventBridgeResource `json:"eventBridge,omitempty"`
}

// SQSResource is an SQS queue.
type SQSResource struct {
	ARN string `json:"arn"` // at most 1000 characters
}

// EventBridgeResource is a partner event source on Amazon EventBridge.
type EventBridgeResource struct {
	Name      string `json:"name"`
	Region    string `json:"region"`
	AccountID string `json:"accountId"`
}

// GetDestinationsRequest asks for all of an application's destinations in a region.
type GetDestinationsRequest struct{}

// GetDestinationsResponse has all of them.
type GetDestinationsResponse struct{ Destinations []Destination }

// GetDestinationRequest asks for one destination.
type GetDestinationRequest struct{ DestinationID string }

// DeleteDestinationRequest removes one destination.
type DeleteDestinationRequest struct{ DestinationID string }

// DeleteDestinationResponse says that it is removed.
type DeleteDestinationResponse struct{}

// CreateDestinationRequest is createDestination's body.
type CreateDestinationRequest struct {
	Name     string                           `json:"name"` // at most 256 characters
	Resource DestinationResourceSpecification `json:"resourceSpecification"`
}

// DestinationResourceSpecification names the queue, or where the event source is to be: one
// of the fields is set.
type DestinationResourceSpecification struct {
	SQS         *SQSResource              `json:"sqs,omitempty"`
	EventBridge *EventBridgeSpecification `json:"eventBridge,omitempty"`
}

// EventBridgeSpecification names the AWS account and region of a partner event source.
type EventBridgeSpecification struct {
	Region    string `json:"region"`
	AccountID string `json:"accountId"`
}

// Subscription is a seller's notifications of one type going to a destination.
// Amazon's answer does not name the type: the caller knows it from the question.
type Subscription struct {
	ID                  string               `json:"subscriptionId"`
	PayloadVersion      string               `json:"payloadVersion"`
	DestinationID       string               `json:"destinationId"`
	ProcessingDirective *ProcessingDirective `json:"processingDirective,omitempty"`
}

// GetSubscriptionRequest asks for a seller's subscription of one type.
type GetSubscriptionRequest struct {
	NotificationType string
	PayloadVersion   string // "" for the newest
}

// GetSubscriptionByIDRequest asks for a subscription by its id.
type GetSubscriptionByIDRequest struct{ NotificationType, SubscriptionID string }

// DeleteSubscriptionByIDRequest ends a subscription.
type DeleteSubscriptionByIDRequest struct{ NotificationType, SubscriptionID string }

// DeleteSubscriptionByIDResponse says that it has ended.
type DeleteSubscriptionByIDResponse struct{}

// CreateSubscriptionRequest is createSubscription's body, and the notification type.
type CreateSubscriptionRequest struct {
	NotificationType    string               `json:"-"`
	PayloadVersion      string               `json:"payloadVersion"`
	DestinationID       string               `json:"destinationId"`
	ProcessingDirective *ProcessingDirective `json:"processingDirective,omitempty"`
}

// ProcessingDirective narrows which notifications are sent. ORDER_CHANGE
// requires one, with an EventFilter of its own type.
type ProcessingDirective struct {
	EventFilter *EventFilter `json:"eventFilter,omitempty"`
	// FilterExpression is in CEL, of at most 256 characters, and excludes EventFilter.
	FilterExpression string `json:"filterExpression,omitempty"`
}

// EventFilter lets all notifications of its type through, unless it names
// marketplaces or types of order changes.
type EventFilter struct {
	Type             string   `json:"eventFilterType"` // such as "ORDER_CHANGE"
	MarketplaceIDs   []string `json:"marketplaceIds,omitempty"`
	OrderChangeTypes []string `json:"orderChangeTypes,omitempty"`
}

// GetSubscriptionsRequest asks for a seller's subscriptions of one type.
type GetSubscriptionsRequest struct {
	NotificationType string
	PayloadVersion   string // "" for all versions
	NextToken        string // of the page before; "" for the first page
}

// SubscriptionPage is getSubscriptions' payload.
type SubscriptionPage struct {
	Subscriptions []Subscription `json:"subscriptions" answer:"strict"`
	NextToken     string         `json:"nextToken" answer:"strict,max=16384"` // "" on the last page
}
