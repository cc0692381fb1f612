package integration

import (
	"context"
	"encoding/json"
	"os/exec"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

// standing is what the command accounts says of one, as far as it is looked at here.
type standing struct {
	Account string
	Work    []struct {
		Role    string
		Pending int
	}
	Waits []struct {
		Operation, Reason string
		Parked            bool
	}
}

func (s standing) pending() (n int) {
	for _, w := range s.Work {
		n += w.Pending
	}
	return n
}

// TestAccounts asks how accounts stand, beside the running pipeline and when it has
// stopped. Amazon refuses one account and fails at another.
func TestAccounts(t *testing.T) {
	e := newEnvironment(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const refused, failing, well, orders = "seller-1-de", "seller-2-us", "seller-3-uk", 20
	simulatortest.Fault(t, e.amazon, simulator.Rule{Part: simulator.SPAPI, Operation: "getOrder", Account: refused, Action: simulator.Action{Status: 403}})
	simulatortest.Fault(t, e.amazon, simulator.Rule{Part: simulator.SPAPI, Operation: "getOrder", Account: failing, Action: simulator.Action{Status: 503}})
	p := e.start(t)
	watched, stop := p.Watch(ctx)
	defer stop()
	for _, account := range []string{refused, failing, well} {
		for range orders {
			e.order(t, account)
		}
	}
	for e.carry(watched, t) > 0 {
	}
	e.awaitStandings(watched, t, "one parked, one held up and one done", func(s map[string]standing) bool {
		r, f, w := s[refused], s[failing], s[well]
		return r.pending() == orders && len(r.Waits) == 1 && r.Waits[0].Parked &&
			f.pending() == orders && len(f.Waits) == 1 && !f.Waits[0].Parked && f.Waits[0].Reason != "" && w.pending() == 0 && len(w.Waits) == 0
	})
	if err := p.Stop(time.Minute); err != nil {
		t.Fatal(err)
	}
	// Whether the breaker would still be open nobody knows now.
	e.awaitStandings(ctx, t, "the same of a stopped pipeline", func(s map[string]standing) bool {
		r := s[refused]
		return r.pending() == orders && len(r.Waits) == 1 && r.Waits[0].Parked && s[failing].pending() == orders && s[well].pending() == 0
	})
}

// awaitStandings asks until what is said of the accounts is as it should be.
func (e *environment) awaitStandings(ctx context.Context, t *testing.T, what string, as func(map[string]standing) bool) {
	t.Helper()
	for {
		text, err := exec.CommandContext(ctx, e.binary, "accounts", "--json", "--config", e.config).Output()
		if ctx.Err() != nil {
			t.Fatalf("no %s: the last answer was\n%s", what, text)
		}
		var answer struct{ Accounts []standing }
		if err == nil {
			err = json.Unmarshal(text, &answer)
		}
		if err != nil { // before the topics and schemas are there
			continue
		}
		by := map[string]standing{}
		for _, s := range answer.Accounts {
			by[s.Account] = s
		}
		if as(by) {
			return
		}
	}
}
