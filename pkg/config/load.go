package config

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Example is the commented example file: every key with its default.
//
//go:embed example.yaml
var Example string

// maxFileBytes bounds the file: 10,000 accounts are about 3 MiB.
const maxFileBytes = 64 << 20

// Load reads and checks a file. Its error is a *Faults when the file can be
// read but is wrong.
func Load(name string) (Config, error) {
	file, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w; write one with `sellerstream config example > %s`", err, name)
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return Config{}, fmt.Errorf("configuration %s: %w", name, err)
	}
	if len(text) > maxFileBytes {
		return Config{}, fmt.Errorf("configuration %s: larger than %d MiB", name, maxFileBytes>>20)
	}
	return Parse(name, text)
}

// Parse checks text as Load does; name is for the messages.
func Parse(name string, text []byte) (Config, error) {
	faults := &Faults{File: name}
	cfg := Default()
	// Without aliases a node takes at least a byte.
	d := &decoder{faults: faults, lines: map[string]int{}, broken: map[string]bool{}, budget: 4*len(text) + 1000}

	var doc yaml.Node
	reader := yaml.NewDecoder(bytes.NewReader(text))
	switch err := reader.Decode(&doc); {
	case errors.Is(err, io.EOF):
	case err != nil:
		line, message := splitYAMLError(err)
		faults.add(line, "", "not YAML: %s", message)
		return Config{}, faults
	default:
		d.decode(doc.Content[0], reflect.ValueOf(&cfg).Elem(), "")
	}
	if err := reader.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		faults.add(0, "", "more than one YAML document: keep one and remove the \"---\" line")
	}
	v := validator{cfg: &cfg, faults: faults, lines: d.lines, broken: d.broken}
	v.validate()
	return cfg, faults.orNil()
}

// splitYAMLError takes the line out of the YAML library's syntax errors, which
// have it in their text only.
func splitYAMLError(err error) (int, string) {
	match := regexp.MustCompile(`^yaml: line (\d+): (.*)$`).FindStringSubmatch(err.Error())
	if match == nil {
		return 0, err.Error()
	}
	line, _ := strconv.Atoi(match[1])
	return line, match[2]
}
