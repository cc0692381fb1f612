package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/schemas"
)

// reserving takes merchant's orders off what is sent.
func reserving() Config {
	return Config{Settings: func(string) Settings { return Settings{Reserve: true} }}
}

// orderOf is a merchant's order with lines such as "A 2".
func orderOf(id string, placed, updated time.Time, lines ...string) *schemas.Order {
	o := &schemas.Order{
		Account: testAccount, OrderID: id, EventType: "OrderChanged", Status: "UNSHIPPED", FulfilledBy: "MERCHANT",
		CreatedTime: placed, LastUpdatedTime: updated,
	}
	for i, line := range lines {
		item := schemas.OrderItem{OrderItemID: fmt.Sprint(i + 1)}
		if _, err := fmt.Sscan(line, &item.SellerSKU, &item.QuantityOrdered); err != nil {
			panic(err)
		}
		o.Items = append(o.Items, item)
	}
	return o
}

// sales are the orders in the state, as "order SKU units ...".
func (r *runtime) sales() []string {
	var list []string
	for _, key := range slices.Collect(r.Store.Keys()) {
		state, ok := r.State(key).(*schemas.SaleState)
		if !ok || state.OrderID == "" {
			continue
		}
		text := state.OrderID
		for _, line := range state.Lines {
			text += fmt.Sprintf(" %s %d", line.SKU, line.Units)
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

func (r *runtime) soldIs(id string, since time.Time, want int64) {
	r.T.Helper()
	if got, _ := r.Machine.sold(listing{testAccount, id}, since); got != want {
		r.T.Fatalf("%d units of %s sold since %v, want %d", got, id, since, want)
	}
}

func TestSalesAreKnownByTheirNewestVersion(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, reserving())
	at := func(seconds int) time.Time { return testStart.Add(time.Duration(seconds) * time.Second) }
	r.Now = at(100)
	r.Take(orderOf("1", at(10), at(10), "A 2", "B 1", "A 1"), orderOf("2", at(20), at(20), "A 4"))
	r.soldIs("A", at(0), 7)
	r.soldIs("A", at(10), 4)
	r.Take(orderOf("1", at(10), at(30), "A 1"), orderOf("1", at(10), at(20), "A 9"), orderOf("1", at(10), at(30), "A 1"))
	r.soldIs("A", at(0), 5)
	r.soldIs("B", at(0), 0)
	shipped, cancelled := int32(3), orderOf("2", at(20), at(40), "A 4")
	cancelled.Status, cancelled.Items[0].QuantityFulfilled = "CANCELLED", &shipped
	line := orderOf("3", at(25), at(25), "A 5", "A 6")
	line.Items[0].CancelledBy = "BUYER"
	r.Take(cancelled, line)
	r.Restart()
	r.soldIs("A", at(0), 1+3+6)
	equal(t, "state", r.sales(), []string{"1 A 1 B 0", "2 A 3", "3 A 6"})

	amazons, elsewhere, old := orderOf("4", at(50), at(50), "A 1"), orderOf("5", at(50), at(50), "A 1"), orderOf("6", at(-200_000), at(50), "A 1")
	amazons.FulfilledBy, elsewhere.Items[0].ManagedElsewhere = "AMAZON", true
	strange := orderOf("7/8", at(50), at(50), "A 1")
	r.Take(amazons, elsewhere, old, strange)
	r.soldIs("A", at(-300_000), 10)
	if len(r.Letters) > 0 {
		t.Fatalf("letters: %+v", r.Letters)
	}
}

// TestSalesAreForgotten when the warehouse's number has seen them, and after a while.
func TestSalesAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, reserving())
	at := func(seconds int) time.Time { return testStart.Add(time.Duration(seconds) * time.Second) }
	r.Now = at(100)
	r.Take(orderOf("1", at(10), at(10), "A 2", "B 1"), orderOf("2", at(20), at(20), "A 4"))
	r.Take(updateOf("A", 7, at(15)))
	r.soldIs("A", at(0), 6) // Amazon has not accepted it
	r.patched(r.Pass(3 * time.Second))
	r.soldIs("A", at(0), 4)
	equal(t, "state", r.sales(), []string{"1 A 2 B 1", "2 A 4"}) // B's number is not there yet
	r.Take(updateOf("B", 7, at(15)))
	r.patched(r.Pass(3 * time.Second))
	r.Take(orderOf("1", at(10), at(60), "A 1", "B 1"))
	equal(t, "state", r.sales(), []string{"2 A 4"})
	r.Pass(keepSales)
	equal(t, "state", r.sales(), nil)
	if len(r.Machine.sales.orders)+len(r.Machine.sales.of)+r.Machine.sales.ends.Len() > 0 {
		t.Fatalf("left: %+v", r.Machine.sales)
	}
}

