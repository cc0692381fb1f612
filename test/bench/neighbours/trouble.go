package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
)

// trouble is a bad account's in a phase, and the proof that it was there.
type trouble struct {
	*scene
	phase    string
	account  string               // "" in the phase without trouble
	rule     int                  // of the simulator
	orders   map[string]time.Time // of the account
	begun    time.Time
	measured time.Time // since when what is measured passes
}

// begin gives the next bad account its trouble and a backlog of orders, and waits until
// Amazon has refused it.
func (t *trouble) begin(ctx context.Context) (err error) {
	t.begun = time.Now()
	rule := simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{Status: 429}}
	seen := simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder", Status: 429}
	switch t.phase {
	case alone:
		return nil
	case refused:
		rule = simulator.Rule{Part: simulator.LWA, Action: simulator.Action{
			Status: 400, Body: `{"error":"invalid_grant","error_description":"The refresh token is revoked."}`,
		}}
		seen = simulator.Filter{Part: simulator.LWA, Status: 400}
	}
	t.account, t.bad = t.bad[0], t.bad[1:]
	if t.phase == refused {
		t.Amazon.RevokeTokens(t.account) // with the one that it has, it would not be refused for an hour
	}
	rule.Account, seen.Account = t.account, t.account
	if t.rule, err = t.Amazon.Faults.Add(rule); err != nil {
		return err
	}
	t.orders = make(map[string]time.Time, backlog)
	for range backlog {
		id, err := t.order(t.account)
		if err != nil {
			return err
		}
		t.orders[id] = time.Now()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := t.Amazon.Ledger.Await(ctx, seen, 1); err != nil {
		return fmt.Errorf("the account %s is not %s: %w", t.account, t.phase, err)
	}
	return nil
}

// prove fails where the ledger does not show the trouble, and nothing else, in what was
// measured.
func (t *trouble) prove() error {
	fetched, tooMany, refusals := 0, 0, 0
	for _, c := range t.Amazon.Ledger.Calls(simulator.Filter{}) {
		if c.Time.Before(t.begun) || c.Account == "" || slices.Contains(t.neighbours, c.Account) {
			continue
		}
		switch during := !c.Time.Before(t.measured); {
		case c.Operation == "getOrder" && c.Status == 200:
			fetched++
		case c.Operation == "getOrder" && c.Status == 429 && during:
			tooMany++
		case c.Part == simulator.LWA && c.Status == 400 && c.Account == t.account:
			refusals++
		}
	}
	switch {
	case fetched > 0:
		return fmt.Errorf("%d orders of bad accounts were fetched in the phase %s", fetched, t.phase)
	case (tooMany > 0) != (t.phase == throttled):
		return fmt.Errorf("Amazon throttled %d calls in the phase %s", tooMany, t.phase)
	case (refusals > 0) != (t.phase == refused):
		return fmt.Errorf("Login with Amazon refused %d tokens in the phase %s", refusals, t.phase)
	}
	return nil
}

// end waits until nothing of the trouble is left. A refused account stays so, and is
// left alone by then: it is parked, and tries one call a minute or less.
func (t *trouble) end(ctx context.Context) error {
	if t.phase != throttled {
		return nil
	}
	t.Amazon.Faults.Remove(t.rule)
	if _, err := t.collect(ctx, t.orders); err != nil {
		return fmt.Errorf("the backlog of the throttled account: %w", err)
	}
	return nil
}
