package main

import (
	"strings"
	"testing"
)

// Who did it is the name that was given, and else never "unknown".
func TestWhoDidIt(t *testing.T) {
	file, _ := embeddedConfig(t)
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Fatal(stderr)
	}
	for _, step := range []struct {
		flag, variable, shows string
	}{
		{"ada", "bob", " ada "},
		{"", "bob", " bob "},
		{"", "", " " + thisUser() + " "},
	} {
		t.Setenv(byVariable, step.variable)
		args := []string{"pause", "--account", "acme-eu", "--config", file}
		if step.flag != "" {
			args = append(args, "--by", step.flag)
		}
		if code, _, stderr := execute(args...); code != 0 {
			t.Fatal(stderr)
		}
		if _, stdout, _ := execute("switches", "--config", file); !strings.Contains(stdout, step.shows) || strings.Contains(stdout, "unknown") {
			t.Errorf("%+v: %s", step, stdout)
		}
		if code, _, stderr := execute("resume", "--account", "acme-eu", "--config", file); code != 0 {
			t.Fatal(stderr)
		}
	}
	for _, bad := range []string{strings.Repeat("x", maxBy+1), "a\nb", "\xff"} {
		if code, _, stderr := execute("pause", "--account", "acme-eu", "--config", file, "--by", bad); code != exitUsage || !strings.Contains(stderr, "--by") {
			t.Errorf("%q: exit %d, %s", bad, code, stderr)
		}
	}
}
