package orders

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// absences takes what an account's state says of parts.
type absences struct {
	role.Standing
	found []role.Absent
}

func (a *absences) Notifications() *role.Notifications { return &role.Notifications{} }

func (a *absences) Absent(part role.Absent) { a.found = append(a.found, part) }

// partsRuntime asks for all parts. Its Amazon shows orders as dress makes them.
type partsRuntime struct {
	*runtime
	amazon *amazon
	dress  func(*model.Order)
	fields map[string][]byte // of buyer data
	number int
}

func newPartsRuntime(t *testing.T, asks []string, buyerData bool) *partsRuntime {
	r := &partsRuntime{amazon: newAmazon(), dress: func(*model.Order) {}}
	r.amazon.page = searchPage
	r.runtime = newRuntime(t, reconciling, func(cfg *Config) {
		cfg.IncludedData, cfg.Retention = asks, retention
		cfg.Accounts = machinetest.Directory(t, account.Account{ID: testAccount, SellerID: "A1", Region: model.Europe, BuyerData: buyerData})
	})
	return r
}

func allParts() (names []string) {
	for _, part := range model.IncludedParts() {
		if part.Name != model.IncludeBuyer && part.Name != model.IncludeRecipient {
			names = append(names, part.Name)
		}
	}
	return names
}

// orders makes n orders, which are notified and fetched, or found by searches alone.
func (r *partsRuntime) orders(n int, notify bool) {
	r.T.Helper()
	for range n {
		r.number++
		v := r.amazon.change(orderID(r.number), r.Now)
		var calls []machine.Call
		if notify {
			calls = r.Take(notified(orderID(r.number), fmt.Sprint(r.number), v.at))
		} else {
			calls = r.Tick(nil)
		}
		r.Follow(2*time.Second, calls, r.answer)
	}
	before := len(r.outputs)
	r.Follow(15*time.Minute, r.Tick(nil), r.answer) // what is known is written with a search
	if notify && len(r.outputs) != before {
		r.T.Fatal("orders that were notified are found by a search")
	}
}

func (r *partsRuntime) answer(call machine.Call) machine.Outcome {
	request, key := call.Request, (*schemas.BuyerKey)(nil)
	sealed, asksBuyer := request.(*buyerdata.Request)
	if asksBuyer {
		call.Request, key = sealed.Read, sealed.Key
	}
	outcome := r.amazon.answerTo(call, r.Now)
	done, ok := outcome.(machine.Done)
	if !ok {
		return outcome
	}
	switch answer := done.Response.(type) {
	case *model.GetOrderResponse:
		r.dress(&answer.Order)
		if asksBuyer {
			if key == nil {
				key = &schemas.BuyerKey{Account: testAccount, OrderID: answer.Order.OrderID, KeyID: "k", WrappedBy: "file:1", Wrapped: []byte("wrapped")}
			}
			sealed := buyerdata.Sealed{Key: key, Data: &schemas.BuyerData{KeyID: key.KeyID, Fields: r.fields}}
			return machine.Done{Response: &buyerdata.Answer{Response: answer, Sealed: sealed}}
		}
	case *model.SearchOrdersResponse:
		for i := range answer.Orders {
			r.dress(&answer.Orders[i])
		}
	}
	return outcome
}

// absent are the parts that are reported.
func (r *partsRuntime) absent() (names []string) {
	r.T.Helper()
	var a absences
	read(r.State(searchPrefix+testAccount), func(string) role.Standing { return &a })
	for _, part := range a.found {
		if part.Answers < surely || part.About == "" || part.Maybe != (part.Part == model.IncludeTax || part.Part == model.IncludePayment) {
			r.T.Errorf("%+v", part)
		}
		names = append(names, part.Part)
	}
	return names
}

func merchantsOrder(status string) func(*model.Order) {
	return func(o *model.Order) {
		o.Fulfillment.Status, o.Fulfillment.FulfilledBy = status, model.FulfilledByMerchant
	}
}

// TestAPartThatNeverComesIsTold after enough answers in which it could be expected, both of
// getOrder and of searches, over a restart, until it comes.
func TestAPartThatNeverComesIsTold(t *testing.T) {
	t.Parallel()
	comes := map[string]func(*model.Order){
		model.IncludeProceeds: func(o *model.Order) { o.Proceeds = &model.OrderProceeds{GrandTotal: &model.Money{Amount: "0"}} },
		model.IncludePackages: func(o *model.Order) {
			merchantsOrder("SHIPPED")(o)
			o.Packages = []model.OrderPackage{{PackageReferenceID: "1"}}
		},
		model.IncludeTax: func(o *model.Order) {
			o.Items[0].Tax = &model.ItemTax{Collections: []schemas.TaxCollection{{Model: "MARKETPLACE_FACILITATOR"}}}
		},
		model.IncludePayment: func(o *model.Order) {
			o.Payment = &model.OrderPayment{Executions: []model.PaymentExecution{{Method: "COD"}}}
		},
		model.IncludeFulfillment: func(o *model.Order) { o.Fulfillment = &model.OrderFulfillment{Status: "PENDING"} },
	}
	lacks := map[string]func(*model.Order){
		model.IncludePackages:    merchantsOrder("SHIPPED"),
		model.IncludeFulfillment: func(o *model.Order) { o.Fulfillment = nil },
	}
	for part, come := range comes {
		for _, notify := range []bool{true, false} {
			if part == model.IncludeFulfillment && !notify {
				continue // a page of orders without it settles nothing
			}
			t.Run(fmt.Sprint(part, notify), func(t *testing.T) {
				t.Parallel()
				r := newPartsRuntime(t, []string{part}, false)
				after := surely
				if part == model.IncludeTax || part == model.IncludePayment {
					after = perhaps
				}
				if lack := lacks[part]; lack != nil {
					r.dress = lack
				}
				r.orders(after-1, notify)
				if got := r.absent(); got != nil {
					t.Errorf("%v after %d answers without it", got, after-1)
				}
				r.Restart()
				r.orders(1, notify)
				if got := r.absent(); !slices.Equal(got, []string{part}) {
					t.Errorf("%v after %d answers without it", got, after)
				}
				r.dress = come
				r.orders(1, notify)
				if got := r.absent(); got != nil {
					t.Errorf("%v when it has come", got)
				}
			})
		}
	}
}

