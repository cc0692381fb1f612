package main

import (
	"strings"
	"testing"
)

// A word that no command below another has is refused; the other alone shows its help.
func TestAnUnknownSubcommandIsRefused(t *testing.T) {
	t.Parallel()
	for _, group := range []string{"config", "topics", "subscriptions", "deadletters", "buyer-key"} {
		if code, _, complaint := execute(group, "lst", "--config", "x"); code != exitUsage || !strings.Contains(complaint, `unknown command "lst" for "sellerstream `+group+`"`) {
			t.Errorf("%s lst: exit status %d, %q", group, code, complaint)
		}
		if code, help, _ := execute(group); code != 0 || !strings.Contains(help, "Available Commands") {
			t.Errorf("%s: exit status %d, %q", group, code, help)
		}
	}
}
