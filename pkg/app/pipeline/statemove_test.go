package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/sellerstream/sellerstream/pkg/operator/statefile"
	"github.com/sellerstream/sellerstream/pkg/operator/statemove"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/config"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/embedded"
	"github.com/sellerstream/sellerstream/pkg/platform/kafka/topics"
	"github.com/sellerstream/sellerstream/pkg/platform/registry"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// elsewhere is a second Kafka for an estate's pipeline, with another prefix and number of
// partitions.
type elsewhere struct {
	*estate
	cluster *embedded.Cluster
	prefix  string
}

func newElsewhere(e *estate, prefix string, partitions int) *elsewhere {
	e.t.Helper()
	cluster, err := embedded.Start(embedded.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			e.t.Error(err)
		}
	})
	there := &elsewhere{e, cluster, prefix}
	s := e.settings()
	there.point(&s)
	s.Config.Kafka.Partitions = partitions
	client, err := OpenKafka(e.ctx, s)
	if err != nil {
		e.t.Fatal(err)
	}
	defer client.Close()
	if _, err := topics.Ensure(e.ctx, kadm.NewClient(client), topics.Options{Prefix: prefix, Partitions: partitions}); err != nil {
		e.t.Fatal(err)
	}
	return there
}

// point has settings mean the other Kafka.
func (w *elsewhere) point(s *Settings) {
	s.Config.Kafka.Brokers, s.Config.Registry.URL = w.cluster.Brokers(), w.cluster.RegistryURL()
	s.Config.Prefix, s.TransactionalPrefix, s.Files = w.prefix, w.prefix+"tx", nil
}

// state opens the state of settings.
func (e *estate) state(s Settings, write bool) *statemove.Pipeline {
	e.t.Helper()
	opened, stop, err := OpenState(e.ctx, s, write, func(string, ...any) {})
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(stop)
	return opened
}

func (e *estate) export(s Settings, id string) []byte {
	e.t.Helper()
	var file bytes.Buffer
	if _, err := e.state(s, false).Export(e.ctx, &file, statemove.ExportOptions{ID: id, BuyerKeys: true}); err != nil {
		e.t.Fatal(err)
	}
	return file.Bytes()
}

func (e *estate) importFile(s Settings, file []byte, opts statemove.ImportOptions) (statemove.Imported, error) {
	e.t.Helper()
	return e.state(s, true).Import(e.ctx, bytes.NewReader(file), opts)
}

