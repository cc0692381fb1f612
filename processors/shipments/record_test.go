package shipments

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason string
		change func(s *schemas.Shipment)
	}{
		{"unknown_account", func(s *schemas.Shipment) { s.Account = "nobody" }},
		{"invalid_order_id", func(s *schemas.Shipment) { s.OrderID = "../x" }},
		{"invalid_package_id", func(s *schemas.Shipment) { s.PackageID = "" }},
		{"invalid_package_id", func(s *schemas.Shipment) { s.ShipmentID = strings.Repeat("x", maxID+1) }},
		{"no_tracking_number", func(s *schemas.Shipment) { s.TrackingNumber = " " }},
		{"no_carrier", func(s *schemas.Shipment) { s.CarrierName = "" }},
		{"no_carrier", func(s *schemas.Shipment) { s.CarrierName, s.CarrierCode = "", "other" }},
		{"invalid_ship_time", func(s *schemas.Shipment) { s.ShipTime = time.Time{} }},
		{"ship_time_ahead", func(s *schemas.Shipment) { s.ShipTime = testStart.Add(mostAhead + time.Second) }},
		{"no_event_time", func(s *schemas.Shipment) { s.EventTime = time.UnixMilli(0) }},
		{"wrong_time_unit", func(s *schemas.Shipment) { s.EventTime = time.UnixMilli(s.EventTime.Unix()) }},
		{"wrong_time_unit", func(s *schemas.Shipment) { s.ShipTime = time.UnixMilli(s.ShipTime.UnixNano()) }},
		{"event_time_ahead", func(s *schemas.Shipment) { s.EventTime = testStart.Add(6 * time.Minute) }},
		{"unknown_marketplace", func(s *schemas.Shipment) { s.MarketplaceID = "X" }},
		{"no_items", func(s *schemas.Shipment) { s.Items = nil }},
		{"invalid_item", func(s *schemas.Shipment) { s.Items[0].Quantity = 0 }},
		{"invalid_item", func(s *schemas.Shipment) { s.Items[0].OrderItemID = "" }},
		{"not_utf8", func(s *schemas.Shipment) { s.TrackingNumber = "\xff" }},
		{"too_large", func(s *schemas.Shipment) { s.Items[0].TransparencyCodes = make([]string, maxBytes) }},
	} {
		r := newRuntime(t, Config{})
		s := shipped("s1", orderID(1), "p1", 1, testStart)
		test.change(s)
		calls := r.Take(s)
		if len(r.Letters) != 1 || r.Letters[0].Reason != test.reason || r.Letters[0].Message == "" || len(r.outcomes)+len(calls)+len(r.Machine.orders) > 0 {
			t.Errorf("%s: letters %+v, %d outcomes, %d calls", test.reason, r.Letters, len(r.outcomes), len(calls))
		}
	}
	r := newRuntime(t, Config{})
	records := r.Records(shipped("s1", orderID(1), "p1", 1, testStart), known("", 1, testStart))
	records[0].Account = otherAccount
	r.Tick(slices.Insert(records, 1, &machine.Record{Value: &schemas.Alert{}}))
	for i, want := range []string{"account_mismatch", "unexpected_type", "invalid_order_id"} {
		if r.Letters[i].Reason != want {
			t.Errorf("got %s, want %s", r.Letters[i].Reason, want)
		}
	}
}

// large is a shipment of nearly maxBytes, a part of it in its items.
func large(id, pack string, at time.Time) *schemas.Shipment {
	const items = 200
	s := shipped(id, orderID(1), pack, 1, at)
	s.Items = nil
	for n := range items {
		s.Items = append(s.Items, schemas.ShipmentItem{OrderItemID: fmt.Sprintf("%020d", n), Quantity: 1})
	}
	s.TrackingNumber = strings.Repeat("x", maxBytes-300-28*items)
	return s
}

