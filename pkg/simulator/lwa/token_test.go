package lwa

import (
	"fmt"
	"testing"
	"time"
)

// A simulator that runs for days must not keep every token that it gave.
func TestTokensAreForgotten(t *testing.T) {
	t.Parallel()
	table := Tokens{grants: make(map[string]Grant)}
	now := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	for i := range 100_000 {
		table.Issue(fmt.Sprint(i), Grant{Expires: now.Add(TokenLifetime)}, now)
		now = now.Add(time.Minute)
	}
	if n := len(table.grants); n > 1000 {
		t.Errorf("%d tokens are kept", n)
	}
	for i := range 60 { // every token that is still valid
		if _, known := table.Lookup(fmt.Sprint(99_999 - i)); !known {
			t.Errorf("token %d of the last hour is unknown", i)
		}
	}
}
