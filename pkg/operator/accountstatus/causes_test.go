package accountstatus

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestWhatAccountsWaitForTogetherIsOneLine, and an account that needs a person is listed
// however many wait.
func TestWhatAccountsWaitForTogetherIsOneLine(t *testing.T) {
	t.Parallel()
	const waiting = 312
	names := []string{"refused", "other"}
	for i := range waiting {
		names = append(names, fmt.Sprint("waits-", i))
	}
	f := NewFold(Settings{Now: now, Accounts: names, MaxMessages: 25_000, PatchBelow: 50})
	held := func(account, operation, reason string) {
		f.Take(&schemas.LaneState{Account: account, Operation: operation, Reason: reason, Blame: "host", Since: ago(time.Hour), Until: now.Add(time.Minute)})
	}
	for i, name := range names[2:] {
		reason := "getOrder of " + name + " was not made: 312 accounts get the same answer since 2026-11-24T11:00:00Z, and one call at a time finds out whether that is over: unavailable at Login with Amazon"
		if i == waiting/2 {
			reason = "LWA token for account " + name + ": unavailable (503)"
		}
		held(name, model.GetOrder, reason)
		held(name, model.SearchOrders, reason)
	}
	f.Take(&schemas.LaneState{
		Account: "refused", Operation: model.GetFeed, Parked: true, Blame: "account", Since: ago(time.Hour), Until: now.Add(time.Minute),
		Reason: "getFeed of refused was not made: the breaker of its authentication is open: LWA token for account refused: unauthorized (400): invalid_grant",
	})
	held("other", model.GetFeed, "getFeed: unavailable (500)")

	show := func(all bool) string {
		var out bytes.Buffer
		if err := f.WriteTable(&out, f.Standings(), all); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	short := show(false)
	for _, line := range []string{
		"312 accounts: Login with Amazon answers 503 since 11:00 UTC (1h00m), goes on by itself\n",
		"accounts that wait for this alone are not listed: --all lists them\n",
		"PARKED: getFeed for 1h00m: LWA token for account refused: unauthorized (400): invalid_grant\n",
		"held up: getFeed for 1h00m: getFeed: unavailable (500)\n",
	} {
		if strings.Count(short, line) != 1 {
			t.Errorf("%q is not there once", line)
		}
	}
	if lines := strings.Count(short, "\n"); lines > 8 {
		t.Errorf("%d lines:\n%s", lines, short)
	}
	if all := show(true); strings.Count(all, "\nwaits-") != waiting {
		t.Errorf("with --all, %d are listed", strings.Count(all, "\nwaits-"))
	}
}

// TestAWaitLastsUntilACallHasSucceeded: between two probes nothing is over.
func TestAWaitLastsUntilACallHasSucceeded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		until time.Duration // ago
		work  any
		held  bool
	}{
		"a probe is under way":      {time.Minute, nil, true},
		"one order has long waits":  {time.Hour, &schemas.OrderState{Account: "a", OrderID: "1", Pending: true, PendingSince: ago(2 * time.Hour)}, true},
		"nothing is left to try":    {time.Hour, nil, false},
		"another role has the work": {time.Hour, &schemas.InventoryState{Account: "a", SKU: "1", Wanted: &schemas.PendingUpdate{ReceivedTime: ago(time.Hour)}}, false},
	} {
		f := NewFold(Settings{Now: now, Accounts: []string{"a"}, MaxMessages: 25_000, PatchBelow: 50})
		f.Take(&schemas.LaneState{Account: "a", Operation: model.GetOrder, Reason: "unavailable (503)", Blame: "host", Since: ago(2 * time.Hour), Until: ago(test.until)})
		f.Take(test.work)
		if held := len(f.Standings()[0].Waits) == 1; held != test.held {
			t.Errorf("%s: held up %t", name, held)
		}
	}
}

// TestAnOutageOfARegionNamesIt: the other region answers.
func TestAnOutageOfARegionNamesIt(t *testing.T) {
	t.Parallel()
	names := []string{"eu-1", "eu-2", "eu-3", "na-1", "na-2", "na-3"}
	f := NewFold(Settings{
		Now: now, Accounts: names, MaxMessages: 25_000, PatchBelow: 50,
		Place: func(account string) (application, region string) {
			region, _, _ = strings.Cut(account, "-")
			return "main", region
		},
	})
	for _, name := range names[:3] {
		f.Take(&schemas.LaneState{
			Account: name, Operation: model.GetOrder, Reason: "getOrder for account " + name + ": unavailable (503)", Blame: "host",
			Since: ago(time.Hour), Until: now.Add(time.Minute),
		})
	}
	var out bytes.Buffer
	if err := f.WriteTable(&out, f.Standings(), false); err != nil {
		t.Fatal(err)
	}
	const line = "3 accounts: Amazon in eu, asked for getOrder, answers 503 since 11:00 UTC (1h00m), goes on by itself\n"
	if !strings.Contains(out.String(), line) {
		t.Errorf("%q is not there:\n%s", line, out.String())
	}
}

// TestARefusedApplicationIsOneLine, whoever is asked, and apart for each application.
func TestARefusedApplicationIsOneLine(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("main-%d", i))
	}
	names = append(names, "small-1", "small-2")
	f := NewFold(Settings{
		Now: now, Accounts: names, MaxMessages: 25_000, PatchBelow: 50,
		Place: func(account string) (application, region string) {
			name, _, _ := strings.Cut(account, "-")
			return name, "eu"
		},
	})
	for i, name := range names {
		reason := "LWA token for account " + name + ": unauthorized (401): invalid_client"
		if i%2 == 1 {
			reason = "getOrder of " + name + " was not made: the breaker of its authentication is open: " + reason
		}
		for _, operation := range []string{model.GetOrder, model.GetFeed} {
			f.Take(&schemas.LaneState{Account: name, Operation: operation, Reason: reason, Parked: true, Blame: "application", Since: ago(time.Hour), Until: now.Add(time.Minute)})
		}
	}
	var out bytes.Buffer
	if err := f.WriteTable(&out, f.Standings(), false); err != nil {
		t.Fatal(err)
	}
	const line = "40 accounts: Amazon refuses application main with 401 invalid_client since 11:00 UTC (1h00m): `sellerstream doctor` says what to mend\n"
	if text := out.String(); strings.Count(text, line) != 1 || strings.Contains(text, "main-") || strings.Count(text, "\nsmall-") != 2 {
		t.Errorf("%q is not there once, or other accounts are:\n%s", line, text)
	}
}
