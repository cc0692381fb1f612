package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// complete presses the key behind words.
func complete(t *testing.T, words ...string) (found []string, directive string) {
	t.Helper()
	code, stdout, stderr := execute(append([]string{cobra.ShellCompNoDescRequestCmd}, words...)...)
	if code != 0 {
		t.Fatalf("%q: exit %d, %s", words, code, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	return lines[:len(lines)-1], lines[len(lines)-1]
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	file := goodConfig(t, filepath.Join(t.TempDir(), "sellerstream.yaml"))
	const noFile, noFileNoSpace, anyFile, yaml = ":4", ":6", ":0", ":8"
	for line, want := range map[string]string{
		"accounts --config " + file + " ":                          "acme-eu " + noFile,
		"accounts --config " + file + " acme-eu ":                  noFile,
		"accounts --config /none ":                                 noFile,
		"backfill --config " + file + " --account ac":              "acme-eu " + noFile,
		"doctor --config " + file + " --account ":                  "acme-eu " + noFile,
		"replay --config " + file + " --account ":                  "acme-eu " + noFileNoSpace,
		"replay --topic order-c":                                   "order-changes " + noFile,
		"encode --topic ship":                                      "shipments shipment-confirmations " + noFile,
		"encode --topic shipments --record ":                       "Shipment " + noFile,
		"run --roles bridge,or":                                    "bridge,orders " + noFileNoSpace,
		"run --roles orders,or":                                    noFileNoSpace,
		"topics acls --roles replay":                               "replay" + " replay --reset " + noFileNoSpace,
		"deadletters list --role br":                               "bridge " + noFile,
		"deadletters retry --reason unknown_a":                     "unknown_account " + noFile,
		"pause --reason ":                                          noFile,
		"demo ":                                                    noFile,
		"buyer-key rotate ":                                        anyFile,
		"config check ":                                            anyFile,
		"subscriptions ensure --config ":                           "yaml yml " + yaml,
		"run --config ":                                            "yaml yml " + yaml,
		"deadletters discard --config " + file + " --account acme": "acme-eu " + noFile,
	} {
		found, directive := complete(t, strings.Split(line, " ")...)
		if got := strings.Join(append(found, directive), " "); got != want {
			t.Errorf("%s: completed by %q, want %q", line, got, want)
		}
	}
}

// Whoever adds a flag of these names has it completed.
func TestEveryNameIsCompleted(t *testing.T) {
	t.Parallel()
	names := []string{"account", "topic", "role", "roles", "reason", "record"}
	seen := 0
	for _, cmd := range allCommands(newRootCommand()) {
		cmd.LocalFlags().VisitAll(func(flag *pflag.Flag) {
			if !slices.Contains(names, flag.Name) {
				return
			}
			seen++
			if _, completed := cmd.GetFlagCompletionFunc(flag.Name); !completed {
				t.Errorf("%s --%s is not completed", cmd.CommandPath(), flag.Name)
			}
		})
		if strings.Contains(cmd.UseLine(), "ACCOUNT]") && cmd.ValidArgsFunction == nil {
			t.Errorf("%s: its account is not completed", cmd.CommandPath())
		}
	}
	if seen < 15 {
		t.Errorf("only %d flags", seen)
	}
}
