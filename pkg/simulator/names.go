package simulator

import (
	"github.com/sellerstream/sellerstream/pkg/simulator/admin"
	"github.com/sellerstream/sellerstream/pkg/simulator/awsjson"
	"github.com/sellerstream/sellerstream/pkg/simulator/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/scenario"
	"github.com/sellerstream/sellerstream/pkg/simulator/spapi"
	"github.com/sellerstream/sellerstream/pkg/simulator/sqs"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
)

// What callers need of the rooms, so that one import is enough.

type (
	Ledger            = ledger.Ledger
	Call              = ledger.Call
	Filter            = ledger.Filter
	Faults            = fault.Faults
	Rule              = fault.Rule
	Action            = fault.Action
	FeedOutcome       = fault.FeedOutcome
	World             = world.World
	Account           = world.Account
	Application       = world.Application
	Order             = world.Order
	Status            = world.Status
	Change            = world.Change
	Placement         = world.Placement
	Kind              = world.Kind
	Units             = world.Units
	QueueStats        = sqs.Stats
	Event             = eventbridge.Event
	Rate              = spapi.Rate
	Truth             = notify.Truth
	OrderTruth        = notify.OrderTruth
	Listing           = stock.Listing
	FeedTimes         = stock.FeedTimes
	FeedNotifications = stock.FeedNotifications
	Window            = stock.Window
	Scenario          = scenario.Scenario
	InventoryScenario = scenario.InventoryScenario
	InventoryPlan     = scenario.InventoryPlan
	InventoryUpdate   = scenario.InventoryUpdate
	ShipmentScenario  = scenario.ShipmentScenario
	UpstreamShipment  = scenario.UpstreamShipment
	ShipmentCheck     = scenario.ShipmentCheck
)

// The parts of the simulator; see ledger.Part.
const (
	LWA         = ledger.LWA
	SPAPI       = ledger.SPAPI
	SQS         = ledger.SQS
	EventBridge = ledger.EventBridge
	Documents   = ledger.Documents
	Processing  = ledger.Processing
)

// The statuses of orders; see Status.
const (
	Pending          = world.Pending
	Unshipped        = world.Unshipped
	PartiallyShipped = world.PartiallyShipped
	Shipped          = world.Shipped
	Cancelled        = world.Cancelled
)

// DefaultQueue is the queue that exists when Config names none, and AWSRegion the
// AWS region of all queues.
const (
	DefaultQueue = sqs.DefaultQueue
	AWSRegion    = awsjson.Region
)

// QueueARN is the ARN of one of the simulator's queues.
func QueueARN(name string) string { return sqs.ARN(name) }

// Sellers makes n accounts of one application, in Europe and North America in
// turn, with fixed ids and tokens. Every third account is in North America.
func Sellers(n int, application string) []Account { return world.Sellers(n, application) }

// Guide returns what Admin can be asked, with an example of each request. base is
// where it is served, such as "http://127.0.0.1:8090".
func Guide(base string) string { return admin.Guide(base) }

// Kinds lists the kinds of orders that are not ordinary; see world.Kind.
func Kinds() []Kind { return world.Kinds() }
