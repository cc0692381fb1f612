package schemas

import (
	"embed"
	"fmt"
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

	file string
}

// FullName is the Avro full name, such as "sellerstream.Order".
func (r Record) FullName() string { return Namespace + "." + r.Name }

// File is the name of the record's files without an ending, such as "order_change".
func (r Record) File() string { return strings.TrimSuffix(r.file, ".avsc") }

// Schema is the Avro schema as it is committed and registered.
func (r Record) Schema() string {
	text, err := avroFiles.ReadFile("avro/" + r.file)
	if err != nil {
		// The table is generated from the same files that are embedded.
		panic(fmt.Sprintf("schemas: the schema of %s is not embedded: %v", r.Name, err))
	}
	return string(text)
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
