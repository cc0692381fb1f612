package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	shopSpeed      = 8 // of the clock: at 20 a busy machine sends calls so late that Amazon throttles
	shopSKUs       = 60
	shopPartitions = 3
)

// TestDisastersAsWritten plays the recipes of docs/DISASTERS.md with the lines that they
// name. A pipeline is killed after its backup, with work done since, under way and not read.
// By Amazon's ledger nothing is lost or doubled in the end. Done again, once at most, is what was
// done since the backup; with --mirrored, quantities too that were read shortly before it.
func TestDisastersAsWritten(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program")
	}
	if !hasTool(t, "curl") || !hasTool(t, "jq") {
		t.Skip("the page's lines need curl and jq")
	}
	t.Parallel()
	recipes := map[string]struct {
		play  func(*shop)
		again int // how often a quantity from before the backup is sent again at most
	}{
		"The cluster is mirrored": {(*shop).mirrored, 1},
		"A state topic is lost":   {(*shop).stateLost, 1},
		"The registry is lost":    {(*shop).registryLost, 0},
	}
	for _, name := range long.Pick(t, []string{"A state topic is lost"}, []string{"The cluster is mirrored", "A state topic is lost", "The registry is lost"}) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			stop := s.run("sellerstream.yaml")
			s.openOrders()
			before := s.supply(0)
			s.await(before, "before the backup")
			s.play("Back up", 0)
			since := s.supply(1)
			s.pack(0)
			s.await(since[:1], "since the backup")
			s.awaitPackages(1)
			stop(syscall.SIGKILL)
			again := doneAgain{recipes[name].again, s.sent(0), recipes[name].again * len(s.said)}
			late := s.supply(2)
			s.pack(1)
			s.givenUp()
			recipes[name].play(s)
			stop = s.run(s.config)
			s.await(append(append(before, since...), late...), "all")
			s.awaitPackages(len(s.said))
			stop(syscall.SIGTERM)
			s.check(again)
			if name == "A state topic is lost" {
				s.withoutBackup()
			}
		})
	}
}

// doneAgain is what a recipe may have done again.
type doneAgain struct {
	times    int            // of each quantity from before the backup
	settled  map[string]int // how often Amazon had got it, by SKU
	packages int            // confirmed again as they are
}

// shop is a pipeline, what is around it, and what it was told.
type shop struct {
	*testing.T
	dir, config string
	settings    process.Config
	registry    *importable
	sim         *simulator.Simulator
	client      *kgo.Client
	codec       *registry.Codec
	plans       []simulator.InventoryPlan
	orders      []string
	said        []simulator.UpstreamShipment
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{T: t, dir: t.TempDir(), config: "sellerstream.yaml", registry: &importable{}}
	epoch := time.Now()
	var err error
	s.sim, err = simulator.New(simulator.Config{
		Applications: []simulator.Application{simulatortest.Application()}, Accounts: simulator.Sellers(3, "shop"), EventBuses: []string{"orders"},
		SKUs: 2 * shopSKUs, Clock: clock.NewScaled(epoch, shopSpeed), VisibilityTimeout: 10 * time.Second,
	})
	s.must(err)
	urls, err := s.sim.Start(simulator.Addresses{})
	s.must(err)
	t.Cleanup(func() { s.sim.Close() })
	s.registry.fake.Store(srfake.NewRegistry())
	server := httptest.NewServer(s.registry)
	t.Cleanup(server.Close)
	s.settings = process.Config{
		Prefix: "shop.", Brokers: fakekafka.Embedded(t, "").Brokers(), Partitions: shopPartitions, Registry: server.URL,
		SQS: urls.SQS, Queue: urls.QueueURL(simulator.DefaultQueue), EventBridge: urls.EventBridge, Bus: "orders",
		Amazon: urls, Accounts: s.sim.Accounts(), Application: simulatortest.Application(), Speed: shopSpeed, Epoch: epoch,
		More: "inventory: {apply_delay: 10s, show_delay: 10s, seen_within: 0s, defaults: {fba: allow}}\n",
	}
	_, err = s.settings.Write(s.dir)
	s.must(err)
	s.must(os.Mkdir(filepath.Join(s.dir, "backup"), 0o700))
	program, err := os.Executable()
	s.must(err)
	s.must(os.Symlink(program, filepath.Join(s.dir, "sellerstream")))
	s.connect()
	return s
}

