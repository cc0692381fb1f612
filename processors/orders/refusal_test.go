package orders

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// again follows the machine's wishes to be woken until it calls, and fails
// with outcome, and returns how many calls that were and how long it took.
func again(t *testing.T, r *runtime, outcome machine.Outcome, limit int) (calls int, took time.Duration) {
	t.Helper()
	began := r.Now
	started := r.Take(notified(orderID(1), "1", r.Now))
	for calls < limit {
		if len(started) == 0 {
			r.Now = r.Wake
			started = r.Tick(nil)
			continue
		}
		calls++
		started = r.End(started[0], outcome)
		if !r.order(orderID(1)).Pending {
			break
		}
	}
	return calls, r.Now.Sub(began)
}

func TestAnOrderThatAmazonRefusesIsLetGoAtLast(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	calls, took := again(t, r, machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.GetOrder, Status: 400}}, 100)
	if calls > 60 || took < defaultPatience || took > defaultPatience+refusedLimit {
		t.Fatalf("let go after %d calls in %v", calls, took)
	}
	if state := r.order(orderID(1)); state.Pending || !state.MissingUntil.IsZero() {
		t.Fatalf("%+v", state)
	}
	if len(r.Letters) != 1 {
		t.Fatalf("%d dead letters, want one", len(r.Letters))
	}
	letter := r.Letters[0]
	if letter.Account != testAccount || letter.Key != orderKey(testAccount, orderID(1)) || letter.Reason != reasonRefused {
		t.Fatalf("%+v", letter)
	}
	for _, says := range []string{testAccount, orderID(1), "(400)", fmt.Sprint(calls, " tries"), "deadletters retry"} {
		if !strings.Contains(letter.Message, says) {
			t.Errorf("%q does not say %q", letter.Message, says)
		}
	}
	r.Restart()
	r.Now = r.Now.Add(time.Minute)
	if f := r.order(orderID(1)).Failure; f == nil || f.Code != reasonRefused || !strings.Contains(f.Message, orderID(1)) {
		t.Errorf("the state says %+v", f)
	}
	repeat := notified(orderID(1), "1", testStart)
	started := r.Take(repeat)
	if len(started) != 1 {
		t.Fatal("its next notification was dropped, though it may be mended by now")
	}
	a := newAmazon()
	r.Done(started[0], &model.GetOrderResponse{Order: a.order(orderID(1), a.change(orderID(1), r.Now))})
	if state := r.order(orderID(1)); state.Failure != nil || state.Pending {
		t.Errorf("Amazon has answered, and the state says %+v", state.Failure)
	}
}

func TestAnOrderThatIsGoneIsSetAside(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	v := a.change(orderID(1), r.Now)
	calls := r.Take(notified(orderID(1), "0", r.Now))
	r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), v)})
	r.Now = r.Now.Add(time.Minute)
	tries, _ := again(t, r, machine.Reject{Err: &model.Error{Class: model.NotFound, Status: 404}}, 100)
	if state := r.order(orderID(1)); tries > 60 || len(r.Letters) != 1 || !state.MissingUntil.IsZero() {
		t.Fatalf("%d tries, %d dead letters, %+v", tries, len(r.Letters), state)
	}
}

var errForbidden = &model.Error{Class: model.Forbidden, Operation: model.GetOrder, Status: 403}

func TestAForbiddenOrderDoesNotStopItsAccount(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	bad := orderKey(testAccount, orderID(1))
	answer := func(call machine.Call) machine.Outcome {
		if call.Key == bad {
			return machine.Reject{Err: errForbidden}
		}
		id := call.Request.(*model.GetOrderRequest).OrderID
		return a.answer(id, r.Now)
	}
	a.change(orderID(1), r.Now)
	calls := r.Take(notified(orderID(1), "1", r.Now))
	r.Follow(time.Minute, calls, answer)
	for i := 2; len(r.Letters) == 0; i++ {
		if i > 100 {
			t.Fatalf("the forbidden order is never set aside: %+v", r.order(orderID(1)))
		}
		a.change(orderID(i), r.Now)
		calls = r.Take(notified(orderID(i), fmt.Sprint(i), r.Now))
		before := len(r.outputs)
		r.Follow(refusedLimit/2, calls, answer)
		if len(r.outputs) != before+1 {
			t.Fatalf("order %d was not fetched", i)
		}
	}
	if letter := r.Letters[0]; letter.Key != bad || letter.Reason != reasonRefused || !strings.Contains(letter.Message, "(403)") {
		t.Fatalf("%+v", letter)
	}
	if r.order(orderID(1)).Pending {
		t.Fatal("it is still pending")
	}
}

