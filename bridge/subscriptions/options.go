package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Application makes the calls of an application in one region; *spapi.Grantless
// has it. A call that a breaker holds back, its error a *breaker.OpenError, waits.
type Application interface {
	GetDestinations(context.Context, model.GetDestinationsRequest) (*model.GetDestinationsResponse, spapi.Meta, error)
	CreateDestination(context.Context, model.CreateDestinationRequest) (*model.Destination, spapi.Meta, error)
	DeleteDestination(context.Context, model.DeleteDestinationRequest) (*model.DeleteDestinationResponse, spapi.Meta, error)
	DeleteSubscriptionByID(context.Context, model.DeleteSubscriptionByIDRequest) (*model.DeleteSubscriptionByIDResponse, spapi.Meta, error)
}

// Seller makes the calls of one account; *spapi.Seller has it. See Application
// for breakers.
type Seller interface {
	GetSubscriptions(context.Context, model.GetSubscriptionsRequest) (*model.SubscriptionPage, spapi.Meta, error)
	CreateSubscription(context.Context, model.CreateSubscriptionRequest) (*model.Subscription, spapi.Meta, error)
}

// Target is an application in one region, and where its notifications belong.
type Target struct {
	Application string // our name of it
	Region      model.Region
	QueueARN    string
	Listings    bool // whether changes of listings are wanted too, by way of EventBridge
	Caller      Application
	Accounts    []Account
}

// Account is one of a target's sellers.
type Account struct {
	ID     string // our name of it
	Caller Seller
	Filter Filter // of its ORDER_CHANGE notifications
}

// Options describe what is kept. Targets must be given, and Kafka for Run.
type Options struct {
	// Targets are those of the moment: they are asked for before each look at
	// everything, and after Changed.
	Targets func() []Target
	// Hold returns why a call of an owner (an account, or "application" and its name)
	// is not to be made now; nil when it may be, as for every call where Hold is
	// nil. what is the type of notification or the queue's ARN. After Changed, what
	// was held is tried again.
	Hold func(owner, operation, what string) error
	// Limits replaces Amazon's default limit of an account's operation; may be nil.
	Limits quota.Limits
	Clock  clock.Clock  // of quotas and waits; the real one by default
	Logger *slog.Logger // slog.Default() by default

	Kafka  []kgo.Opt // seed brokers, TLS, timeouts and the like; not the group
	Prefix string    // of the topic's and the group's name, such as "sellerstream."

	// Every is the time from one look at everything to the next; 55 minutes by
	// default, so that what Amazon drops is back within the hour.
	Every time.Duration
	// Retry is how long after a failure what failed is tried again; 5 minutes by default.
	Retry time.Duration
	// Parallel bounds how many accounts are visited at once; 64 by default.
	// Most of the time they wait for quota.
	Parallel int
}

func (o Options) withDefaults() (Options, error) {
	var faults []error
	if o.Targets == nil {
		o.Targets = func() []Target { return nil }
		faults = append(faults, errors.New("bridge/subscriptions: Options.Targets is missing"))
	}
	for _, t := range o.Targets() {
		if !strings.HasPrefix(t.QueueARN, "arn:") || t.Caller == nil {
			faults = append(faults, fmt.Errorf("bridge/subscriptions: application %s in region %s needs a queue's ARN and a caller", t.Application, t.Region))
		}
	}
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	orDefault(&o.Every, 55*time.Minute)
	orDefault(&o.Retry, 5*time.Minute)
	orDefault(&o.Parallel, 64)
	return o, errors.Join(faults...)
}

func orDefault[T int | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}
