package main

import (
	"strings"
	"testing"
)

func TestPauseResumeAndSwitches(t *testing.T) {
	t.Parallel()
	file, admin := embeddedConfig(t)
	if code, _, stderr := execute("switches", "--config", file); code != exitFailed || !strings.Contains(stderr, "sellerstream topics apply") {
		t.Errorf("without its topic: exit %d, %s", code, stderr)
	}
	if topics, err := admin.ListTopics(t.Context()); err != nil || len(topics) != 0 {
		t.Errorf("the command that only looks made topics: %v, %v", topics.Names(), err)
	}
	if code, _, stderr := execute("topics", "apply", "--yes", "--config", file); code != 0 {
		t.Fatal(stderr)
	}
	for _, step := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"switches"}, 0, "nothing is paused"},
		{[]string{"switches", "--json"}, 0, `"paused": []`},
		{[]string{"pause", "--writes", "--json"}, 0, `"changed": true`},
		{[]string{"pause", "--writes", "--json"}, 0, `"changed": false`},
		{[]string{"switches", "--json"}, 0, `"subject": "*writes*"`},
		{[]string{"resume", "--writes", "--json"}, 0, `"paused": false`},
		{[]string{"switches", "--watch=10ms"}, exitUsage, "write 1s or more"},
		{[]string{"pause"}, exitUsage, "--account ID or --writes"},
		{[]string{"pause", "--account", "acme-eu", "--writes"}, exitUsage, "--account ID or --writes"},
		{[]string{"pause", "--account", "acme-ue"}, exitUsage, `no account is called "acme-ue"; there is acme-eu`},
		{[]string{"pause", "--account", "zeta"}, exitUsage, `no account is called "zeta"`},
		{[]string{"pause", "--account", "acme-eu", "--reason", strings.Repeat("x", 201)}, exitUsage, "at most 200 bytes"},
		{[]string{"pause", "--account", "acme-eu", "--reason", "stocktaking"}, 0, "calls of account acme-eu: paused\n"},
		{[]string{"pause", "--account", "acme-eu"}, 0, "calls of account acme-eu: paused already, since "},
		{[]string{"pause", "--writes"}, 0, "calls that write: paused\n"},
		{[]string{"switches"}, 0, "stocktaking\n"},
		{[]string{"accounts", "retry", "acme-eu"}, exitFailed, "`sellerstream resume --account acme-eu` lets them go on"},
		{[]string{"resume", "--account", "acme-eu"}, 0, "calls of account acme-eu: going on\n"},
		{[]string{"resume", "--account", "acme-eu"}, 0, "going on already, since "},
		{[]string{"switches"}, 0, "*writes*"},
		{[]string{"resume", "--writes"}, 0, "calls that write: going on\n"},
		{[]string{"accounts", "retry", "acme-eu", "--reason", "authorized again"}, 0, "account acme-eu is tried now"},
		{[]string{"accounts", "retry", "acme-eu"}, 0, "account acme-eu is tried now"},
		{[]string{"accounts", "retry", "acme-eu", "--json", "--reason", "again"}, 0, `"reason": "again"`},
		{[]string{"accounts", "retry", "acme-ue"}, exitUsage, "there is acme-eu"},
		{[]string{"accounts", "retry"}, exitUsage, "arg"},
		{[]string{"switches"}, 0, "nothing is paused"},
		{[]string{"upgrade", "status", "--json"}, 0, `"members": []`},
		{[]string{"upgrade", "status", "--watch=10ms"}, exitUsage, "write 1s or more"},
		{[]string{"upgrade", "finish", "--json"}, 0, `"from": 1,`},
	} {
		code, stdout, stderr := execute(append(step.args, "--config", file)...)
		if code != step.code || !strings.Contains(stdout+stderr, step.says) {
			t.Errorf("%v: exit %d, want %d and %q\n%s%s", step.args, code, step.code, step.says, stdout, stderr)
		}
	}
	if code, _, stderr := execute("pause", "--writes"); code != exitUsage || !strings.Contains(stderr, "there is no configuration file") {
		t.Errorf("without a file: exit %d, %s", code, stderr)
	}
}
