package orders

import (
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// restoreRecovered begins with orders that are pending because something else
// than a notification found them.
func restoreRecovered(t *testing.T, r *runtime, at time.Time, ids ...string) {
	t.Helper()
	for _, id := range ids {
		state := &schemas.OrderState{
			Account: testAccount, OrderID: id, Pending: true, PendingSince: at, WantedTime: at, Origin: originRecovered, TouchedTime: at,
		}
		if err := r.Store.Put(orderKey(testAccount, id), state); err != nil {
			t.Fatal(err)
		}
	}
	r.Restart()
}

func TestNotifiedOrdersGoBeforeRecoveredOnes(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	old := r.Now.Add(-time.Hour)
	for n := range 3 {
		a.change(orderID(n), old)
	}
	restoreRecovered(t, r, old, orderID(0), orderID(1))
	// One of the recovered orders is notified meanwhile, and so is another.
	r.Take(notified(orderID(1), "1", old), notified(orderID(2), "2", old))
	calls := r.Pass(time.Minute)
	if got, want := callIDs(calls), strings.Join([]string{orderID(1), orderID(2), orderID(0)}, " "); got != want {
		t.Fatalf("fetched %s, want %s", got, want)
	}
	for i, origin := range []string{originNotification, originNotification, originRecovered} {
		r.End(calls[i], a.answer(calls[i].Request.(*model.GetOrderRequest).OrderID, r.Now))
		if got := r.outputs[i].Origin; got != origin {
			t.Errorf("%s has the origin %s, want %s", r.outputs[i].OrderID, got, origin)
		}
	}
}

// TestTheNotificationOfARecoveredOrderIsARepeat also where Amazon's orders have
// whole seconds, and its notifications have not.
func TestTheNotificationOfARecoveredOrderIsARepeat(t *testing.T) {
	t.Parallel()
	for _, second := range []bool{false, true} {
		r, a := newRuntime(t), newAmazon()
		a.second = second
		v := a.change(orderID(1), r.Now.Add(-time.Hour+123*time.Millisecond))
		restoreRecovered(t, r, v.at.Truncate(time.Second), orderID(1))
		calls := r.Pass(time.Minute)
		tx := r.Decide(nil, machine.Result{Call: calls[0], Outcome: a.answer(orderID(1), r.Now)})
		r.Commit(tx)
		if len(tx.Outputs) != 1 || len(tx.Outputs[0].Headers) != 0 {
			t.Fatalf("wrote %+v, want one order that says nothing of a notification", tx.Outputs)
		}
		clear(r.Running)
		if r.Take(notified(orderID(1), "late", v.at)); r.order(orderID(1)).Pending {
			t.Errorf("whole seconds %t: the late notification has it fetched again", second)
		}
		if r.Take(notified(orderID(1), "next", v.at.Add(2*time.Second))); !r.order(orderID(1)).Pending {
			t.Errorf("whole seconds %t: the next change is not fetched", second)
		}
	}
}
