// Command describe writes what people and other programs read about the
// topics: README.md with the topic table and every record, and a JSON Schema
// for the detail of each EventBridge event.
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
	files, err := describe()
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

// describe returns the generated files by their name.
func describe() (map[string][]byte, error) {
	files, err := jsonSchemas()
	if err != nil {
		return nil, err
	}
	files["README.md"], err = readme()
	return files, err
}
