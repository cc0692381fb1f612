package orders

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// withBuyerData has the account's buyer data asked for.
func withBuyerData(t testing.TB, cfg *Config) {
	directory, err := account.NewDirectory([]account.Account{{ID: testAccount, SellerID: "A1", Region: model.Europe, BuyerData: true}})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Retention, cfg.Accounts = retention, func() *account.Directory { return directory }
}

// withBuyers gives the orders of an answer their buyers.
func withBuyers(outcome machine.Outcome) machine.Outcome {
	named := func(o *model.Order) { o.Buyer = &model.Buyer{Name: model.Private(secret + o.OrderID)} }
	if done, ok := outcome.(machine.Done); ok {
		switch answer := done.Response.(type) {
		case *model.GetOrderResponse:
			named(&answer.Order)
		case *model.SearchOrdersResponse:
			for i := range answer.Orders {
				named(&answer.Orders[i])
			}
		}
	}
	return outcome
}

// TestAPageWithBuyerDataIsTheSameAsGetOrder, for an order that a backfill found: its key is
// kept, and a later getOrder is no news.
func TestAPageWithBuyerDataIsTheSameAsGetOrder(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling, func(cfg *Config) { withBuyerData(t, cfg) }), newAmazon()
	a.sealer = newGuarded(t).sealer()
	a.place(1, r.Now.Add(-48*time.Hour))
	r.follow(a, time.Hour)
	r.Follow(time.Hour, r.Take(asked(r.Now.Add(-72*time.Hour))), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
	key, _ := r.State(buyerStateKey(testAccount, orderID(1))).(*schemas.BuyerKey)
	if len(r.outputs) != 1 || r.started(model.GetOrder) != 0 || r.outputs[0].BuyerData == nil || key == nil || key.KeyID != r.outputs[0].BuyerData.KeyID {
		t.Fatalf("%d orders came by %d getOrder, with the key %+v", len(r.outputs), r.started(model.GetOrder), key)
	}
	r.Restart()
	change := notified(orderID(1), "n", r.Now)
	change.ChangeType, change.ChangeTime = buyerRequestedChange, time.Time{}
	r.Follow(6*time.Hour, r.Take(change), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
	if len(r.outputs) != 1 || r.started(model.GetOrder) == 0 || r.order(orderID(1)).Pending {
		t.Errorf("%d orders came by %d getOrder", len(r.outputs), r.started(model.GetOrder))
	}
}

// TestAPageSettlesOnlyWhatItBringsTheBuyerOf: not one without it, and not one that was
// sealed with another key than the order's, which older records name.
func TestAPageSettlesOnlyWhatItBringsTheBuyerOf(t *testing.T) {
	t.Parallel()
	key := func(id string) *schemas.BuyerKey {
		return &schemas.BuyerKey{Account: testAccount, OrderID: orderID(1), KeyID: id, WrappedBy: "file:1", Wrapped: []byte("wrapped " + id)}
	}
	under := func(id string) *buyerdata.Sealed { s := sealedWith(key(id), id); return &s }
	for name, test := range map[string]struct {
		sealed *buyerdata.Sealed
		want   bool
	}{
		"withheld": {}, "another key": {sealed: under("k2")}, "its key": {sealed: under("k1"), want: true}, "nothing given": {sealed: &buyerdata.Sealed{}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, reconciling, func(cfg *Config) { withBuyerData(t, cfg) })
			shown, failing := openOrder(r.Now.Add(day)), false
			shown.OrderID, shown.LastUpdatedTime = orderID(1), r.Now.Add(-time.Minute)
			answer := func(call machine.Call) machine.Outcome {
				switch {
				case call.Operation == model.SearchOrders:
					return machine.Done{Response: &buyerdata.PageAnswer{
						Page: &model.SearchOrdersResponse{Orders: []model.Order{shown}}, Sealed: []*buyerdata.Sealed{test.sealed},
					}}
				case failing:
					return machine.Retry{}
				}
				return machine.Done{Response: &buyerdata.Answer{Response: &model.GetOrderResponse{Order: shown}, Sealed: *under("k1")}}
			}
			r.Follow(0, r.Take(notified(orderID(1), "1", shown.LastUpdatedTime)), answer)
			shown.LastUpdatedTime, failing = r.Now, true
			r.Follow(20*time.Minute, r.Take(notified(orderID(1), "2", r.Now)), answer)
			if settled := !r.order(orderID(1)).Pending; settled != test.want || (len(r.outputs) == 2) != test.want {
				t.Errorf("settled: %t, %d orders came", settled, len(r.outputs))
			}
		})
	}
}
