package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// buyerMark begins every text about a buyer at Amazon.
const buyerMark = "BUYERCANARY "

// TestBuyerDataStaysInside runs the pipeline with an account that has its buyer
// data on and one that has not, with trouble on the way. Nothing about a buyer
// may be readable in any byte of any topic, in the log or in an event; with the
// key it is.
func TestBuyerDataStaysInside(t *testing.T) {
	t.Parallel()
	for _, api := range []string{config.Orders2026, config.OrdersV0} {
		t.Run(api, func(t *testing.T) {
			t.Parallel()
			testBuyerData(t, api)
		})
	}
}

func testBuyerData(t *testing.T, api string) {
	log := &journal{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cluster := fakekafka.Embedded(t, "")
	scaled := clock.NewScaled(time.Now(), 60)
	sim, urls := startMarkedAmazon(t, scaled)
	cfg := buyerConfig(t, sim, urls, cluster, api)
	settings := Settings{
		Config: cfg, Secrets: OpenSecrets(cfg.AWS), Clock: scaled, Logger: logger, TransactionalPrefix: cluster.TransactionalPrefix(),
		Roles: []Role{Bridge, Orders, Events},
	}
	limited, release := context.WithTimeoutCause(t.Context(), 90*time.Second, errors.New("it took too long"))
	defer release()
	place(t, sim, false) // for the backfill to find: they are too old for the search for gaps
	time.Sleep(scaled.Real(8 * time.Minute))
	ctx, stop := context.WithCancelCause(limited)
	ended := make(chan error, 1)
	go func() {
		err := Run(ctx, settings)
		stop(fmt.Errorf("the pipeline has ended: %w", err))
		ended <- err
	}()
	log.await(ctx, t, "pipeline is up")
	orders := 2 * place(t, sim, true)
	for _, broken := range []string{`{"DestinationPostalCode": "` + buyerMark + `1"}`, `not JSON, "DestinationPostalCode":"` + buyerMark + `1`} {
		if err := sim.Send(simulator.DefaultQueue, broken); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sim.Ledger.Await(ctx, simulator.Filter{Part: simulator.EventBridge, Status: 200}, 1); err != nil {
		t.Fatalf("no event came out: %v, %v\n%s", err, context.Cause(ctx), log)
	}
	records := readUntil(ctx, t, cfg, map[string]int{schemas.Orders: 2 * orders, schemas.DeadLetters: 2, schemas.BuyerKeys: orders + 1})
	found := checkDecodes(ctx, t, settings, sim.Accounts()[0].ID, records, api == config.Orders2026)
	if api == config.Orders2026 {
		checkPaged(t, sim, found)
	}
	stop(context.Canceled)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	events, _ := sim.Events(0)
	if len(events) == 0 {
		t.Error("no events were kept")
	}
	for _, event := range events {
		if text, err := json.Marshal(event); err != nil || bytes.Contains(text, []byte("buyerData")) {
			t.Errorf("an event with buyer data, encrypted or not: %s, %v", text, err)
		} else {
			checkNobody(t, "an event", text)
		}
	}
	checkNobody(t, "the log", []byte(log.String()))
	for _, rec := range records {
		checkNobody(t, rec.Topic, rec.Key)
		checkNobody(t, rec.Topic, rec.Value)
		for _, h := range rec.Headers {
			checkNobody(t, rec.Topic+", header "+h.Key, h.Value)
		}
	}
}

// place places orders of each kind in each account, and returns how many of an account.
func place(t *testing.T, sim *simulator.Simulator, notify bool) int {
	t.Helper()
	placements := []world.Placement{{}, {}, {}} // and as their numbers say
	for _, kind := range world.Kinds() {
		placements = append(placements, world.Placement{Kind: kind})
	}
	for _, placed := range placements {
		for _, account := range sim.Accounts() {
			change, err := sim.World.Place(account.ID, placed)
			if err != nil {
				t.Fatal(err)
			}
			if notify {
				sim.Notify(change)
			}
		}
	}
	return len(placements)
}

// checkPaged holds that orders which a backfill found came from its pages, with their buyers.
func checkPaged(t *testing.T, sim *simulator.Simulator, found map[string]bool) {
	t.Helper()
	paged := len(found)
	for _, call := range sim.Ledger.Calls(simulator.Filter{Operation: "getOrder"}) {
		if found[call.Parameters["orderId"]] {
			paged--
		}
	}
	if paged < len(found)/2 || paged == 0 { // a call that fails on purpose may cost a page
		t.Errorf("%d of %d orders that a backfill found came with its pages", paged, len(found))
	}
}

func startMarkedAmazon(t *testing.T, c clock.Clock) (*simulator.Simulator, simulator.URLs) {
	t.Helper()
	sim, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "main", ClientID: "main-client", ClientSecrets: []string{"secret"}}},
		Accounts:     simulator.Sellers(2, "main"), EventBuses: []string{"bus"}, Clock: c, Seed: 1, BuyerMark: buyerMark,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, action := range []simulator.Action{{Status: 500}, {Drop: true}, {Status: 400, Body: `{"errors":[{"code":"InvalidInput","message":"not now"}]}`}} {
		if _, err := sim.Faults.Add(simulator.Rule{Part: simulator.SPAPI, Times: 1, Action: action}); err != nil {
			t.Fatal(err)
		}
	}
	urls, err := sim.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	return sim, urls
}

