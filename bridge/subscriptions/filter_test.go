package subscriptions

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

var (
	merchants = Filter{FulfilledBy: []string{model.FulfilledByMerchant}, FilterExpression: true}
	fewTypes  = Filter{ChangeTypes: []string{model.OrderStatusChange, model.BuyerRequestedChange}}
	noTips    = Filter{FulfilledBy: merchants.FulfilledBy, FilterExpression: true, ChangeTypes: fewTypes.ChangeTypes}
)

// filtered is a keeper whose accounts have a filter.
func (w *world) filtered(f Filter) *Keeper {
	return w.keeper(func(o *Options) {
		for _, t := range o.Targets() {
			for i := range t.Accounts {
				t.Accounts[i].Filter = f
			}
		}
	})
}

// filters are those of the ORDER_CHANGE subscriptions at Amazon that are of an account.
func (w *world) filters(account string) (filters []string) {
	for _, s := range w.Subscriptions() {
		if s.Account == account && s.NotificationType == orderChange {
			filters = append(filters, s.Filter)
		}
	}
	return filters
}

// shownAs is a filter as the simulator lists it.
func shownAs(f Filter) string {
	d := f.directives(orderChange)[0]
	if d.EventFilter != nil {
		return strings.Join(d.EventFilter.OrderChangeTypes, ",")
	}
	return d.FilterExpression
}

// A changed configuration changes the filter, once. Where Amazon lets two subscriptions
// stand, one goes before the other has come at no time.
func TestAChangedFilterIsSet(t *testing.T) {
	for _, several := range []bool{false, true} {
		t.Run(fmt.Sprintf("several=%v", several), func(t *testing.T) {
			virtually(t, func(t *testing.T, w *world) {
				w.filtered(Filter{}).Ensure(t.Context())
				for _, f := range []Filter{fewTypes, merchants, noTips, {ChangeTypes: []string{model.OrderStatusChange}}, {}} {
					_, before := w.applied("createSubscription")
					wantStates(t, "list", w.filtered(f).List(t.Context()), differing(w.filtered(f), f, t))
					r := w.filtered(f).Ensure(t.Context())
					wantStates(t, "ensure", r, map[State]int{Good: 2 + 3, Created: 3, Removed: 3})
					if !r.Complete() || !w.complete() {
						t.Errorf("%v: %+v", f, w.Subscriptions())
					}
					for _, account := range []string{german, american, british} {
						if got := w.filters(account); !slices.Equal(got, []string{shownAs(f)}) {
							t.Errorf("%s has %q, want %q", account, got, shownAs(f))
						}
					}
					perAccount := 2 // with a 409 first
					if several {
						perAccount = 1
					}
					if _, calls := w.applied("createSubscription"); calls-before != 3*perAccount {
						t.Errorf("%d calls of createSubscription", calls-before)
					}
					wantStates(t, "again", w.filtered(f).Ensure(t.Context()), map[State]int{Good: 2 + 6})
				}
				if several {
					neverWithout(t, w)
				}
			}, func(c *simulator.Config) { c.SeveralSubscriptions = several })
		})
	}
}

// differing is what a list shows before the filter is set.
func differing(k *Keeper, f Filter, t *testing.T) map[State]int {
	t.Helper()
	want := map[State]int{Good: 2 + 3, Narrowed: 3}
	for _, s := range k.List(t.Context()).Subscriptions {
		if s.NotificationType == orderChange && s.Filter == "everything" {
			want = map[State]int{Good: 2 + 3, Wider: 3}
		}
		if s.NotificationType == orderChange && (s.Explain() == "" || s.Wanted != rulesOf(f.directives(orderChange)[0]).String()) {
			t.Errorf("nothing explains %+v", s)
		}
	}
	if slices.Equal(f.ChangeTypes, []string{model.OrderStatusChange}) { // an expression is not understood
		return map[State]int{Good: 2 + 3, Narrowed: 3}
	}
	return want
}

// neverWithout reports a subscription that was removed while it was the only one.
func neverWithout(t *testing.T, w *world) {
	t.Helper()
	standing := map[string]int{}
	for _, c := range w.Ledger.Calls(simulator.Filter{}) {
		if !c.Applied {
			continue
		}
		switch c.Operation {
		case "createSubscription":
			standing["all"]++
		case "deleteSubscriptionById":
			if standing["all"]--; standing["all"] < 6 {
				t.Errorf("%d subscriptions after %+v", standing["all"], c)
			}
		}
	}
}

// An expression that Amazon refuses leaves the event filter, which lets more through.
func TestARefusedExpressionLosesNothing(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		refuse := func(times int) {
			simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SPAPI, Operation: "createSubscription", Account: german, Times: times, Action: simulator.Action{Status: http.StatusBadRequest}})
		}
		refuse(1)
		r := w.filtered(noTips).Ensure(t.Context())
		if got := w.filters(german); !slices.Equal(got, []string{shownAs(fewTypes)}) || !r.Complete() {
			t.Errorf("%q: %+v", got, r)
		}
		refuse(1)
		r = w.filtered(noTips).Ensure(t.Context())
		wantStates(t, "again", r, map[State]int{Good: 2 + 5, Wider: 1})
		if !r.Complete() || states(r)[Wider] == 1 && !slices.ContainsFunc(r.Subscriptions, func(s Subscription) bool {
			return s.State == Wider && strings.Contains(s.Error, "could not be changed")
		}) {
			t.Errorf("%+v", r)
		}
		wantStates(t, "once Amazon takes it", w.filtered(noTips).Ensure(t.Context()), map[State]int{Good: 2 + 5, Created: 1, Removed: 1})
	})
}

