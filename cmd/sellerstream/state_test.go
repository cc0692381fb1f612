package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/schemas"
)

// TestStateMovesFromTheCommandLine: what docs/DISASTERS.md tells, on a Kafka in process.
func TestStateMovesFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	w.write(schemas.Switches, "acme-eu", &schemas.Switch{Subject: "acme-eu", Paused: true, Since: time.Now(), By: "test"})
	dir := t.TempDir()
	file := filepath.Join(dir, "state.gz")
	run := func(code int, says string, args ...string) {
		t.Helper()
		got, stdout, stderr := execute(append(args, "--config", w.file)...)
		if got != code || !strings.Contains(stdout+stderr, says) {
			t.Errorf("%v: exit %d, want %d and %q\n%s%s", args, got, code, says, stdout, stderr)
		}
	}
	run(0, "exported: entries 1", "state", "export", file)
	run(exitUsage, "not both: name a file", "state", "export", "-", "--json")
	run(0, `"entries": 1,`, "state", "export", filepath.Join(dir, "again.gz"), "--json")
	run(exitUsage, "is there already", "state", "export", file)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info, err)
	}
	cut := filepath.Join(dir, "cut.gz")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	run(exitFailed, "ends before its last line", "state", "import", cut)
	run(exitUsage, "--to-prefix is missing", "state", "move")
	moved := filepath.Join(dir, "move.gz")
	run(exitUsage, "Are the bridge and all that produces", "state", "move", "--to-prefix", "moved.", "--partitions", "5", "--file", moved)
	run(0, `"partitions": 5,`, "state", "move", "--to-prefix", "moved.", "--partitions", "5", "--file", moved, "--yes", "--json")
	text, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "# prefix: sellerstream.", "prefix: moved.", 1))
	if err := os.WriteFile(w.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(0, "acme-eu", "switches")
}
