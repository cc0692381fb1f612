package simulator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Simulator is one simulated Amazon. Its handlers may be mounted anywhere;
// Start serves each on an address of its own. All methods may be called from
// any goroutine.
type Simulator struct {
	World  *World  // the marketplace: its orders
	Ledger *Ledger // every call to every part
	Faults *Faults // scripted faults

	config  Config
	clock   clock.Clock
	logger  *slog.Logger
	refresh map[string]*Account // refresh token → account
	tokens  tokens
	quotas  *quotas
	queues  *queues
	buses   *buses
	truth   truthLog
	pages   pages

	subscriptions subscriptions
	agenda        agenda
	listings      *listings
	feeds         feeds
	documents     documents

	idMu     sync.Mutex
	idSource *rand.ChaCha8

	stop    context.CancelCauseFunc // ends scenarios started through the admin endpoint
	ctx     context.Context
	running sync.WaitGroup
	servers []*http.Server
}

// Streams of randomness, so that what the marketplace holds does not depend on
// how many calls are made to it.
const (
	worldStream = iota + 1
	scenarioStream
	faultStream
	feedStream
	updateStream
)

// New makes a simulator that nobody can reach yet: mount its handlers or call Start.
func New(config Config) (*Simulator, error) {
	if err := config.complete(); err != nil {
		return nil, fmt.Errorf("simulator configuration: %w", err)
	}
	s := &Simulator{
		Ledger:   newLedger(config.CallsKept),
		Faults:   &Faults{random: rand.New(rand.NewPCG(config.Seed, faultStream))},
		config:   config,
		clock:    config.Clock,
		logger:   config.Logger,
		refresh:  make(map[string]*Account),
		tokens:   tokens{grants: make(map[string]grant)},
		queues:   newQueues(config.VisibilityTimeout),
		buses:    newBuses(config.EventBuses, config.EventsKept),
		pages:    pages{open: make(map[string]page)},
		idSource: rand.NewChaCha8(seedBytes(config.Seed)),

		agenda:    agenda{clock: config.Clock},
		feeds:     newFeeds(config.Seed),
		documents: newDocuments(config.DocumentsURL),
	}
	s.ctx, s.stop = context.WithCancelCause(context.Background())
	s.World = newWorld(&s.config)
	s.listings = newListings(&s.config)
	for i := range s.config.Accounts {
		a := &s.config.Accounts[i]
		if other := s.refresh[a.RefreshToken]; other != nil {
			return nil, fmt.Errorf("simulator configuration: accounts %s and %s have the same refresh token", other.ID, a.ID)
		}
		s.refresh[a.RefreshToken] = a
		config.Queues = append(config.Queues, a.Queue)
	}
	for _, name := range config.Queues {
		s.queues.create(name)
	}
	quotas, err := newQuotas(s.operations(), config.Rates)
	if err != nil {
		return nil, fmt.Errorf("simulator configuration: %w", err)
	}
	s.quotas = quotas
	return s, nil
}

func seedBytes(seed uint64) (b [32]byte) {
	for i := range 8 {
		b[i] = byte(seed >> (8 * i))
	}
	return b
}

// newID is a UUID out of the simulator's own randomness.
func (s *Simulator) newID() string {
	s.idMu.Lock()
	defer s.idMu.Unlock()
	id, err := uuid.NewRandomFromReader(s.idSource)
	if err != nil {
		panic(err) // ChaCha8's Read never fails
	}
	return id.String()
}

// Accounts lists the configured sellers.
func (s *Simulator) Accounts() []Account { return s.config.Accounts }

// Addresses are where Start listens. An empty one is a free port on loopback.
type Addresses struct {
	SPAPI       map[model.Region]string
	LWA         string
	SQS         string
	EventBridge string
	Documents   string
	Admin       string
}

// URLs are where the parts can be reached.
type URLs struct {
	SPAPI       map[model.Region]string `json:"spapi"` // by region, for every region that has an account
	LWA         string                  `json:"lwa"`   // without the path /auth/o2/token
	SQS         string                  `json:"sqs"`
	EventBridge string                  `json:"eventbridge"`
	Documents   string                  `json:"documents"` // where presigned URLs lead
	Admin       string                  `json:"admin"`     // without the path /_simulator/
}

// QueueURL is the SQS URL of a queue behind an SQS endpoint.
func (u URLs) QueueURL(name string) string { return u.SQS + "/" + awsAccount + "/" + name }

// Start listens and serves until Close. After an error nothing listens, and
// Start may be called again.
func (s *Simulator) Start(at Addresses) (URLs, error) {
	urls := URLs{SPAPI: make(map[model.Region]string)}
	var faults []error
	listen := func(address string, handler http.Handler) string {
		url, err := s.listen(address, handler)
		faults = append(faults, err)
		return url
	}
	for _, a := range s.config.Accounts {
		if _, tried := urls.SPAPI[a.Region]; !tried {
			urls.SPAPI[a.Region] = listen(at.SPAPI[a.Region], s.SPAPI(a.Region))
		}
	}
	urls.LWA = listen(at.LWA, s.LWA())
	urls.SQS = listen(at.SQS, s.SQS())
	urls.EventBridge = listen(at.EventBridge, s.EventBridge())
	urls.Documents = listen(at.Documents, s.Documents())
	urls.Admin = listen(at.Admin, s.Admin())
	if err := errors.Join(faults...); err != nil {
		return URLs{}, errors.Join(err, s.closeServers())
	}
	s.documents.listenAt(urls.Documents)
	return urls, nil
}

func (s *Simulator) listen(address string, handler http.Handler) (string, error) {
	if address == "" {
		address = "127.0.0.1:0"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("simulator: %w", err)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("simulator stopped serving", "address", address, "error", err)
		}
	})
	return "http://" + listener.Addr().String(), nil
}

// errClosed is the cause with which Close ends scenarios and long polls.
var errClosed = errors.New("the simulator is closed")

// Close cuts every connection, ends what runs, and waits for it.
func (s *Simulator) Close() error {
	s.stop(errClosed)
	s.agenda.close()
	err := s.closeServers()
	s.running.Wait()
	return err
}

func (s *Simulator) closeServers() error {
	var faults []error
	for _, server := range s.servers {
		faults = append(faults, server.Close())
	}
	s.servers = nil
	return errors.Join(faults...)
}
