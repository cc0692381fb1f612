package registry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/sr"
	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

// doubling returns a schema of n+1 records; each has the one below twice.
func doubling(n int, leaf string) string {
	if n == 0 {
		return `{"type":"record","name":"R0","fields":[` + leaf + `]}`
	}
	return fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":"R%d"}]}`, n, doubling(n-1, leaf), n-1)
}

func inRecord(kind string) string {
	return `{"type":"record","name":"W","fields":[{"name":"x","type":` + kind + `}]}`
}

func fields(n int, kind string) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`{"name":"f%d","type":%s}`, i, kind))
	}
	return `{"type":"record","name":"Wide","fields":[` + strings.Join(all, ",") + `]}`
}

func TestSchemasWhoseValuesCostMoreThanTheirBytes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, schema, want string }{
		{"doubling of nothing", doubling(26, ""), "nodes"},
		{"doubling of nothing, at most depth", doubling(150, ""), "nodes"},
		{"doubling of a byte", doubling(20, `{"name":"x","type":"int"}`), "more than 10000 nodes"},
		{"doubling in a union", inRecord(`["null",` + doubling(26, "") + `]`), "nodes"},
		{"doubling in an array", inRecord(`{"type":"array","items":` + doubling(26, "") + `}`), "no bytes"},
		{"doubling in a map", inRecord(`{"type":"map","values":` + doubling(26, "") + `}`), "nodes"},
		{"nulls in an array", inRecord(`{"type":"array","items":"null"}`), "no bytes"},
		{"empty fixed in an array", inRecord(`{"type":"array","items":{"type":"fixed","name":"F","size":0}}`), "no bytes"},
		{"many nulls, a byte", inRecord(`["null",` + fields(17, `"null"`) + `]`), "18 nodes"},
		{"itself", `{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}`, "contains itself"},
		{"each other", `{"type":"record","name":"R","fields":[{"name":"s","type":{"type":"record","name":"S","fields":[{"name":"r","type":"R"}]}}]}`, "contains itself"},
		{"too wide", fields(maxNodes, `"int"`), "more than 10000 nodes"},
	} {
		schema, err := avro.Parse(c.schema)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		started := time.Now()
		if err := bounded(schema); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", c.name, err, c.want)
		}
		if took := time.Since(started); took > time.Second {
			t.Errorf("%s: %v to see it", c.name, took)
		}
	}
}

// What people write passes: our own schemas first of all.
func TestSchemasThatPass(t *testing.T) {
	t.Parallel()
	for _, record := range schemas.Records() {
		if err := bounded(avro.MustParse(record.Schema())); err != nil {
			t.Errorf("%s: %v", record.Name, err)
		}
	}
	for _, text := range []string{
		`"string"`, `"null"`, `["null","int"]`, fields(maxNodes-1, `"int"`), doubling(8, `{"name":"x","type":"int"}`),
		`{"type":"record","name":"Empty","fields":[]}`,
		`{"type":"record","name":"List","namespace":"a.b","fields":[{"name":"v","type":"long"},{"name":"next","type":["null","List"]}]}`,
		`{"type":"record","name":"Tree","fields":[{"name":"children","type":{"type":"array","items":"Tree"}}]}`,
		`{"type":"map","values":{"type":"map","values":"null"}}`,
		`{"type":"record","name":"D","fields":[{"name":"d","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
			{"name":"u","type":{"type":"fixed","name":"U","size":16}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A"]}}]}`,
	} {
		if err := bounded(avro.MustParse(text)); err != nil {
			t.Errorf("%.100s: %v", text, err)
		}
	}
}

