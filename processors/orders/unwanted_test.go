package orders

import (
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// What another ships than the account wants is no event, whatever led to it, and is not
// fetched again. What Amazon does not name, or names in a new word, is.
func TestOrdersThatAnotherShipsAreLeftOut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		wanted []string
		shows  string
		emits  bool
	}{
		{nil, "AMAZON", true},
		{[]string{"MERCHANT"}, "AMAZON", false},
		{[]string{"MERCHANT"}, "MERCHANT", true},
		{[]string{"AMAZON"}, "MERCHANT", false},
		{[]string{"MERCHANT", "AMAZON"}, "AMAZON", true},
		{[]string{"MERCHANT"}, "", true},
		{[]string{"MERCHANT"}, "ROBOT", true},
	} {
		accounts := machinetest.Directory(t, account.Account{ID: testAccount, SellerID: "A1", Region: model.Europe, FulfilledBy: test.wanted})
		r, a := newRuntime(t, reconciling, func(cfg *Config) { cfg.Accounts = accounts }), newAmazon()
		a.change(orderID(1), r.Now)
		shows := func(call machine.Call) machine.Outcome {
			switch request := call.Request.(type) {
			case *model.SearchOrdersRequest:
				if want := test.wanted; len(want) == 1 && !slices.Equal(request.FulfilledBy, want) || len(want) != 1 && request.FulfilledBy != nil {
					t.Errorf("%v: the search asks for %v", want, request.FulfilledBy)
				}
				return a.search(request, r.Now) // and Amazon shows all
			default:
				outcome := a.answer(orderID(1), r.Now)
				if done, ok := outcome.(machine.Done); ok {
					done.Response.(*model.GetOrderResponse).Order.Fulfillment.FulfilledBy = test.shows
				}
				return outcome
			}
		}
		change := notified(orderID(1), "1", r.Now)
		r.Follow(time.Hour, r.Take(change), shows)
		r.Restart()
		r.Follow(time.Hour, r.Tick(r.replayed(change)), shows)
		if emitted := len(r.outputs) == 1; emitted != test.emits || len(r.outputs) > 1 {
			t.Errorf("%v of %q: %d orders were emitted", test.wanted, test.shows, len(r.outputs))
		}
		if state := r.order(orderID(1)); state == nil || state.Pending || state.Failure != nil {
			t.Errorf("%v of %q: %+v", test.wanted, test.shows, state)
		}
		if n := r.started(model.GetOrder); n != 2 {
			t.Errorf("%v of %q: getOrder was called %d times", test.wanted, test.shows, n)
		}
	}
}
