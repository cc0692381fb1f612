package schemas_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

// Every schema parses, is documented throughout, and keeps to the conventions:
// no enum (a new value must not break an old reader), times in milliseconds,
// a default for everything that may be null.
func TestConventions(t *testing.T) {
	t.Parallel()
	for _, r := range schemas.Records() {
		parsed, err := avro.Parse(r.Schema())
		if err != nil {
			t.Errorf("%s: %v", r.Name, err)
			continue
		}
		root := parsed.Root()
		if root.Namespace != schemas.Namespace || root.Name != r.Name {
			t.Errorf("%s is named %s in %s", r.Name, root.Name, root.Namespace)
		}
		checkConventions(t, r.Name, root)
	}
}

func checkConventions(t *testing.T, path string, node *avro.SchemaNode) {
	switch node.Type {
	case "record":
		if node.Doc == "" {
			t.Errorf("%s has no doc", path)
		}
		for i := range node.Fields {
			f := &node.Fields[i]
			if f.Doc == "" {
				t.Errorf("%s.%s has no doc", path, f.Name)
			}
			if f.Type.Type == "union" && !f.HasDefault {
				t.Errorf("%s.%s may be null but has no default", path, f.Name)
			}
			if strings.HasSuffix(f.Name, "Time") && !strings.Contains(mustJSON(t, f.Type), "timestamp-millis") {
				t.Errorf("%s.%s is not a timestamp-millis", path, f.Name)
			}
			checkConventions(t, path+"."+f.Name, &f.Type)
		}
	case "array":
		checkConventions(t, path+"[]", node.Items)
	case "map":
		checkConventions(t, path+"{}", node.Values)
	case "union":
		for i := range node.Branches {
			checkConventions(t, path, &node.Branches[i])
		}
	case "enum", "fixed", "float":
		t.Errorf("%s is of type %s", path, node.Type)
	}
}

func mustJSON(t *testing.T, node avro.SchemaNode) string {
	t.Helper()
	text, err := json.Marshal(node)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// draw fills a value at random. Slices may be empty but not nil, and times
// have milliseconds, as they come from the wire.
func draw(t *rapid.T, v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.UnixMilli(rapid.Int64Range(-1<<42, 1<<42).Draw(t, "time")).UTC()))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			optional := strings.HasSuffix(v.Type().Field(i).Tag.Get("avro"), ",omitzero")
			if !optional || rapid.Bool().Draw(t, "set") {
				draw(t, v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		draw(t, v.Elem())
	case reflect.Slice:
		n := rapid.IntRange(0, 3).Draw(t, "length")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			draw(t, v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range rapid.IntRange(0, 3).Draw(t, "length") {
			element := reflect.New(v.Type().Elem()).Elem()
			draw(t, element)
			v.SetMapIndex(reflect.ValueOf(rapid.String().Draw(t, "key")), element)
		}
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int32:
		v.SetInt(int64(rapid.Int32().Draw(t, "int")))
	case reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "long"))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, "byte")))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, "double"))
	default:
		t.Fatalf("no generator for %s", v.Type())
	}
}

func eachRecord(t *testing.T, check func(t *rapid.T, record schemas.Record, value schemas.Value)) {
	for _, r := range schemas.Records() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			property.CheckSeeds(t, property.Seeds(10), func(t *rapid.T) {
				value := r.New()
				draw(t, reflect.ValueOf(value).Elem())
				check(t, r, value)
			})
		})
	}
}

// The generated encoders write what the Avro library reads: the same value,
// which encodes to the same bytes again.
func TestEncoders(t *testing.T) {
	t.Parallel()
	eachRecord(t, func(t *rapid.T, r schemas.Record, value schemas.Value) {
		schema := avro.MustParse(r.Schema())
		data := value.AppendAvro(nil)
		decoded := r.New()
		rest, err := schema.Decode(data, decoded)
		if err != nil || len(rest) > 0 {
			t.Fatalf("%+v: %v, %d bytes left", value, err, len(rest))
		}
		if again := decoded.AppendAvro(nil); !bytes.Equal(again, data) {
			t.Fatalf("encodes to %x, decodes and encodes to %x", data, again)
		}
		var theirs any
		if _, err := schema.Decode(data, &theirs); err != nil {
			t.Fatal(err)
		}
		ours, err := schema.Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		var other any
		if _, err := schema.Decode(ours, &other); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(theirs, other) {
			t.Fatalf("read as %v from our bytes and as %v from the library's", theirs, other)
		}
	})
}

