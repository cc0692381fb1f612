package registry

import (
	"fmt"
	"slices"

	"github.com/twmb/avro"
)

// lenient is a schema of ours as values of a producer's schema are read with it:
// it has long in place of each int, and takes null where the producer's type is a
// union with it. Avro's own resolution refuses both, whatever the values are.
// Decoding a number into our type fails where it does not fit; nullable reports
// that nulls must still be refused, for which there is throughStrict.
func lenient(ours, writer *avro.Schema) (read *avro.Schema, nullable bool, err error) {
	root, l := ours.Root(), leniency{}
	l.widen(root, writer.Root())
	read, err = root.Schema()
	return read, l.nullable, err
}

type leniency struct{ nullable bool }

// widen changes a type of ours. theirs stands in its place in the producer's schema; nil
// where that is not known.
func (l *leniency) widen(own, theirs *avro.SchemaNode) {
	switch own.Type {
	case "int":
		own.Type = "long"
	case "union":
		for i := range own.Branches {
			l.widen(&own.Branches[i], nil)
		}
	case "array":
		if theirs != nil {
			theirs = theirs.Items
		}
		l.widen(own.Items, theirs)
	case "record":
		for i := range own.Fields {
			l.field(&own.Fields[i].Type, typeOf(theirs, own.Fields[i].Name))
		}
	}
}

func (l *leniency) field(own, theirs *avro.SchemaNode) {
	isNull := func(n avro.SchemaNode) bool { return n.Type == "null" }
	if own.Type == "union" || theirs == nil || !slices.ContainsFunc(theirs.Branches, isNull) {
		l.widen(own, theirs)
		return
	}
	var value *avro.SchemaNode
	for i := range theirs.Branches {
		if !isNull(theirs.Branches[i]) {
			value = &theirs.Branches[i]
		}
	}
	l.widen(own, value)
	// Null comes last: a union's default is of its first branch.
	*own = avro.SchemaNode{Type: "union", Branches: []avro.SchemaNode{*own, {Type: "null"}}}
	l.nullable = true
}

// typeOf is the type of a record's field; nil for none.
func typeOf(record *avro.SchemaNode, field string) *avro.SchemaNode {
	if record != nil {
		for i := range record.Fields {
			if record.Fields[i].Name == field {
				return &record.Fields[i].Type
			}
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