func TestWrongCredentialsLoseNothing(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	asked, forbidden := map[string]int{}, 0
	refuse := func(call machine.Call) machine.Outcome {
		asked[call.Key]++
		forbidden++
		return machine.Park{Err: errForbidden}
	}
	var changes []any
	for i := range 40 {
		changes = append(changes, notified(orderID(i), fmt.Sprint(i), a.change(orderID(i), r.Now).at))
	}
	r.Follow(40*lane.ProbeAfter, r.Take(changes...), refuse)
	if forbidden < 45 || len(r.Letters) != 0 || r.Machine.unfetched() != len(changes) {
		t.Fatalf("%d refusals, %d dead letters, %d pending", forbidden, len(r.Letters), r.Machine.unfetched())
	}
	for key, n := range asked {
		if n > 4 {
			t.Errorf("%s was the probe %d times: the probe does not rotate", key, n)
		}
	}
	r.Follow(2*lane.ProbeAfter, nil, func(call machine.Call) machine.Outcome {
		return a.answer(call.Request.(*model.GetOrderRequest).OrderID, r.Now)
	})
	if len(r.outputs) != len(changes) || r.Machine.Pending() != 0 {
		t.Fatalf("mended: %d emitted, %d pending", len(r.outputs), r.Machine.Pending())
	}
}

// A mended account's orders do not wait for its next probe, also not those of an
// owner before this one.
func TestAMendedAccountGoesOnAtOnce(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"here": false, "after a restart": true} {
		r := newRuntime(t)
		calls := r.Take(notified(orderID(1), "1", r.Now))
		r.End(calls[0], machine.Park{Err: errForbidden})
		if restart {
			r.Restart()
		}
		r.Now = r.Now.Add(50 * time.Second)
		if calls := r.Tick(nil); len(calls) != 0 {
			t.Fatalf("%s: a parked account calls: %v", name, calls)
		}
		if calls := r.Changed("another", testAccount); len(calls) != 1 || calls[0].Key != orderKey(testAccount, orderID(1)) {
			t.Errorf("%s: calls %v", name, calls)
		}
	}
}

func TestAnOrderIsNeverLetGoBecauseAmazonIsDown(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	if calls, took := again(t, r, machine.Retry{}, 300); calls != 300 || took > 300*retryLimit {
		t.Fatalf("let go after %d calls in %v", calls, took)
	}
	if len(r.Letters) != 0 {
		t.Fatal("dead letters")
	}
}

func TestAnAnswerOfAnotherKindIsTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	if calls, _ := again(t, r, machine.Done{Response: "?"}, 5); calls != 5 || len(r.outputs) != 0 {
		t.Fatalf("%d calls, %d outputs", calls, len(r.outputs))
	}
}

func TestTheConfiguredQuotaHolds(t *testing.T) {
	t.Parallel()
	m := New(Config{Accounts: machinetest.Sellers(t), Limits: func(account, operation string) (quota.Limit, bool) {
		return quota.Limit{Rate: 1, Burst: 4}, account == testAccount && operation == model.GetOrder
	}})
	for account, want := range map[string]int{testAccount: 3, "other": 29} {
		tx := &machine.Tx{Now: testStart}
		m.gateOf(account).width = maxGateWidth
		for i := range 50 {
			change := notified(orderID(i), fmt.Sprint(i), testStart)
			change.Account = account
			m.Record(tx, &machine.Record{Account: account, Value: change})
		}
		m.Draw(tx)
		if len(tx.Calls) != want {
			t.Errorf("%s: %d calls at once, want %d", account, len(tx.Calls), want)
		}
	}
}

func TestCancellationAndUnitsReachTheEvent(t *testing.T) {
	t.Parallel()
	two, one := int32(2), int32(1)
	event := newEvent("a", &model.Order{Items: []model.OrderItem{{
		OrderItemID:  "1",
		Proceeds:     &model.ItemProceeds{Total: &model.Money{Amount: "3.50", CurrencyCode: "EUR"}},
		Fulfillment:  &model.ItemFulfillment{QuantityFulfilled: &two, QuantityUnfulfilled: &one},
		Cancellation: &model.ItemCancellation{Request: &model.ItemCancellationRequest{Requester: "BUYER", CancelReason: "No longer needed"}},
	}}}, nil)
	item := event.Items[0]
	if item.CancelRequestedBy != "BUYER" || item.CancelReason != "No longer needed" || *item.QuantityFulfilled != 2 ||
		*item.QuantityUnfulfilled != 1 || *item.Total != (schemas.Money{Amount: "3.50", Currency: "EUR"}) {
		t.Errorf("%+v", item)
	}
}

// Two refusals with hours between them, in which the account was parked or paused, say
// nothing of an order that is refused for long.
func TestTimeWithoutTriesIsNotTold(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	no := machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.GetOrder, Status: 400}}
	calls := r.Take(notified(orderID(1), "1", r.Now))
	for range toldRefusals {
		if len(r.alerts) > 0 {
			t.Fatalf("told of %+v", r.alerts)
		}
		r.End(calls[0], no)
		r.Now = r.Now.Add(5 * time.Hour)
		calls = r.Tick(nil)
	}
	if len(r.alerts) != 1 {
		t.Fatalf("%d alerts", len(r.alerts))
	}
}
