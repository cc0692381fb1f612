package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/config"
	"github.com/sellerstream/sellerstream/pkg/embedded"
)

func TestPauseResumeAndSwitches(t *testing.T) {
	t.Parallel()
	cluster, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cluster.Close() })
	file := filepath.Join(t.TempDir(), "sellerstream.yaml")
	// Its secrets cannot be read here, and need not be.
	text := strings.NewReplacer("127.0.0.1:9092", cluster.Brokers()[0], "http://127.0.0.1:8081", cluster.RegistryURL()).Replace(config.Example)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"switches"}, 0, "nothing is paused"},
		{[]string{"pause"}, exitUsage, "--account ID or --writes"},
		{[]string{"pause", "--account", "acme-eu", "--writes"}, exitUsage, "--account ID or --writes"},
		{[]string{"pause", "--account", "acme-ue"}, exitUsage, `no account is called "acme-ue"; there is acme-eu`},
		{[]string{"pause", "--account", "zeta"}, exitUsage, `no account is called "zeta"`},
		{[]string{"pause", "--account", "acme-eu", "--reason", strings.Repeat("x", 201)}, exitUsage, "at most 200 bytes"},
		{[]string{"pause", "--account", "acme-eu", "--reason", "stocktaking"}, 0, "calls of account acme-eu: paused\n"},
		{[]string{"pause", "--account", "acme-eu"}, 0, "calls of account acme-eu: paused already, since "},
		{[]string{"pause", "--writes"}, 0, "calls that write: paused\n"},
		{[]string{"switches"}, 0, "stocktaking\n"},
		{[]string{"resume", "--account", "acme-eu"}, 0, "calls of account acme-eu: going on\n"},
		{[]string{"resume", "--account", "acme-eu"}, 0, "going on already, since "},
		{[]string{"switches"}, 0, "*writes*"},
		{[]string{"resume", "--writes"}, 0, "calls that write: going on\n"},
		{[]string{"switches"}, 0, "nothing is paused"},
	} {
		code, stdout, stderr := execute(append(step.args, "--config", file)...)
		if code != step.code || !strings.Contains(stdout+stderr, step.says) {
			t.Errorf("%v: exit %d, want %d and %q\n%s%s", step.args, code, step.code, step.says, stdout, stderr)
		}
	}
	if code, _, stderr := execute("pause", "--writes"); code != exitUsage || !strings.Contains(stderr, "--config is missing") {
		t.Errorf("without a file: exit %d, %s", code, stderr)
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"acme-eu", "acme-eu", 0}, {"acme-eu", "acme-ue", 2}, {"kitten", "sitting", 3},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%q, %q: %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
