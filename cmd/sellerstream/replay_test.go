package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/operator/replays"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/replay"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestReplaySaysWhatIsWrongWithItsFlags(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, says string }{
		{"", "--topic is missing"},
		{"--topic ordres", `--topic "ordres" is not one of those`},
		{"--topic feed-notifications", "Amazon is asked for anyway"},
		{"--topic state.orders", "holds nothing that could be published"},
		{"--topic orders --from yesterday", `"yesterday" is neither a time such as`},
		{"--topic orders --from 2h --from-offset 1:2", "--from and --from-offset say the same"},
		{"--topic orders --to-offset 1-2", `"1-2" is not PARTITION:OFFSET`},
		{"--topic orders --from-offset 1:2,1:3", "partition 1 is named twice"},
		{"--topic orders --type OrderLost", "OrderChanged, OrderCancelled"},
		{"--topic orders --effects", "writes nothing at Amazon"},
		{"--topic orders --rate 0.1", "--rate must be 1"},
		{"--topic inventory-updates", "--effects allows it, --dry-run shows"},
		{"--topic inventory-updates --effects --type X --order 1", "name no order"},
		{"--reset --topic order-changes", "--reset needs --from"},
		{"--reset --topic order-changes --from 1h --to 0s --account a --effects", "has no --account"},
	} {
		code, _, stderr := execute(append([]string{"replay", "--config", "none.yaml"}, strings.Fields(test.args)...)...)
		if code != exitUsage || !strings.Contains(stderr, test.says) {
			t.Errorf("%s: exit %d, want %d and %q\n%s", test.args, code, exitUsage, test.says, stderr)
		}
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		first, so, all int64
		took           time.Duration
		want           string
	}{
		{0, 0, 100, time.Second, "copied: 0 of 100 offsets (0 %), waiting"},
		{50, 75, 100, 5 * time.Second, "copied: 75 of 100 offsets (75 %), 5 a second, about 5 s left"},
		{0, 100, 100, time.Second, "copied: 100 of 100 offsets (100 %), 100 a second, less than a second left"},
		{0, 0, 0, time.Second, "copied: 0 of 0 offsets (100 %), waiting"},
	} {
		if got := replays.Progress("copied", "offsets", test.first, test.so, test.all, test.took); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

// replayWorld is an embedded cluster with records on it, and an EventBridge.
type replayWorld struct {
	t      *testing.T
	file   string
	admin  *kadm.Client
	client *kgo.Client
	codec  *registry.Codec
	amazon *simulator.Simulator

	brokers []string
}

func newReplayWorld(t *testing.T) *replayWorld {
	t.Helper()
	amazon, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "main", ClientID: "c", ClientSecrets: []string{"s"}}}, Accounts: simulator.Sellers(1, "main"),
	})
	if err != nil {
		t.Fatal(err)
	}
	urls, err := amazon.Start(simulator.Addresses{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { amazon.Close() })
	w := &replayWorld{t: t, amazon: amazon}
	w.file, w.admin = embeddedConfig(t)
	text, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	secret := w.file + ".secret"
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.NewReplacer(
		`# eventbridge_endpoint: ""`, "eventbridge_endpoint: "+urls.EventBridge,
		`# access_key_id: ""`, "access_key_id: key", "# secret_access_key: {env: AWS_SECRET_ACCESS_KEY}", "secret_access_key: {file: "+secret+"}",
	).Replace(string(text)))
	if err := os.WriteFile(w.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", w.file); code != 0 {
		t.Fatal(stderr)
	}
	w.fillFrom()
	return w
}

