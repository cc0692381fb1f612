package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/sellerstream/sellerstream/bridge/eventbridge"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/breaker"
	"github.com/sellerstream/sellerstream/pkg/runtime/executor"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/orders"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/logged"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	prefix      = "simulation."
	application = "main"
	clientID    = "amzn1.application-oa2-client.simulation"
)

// world is the orders processor between Kafka and Amazon, and the publisher of events
// behind it. All its accounts are neighbours on one partition.
type world struct {
	t        *testing.T
	net      *kfake.VirtualNetwork
	amazon   *simulator.Simulator
	kafka    *kfake.Cluster
	client   *kgo.Client
	breakers *breaker.Breakers
	tally    *blame.Tally
	execute  *executor.Executor
	accounts func() *account.Directory
	log      *logged.Text
	begun    time.Time
	most     atomic.Int64 // entries that were pending at the same time
	sent     int
}

// setup is what differs between tests.
type setup struct {
	accounts   []string
	revoked    string // the account whose refresh token Amazon does not take; "" for none
	maxPending int    // 0 for the default
	reconcile  orders.Reconcile
	publishes  bool // orders and alerts as events
}

// inBubble runs test with everything up, under virtual time.
func inBubble(t *testing.T, s setup, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: &kfake.VirtualNetwork{}, log: &logged.Text{}, begun: time.Now()}
		logger := w.log.Logger(slog.LevelInfo)
		w.breakers, w.tally = breaker.New(clock.Real{}, logger), new(blame.Tally)
		w.startKafka()
		sellers := w.startAmazon(s)
		directory, err := account.NewDirectory(sellers)
		if err != nil {
			t.Fatal(err)
		}
		w.accounts = func() *account.Directory { return directory }
		w.execute = executor.New(w.sellers(s, sellers), w.breakers, w.tally, clock.Real{}, logger)
		w.run(orders.Role(), s.maxPending, func(machine.Unit) machine.Machine {
			return watched{orders.New(orders.Config{
				Accounts: w.accounts, IncludedData: []string{model.IncludeFulfillment}, Reconcile: s.reconcile,
			}), &w.most}
		})
		if s.publishes {
			w.publish(logger)
		}
		test(t, w)
	})
}

// run runs a processor until the end of the test.
func (w *world) run(r role.Role, maxPending int, build func(machine.Unit) machine.Machine) {
	w.t.Helper()
	processor, err := stream.New(stream.Options{
		Processor: r.Name, Prefix: prefix, Inputs: r.Topics(func(role.Input) bool { return true }), Outputs: r.Outputs, State: r.State[0].Topic,
		New: build, Codec: codec(), Execute: w.execute.Execute, Logger: w.log.Logger(slog.LevelInfo), Client: w.kafkaOptions(), MaxPending: maxPending, MaxTick: 20,
		SessionTimeout: time.Minute, HeartbeatInterval: time.Second, // they only cost time here
	})
	if err != nil {
		w.t.Fatal(err)
	}
	intake, stop := context.WithCancel(context.Background())
	finished := make(chan error, 1)
	go func() { finished <- processor.Run(intake) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-finished; err != nil {
			w.t.Error(err)
		}
	})
	for !processor.Ready() {
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) startKafka() {
	var names []string
	for _, topic := range []string{
		schemas.OrderChanges, schemas.OrderBackfills, schemas.Orders, schemas.OrderLooks, schemas.OrderLooksAnswered, schemas.Alerts, schemas.StateOrders,
		schemas.Shipments, schemas.ShipmentConfirmations, schemas.StateShipments, schemas.DeadLetters,
		schemas.FeedSubmissions, schemas.FeedNotifications, schemas.FeedResults, schemas.StateFeeds,
	} {
		names = append(names, prefix+topic)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(9092), kfake.ListenFn(w.net.Listen), kfake.SeedTopics(1, names...))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(cluster.Close)
	w.kafka = cluster
	w.client = w.newClient()
}

