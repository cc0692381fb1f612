package schemas_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/schemas"
)

// golden is where a record of each kind stands as JSON and as Avro binary.
// The bytes are written once, with UPDATE_GOLDEN=1, for a new record.
const golden = "testdata/golden"

func readFile(t *testing.T, parts ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(parts...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The bytes of the golden records never change: consumers hold such bytes.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, r := range schemas.Records() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			text := bytes.TrimSpace(readFile(t, golden, r.File()+".json"))
			value := r.New()
			if err := json.Unmarshal(text, value); err != nil {
				t.Fatal(err)
			}
			binary := filepath.Join(golden, r.File()+".bin")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(binary, value.AppendAvro(nil), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want := readFile(t, binary)
			if got := value.AppendAvro(nil); !bytes.Equal(got, want) {
				t.Errorf("encodes to %x, want %x", got, want)
			}
			decoded := r.New()
			if _, err := avro.MustParse(r.Schema()).Decode(want, decoded); err != nil {
				t.Fatal(err)
			}
			again, err := schemas.AppendJSON(nil, decoded)
			if err != nil || !bytes.Equal(again, text) {
				t.Errorf("as JSON %s, %v; want %s", again, err, text)
			}
		})
	}
}

// A value of the released version is read by this one and the other way
// round, so that processes of both can run side by side during an upgrade.
// previous/ holds the released version's schemas and golden records.
func TestCompatible(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("previous/*.avsc")
	if err != nil || len(files) == 0 {
		t.Fatalf("no previous schemas: %v", err)
	}
	current := map[string]schemas.Record{}
	for _, r := range schemas.Records() {
		current[r.File()] = r
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".avsc")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record, ok := current[name]
			if !ok {
				t.Fatal("the record was removed: values of it are still in Kafka")
			}
			checkCompatible(t, record, string(readFile(t, file)))
		})
	}
}

func checkCompatible(t *testing.T, record schemas.Record, previousText string) {
	previous, current := avro.MustParse(previousText), avro.MustParse(record.Schema())
	if err := avro.CheckCompatibility(previous, current); err != nil {
		t.Errorf("this version cannot read the previous one's values: %v", err)
	}
	if err := avro.CheckCompatibility(current, previous); err != nil {
		t.Errorf("the previous version cannot read this one's values: %v", err)
	}
	resolved, err := avro.Resolve(previous, current)
	if err != nil {
		t.Fatal(err)
	}
	value := record.New()
	if _, err := resolved.Decode(readFile(t, "previous", record.File()+".bin"), value); err != nil {
		t.Fatal(err)
	}
	text, err := schemas.AppendJSON(nil, value)
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(readFile(t, "previous", record.File()+".json"), &want); err != nil {
		t.Fatal(err)
	}
	for field, w := range want {
		if !reflect.DeepEqual(got[field], w) {
			t.Errorf("%s was %v and is read as %v", field, w, got[field])
		}
	}
}

func goldenOrder(t *testing.T) *schemas.Order {
	t.Helper()
	var order schemas.Order
	if err := json.Unmarshal(readFile(t, golden, "order.json"), &order); err != nil {
		t.Fatal(err)
	}
	return &order
}

func compile(t *testing.T, detailType string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("jsonschema/" + detailType + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, detail []byte) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(detail))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

func TestDetails(t *testing.T) {
	t.Parallel()
	smallest := &schemas.Order{EventID: "x", EventType: "OrderCancelled"}
	changed := goldenOrder(t)
	for _, order := range []*schemas.Order{changed, smallest} {
		detail, detailType, err := schemas.AppendDetail([]byte("before"), order)
		if err != nil || detailType != order.EventType {
			t.Fatalf("%s: %v", detailType, err)
		}
		detail = bytes.TrimPrefix(detail, []byte("before"))
		if err := validate(t, compile(t, detailType), detail); err != nil {
			t.Errorf("%s\n%v", detail, err)
		}
		var head struct{ ID, EventID string }
		if err := json.Unmarshal(detail, &head); err != nil || head.ID != order.EventID || head.EventID != "" {
			t.Errorf("id %q, eventId %q, %v", head.ID, head.EventID, err)
		}
	}
	// The schemas must be able to say no.
	detail, _, err := schemas.AppendDetail(nil, changed)
	if err != nil {
		t.Fatal(err)
	}
	for old, broken := range map[string]string{
		`"id":"2c`:                        `"eventId":"2c`,
		`"quantityOrdered":2`:             `"quantityOrdered":"2"`,
		`"2026-11-22T23:59:59.999Z"`:      `"yesterday"`,
		`"amount":"12.90"`:                `"amount":12.90`,
		`"eventType":"OrderChanged"`:      `"eventType":"OrderCancelled"`,
		`"orderId":"202-1234567-8901234"`: `"orderId":null`,
	} {
		if !bytes.Contains(detail, []byte(old)) {
			t.Fatalf("the detail has no %s", old)
		}
		if err := validate(t, compile(t, "OrderChanged"), bytes.Replace(detail, []byte(old), []byte(broken), 1)); err == nil {
			t.Errorf("a detail with %s is valid", broken)
		}
	}
}

