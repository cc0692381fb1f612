package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/app/simulated"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

// estate is a simulated Amazon, an embedded Kafka and a configuration file, and
// the pipeline that a test runs on them.
type estate struct {
	t       *testing.T
	ctx     context.Context
	sim     *simulator.Simulator
	cluster *embedded.Cluster
	clock   clock.Clock
	file    string
	text    string // of the file, around its accounts
	stock   string // its settings of inventory
	log     *journal
	hangup  chan os.Signal
	end     func() // of the pipeline that runs
}

// newEstate is an estate whose Kafka has its data in a folder. Most are at real time, where
// who waits for the next probe of an account waits too long.
func newEstate(t *testing.T, accounts int, dir string, c clock.Clock) *estate {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 6*time.Minute, errors.New("it took too long"))
	t.Cleanup(cancel)
	e := &estate{t: t, ctx: ctx, file: filepath.Join(t.TempDir(), "sellerstream.yaml"), log: &journal{}, hangup: make(chan os.Signal, 1)}
	e.stock = "linger: 3s, patch_below: 0, defaults: {fba: allow}" // the SKUs of most tests are not listed
	cluster, err := embedded.Start(embedded.Config{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	e.cluster, e.clock = cluster, c
	if e.sim, err = simulated.New(accounts, e.clock, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(e.sim.Close(), cluster.Close()); err != nil {
			t.Error(err)
		}
	})
	urls, err := e.sim.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	e.text, err = simulated.Configuration(e.sim, urls, simulated.Surroundings{
		Brokers: cluster.Brokers(), Registry: cluster.RegistryURL(), Speed: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// configure writes the file with some of the simulator's accounts; "bad" before
// a name gives the account a refresh token that Amazon does not know.
func (e *estate) configure(names ...string) {
	e.t.Helper()
	before, rest, _ := strings.Cut(e.text, "accounts:\n")
	_, after, _ := strings.Cut(rest, "bridge:\n")
	var b strings.Builder
	b.WriteString(before + "accounts:\n")
	for _, name := range names {
		name, bad := strings.CutPrefix(name, "bad ")
		for _, a := range e.sim.Accounts() {
			token := a.RefreshToken
			if bad {
				token = "Atzr|unknown"
			}
			if a.ID == name {
				fmt.Fprintf(&b, "  - {id: %s, seller_id: %s, region: %s, marketplaces: [%s], refresh_token: {value: %s}}\n",
					a.ID, a.SellerID, a.Region, a.Marketplaces[0], token)
			}
		}
	}
	if err := os.WriteFile(e.file, []byte(b.String()+"inventory: {"+e.stock+"}\nbridge:\n"+after), 0o600); err != nil {
		e.t.Fatal(err)
	}
	select {
	case e.hangup <- syscall.SIGHUP:
	default:
	}
}

func (e *estate) settings() Settings {
	e.t.Helper()
	reader, cfg, err := config.Open(e.file)
	if err != nil {
		e.t.Fatal(err)
	}
	return Settings{
		Config: cfg, Files: reader, Hangup: e.hangup, Clock: e.clock,
		Logger:              slog.New(slog.NewTextHandler(e.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		TransactionalPrefix: e.cluster.TransactionalPrefix(), Answers: time.Minute, // a busy machine is no fault
	}
}

// run starts the pipeline; stop, or the test's end, stops it.
func (e *estate) run(change func(*Settings)) {
	e.t.Helper()
	s := e.settings()
	if change != nil {
		change(&s)
	}
	ctx, stop := context.WithCancel(e.ctx)
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, s) }()
	e.end = sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			e.t.Error(err)
		}
	})
	e.t.Cleanup(e.end)
	e.log.await(e.ctx, e.t, "pipeline is up")
}

// stop ends the pipeline and forgets what it logged.
func (e *estate) stop() {
	e.t.Helper()
	e.end()
	e.log.Take()
}

// order places an order that can be shipped.
func (e *estate) order(account string) simulator.Order {
	e.t.Helper()
	change, err := e.sim.World.PlaceOrder(account)
	for err == nil && change.Order.Status() == simulator.Pending {
		change, err = e.sim.World.Change(change.Order.OrderID)
	}
	if err != nil {
		e.t.Fatal(err)
	}
	e.sim.Notify(change)
	return change.Order
}

// ship says that the first line of an order was handed to a carrier.
func (e *estate) ship(account string, order simulator.Order) {
	e.t.Helper()
	now := time.Now()
	e.produce(schemas.Shipments, account, &schemas.Shipment{
		ShipmentID: "shipment-1", Account: account, OrderID: order.OrderID, PackageID: "package-1",
		Items:       []schemas.ShipmentItem{{OrderItemID: order.Items[0].OrderItemID, Quantity: int32(order.Items[0].Quantity)}},
		CarrierName: "DHL Paket", TrackingNumber: "00340434161094021501", ShipTime: now, EventTime: now,
	})
}

