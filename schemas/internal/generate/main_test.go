package main

import (
	"os"
	"strings"
	"testing"
)

func TestUpToDate(t *testing.T) {
	t.Parallel()
	want, err := generate("../../avro")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../types_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("types_gen.go is not what the schemas say: run `go generate ./schemas` and commit the result")
	}
}

// What the Go types cannot express must be refused, not written wrongly.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}`:                                              "no doc",
		`{"type":"record","name":"R","fields":[{"name":"a","doc":"d","type":["int","string"]}]}`:                         "union",
		`{"type":"record","name":"R","fields":[{"name":"a","doc":"d","type":["null","int","string"]}]}`:                  "union",
		`{"type":"record","name":"R","fields":[{"name":"a","doc":"d","type":{"type":"enum","name":"E"}}]}`:               "not used here",
		`{"type":"record","name":"R","fields":[{"name":"a","doc":"d","type":{"type":"array","items":["int"]}}]}`:         "union",
		`{"type":"record","name":"R","fields":[{"name":"a","doc":"d","type":"float"}]}`:                                  "not used here",
		`{"type":"record","name":"R","fields":[{"name":"a","doc":"d","type":{"type":"record","name":"S","fields":[]}}]}`: "S is defined already",
	} {
		if _, err := parse([]byte(schema), map[string]*record{"S": {}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gave %v", schema, err)
		}
	}
}

func TestGoName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"orderId": "OrderID", "sellerSku": "SellerSKU", "id": "ID", "marketplaceIds": "MarketplaceIDs", "sha256": "SHA256", "time": "Time",
	} {
		if got := goName(name); got != want {
			t.Errorf("%s became %s, want %s", name, got, want)
		}
	}
}