// linesOf are the lines of a file.
func linesOf(t *testing.T, file []byte) (lines []statefile.Line) {
	t.Helper()
	in, err := statefile.NewReader(bytes.NewReader(file))
	for err == nil {
		var line statefile.Line
		if line, err = in.Next(); err == nil {
			lines = append(lines, line)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return lines
}

// outcomes are the ids of outcomes of quantities, by update.
func (e *estate) outcomes(s Settings) map[string][]string {
	e.t.Helper()
	client, err := OpenKafka(e.ctx, s)
	if err != nil {
		e.t.Fatal(err)
	}
	defer client.Close()
	codec, err := openRegistry(e.ctx, s.Config, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		e.t.Fatal(err)
	}
	found := make(map[string][]string)
	for _, value := range e.valuesUnder(s.Config, client, codec, schemas.InventoryResults) {
		result := value.(*schemas.InventoryResult)
		found[result.UpdateID] = append(found[result.UpdateID], result.EventID)
	}
	return found
}

func (e *estate) awaitOutcomes(s Settings, n int) map[string][]string {
	e.t.Helper()
	for {
		found := e.outcomes(s)
		if len(found) >= n {
			return found
		}
		if e.ctx.Err() != nil {
			e.t.Fatalf("%d outcomes, want %d: %v\n%s", len(found), n, found, e.log)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// TestStateGoesToAnotherKafka: a pipeline that is stopped with work under way goes on
// elsewhere, under another prefix and with another number of partitions. All is done, and
// nothing twice. Where the old one goes on too, as after a disaster, the same event has the
// same id.
func TestStateGoesToAnotherKafka(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 2, "", clock.Real{})
	e.stock = "linger: 1s, patch_below: 9, defaults: {fba: allow}"
	e.configure(german, american)
	e.run(nil)
	e.updates(german, "done", 2, true)
	e.order(german)
	e.events(german, 1)
	e.awaitOutcomes(e.settings(), 2)
	e.turn(german, true)
	e.updates(german, "waiting", 3, true)
	e.order(american)
	e.events(american, 1)
	e.awaitTaken(schemas.InventoryUpdates)
	e.stop()
	e.updates(american, "unread", 2, true)
	s := e.settings()
	file := e.export(s, "1")

	w := newElsewhere(e, "moved.", 5)
	there := s
	w.point(&there)
	if _, err := e.importFile(there, file, statemove.ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if again, err := e.importFile(there, file, statemove.ImportOptions{}); err != nil || !again.Before || again.Entries > 0 {
		t.Errorf("a second import: %+v, %v", again, err)
	}
	if _, err := e.importFile(there, e.export(s, "3"), statemove.ImportOptions{}); !errors.Is(err, statemove.ErrNotEmpty) {
		t.Errorf("an import of another file: %v", err)
	}
	checkSame(t, linesOf(t, file), linesOf(t, e.export(there, "2")))

	e.run(w.point)
	if err := e.state(there, true).Stopped(e.ctx); !errors.Is(err, stream.ErrRunning) {
		t.Errorf("a pipeline that runs may be imported into: %v", err)
	}
	e.awaitOutcomes(there, 2) // what was not read
	w.turnThere(german, false)
	moved := e.awaitOutcomes(there, 5)
	e.stop()
	for id, events := range moved {
		if len(events) != 1 || strings.HasPrefix(id, "done") {
			t.Errorf("%s has the outcomes %v", id, events)
		}
	}

	// The old pipeline, which had only died.
	e.turn(german, false)
	e.run(nil)
	first := e.awaitOutcomes(s, 7)
	e.stop()
	for id, events := range first {
		if same := slices.Equal(events, moved[id]); same != strings.HasPrefix(id, "waiting") {
			t.Errorf("%s has the ids %v here and %v there", id, events, moved[id])
		}
	}
}

// checkSame wants two files to hold the same, apart from positions, partitions, offsets and
// schema ids.
func checkSame(t *testing.T, first, second []statefile.Line) {
	t.Helper()
	was, is := contentOf(t, first), contentOf(t, second)
	if len(was) < 10 {
		t.Errorf("only %d entries and records: the test shows nothing", len(was))
	}
	for key := range was {
		if !reflect.DeepEqual(was[key], is[key]) {
			t.Errorf("%s was\n%v\nand is\n%v", key, was[key], is[key])
		}
	}
	if len(is) != len(was) {
		t.Errorf("%v are %v", slices.Collect(maps.Keys(was)), slices.Collect(maps.Keys(is)))
	}
}

// contentOf are the entries and records of a file, as they are once they are imported.
func contentOf(t *testing.T, lines []statefile.Line) map[string]any {
	t.Helper()
	texts, content := map[int]string{}, map[string]any{}
	records := map[string]int{}
	for _, line := range lines {
		switch {
		case line.Schema != nil:
			texts[line.Schema.ID] = line.Schema.Text
		case line.Entry != nil:
			content[line.Entry.Topic+" "+string(line.Entry.Key)] = fieldsOf(t, texts, line.Entry.Value)
		case line.Record != nil:
			of := line.Record.Topic + " " + string(line.Record.Key)
			records[of]++
			content[fmt.Sprint(of, " ", records[of])] = fieldsOf(t, texts, line.Record.Value)
		}
	}
	return content
}

// fieldsOf is a value by the schema of a file, with its offsets as an import sets them.
func fieldsOf(t *testing.T, texts map[int]string, value []byte) any {
	t.Helper()
	id, ok := registry.SchemaID(value)
	if !ok {
		return string(value)
	}
	schema, err := avro.Parse(texts[id])
	if err != nil {
		t.Fatal(err)
	}
	var fields any
	if _, err := schema.Decode(value[5:], &fields); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(fields)
	return regexp.MustCompile(`(sourceOffset|newestOffset|doubtOffset):-?\d+`).ReplaceAllString(text, "$1")
}

// turnThere is turn on the other Kafka.
func (w *elsewhere) turnThere(subject string, paused bool) {
	w.t.Helper()
	s := w.settings()
	w.point(&s)
	s.Logger = slog.New(slog.DiscardHandler)
	opened, stop, err := OpenSwitches(w.ctx, s, true)
	if err != nil {
		w.t.Fatal(err)
	}
	defer stop()
	if _, err := opened.Turn(w.ctx, schemas.Switch{Subject: subject, Paused: paused, Since: time.Now(), By: "test"}); err != nil {
		w.t.Fatal(err)
	}
}

// awaitTaken waits until the state holds a position behind all records of a topic.
func (e *estate) awaitTaken(topic string) {
	e.t.Helper()
	for {
		client, codec := e.kafka()
		all := e.records(topic)
		read := int64(0)
		last := map[string]int64{}
		for _, value := range e.values(client, codec, schemas.StateInventory) {
			if at, ok := value.(*schemas.Position); ok && at.Topic == topic {
				last[at.Topic] = max(last[at.Topic], at.Offset)
			}
		}
		client.Close()
		for _, at := range last {
			read += at
		}
		if read >= all {
			return
		}
		if e.ctx.Err() != nil {
			e.t.Fatalf("%d of %d records of %s are taken in", read, all, topic)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// A registry that is slow, and answers, is no reason to give up: of all schemas, each takes
// less than the wait for a first answer.
func TestASlowRegistryGetsAllSchemas(t *testing.T) {
	t.Parallel()
	subjects, slow := srfake.NewRegistry(), 100*time.Millisecond
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(slow)
		subjects.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s := Settings{Config: config.Default(), Answers: 8 * slow, Clock: clock.Real{}, Logger: slog.New(slog.DiscardHandler)}
	s.Config.Registry.URL = server.URL
	codec, err := s.stateCodec(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := codec.AppendEncode(nil, schemas.StateOrders, &schemas.Position{Topic: schemas.OrderChanges}); err != nil {
		t.Error(err)
	}
}