// produce writes records of an account to a topic.
func (e *estate) produce(topic, account string, values ...any) {
	e.t.Helper()
	client, codec := e.kafka()
	defer client.Close()
	var recs []*kgo.Record
	for _, value := range values {
		bytes, err := codec.AppendEncode(nil, topic, value)
		if err != nil {
			e.t.Fatal(err)
		}
		recs = append(recs, &kgo.Record{Topic: schemas.DefaultPrefix + topic, Key: []byte(account), Value: bytes})
	}
	if err := client.ProduceSync(e.ctx, recs...).FirstErr(); err != nil {
		e.t.Fatal(err)
	}
}

// events waits for an account's n-th event.
func (e *estate) events(account string, n int) {
	e.t.Helper()
	for {
		found := 0
		all, _ := e.sim.Events(0)
		for _, event := range all {
			if strings.Contains(event.Detail, `"account":"`+account+`"`) {
				found++
			}
		}
		if found >= n {
			return
		}
		calls := e.sim.Ledger.Calls(simulator.Filter{Part: simulator.EventBridge})
		after := int64(0)
		if len(calls) > 0 {
			after = calls[len(calls)-1].Sequence
		}
		if again, _ := e.sim.Events(0); len(again) != len(all) {
			continue
		}
		if _, err := e.sim.Ledger.Await(e.ctx, simulator.Filter{Part: simulator.EventBridge, After: after}, 1); err != nil {
			e.t.Fatalf("account %s has %d events, want %d: %v\n%s", account, found, n, err, e.log)
		}
	}
}

// calls counts the calls of an operation, of an account if one is named.
func (e *estate) calls(operation, account string) int {
	return len(e.sim.Ledger.Calls(simulator.Filter{Operation: operation, Account: account}))
}

// updates asks for quantities of n SKUs.
func (e *estate) updates(account, name string, n int, urgent bool) {
	e.t.Helper()
	var values []any
	for i := range n {
		sku := fmt.Sprintf("%s-%d", name, i)
		values = append(values, &schemas.InventoryUpdate{
			UpdateID: sku, Account: account, SKU: sku, Quantity: int32(i + 1), EventTime: time.Now(), Urgent: urgent,
		})
	}
	e.produce(schemas.InventoryUpdates, account, values...)
}

