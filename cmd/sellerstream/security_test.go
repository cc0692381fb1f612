package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

// SECURITY.md names a test for what it claims, and a fuzzer for each boundary;
// docs/ARCHITECTURE.md a test for each fault. They exist, in the packages named.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	named := 0
	for line := range strings.Lines(readDoc(t, "SECURITY.md") + readDoc(t, "docs/ARCHITECTURE.md")) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		for part := range strings.SplitSeq(cells[len(cells)-1], "; ") {
			folder, tests, found := strings.Cut(part, ": ")
			names := regexp.MustCompile(`\b(?:Test|Fuzz)\w+`).FindAllString(tests, -1)
			if !found || len(names) == 0 {
				continue
			}
			sources := testSources(t, folder)
			for _, name := range names {
				named++
				if !strings.Contains(sources, "\nfunc "+name+"(") {
					t.Errorf("%s has no %s", folder, name)
				}
			}
		}
	}
	if named < 80 {
		t.Errorf("only %d tests are named", named)
	}
}

// testSources are those of a folder, or of all that match a pattern.
func testSources(t *testing.T, folder string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no tests, %v", folder, err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// What has no password is reached from this machine only, unless somebody says
// otherwise.
func TestPortsWithoutAPasswordAreOnLoopback(t *testing.T) {
	t.Parallel()
	host, _, err := net.SplitHostPort(config.Default().Admin.Listen)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		t.Errorf("the admin port listens on %q, %v", host, err)
	}
	simulate, _, err := newRootCommand().Find([]string{"simulate"})
	if err != nil {
		t.Fatal(err)
	}
	if host := simulate.Flag("host").DefValue; !net.ParseIP(host).IsLoopback() {
		t.Errorf("the simulator listens on %q", host)
	}
}
