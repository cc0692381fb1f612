package spapi

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// TestReadmeListsEveryOperation holds the table of README.md against the operations.
func TestReadmeListsEveryOperation(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| operation | request | a second | burst | a lost answer |\n|---|---|---|---|---|\n")
	for _, o := range model.Operations() {
		lost := "ask again"
		switch {
		case !o.Repeatable():
			lost = "look before it is repeated"
		case o.InDoubt():
			lost = "may be repeated"
		}
		if o.Throttle() {
			fmt.Fprintf(&table, "| `%s` | with `createFeed` | %g | %d | |\n", o.Name, o.Rate, o.Burst)
			continue
		}
		fmt.Fprintf(&table, "| `%s` | %s `%s` | %g | %d | %s |\n", o.Name, o.Method, o.Path, o.Rate, o.Burst, lost)
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table.String()) {
		t.Errorf("README.md's table is not\n%s", table.String())
	}
}

// TestReadmePointsToEveryExample finds the examples in the source.
func TestReadmePointsToEveryExample(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("example_*test.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, example := range regexp.MustCompile(`(?m)^func (Example\w*)\(\) \{`).FindAllStringSubmatch(string(text), -1) {
			found++
			if link := fmt.Sprintf("[`%s`](%s)", example[1], file); !strings.Contains(string(readme), link) {
				t.Errorf("README.md does not point to %s", link)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d examples, want at least 10", found)
	}
}
