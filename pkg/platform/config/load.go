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
	"strings"

	"go.yaml.in/yaml/v3"
)

// Example is the commented example file: every key with its default.
//
//go:embed example.yaml
var Example string

// maxFileBytes bounds a file (containment rule 1): 10,000 accounts are about 3
// MiB, and a parsed file takes up to a hundred times its size.
const maxFileBytes = 8 << 20

// maxFiles bounds the folder of accounts.
const maxFiles = 10_000

// Load reads and checks a file and the folder of accounts that it names. Its
// error is a *Faults when they can be read but are wrong.
func Load(name string) (Config, error) {
	_, cfg, err := Open(name)
	return cfg, err
}

// Parse checks a file's text; name is for the messages. Only Load reads the
// folder of accounts.
func Parse(name string, text []byte) (Config, error) {
	faults := &Faults{File: name}
	cfg := Default()
	if d := decodeText(faults, text, &cfg); d != nil {
		v := validator{cfg: &cfg, faults: faults, lines: d.lines, broken: d.broken}
		v.validate()
	}
	return cfg, faults.orNil()
}

// parseAccounts checks the text of a file of accounts, which belong to main.
func parseAccounts(name string, text []byte, main *Config) ([]Account, *Faults) {
	faults := &Faults{File: name}
	var content struct {
		Accounts []Account `yaml:"accounts"`
	}
	d := decodeText(faults, text, &content)
	if d == nil {
		return nil, faults
	}
	whole := *main
	whole.Accounts, whole.AccountsDir = content.Accounts, ""
	v := validator{cfg: &whole, faults: faults, lines: d.lines, broken: d.broken}
	var applications []string
	for _, app := range main.Applications {
		applications = append(applications, app.Name)
	}
	v.accounts(applications)
	for _, a := range whole.Accounts {
		if n := len(main.Bridge.QueuesFor(a.Application, a.Region)); n > 1 {
			faults.at(a.at, "", "it would be subscribed to %d queues: give each of them under bridge.queues a region or an application", n)
		}
	}
	if len(faults.Found) > 0 {
		return nil, faults
	}
	return whole.Accounts, nil
}

// decodeText puts text into into, a pointer to a struct. It returns nil for
// what is not YAML.
func decodeText(faults *Faults, text []byte, into any) *decoder {
	// Without aliases a node takes at least a byte.
	d := &decoder{faults: faults, lines: map[string]int{}, broken: map[string]bool{}, budget: 4*len(text) + 1000}
	var doc yaml.Node
	reader := yaml.NewDecoder(bytes.NewReader(text))
	switch err := reader.Decode(&doc); {
	case errors.Is(err, io.EOF):
	case err != nil:
		line, message := splitYAMLError(err)
		faults.add(line, "", "not YAML: %s", message)
		return nil
	default:
		d.decode(doc.Content[0], reflect.ValueOf(into).Elem(), "")
	}
	if err := reader.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		faults.add(0, "", "more than one YAML document: keep one and remove the \"---\" line")
	}
	return d
}

// readText reads a file within bounds.
func readText(name string) ([]byte, error) {
	file, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("larger than %d MiB", maxFileBytes>>20)
	}
	return text, nil
}

// splitYAMLError takes the line out of the YAML library's syntax errors, which
// have it in their text only.
func splitYAMLError(err error) (int, string) {
	if strings.Contains(err.Error(), "unknown anchor") { // which it repeats
		return 0, "an alias, which begins with *, names no anchor: put a text that begins so in quotes"
	}
	match := regexp.MustCompile(`^yaml: line (\d+): (.*)$`).FindStringSubmatch(err.Error())
	if match == nil {
		return 0, err.Error()
	}
	line, _ := strconv.Atoi(match[1])
	return line, match[2]
}
