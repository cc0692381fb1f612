package orders

import (
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestManyChangesBeforeTheCallCostOneCall(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	var changes []any
	for i := range 10 {
		changes = append(changes, notified(orderID(1), fmt.Sprint(i), testStart.Add(time.Duration(i)*time.Second)))
	}
	if calls := r.Take(changes...); len(calls) != 1 {
		t.Fatalf("%d calls: %s", len(calls), callIDs(calls))
	}
}

func TestAChangeDuringTheCallIsFetchedOnceMore(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	v := a.change(orderID(1), r.Now)
	calls := r.Take(notified(orderID(1), "1", v.at))
	r.Now = r.Now.Add(time.Second)
	for i := range 5 {
		if more := r.Take(notified(orderID(1), fmt.Sprint("later", i), r.Now.Add(time.Duration(i)))); len(more) != 0 {
			t.Fatal("rule 2: a second call in flight")
		}
	}
	again := r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), v)})
	if len(again) != 1 || len(r.outputs) != 1 {
		t.Fatalf("%d calls and %d outputs after the answer, want 1 and 1", len(again), len(r.outputs))
	}
	v = a.change(orderID(1), r.Now)
	if calls = r.Done(again[0], &model.GetOrderResponse{Order: a.order(orderID(1), v)}); len(calls) != 0 || len(r.outputs) != 2 {
		t.Fatalf("%d calls and %d outputs at the end, want 0 and 2", len(calls), len(r.outputs))
	}
}

func TestWhatIsKnownIsNotFetchedAgain(t *testing.T) {
	t.Parallel()
	at := testStart.Add(time.Minute)
	timed := func(id string, changed time.Time) *schemas.OrderChange { return notified(orderID(1), id, changed) }
	timeless := func(id string) *schemas.OrderChange {
		c := notified(orderID(1), id, at)
		c.ChangeTime = time.Time{}
		return c
	}
	buyer := func(id string) *schemas.OrderChange {
		c := notified(orderID(1), id, at.Add(-time.Second))
		c.ChangeType = buyerRequestedChange
		return c
	}
	for _, test := range []struct {
		name   string
		change *schemas.OrderChange
		calls  int
	}{
		{"the same notification", timed("1", at), 0},
		{"another of the same time", timed("1b", at), 1},
		{"an older change", timed("2", at.Add(-time.Millisecond)), 0},
		{"a newer change", timed("3", at.Add(time.Millisecond)), 1},
		{"a change without a time", timeless("4"), 1},
		{"a buyer's request, though older", buyer("5"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r, a := newRuntime(t), newAmazon()
			r.Now = at.Add(time.Second)
			v := a.change(orderID(1), at)
			calls := r.Take(timed("1", at))
			r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), v)})
			r.Restart() // what is known must be in the state
			if calls = r.Take(test.change); len(calls) != test.calls {
				t.Fatalf("%d calls, want %d", len(calls), test.calls)
			}
			if len(calls) == 1 {
				next := a.change(orderID(1), r.Now)
				r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), next)})
			}
			r.Restart()
			// At the second time it is known, whichever kind it is.
			if calls = r.Take(test.change); len(calls) != 0 {
				t.Fatal("its repeat was fetched again")
			}
		})
	}
}

func TestAFarFutureChangeCannotBlockAnOrder(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	v := a.change(orderID(1), r.Now)
	calls := r.Take(notified(orderID(1), "forged", r.Now.AddDate(10, 0, 0)))
	r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), v)})
	r.Now = r.Now.Add(time.Minute)
	if calls = r.Take(notified(orderID(1), "real", r.Now)); len(calls) != 1 {
		t.Fatal("the real change after it was dropped")
	}
}

func TestAnAnswerOlderThanTheChangeIsAskedAgainBounded(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	old := a.change(orderID(1), r.Now)
	r.Now = r.Now.Add(time.Hour)
	calls := r.Take(notified(orderID(1), "1", r.Now))
	for try := range maxStale {
		if calls = r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), old)}); len(calls) != 0 || len(r.outputs) != 0 {
			t.Fatalf("try %d: %d calls at once, %d outputs", try, len(calls), len(r.outputs))
		}
		r.Restart() // the count must survive
		r.Tick(nil)
		r.Now = r.Wake
		if calls = r.Tick(nil); len(calls) != 1 {
			t.Fatalf("try %d: no call at the time it asked for", try)
		}
	}
	r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), old)})
	if len(r.outputs) != 1 || !r.order(orderID(1)).Pending {
		t.Fatalf("%d outputs, state %+v: the last answer must be taken, and a newer one awaited", len(r.outputs), r.order(orderID(1)))
	}
}

