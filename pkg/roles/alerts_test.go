package roles

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/role"
)

// TestEachAlertHasAnEndOrNone: of each type it is known whether and how it ends, and the runbook
// names those that do.
func TestEachAlertHasAnEndOrNone(t *testing.T) {
	t.Parallel()
	runbook, err := os.ReadFile("../../docs/RUNBOOK.md")
	if err != nil {
		t.Fatal(err)
	}
	raised := Collect(func(r role.Role) []string { return r.Alerts })
	if told := slices.Sorted(maps.Keys(alertEnds())); !slices.Equal(told, raised) {
		t.Errorf("the ends are of %v, the roles raise %v", told, raised)
	}
	for _, kind := range raised {
		until, known := AlertEnd(kind)
		_, section, found := strings.Cut(string(runbook), "\n### "+kind+"\n")
		section, _, _ = strings.Cut(section, "\n### ")
		// That of AccountParked is named, and that is the section of AccountRecovered.
		ends := strings.Contains(section, "RESOLVED") || strings.Contains(section, "AccountRecovered ends it")
		if !known || !found || kind != "AccountRecovered" && ends != (until != "") {
			t.Errorf("%s: ends when %q, and the runbook says that it ends: %t", kind, until, ends)
		}
	}
}