// fillFrom connects to the cluster of the file.
func (w *replayWorld) fillFrom() {
	w.t.Helper()
	_, cfg, err := config.Open(w.file)
	if err != nil {
		w.t.Fatal(err)
	}
	w.brokers = cfg.Kafka.Brokers
	w.client, err = kgo.NewClient(kgo.SeedBrokers(w.brokers...))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(w.client.Close)
	w.codec, err = registry.New(w.t.Context(), registry.Config{
		Client: []sr.ClientOpt{sr.URLs(cfg.Registry.URL)}, Prefix: cfg.Prefix, Register: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *replayWorld) write(topic, account string, value any) {
	w.t.Helper()
	data, err := w.codec.AppendEncode(nil, topic, value)
	if err != nil {
		w.t.Fatal(err)
	}
	rec := &kgo.Record{Topic: "sellerstream." + topic, Key: []byte(account), Value: data}
	if err := w.client.ProduceSync(w.t.Context(), rec).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
}

// replay runs the command, and wants its exit code and words.
func (w *replayWorld) replay(code int, args string, says ...string) {
	w.t.Helper()
	got, stdout, stderr := execute(append([]string{"replay", "--config", w.file}, strings.Fields(args)...)...)
	for _, text := range says {
		if !strings.Contains(stdout+stderr, text) {
			w.t.Errorf("%s: does not say %q:\n%s%s", args, text, stdout, stderr)
		}
	}
	if code == 0 && strings.Contains(args, "--json") && !json.Valid([]byte(stdout)) {
		w.t.Errorf("%s: no JSON: %s", args, stdout)
	}
	if got != code {
		w.t.Errorf("%s: exit %d, want %d:\n%s%s", args, got, code, stdout, stderr)
	}
}

// copies are the origins of what stands on replays.
func (w *replayWorld) copies(n int) (origins []schemas.Origin) {
	w.t.Helper()
	client, err := kgo.NewClient(append(w.client.Opts(), kgo.ConsumeTopics("sellerstream."+schemas.Replays), kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	for len(origins) < n && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			origin, err := schemas.ParseOrigin(rec.Headers[len(rec.Headers)-1].Value)
			if err != nil {
				w.t.Error(err)
			}
			origins = append(origins, origin)
		})
	}
	return origins
}

func TestReplayPublishesAgain(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	for n := range 12 {
		event, account := "OrderChanged", fmt.Sprint("acme-", n%3)
		if n%4 == 3 {
			event = "OrderCancelled"
		}
		w.write(schemas.Orders, account, &schemas.Order{
			EventID: fmt.Sprint("e", n), EventType: event, Account: account, OrderID: fmt.Sprint("order-", n),
			CreatedTime: time.UnixMilli(1), LastUpdatedTime: time.UnixMilli(1), Items: []schemas.OrderItem{}, Packages: []schemas.OrderPackage{},
		})
	}
	w.replay(0, "--topic orders --dry-run", "12 records of 3 accounts", "OrderCancelled  1", "no calls to Amazon")
	w.replay(0, "--topic orders --type OrderCancelled --dry-run", "3 records of 3 accounts")
	w.replay(0, "--topic orders --order order-3,order-4 --dry-run", "2 records of 2 accounts")
	w.replay(exitUsage, "--topic orders", "Publish 12 records of 3 accounts again (no calls to Amazon", "--yes says so")
	w.replay(0, "--topic orders --dry-run --json", `"records": 12`, `"OrderCancelled": 1`, `"seconds": 0.24`)
	w.replay(0, "--topic orders --yes --json", "12 events published now", `"published": 12`)
	w.replay(0, "--topic orders --json", `"through": true`)
	w.replay(0, "--topic orders", "is through. --restart does it again")
	w.replay(0, "--topic orders --restart --type OrderCancelled --yes", "3 events published now")
	events, _ := w.amazon.Events(0)
	marks := map[string]int{}
	for _, e := range events {
		var detail struct{ ID string }
		if err := json.Unmarshal([]byte(e.Detail), &detail); err != nil || detail.ID == "" || len(e.Resources) != 1 {
			t.Fatalf("event %+v: %v", e, err)
		}
		marks[e.Resources[0]]++
	}
	if len(events) != 15 || len(marks) != 2 {
		t.Errorf("%d events with the marks %v, want 12 and 3", len(events), marks)
	}
}

// Two hours ago is another time at each call, so what is through is no answer; what
// was interrupted goes on with the range that it has, and asks nothing.
func TestReplayOfARelativeTime(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	change := &schemas.OrderChange{NotificationID: "n", Account: "acme-eu", OrderID: "o", EventTime: time.UnixMilli(1), ReceivedTime: time.UnixMilli(1)}
	w.write(schemas.OrderChanges, "acme-eu", change)
	w.replay(0, "--topic order-changes --from 2h --yes", "1 record copied")
	w.write(schemas.OrderChanges, "acme-eu", change)
	w.replay(exitUsage, "--topic order-changes --from 2h", "Process 2 records of 1 account again")
	w.replay(0, "--topic order-changes --from 2h --yes", "-2: 2 records copied")
	w.rewind(schemas.OrderChanges)
	w.replay(0, "--topic order-changes --from 2h", "-2 goes on: 0 of ", "offsets from 0 to before 2", "--restart", "2 records copied")
}

// rewind puts the last run of the only replay, which is of a topic, back to its beginning.
func (w *replayWorld) rewind(topic string) {
	w.t.Helper()
	groups, err := w.admin.ListGroups(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, group := range groups.Groups() {
		if !strings.HasPrefix(group, "sellerstream.replay.") {
			continue
		}
		journal := replay.Journal{Admin: w.admin, Name: strings.TrimPrefix(group, "sellerstream.replay."), Group: group, Topic: "sellerstream." + topic}
		run, err := journal.Load(w.t.Context())
		if err != nil || run == nil {
			w.t.Fatal(run, err)
		}
		if err := journal.Begin(w.t.Context(), run); err != nil {
			w.t.Fatal(err)
		}
		return
	}
	w.t.Fatal("there is no replay")
}

func TestReplayCopiesWhatIsToBeProcessed(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	for n := range 10 {
		w.write(schemas.OrderChanges, "acme-eu", &schemas.OrderChange{
			NotificationID: fmt.Sprint(n), Account: "acme-eu", OrderID: fmt.Sprint("order-", n/2), ChangeType: "OrderStatusChange", EventTime: at, ReceivedTime: at,
		})
	}
	w.write(schemas.InventoryUpdates, "acme-eu", &schemas.InventoryUpdate{UpdateID: "u", Account: "acme-eu", SKU: "A", EventTime: at})
	w.replay(0, "--topic order-changes --dry-run", "10 records of 1 account", "at most 5 calls that read", "quota of getOrder")
	w.replay(exitUsage, "--topic order-changes --account acme-ue", "there is acme-eu")
	w.replay(exitUsage, "--topic order-changes", "Process 10 records of 1 account again (at most 5 calls", "--yes says so")
	w.write(schemas.OrderChanges, "acme-us", &schemas.OrderChange{NotificationID: "us", Account: "acme-us", OrderID: "order-us", EventTime: at, ReceivedTime: at})
	w.replay(0, "--topic order-changes --account acme-eu --yes", "10 records copied to sellerstream.replays now")
	w.replay(0, "--topic order-changes --account acme-eu", "is through")
	w.replay(0, "--topic order-changes --order order-4 --yes --json", "2 records copied", `"copied": 2`)
	w.replay(exitUsage, "--topic inventory-updates --effects", "Process 1 record of 1 account again, with at most 2 writing calls to Amazon?", "--yes says so")
	w.replay(0, "--topic inventory-updates --effects --yes", "1 record copied")
	origins := w.copies(13)
	if len(origins) != 13 {
		t.Fatalf("%d copies, want 13", len(origins))
	}
	if last := origins[12]; !last.Effects || last.Topic != schemas.InventoryUpdates || last.Offset != 0 {
		t.Errorf("origin %+v", last)
	}
	if first := origins[0]; first.Effects || first.Topic != schemas.OrderChanges || first.Offset != 0 || first.Replay == origins[10].Replay {
		t.Errorf("origin %+v", first)
	}
}

// A replay closes the dead letters of what it has processed, or published, once more,
// those too of orders that were given up, and no others. What it only counts it leaves.
func TestReplayClosesDeadLetters(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	for _, order := range []string{"202-1", "202-2"} {
		w.write(schemas.OrderChanges, "acme-eu", &schemas.OrderChange{NotificationID: order, Account: "acme-eu", OrderID: order, EventTime: time.UnixMilli(1), ReceivedTime: time.UnixMilli(1)})
	}
	w.write(schemas.Orders, "acme-eu", &schemas.Order{
		EventID: "e", EventType: "OrderChanged", Account: "acme-eu", OrderID: "202-1", CreatedTime: time.UnixMilli(1), LastUpdatedTime: time.UnixMilli(1), Items: []schemas.OrderItem{}, Packages: []schemas.OrderPackage{},
	})
	ofRecord := func(id, role, source string, partition int32, offset int64) {
		w.write(schemas.DeadLetters, "acme-eu", &schemas.DeadLetter{
			ID: id, Time: time.Now(), Role: role, Reason: "x", Source: source, Account: "acme-eu", Partition: &partition, Offset: &offset, Attributes: map[string][]byte{},
		})
	}
	partition := int32(kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: []byte("acme-eu")}, schemas.DefaultPartitions))
	ofRecord("record", "orders", "sellerstream."+schemas.OrderChanges, partition, 0)
	ofRecord("event", "events", schemas.Orders, partition, 0)
	for _, order := range []string{"202-1", "202-2", "202-3"} {
		w.write(schemas.DeadLetters, "acme-eu", &schemas.DeadLetter{
			ID: "given up " + order, Time: time.Now(), Role: "orders", Reason: "order_refused", Account: "acme-eu", Source: "sellerstream." + schemas.StateOrders,
			Key: []byte("order/acme-eu/" + order), Attributes: map[string][]byte{},
		})
	}
	open := func(want string) {
		t.Helper()
		code, stdout, stderr := execute("deadletters", "list", "--config", w.file, "--json")
		var list struct{ Newest []struct{ ID string } }
		if err := json.Unmarshal([]byte(stdout), &list); err != nil || code != 0 {
			t.Fatalf("%v: %s%s", err, stdout, stderr)
		}
		var ids []string
		for _, l := range list.Newest {
			ids = append(ids, l.ID)
		}
		slices.Sort(ids)
		if got := strings.Join(ids, ", "); got != want {
			t.Errorf("open are %q, want %q", got, want)
		}
	}
	w.replay(0, "--topic order-changes --dry-run", "2 records")
	open("event, given up 202-1, given up 202-2, given up 202-3, record")
	w.replay(0, "--topic order-changes --order 202-2 --yes", "1 record copied", "1 dead letter closed")
	open("event, given up 202-1, given up 202-3, record")
	w.replay(0, "--topic order-changes --yes", "2 records copied", "2 dead letters closed")
	open("event, given up 202-3")
	w.replay(0, "--topic orders --yes", "1 event published", "1 dead letter closed")
	open("given up 202-3")
	w.replay(0, "--topic orders --restart --yes", "1 event published")
}

