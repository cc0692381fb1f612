package registry

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/twmb/avro"
)

// Bounds of a schema from outside (containment rule 1), so that decoding a value
// takes work in proportion to its bytes. Without them the 5.7 KB of a schema of
// records Rn{a: Rn-1, b: Rn-1} make an empty value decode for 20 seconds.
const (
	// maxNodes bounds a schema in which each use of a named type counts as much as
	// its definition. Our largest has about 200.
	maxNodes = 10_000
	// maxNodesPerByte bounds the nodes that one byte of a value can make the decoder
	// visit. One that reads a single byte through records in records has a few.
	maxNodesPerByte = 16
)

// extent is what decoding one value of a schema takes, without what its unions,
// arrays and maps hold: that costs bytes of its own.
type extent struct {
	nodes int // visited, at most maxNodes+1
	bytes int // read at least, at most maxNodes+1
}

func (e extent) plus(f extent) extent {
	return extent{nodes: min(e.nodes+f.nodes, maxNodes+1), bytes: min(e.bytes+f.bytes, maxNodes+1)}
}

// bounded reports why values of a schema could cost more than their bytes; nil
// where they cannot.
func bounded(schema *avro.Schema) error {
	var root any
	if err := json.Unmarshal(schema.Canonical(), &root); err != nil {
		return err
	}
	m := measure{types: make(map[string]any), extents: make(map[string]extent), open: make(map[string]bool)}
	m.define(root)
	if err := m.check(root, false); err != nil {
		return err
	}
	for len(m.held) > 0 {
		next := m.held[len(m.held)-1]
		m.held = m.held[:len(m.held)-1]
		if err := m.check(next.of, next.item); err != nil {
			return err
		}
	}
	return nil
}

// measure walks a schema in Avro's canonical form, in which names are full.
type measure struct {
	types   map[string]any // definitions of named types
	extents map[string]extent
	open    map[string]bool // named types that are being measured
	held    []held          // what unions, arrays and maps hold, still to be checked
}

type held struct {
	of   any
	item bool // of an array: as many of it can follow as its count says
}

// define finds the definitions of named types.
func (m *measure) define(node any) {
	switch node := node.(type) {
	case []any:
		for _, branch := range node {
			m.define(branch)
		}
	case map[string]any:
		if name, ok := node["name"].(string); ok {
			m.types[name] = node
		}
		fields, _ := node["fields"].([]any)
		for _, f := range fields {
			if field, ok := f.(map[string]any); ok {
				m.define(field["type"])
			}
		}
		m.define(node["items"])
		m.define(node["values"])
	}
}

func (m *measure) check(node any, item bool) error {
	e, err := m.of(node)
	switch {
	case err != nil:
		return err
	case item && e.bytes == 0:
		return errors.New("it has an array whose items take no bytes, so that a short value can hold any number of them")
	case e.nodes > maxNodes:
		return fmt.Errorf("it has more than %d nodes, each use of a named type counted in full", maxNodes)
	case e.nodes > maxNodesPerByte*max(1, e.bytes):
		return fmt.Errorf("a value of %d bytes can have %d nodes of it, nulls and empty records included: the limit is %d for each byte",
			e.bytes, e.nodes, maxNodesPerByte)
	}
	return nil
}

// of measures a node down to its unions, arrays and maps, and notes what these
// hold. Each named type is measured once.
func (m *measure) of(node any) (extent, error) {
	switch node := node.(type) {
	case string:
		if e, ok := primitive(node); ok {
			return e, nil
		}
		return m.named(node)
	case []any:
		for _, branch := range node {
			m.held = append(m.held, held{of: branch})
		}
		return extent{1, 1}, nil
	case map[string]any:
		switch kind, _ := node["type"].(string); kind {
		case "array":
			m.held = append(m.held, held{of: node["items"], item: true})
			return extent{1, 1}, nil
		case "map":
			m.held = append(m.held, held{of: node["values"]})
			return extent{1, 1}, nil
		case "record", "error", "enum", "fixed":
			name, _ := node["name"].(string)
			return m.named(name)
		default:
			return m.of(node["type"])
		}
	}
	return extent{}, fmt.Errorf("it has a part that is no schema: %T", node)
}

func (m *measure) named(name string) (extent, error) {
	if e, ok := m.extents[name]; ok {
		return e, nil
	}
	definition, ok := m.types[name].(map[string]any)
	if !ok {
		return extent{}, fmt.Errorf("it does not define %.100q", name)
	}
	if m.open[name] {
		return extent{}, fmt.Errorf("record %.100q contains itself, so that no value of it ends", name)
	}
	m.open[name] = true
	defer delete(m.open, name)
	total := extent{nodes: 1}
	switch definition["type"] {
	case "enum":
		total.bytes = 1
	case "fixed":
		size, _ := definition["size"].(float64)
		total.bytes = int(min(max(0, size), maxNodes+1))
	default:
		fields, _ := definition["fields"].([]any)
		for _, f := range fields {
			field, _ := f.(map[string]any)
			e, err := m.of(field["type"])
			if err != nil {
				return extent{}, err
			}
			total = total.plus(e)
		}
	}
	m.extents[name] = total
	return total, nil
}

func primitive(name string) (extent, bool) {
	switch name {
	case "null":
		return extent{1, 0}, true
	case "boolean", "int", "long", "string", "bytes":
		return extent{1, 1}, true
	case "float":
		return extent{1, 4}, true
	case "double":
		return extent{1, 8}, true
	}
	return extent{}, false
}
