package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

// goodConfig writes a configuration without faults and returns its name.
func goodConfig(t *testing.T, name string) string {
	t.Helper()
	text := strings.NewReplacer("{env: LWA_CLIENT_SECRET}", "{value: x}", "{env: ACME_EU_REFRESH_TOKEN}", "{value: x}").Replace(config.Example)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A file that nobody names is found where it lies, nearest first; the environment goes
// before that, and --config before both.
func TestTheConfigurationIsFound(t *testing.T) { // alone: it changes the environment
	home := t.TempDir()
	t.Chdir(t.TempDir())
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(home, "etc"))
	t.Setenv(configVariable, "")

	if code, _, stderr := execute("switches"); code != exitUsage || !strings.Contains(stderr, "there is no configuration file") ||
		!strings.Contains(stderr, filepath.Join(home, "etc", "sellerstream", "sellerstream.yaml")) {
		t.Fatalf("without a file: exit %d, %s", code, stderr)
	}
	checked := func(want string, args ...string) {
		t.Helper()
		if code, stdout, stderr := execute(append([]string{"config", "check"}, args...)...); code != 0 || !strings.HasPrefix(stdout, want+": good") {
			t.Errorf("exit %d, want %s checked: %s%s", code, want, stdout, stderr)
		}
	}
	checked(goodConfig(t, filepath.Join(home, "etc", "sellerstream", "sellerstream.yaml")))
	goodConfig(t, "sellerstream.yaml")
	checked("./sellerstream.yaml")
	if _, _, stderr := execute("topics", "plan", "--connect-timeout", "1ms"); !strings.Contains(stderr, "the configuration is ./sellerstream.yaml\n") {
		t.Errorf("what it takes unasked it does not name: %s", stderr)
	}
	if code, _, stderr := execute("topics", "plan", "--config", ""); code != exitUsage || !strings.Contains(stderr, "--config is empty") {
		t.Errorf("an empty --config: exit %d, %s", code, stderr)
	}
	t.Setenv(configVariable, goodConfig(t, filepath.Join(home, "named.yaml")))
	checked(filepath.Join(home, "named.yaml"))
	checked("sellerstream.yaml", "sellerstream.yaml")

	t.Setenv(configVariable, filepath.Join(home, "none.yaml"))
	if code, _, stderr := execute("accounts"); code != exitFailed || !strings.Contains(stderr, "none.yaml") {
		t.Errorf("a file that is not there: exit %d, %s", code, stderr)
	}
	if code, _, stderr := execute("accounts", "--config", filepath.Join(home, "other.yaml")); code != exitFailed || !strings.Contains(stderr, "other.yaml") {
		t.Errorf("--config goes before the environment: exit %d, %s", code, stderr)
	}
	if code, stdout, stderr := execute("decode"); code != 0 {
		t.Errorf("decode without --config reads no file: exit %d, %s%s", code, stdout, stderr)
	}
}

// Every command that takes a configuration finds it in the same way, and its help says so.
func TestEveryConfigFlagIsTheSame(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, cmd := range allCommands(newRootCommand()) {
		flag := cmd.LocalFlags().Lookup("config")
		if flag == nil {
			continue
		}
		seen++
		if flag.Annotations[cobra.BashCompFilenameExt] == nil {
			t.Errorf("%s: --config is not completed by files", cmd.CommandPath())
		}
		if strings.Contains(cmd.UseLine(), "--config") || strings.Contains(flag.Usage, "required") {
			t.Errorf("%s: --config is not required: use addConfig", cmd.CommandPath())
		}
	}
	if seen < 13 {
		t.Errorf("only %d commands have --config", seen)
	}
}
