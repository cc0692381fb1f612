package orders

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// withBuyerData makes the account ask for buyer data.
func withBuyerData(t testing.TB, cfg *Config) {
	directory, err := account.NewDirectory([]account.Account{{ID: testAccount, SellerID: "A1", Region: model.Europe, BuyerData: true}})
	if err != nil {
		t.Fatal(err)
	}
	cfg.Retention, cfg.Accounts = retention, func() *account.Directory { return directory }
}

// giveBuyers gives the orders of an answer their buyers.
func giveBuyers(outcome machine.Outcome) machine.Outcome {
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

// TestAPageSettlesOnlyWhatItBringsTheBuyerOf: what came without it, or was sealed
// with another key than the order's, which older records name, is left to getOrder.
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
		"withheld": {}, "another key": {sealed: under("k2")}, "its key": {sealed: under("k1"), want: true}, "nothing given": {sealed: &buyerdata.Sealed{}},
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

// TestPagesFollowWhatAnAccountWantsOfBuyers: when buyer_data is turned off while a token
// lasts, no page asks for it any more, and each order comes by a page.
func TestPagesFollowWhatAnAccountWantsOfBuyers(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		directory := func(buyers bool) func() *account.Directory {
			var cfg Config
			if buyers {
				withBuyerData(t, &cfg)
				return cfg.Accounts
			}
			return machinetest.Sellers(t)
		}
		r, a := newRuntime(t, reconciling, func(cfg *Config) { cfg.Retention, cfg.Accounts = retention, directory(on) }), newAmazon()
		a.sealer, a.page = newGuarded(t).sealer(), searchPage
		const orders = 400
		for n := range orders {
			a.place(n, r.Now.Add(-24*time.Hour-time.Duration(n)*time.Second))
		}
		r.follow(a, time.Hour)
		before := len(r.Started)
		r.Follow(24*time.Hour, r.Take(asked(r.Now.Add(-72*time.Hour))), func(call machine.Call) machine.Outcome {
			if len(r.outputs) == searchPage {
				r.Machine.cfg.Accounts = directory(!on)
			}
			return a.answerTo(call, r.Now)
		})
		changed := 0
		for _, call := range r.Started[before:] {
			if _, with := call.Request.(*buyerdata.PageRequest); call.Operation == model.SearchOrders && with != on {
				changed++
			}
		}
		if len(r.outputs) != orders || r.started(model.GetOrder) > searchPage || changed < 3 {
			t.Errorf("turned from %t: %d orders came by %d getOrder, %d pages of the other kind", on, len(r.outputs), r.started(model.GetOrder), changed)
		}
	}
}

// TestABackfillKnowsTheKeysOfForgottenOrders, which live longer.
func TestABackfillKnowsTheKeysOfForgottenOrders(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling, func(cfg *Config) { withBuyerData(t, cfg) }), newAmazon()
	a.sealer = newGuarded(t).sealer()
	const orders = 20
	for n := range orders {
		a.place(n, r.Now)
		r.Follow(time.Second, r.Take(notified(orderID(n), "n", a.versions[orderID(n)][0].at)), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
	}
	r.follow(a, 8*24*time.Hour)
	gets := r.started(model.GetOrder)
	r.Follow(time.Hour, r.Take(asked(r.Now.Add(-30*24*time.Hour))), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
	if more := r.started(model.GetOrder) - gets; len(r.outputs) != 2*orders || more != 0 {
		t.Fatalf("%d orders came, by %d getOrder more", len(r.outputs), more)
	}
	for n := range orders {
		if first, again := r.outputs[n], r.outputs[orders+n]; first.BuyerData == nil || again.BuyerData == nil || first.BuyerData.KeyID == "" {
			t.Fatalf("%+v, %+v", first, again)
		}
	}
	keys := map[string]string{}
	for _, event := range r.outputs {
		if known := keys[event.OrderID]; known != "" && known != event.BuyerData.KeyID {
			t.Errorf("order %s has a second key", event.OrderID)
		}
		keys[event.OrderID] = event.BuyerData.KeyID
	}
}

// TestASearchLooksBackOnce for an order that getOrder fails for, and not far: an old one, as a
// backfill finds, or one that stays refused, must not widen every search.
func TestASearchLooksBackOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		age  time.Duration // of the order's change
		want bool
	}{"new": {5 * time.Minute, true}, "old": {90 * time.Minute, false}} {
		r := newRuntime(t, reconciling, func(cfg *Config) { withBuyerData(t, cfg); cfg.Reconcile.Lookback = 2 * time.Hour })
		changed, wide := r.Now.Add(-test.age), 0
		r.Follow(2*time.Hour, r.Tick(nil), func(call machine.Call) machine.Outcome {
			if call.Operation == model.GetOrder {
				return machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.GetOrder, Status: 400}}
			}
			shown := []model.Order{{OrderID: orderID(1), CreatedTime: changed, LastUpdatedTime: changed, Fulfillment: &model.OrderFulfillment{Status: "UNSHIPPED"}}}
			page := &model.SearchOrdersResponse{}
			request, with := call.Request.(*buyerdata.PageRequest)
			if !with {
				if search := call.Request.(*model.SearchOrdersRequest); !search.LastUpdatedAfter.After(changed) && search.LastUpdatedBefore.After(changed) {
					page.Orders = shown
				}
				return machine.Done{Response: page}
			}
			if !request.Search.LastUpdatedAfter.After(changed) && request.Search.LastUpdatedBefore.After(changed) {
				wide++
				page.Orders = shown
			}
			return machine.Done{Response: &buyerdata.PageAnswer{Page: page, Sealed: make([]*buyerdata.Sealed, len(page.Orders))}} // withheld
		})
		if wide > 1 || (wide == 1) != test.want || !r.order(orderID(1)).Pending {
			t.Errorf("%s: %d searches looked back", name, wide)
		}
	}
}
