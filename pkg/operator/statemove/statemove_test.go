package statemove

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// newPipeline is a pipeline's topics on a cluster, with the times that records are given.
func newPipeline(t *testing.T, cluster *embedded.Cluster, prefix string, partitions int32) *Pipeline {
	t.Helper()
	kafka := []kgo.Opt{kgo.SeedBrokers(cluster.Brokers()...), kgo.DisableClientMetrics()} // whose push delays every Close
	client, err := kgo.NewClient(append(kafka, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	var names []string
	for _, topic := range schemas.Topics() {
		names = append(names, prefix+topic.Name)
	}
	if answers, err := kadm.NewClient(client).CreateTopics(t.Context(), partitions, 1, nil, names...); err != nil || answers.Error() != nil {
		t.Fatal(err, answers.Error())
	}
	texts, err := registry.NewTexts(registry.Config{Client: []sr.ClientOpt{sr.URLs(cluster.RegistryURL())}, Prefix: prefix, Register: true})
	if err != nil {
		t.Fatal(err)
	}
	return &Pipeline{
		Prefix: prefix, TransactionalPrefix: prefix + "tx", Kafka: kafka, Client: client,
		Codec: fakekafka.Codec(t, cluster.RegistryURL(), prefix, written()...), Texts: texts, Progress: t.Logf,
	}
}

// written are the topics on which these tests write: to register the schemas of all would
// take most of their time.
func written() []string {
	return append(own(), schemas.Switches, schemas.InventoryUpdates, schemas.Shipments, schemas.BuyerKeys)
}

// write writes a value as a record.
func (p *Pipeline) write(t *testing.T, topic string, partition int32, key string, value any, when time.Time) {
	t.Helper()
	data, err := p.Codec.AppendEncode(nil, topic, value)
	if err != nil {
		t.Fatal(err)
	}
	rec := &kgo.Record{Topic: p.Prefix + topic, Partition: partition, Key: []byte(key), Value: data, Timestamp: when}
	if err := p.Client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// read are the committed records of a topic with a value.
func (p *Pipeline) read(t *testing.T, topic string) (recs []*kgo.Record) {
	t.Helper()
	reader := p.reader()
	ends, err := reader.Ends(t.Context(), p.Prefix+topic)
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Committed(t.Context(), p.Prefix+topic, map[int32]int64{}, ends, func(rec *kgo.Record) error {
		recs = append(recs, rec)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return recs
}

// newest are the entries of one partition of a topic of state.
func (p *Pipeline) newest(t *testing.T, topic string, partition int32) map[string][]byte {
	t.Helper()
	ends, err := p.reader().Ends(t.Context(), p.Prefix+topic)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := p.reader().Newest(t.Context(), p.Prefix+topic, partition, ends[partition])
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func (p *Pipeline) export(t *testing.T, id string) ([]byte, Exported) {
	t.Helper()
	var file bytes.Buffer
	done, err := p.Export(t.Context(), &file, ExportOptions{ID: id, BuyerKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	return file.Bytes(), done
}

// golden is the example of a record.
func golden(t testing.TB, name string) schemas.Value {
	t.Helper()
	record, _ := schemas.Of(name)
	text, err := os.ReadFile("../../../schemas/testdata/golden/" + record.File() + ".json")
	if err != nil {
		t.Fatal(err)
	}
	value := record.New()
	if err := json.Unmarshal(text, value); err != nil {
		t.Fatal(err)
	}
	return value
}

var began = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// accounts are of a test's pipeline, by name.
func accounts() (names []string) {
	for n := range 20 {
		names = append(names, fmt.Sprint("account-", n))
	}
	return names
}

// fill has each unit of the role inventory remember SKUs and two records of three. The last
// came an hour after the others.
func fill(t *testing.T, p *Pipeline, partitions int32) {
	t.Helper()
	by := newPartitioner(partitions)
	for n := range partitions {
		p.write(t, schemas.StateInventory, n, stream.ClaimKey, &schemas.Claim{Owner: "o"}, began)
	}
	read := map[int32]int64{}
	for _, late := range []time.Duration{0, time.Hour} {
		for n, account := range accounts() {
			at := by.place([]byte(account))
			for i := range 2 {
				if late > 0 && i > 0 {
					break
				}
				update := &schemas.InventoryUpdate{UpdateID: fmt.Sprint(account, i, late), Account: account, SKU: "s", EventTime: began}
				p.write(t, schemas.InventoryUpdates, at, account, update, began.Add(late))
				if late == 0 {
					read[at]++
				}
			}
			if late > 0 {
				continue
			}
			state := golden(t, "InventoryState").(*schemas.InventoryState)
			state.Account, state.NewestOffset = account, int64(n)
			p.write(t, schemas.StateInventory, at, "sku/"+account+"//"+state.SKU, state, began)
		}
	}
	for n, next := range read {
		p.write(t, schemas.StateInventory, n, stream.PositionPrefix+schemas.InventoryUpdates, &schemas.Position{Topic: schemas.InventoryUpdates, Offset: next}, began)
	}
}

// TestAccountsGoToTheirNewPartitions with what was not read, once, however often the import
// is interrupted; and no unit begins before its end.
func TestAccountsGoToTheirNewPartitions(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 3), newPipeline(t, cluster, "b.", 7)
	fill(t, from, 3)
	value := bytes.Repeat([]byte{'x'}, 40_000) // many transactions
	var junk []*kgo.Record
	for n := range 250 {
		junk = append(junk, &kgo.Record{Topic: "a." + schemas.InventoryUpdates, Key: fmt.Append(nil, "junk-", n), Value: value})
	}
	if err := from.Client.ProduceSync(t.Context(), junk...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	file, done := from.export(t, "1")
	if done.Entries != len(accounts()) || done.Records != len(accounts())+len(junk) {
		t.Errorf("%+v was exported", done)
	}
	interrupted := 0
	for limit := 0.2; ; limit += 0.2 {
		_, err := to.Import(t.Context(), io.LimitReader(bytes.NewReader(file), int64(limit*float64(len(file)))), ImportOptions{})
		if err == nil {
			break
		}
		if interrupted++; !errors.Is(err, statefile.ErrCut) {
			t.Fatal(err)
		}
		checkMarks(t, to, false)
	}
	if interrupted < 3 {
		t.Errorf("interrupted %d times: the test shows nothing", interrupted)
	}
	checkMarks(t, to, true)
	by := newPartitioner(7)
	entries, records := 0, map[string]int{}
	for _, rec := range to.read(t, schemas.StateInventory) {
		if strings.HasPrefix(string(rec.Key), stream.ReservedKey) {
			continue
		}
		value, err := to.Codec.Decode(t.Context(), schemas.StateInventory, rec.Value)
		state, ok := value.(*schemas.InventoryState)
		if err != nil || !ok || by.place([]byte(state.Account)) != rec.Partition {
			t.Errorf("%s stands on partition %d as %+v, %v", rec.Key, rec.Partition, value, err)
			continue
		}
		entries++
		if n := slices.Index(accounts(), state.Account); state.NewestOffset != schemas.ImportedOffset(int64(n)) || schemas.SourceOffset(state.NewestOffset) != int64(n) ||
			state.Wanted.SourceOffset >= 0 || state.Failure.SourceOffset != nil || state.Wanted.SourceID == "" {
			t.Errorf("%s has %+v, %+v", rec.Key, state.Wanted, state.Failure)
		}
	}
	for _, rec := range to.read(t, schemas.InventoryUpdates) {
		if by.place(rec.Key) != rec.Partition {
			t.Errorf("a record of %s stands on partition %d", rec.Key, rec.Partition)
		}
		records[string(rec.Key)]++
	}
	for key, times := range records {
		if times != 1 {
			t.Errorf("%d records of %s, want what was not read once", times, key)
		}
	}
	if entries != len(accounts()) || len(records) != len(accounts())+len(junk) {
		t.Errorf("%d entries and records of %d keys were imported", entries, len(records))
	}
}

// checkMarks wants each unit's state to say whether the import has finished.
func checkMarks(t *testing.T, p *Pipeline, finished bool) {
	t.Helper()
	for _, topic := range own() {
		last := map[int32]*schemas.Imported{}
		for _, rec := range p.read(t, topic) {
			if string(rec.Key) == stream.ImportedKey {
				value, err := p.Codec.Decode(t.Context(), topic, rec.Value)
				if err != nil {
					t.Fatal(err)
				}
				last[rec.Partition] = value.(*schemas.Imported)
			}
		}
		for n := range int32(7) {
			mark := last[n]
			if mark == nil || mark.Finished != finished || finished && !strings.HasSuffix(mark.Namespace, "/a.") {
				t.Errorf("%s, partition %d says %+v", topic, n, mark)
			}
		}
	}
}

// TestPositionsGoByTime on a Kafka that mirrors the log, with other offsets: what was not
// read is read, and of the rest no more than the margin.
func TestPositionsGoByTime(t *testing.T) {
	t.Parallel()
	for _, partitions := range []int32{3, 5} {
		cluster := fakekafka.Embedded(t, "")
		from, to := newPipeline(t, cluster, "a.", 3), newPipeline(t, cluster, "b.", partitions)
		fill(t, from, 3)
		by := newPartitioner(partitions)
		for n := range partitions { // offsets differ
			rec := &kgo.Record{Topic: "b." + schemas.InventoryUpdates, Partition: n, Timestamp: began.Add(-time.Hour)}
			if err := to.Client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		recs := from.read(t, schemas.InventoryUpdates)
		slices.SortStableFunc(recs, func(a, b *kgo.Record) int { return a.Timestamp.Compare(b.Timestamp) })
		for _, rec := range recs {
			copied := &kgo.Record{Topic: "b." + schemas.InventoryUpdates, Partition: by.place(rec.Key), Key: rec.Key, Value: rec.Value, Timestamp: rec.Timestamp}
			if err := to.Client.ProduceSync(t.Context(), copied).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		file, _ := from.export(t, "1")
		if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{Mirrored: true, Margin: 5 * time.Minute}); err != nil {
			t.Fatal(err)
		}
		at := map[int32]int64{}
		for _, rec := range to.read(t, schemas.StateInventory) {
			if string(rec.Key) == stream.PositionPrefix+schemas.InventoryUpdates {
				value, err := to.Codec.Decode(t.Context(), schemas.StateInventory, rec.Value)
				if err != nil {
					t.Fatal(err)
				}
				at[rec.Partition] = value.(*schemas.Position).Offset
			}
		}
		again := to.read(t, schemas.InventoryUpdates)
		for _, rec := range again {
			if old := rec.Timestamp.Before(began.Add(time.Hour)); old != (rec.Offset < at[rec.Partition]) {
				t.Errorf("of %d partitions, %d: the unit begins at %d, and offset %d is of %v", partitions, rec.Partition, at[rec.Partition], rec.Offset, rec.Timestamp)
			}
		}
		if len(again) != len(recs)+int(partitions) || len(at) != int(partitions) {
			t.Errorf("%d records stand there, and positions %v", len(again), at)
		}
	}
}

// TestWhatIsThereIsNotMixedWithAFile, unless that is asked for: then it goes, and only keys of
// buyer data stay, which the file lacks.
func TestWhatIsThereIsNotMixedWithAFile(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 3), newPipeline(t, cluster, "b.", 3)
	fill(t, from, 3)
	to.write(t, schemas.StateOrders, 1, "order/x/1", golden(t, "OrderState"), began)
	to.write(t, schemas.BuyerKeys, 1, "x/1", golden(t, "BuyerKey"), began)
	file, _ := from.export(t, "1")
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{}); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("it is mixed: %v", err)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	left := slices.Collect(maps.Keys(to.newest(t, schemas.StateOrders, 1)))
	if !slices.Equal(left, []string{stream.ImportedKey}) {
		t.Errorf("%v are left", left)
	}
	if to.newest(t, schemas.BuyerKeys, 1)["x/1"] == nil {
		t.Error("the key of a buyer's data is gone")
	}
}

// TestWhatComesLateIsFound.
func TestWhatComesLateIsFound(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	p := newPipeline(t, cluster, "a.", 2)
	fill(t, p, 2)
	file, _ := p.export(t, "1")
	_, end, err := statefile.Check(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Unmoved(t.Context(), end); err != nil {
		t.Errorf("nothing came: %v", err)
	}
	p.write(t, schemas.Shipments, 1, "a", golden(t, "Shipment"), began)
	if err := p.Unmoved(t.Context(), end); err == nil || !strings.Contains(err.Error(), "a.shipments, partition 1 (offsets 0 to 1)") {
		t.Errorf("a record came: %v", err)
	}
}

// TestEveryKeyNamesItsAccount where a value has one: it decides the partition.
func TestEveryKeyNamesItsAccount(t *testing.T) {
	t.Parallel()
	for topic, keys := range map[string][]string{
		schemas.StateInventory: {"sku/acme/A1/s/k/u", "sale/acme/302-1", "quota/acme/getOrder", "feedlane/acme/TYPE/A1"},
		schemas.BuyerKeys:      {"acme/302-1"},
		schemas.Switches:       {"acme"},
		schemas.StateOrders:    {"search/acme", "an-unknown-kind/acme/of/a/later/version"},
	} {
		for _, key := range keys {
			if got := accountOf(topic, key); got != "acme" {
				t.Errorf("%s on %s is of %q", key, topic, got)
			}
		}
	}
}

// TestEntriesOfALaterVersionKeepTheirFields, and what cannot be read stays byte by byte.
func TestEntriesOfALaterVersionKeepTheirFields(t *testing.T) {
	t.Parallel()
	o := newOffsets()
	record, _ := schemas.Of("ShipmentState")
	first := regexp.MustCompile(`"fields":\s*\[`).FindStringIndex(record.Schema())
	later := record.Schema()[:first[1]] + `{"name":"later","type":"string","default":""},` + record.Schema()[first[1]:]
	value := append([]byte{0, 0, 0, 0, 9, 8, 'k', 'e', 'e', 'p'}, golden(t, "ShipmentState").AppendAvro(nil)...)
	got, ok := o.below(later, value)
	if !ok || !bytes.HasPrefix(got, value[:10]) || bytes.Equal(got, value) {
		t.Errorf("it became %q, %v", got, ok)
	}
	for _, junk := range [][]byte{{0, 0, 0, 0, 9}, append(bytes.Clone(value), 1)} {
		if got, ok := o.below(later, junk); ok || !bytes.Equal(got, junk) {
			t.Errorf("%q became %q, %v", junk, got, ok)
		}
	}
}