// Whatever comes for an order, and however its calls end, its state fits a Kafka
// record: every package has a shipment whose call is in doubt and a newer one that
// waits, and then thousands of lines. What has no room is a letter, and all else has
// an outcome.
func TestAnOrdersStateFitsARecord(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	largest, taken := 0, 0
	look := func() {
		if state := r.orderState(orderID(1)); state != nil {
			largest = max(largest, len(state.AppendAvro(nil)))
		}
	}
	lost := func(machine.Call) machine.Outcome { look(); return machine.Ambiguous{} }
	for round := range long.Pick(t, 1, 2) {
		for n := range maxPackages {
			// The oldest goes first: each package gets its call before those that came earlier.
			at := testStart.Add(time.Duration(round)*time.Minute - time.Duration(n)*time.Second)
			calls := r.Take(large(fmt.Sprintf("s%d-%d", round, n), fmt.Sprint("p", n), at))
			taken++
			r.Follow(5*time.Minute, calls, lost)
			look()
		}
	}
	lines := known(orderID(1), 1, r.Now)
	for n := range 5000 {
		lines.Items = append(lines.Items, schemas.OrderItem{OrderItemID: fmt.Sprintf("%0100d", n), QuantityOrdered: 1})
	}
	calls := r.Take(lines)
	look()
	r.Follow(24*time.Hour, calls, func(machine.Call) machine.Outcome { look(); return machine.Done{} })
	look()
	if largest > maxState || len(r.Letters)+len(r.outcomes) != taken || len(r.Letters) == taken {
		t.Errorf("the largest state has %d bytes; %d letters and %d outcomes of %d", largest, len(r.Letters), len(r.outcomes), taken)
	}
	for _, letter := range r.Letters {
		if letter.Reason != "too_large" {
			t.Fatalf("letter %+v", letter)
		}
	}
}

// TestBounded gives an order as many and as large packages as are taken: its
// state must fit a Kafka record.
func TestBounded(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	for n := range maxPackages + 1 {
		s := shipped(fmt.Sprint("s", n), orderID(1), fmt.Sprint("p", n), 1, testStart)
		for range (maxBytes - 300) / 40 {
			s.Items[0].TransparencyCodes = append(s.Items[0].TransparencyCodes, strings.Repeat("x", 32))
		}
		r.Take(s)
	}
	if len(r.Letters) != 1 || r.Letters[0].Reason != "too_many_packages" {
		t.Fatalf("letters %+v", r.Letters)
	}
	if n := len(r.orderState(orderID(1)).AppendAvro(nil)); n > schemas.MaxRecordBytes-1000 {
		t.Errorf("the state has %d bytes", n)
	}
}

// TestReferences pins ids: they must never change.
func TestReferences(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		order, pack string
		attempt     int
		want        string
	}{
		{"202-1234567-8901234", "5512-1", 0, "642835592"},
		{"202-1234567-8901234", "5512-1", 1, "624871137"},
		{"202-1234567-8901234", "5512-2", 0, "446568782"},
	} {
		if got := reference(test.order, test.pack, test.attempt, referenceNumbers); got != test.want {
			t.Errorf("package %s of order %s, attempt %d: %s, want %s", test.pack, test.order, test.attempt, got, test.want)
		}
	}
	property.Check(t, func(rt *rapid.T) {
		id := reference(rapid.String().Draw(rt, "order"), rapid.String().Draw(rt, "package"), rapid.Int().Draw(rt, "attempt"), referenceNumbers)
		if strings.Trim(id, "0123456789") != "" || id[0] == '0' || len(id) > 9 {
			rt.Fatalf("%q is not a positive number of nine digits", id)
		}
	})
}

