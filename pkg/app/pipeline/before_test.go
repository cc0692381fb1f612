package pipeline

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topicread"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/schemas"
)

// recorded is what a version before left in its Kafka, topics and registry: the folder of
// its embedded cluster. Commit 8cd3c75 ran with a good account and a parked one, had sent
// five quantities, fetched two orders and confirmed a shipment, and was stopped while two
// quantities waited behind a pause.
const recorded = "testdata/recorded-8cd3c75.tar.gz"

// recordedAt is minutes after that, so that there are tokens again: idle state is forgotten
// after a week.
var recordedAt = time.Date(2026, 11, 29, 18, 45, 0, 0, time.UTC)

// since is a clock that stood at recordedAt when it was made.
type since struct{ made time.Time }

func (s since) Now() time.Time                   { return recordedAt.Add(time.Since(s.made)) }
func (since) Real(d time.Duration) time.Duration { return d }

// A new version makes a backup before it has run: nothing has registered its schemas yet.
func TestABackupIsMadeBeforeTheUpgrade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unpack(t, recorded, dir)
	e := newEstate(t, 2, dir, since{time.Now()})
	e.configure(german, american)
	if lines := linesOf(t, e.export(e.settings(), "1")); len(lines) == 0 {
		t.Error("the backup is empty")
	}
}

// TestTopicsOfTheVersionBefore: a version takes over from the one before. Each record can
// be read, what waited is done, and what was done is not done again.
func TestTopicsOfTheVersionBefore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unpack(t, recorded, dir)
	e := newEstate(t, 3, dir, since{time.Now()})
	e.configure(german, american)
	client, codec := e.kafka()
	defer client.Close()
	kinds := map[string]int{}
	for _, topic := range schemas.Topics() {
		if len(topic.Records) > 0 {
			kinds[topic.Name] = len(e.values(client, codec, topic.Name))
		}
	}
	for _, topic := range []string{
		schemas.Orders, schemas.InventoryResults, schemas.ShipmentConfirmations, schemas.FeedResults, schemas.DeadLetters, schemas.Alerts,
		schemas.StateOrders, schemas.StateInventory, schemas.StateFeeds, schemas.StateShipments, schemas.Switches,
	} {
		if kinds[topic] == 0 {
			t.Errorf("topic %s of the recording is empty", topic)
		}
	}

	// By patches, and at once: the new simulator's feed would have the id of the recorded one.
	e.turn(german, false)
	e.run(func(s *Settings) { s.Config.Inventory.PatchBelow = 9 })
	older := &schemas.InventoryUpdate{UpdateID: "older", Account: german, SKU: "feed-0", Quantity: 9, EventTime: recordedAt.Add(-time.Hour)}
	e.produce(schemas.InventoryUpdates, german, older)
	for {
		outcomes := map[string][]string{}
		for _, value := range e.values(client, codec, schemas.InventoryResults) {
			result := value.(*schemas.InventoryResult)
			outcomes[result.UpdateID] = append(outcomes[result.UpdateID], result.Outcome)
		}
		if len(outcomes["waiting-0"]) > 0 && len(outcomes["waiting-1"]) > 0 && len(outcomes["older"]) > 0 {
			if !slices.Equal(outcomes["older"], []string{"SUPERSEDED"}) {
				t.Errorf("an update that is older than one of the recording is %v", outcomes["older"])
			}
			for _, done := range []string{"urgent-0", "urgent-1", "feed-0", "feed-1", "feed-2"} {
				if len(outcomes[done]) != 1 {
					t.Errorf("%s has the outcomes %v", done, outcomes[done])
				}
			}
			break
		}
		if err := e.ctx.Err(); err != nil {
			t.Fatalf("%v: outcomes %v\n%s", err, outcomes, e.log)
		}
		time.Sleep(100 * time.Millisecond)
	}
	e.log.await(e.ctx, t, "account="+american)
	for e.calls("getOrder", american) == 0 && e.ctx.Err() == nil { // its order waited, while it was parked
		time.Sleep(100 * time.Millisecond)
	}
	if n := e.calls("confirmShipment", ""); n != 0 || e.calls("getOrder", american) == 0 {
		t.Errorf("%d shipments were confirmed again; %d calls for the parked account's order", n, e.calls("getOrder", american))
	}
}

// values are the committed records of a topic, decoded.
func (e *estate) values(client *kgo.Client, codec *registry.Codec, topic string) (values []any) {
	e.t.Helper()
	return e.valuesUnder(e.settings().Config, client, codec, topic)
}

// valuesUnder are those of the Kafka and prefix of a configuration.
func (e *estate) valuesUnder(cfg config.Config, client *kgo.Client, codec *registry.Codec, topic string) (values []any) {
	e.t.Helper()
	name := cfg.Prefix + topic
	reader := topicread.Reader{Admin: kadm.NewClient(client), Client: kafkaOptions(cfg, nil)}
	ends, err := reader.Ends(e.ctx, name)
	if errors.Is(err, topicread.ErrNoTopic) {
		return nil
	}
	if err != nil {
		e.t.Fatal(err)
	}
	from, err := reader.Starts(e.ctx, name, time.Time{})
	if err != nil {
		e.t.Fatal(err)
	}
	err = reader.Committed(e.ctx, name, from, ends, func(rec *kgo.Record) error {
		if len(rec.Value) == 0 {
			return nil
		}
		value, err := codec.Decode(e.ctx, topic, rec.Value)
		values = append(values, value)
		return err
	})
	if err != nil {
		e.t.Fatalf("topic %s: %v", topic, err)
	}
	return values
}

// unpack writes the files of an archive into a folder.
func unpack(t *testing.T, archive, dir string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewReader(unzipped)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(header.Name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}
