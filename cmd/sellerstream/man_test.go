package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each command has a page, whose lists keep their lines.
func TestEachCommandHasAPageOfTheManual(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "man1")
	if code, _, stderr := execute("man", dir); code != 0 {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, cmd := range allCommands(newRootCommand()) {
		page, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		if err != nil || !strings.Contains(string(page), "\n.SH NAME\n") {
			t.Errorf("%s: %v\n%s", cmd.CommandPath(), err, page)
		}
	}
	accounts, err := os.ReadFile(filepath.Join(dir, "sellerstream-accounts.1"))
	if err != nil || !strings.Contains(string(accounts), ".EX\nSTOPPED   a unit") || !strings.Contains(string(accounts), "\n.PP\nWith the name of an account") {
		t.Errorf("the list of states is not as help has it: %v\n%s", err, accounts)
	}
}