// TestForgets lets time pass after an order's end: its packages keep their ids.
func TestForgets(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	confirm := func(id, pack string) string {
		t.Helper()
		calls := r.Take(shipped(id, orderID(1), pack, 1, r.Now))
		if len(calls) == 0 {
			calls = r.Pass(r.Machine.cfg.WaitForOrder)
		}
		r.End(calls[0], done())
		return r.settled(id).PackageReferenceID
	}
	r.Take(known(orderID(1), 9, r.Now))
	first := confirm("s1", "p1")
	r.Take(fulfilledBy(known(orderID(1), 9, r.Now), 1))
	shippedElsewhere := known(orderID(2), 1, r.Now)
	shippedElsewhere.Status = "SHIPPED"
	r.Take(shippedElsewhere)
	r.Pass(keepDone)
	if r.orderState(orderID(2)) != nil || r.orderState(orderID(1)) == nil {
		t.Fatal("forgotten too early, or too late")
	}
	r.Pass(keepPackages - keepDone)
	if r.Store.Len() > 1 || len(r.Machine.orders) > 0 {
		t.Fatalf("remembered: %v", slices.Collect(r.Store.Keys()))
	}
	if again := confirm("s2", "p1"); again != first {
		t.Errorf("a late correction has the id %s, and the package %s", again, first)
	}
	// Where ids collide, only the state knows which one a package has.
	r.Machine.numbers = 2
	first = confirm("s3", "p2")
	second := confirm("s4", "p3")
	r.Restart()
	r.Machine.numbers = 2
	r.Pass(3 * keepPackages)
	if second == first || r.orderState(orderID(1)) == nil {
		t.Errorf("ids %s and %s; a collision must be remembered", first, second)
	}
}

// TestForbiddenOrder refuses one order while the account is well.
func TestForbiddenOrder(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	refused := r.Take(known(orderID(1), 1, testStart), shipped("s1", orderID(1), "p", 1, testStart))[0]
	no := refusal(403, model.Forbidden, "Unauthorized", "Access to requested resource is denied.")
	r.End(refused, no)
	for range 3 {
		for _, call := range r.Pass(6 * time.Minute) {
			r.End(call, no)
		}
	}
	if calls := r.Take(known(orderID(3), 1, testStart), shipped("s3", orderID(3), "p", 1, testStart)); len(calls) != 1 {
		t.Error("one forbidden order holds up the account")
	}
}

func TestChanged(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.End(r.Take(known(orderID(1), 1, testStart), shipped("s1", orderID(1), "p", 1, testStart))[0], machine.Park{})
	if calls := r.Changed(otherAccount); len(calls) > 0 {
		t.Error("another account was mended")
	}
	if calls := r.Changed(testAccount); len(calls) != 1 {
		t.Errorf("%d calls when the account was mended", len(calls))
	}
}

// TestUnconfiguredAccountWaits removes the account of a shipment that has no
// other marketplace than its home.
func TestUnconfiguredAccountWaits(t *testing.T) {
	t.Parallel()
	full := machinetest.Sellers(t)
	empty, err := account.NewDirectory(nil)
	if err != nil {
		t.Fatal(err)
	}
	directory := full()
	r := newRuntime(t, Config{Accounts: func() *account.Directory { return directory }})
	r.Take(shipped("s1", orderID(1), "p", 1, testStart))
	directory = empty
	if calls := r.Pass(time.Hour); len(calls) > 0 || len(r.outcomes) > 0 {
		t.Fatalf("calls %+v, outcomes %+v", calls, r.outcomes)
	}
	directory = full()
	if calls := r.Pass(unconfigured); len(calls) != 1 {
		t.Errorf("%d calls", len(calls))
	}
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]any{
		"order/acme-eu/1":        &schemas.ShipmentState{Account: "acme-eu", OrderID: "2"},
		"quota/acme-eu/getOrder": &schemas.QuotaState{Account: "acme-eu", Operation: "getOrder"},
		"x":                      &schemas.Order{},
	} {
		if err := New(Config{Accounts: machinetest.Sellers(t)}).Restore(key, value); err == nil {
			t.Errorf("%s was taken", key)
		}
	}
}

// TestHeldShipmentsDoNotPauseOthers: those that wait for their order are counted apart.
func TestHeldShipmentsDoNotPauseOthers(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	const held = 400
	for i := range held {
		r.Take(shipped(fmt.Sprint(i), orderID(i), "p", 1, r.Now))
	}
	if n := r.Machine.Pending(); n != held/4 {
		t.Errorf("%d pending, want a part of the %d that are held", n, held)
	}
}