// lateRuntime has emitted what was true before the change that was notified at
// the returned time, and waits for Amazon to show the change.
func lateRuntime(t *testing.T) (*runtime, *amazon, version, time.Time) {
	t.Helper()
	r, a := newRuntime(t), newAmazon()
	old := a.change(orderID(1), r.Now)
	r.Now = r.Now.Add(time.Hour)
	at := r.Now
	calls := r.Take(notified(orderID(1), "1", at))
	for try := range maxStale + 1 {
		if try > 0 {
			r.Now = r.Wake
			calls = r.Tick(nil)
		}
		if len(calls) != 1 {
			t.Fatalf("try %d: %d calls", try, len(calls))
		}
		r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), old)})
	}
	if len(r.outputs) != 1 || r.Wake.Sub(r.Now) != lateWait {
		t.Fatalf("%d outputs, next try in %v", len(r.outputs), r.Wake.Sub(r.Now))
	}
	return r, a, old, at
}

func TestAChangeThatAmazonShowsLateIsStillEmitted(t *testing.T) {
	t.Parallel()
	r, a, _, at := lateRuntime(t)
	r.Restart()
	r.Tick(nil)
	r.Now = r.Wake
	calls := r.Tick(nil)
	r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), a.change(orderID(1), at))})
	if len(r.outputs) != 2 || r.order(orderID(1)).Pending {
		t.Fatalf("%d outputs, %+v", len(r.outputs), r.order(orderID(1)))
	}
}

func TestAChangeThatAmazonNeverShowsIsLetGoAndItsRepeatFetched(t *testing.T) {
	t.Parallel()
	r, a, old, at := lateRuntime(t)
	tries := 0
	for ; r.order(orderID(1)).Pending && tries < 100; tries++ {
		r.Now = r.Wake
		calls := r.Tick(nil)
		r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), old)})
	}
	if tries != maxLate || len(r.outputs) != 1 {
		t.Fatalf("%d more tries, want %d; %d outputs", tries, maxLate, len(r.outputs))
	}
	r.Restart()
	r.Now = r.Now.Add(time.Minute)
	if calls := r.Take(notified(orderID(1), "1", at)); len(calls) != 1 {
		t.Fatal("a repeat of the notification was dropped")
	}
}

func TestALaterChangeEndsTheLongWait(t *testing.T) {
	t.Parallel()
	r, a, _, _ := lateRuntime(t)
	r.Now = r.Now.Add(3 * time.Second)
	v := a.change(orderID(1), r.Now)
	calls := r.Take(notified(orderID(1), "2", v.at))
	if len(calls) != 1 {
		t.Fatalf("%d calls, next tick in %v", len(calls), r.Wake.Sub(r.Now))
	}
	if r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), v)}); len(r.outputs) != 2 || r.order(orderID(1)).Pending {
		t.Fatalf("%d outputs, %+v", len(r.outputs), r.order(orderID(1)))
	}
}

// TestABuyersRequestIsNotMissedWhenReadsLag: its notification has no time that
// could be compared, so an answer that says nothing new is asked again.
func TestABuyersRequestIsNotMissedWhenReadsLag(t *testing.T) {
	t.Parallel()
	for _, during := range []bool{false, true} {
		r, a := newRuntime(t), newAmazon()
		old := a.change(orderID(1), r.Now)
		calls := r.Take(notified(orderID(1), "1", old.at))
		request := notified(orderID(1), "2", old.at)
		request.ChangeType = buyerRequestedChange
		answer := &model.GetOrderResponse{Order: a.order(orderID(1), old)}
		if during { // the request comes while the first call is in flight
			r.Take(request)
			calls = r.Done(calls[0], answer)
		} else {
			r.Done(calls[0], answer)
			calls = r.Take(request)
		}
		if len(calls) != 1 || len(r.outputs) != 1 {
			t.Fatalf("%d calls, %d outputs", len(calls), len(r.outputs))
		}
		r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), old)}) // not shown yet
		r.Now = r.Wake
		if calls = r.Tick(nil); len(calls) != 1 {
			t.Fatal("not asked again")
		}
		fresh := a.change(orderID(1), r.Now)
		r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), fresh)})
		if len(r.outputs) != 2 || r.order(orderID(1)).Pending {
			t.Fatalf("%d outputs, state %+v", len(r.outputs), r.order(orderID(1)))
		}
	}
}

