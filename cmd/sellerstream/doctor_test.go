package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/test/fakekafka"
)

func TestDoctorCommand(t *testing.T) {
	t.Parallel()
	cluster := fakekafka.Embedded(t, "")
	_, file := startAmazon(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	reached := strings.NewReplacer("127.0.0.1:1\"", cluster.Brokers()[0]+"\"", "http://127.0.0.1:1\n", cluster.RegistryURL()+"\n").Replace(string(text))
	if err := os.WriteFile(file, []byte(reached), 0o600); err != nil {
		t.Fatal(err)
	}
	command := func(want int, says string, args ...string) string {
		t.Helper()
		code, out, errs := execute(append([]string{"doctor", "--config", file}, args...)...)
		if code != want || !strings.Contains(out+errs, says) {
			t.Errorf("%v: exit %d, want %d and %q\n%s%s", args, code, want, says, out, errs)
		}
		return out
	}
	// Nothing is subscribed yet, which run mends if it has the role subscriptions.
	command(0, "the seller has no subscription to ORDER_CHANGE")
	command(exitFailed, "the seller has no subscription to ORDER_CHANGE", "--roles", "orders")
	if code, _, errs := execute("subscriptions", "ensure", "--config", file); code != 0 {
		t.Fatal(errs)
	}
	command(0, "accounts: all 2 are well")
	var report struct {
		Healthy  bool
		Accounts struct{ Well int }
	}
	if err := json.Unmarshal([]byte(command(0, "", "--json", "--account", "seller-2-us")), &report); err != nil || !report.Healthy || report.Accounts.Well != 1 {
		t.Errorf("%v: %+v", err, report)
	}
	command(exitUsage, `no account is called "nobody"`, "--account", "nobody")
	command(exitUsage, "--timeout must be more than 0", "--timeout", "0s")
}

func TestDoctorOfAConfigurationThatIsWrong(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(file, []byte("accounts: [{id: Acme}]\nlog: {level: loud}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := execute("doctor", "--config", file, "--json")
	var report struct {
		Results []struct{ Found, Cause, Key string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFailed {
		t.Fatalf("exit %d: %v\n%s", code, err, out)
	}
	found := false
	for _, r := range report.Results {
		found = found || r.Found == file+":2" && r.Key == "log.level" && strings.Contains(r.Cause, "write one of")
	}
	if !found {
		t.Errorf("the fault in line 2 is not named\n%s", out)
	}
	if code, _, errs := execute("doctor"); code != exitUsage || !strings.Contains(errs, "there is no configuration file") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

// TestDoctorChecksCommandsBesideRoles: the permissions of an operator are asked for by name.
func TestDoctorChecksCommandsBesideRoles(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][2]string{
		"": {"", ""}, "orders": {"", "orders"}, "operator": {"operator", ""}, "orders, operator,events": {"operator", "orders,events"},
		"topics apply,ordres": {"topics apply", "ordres"},
	} {
		if commands, roles := userCommands(list); strings.Join(commands, ",") != want[0] || roles != want[1] {
			t.Errorf("%q: %v, %q", list, commands, roles)
		}
	}
}
