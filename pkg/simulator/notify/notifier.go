package notify

import (
	"sync"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/sqs"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Notifier sends notifications into queues.
type Notifier struct {
	world  *world.World
	queues *sqs.Queues
	clock  clock.Clock
	ids    *chance.IDs
	config Config
	truth  truthLog

	mu            sync.Mutex
	destinations  []*Destination  // oldest first
	subscriptions []*Subscription // oldest first
}

// Config is how Amazon treats subscriptions.
type Config struct {
	// SubscribedOnly sends where subscriptions say, and otherwise to the account's queue.
	SubscribedOnly bool
	// Listings sends what becomes of listings to the account's queue too, where
	// subscriptions do not decide.
	Listings bool
	// Several lets a seller have several subscriptions of one type, if their directives
	// differ.
	Several bool
}

// New makes a notifier that has sent nothing.
func New(w *world.World, queues *sqs.Queues, c clock.Clock, ids *chance.IDs, config Config) *Notifier {
	return &Notifier{
		world: w, queues: queues, clock: c, ids: ids, config: config,
		truth: truthLog{newest: make(map[string]orderSends)},
	}
}

// Owner is whose destinations are listed together.
type Owner struct {
	Application string
	Region      model.Region
}

// Destination is where an application's notifications of a region go.
type Destination struct {
	ID       string   `json:"destinationId"`
	Name     string   `json:"name"`
	Resource Resource `json:"resource"`

	owner Owner
}

// Resource is what receives notifications.
type Resource struct {
	SQS         *Queue       `json:"sqs,omitempty"`
	EventBridge *EventBridge `json:"eventBridge,omitempty"`
}

// name is the queue's ARN, or the name of the event source.
func (r Resource) name() string {
	if r.EventBridge != nil {
		return r.EventBridge.Name
	}
	return r.SQS.ARN
}

// Queue is an SQS queue.
type Queue struct {
	ARN string `json:"arn"`
}

// Subscription is one type of a seller's notifications.
type Subscription struct {
	ID             string     `json:"subscriptionId"`
	PayloadVersion string     `json:"payloadVersion"`
	DestinationID  string     `json:"destinationId"`
	Directive      *Directive `json:"processingDirective,omitempty"`

	account     *world.Account
	kind        string // notification type
	destination *Destination
}

// Directive describes which notifications of a type are sent.
type Directive struct {
	EventFilter      *EventFilter `json:"eventFilter,omitempty"`
	FilterExpression string       `json:"filterExpression,omitempty"`

	passes expression // nil where there is none
}

// EventFilter is a filter of order changes.
type EventFilter struct {
	Type             string   `json:"eventFilterType"`
	MarketplaceIDs   []string `json:"marketplaceIds,omitempty"`
	OrderChangeTypes []string `json:"orderChangeTypes,omitempty"`
}

// Truth is what really happened: the state in which the orders of scenarios are
// now, and how many messages said so.
type Truth struct {
	Notifications int                   `json:"notifications"` // messages sent, of every kind
	Duplicates    int                   `json:"duplicates"`    // of those, copies of an earlier one
	Reordered     int                   `json:"reordered"`     // of those, sent after a newer one of the same order
	Dropped       int                   `json:"dropped"`       // not of those: changes whose notification was never sent
	Forged        int                   `json:"forged"`        // of those, about orders that do not exist
	Poison        int                   `json:"poison"`        // of those, unreadable or of an unknown seller
	Orders        map[string]OrderTruth `json:"orders"`        // the orders that were notified, or should have been, by order id
}

// OrderTruth is the present state of an order.
type OrderTruth struct {
	Account         string       `json:"account"`
	SellerID        string       `json:"sellerId"`
	Status          world.Status `json:"status"`
	LastUpdatedTime time.Time    `json:"lastUpdatedTime"`
	NotifiedTime    time.Time    `json:"notifiedTime"`          // LastUpdatedTime of the newest state that was notified; zero if none was
	SellerShips     bool         `json:"sellerShips,omitempty"` // the marketplace leaves it to the seller to ship it
}

// truthLog counts what was sent.
type truthLog struct {
	mu     sync.Mutex
	counts Truth                 // without its orders
	newest map[string]orderSends // by order id
}

type orderSends struct {
	account *world.Account
	newest  time.Time // the newest state that was notified; zero if none was
}