func TestAnOrderThatAmazonDoesNotKnowIsLetGo(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	change := notified(orderID(1), "1", r.Now)
	calls := r.Take(change)
	tries := 0
	for ; len(calls) > 0; tries++ {
		calls = r.End(calls[0], a.answer(orderID(1), r.Now))
		if len(calls) == 0 && r.order(orderID(1)).Pending {
			r.Now = r.Wake
			calls = r.Tick(nil)
		}
	}
	if tries != maxStale+1 {
		t.Fatalf("asked %d times, want %d", tries, maxStale+1)
	}
	r.Restart()
	r.Now = r.Now.Add(missingFor - time.Second)
	later := notified(orderID(1), "2", r.Now)
	if calls = r.Take(change, later); len(calls) != 0 || len(r.Letters) != 0 {
		t.Fatal("asked again while it is believed to be missing")
	}
	r.Now = r.Now.Add(2 * time.Second)
	if r.Tick(nil); r.order(orderID(1)) != nil {
		t.Fatal("its entry outlives the belief")
	}
	if calls = r.Take(later); len(calls) != 1 {
		t.Fatal("not asked after it")
	}
}

func TestRejects(t *testing.T) {
	t.Parallel()
	good := notified(orderID(1), "1", testStart)
	for _, test := range []struct {
		reason string
		key    string
		value  func(c *schemas.OrderChange) any
	}{
		{"unexpected_type", testAccount, func(*schemas.OrderChange) any { return &schemas.Claim{} }},
		{"account_mismatch", "other", func(c *schemas.OrderChange) any { return c }},
		{"unknown_account", "nobody", func(c *schemas.OrderChange) any { c.Account = "nobody"; return c }},
		{"invalid_order_id", testAccount, func(c *schemas.OrderChange) any { c.OrderID = "../../feeds"; return c }},
		{"invalid_order_id", testAccount, func(c *schemas.OrderChange) any { c.OrderID = ""; return c }},
		{"invalid_order_id", testAccount, func(c *schemas.OrderChange) any { c.OrderID = strings.Repeat("1", 51); return c }},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			m, tx, change := newMachine(t), &machine.Tx{Now: testStart}, *good
			m.Record(tx, &machine.Record{Account: test.key, Value: test.value(&change)})
			m.Draw(tx)
			if len(tx.DeadLetters) != 1 || tx.DeadLetters[0].Reason != test.reason || len(tx.State) != 0 || len(tx.Calls) != 0 {
				t.Fatalf("%+v", tx)
			}
		})
	}
}

func TestThrottledAndParkedAccountsWaitAndOthersDoNot(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]machine.Outcome{
		"throttled": machine.Snooze{Throttled: true}, "parked": machine.Park{}, "held": machine.Snooze{For: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t)
			calls := r.Take(notified(orderID(1), "1", r.Now))
			theirs := notified(orderID(9), "9", r.Now)
			theirs.Account = "other"
			records := r.Records(notified(orderID(2), "2", r.Now), theirs)
			next := r.Tick(records, machine.Result{Call: calls[0], Outcome: outcome})
			// The draw comes after both.
			if callIDs(next) != orderID(9) {
				t.Fatalf("called %q", callIDs(next))
			}
			if r.order(orderID(1)).Attempts != 0 {
				t.Fatal("a wait cost an attempt")
			}
			r.Now = r.Wake
			if next = r.Tick(nil); len(next) == 0 || r.Now.Equal(testStart) {
				t.Fatalf("no call at %v, the time it asked for", r.Now)
			}
		})
	}
}

// TestAnotherClockDoesNotStall: the owner before us lived five minutes ahead.
func TestAnotherClockDoesNotStall(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	r.Take(notified(orderID(1), "1", r.Now))
	r.Restart()
	r.Now = r.Now.Add(-5 * time.Minute)
	for range 3 {
		calls := r.Tick(nil)
		for range 2 { // the bucket is not full after a takeover
			if len(calls) == 0 && r.Wake.Sub(r.Now) <= 2*time.Second+time.Millisecond {
				r.Now = r.Wake
				calls = r.Tick(nil)
			}
		}
		if len(calls) != 1 {
			t.Fatalf("no call; the next tick is wanted in %v", r.Wake.Sub(r.Now))
		}
		delete(r.Running, calls[0].Key)
		r.Decide(nil, machine.Result{Call: calls[0], Outcome: machine.Snooze{}})
		r.Restart()
	}
}