// The JSON form is one sequence of bytes for one record, whichever way the
// record came about, and encoding/json reads it back.
func TestJSONForm(t *testing.T) {
	t.Parallel()
	eachRecord(t, func(t *rapid.T, r schemas.Record, value schemas.Value) {
		text, err := schemas.AppendJSON(nil, value)
		if err != nil {
			t.Fatal(err)
		}
		fromWire, fromText := r.New(), r.New()
		if _, err := avro.MustParse(r.Schema()).Decode(value.AppendAvro(nil), fromWire); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, fromText); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for way, same := range map[string]schemas.Value{"the wire": fromWire, "the text": fromText} {
			again, err := schemas.AppendJSON(nil, same)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(again, text) {
				t.Fatalf("%s\ncame back by %s as\n%s", text, way, again)
			}
		}
	})
}

func TestJSONDetails(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("", 3600)
	for _, c := range []struct {
		value any
		want  string
	}{
		{
			&schemas.Claim{Owner: "<&>\u2028é", Time: time.Date(2026, 11, 23, 14, 0, 0, 120_999_999, berlin)},
			`{"owner":"<&>\u2028é","time":"2026-11-23T13:00:00.120Z"}`,
		},
		{&schemas.TimeWindow{}, `{}`},
		{&schemas.TimeWindow{Latest: time.UnixMilli(0)}, `{"latest":"1970-01-01T00:00:00.000Z"}`},
		{map[string]any{"b": nil, "a": []any{int64(1), 1.5, true, []byte{255}}}, `{"a":[1,1.5,true,"/w=="],"b":null}`},
	} {
		got, err := schemas.AppendJSON([]byte("x"), c.value)
		if err != nil || string(got) != "x"+c.want {
			t.Errorf("got %s, %v; want x%s", got, err, c.want)
		}
	}
}

// The table is whole: every topic's records exist, every record stands on a
// topic, and subjects do not collide.
func TestTopicTable(t *testing.T) {
	t.Parallel()
	used, subjects := map[string]bool{}, map[string]bool{}
	for _, topic := range schemas.Topics() {
		if same, ok := schemas.TopicOf(topic.Name); !ok || !reflect.DeepEqual(same, topic) {
			t.Errorf("TopicOf(%q) gave %+v", topic.Name, same)
		}
		if len(topic.Writers) == 0 || len(topic.Readers) == 0 || topic.MaxBytes == 0 {
			t.Errorf("%s lacks writers, readers or a size", topic.Name)
		}
		if topic.Compacted() != (strings.HasPrefix(topic.Name, "state.") || topic.Name == schemas.Switches || topic.Name == schemas.BuyerKeys) {
			t.Errorf("%s: compacted %v", topic.Name, topic.Compacted())
		}
		for _, name := range topic.Records {
			record, ok := schemas.Of(name)
			if !ok {
				t.Errorf("%s holds %s, which has no schema", topic.Name, name)
			}
			used[name] = true
			subject := topic.Subject("p.", record)
			if subjects[subject] {
				t.Errorf("subject %s stands for two things", subject)
			}
			subjects[subject] = true
		}
	}
	for _, r := range schemas.Records() {
		if !used[r.Name] {
			t.Errorf("%s stands on no topic", r.Name)
		}
	}
}

func TestMinInSync(t *testing.T) {
	t.Parallel()
	topic, _ := schemas.TopicOf(schemas.Orders)
	for replication, want := range map[int]string{-1: "", 0: "", 1: "1", 2: "1", 3: "2", 5: "2"} {
		if got := topic.Config(replication)["min.insync.replicas"]; got != want {
			t.Errorf("replication %d: min.insync.replicas %q, want %q", replication, got, want)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	order := &schemas.Order{
		EventID: strings.Repeat("ab", 32), OrderID: "202-1234567-8901234", CreatedTime: time.UnixMilli(1),
		Items: make([]schemas.OrderItem, 3),
	}
	dst := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schemas.AppendJSON(dst, order); err != nil {
			b.Fatal(err)
		}
	}
}

// What others write is bounded before it is decoded, on every topic that they write.
func TestUpstreamValuesAreBounded(t *testing.T) {
	t.Parallel()
	for _, topic := range schemas.Topics() {
		want := topic.MaxBytes
		if topic.Name == schemas.InventoryUpdates || topic.Name == schemas.Shipments || topic.Name == schemas.Cancellations {
			want = schemas.MaxUpstreamBytes
		}
		if got := topic.MaxValueBytes(); got != want {
			t.Errorf("%s: a value may have %d bytes, want %d", topic.Name, got, want)
		}
	}
}
