package simulator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/sellerstream/sellerstream/pkg/simulator/admin"
	"github.com/sellerstream/sellerstream/pkg/simulator/chance"
	"github.com/sellerstream/sellerstream/pkg/simulator/documents"
	"github.com/sellerstream/sellerstream/pkg/simulator/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/simulator/exchange"
	"github.com/sellerstream/sellerstream/pkg/simulator/fault"
	"github.com/sellerstream/sellerstream/pkg/simulator/ledger"
	"github.com/sellerstream/sellerstream/pkg/simulator/lwa"
	"github.com/sellerstream/sellerstream/pkg/simulator/notify"
	"github.com/sellerstream/sellerstream/pkg/simulator/scenario"
	"github.com/sellerstream/sellerstream/pkg/simulator/spapi"
	"github.com/sellerstream/sellerstream/pkg/simulator/sqs"
	"github.com/sellerstream/sellerstream/pkg/simulator/stock"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Simulator is one simulated Amazon. What can be asked of its rooms can be asked
// of it. Its handlers may be mounted anywhere; Start serves each on an address of
// its own. All methods may be called from any goroutine.
type Simulator struct {
	World  *World  // the marketplace: its orders
	Ledger *Ledger // every call to every part
	Faults *Faults // scripted faults
	*sqs.Queues
	*eventbridge.Buses
	*lwa.Tokens
	*notify.Notifier
	*stock.Stock
	*spapi.API
	*scenario.Player

	config    Config
	agenda    *world.Agenda
	documents *documents.Store

	stop    context.CancelCauseFunc // ends scenarios started through the admin endpoint
	ctx     context.Context
	running sync.WaitGroup
	servers []*http.Server
}

// New makes a simulator that nobody can reach yet: mount its handlers or call Start.
func New(config Config) (*Simulator, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("simulator configuration: %w", err)
	}
	s := &Simulator{config: config}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	if err := s.build(&s.config); err != nil {
		return nil, fmt.Errorf("simulator configuration: %w", err)
	}
	s.Queues.Create(config.Queues...)
	for _, a := range config.Accounts {
		s.Queues.Create(a.Queue)
	}
	return s, nil
}

// build puts the rooms together, from the ground up.
func (s *Simulator) build(c *Config) (err error) {
	seed := chance.Seed(c.Seed)
	s.Ledger = ledger.New(c.CallsKept)
	s.Faults = fault.New(seed.Stream(chance.Faults))
	desk := &exchange.Desk{Ledger: s.Ledger, Faults: s.Faults, IDs: seed.IDs(), Clock: c.Clock, Logger: c.Logger}
	s.Queues = sqs.New(desk, c.VisibilityTimeout, c.SQSLatency)
	s.Buses = eventbridge.New(desk, eventbridge.Config{
		Buses: c.EventBuses, Kept: c.EventsKept, Limit: c.PutEventsLimit, Latency: c.EventBridgeLatency,
	})
	s.World = world.New(world.Config{
		Accounts: c.Accounts, Clock: c.Clock, Random: seed.Stream(chance.Orders), ReadLag: c.ReadLag, BuyerMark: c.BuyerMark,
	})
	s.agenda = world.NewAgenda(c.Clock)
	if s.Tokens, err = lwa.New(desk, c.Applications, c.Accounts); err != nil {
		return err
	}
	s.Notifier = notify.New(s.World, s.Queues, c.Clock, desk.IDs, notify.Config{
		SubscribedOnly: c.SubscribedOnly, Several: c.SeveralSubscriptions, Listings: c.ListingNotifications,
	})
	s.documents = documents.New(desk, s.World, c.DocumentsURL, c.DocumentLimit)
	s.Stock = stock.New(desk, s.World, s.agenda, s.documents, s.Notifier, stock.Config{
		SKUs: c.SKUs, EveryAmazons: c.EveryAmazons, AcceptUnknown: c.AcceptUnknownSKUs, Times: c.FeedTimes, Notifications: c.FeedNotifications,
		Throttle: c.ListingsFeeds, Random: seed.Stream(chance.Feeds),
	})
	s.World.OnPlaced(s.Stock.Sell)
	s.Player = scenario.New(s.World, s.Stock, s.Notifier, s.Queues, c.Clock, seed)
	s.API, err = spapi.New(desk, spapi.Amazon{
		World: s.World, Agenda: s.agenda, Tokens: s.Tokens, Stock: s.Stock, Documents: s.documents, Notifier: s.Notifier,
	}, spapi.Config{Rates: c.Rates, ApplicationRates: c.ApplicationRates, ItemsPerPage: c.ItemsPerPage, ListingsLag: c.ListingsLag, Lenient: c.Lenient})
	return err
}

// Accounts lists the configured sellers.
func (s *Simulator) Accounts() []Account { return s.World.Accounts() }

// SPAPI is the Selling Partner API's endpoint of one region.
func (s *Simulator) SPAPI(region model.Region) http.Handler { return s.API.Handler(region) }

// LWA is Login with Amazon: POST /auth/o2/token.
func (s *Simulator) LWA() http.Handler { return s.Tokens.Handler() }

// SQS is the SQS endpoint (JSON protocol) for all queues.
func (s *Simulator) SQS() http.Handler { return s.Queues.Handler() }

// EventBridge is the EventBridge endpoint.
func (s *Simulator) EventBridge() http.Handler { return s.Buses.Handler() }

// Documents is where presigned URLs lead: uploads of feed documents, and
// downloads of reports. It answers as S3 does.
func (s *Simulator) Documents() http.Handler { return s.documents.Handler() }

// Admin is the endpoint through which people and other processes watch and
// steer the simulator; Guide explains it.
func (s *Simulator) Admin() http.Handler {
	api := admin.API{
		World: s.World, Ledger: s.Ledger, Faults: s.Faults, Queues: s.Queues, Buses: s.Buses, Notifier: s.Notifier,
		Stock: s.Stock, Player: s.Player, Queue: s.config.Queues[0], Play: s.play,
	}
	return api.Handler()
}

// errClosed is the cause with which Close ends scenarios and long polls.
var errClosed = errors.New("the simulator is closed")

// play plays a scenario until it or the simulator ends.
func (s *Simulator) play(sc Scenario) {
	s.running.Go(func() {
		if err := s.Run(s.ctx, sc); err != nil && !errors.Is(err, errClosed) && !errors.Is(err, context.Canceled) {
			s.config.Logger.Error("scenario failed", "error", err)
		}
	})
}
