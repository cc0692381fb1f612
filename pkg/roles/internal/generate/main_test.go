package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Files that are derived from the roles say what the roles say.
func TestUpToDate(t *testing.T) {
	t.Parallel()
	const root = "../../../.."
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what the roles say: run `make generate` and commit the result", name)
		}
	}
}

func TestMarkers(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- generated: a -->\n", "<!-- end: a -->"
	if got, err := between("x\n"+begin+"old\n"+end+"\ny", "a", "new\n"); err != nil || got != "x\n"+begin+"\nnew\n\n"+end+"\ny" {
		t.Errorf("%q, %v", got, err)
	}
	for _, document := range []string{"", begin, end + begin, begin + end + begin + end} {
		if got, err := between(document, "a", "new\n"); err == nil {
			t.Errorf("%q became %q", document, got)
		}
	}
}