func (w *world) kafkaOptions() []kgo.Opt {
	return []kgo.Opt{kgo.SeedBrokers(w.kafka.ListenAddrs()...), kgo.Dialer(w.net.DialContext)}
}

func (w *world) newClient(more ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(w.kafkaOptions(), more...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.Close)
	return client
}

func (w *world) startAmazon(s setup) []account.Account {
	var sellers []account.Account
	var known []simulator.Account
	for _, id := range s.accounts {
		seller := account.Account{
			ID: id, SellerID: "A" + strings.ToUpper(id), Region: model.Europe,
			Application: application, Marketplaces: []string{"A1PA6795UKMFR9"},
		}
		sellers = append(sellers, seller)
		known = append(known, simulator.Account{Account: seller, RefreshToken: "Atzr|" + id})
	}
	var err error
	w.amazon, err = simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: application, ClientID: clientID, ClientSecrets: []string{"secret"}}},
		Accounts:     known, EventBridgeLatency: putEvents, DocumentsURL: "http://localhost:83",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := w.amazon.Close(); err != nil {
			w.t.Error(err)
		}
	})
	w.serve(":80", w.amazon.SPAPI(model.Europe))
	w.serve(":81", w.amazon.LWA())
	w.serve(":82", w.amazon.EventBridge())
	w.serve(":83", w.amazon.Documents())
	return sellers
}

// putEvents is how long EventBridge takes to answer.
const putEvents = 30 * time.Millisecond

