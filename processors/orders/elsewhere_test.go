package orders

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestLinesOfExcludedSKUsAreMarked(t *testing.T) {
	t.Parallel()
	line := func(id, sku string) model.OrderItem {
		return model.OrderItem{OrderItemID: id, Product: model.ItemProduct{SellerSKU: sku}}
	}
	for name, test := range map[string]struct {
		excluded []string
		want     string
		marked   map[string]bool
	}{
		"none":        {nil, responsibilityOurs, map[string]bool{}},
		"another SKU": {[]string{"C", "a"}, responsibilityOurs, map[string]bool{}},
		"one":         {[]string{"B"}, responsibilityMixed, map[string]bool{"2": true, "3": true}},
		"all":         {[]string{"A", "B"}, responsibilityElsewhere, map[string]bool{"1": true, "2": true, "3": true}},
	} {
		excluded := func(account, sku string) bool {
			for _, one := range test.excluded {
				if account == testAccount && sku == one {
					return true
				}
			}
			return false
		}
		order := model.Order{Items: []model.OrderItem{line("2", "B"), line("1", "A"), line("3", "B")}}
		event, plain := newEvent(testAccount, &order, excluded), newEvent(testAccount, &order, nil)
		if event.Responsibility != test.want {
			t.Errorf("%s: the order is %s, want %s", name, event.Responsibility, test.want)
		}
		for _, item := range event.Items {
			if item.ManagedElsewhere != test.marked[item.OrderItemID] {
				t.Errorf("%s: line %s is managed elsewhere: %v", name, item.OrderItemID, item.ManagedElsewhere)
			}
		}
		if same := contentID(event) == contentID(plain); same != (test.want == responsibilityOurs) {
			t.Errorf("%s: the id is that of the order without marks: %v", name, same)
		}
		other := newEvent("other", &order, excluded)
		if other.Responsibility != responsibilityOurs {
			t.Errorf("%s: another account's order is %s", name, other.Responsibility)
		}
	}
	if event := newEvent(testAccount, &model.Order{}, func(string, string) bool { return true }); event.Responsibility != responsibilityOurs {
		t.Errorf("an order without lines is %s", event.Responsibility)
	}
}

// TestChangedExclusionsEmitNothingByThemselves: an order says what was excluded
// when it was fetched, until it is fetched again for another reason.
func TestChangedExclusionsEmitNothingByThemselves(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	out := false
	r.Machine.cfg.Excluded = func(_, sku string) bool { return out && sku == "SKU" }
	fetch := func(notification string, changed time.Time, v version) {
		t.Helper()
		calls := r.Take(notified(orderID(1), notification, changed))
		if len(calls) != 1 {
			t.Fatalf("notification %s leads to %d calls", notification, len(calls))
		}
		r.Done(calls[0], &model.GetOrderResponse{Order: a.order(orderID(1), v)})
	}
	v := a.change(orderID(1), r.Now)
	fetch("1", v.at, v)

	out = true
	r.Now = r.Now.Add(time.Hour)
	if calls := r.Take(notified(orderID(1), "1", v.at)); len(calls) != 0 || len(r.outputs) != 1 {
		t.Fatalf("%d calls and %d outputs although nothing but the list has changed", len(calls), len(r.outputs))
	}

	v = a.change(orderID(1), r.Now)
	fetch("2", v.at, v)
	if len(r.outputs) != 2 || r.outputs[0].Responsibility != responsibilityOurs || r.outputs[1].Responsibility != responsibilityElsewhere {
		t.Fatalf("the outputs are %+v", r.outputs)
	}

	// A second change at the same time, which Amazon reports by a notification of
	// its own, has the order fetched again: what has changed since shows.
	out = false
	r.Now = r.Now.Add(time.Minute)
	fetch("3", v.at, v)
	if last := r.outputs[len(r.outputs)-1]; len(r.outputs) != 3 || last.Responsibility != responsibilityOurs || last.EventID == r.outputs[1].EventID {
		t.Fatalf("the outputs are %+v", r.outputs)
	}
}
