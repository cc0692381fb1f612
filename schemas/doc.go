// Package schemas owns what travels on Kafka: the Avro schemas (avro/*.avsc),
// the Go types generated from them, the table of topics, and the JSON form of
// a record that EventBridge and the command line use.
//
// To change a record, edit its .avsc file and run `go generate ./schemas`. A
// change must stay readable in both directions of a rolling upgrade: new
// fields have defaults, fields are not renamed, and a test holds every schema
// against the released ones in previous/. At a release previous/ becomes a copy
// of what Record.Schema returns and of testdata/golden/. A type that several files need is
// defined in the first of them by name, and the others refer to it. A new record also needs a golden one:
// testdata/golden/<file>.json by hand, its .bin by UPDATE_GOLDEN=1.
package schemas

//go:generate go run ./internal/generate -schemas avro -out types_gen.go
//go:generate go run ./internal/describe -out .