func TestDetailGolden(t *testing.T) {
	t.Parallel()
	detail, _, err := schemas.AppendDetail(nil, goldenOrder(t))
	if err != nil {
		t.Fatal(err)
	}
	record := bytes.TrimSpace(readFile(t, golden, "order.json"))
	record, _, _ = bytes.Cut(record, []byte(`,"buyerData":`)) // which does not leave Kafka
	record = append(record, '}')
	if want := bytes.Replace(record, []byte(`"eventId"`), []byte(`"id"`), 1); !bytes.Equal(detail, want) {
		t.Errorf("got %s\nwant %s", detail, want)
	}
}

// The example of each event becomes a detail that its schema accepts, byte for
// byte the record except for the id's name, whichever way the record came about;
// and no other event's schema of the same record accepts it.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, e := range schemas.Events() {
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			text := bytes.TrimSpace(readFile(t, "testdata", "events", e.Name()+".json"))
			record, ok := schemas.Of(e.Record)
			if !ok {
				t.Fatalf("no record %s", e.Record)
			}
			fromText, fromWire := record.New(), record.New()
			if err := json.Unmarshal(text, fromText); err != nil {
				t.Fatal(err)
			}
			if _, err := avro.MustParse(record.Schema()).Decode(fromText.AppendAvro(nil), fromWire); err != nil {
				t.Fatal(err)
			}
			want := bytes.Replace(text, []byte(`"eventId"`), []byte(`"id"`), 1)
			for _, value := range []schemas.Value{fromText, fromWire} {
				detail, detailType, err := schemas.AppendDetail(nil, value)
				if err != nil || !bytes.Equal(detail, want) {
					t.Fatalf("%v, got %s\nwant %s", err, detail, want)
				}
				if detailType == "" || e.DetailType != "" && detailType != e.DetailType {
					t.Errorf("detail-type %q", detailType)
				}
			}
			for _, other := range schemas.Events() {
				if other.Record != e.Record {
					continue
				}
				if err := validate(t, compile(t, other.Name()), want); (err == nil) != (other == e) {
					t.Errorf("the schema of %s: %v", other.Name(), err)
				}
			}
		})
	}
}

// Records that are no events although others of their topic are: passed over,
// not set aside.
func TestPassedOver(t *testing.T) {
	t.Parallel()
	for _, record := range []any{
		&schemas.FeedIssues{FeedID: "1"}, &schemas.Alert{EventType: "FeedStuck"},
		&schemas.InventoryResult{Outcome: "APPLIED"}, &schemas.InventoryResult{Outcome: "SUPERSEDED"},
		&schemas.ShipmentConfirmation{Outcome: "SUPERSEDED"},
	} {
		if detail, detailType, err := schemas.AppendDetail([]byte("x"), record); err != nil || detailType != "" || string(detail) != "x" {
			t.Errorf("%T became %s %s, %v", record, detailType, detail, err)
		}
	}
}

func TestNoDetail(t *testing.T) {
	t.Parallel()
	for _, record := range []any{
		&schemas.DeadLetter{}, &schemas.Order{EventType: "Other"}, &schemas.FeedResult{EventType: "Other"}, nil,
		&schemas.Alert{}, &schemas.Alert{EventType: strings.Repeat("x", 129)},
	} {
		if detail, detailType, err := schemas.AppendDetail([]byte("x"), record); err == nil || string(detail) != "x" {
			t.Errorf("%T became %s %s", record, detailType, detail)
		}
	}
}

// What AppendDetail relies on, for every record that is or will be an event.
func TestEventIDComesFirst(t *testing.T) {
	t.Parallel()
	for _, r := range schemas.Records() {
		typ := reflect.TypeOf(r.New()).Elem()
		if f, ok := typ.FieldByName("EventID"); ok && f.Index[0] != 0 {
			t.Errorf("%s: eventId is field %d", r.Name, f.Index[0])
		}
	}
	for _, e := range schemas.Events() {
		if topic, ok := schemas.TopicOf(e.Topic); !ok || !strings.Contains(strings.Join(topic.Records, " "), e.Record) {
			t.Errorf("event %s: %s is not on topic %s", e.DetailType, e.Record, e.Topic)
		}
	}
}