// TestWhatNeedNotComeIsNotMissed.
func TestWhatNeedNotComeIsNotMissed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		asks  []string
		dress func(*model.Order)
		want  []string
	}{
		"nothing is asked for": {nil, merchantsOrder("SHIPPED"), nil},
		"pending":              {allParts(), merchantsOrder("PENDING"), nil},
		"cancelled":            {allParts(), merchantsOrder(model.StatusCancelled), nil},
		"of another channel": {allParts(), func(o *model.Order) {
			merchantsOrder("UNSHIPPED")(o)
			o.SalesChannel.ChannelName = "NON_AMAZON"
		}, nil},
		"Amazon ships": {allParts(), func(o *model.Order) {
			o.Fulfillment.Status, o.Fulfillment.FulfilledBy = "SHIPPED", model.FulfilledByAmazon
		}, []string{model.IncludeProceeds}},
		"not shipped": {allParts(), merchantsOrder("UNSHIPPED"), []string{model.IncludeProceeds}},
		"shipped":     {allParts(), merchantsOrder("SHIPPED"), []string{model.IncludeProceeds, model.IncludePackages}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newPartsRuntime(t, test.asks, false)
			r.dress = test.dress
			r.orders(surely, true)
			if got := r.absent(); !slices.Equal(got, test.want) {
				t.Errorf("%v are told of, want %v", got, test.want)
			}
		})
	}
}

// TestBuyerDataThatNeverComesIsTold where the account asks for it. A label needs name and
// address: the place alone comes without the role.
func TestBuyerDataThatNeverComesIsTold(t *testing.T) {
	t.Parallel()
	sealed := []byte("sealed")
	for name, test := range map[string]struct {
		buyerData bool
		fields    map[string][]byte
		want      []string
	}{
		"not asked for":  {false, nil, nil},
		"nothing comes":  {true, map[string][]byte{}, []string{model.IncludeBuyer, model.IncludeRecipient}},
		"the place does": {true, map[string][]byte{"recipient.city": sealed, "buyer.name": sealed}, []string{model.IncludeRecipient}},
		"all comes":      {true, map[string][]byte{"recipient.addressLine1": sealed, "buyer.companyName": sealed}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newPartsRuntime(t, []string{model.IncludeFulfillment}, test.buyerData)
			r.dress, r.fields = merchantsOrder("UNSHIPPED"), test.fields
			r.orders(surely, true)
			if got := r.absent(); !slices.Equal(got, test.want) {
				t.Errorf("%v are told of, want %v", got, test.want)
			}
		})
	}
}

// TestABackfillMissesNoPart, and a part that is not asked for any more is forgotten.
func TestABackfillMissesNoPart(t *testing.T) {
	t.Parallel()
	r := newPartsRuntime(t, allParts(), false)
	for n := range surely {
		r.amazon.place(n, r.Now.Add(-time.Duration(n+3)*time.Hour))
	}
	r.Follow(12*time.Hour, r.Take(asked(r.Now.Add(-240*time.Hour))), r.answer)
	if state := r.searchState(); len(r.outputs) != surely || len(state.AbsentParts) != 0 {
		t.Errorf("%d orders: %+v", len(r.outputs), state.AbsentParts)
	}
	r = newPartsRuntime(t, allParts(), false)
	r.orders(surely, true)
	if got := r.absent(); got == nil {
		t.Fatal("nothing is absent")
	}
	r.Machine = New(Config{Accounts: r.Machine.cfg.Accounts, IncludedData: []string{model.IncludeFulfillment}, Reconcile: r.Machine.cfg.Reconcile})
	err := r.Machine.Restore(searchPrefix+testAccount, r.searchState())
	if s := r.Machine.reconciler.searches[searchPrefix+testAccount]; err != nil || s == nil || len(s.AbsentParts) != 0 {
		t.Errorf("%v, %+v", err, s)
	}
}

// TestPartsCostNoEntryOfTheState: they are written with searches.
func TestPartsCostNoEntryOfTheState(t *testing.T) {
	t.Parallel()
	written := func(asks []string) int {
		a := newAmazon()
		r := newRuntime(t, reconciling, func(cfg *Config) { cfg.IncludedData = asks })
		for n := range 3 * surely {
			v := a.change(orderID(n), r.Now)
			r.Follow(2*time.Second, r.Take(notified(orderID(n), fmt.Sprint(n), v.at)), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
		}
		r.follow(a, 10*time.Minute)
		return r.entries
	}
	few, all := written(nil), written(allParts())
	if few == 0 || few != all {
		t.Errorf("%d entries are written where all parts are asked for and absent, %d without", all, few)
	}
	t.Logf("%d entries", all)
}
