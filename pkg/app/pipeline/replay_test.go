package pipeline

import (
	"testing"

	"github.com/sellerstream/sellerstream/pkg/operator/replays"
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

// replayAll makes a running pipeline process all of an input topic again.
func (e *estate) replayAll(topic string) {
	e.t.Helper()
	opts, stop, err := OpenReplay(e.ctx, e.settings(), "ada@test", schemas.DeadLettersResolved)
	if err != nil {
		e.t.Fatal(err)
	}
	defer stop()
	again := replays.New(opts, replays.Request{Name: "r", Topic: topic})
	run, err := again.Next(e.ctx, nil)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := again.Start(e.ctx, run); err != nil {
		e.t.Fatal(err)
	}
	if _, err := again.Process(e.ctx, run, nil); err != nil {
		e.t.Fatal(err)
	}
}

// TestReplayWaitsBehindNewWork replays more orders than there are tokens left. A
// new order is fetched before them, and Amazon has nothing to refuse.
func TestReplayWaitsBehindNewWork(t *testing.T) {
	t.Parallel()
	e := newEstate(t, 1, "", clock.Real{})
	account := e.sim.Accounts()[0].ID
	e.configure(account)
	e.run(nil)
	const orders = 28 // of the 29 calls that may come at once
	for range orders {
		e.order(account)
	}
	e.events(account, orders)
	e.replayAll(schemas.OrderChanges)
	getOrder := simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"}
	if _, err := e.sim.Ledger.Await(e.ctx, getOrder, orders+1); err != nil {
		t.Fatalf("nothing is fetched again: %v\n%s", err, e.log)
	}
	e.order(account)
	e.events(account, orders+1)
	if n := e.calls("getOrder", account); n >= 2*orders {
		t.Errorf("%d calls until the new order: the replay of %d went before it", n, orders)
	}
	e.end()
	if n := e.sim.Ledger.Throttled(); n != 0 {
		t.Errorf("Amazon had to refuse %d calls", n)
	}
	if events, _ := e.sim.Events(0); len(events) != orders+1 {
		t.Errorf("%d events, want %d: nothing has changed", len(events), orders+1)
	}
}
