package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sellerstream/sellerstream/pkg/platform/config"
)

// execute runs the command line as main does. A busy machine may take its time to answer.
func execute(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	if len(args) > 0 && slices.Contains([]string{"replay", "deadletters", "state", "accounts", "pause", "resume", "switches", "backfill"}, args[0]) &&
		!slices.Contains(args, "--help") {
		args = append(slices.Clone(args), "--"+answersFlag+"=1m")
	}
	code = runCommandLine(args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// taken is a port that something else listens on.
func taken(t *testing.T) string {
	t.Helper()
	// Six more ports must exist above it.
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		if port := listener.Addr().(*net.TCPAddr).Port; port <= lastPort {
			return strconv.Itoa(port)
		}
	}
}

func TestExitCodesAndMessages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := filepath.Join(dir, "good.yaml")
	text := strings.NewReplacer("{env: LWA_CLIENT_SECRET}", "{value: x}", "{env: ACME_EU_REFRESH_TOKEN}", "{value: x}").Replace(config.Example)
	bad := filepath.Join(dir, "bad.yaml")
	for name, content := range map[string]string{
		good: text,
		bad:  text + "evnets: {bus: x}\nlog: {level: loud}\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		says string // on stdout when code is 0, else on stderr
	}{
		{"version", []string{"version"}, 0, "sellerstream dev"},
		{"version as a flag", []string{"--version"}, 0, "sellerstream dev"},
		{"help", []string{"help"}, 0, "sellerstream demo"},
		{"the example", []string{"config", "example"}, 0, "accounts:"},
		{"a good file", []string{"config", "check", good}, 0, "good: 1 account, 1 queue, "},
		{"a bad file names the key", []string{"config", "check", bad}, exitUsage, "evnets: no such key"},
		{"and every other fault", []string{"config", "check", bad}, exitUsage, `log.level: "loud": write one of`},
		{"run refuses a bad file", []string{"run", "--config", bad}, exitUsage, "2 to mend"},
		{"no such file", []string{"run", "--config", filepath.Join(dir, "none.yaml")}, exitFailed, "sellerstream config example >"},
		{"no file named", []string{"run"}, exitUsage, "there is no configuration file: neither --config nor SELLERSTREAM_CONFIG names one, and there is none at ./sellerstream.yaml, "},
		{"a role that is none", []string{"run", "--config", good, "--roles", "bridge,feds"}, exitUsage, `no role is called "feds"; the roles are [bridge orders `},
		{"simulate explains faults", []string{"simulate", "--help"}, 0, "loseAnswer"},
		{"a port that is none", []string{"simulate", "--port", "65529"}, exitUsage, "1 to 65528, or 0 for free ones"},
		{"a port that is taken", []string{"simulate", "--port", taken(t)}, exitFailed, "choose another with --port, or 0 for free ones"},
		{"how to partition", []string{"encode", "--help"}, 0, "partitioner=murmur2_random"},
		{"a flag that is none", []string{"demo", "--fast"}, exitUsage, "sellerstream demo --help"},
		{"a size that makes no sense", []string{"demo", "--orders", "0"}, exitUsage, "at least 1"},
		{"a command that is none", []string{"dmeo"}, exitUsage, "demo"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := execute(test.args...)
			got := stdout
			if test.code != 0 {
				got = stderr
			}
			if code != test.code || !strings.Contains(got, test.says) {
				t.Errorf("exit %d, want %d; %q must contain %q", code, test.code, got, test.says)
			}
		})
	}
}

func TestSecretsThatCannotBeReadAreNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sellerstream.yaml")
	if err := os.WriteFile(file, []byte(strings.NewReplacer(
		"LWA_CLIENT_SECRET", "SELLERSTREAM_TEST_UNSET_A", "ACME_EU_REFRESH_TOKEN", "SELLERSTREAM_TEST_UNSET_B",
	).Replace(config.Example)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run", "--config", file}, {"config", "check", file}} {
		code, _, stderr := execute(args...)
		if code != exitUsage || !strings.Contains(stderr, "SELLERSTREAM_TEST_UNSET_A") || !strings.Contains(stderr, "SELLERSTREAM_TEST_UNSET_B") {
			t.Errorf("%v: exit %d: %s", args, code, stderr)
		}
	}
	if code, _, stderr := execute("config", "check", "--without-secrets", file); code != 0 {
		t.Errorf("--without-secrets: exit %d: %s", code, stderr)
	}
}