func TestATokenIsReservedBeforeItIsSpent(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	var changes []any
	for i := range 100 {
		changes = append(changes, notified(orderID(i), fmt.Sprint(i), r.Now))
	}
	r.Machine.gateOf(testAccount).width = len(changes)
	calls := r.Take(changes...)
	if len(calls) != 29 { // Amazon's burst of 30 less the one that stays unspent
		t.Fatalf("%d calls at once", len(calls))
	}
	state := r.State("quota/acme-eu/getOrder").(*schemas.QuotaState)
	if state.Tokens != 0 || state.Rate != 0.5 {
		t.Fatalf("committed %+v", state)
	}
	r.Restart()
	r.Now = r.Now.Add(3 * time.Second)
	if calls = r.Tick(nil); len(calls) != 1 {
		t.Fatalf("%d calls of a new owner after 3 s at 0.5/s, want 1", len(calls))
	}
}

func TestIdleOrdersAreForgotten(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	for i := range 3 {
		v := a.change(orderID(i), r.Now)
		calls := r.Take(notified(orderID(i), fmt.Sprint(i), v.at))
		r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(i), v)})
	}
	r.Restart()
	r.Tick(nil)
	if want := testStart.Add(keepIdle); !r.Wake.Equal(want) {
		t.Fatalf("wants to be woken at %v, not %v", r.Wake, want)
	}
	r.Now = r.Wake.Add(-time.Millisecond)
	if r.Tick(nil); r.order(orderID(0)) == nil {
		t.Fatal("forgotten too early")
	}
	r.Now = r.Now.Add(time.Millisecond)
	if r.Tick(nil); r.Store.Len() != 1 { // the quota stays
		t.Fatalf("%d entries left", r.Store.Len())
	}
}

func TestTheOutputCarriesWhenItsNotificationWasReceived(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	v := a.change(orderID(1), r.Now)
	early, late := notified(orderID(1), "1", v.at), notified(orderID(1), "2", v.at.Add(time.Millisecond))
	late.ReceivedTime = r.Now.Add(-time.Hour) // later in the topic, yet older in the queue
	calls := r.Take(early, late)
	answer := machine.Done{Response: &model.GetOrderResponse{Order: a.order(orderID(1), version{at: late.ChangeTime, number: 1})}}
	tx := r.Decide(nil, machine.Result{Call: calls[0], Outcome: answer})
	headers := tx.Outputs[0].Headers
	if want := fmt.Sprint(late.ReceivedTime.UnixMilli()); len(headers) != 1 || headers[0].Key != ReceivedAt || string(headers[0].Value) != want {
		t.Fatalf("headers %v, want %s", headers, want)
	}
}

func TestRestoreRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]any{
		"order/acme-eu/1":         &schemas.OrderState{Account: "acme-eu", OrderID: "2"},
		"order/acme-eu/2":         &schemas.Order{},
		"quota/acme-eu/getFeed":   &schemas.QuotaState{Account: "acme-eu", Operation: "getFeed"},
		"something/else/entirely": nil,
	} {
		if err := newMachine(t).Restore(key, value); err == nil {
			t.Errorf("%s: %T was accepted", key, value)
		}
	}
}

// TestMemoryOfAPendingOrder holds the bound of 500 bytes per pending entry.
func TestMemoryOfAPendingOrder(t *testing.T) { //nolint:paralleltest // it measures the heap
	const n = 200_000
	m, tx := newMachine(t), &machine.Tx{Now: testStart}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	before := machinetest.HeapInUse()
	for i := range n {
		change := notified(orderID(i), "d8a3f0a6-8b1f-4c7e-9b55-0f3a2c1d4e5f", testStart)
		m.Record(tx, &machine.Record{Account: testAccount, Value: change})
		tx.State = nil // the runtime keeps nothing of a committed tick
	}
	per := (machinetest.HeapInUse() - before) / n
	t.Logf("%d bytes per pending order", per)
	if m.Pending() != n || per > 500 {
		t.Fatalf("%d pending, %d bytes each", m.Pending(), per)
	}
}