// TestUnknownSalesAreSaid after a takeover where the state has none of them, and never where it
// has all.
func TestUnknownSalesAreSaid(t *testing.T) {
	t.Parallel()
	reserve := true
	cfg := Config{Settings: func(string) Settings { return Settings{Reserve: reserve} }}
	r := newRuntime(t, cfg)
	whole := func(since time.Time) bool {
		_, whole := r.Machine.sold(listing{testAccount, "A"}, since)
		return whole
	}
	r.Take(orderOf("1", testStart, testStart, "A 2"))
	if whole(testStart.Add(-time.Second)) || !whole(testStart) {
		t.Fatal("known from when orders are read")
	}
	r.Now = testStart.Add(time.Hour)
	r.Restart()
	r.Take()
	if !whole(testStart) {
		t.Fatal("unknown after a takeover, though the state has all")
	}
	reserve = false
	r.Take(orderOf("2", testStart, testStart, "A 2"))
	r.Restart()
	r.Take()
	equal(t, "state", r.sales(), []string{"1 A 2"})
	if whole(testStart) {
		t.Fatal("known, though nobody has followed the orders")
	}
}

// TestSalesAreBounded forgets the oldest of too many, and says so.
func TestSalesAreBounded(t *testing.T) {
	t.Parallel()
	cfg := reserving()
	cfg.MaxSales = 2
	r := newRuntime(t, cfg)
	at := func(seconds int) time.Time { return testStart.Add(time.Duration(seconds) * time.Second) }
	r.Take() // orders are read
	r.Take(orderOf("1", testStart, testStart, "A 1"))
	r.Now = at(100)
	r.Take(orderOf("2", at(20), at(20), "A 2"), orderOf("3", at(10), at(10), "A 4"), orderOf("4", at(30), at(30), "A 8"))
	equal(t, "state", r.sales(), []string{"2 A 2", "4 A 8"})
	for since, want := range map[int]bool{0: false, 9: false, 10: true} {
		if _, whole := r.Machine.sold(listing{testAccount, "A"}, at(since)); whole != want {
			t.Errorf("since %d: whole is %v", since, whole)
		}
	}
}

// TestWhatIsCancelledMayBeOfferedAgain explains a number that is higher, or lower, by the units of
// orders that were cancelled since the last accepted one was sent.
func TestWhatIsCancelledMayBeOfferedAgain(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{SeenWithin: time.Hour})
	r.Take(updateOf("A", 10, testStart))
	r.patched(r.Pass(3 * time.Second))
	before, after := orderOf("1", testStart.Add(-time.Hour), r.Now.Add(time.Second), "A 2"), orderOf("2", r.Now.Add(time.Second), r.Now.Add(2*time.Second), "A 1")
	before.Status, after.Status = "CANCELLED", "CANCELLED"
	r.Now = r.Now.Add(time.Minute)
	r.Take(before, after)
	r.Restart()
	s := r.Machine.skus[skuKey(testAccount, "", "A")]
	for shown, want := range map[int32]reading{10: shows, 13: shows, 14: differs} {
		if got := r.Machine.reads(s, shown, r.Now); got != want {
			t.Errorf("%d reads as %d, want %d", shown, got, want)
		}
	}
	r.Take(updateOf("A", 10, r.Now))
	if r.patched(r.Pass(3 * time.Second)); r.Machine.reads(s, 11, r.Now) != differs {
		t.Error("the next number does not begin anew")
	}
}