// buyerConfig has buyer data on for the first account.
func buyerConfig(t *testing.T, sim *simulator.Simulator, urls simulator.URLs, cluster *embedded.Cluster, api string) config.Config {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte(buyerdata.GenerateKey()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `
log: {level: debug}
kafka: {brokers: ["%s"], partitions: 2}
registry: {url: "%s"}
aws:
  region: eu-west-1
  access_key_id: AKIA
  secret_access_key: {value: x}
  sqs_endpoint: %s
  eventbridge_endpoint: %s
spapi:
  lwa_endpoint: %s
  endpoints: {na: %s, eu: %s}
orders: {api: %s, backfill: 24h, reconcile: {lookback: 0s}, included_data: [FULFILLMENT, PROCEEDS, PROMOTION, CANCELLATION, PACKAGES, TAX, PAYMENT, EXPENSE, FULFILLMENT_ORDERS]}
buyer_data: {keys: {file: %s}}
bridge: {queues: [{url: "%s"}]}
events: {bus: bus}
applications: [{name: main, client_id: main-client, client_secret: {value: secret}}]
accounts:
`, cluster.Brokers()[0], cluster.RegistryURL(), urls.SQS, urls.EventBridge, urls.LWA,
		urls.SPAPI["na"], urls.SPAPI["eu"], api, keys, urls.QueueURL(simulator.DefaultQueue))
	for i, a := range sim.Accounts() {
		fmt.Fprintf(&b, "  - {id: %s, seller_id: %s, region: %s, marketplaces: [%s], refresh_token: {value: %q}, buyer_data: %v}\n",
			a.ID, a.SellerID, a.Region, strings.Join(a.Marketplaces, ", "), a.RefreshToken, i == 0)
	}
	cfg, err := config.Parse("buyers.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// readUntil reads all topics until some have as many records as are wanted.
func readUntil(ctx context.Context, t *testing.T, cfg config.Config, want map[string]int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(append(kafkaOptions(cfg, nil),
		kgo.ConsumeRegex(), kgo.ConsumeTopics("^"+cfg.Prefix+".*"), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	for len(want) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%v; still wanted: %v", context.Cause(ctx), want)
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			records = append(records, rec)
			topic := strings.TrimPrefix(rec.Topic, cfg.Prefix)
			if want[topic]--; want[topic] <= 0 {
				delete(want, topic)
			}
		})
	}
	return records
}

// checkDecodes shows the orders with the key: those of the account that has its
// buyer data on say what Amazon said, and together all that a whole order can say of a buyer.
// It returns those of them that a backfill found.
func checkDecodes(ctx context.Context, t *testing.T, s Settings, on string, records []*kgo.Record, whole bool) (found map[string]bool) {
	t.Helper()
	view, closeView, err := OpenBuyerView(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer closeView()
	shown, kinds := 0, map[string]bool{}
	found = map[string]bool{}
	for _, rec := range records {
		if rec.Topic != s.Config.Prefix+schemas.Orders {
			continue
		}
		text, err := view.DecodeJSON(ctx, rec.Value)
		if err != nil {
			t.Fatal(err)
		}
		var order struct {
			Account, OrderID, Origin string

			BuyerData *struct {
				Fields map[string]string
				Error  string
			}
		}
		if err := json.Unmarshal(text, &order); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if (order.BuyerData != nil) != (order.Account == on) {
			t.Errorf("account %s: %s", order.Account, text)
		}
		if order.BuyerData == nil {
			continue
		}
		shown++
		if order.Origin == "BACKFILL" {
			found[order.OrderID] = true
		}
		for name, text := range order.BuyerData.Fields {
			if strings.HasPrefix(text, buyerMark) {
				kinds[name[strings.LastIndex(name, ".")+1:]] = true
			}
		}
		for _, field := range []string{"buyer.name", "recipient.name", "recipient.addressLine1", "recipient.postalCode", "recipient.phone"} {
			if !strings.HasPrefix(order.BuyerData.Fields[field], buyerMark) {
				t.Errorf("%s is %q: %s", field, order.BuyerData.Fields[field], text)
			}
		}
	}
	if shown == 0 {
		t.Error("no order had buyer data")
	}
	for _, kind := range []string{"giftMessage", "customizedUrl", "legalName", "number", "authorizationCode", "streetName"} {
		if whole && !kinds[kind] {
			t.Errorf("no order had a %s: there are %v", kind, kinds)
		}
	}
	return found
}

func checkNobody(t *testing.T, where string, text []byte) {
	t.Helper()
	if namesABuyer(text) {
		t.Errorf("a buyer is in %s: %.300q", where, text)
	}
}

// namesABuyer looks for a buyer in text, in base64, hexadecimal and gzip too.
func namesABuyer(text []byte) bool {
	mark := []byte(strings.TrimSpace(buyerMark))
	forms := [][]byte{mark, []byte(hex.EncodeToString(mark))}
	for shift := range 3 { // where it begins in a group of three
		whole := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), mark...))
		forms = append(forms, []byte(whole[4:len(whole)-2]))
	}
	for _, form := range forms {
		if bytes.Contains(text, form) {
			return true
		}
	}
	magic := []byte{0x1f, 0x8b, 8}
	for at := bytes.Index(text, magic); at >= 0; at = bytes.Index(text, magic) {
		if in, err := gzip.NewReader(bytes.NewReader(text[at:])); err == nil {
			if inner, _ := io.ReadAll(io.LimitReader(in, 1<<20)); namesABuyer(inner) {
				return true
			}
		}
		text = text[at+1:]
	}
	return false
}

func TestABuyerIsFoundInEveryForm(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	out := gzip.NewWriter(&packed)
	fmt.Fprint(out, buyerMark)
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	texts := [][]byte{[]byte("x" + buyerMark), []byte(hex.EncodeToString([]byte(buyerMark))), packed.Bytes()}
	for shift := range 4 {
		texts = append(texts, []byte(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift)+buyerMark+"rest"))))
	}
	for _, text := range texts {
		if !namesABuyer(text) {
			t.Errorf("not found in %q", text)
		}
	}
	if namesABuyer([]byte("somebody else")) {
		t.Error("found where nobody is")
	}
}
