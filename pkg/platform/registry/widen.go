package registry

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/twmb/avro"
)

// lenient is a schema of ours as values of a producer's schema are read with it:
// it has long in place of each int, and takes null where the producer's type is a
// union with it. Avro's own resolution refuses both, whatever the values are.
// Decoding a number into our type fails where it does not fit; nullable reports
// that nulls must still be refused, for which there is throughStrict.
func lenient(ours string, writer *avro.Schema) (schema string, nullable bool) {
	var own, theirs any
	if json.Unmarshal([]byte(ours), &own) != nil || json.Unmarshal(writer.Canonical(), &theirs) != nil {
		return ours, false // and parsing it says why
	}
	l := leniency{}
	text, err := json.Marshal(l.of(own, theirs))
	if err != nil {
		return ours, false
	}
	return string(text), l.nullable
}

type leniency struct{ nullable bool }

func (l *leniency) of(own, theirs any) any {
	switch own := own.(type) {
	case string:
		if own == "int" {
			return "long"
		}
	case []any:
		for i := range own {
			own[i] = l.of(own[i], nil)
		}
	case map[string]any:
		their, _ := theirs.(map[string]any)
		if own["type"] == "array" {
			own["items"] = l.of(own["items"], their["items"])
			return own
		}
		fields, isRecord := own["fields"].([]any)
		if !isRecord {
			own["type"] = l.of(own["type"], nil)
			return own
		}
		for _, f := range fields {
			field := f.(map[string]any)
			l.field(field, fieldNamed(their, field["name"]))
		}
	}
	return own
}

func (l *leniency) field(field map[string]any, theirs any) {
	_, optional := field["type"].([]any)
	union, isUnion := theirs.([]any)
	if optional || !isUnion || !slices.Contains(union, any("null")) {
		field["type"] = l.of(field["type"], theirs)
		return
	}
	for _, branch := range union {
		if branch != any("null") {
			theirs = branch
		}
	}
	// Null comes last: a union's default is of its first branch.
	field["type"] = []any{l.of(field["type"], theirs), "null"}
	l.nullable = true
}

func fieldNamed(record map[string]any, name any) any {
	fields, _ := record["fields"].([]any)
	for _, f := range fields {
		if field, ok := f.(map[string]any); ok && field["name"] == name {
			return field["type"]
		}
	}
	return nil
}

// throughStrict decodes a value and encodes it with our own schema, which refuses
// null where there must be a value.
func (r reader) throughStrict(id int, body []byte, into any) error {
	var value any
	if err := decode(r.schema, id, body, &value); err != nil {
		return err
	}
	own, err := r.strict.Encode(value)
	if err != nil {
		return fmt.Errorf("value of schema id %d: a field that must have a value is null, or too large: %w", id, err)
	}
	return decode(r.strict, id, own, into)
}
