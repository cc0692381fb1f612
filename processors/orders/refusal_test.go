package orders

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// again follows the machine's wishes to be woken until it calls, and fails
// with outcome, and returns how many calls that were and how long it took.
func again(t *testing.T, r *runtime, outcome machine.Outcome, limit int) (calls int, took time.Duration) {
	t.Helper()
	began := r.now
	started := r.tick([]*schemas.OrderChange{notified(orderID(1), "1", r.now)}, nil)
	for calls < limit {
		if len(started) == 0 {
			r.now = r.wake
			started = r.tick(nil, nil)
			continue
		}
		calls++
		started = r.tick(nil, []machine.Result{{Call: started[0], Outcome: outcome}})
		if !r.order(orderID(1)).Pending {
			break
		}
	}
	return calls, r.now.Sub(began)
}

func TestAnOrderThatAmazonRefusesIsLetGoAtLast(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	calls, took := again(t, r, machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.GetOrder, Status: 400}}, 100)
	if calls != maxRefusals+1 || took < 10*time.Minute {
		t.Fatalf("let go after %d calls in %v", calls, took)
	}
	if state := r.order(orderID(1)); state.Pending || state.MissingUntil.IsZero() {
		t.Fatalf("%+v", state)
	}
}

func TestAnOrderIsNeverLetGoBecauseAmazonIsDown(t *testing.T) {
	t.Parallel()
	r := newRuntime(t)
	if calls, took := again(t, r, machine.Retry{}, 300); calls != 300 || took > 300*retryLimit {
		t.Fatalf("let go after %d calls in %v", calls, took)
	}
	if len(r.letters) != 0 {
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
	m := New(Config{Accounts: testDirectory(t), Quota: func(account, operation string) (quota.Limit, bool) {
		return quota.Limit{Rate: 1, Burst: 4}, account == testAccount && operation == model.GetOrder
	}})
	for account, want := range map[string]int{testAccount: 3, "other": 29} {
		tx := &machine.Tx{Now: testStart}
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
	event := newEvent("a", originNotification, &model.Order{Items: []model.OrderItem{{
		OrderItemID:  "1",
		Proceeds:     &model.ItemProceeds{Total: &model.Money{Amount: "3.50", CurrencyCode: "EUR"}},
		Fulfillment:  &model.ItemFulfillment{QuantityFulfilled: &two, QuantityUnfulfilled: &one},
		Cancellation: &model.ItemCancellation{Request: &model.ItemCancellationRequest{Requester: "BUYER", CancelReason: "No longer needed"}},
	}}})
	item := event.Items[0]
	if item.CancelRequestedBy != "BUYER" || item.CancelReason != "No longer needed" || *item.QuantityFulfilled != 2 ||
		*item.QuantityUnfulfilled != 1 || *item.Total != (schemas.Money{Amount: "3.50", Currency: "EUR"}) {
		t.Errorf("%+v", item)
	}
}