func TestConfigCheckAsJSON(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "sellerstream.yaml")
	good := strings.NewReplacer("{env: LWA_CLIENT_SECRET}", "{value: x}", "{env: ACME_EU_REFRESH_TOKEN}", "{value: x}").Replace(config.Example)
	for _, test := range []struct {
		text   string
		code   int
		faults []string // paths
	}{
		{good, 0, nil},
		{good + "inventory: {defaults: {scope: seller}}\n", 0, nil},
		{good + "evnets: {bus: x}\nlog: {level: loud}\n", exitUsage, []string{"evnets", "log.level"}},
		{strings.Replace(good, "{value: x}", "{env: SELLERSTREAM_TEST_UNSET_A}", 1), exitUsage, []string{"applications[0].client_secret"}},
	} {
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := execute("config", "check", "--json", file)
		var found struct {
			Good          bool
			Faults        []config.Fault
			WithoutEffect []string
		}
		if err := json.Unmarshal([]byte(stdout), &found); err != nil || code != test.code || found.Good != (code == 0) || (stderr == "") != (code == 0) {
			t.Errorf("exit %d, %v\n%s%s", code, err, stdout, stderr)
		}
		var paths []string
		for _, fault := range found.Faults {
			paths = append(paths, fault.Path)
			if fault.File != file || fault.Line == 0 || fault.Message == "" {
				t.Errorf("%+v", fault)
			}
		}
		if slices.Sort(paths); !slices.Equal(paths, test.faults) || (len(found.WithoutEffect) > 0) != strings.Contains(test.text, "scope: seller") {
			t.Errorf("%+v, want %q", found, test.faults)
		}
	}
	if code, stdout, _ := execute("config", "check", "--json", file+".none"); code != exitFailed || stdout != "" {
		t.Errorf("without a file: exit %d, %s", code, stdout)
	}
}

// TestAKeyWithoutEffectIsNamed by config check and at start; the file is good.
func TestAKeyWithoutEffectIsNamed(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("{env: LWA_CLIENT_SECRET}", "{value: x}", "{env: ACME_EU_REFRESH_TOKEN}", "{value: x}").Replace(config.Example)
	file := filepath.Join(t.TempDir(), "sellerstream.yaml")
	if err := os.WriteFile(file, []byte(text+"inventory: {defaults: {scope: seller}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const says = "inventory.defaults.scope: without effect"
	if code, stdout, stderr := execute("config", "check", file); code != 0 || !strings.Contains(stderr, says) || strings.Contains(stdout, says) {
		t.Errorf("config check: exit %d: %s%s", code, stdout, stderr)
	}
	var log bytes.Buffer
	cmd := &cobra.Command{}
	cmd.SetErr(&log)
	cmd.SetContext(t.Context())
	if _, err := loadSettings(cmd, file); err != nil || !strings.Contains(log.String(), says) {
		t.Errorf("at start: %v, %s", err, &log)
	}
	if first, _, _ := strings.Cut(log.String(), "\n"); !strings.Contains(first, "version="+version+" commit=") || !strings.Contains(first, "config="+file) {
		t.Errorf("the log begins with %s", first)
	}
}

// TestAStopWhileStartingIsNoFailure: Kubernetes stops pods that wait for Kafka,
// and a status other than 0 would count as a crash.
func TestAStopWhileStartingIsNoFailure(t *testing.T) {
	t.Parallel()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody.Close()
	text := strings.NewReplacer("{env: LWA_CLIENT_SECRET}", "{value: x}", "{env: ACME_EU_REFRESH_TOKEN}", "{value: x}",
		"localhost:9092", nobody.Addr().String()).Replace(config.Example)
	file := filepath.Join(t.TempDir(), "sellerstream.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		ok   bool
	}{
		{[]string{"run", "--config", file, "--admin", "off"}, true},
		{[]string{"accounts", "--config", file}, false}, // it was not done
	} {
		ctx, stop := context.WithCancel(t.Context())
		root := newRootCommand()
		root.SetArgs(test.args)
		var said bytes.Buffer
		root.SetOut(&said)
		root.SetErr(&said)
		ended := make(chan error, 1)
		go func() { ended <- root.ExecuteContext(ctx) }()
		stop()
		if err := <-ended; (err == nil) != test.ok {
			t.Errorf("%v: %v\n%s", test.args, err, said.String())
		}
	}
}
