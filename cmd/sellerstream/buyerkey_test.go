package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
)

func TestBuyerKeyFiles(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "keys")
	if code, _, stderr := execute("buyer-key", "generate", name); code != 0 {
		t.Fatal(stderr)
	}
	first := readKeys(t, name)
	if code, _, stderr := execute("buyer-key", "generate", name); code != exitUsage || !strings.Contains(stderr, "rotate") {
		t.Errorf("generated over a file: %d, %s", code, stderr)
	}
	if code, _, stderr := execute("buyer-key", "rotate", name); code != 0 {
		t.Fatal(stderr)
	}
	if second := readKeys(t, name); !strings.HasSuffix(second, "\n"+first) || strings.Count(second, "\n") != 2 {
		t.Errorf("after a rotation the file has %d lines, the old key behind the new: %v", strings.Count(second, "\n"), strings.HasSuffix(second, first))
	}
	if code, _, stderr := execute("buyer-key", "rotate", os.DevNull); code != exitUsage || !strings.Contains(stderr, "has no key") {
		t.Errorf("rotated what is no key file: %d, %s", code, stderr)
	}
}

func readKeys(t *testing.T, name string) string {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want mode 0600", info.Mode(), err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := buyerdata.ParseKeyFile(string(text), ""); err != nil {
		t.Error(err)
	}
	return string(text)
}
