package columns_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/operator/columns"
	"github.com/sellerstream/sellerstream/test/property"
)

type (
	named    string
	stringer struct{ text string }
)

func (s stringer) String() string { return s.text }

// Whatever stands in a cell, a table has its rows and nothing that steers a terminal.
func TestACellCannotSteer(t *testing.T) {
	t.Parallel()
	check := func(t interface {
		Fatalf(format string, args ...any)
	}, text string,
	) {
		var b strings.Builder
		table := columns.New(&b)
		for range 3 {
			table.Printf("%s\t%s\t%v\t%d\t%v\n", text, stringer{text}, errors.New(text), 7, []named{named(text)})
		}
		if err := table.Flush(); err != nil {
			t.Fatalf("%v", err)
		}
		got := b.String()
		if strings.Count(got, "\n") != 3 || strings.ContainsFunc(strings.ReplaceAll(got, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q is shown as %q", text, got)
		}
	}
	for _, text := range []string{"", "acme-eu", "\x1b[2J", "a\tb\r\nc", "\u202egpj.exe", "\u2066x", "\xff\x9b31m", "\v\f"} {
		check(t, text)
	}
	property.Check(t, func(t *rapid.T) { check(t, rapid.String().Draw(t, "text")) })
	property.Check(t, func(t *rapid.T) { check(t, string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))) })
}

// Every table of the commands is written here.
func TestNoTableIsWrittenElsewhere(t *testing.T) {
	t.Parallel()
	for root, least := range map[string]int{"../../../cmd": 30, "../..": 200} {
		files := 0
		err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.Contains(path, "columns") {
				return err
			}
			files++
			text, err := os.ReadFile(path)
			if strings.Contains(string(text), `"text/tabwriter"`) {
				t.Errorf("%s writes a table without escaping what stands in it: use package columns", path)
			}
			return err
		})
		if err != nil || files < least {
			t.Errorf("%s: %d files were looked at, want %d: %v", root, files, least, err)
		}
	}
}