func TestReplayMovesAProcessor(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	for n := range 4 {
		w.write(schemas.OrderChanges, "acme-eu", &schemas.OrderChange{NotificationID: fmt.Sprint(n), Account: "acme-eu", OrderID: "o", EventTime: time.UnixMilli(1), ReceivedTime: time.UnixMilli(1)})
	}
	ends, err := w.admin.ListEndOffsets(t.Context(), "sellerstream."+schemas.OrderChanges)
	if err != nil {
		t.Fatal(err)
	}
	partition := int32(-1)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			partition = o.Partition
		}
	})
	at := func(offset int) string {
		return fmt.Sprintf("--reset --topic order-changes --from-offset %d:%d", partition, offset)
	}
	w.replay(exitFailed, at(5)+" --yes", "offset 5 is not in partition")
	w.replay(exitUsage, at(3), "--yes says so", "the start", "0 records again", "leaves 3 records out, never")
	w.replay(0, at(3)+" --yes", "Moved.")
	w.replay(0, at(1)+" --yes --json", "2 again", `"again": 2`, `"moved": true`)
	w.replay(exitUsage, at(0), "processes 1 record again", "as ever?")
	w.replay(exitUsage, at(4), "leaves 3 records out")
	w.replay(exitUsage, "--reset --topic orders --from 1h", "is read by inventory, shipments, cancellations: say with --role which")
	w.replay(exitUsage, "--reset --topic orders --role events --from 1h", "say with --role which")
	w.replay(0, "--reset --topic orders --role inventory --from 1h --dry-run", "")
	w.replay(0, at(4)+" --dry-run --json", `"leftOut": 3`, `"moved": false`)
	w.replay(0, at(4)+" --dry-run", "3 left out, never to be processed")
	w.replay(exitUsage, "--reset --topic alerts --from 1h", "kafka-consumer-groups --reset-offsets sets")
	offsets, err := w.admin.FetchOffsets(t.Context(), "sellerstream.orders")
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := offsets.Lookup("sellerstream."+schemas.OrderChanges, partition); !ok || got.At != 1 {
		t.Errorf("the group's offset is %+v, want 1", got)
	}
}

