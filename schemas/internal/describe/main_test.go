package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestUpToDate(t *testing.T) {
	t.Parallel()
	files, err := describe("../..")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Error(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the schemas say: run `go generate ./schemas` and commit the result", name)
		}
	}
	there, err := filepath.Glob("../../jsonschema/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(there) != len(files)-1 {
		t.Errorf("jsonschema holds %d files for %d events: remove what is left over", len(there), len(files)-1)
	}
}