// records counts all that was ever written to a topic.
func (e *estate) records(topic string) (n int64) {
	e.t.Helper()
	client, _ := e.kafka()
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(e.ctx, schemas.DefaultPrefix+topic)
	if err != nil {
		e.t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

func (e *estate) kafka() (*kgo.Client, *registry.Codec) {
	e.t.Helper()
	cfg := e.settings().Config
	client, err := kgo.NewClient(kafkaOptions(cfg, nil)...)
	if err != nil {
		e.t.Fatal(err)
	}
	codec, err := openRegistry(e.ctx, cfg, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		e.t.Fatal(err)
	}
	return client, codec
}

// turn is what the commands pause and resume do.
func (e *estate) turn(subject string, paused bool) {
	e.t.Helper()
	s := e.settings()
	s.Logger = slog.New(slog.DiscardHandler)
	opened, stop, err := OpenSwitches(e.ctx, s, true)
	if err != nil {
		e.t.Fatal(err)
	}
	defer stop()
	if _, err := opened.Turn(e.ctx, schemas.Switch{Subject: subject, Paused: paused, Since: time.Now(), By: "test"}); err != nil {
		e.t.Fatal(err)
	}
}

const (
	german   = "seller-1-de"
	american = "seller-2-us"
	british  = "seller-3-uk"
)

// Accounts are added, mended and removed while the pipeline runs.
func TestAccountsChangeLive(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 3, "", clock.Real{})
	e.configure(german, "bad "+american)
	e.run(nil)
	e.order(german)
	e.order(american)
	e.events(german, 1)
	// Parked or, where the role subscriptions was refused first, held back by the
	// account's breaker.
	e.log.await(e.ctx, t, "role=orders account="+american+" operation=getOrder")

	e.configure(german, american, british)
	e.log.await(e.ctx, t, `"account added" account=`+british)
	e.events(american, 1)
	e.order(british)
	e.events(british, 1)

	e.configure(american, british)
	e.log.await(e.ctx, t, `account=`+german)
	e.log.await(e.ctx, t, "account removed")
	asked := e.calls("getOrder", german)
	e.order(german)
	e.log.await(e.ctx, t, "unknown_account")
	e.order(british)
	e.events(british, 2)
	if got := e.calls("getOrder", german); got != asked {
		t.Errorf("a removed account made %d calls", got-asked)
	}

	e.configure(german, british)
	e.log.await(e.ctx, t, `"account removed: its pending work waits for it to come back" account=`+american)
	e.order(german)
	e.events(german, 2)

	if err := os.WriteFile(e.file, []byte("accounts: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	e.hangup <- syscall.SIGHUP
	e.log.await(e.ctx, t, "not YAML")
	e.order(german)
	e.events(german, 3)
}

// What is paused waits, also over a restart, and goes on when it may.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 2, "", clock.Real{})
	e.configure(german, american)
	e.run(nil)
	if _, err := e.sim.Ledger.Await(e.ctx, simulator.Filter{Operation: "createSubscription", Status: 200}, 4); err != nil {
		t.Fatal(err)
	}
	e.turn(german, true)
	e.turn(schemas.AllWrites, true)
	e.log.await(e.ctx, t, `"calls are paused" calls="of account `+german)
	e.log.await(e.ctx, t, `"calls are paused" calls="all that write"`)
	e.order(german)
	e.order(american)
	e.events(american, 1)
	e.log.await(e.ctx, t, "call waits\" account="+german)

	e.stop()
	e.sim.DropSubscriptions("", "")
	e.run(nil)
	e.log.await(e.ctx, t, `"calls are paused" calls="of account `+german)
	e.log.await(e.ctx, t, "not looked after while calls are held\" role=subscriptions account="+american)
	e.log.await(e.ctx, t, "call waits\" account="+german)
	e.order(american)
	e.events(american, 2)
	if asked, made := e.calls("getOrder", german), e.calls("createSubscription", ""); asked != 0 || made != 4 {
		t.Errorf("%d paused reads, %d paused writes were made", asked, made-4)
	}

	e.turn(german, false)
	e.events(german, 1)
	e.turn(schemas.AllWrites, false)
	if _, err := e.sim.Ledger.Await(e.ctx, simulator.Filter{Operation: "createSubscription", Status: 200}, 8); err != nil {
		t.Fatalf("%v\n%s", err, e.log)
	}
}

// A dry run writes nothing, shows what it would write, and leaves it to the next run.
func TestDryRun(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 1, "", clock.Real{})
	e.configure(german)
	out := &journal{}
	e.run(func(s *Settings) {
		s.DryRun, s.Out, s.Roles = true, out, Roles()
		s.Config.Cancellations.Enabled = true
	})
	order := e.order(german)
	e.ship(german, order)
	e.updates(german, "urgent", 8, true)
	e.updates(german, "slow", 40, false)
	for _, line := range []string{
		german + "\tcreateFeedDocument\ta document with 40 quantities", german + "\tpatchListingsItem\tSKU urgent-7 to quantity 8 in marketplace A1PA6795UKMFR9\n",
		german + "\tPutEvents\tOrderChanged ", german + "\tconfirmShipment\torder " + order.OrderID + ", package ",
		"application simulated\tcreateDestination\tarn:aws:sqs",
		german + "\tcreateSubscription\tORDER_CHANGE\n", german + "\tcreateSubscription\tFEED_PROCESSING_FINISHED\n",
	} {
		out.await(e.ctx, t, line)
	}
	if n := e.records(schemas.StateInventory); n > 1000 {
		t.Errorf("what waits for a run that writes turns in circles: %d state records", n)
	}
	e.stop()
	for _, count := range e.sim.Ledger.Counts() {
		switch count.Operation {
		case "createDestination", "createSubscription", "PutEvents", "createFeedDocument", "createFeed", "patchListingsItem", "confirmShipment":
			t.Errorf("the dry run wrote: %+v", count)
		}
	}
	if lines := strings.Count(out.String(), "PutEvents"); lines != 1 {
		t.Errorf("one event was shown %d times", lines)
	}
	for _, piece := range []string{"createFeedDocument", "SKU urgent-3 ", "confirmShipment"} {
		if lines := strings.Count(out.String(), piece); lines != 1 {
			t.Errorf("%s was shown %d times\n%s", piece, lines, out)
		}
	}
	e.run(nil)
	e.events(german, 1)
	for operation, n := range map[string]int{"patchListingsItem": 8, "createFeed": 1, "confirmShipment": 1} {
		if _, err := e.sim.Ledger.Await(e.ctx, simulator.Filter{Operation: operation}, n); err != nil {
			t.Fatalf("%s: %v\n%s", operation, err, e.log)
		}
	}
	if _, err := e.sim.Ledger.Await(e.ctx, simulator.Filter{Operation: "createSubscription", Status: 200}, 2); err != nil {
		t.Fatal(err)
	}
	if shipped := e.sim.World.Shipments(); len(shipped) != 1 || shipped[0].Confirmed != 1 || shipped[0].Parcels[0].CarrierCode != "DHL-Paket" {
		t.Errorf("Amazon has %+v, want the one package", shipped)
	}
}
