package integration

import (
	"context"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/process"
)

// reconcileSpeed is how fast the clock of this test runs: what a search waits for
// takes seconds.
const reconcileSpeed = 60

// TestDroppedNotifications makes Amazon drop one notification in ten, and the
// pipeline stopped when they have been dropped: another one searches on from
// where it stopped, and every order arrives.
func TestDroppedNotifications(t *testing.T) {
	epoch := time.Now()
	e := newEnvironmentWith(t, simulator.Config{Clock: clock.NewScaled(epoch, reconcileSpeed)},
		process.Config{Speed: reconcileSpeed, Epoch: epoch})
	e.dropped = 0.1
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	p := e.begin(ctx, t)
	e.play(ctx, t, orderCount)
	e.awaitEmpty(ctx, t)
	if err := p.Stop(time.Minute); err != nil {
		t.Fatalf("stop the pipeline: %v", err)
	}
	p = e.start(t)
	e.awaitUp(ctx, t, p) // the first may have left nothing to do
	e.finish(ctx, t, p)
	e.check(ctx, t, time.Time{})

	recovered := map[string]bool{}
	for _, value := range e.readAll(ctx, t, schemas.Orders) {
		if order := value.(*schemas.Order); order.Origin == "RECOVERED" {
			recovered[order.OrderID] = true
		}
	}
	unnotified := 0
	for id, order := range e.amazon.Truth().Orders {
		if order.NotifiedTime.IsZero() {
			unnotified++
			if !recovered[id] {
				t.Errorf("order %s was never notified, and does not say that it was recovered", id)
			}
		}
	}
	if unnotified == 0 {
		t.Error("no order was left without a notification: the test shows nothing")
	}
	t.Logf("%d changes were not notified, %d orders not at all; %d recovered", e.amazon.Truth().Dropped, unnotified, len(recovered))
}
