package statemove

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/fakekafka"
)

// TestRecordsThatAreThereAreNotReadAgain: without positions units would begin with the
// oldest of them.
func TestRecordsThatAreThereAreNotReadAgain(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 2), newPipeline(t, cluster, "b.", 2)
	fill(t, from, 2)
	to.write(t, schemas.Shipments, 1, "a", golden(t, "Shipment"), began)
	file, _ := from.export(t, "1")
	for _, force := range []bool{false, true} {
		if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{Force: force}); !errors.Is(err, ErrRecords) {
			t.Errorf("force %v: %v", force, err)
		}
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{Mirrored: true}); err != nil {
		t.Error(err)
	}
}

// TestAPauseThatIsThereStays, and no level is lowered; a pause that was written while no
// registry answered goes along.
func TestAPauseThatIsThereStays(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 2), newPipeline(t, cluster, "b.", 2)
	off := &schemas.Switch{Since: began, By: "test"}
	paused := &schemas.Switch{Since: began, By: "test", Paused: true}
	from.write(t, schemas.Switches, 0, schemas.AllWrites, off, began)
	from.write(t, schemas.Switches, 0, schemas.FeatureLevel, &schemas.Switch{Level: 1, Since: began}, began)
	from.write(t, schemas.Switches, 0, "on", off, began)
	from.write(t, schemas.Switches, 1, schemas.AllWrites+"/1", paused, began)
	plain, err := pause.Plain{}.AppendEncode(nil, schemas.Switches, paused)
	if err != nil {
		t.Fatal(err)
	}
	rec := &kgo.Record{Topic: "a." + schemas.Switches, Key: []byte("plain"), Value: plain}
	if err := from.Client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	to.write(t, schemas.Switches, 0, schemas.FeatureLevel, &schemas.Switch{Level: 2, Since: began}, began)
	to.write(t, schemas.Switches, 0, "there", paused, began)
	from.write(t, schemas.Switches, 0, "there", off, began)
	file, done := from.export(t, "1")
	if done.Unknown != 0 {
		t.Errorf("%+v was exported", done)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	i := &importer{Pipeline: to, topics: map[string]bool{schemas.Switches: true}, turned: map[string]schemas.Switch{}}
	if err := i.switches(t.Context()); err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]schemas.Switch{
		"there": {Paused: true}, "plain": {Paused: true}, schemas.AllWrites: {Paused: true}, "on": {}, schemas.FeatureLevel: {Level: 2},
	} {
		got, ok := i.turned[subject]
		if !ok || got.Paused != want.Paused || got.Level != want.Level {
			t.Errorf("%s is %+v, %v", subject, got, ok)
		}
	}
	if len(i.turned) != 5 {
		t.Errorf("there are %v", i.turned)
	}
}

// TestRecordsKeepTheirTime, which counts where they have none of their own.
func TestRecordsKeepTheirTime(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 2), newPipeline(t, cluster, "b.", 3)
	fill(t, from, 2)
	file, _ := from.export(t, "1")
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	want := kgo.RecordHeader{Key: schemas.RetryTimeHeader, Value: strconv.AppendInt(nil, began.Add(time.Hour).UnixMilli(), 10)}
	recs := to.read(t, schemas.InventoryUpdates)
	for _, rec := range recs {
		if !slices.EqualFunc(rec.Headers, []kgo.RecordHeader{want}, func(a, b kgo.RecordHeader) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }) {
			t.Errorf("a record of %s has %v", rec.Key, rec.Headers)
		}
	}
	if len(recs) == 0 {
		t.Error("there are no records")
	}
}

// TestAUnitThatNeverRanHasAllToRead: its position is the log's start.
func TestAUnitThatNeverRanHasAllToRead(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 2), newPipeline(t, cluster, "b.", 3)
	update := &schemas.InventoryUpdate{UpdateID: "u", Account: "a", SKU: "s", EventTime: began}
	from.write(t, schemas.InventoryUpdates, 0, "a", update, began)
	from.write(t, schemas.StateInventory, 1, stream.ClaimKey, &schemas.Claim{Owner: "o"}, began)
	to.write(t, schemas.InventoryUpdates, 2, "a", update, began)
	file, _ := from.export(t, "1")
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{Mirrored: true, Margin: time.Minute}); err != nil {
		t.Fatal(err)
	}
	for _, rec := range to.read(t, schemas.StateInventory) {
		if value, err := to.Codec.Decode(t.Context(), schemas.StateInventory, rec.Value); err != nil {
			t.Fatal(err)
		} else if at, ok := value.(*schemas.Position); ok && at.Offset != 0 {
			t.Errorf("partition %d begins at %+v", rec.Partition, at)
		}
	}
}