// publish runs the publisher of events until the end of the test.
func (w *world) publish(log *slog.Logger) {
	w.t.Helper()
	amazon := aws.Config{
		Region: simulator.AWSRegion, Credentials: credentials.NewStaticCredentialsProvider("id", "secret", ""),
		HTTPClient: &http.Client{Transport: &http.Transport{DialContext: w.net.DialContext}},
	}
	publisher, err := eventbridge.New(eventbridge.Options{
		Client: eventbridge.NewClient(amazon, "http://localhost:82"), Codec: codec(), Kafka: w.kafkaOptions(), Prefix: prefix,
		Topics: []string{schemas.Orders, schemas.Alerts}, Logger: log,
		Details: func(_ string, value any) (event eventbridge.Event, ok bool, err error) {
			event.Detail, event.Type, err = schemas.AppendDetail(nil, value)
			event.Entity = schemas.Entity(value)
			return event, event.Type != "", err
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	finished := make(chan error, 1)
	go func() { finished <- publisher.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-finished; err != nil {
			w.t.Error(err)
		}
	})
	for publisher.WaitsFor() != "" {
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) serve(address string, handler http.Handler) {
	listener, err := w.net.Listen("tcp", address)
	if err != nil {
		w.t.Fatal(err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug)}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			w.t.Errorf("serve: %v", err)
		}
	}()
	w.t.Cleanup(func() {
		if err := server.Close(); err != nil {
			w.t.Error(err)
		}
		<-finished
	})
}

func (w *world) sellers(s setup, accounts []account.Account) executor.Sellers {
	transport := &http.Transport{DialContext: w.net.DialContext, MaxIdleConnsPerHost: 64}
	client, err := spapi.New(spapi.Config{
		LWAEndpoint: "http://localhost:81", Endpoints: map[model.Region]string{model.Europe: "http://localhost:80"}, Base: transport, Once: transport,
		DocumentHosts: []string{"http://localhost:83"}, Login: w.breakers.Login,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(client.Close)
	sellers := map[string]*spapi.Seller{}
	for _, a := range accounts {
		refresh := "Atzr|" + a.ID
		if a.ID == s.revoked {
			refresh = "Atzr|revoked"
		}
		sellers[a.ID], err = client.Seller(spapi.SellerConfig{
			Account: a.ID, Region: a.Region, RefreshToken: secrets.Literal(secrets.New(refresh)),
			Application: spapi.Application{Name: application, ClientID: clientID, ClientSecret: secrets.Literal(secrets.New("secret"))},
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
	return func(id string) (*spapi.Seller, error) { return sellers[id], nil }
}

// place orders something as a buyer, notifies it, and returns the order's id.
func (w *world) place(accountID string) string {
	w.t.Helper()
	change := w.order(accountID)
	w.notify(change)
	return change.Order.OrderID
}

// order makes a buyer order something. Nobody is notified.
func (w *world) order(accountID string) simulator.Change {
	w.t.Helper()
	change, err := w.amazon.World.PlaceOrder(accountID)
	if err != nil {
		w.t.Fatal(err)
	}
	return change
}

func (w *world) notify(change simulator.Change) {
	w.t.Helper()
	w.sent++
	w.produce(schemas.OrderChanges, change.Account.ID, w.encode(&schemas.OrderChange{
		NotificationID: fmt.Sprint(w.sent), NotificationType: "ORDER_CHANGE", Account: change.Account.ID, OrderID: change.Order.OrderID,
		ChangeType: change.Type, ChangeTime: *change.Time, EventTime: time.Now(), ReceivedTime: time.Now(),
	}))
}

func (w *world) encode(value schemas.Value) []byte {
	w.t.Helper()
	encoded, err := codec().AppendEncode(nil, "", value)
	if err != nil {
		w.t.Fatal(err)
	}
	return encoded
}

func (w *world) produce(topic, key string, value []byte) {
	w.t.Helper()
	rec := &kgo.Record{Topic: prefix + topic, Key: []byte(key), Value: value}
	if err := w.client.ProduceSync(w.t.Context(), rec).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// read returns the first n committed records of a topic, or those that there
// are within a time.
func (w *world) read(topic string, n int, within time.Duration) []*kgo.Record {
	w.t.Helper()
	client := w.newClient(kgo.ConsumeTopics(prefix+topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), within)
	defer cancel()
	var recs []*kgo.Record
	for len(recs) < n && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(rec *kgo.Record) { recs = append(recs, rec) })
	}
	return recs
}

// noDeadLetters fails where something was set aside.
func (w *world) noDeadLetters() {
	w.t.Helper()
	if dead := w.read(schemas.DeadLetters, 1, time.Second); len(dead) > 0 {
		w.t.Errorf("dead letters: %s", dead[0].Value)
	}
}

// calls are what Amazon saw of an operation between two times since the start.
func (w *world) calls(f simulator.Filter, from, until time.Duration) []simulator.Call {
	var calls []simulator.Call
	for _, c := range w.amazon.Ledger.Calls(f) {
		if at := c.Time.Sub(w.begun); at >= from && at < until {
			calls = append(calls, c)
		}
	}
	return calls
}

func (w *world) fault(rule simulator.Rule) {
	w.t.Helper()
	if _, err := w.amazon.Faults.Add(rule); err != nil {
		w.t.Fatal(err)
	}
}

// watched is a machine that remembers the most pending entries it had.
type watched struct {
	machine.Machine
	most *atomic.Int64
}

func (m watched) Pending() int {
	n := m.Machine.Pending()
	m.most.Store(max(m.most.Load(), int64(n)))
	return n
}

// codec reads what is on the topics of the orders processor and of the publisher.
func codec() fakekafka.JSON {
	return fakekafka.JSON{Kinds: []any{
		&schemas.OrderChange{}, &schemas.Order{}, &schemas.Alert{},
		&schemas.Backfill{}, &schemas.BackfillState{}, &schemas.OrderState{}, &schemas.SearchState{}, &schemas.QuotaState{}, &schemas.LaneState{},
		&schemas.OrderLook{}, &schemas.OrderLooked{}, &schemas.Shipment{}, &schemas.ShipmentConfirmation{}, &schemas.ShipmentState{},
		&schemas.FeedSubmission{}, &schemas.FeedResult{}, &schemas.FeedIssues{}, &schemas.FeedState{}, &schemas.FeedPace{}, &schemas.FeedLaneState{},
	}}
}