func (s *shop) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// connect opens the Kafka and the registry of the settings.
func (s *shop) connect() {
	s.Helper()
	var err error
	s.client, err = kgo.NewClient(kgo.SeedBrokers(s.settings.Brokers...), kgo.UnknownTopicRetries(-1), kgo.MetadataMinAge(100*time.Millisecond))
	s.must(err)
	s.Cleanup(s.client.Close)
	s.codec, err = registry.New(s.Context(), registry.Config{
		Client: []sr.ClientOpt{sr.URLs(s.settings.Registry)}, Prefix: s.settings.Prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	s.must(err)
}

func (s *shop) environment() []string {
	return append(process.Environment(), asProgram+"=1", "PATH="+s.dir+":"+os.Getenv("PATH"), "REGISTRY="+s.settings.Registry)
}

// run starts the pipeline. stop ends it with a signal.
func (s *shop) run(config string) (stop func(syscall.Signal)) {
	s.Helper()
	log, err := os.CreateTemp(s.dir, "log")
	s.must(err)
	cmd := exec.Command(filepath.Join(s.dir, "sellerstream"), "run", "--config", config)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, s.environment(), log, log
	s.must(cmd.Start())
	ended := false
	stop = func(signal syscall.Signal) {
		if !ended {
			ended = true
			if err := cmd.Process.Signal(signal); err != nil {
				s.Errorf("the pipeline ended by itself: %v", err)
			}
			bound := time.AfterFunc(time.Minute, func() {
				s.Errorf("the pipeline did not end within a minute of the signal %s", signal)
				_ = cmd.Process.Kill() // fails only when it is gone already
			})
			_ = cmd.Wait()
			bound.Stop()
		}
	}
	s.Cleanup(func() {
		stop(syscall.SIGKILL)
		if text, err := os.ReadFile(log.Name()); err == nil && s.Failed() {
			s.Logf("the pipeline's log ends with:\n%s", text[max(0, len(text)-6000):])
		}
		s.must(log.Close())
	})
	return stop
}

// givenUp waits until the groups have given a process up that was killed.
func (s *shop) givenUp() {
	s.Helper()
	admin := kadm.NewClient(s.client)
	s.until("the groups are empty", func() bool {
		groups, err := admin.DescribeGroups(s.Context())
		s.must(err)
		for _, group := range groups {
			if len(group.Members) > 0 {
				return false
			}
		}
		return true
	})
}

// play runs the lines of a section's block for the shell.
func (s *shop) play(section string, block int) {
	s.Helper()
	lines, out, err := s.try(section, block)
	if err != nil {
		s.Fatalf("%s\n%v\n%s", lines, err, out)
	}
	s.Logf("%s%.1500s", lines, out)
}

// try runs them as the shell of a reader does, which goes on where a line fails.
func (s *shop) try(section string, block int) (lines string, out []byte, err error) {
	s.Helper()
	_, text, _ := strings.Cut(readDoc(s.T, "docs/DISASTERS.md"), "\n## "+section+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	blocks := regexp.MustCompile("(?ms)^```(?:ba)?sh\n(.*?)^```").FindAllStringSubmatch(text, -1)
	if len(blocks) <= block {
		s.Fatalf("section %q has %d blocks", section, len(blocks))
	}
	lines = strings.NewReplacer("/backup/", s.dir+"/backup/", "topics apply", "topics apply --yes", "--force", "--force --yes", "--reset", "--reset --yes").Replace(blocks[block][1])
	cmd := exec.CommandContext(s.Context(), "bash", "-c", lines)
	cmd.Dir, cmd.Env = s.dir, s.environment()
	out, err = cmd.CombinedOutput()
	return lines, out, err
}

// openOrders has each account get orders that its seller is to ship, and waits for them.
func (s *shop) openOrders() {
	s.Helper()
	s.must(s.sim.Run(s.Context(), simulator.Scenario{Orders: 8, Changes: 1, SellerShips: 1}))
	s.until("the orders are there", func() bool {
		seen := make(map[string]bool)
		for _, value := range s.read(schemas.Orders) {
			if order := value.(*schemas.Order); order.Status == string(simulator.Unshipped) {
				seen[order.OrderID] = true
			}
		}
		s.orders = nil
		for id, order := range s.sim.Truth().Orders {
			if order.Status == simulator.Unshipped {
				s.orders = append(s.orders, id)
			}
		}
		for _, id := range s.orders {
			if !seen[id] {
				return false
			}
		}
		return len(s.orders) > 1
	})
}

// pack produces the shipments of every second open order.
func (s *shop) pack(half int) {
	s.Helper()
	for i := half; i < len(s.orders); i += 2 {
		packed, err := s.sim.Pack(simulator.ShipmentScenario{Split: 0.4}, s.orders[i])
		s.must(err)
		for _, p := range packed {
			s.said = append(s.said, p)
			shipment := &schemas.Shipment{
				ShipmentID: fmt.Sprint("s-", len(s.said)), Account: p.Account, OrderID: p.OrderID, PackageID: p.PackageID, CarrierName: p.Carrier,
				TrackingNumber: p.TrackingNumber, ShipTime: p.Time, EventTime: p.Time, Source: "test",
			}
			for _, item := range p.Items {
				shipment.Items = append(shipment.Items, schemas.ShipmentItem{OrderItemID: item.OrderItemID, Quantity: int32(item.Quantity)})
			}
			s.produce(schemas.Shipments, p.Account, shipment)
		}
	}
}

// supply produces quantities of an account, and returns what their outcomes are of.
func (s *shop) supply(account int) (of []string) {
	s.Helper()
	plan, err := s.sim.PlanInventory(simulator.InventoryScenario{
		Accounts: []string{s.sim.Accounts()[account].ID}, Updates: 2 * shopSKUs, SKUs: shopSKUs,
	})
	s.must(err)
	s.plans = append(s.plans, plan)
	s.must(s.sim.Produce(s.Context(), plan, func(u simulator.InventoryUpdate) error {
		update := &schemas.InventoryUpdate{
			UpdateID: fmt.Sprintf("%s/%d", u.SKU, u.Quantity), Account: u.Account, SKU: u.SKU, Quantity: int32(u.Quantity), EventTime: u.Time, Source: "test",
		}
		of = append(of, u.Account+" "+update.UpdateID)
		s.produce(schemas.InventoryUpdates, u.Account, update)
		return nil
	}))
	return of
}

func (s *shop) produce(topic, account string, value any) {
	s.Helper()
	data, err := s.codec.AppendEncode(nil, topic, value)
	s.must(err)
	s.must(s.client.ProduceSync(s.Context(), &kgo.Record{Topic: s.settings.Prefix + topic, Key: []byte(account), Value: data}).FirstErr())
}

func (s *shop) until(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(4 * time.Minute); !holds(); time.Sleep(300 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("not within 4 minutes: %s", what)
		}
	}
}

// await waits for outcomes of all updates.
func (s *shop) await(of []string, when string) {
	s.Helper()
	s.until(fmt.Sprintf("%d outcomes, %s", len(of), when), func() bool {
		have := make(map[string]bool)
		for _, value := range s.read(schemas.InventoryResults) {
			result := value.(*schemas.InventoryResult)
			have[result.Account+" "+result.UpdateID] = true
		}
		for _, update := range of {
			if !have[update] {
				return false
			}
		}
		return true
	})
}

// awaitPackages waits for outcomes of so many shipments.
func (s *shop) awaitPackages(n int) {
	s.Helper()
	s.until("shipments have outcomes", func() bool {
		have := make(map[string]bool)
		for _, value := range s.read(schemas.ShipmentConfirmations) {
			have[value.(*schemas.ShipmentConfirmation).ShipmentID] = true
		}
		return len(have) >= n
	})
}

// records are the committed records of a topic.
func (s *shop) records(topic string) (recs []*kgo.Record) {
	s.Helper()
	reader := topicread.Reader{Admin: kadm.NewClient(s.client), Client: []kgo.Opt{kgo.SeedBrokers(s.settings.Brokers...)}}
	ends, err := reader.Ends(s.Context(), s.settings.Prefix+topic)
	if err != nil {
		return nil // it is not there yet
	}
	s.must(reader.Committed(s.Context(), s.settings.Prefix+topic, nil, ends, func(rec *kgo.Record) error {
		recs = append(recs, rec)
		return nil
	}))
	return recs
}

func (s *shop) read(topic string) (values []any) {
	s.Helper()
	for _, rec := range s.records(topic) {
		value, err := s.codec.Decode(s.Context(), topic, rec.Value)
		s.must(err)
		values = append(values, value)
	}
	return values
}

// sent is how often Amazon took each quantity of an account, by SKU.
func (s *shop) sent(account int) map[string]int {
	id := s.sim.Accounts()[account].ID
	times := make(map[string]int)
	for sku, truth := range s.sim.InventoryTruth(id).SKUs[id] {
		times[sku] = truth.Changes
	}
	return times
}

// check compares what Amazon has with what was said.
func (s *shop) check(again doneAgain) {
	s.Helper()
	for _, plan := range s.plans {
		if wrong := s.sim.WrongQuantities(plan); len(wrong) > 0 {
			s.Errorf("%d SKUs do not have their newest quantity, the first %+v", len(wrong), wrong[0])
		}
	}
	for sku, times := range s.sent(0) {
		if times > again.settled[sku]+again.times {
			s.Errorf("Amazon got quantities of %s %d times, and %d times before the backup", sku, times, again.settled[sku])
		}
	}
	if check := s.sim.CheckShipments(s.said); check.Packages != len(s.said) || check.Wrong != 0 || check.Twice > again.packages {
		s.Errorf("of %d packages Amazon has %+v, and may have been told %d again", len(s.said), check, again.packages)
	}
	for _, parcel := range s.sim.World.Shipments() {
		if parcel.Confirmed > 1+again.times {
			s.Errorf("a package was confirmed %d times: %+v", parcel.Confirmed, parcel)
		}
	}
	if n := s.sim.Ledger.Throttled(); n != 0 {
		s.Errorf("Amazon throttled %d calls", n)
	}
	for _, value := range s.read(schemas.DeadLetters) {
		s.Errorf("a dead letter: %+v", value)
	}
	s.checkIDs()
	s.Logf("%+v", s.sim.InventoryCounts())
}

// checkIDs wants that no event id stands for two events. How we came to an order's state,
// and when an outcome was decided, is no part of what the event says.
func (s *shop) checkIDs() {
	s.Helper()
	texts := make(map[string]string)
	beside := regexp.MustCompile(`"(origin|replaces|decidedTime)":("[^"]*"|null),?`)
	events, dropped := s.sim.Buses.Events(0)
	for _, e := range events {
		var detail struct{ ID string }
		if err := json.Unmarshal([]byte(e.Detail), &detail); err != nil || detail.ID == "" {
			s.Errorf("%v: %s", err, e.Detail)
		}
		text := beside.ReplaceAllString(e.Detail, "")
		if before, there := texts[detail.ID]; there && text != before {
			s.Errorf("id %s stands for\n%s\nand for\n%s", detail.ID, before, text)
		}
		texts[detail.ID] = text
	}
	if len(texts) < len(s.orders) || dropped > 0 {
		s.Errorf("%d events came, %d were dropped", len(texts), dropped)
	}
	s.Logf("%d events came, with %d ids", len(events), len(texts))
}

// mirrored has a mirror of the cluster take its place.
func (s *shop) mirrored() {
	s.Helper()
	from := *s
	s.settings.Brokers = fakekafka.Embedded(s.T, s.TempDir()).Brokers()
	dir := s.TempDir()
	written, err := s.settings.Write(dir)
	s.must(err)
	s.config = "mirror.yaml"
	s.must(os.Rename(written, filepath.Join(s.dir, s.config)))
	s.connect()
	mirror, err := kgo.NewClient(kgo.SeedBrokers(s.settings.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	s.must(err)
	defer mirror.Close()
	for _, topic := range schemas.Topics() {
		if topic.Compacted() {
			continue
		}
		_, err := kadm.NewClient(mirror).CreateTopic(s.Context(), shopPartitions, 1, nil, s.settings.Prefix+topic.Name)
		s.must(err)
		for _, rec := range from.records(topic.Name) {
			copied := &kgo.Record{Topic: rec.Topic, Partition: rec.Partition, Key: rec.Key, Value: rec.Value, Headers: rec.Headers, Timestamp: rec.Timestamp}
			s.must(mirror.ProduceSync(s.Context(), copied).FirstErr())
		}
	}
	s.play("The cluster is mirrored", 0)
}

// stateLost deletes a topic of state.
func (s *shop) stateLost() {
	s.Helper()
	s.lose()
	s.play("A state topic is lost", 0)
}

func (s *shop) lose() {
	s.Helper()
	_, err := kadm.NewClient(s.client).DeleteTopic(s.Context(), s.settings.Prefix+schemas.StateInventory)
	s.must(err)
}

// withoutBackup loses the topic again, and has the role begin with what is new.
func (s *shop) withoutBackup() {
	s.Helper()
	before := s.sim.InventoryCounts()
	s.lose()
	s.play("A state topic is lost", 1)
	stop := s.run(s.config)
	s.await(s.supply(2), "without a backup")
	stop(syscall.SIGTERM)
	if after := s.sim.InventoryCounts(); after.Feeds+after.Patches > before.Feeds+before.Patches+shopSKUs {
		s.Errorf("what was read before was sent again: %+v, and before %+v", after, before)
	}
}

// registryLost begins an empty registry in the place of the other one: first with a list
// that it refuses, since an id stands for two schemas, then with the one that the export
// has, then with the backup's.
func (s *shop) registryLost() {
	s.Helper()
	const section = "The registry is lost"
	file := filepath.Join(s.dir, "backup", "schemas-1.jsonl")
	list, err := os.ReadFile(file)
	s.must(err)
	empty := func() {
		s.registry.fake.Store(srfake.NewRegistry())
		s.registry.ids.Clear()
	}
	empty()
	s.must(os.WriteFile(file, append([]byte(`{"id":1,"version":1,"subject":"other","schema":"\"string\""}`+"\n"), list...), 0o600))
	if lines, out, err := s.try(section, 0); err == nil || !s.registry.importing.Load() {
		s.Fatalf("%s\ntakes new schemas, although one of the old ones is missing: %v\n%s", lines, err, out)
	}
	empty()
	s.play(section, 1)
	s.play(section, 0)
	part, err := os.ReadFile(file)
	s.must(err)
	given := 0
	s.registry.ids.Range(func(any, any) bool { given++; return true })
	if want := strings.Count(string(part), "\n"); want == 0 || given != want {
		s.Fatalf("%d of %d schemas of the export are there", given, want)
	}
	empty()
	s.must(os.WriteFile(file, list, 0o600))
	s.play(section, 0)
}

// importable is a registry that takes ids while it is in mode IMPORT, and only then, as
// Confluent's does.
type importable struct {
	fake      atomic.Pointer[srfake.Registry]
	importing atomic.Bool
	ids       sync.Map // given by an import
}

func (i *importable) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.URL.Path == "/schemas" {
		i.page(w, r)
		return
	}
	if r.Method == http.MethodPut && r.URL.Path == "/mode" {
		i.importing.Store(strings.Contains(string(body), "IMPORT"))
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	subject, registers := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/subjects/"), "/versions")
	if r.Method != http.MethodPost || !registers {
		i.fake.Load().Handler().ServeHTTP(w, r)
		return
	}
	var given struct{ ID, Version int }
	var schema sr.Schema
	if err := json.Unmarshal(body, &given); err != nil || json.Unmarshal(body, &schema) != nil || (given.ID > 0) != i.importing.Load() {
		http.Error(w, `{"error_code":42205,"message":"not in this mode"}`, http.StatusUnprocessableEntity)
		return
	}
	if _, there := i.ids.LoadOrStore(given.ID, true); given.ID > 0 && !there {
		i.fake.Load().SeedSchema(subject, given.Version, given.ID, schema)
		fmt.Fprintf(w, `{"id":%d}`, given.ID)
		return
	}
	id, _, err := i.fake.Load().RegisterSchema(subject, schema)
	if err != nil || given.ID > 0 && id != given.ID {
		http.Error(w, fmt.Sprintf(`{"error_code":42201,"message":"%v, %d"}`, err, id), http.StatusUnprocessableEntity)
		return
	}
	fmt.Fprintf(w, `{"id":%d}`, id)
}

// page answers with a few of all schemas, as Confluent's registry does with 1,000.
func (i *importable) page(w http.ResponseWriter, r *http.Request) {
	all := httptest.NewRecorder()
	i.fake.Load().Handler().ServeHTTP(all, r)
	var list []json.RawMessage
	offset, err := strconv.Atoi(r.FormValue("offset"))
	if err = errors.Join(err, json.Unmarshal(all.Body.Bytes(), &list)); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	list = list[min(offset, len(list)):]
	if err := json.NewEncoder(w).Encode(list[:min(5, len(list))]); err != nil {
		panic(err) // of the connection
	}
}
