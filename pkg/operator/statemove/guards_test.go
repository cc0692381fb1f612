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

// TestAProcessThatWakesUpWritesNothing: its group has given it up, and it may have begun a
// transaction. What it commits until it is fenced is found.
func TestAProcessThatWakesUpWritesNothing(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	from, to := newPipeline(t, cluster, "a.", 2), newPipeline(t, cluster, "b.", 3)
	fill(t, from, 2)
	file, _ := from.export(t, "1")
	wakes := func(processor, topic string, partition int32) (woken *kgo.Client) {
		woken, err := newTransactor(to.Kafka, fmt.Sprintf("b.tx-%s-%d", processor, partition))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(woken.Close)
		if err := woken.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		value, err := to.Codec.AppendEncode(nil, topic, &schemas.Claim{Owner: "woken"})
		if err != nil {
			t.Fatal(err)
		}
		rec := &kgo.Record{Topic: "b." + topic, Partition: partition, Key: []byte("late"), Value: value}
		if err := woken.ProduceSync(t.Context(), rec).FirstErr(); err != nil {
			t.Fatal(err)
		}
		return woken
	}
	early, late := wakes("orders", schemas.StateOrders, 2), wakes("inventory", schemas.StateInventory, 2)
	to.Progress = func(string, ...any) { // when the marks are written
		to.Progress = t.Logf
		if err := early.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
			t.Error(err)
		}
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{}); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("a process has written meanwhile: %v", err)
	}
	if _, err := to.Import(t.Context(), bytes.NewReader(file), ImportOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if err := late.EndTransaction(t.Context(), kgo.TryCommit); err == nil {
		t.Error("a process that woke up has committed")
	}
	for _, topic := range []string{schemas.StateOrders, schemas.StateInventory} {
		if value, ok := to.newest(t, topic, 2)["late"]; ok {
			t.Errorf("%s has what it wrote: %q", topic, value)
		}
	}
}
