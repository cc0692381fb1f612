package secrets

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const canary = "canary-of-a-secret"

// holder is how a secret is usually met: inside something else.
type holder struct {
	Name     string
	Exported Secret
	Pointer  *Secret
	List     []Secret
	hidden   Secret
	source   Source
}

func newHolder() holder {
	s := New(canary)
	return holder{Name: "x", Exported: s, Pointer: &s, List: []Secret{s}, hidden: s, source: Literal(s)}
}

func TestASecretIsNotPrinted(t *testing.T) {
	t.Parallel()
	for _, value := range []any{New(canary), newHolder(), map[string]Secret{"k": New(canary)}, fmt.Errorf("failed with %v", New(canary))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			if got := fmt.Sprintf(verb, value); leaks(got) {
				t.Errorf("%s of a %T prints %s", verb, value, got)
			}
		}
	}
}

func TestASecretIsNotLogged(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("m", "secret", New(canary), "holder", newHolder(), slog.Group("g", "s", New(canary)))
	}
	if leaks(out.String()) {
		t.Errorf("logged %s", out.String())
	}
}

func TestASecretIsNotMarshalled(t *testing.T) {
	t.Parallel()
	h := newHolder()
	if text, err := json.Marshal(h); !errors.Is(err, ErrMarshal) || leaks(string(text)) {
		t.Errorf("JSON: %s, %v", text, err)
	}
	if text, err := xml.Marshal(h); err == nil || leaks(string(text)) {
		t.Errorf("XML: %s, %v", text, err)
	}
	if text, err := yaml.Marshal(h); err == nil || leaks(string(text)) {
		t.Errorf("YAML: %s, %v", text, err)
	}
	var out bytes.Buffer
	if err := gob.NewEncoder(&out).Encode(h); err == nil || leaks(out.String()) {
		t.Errorf("gob: %v", err)
	}
}

func TestASecretIsNotCompared(t *testing.T) {
	t.Parallel()
	if reflect.TypeFor[Secret]().Comparable() {
		t.Error("== compiles, and takes a time that tells")
	}
}

func leaks(text string) bool {
	return strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", canary))
}

func TestReveal(t *testing.T) {
	t.Parallel()
	if got := New(canary).Reveal(); got != canary {
		t.Errorf("%q", got)
	}
	if !(Secret{}).Empty() || (Secret{}).Reveal() != "" || New(canary).Empty() {
		t.Error("Empty is wrong")
	}
}

func TestSources(t *testing.T) {
	t.Setenv("SELLERSTREAM_TEST_SECRET", canary)
	t.Setenv("SELLERSTREAM_TEST_EMPTY", "")
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, test := range map[string]struct {
		source Source
		fails  string // a part of the error
	}{
		"environment":           {Env("SELLERSTREAM_TEST_SECRET"), ""},
		"file":                  {File(write("good", canary)), ""},
		"file with a line end":  {File(write("line", canary+"\r\n")), ""},
		"literal":               {Literal(New(canary)), ""},
		"environment, unset":    {Env("SELLERSTREAM_TEST_UNSET"), "SELLERSTREAM_TEST_UNSET"},
		"environment, empty":    {Env("SELLERSTREAM_TEST_EMPTY"), "SELLERSTREAM_TEST_EMPTY"},
		"file, missing":         {File(filepath.Join(dir, "missing")), "missing"},
		"file, empty":           {File(write("empty", "\n")), "empty"},
		"file, far too large":   {File(write("large", strings.Repeat("canary-of-a-secret", 10_000))), "larger than 64 KiB"},
		"a directory as a file": {File(dir), dir},
		"literal, empty":        {Literal(Secret{}), "empty"},
	} {
		got, err := test.source.Secret(t.Context())
		switch {
		case test.fails == "" && (err != nil || got.Reveal() != canary):
			t.Errorf("%s: %v", name, err)
		case test.fails != "" && (err == nil || !strings.Contains(err.Error(), test.fails) || leaks(err.Error())):
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestAFileIsReadAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	source := File(path)
	for _, value := range []string{"first", "second"} {
		if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := source.Secret(t.Context()); err != nil || got.Reveal() != value {
			t.Errorf("%v, want the one that was just written", err)
		}
	}
}
