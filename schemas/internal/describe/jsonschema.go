package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strings"

	"github.com/twmb/avro"

	"github.com/sellerstream/sellerstream/schemas"
)

const draft = "https://json-schema.org/draft/2020-12/schema"

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(m.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// jsonSchemas returns a JSON Schema for the detail of every event.
func jsonSchemas(root string) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, e := range schemas.Events() {
		text, err := jsonSchema(root, e)
		if err != nil {
			return nil, fmt.Errorf("event %s: %w", e.Name(), err)
		}
		files["jsonschema/"+e.Name()+".json"] = append(text, '\n')
	}
	return files, nil
}

func jsonSchema(root string, e schemas.Event) ([]byte, error) {
	record, ok := schemas.Of(e.Record)
	if !ok {
		return nil, fmt.Errorf("it is of %s, which has no schema", e.Record)
	}
	parsed, err := avro.Parse(record.Schema())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Record, err)
	}
	c := converter{event: e}
	detail := c.record(parsed.Root())
	document := append(object{{"$schema", draft}, {"title", e.Name()}}, detail...)
	if len(c.definitions) > 0 {
		document = append(document, member{"$defs", c.definitions})
	}
	example, err := exampleOf(root, e, record)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(append(document, member{"examples", []json.RawMessage{example}}), "", "  ")
}

// exampleOf is the detail of the event's example record.
func exampleOf(root string, e schemas.Event, record schemas.Record) (json.RawMessage, error) {
	text, err := fs.ReadFile(os.DirFS(root), "testdata/events/"+e.Name()+".json")
	if err != nil {
		return nil, err
	}
	value := record.New()
	if err := json.Unmarshal(text, value); err != nil {
		return nil, fmt.Errorf("its example: %w", err)
	}
	detail, detailType, err := schemas.AppendDetail(nil, value)
	if err == nil && (detailType == "" || e.DetailType != "" && detailType != e.DetailType) {
		err = fmt.Errorf("it is the event %q", detailType)
	}
	if err != nil {
		return nil, fmt.Errorf("its example: %w", err)
	}
	return detail, nil
}

// converter turns Avro types into JSON Schema.
type converter struct {
	event       schemas.Event
	definitions object // the records inside the detail, by name
}

// record converts a record. Members that it does not name are allowed: they
// come with later versions.
func (c *converter) record(node *avro.SchemaNode) object {
	var properties object
	required := []string{} // "null" would not be a schema
	for i := range node.Fields {
		f := &node.Fields[i]
		name := f.Name
		if name == c.event.Without {
			continue
		}
		if name == "eventId" {
			name = "id"
		}
		property := append(object{{"description", f.Doc}}, c.typ(&f.Type)...)
		if f.Name == c.event.Field {
			property = append(property, member{"const", c.event.Value})
		}
		properties = append(properties, member{name, property})
		if f.Type.Type != "union" {
			required = append(required, name)
		}
	}
	return object{{"description", node.Doc}, {"type", "object"}, {"properties", properties}, {"required", required}}
}

// typ converts a type. A value that may be null is left out when it is.
func (c *converter) typ(node *avro.SchemaNode) object {
	if node.LogicalType == "timestamp-millis" {
		return object{{"type", "string"}, {"format", "date-time"}}
	}
	switch node.Type {
	case "union":
		return c.typ(&node.Branches[1])
	case "string":
		return object{{"type", "string"}}
	case "bytes":
		return object{{"type", "string"}, {"contentEncoding", "base64"}}
	case "boolean":
		return object{{"type", "boolean"}}
	case "int":
		return object{{"type", "integer"}, {"minimum", math.MinInt32}, {"maximum", math.MaxInt32}}
	case "long":
		return object{{"type", "integer"}}
	case "double":
		return object{{"type", "number"}}
	case "array":
		return object{{"type", "array"}, {"items", c.typ(node.Items)}}
	case "map":
		return object{{"type", "object"}, {"additionalProperties", c.typ(node.Values)}}
	case "record":
		c.definitions = append(c.definitions, member{node.Name, c.record(node)})
		return object{{"$ref", "#/$defs/" + node.Name}}
	}
	return object{{"$ref", "#/$defs/" + strings.TrimPrefix(node.Type, schemas.Namespace+".")}}
}