// What cannot be published again fails the command, which names it.
func TestReplayFailsForWhatItCannotPublish(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	junk := &kgo.Record{Topic: "sellerstream." + schemas.Orders, Key: []byte("acme-eu"), Value: []byte("junk")}
	if err := w.client.ProduceSync(t.Context(), junk).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w.replay(exitFailed, "--topic orders --yes --json", "1 record could not be published", "offset=0", `"refused": 1`)
}

// A replay that writes at Amazon asks again when it goes on.
func TestReplayWithEffectsAsksAgain(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	w.write(schemas.InventoryUpdates, "acme-eu", &schemas.InventoryUpdate{UpdateID: "u", Account: "acme-eu", SKU: "A", EventTime: time.UnixMilli(1)})
	w.replay(0, "--topic inventory-updates --effects --yes", "1 record copied")
	w.rewind(schemas.InventoryUpdates)
	w.replay(exitUsage, "--topic inventory-updates --effects", "goes on: 0 of ", "writing calls to Amazon?", "--yes says so")
}

// A processor that runs is not moved: its next commit would undo it.
func TestReplayDoesNotMoveWhatRuns(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	w.write(schemas.OrderChanges, "acme-eu", &schemas.OrderChange{NotificationID: "n", Account: "acme-eu", OrderID: "o", EventTime: time.UnixMilli(1), ReceivedTime: time.UnixMilli(1)})
	member, err := kgo.NewClient(append(w.client.Opts(), kgo.ConsumerGroup("sellerstream.orders"), kgo.ConsumeTopics("sellerstream."+schemas.OrderChanges))...)
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if fetches := member.PollFetches(ctx); fetches.Err() != nil {
		t.Fatal(fetches.Err())
	}
	w.replay(exitFailed, "--reset --topic order-changes --from 1h --yes", "is not stopped")
}
