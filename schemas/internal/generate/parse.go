package main

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// avroType is one of the types that are used here.
type avroType struct {
	kind     string // "string", "bytes", "int", "long", "double", "boolean", "time", "array", "map", or a record's name
	nullable bool   // a union of null and the type
	element  *avroType
}

type record struct {
	name   string
	doc    string
	file   string // that defines it
	fields []field
}

type field struct {
	name string
	doc  string
	typ  avroType
}

// parse reads an Avro type and enters the records that it defines.
func parse(raw json.RawMessage, records map[string]*record) (avroType, error) {
	raw = bytes.TrimSpace(raw)
	switch raw[0] {
	case '"':
		var name string
		if err := json.Unmarshal(raw, &name); err != nil {
			return avroType{}, err
		}
		if name != "string" && name != "bytes" && !isPrimitive(name) && records[name] == nil {
			return avroType{}, fmt.Errorf("type %s is not used here", name)
		}
		return avroType{kind: name}, nil
	case '[':
		var branches []json.RawMessage
		if err := json.Unmarshal(raw, &branches); err != nil {
			return avroType{}, err
		}
		if len(branches) != 2 || string(branches[0]) != `"null"` {
			return avroType{}, fmt.Errorf("union %s: only [\"null\", T] is used here", raw)
		}
		typ, err := parse(branches[1], records)
		typ.nullable = true
		return typ, err
	}
	return parseComplex(raw, records)
}

func parseComplex(raw json.RawMessage, records map[string]*record) (avroType, error) {
	var t struct {
		Type        string          `json:"type"`
		LogicalType string          `json:"logicalType"`
		Items       json.RawMessage `json:"items"`
		Values      json.RawMessage `json:"values"`
	}
	if err := json.Unmarshal(raw, &t); err != nil {
		return avroType{}, err
	}
	switch {
	case t.LogicalType == "timestamp-millis":
		return avroType{kind: "time"}, nil
	case t.Type == "array":
		item, err := parse(t.Items, records)
		return avroType{kind: "array", element: &item}, err
	case t.Type == "map":
		value, err := parse(t.Values, records)
		return avroType{kind: "map", element: &value}, err
	case t.Type == "record":
		return parseRecord(raw, records)
	}
	return avroType{}, fmt.Errorf("type %s is not used here", raw)
}

func parseRecord(raw json.RawMessage, records map[string]*record) (avroType, error) {
	var r struct {
		Name   string `json:"name"`
		Doc    string `json:"doc"`
		Fields []struct {
			Name string          `json:"name"`
			Doc  string          `json:"doc"`
			Type json.RawMessage `json:"type"`
		} `json:"fields"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return avroType{}, err
	}
	parsed := &record{name: r.Name, doc: r.Doc}
	for _, f := range r.Fields {
		if f.Doc == "" {
			return avroType{}, fmt.Errorf("%s: field %s has no doc", r.Name, f.Name)
		}
		typ, err := parse(f.Type, records)
		if err != nil {
			return avroType{}, fmt.Errorf("%s: field %s: %w", r.Name, f.Name, err)
		}
		parsed.fields = append(parsed.fields, field{f.Name, f.Doc, typ})
	}
	if records[r.Name] != nil {
		return avroType{}, fmt.Errorf("%s is defined already: refer to it by its name", r.Name)
	}
	records[r.Name] = parsed
	return avroType{kind: r.Name}, nil
}
