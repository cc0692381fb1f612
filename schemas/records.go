package schemas

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// Namespace is the Avro namespace of every record.
const Namespace = "sellerstream"

//go:embed avro/*.avsc
var avroFiles embed.FS

// Record is one kind of value that stands on a topic.
type Record struct {
	Name string       // the Avro name and the Go type's, such as "Order"
	New  func() Value // makes a pointer to an empty value of the Go type

	file   string
	shared []shared // what the file refers to
}

// shared is a type that one file defines and others refer to by its name. So all files can
// be compiled in one go, by avro-tools too, which takes no type twice.
type shared struct{ name, file string }

// FullName is the Avro full name, such as "sellerstream.Order".
func (r Record) FullName() string { return Namespace + "." + r.Name }

// File is the name of the record's files without an ending, such as "order_change".
func (r Record) File() string { return strings.TrimSuffix(r.file, ".avsc") }

// Schema is the Avro schema as it is registered: its file, with the definition of each
// shared type in place of the first reference to it.
func (r Record) Schema() string {
	text := readSchema(r.file)
	for _, s := range r.shared {
		reference := regexp.MustCompile(`("(?:type|items|values)":\s*|[\[,]\s*)"` + s.name + `"`)
		at := reference.FindStringSubmatchIndex(text)
		text = text[:at[3]] + string(definition([]byte(readSchema(s.file)), s.name)) + text[at[1]:]
	}
	if r.shared == nil {
		return text
	}
	var uniform bytes.Buffer
	if err := json.Indent(&uniform, []byte(text), "", "  "); err != nil {
		panic(fmt.Sprintf("schemas: the schema of %s: %v", r.Name, err))
	}
	return uniform.String()
}

func readSchema(file string) string {
	text, err := avroFiles.ReadFile("avro/" + file)
	if err != nil {
		// The table is generated from the same files that are embedded.
		panic(fmt.Sprintf("schemas: %s is not embedded: %v", file, err))
	}
	return string(text)
}

// definition finds the definition of a type in a schema; nil for none.
func definition(schema json.RawMessage, name string) json.RawMessage {
	var members map[string]json.RawMessage
	var list []json.RawMessage
	if json.Unmarshal(schema, &members) == nil {
		if bytes.Equal(members["name"], []byte(`"`+name+`"`)) && members["fields"] != nil {
			return schema
		}
		list = []json.RawMessage{members["type"], members["items"], members["values"], members["fields"]}
	} else if json.Unmarshal(schema, &list) != nil {
		return nil
	}
	for _, below := range list {
		if found := definition(below, name); found != nil {
			return found
		}
	}
	return nil
}

// Records lists every kind of record, by name.
func Records() []Record { return recordTable() }

// Of finds a record by its name, such as "Order".
func Of(name string) (Record, bool) {
	for _, r := range recordTable() {
		if r.Name == name {
			return r, true
		}
	}
	return Record{}, false
}
