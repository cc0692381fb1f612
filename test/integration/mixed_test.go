package integration

import (
	"context"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
)

const (
	// mixedOver is how long stock is supplied in TestMixedVersions, on its clock: a minute.
	mixedOver = 20 * time.Minute
	// mixedPart is one stretch of its orders: as many follow as the fleet's changes need.
	mixedPart = 2 * time.Minute
)

// TestMixedVersions runs this version beside the release before, under load: a canary that
// is killed, a rolling upgrade, and the way back. Nothing is lost, sent twice or throttled,
// whichever version does it.
func TestMixedVersions(t *testing.T) {
	e := newStockEnvironment(t, stockSpeed)
	older, of, note := process.BuildBefore(t.Context(), t.TempDir())
	if older == "" {
		t.Logf("there is no version before that could be built, so this version stands for it: %s", note)
		older = e.binary
	}
	t.Logf("the version before is %s %s", of, note)
	// Seven processes start one after the other, which is slow where two cores bear all.
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	defer cancel()
	began := time.Now()

	fleet := []*pod{e.startPodOf(t, older), e.startPodOf(t, older)}
	for _, p := range fleet {
		p.awaitReady(ctx, t)
	}
	changed, ordered := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			err := e.amazon.Run(ctx, simulator.Scenario{Orders: 12, Changes: 1, Over: mixedPart, Duplicates: 0.2, Reordered: 0.2})
			select {
			case <-changed:
				ordered <- err
				return
			default:
			}
			if err != nil {
				ordered <- err
				return
			}
		}
	}()
	planned := make(chan simulator.InventoryPlan, 1)
	go func() {
		planned <- e.supply(ctx, t, simulator.InventoryScenario{Updates: 3 * 3 * stockSKUs, SKUs: stockSKUs, Over: mixedOver, Waves: 6, Reordered: 0.1, Urgent: 0.02})
	}()
	e.awaitCalls(ctx, t, 20)

	canary := e.startPod(t)
	canary.awaitReady(ctx, t)
	if of != "" {
		e.runs(ctx, t, "0.1.0 or before", "upgrade", "status")
	}
	e.awaitCalls(ctx, t, 20)
	canary.Kill()
	e.awaitCalls(ctx, t, 20) // the old fleet goes on
	for _, p := range fleet {
		p.awaitReady(ctx, t)
	}

	replace := func(with string) {
		for i, p := range fleet {
			next := e.startPodOf(t, with)
			next.awaitReady(ctx, t)
			p.drain(ctx, t)
			fleet[i] = next
			e.awaitCalls(ctx, t, 10)
		}
	}
	replace(e.binary)
	replace(older)

	t.Logf("the fleet has changed three times within %v", time.Since(began).Round(time.Second))
	close(changed)
	if err := <-ordered; err != nil {
		t.Fatal(err)
	}
	plan := <-planned
	results := e.awaitOutcomes(ctx, t, plan)
	e.finish(ctx, t, fleet[0].Process)
	if err := fleet[1].Stop(grace); err != nil {
		t.Errorf("stop the last process: %v", err)
	}
	e.checkStock(t, plan, results)
	sent, _ := e.tap.seen()
	records := e.checkOrders(ctx, t)
	for id, order := range records {
		if len(sent[id]) == 0 {
			t.Errorf("event %s of order %s did not reach EventBridge", id, order.OrderID)
		}
	}
	for _, value := range e.readAll(ctx, t, schemas.DeadLetters) {
		t.Errorf("a dead letter: %+v", value)
	}
	t.Logf("%d orders, %d events, %d updates, in %v", len(e.amazon.Truth().Orders), len(sent), len(plan.Updates), time.Since(began).Round(time.Second))
}

// startPodOf is startPod of another build.
func (e *environment) startPodOf(t *testing.T, binary string) *pod {
	t.Helper()
	other := *e
	other.binary = binary
	return other.startPod(t)
}

// awaitCalls waits until so many more orders have been asked for.
func (e *environment) awaitCalls(ctx context.Context, t *testing.T, more int) {
	t.Helper()
	asked := simulator.Filter{Part: simulator.SPAPI, Operation: "getOrder"}
	if _, err := e.amazon.Ledger.Await(ctx, asked, len(e.amazon.Ledger.Calls(asked))+more); err != nil {
		t.Fatalf("the pipeline does not go on: %v", err)
	}
}
