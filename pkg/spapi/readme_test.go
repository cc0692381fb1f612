package spapi

import (
	"fmt"
	"os"
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
