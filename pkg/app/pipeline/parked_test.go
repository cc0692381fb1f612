package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/pause"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
)

// parked waits until an account is parked, or is not, as `accounts` shows it.
func (e *estate) parked(account string, want bool) {
	e.t.Helper()
	s := e.settings()
	s.Logger = slog.New(slog.DiscardHandler)
	for {
		fold, err := ReadAccounts(e.ctx, s, account, func(int, int) {})
		if err != nil {
			e.t.Fatal(err)
		}
		if fold.Standings()[0].Parked() == want {
			return
		}
		if clock.Sleep(e.ctx, clock.Real{}, 100*time.Millisecond) != nil {
			e.t.Fatalf("account %s is parked: %t\n%s", account, !want, e.log)
		}
	}
}

func (e *estate) switches(do func(*pause.Switches) error) {
	e.t.Helper()
	s := e.settings()
	s.Logger = slog.New(slog.DiscardHandler)
	opened, stop, err := OpenSwitches(e.ctx, s, true)
	if err != nil {
		e.t.Fatal(err)
	}
	defer stop()
	if err := do(opened); err != nil {
		e.t.Fatal(err)
	}
}

// TestARefusedAccountStaysParked whichever role is refused first, and however its calls are
// paused and resumed. A retry tries it now, long before its next probe.
func TestARefusedAccountStaysParked(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]simulator.Rule{
		"its authorization is withdrawn": {Part: simulator.LWA, Account: german, Action: simulator.Action{Status: 400, Body: `{"error":"invalid_grant"}`}},
		"every operation refuses it":     {Part: simulator.SPAPI, Account: german, Action: simulator.Action{Status: 403}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, 1, "", clock.Real{})
			e.configure(german)
			withdrawn := simulatortest.Fault(t, e.sim, refusal)
			e.run(nil)
			e.log.await(e.ctx, t, "cannot be sure of notifications\" role=subscriptions account="+german) // it is first
			e.order(german)
			e.updates(german, "sku", 1, true)
			e.parked(german, true)
			e.turn(german, true)
			e.log.await(e.ctx, t, `"calls are paused" calls="of account `+german)
			e.parked(german, true)
			e.turn(german, false)
			e.log.await(e.ctx, t, `"calls go on" calls="of account `+german)
			e.parked(german, true)

			e.sim.Faults.Remove(withdrawn)
			e.switches(func(s *pause.Switches) error { return s.Retry(e.ctx, german, "test", "") })
			var stop context.CancelFunc
			e.ctx, stop = context.WithTimeoutCause(e.ctx, time.Minute/2, errors.New("only a probe finds out"))
			defer stop()
			e.events(german, 1)
			e.parked(german, false)
		})
	}
}
