// Command describe writes what people and other programs read about the
// topics: README.md with the topic table and every record, and a JSON Schema
// with an example for the detail of each EventBridge event.
//
//	go run ./internal/describe -out .
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", ".", "folder to write to")
	flag.Parse()
	if err := write(*out); err != nil {
		fmt.Fprintln(os.Stderr, "describe:", err)
		os.Exit(1)
	}
}

func write(out string) error {
	files, err := describe(out)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(out, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// describe returns the generated files by their name. The events' examples are
// read from testdata/events in root.
func describe(root string) (map[string][]byte, error) {
	files, err := jsonSchemas(root)
	if err != nil {
		return nil, err
	}
	files["README.md"], err = readme()
	return files, err
}