// TestAProcessThatStartsMeanwhileIsFound before anything is removed.
func TestAProcessThatStartsMeanwhileIsFound(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 2), newPipeline(t, cluster, "b.", 7)
	fill(t, from, 2)
	file, _ := from.export(t, "1")
	to.Progress = func(string, ...any) { // when the marks are written
		member, err := kgo.NewClient(append(to.Kafka, kgo.ConsumerGroup("b.inventory"), kgo.ConsumeTopics("b."+schemas.InventoryUpdates))...)
		if err != nil {
			t.Error(err)
			return
		}
		t.Cleanup(member.Close)
		for to.Stopped(t.Context()) == nil {
			member.ForceMetadataRefresh()
		}
		to.Progress = t.Logf
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{}); !errors.Is(err, stream.ErrRunning) || !strings.Contains(fmt.Sprint(err), "--force") {
		t.Errorf("a process runs: %v", err)
	}
	checkMarks(t, to, false)
}

// begins has a process begin a transaction with a record.
func begins(t *testing.T, p *Pipeline, id, topic string, partition int32) *kgo.Client {
	t.Helper()
	client, err := newTransactor(p.Kafka, p.TransactionalPrefix+id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	value, err := p.Codec.AppendEncode(nil, own()[0], &schemas.Claim{Owner: "woken"})
	if err != nil {
		t.Fatal(err)
	}
	rec := &kgo.Record{Topic: p.Prefix + topic, Partition: partition, Key: []byte("late"), Value: value}
	if err := client.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return client
}

// TestAProcessThatWakesUpWritesNothing: its group has given it up, and it may have begun a
// transaction. What it commits until it is fenced is found.
func TestAProcessThatWakesUpWritesNothing(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 2), newPipeline(t, cluster, "b.", 3)
	fill(t, from, 2)
	file, _ := from.export(t, "1")
	late := []*kgo.Client{begins(t, to, "-inventory-1", schemas.StateInventory, 1)}
	to.Progress = func(string, ...any) { // when the marks are written
		to.Progress = t.Logf
		if err := begins(t, to, "-orders-2", schemas.StateOrders, 2).EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Error(err)
		}
		late = append(late, begins(t, to, "-inventory-2", schemas.StateInventory, 2))
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{}); !errors.Is(err, ErrNotEmpty) || !strings.Contains(err.Error(), "repeat the import with --force") {
		t.Errorf("a process has written meanwhile: %v", err)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	for n, woken := range late {
		if err := woken.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
			t.Errorf("process %d woke up and has committed", n)
		}
	}
	for _, topic := range []string{schemas.StateOrders, schemas.StateInventory} {
		if value, ok := to.newest(t, topic, 2)["late"]; ok {
			t.Errorf("%s has what it wrote: %q", topic, value)
		}
	}
}

// TestRecordsThatComeMeanwhileAreFound in the log topics too, behind the marks.
func TestRecordsThatComeMeanwhileAreFound(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 2), newPipeline(t, cluster, "b.", 7)
	fill(t, from, 2)
	file, _ := from.export(t, "1")
	to.Progress = func(string, ...any) { // when the marks are written
		to.Progress = t.Logf
		to.write(t, schemas.Shipments, 1, "a", golden(t, "Shipment"), began)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{}); !errors.Is(err, ErrRecords) || !strings.Contains(err.Error(), "create them anew") {
		t.Errorf("a record came: %v", err)
	}
	checkMarks(t, to, false)
}

// TestATransactionThatIsOpenIsRefused: what is committed behind it cannot be read, and would
// come when it ends. That of a `deadletters retry` which hangs is ended.
func TestATransactionThatIsOpenIsRefused(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	p := newPipeline(t, cluster, "a.", 2)
	fill(t, p, 2)
	if err := p.Settled(t.Context()); err != nil {
		t.Errorf("nothing is open: %v", err)
	}
	open := begins(t, p, "-deadletters", schemas.Shipments, 1)
	p.write(t, schemas.Shipments, 1, "a", golden(t, "Shipment"), began)
	file, done := p.export(t, "1") // as of a pipeline that runs
	if done.Entries == 0 {
		t.Errorf("%+v was exported", done)
	}
	_, end, err := statefile.Check(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{p.Settled(t.Context()), p.Unmoved(t.Context(), end)} {
		if err == nil || !strings.Contains(err.Error(), "a.shipments, partition 1 (offsets 0 to 2)") {
			t.Errorf("a transaction is open: %v", err)
		}
	}
	if err := p.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := open.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
		t.Error("a retry woke up and has committed")
	}
	if err := p.Settled(t.Context()); err != nil {
		t.Errorf("it has ended: %v", err)
	}
	if err := p.Unmoved(t.Context(), end); err == nil {
		t.Error("what stood behind it is not found")
	}
}
