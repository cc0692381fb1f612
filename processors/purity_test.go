// Package processors_test checks what holds for all processors: that they are pure.
package processors_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sellerstream/sellerstream/"

// TestPurity reads the import lists, transitively: what a package cannot
// import it cannot do.
func TestPurity(t *testing.T) {
	t.Parallel()
	packages := append(list(t, "", "./..."), // every processor
		module+"pkg/runtime/machine", module+"pkg/runtime/lane", module+"pkg/runtime/quota", module+"pkg/runtime/share", module+"pkg/spapi/model", module+"pkg/spapi/carriers")
	banned := []string{
		"net", "net/http", "os/exec", "crypto/tls",
		"github.com/twmb/franz-go",
		module + "pkg/runtime/stream", module + "pkg/spapi", module + "pkg/runtime/executor", module + "pkg/platform/clock", module + "pkg/platform/secrets",
		module + "bridge", module + "cmd", module + "pkg/app", module + "pkg/operator", module + "pkg/roles",
	}
	pure := []string{module + "pkg/spapi/model", module + "pkg/spapi/carriers"}
	if len(packages) < 5 {
		t.Fatalf("only %v found", packages)
	}
	for _, pkg := range packages {
		for _, dependency := range list(t, "-deps", pkg) {
			for _, ban := range banned {
				if dependency == ban || strings.HasPrefix(dependency, ban+"/") && !slices.Contains(pure, dependency) {
					t.Errorf("%s imports %s", pkg, dependency)
				}
			}
			shared := role(dependency) == "internal" // what roles are built on
			if other := strings.HasPrefix(dependency, module+"processors/"); other && !shared && role(dependency) != role(pkg) {
				t.Errorf("%s imports %s: topics are their only contract", pkg, dependency)
			}
		}
	}
}

// list is `go list`, without the packages that only tests have.
func list(t *testing.T, flag, pattern string) []string {
	t.Helper()
	args := []string{"list", "-f", "{{if .GoFiles}}{{.ImportPath}}{{end}}"}
	if flag != "" {
		args = append(args, flag)
	}
	out, err := exec.CommandContext(t.Context(), "go", append(args, pattern)...).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pattern, err)
	}
	return strings.Fields(string(out))
}

// role is the processor that a package belongs to.
func role(pkg string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(pkg, module+"processors/"), "/")
	return name
}