// Answers that are lost, refusals and a broken-off change end in the wanted filter.
func TestAFilterIsSetWhateverGoesWrong(t *testing.T) {
	actions := map[string]simulator.Action{
		"lost": {LoseAnswer: true}, "unavailable": {Status: http.StatusServiceUnavailable}, "refused": {Status: http.StatusForbidden},
	}
	for name, action := range actions {
		for _, operation := range []string{"createSubscription", "deleteSubscriptionById", "getSubscriptions"} {
			for _, several := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/several=%v", name, operation, several), func(t *testing.T) {
					virtually(t, func(t *testing.T, w *world) {
						w.filtered(Filter{}).Ensure(t.Context())
						k := w.filtered(noTips)
						simulatortest.Fault(t, w.Simulator, simulator.Rule{Part: simulator.SPAPI, Operation: operation, Times: 7, Action: action})
						keeping(t, k)
						time.Sleep(k.opts.Every + settle)
						if got := w.filters(german); !slices.Equal(got, []string{shownAs(noTips)}) || !w.complete() {
							t.Errorf("%q: %+v", got, w.Subscriptions())
						}
					}, func(c *simulator.Config) { c.SeveralSubscriptions = several })
				})
			}
		}
	}
}

// What a filter leaves out by mistake is not left out: the narrower filter is told, also
// where calls are held.
func TestANarrowedSubscriptionIsReported(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		w.filtered(fewTypes).Ensure(t.Context())
		r := w.filtered(Filter{}).List(t.Context())
		wantStates(t, "list", r, map[State]int{Good: 2 + 3, Narrowed: 3})
		if r.Complete() {
			t.Error("a filter leaves notifications out, and the report is complete")
		}
		held := w.filtered(Filter{})
		held.opts.Hold = func(_, operation, _ string) error {
			if model.Writes(operation) {
				return fmt.Errorf("%s is held", operation)
			}
			return nil
		}
		wantStates(t, "held", held.Ensure(t.Context()), map[State]int{Good: 2 + 3, Held: 3})
		if got := w.filters(german); !slices.Equal(got, []string{shownAs(fewTypes)}) {
			t.Errorf("a held filter was changed to %q", got)
		}
	})
}

// The expressions fit Amazon's limit, and the simulator filters by them: who ships an
// order decides, and nothing else.
func TestExpressions(t *testing.T) {
	t.Parallel()
	for _, by := range []string{model.FulfilledByMerchant, model.FulfilledByAmazon} {
		for _, types := range [][]string{nil, {model.OrderStatusChange}, {model.OrderStatusChange, model.DeliveryTipChange}, model.OrderChangeTypes()} {
			f := Filter{FulfilledBy: []string{by}, ChangeTypes: types, FilterExpression: true}
			if text := f.expression(); len(text) > 256 || strings.ContainsAny(text, "+-*/%[]") {
				t.Errorf("Amazon refuses %q (%d characters)", text, len(text))
			}
			for _, d := range f.directives(orderChange) {
				if !f.covers(d) {
					t.Errorf("%+v does not cover %+v", f, d)
				}
			}
			if (Filter{}).covers(f.directives(orderChange)[0]) {
				t.Errorf("%+v covers everything", f)
			}
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	event := func(types ...string) *model.ProcessingDirective {
		return &model.ProcessingDirective{EventFilter: &model.EventFilter{Type: orderChange, OrderChangeTypes: types}}
	}
	for _, test := range []struct {
		wanted Filter
		shown  *model.ProcessingDirective
		want   bool
	}{
		{Filter{}, nil, true},
		{Filter{}, event(), true},
		{Filter{}, event(model.OrderChangeTypes()...), false}, // a type of tomorrow is left out
		{fewTypes, event(), true},
		{fewTypes, event(model.OrderStatusChange), false},
		{fewTypes, event(model.OrderChangeTypes()...), true},
		{fewTypes, &model.ProcessingDirective{FilterExpression: "true"}, false},
		{Filter{}, &model.ProcessingDirective{EventFilter: &model.EventFilter{MarketplaceIDs: []string{"A1PA6795UKMFR9"}}}, false},
		{merchants, &model.ProcessingDirective{FilterExpression: " " + merchants.expression()}, true},
		{Filter{FulfilledBy: []string{model.FulfilledByAmazon}, FilterExpression: true}, &model.ProcessingDirective{FilterExpression: merchants.expression()}, false},
	} {
		if got := test.wanted.covers(test.shown); got != test.want {
			t.Errorf("%+v covers %+v: %v", test.wanted, rulesOf(test.shown), got)
		}
	}
}

// A directive that Amazon shows in other words than it was given is not replaced for ever.
func TestAFilterThatIsShownOtherwiseIsSetOnce(t *testing.T) {
	virtually(t, func(t *testing.T, w *world) {
		k := w.filtered(merchants)
		k.Ensure(t.Context())
		found, err := (&visit{Keeper: k, seller: k.opts.Targets()[0].Accounts[0]}).look(t.Context(), orderChange)
		if err != nil || len(found) != 1 {
			t.Fatalf("%+v, %v", found, err)
		}
		found[0].ProcessingDirective = &model.ProcessingDirective{FilterExpression: "other words"}
		v := &visit{Keeper: k, seller: k.opts.Targets()[0].Accounts[0], leads: leads{queue: []string{found[0].DestinationID}}}
		if rows := v.judge(orderChange, slices.Clone(found)); rows[0].State != Good {
			t.Errorf("it would be replaced at every look: %+v", rows)
		}
		v.Keeper = w.filtered(merchants)
		if rows := v.judge(orderChange, found); rows[0].State != Narrowed {
			t.Errorf("another keeper takes it for %+v", rows)
		}
	})
}