// schemaText draws a schema; names are used again, within and across namespaces.
func schemaText(depth int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		names := 0
		var draw func(depth int) string
		draw = func(depth int) string {
			kinds := []string{"primitive", "used"}
			if depth > 0 {
				kinds = append(kinds, "record", "record", "array", "map", "union")
			}
			switch rapid.SampledFrom(kinds).Draw(t, "kind") {
			case "used":
				if names > 0 {
					return fmt.Sprintf(`"R%d"`, rapid.IntRange(0, names-1).Draw(t, "name"))
				}
			case "record":
				name := names
				names++
				var all []string
				for i := range rapid.IntRange(0, 3).Draw(t, "fields") {
					all = append(all, fmt.Sprintf(`{"name":"f%d","type":%s}`, i, draw(depth-1)))
				}
				return fmt.Sprintf(`{"type":"record","name":"R%d","fields":[%s]}`, name, strings.Join(all, ","))
			case "array":
				return `{"type":"array","items":` + draw(depth-1) + `}`
			case "map":
				return `{"type":"map","values":` + draw(depth-1) + `}`
			case "union":
				return `["null",` + `{"type":"array","items":` + draw(depth-1) + `}]`
			}
			return rapid.SampledFrom([]string{`"null"`, `"int"`, `"string"`, `"double"`}).Draw(t, "primitive")
		}
		return draw(depth)
	})
}

// A value of a schema that passes takes time in proportion to its bytes,
// whatever the bytes.
func TestDecodingIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	property.Check(t, func(t *rapid.T) {
		text := schemaText(8).Draw(t, "schema")
		schema, err := avro.Parse(text)
		if err != nil || bounded(schema) != nil {
			return
		}
		data := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data")
		if nodes := visited(schema, data); nodes > 2*maxNodesPerByte*(len(data)+2) {
			t.Errorf("%d nodes for %d bytes of %s", nodes, len(data), text)
		}
	})
}

// visited counts the nodes of what the bytes decode to.
func visited(schema *avro.Schema, data []byte) int {
	var value any
	_, _ = schema.Decode(data, &value)
	return count(value)
}

func count(value any) int {
	n := 1
	switch value := value.(type) {
	case map[string]any:
		for _, v := range value {
			n += count(v)
		}
	case []any:
		for _, v := range value {
			n += count(v)
		}
	}
	return n
}

// The writer's schema comes from the registry, which others write to as well.
func FuzzSchema(f *testing.F) {
	f.Add(doubling(3, ""), []byte{})
	f.Add(doubling(3, `{"name":"x","type":"int"}`), []byte("12345678"))
	f.Add(inRecord(`{"type":"array","items":{"type":"map","values":["null","string"]}}`), []byte("\x02\x02\x02x\x00\x00\x00"))
	for _, name := range []string{"InventoryUpdate", "Shipment", "Position"} {
		record, _ := schemas.Of(name)
		f.Add(record.Schema(), record.New().AppendAvro(nil))
	}
	f.Fuzz(func(t *testing.T, schema string, data []byte) {
		w, err := parse(sr.Schema{Schema: schema, Type: sr.TypeAvro})
		if err != nil {
			return
		}
		if nodes := visited(w.schema, data); nodes > 2*maxNodesPerByte*(len(data)+2) {
			t.Errorf("%d nodes for %d bytes of %s", nodes, len(data), schema)
		}
		for _, topic := range []string{schemas.InventoryUpdates, schemas.Shipments, schemas.StateOrders} {
			r := resolve(w, readerKey{1, topic})
			if r.err != nil {
				continue
			}
			if value := r.new(); decode(r.schema, 1, data, value) == nil {
				value.AppendAvro(nil)
			}
		}
	})
}

func TestACacheIsBoundedByEntriesAndBytes(t *testing.T) {
	t.Parallel()
	var c cache[int, string]
	for i := range 3 * maxCached {
		c.put(i, "x", 1)
	}
	if len(c.entries) != maxCached {
		t.Errorf("%d entries", len(c.entries))
	}
	for i := range 100 {
		c.put(i, "y", maxCachedBytes/4)
		c.put(i, "y", maxCachedBytes/4)
	}
	if c.weight > maxCachedBytes || len(c.entries) > maxCached || len(c.entries) < 4 {
		t.Errorf("%d entries of %d bytes", len(c.entries), c.weight)
	}
	if v, ok := c.get(99); !ok || v != "y" {
		t.Errorf("the newest is %q, %t", v, ok)
	}
}
