// Package schemas owns what travels on Kafka: the Avro schemas, the Go types
// generated from them, and the table of topics.
package schemas

//go:generate go run ./internal/generate -schemas avro -out types_gen.go
