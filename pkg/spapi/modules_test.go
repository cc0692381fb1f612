package spapi

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImportingBringsFewModules: whoever imports this package takes on all of them.
func TestImportingBringsFewModules(t *testing.T) {
	t.Parallel()
	const most = 20
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := make(map[string]bool)
	for _, module := range strings.Fields(string(out)) {
		modules[module] = true
	}
	if len(modules) == 0 || len(modules) >= most {
		t.Errorf("%d modules, want 1 to %d: %v", len(modules), most-1, slices.Sorted(maps.Keys(modules)))
	}
}
