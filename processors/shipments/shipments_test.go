package shipments

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func done() machine.Outcome { return machine.Done{Response: &model.ConfirmShipmentResponse{}} }

func TestConfirms(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	s := shipped("s1", orderID(1), "p1", 2, testStart)
	s.ShippingMethod, s.ShipFromSupplySourceID, s.Items[0].TransparencyCodes = "Same day", "loc-1", []string{"AZ:1"}
	calls := r.Take(known(orderID(1), 2, testStart), s)
	if len(calls) != 1 {
		t.Fatalf("%d calls, want 1", len(calls))
	}
	got, reference := requestOf(calls[0]), reference(orderID(1), "p1", 0, referenceNumbers)
	want := fmt.Sprintf("%+v", &model.ConfirmShipmentRequest{OrderID: orderID(1), MarketplaceID: france, Package: model.ShipmentPackage{
		PackageReferenceID: reference, CarrierCode: "DHL-Paket", ShippingMethod: "Same day", TrackingNumber: "s1",
		ShipDate: testStart, SupplySourceID: "loc-1",
		Items: []model.ShipmentItem{{OrderItemID: line, Quantity: 2, TransparencyCodes: []string{"AZ:1"}}},
	}})
	if fmt.Sprintf("%+v", got) != want {
		t.Errorf("got  %+v\nwant %s", got, want)
	}
	if len(r.outcomes) > 0 {
		t.Error("an outcome before the answer")
	}
	r.End(calls[0], done())
	c := r.settled("s1")
	if c.Outcome != confirmed || c.PackageReferenceID != reference || c.MarketplaceID != france || c.CarrierCode != "DHL-Paket" ||
		c.SourcePartition != 3 || c.SourceOffset != 1 || !c.LatestShipDate.Equal(testStart.Add(24*time.Hour)) || c.EventID == "" {
		t.Errorf("outcome %+v", c)
	}
	if r.Machine.Pending() != 0 || len(r.alerts) > 0 {
		t.Errorf("%d pending, alerts %+v", r.Machine.Pending(), r.alerts)
	}
}

// TestAnswers ends a shipment in each way, and checks its outcome.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		answer    machine.Outcome
		want      string // outcome; "" where it waits
		code      string
		wait      time.Duration // at least until the next call
		afterwait time.Duration // and at most
	}{
		{"204", done(), confirmed, "", 0, 0},
		{"already fulfilled", alreadyFulfilled(), confirmed, codeFulfilled, lookAfter, lookAfter}, // no look was answered
		{"a wrong line", refusal(400, model.Invalid, "InvalidInput", "no such line"), "", "", blame.VagueFor, blame.VagueFor},
		{"no such order", refusal(404, model.NotFound, "", ""), "", "", time.Second, 2 * time.Second},
		{"forbidden order", refusal(403, model.Forbidden, "Unauthorized", "Access denied"), "", "", time.Second, 2 * time.Second},
		{"a conflict", refusal(409, model.Conflict, "Conflict", "x"), rejected, "Conflict", 0, 0},
		{"something else", machine.Reject{Err: fmt.Errorf("x")}, "", "", time.Second, 2 * time.Second},
		{"throttled", machine.Snooze{Throttled: true, For: time.Minute}, "", "", time.Minute, time.Minute},
		{"unavailable", machine.Snooze{For: 5 * time.Second}, "", "", 5 * time.Second, 5 * time.Second},
		{"not sent", machine.Snooze{Unspent: true}, "", "", retryBase, retryBase},
		{"failed", machine.Retry{}, "", "", time.Second, 2 * time.Second},
		{"in doubt", machine.Ambiguous{}, "", "", time.Second, 2 * time.Second},
		{"refused credentials", machine.Park{}, "", "", time.Minute, time.Minute + retryBase},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, Config{})
			first := r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 2, testStart))[0]
			calls := r.End(first, test.answer)
			if test.want != "" {
				calls = append(calls, r.Pass(test.wait)...)
				if c := r.settled("s1"); c.Outcome != test.want || c.Code != test.code || len(calls) > 0 {
					t.Errorf("outcome %+v, %d calls", c, len(calls))
				}
				return
			}
			if early := r.Pass(test.wait - time.Millisecond); len(calls)+len(early) > 0 {
				t.Fatal("called again too early")
			}
			calls = r.Pass(test.afterwait - test.wait + time.Millisecond)
			if len(calls) != 1 || fmt.Sprintf("%+v", calls[0].Request) != fmt.Sprintf("%+v", first.Request) {
				t.Fatalf("called again with %+v, want %+v", calls, first.Request)
			}
			r.End(calls[0], done())
			if c := r.settled("s1"); c.Outcome != confirmed {
				t.Errorf("outcome %+v", c)
			}
		})
	}
}

// TestChecks holds shipments against the order.
func TestChecks(t *testing.T) {
	t.Parallel()
	good := func(id, pack string, units int32) *schemas.Shipment {
		return shipped(id, orderID(1), pack, units, testStart)
	}
	foreign := good("s1", "p1", 1)
	foreign.Items[0].OrderItemID = "1"
	twice := good("s1", "p1", 2)
	twice.Items = append(twice.Items, twice.Items[0])
	for _, test := range []struct {
		name      string
		shipments []*schemas.Shipment
		want      string // "id outcome code" of each
	}{
		{"all units", []*schemas.Shipment{good("s1", "p1", 3)}, "s1 CONFIRMED "},
		{"an unknown item", []*schemas.Shipment{foreign}, "s1 REJECTED unknown_item"},
		{"too many", []*schemas.Shipment{good("s1", "p1", 4)}, "s1 REJECTED quantity_too_large"},
		{"too many in two lines", []*schemas.Shipment{twice}, "s1 REJECTED quantity_too_large"},
		{"two packages", []*schemas.Shipment{good("s1", "p1", 1), good("s2", "p2", 2)}, "s1 CONFIRMED ,s2 CONFIRMED "},
		{"too many in two packages", []*schemas.Shipment{good("s1", "p1", 2), good("s2", "p2", 2)}, "s1 CONFIRMED ,s2 REJECTED quantity_too_large"},
		{"a correction counts once", []*schemas.Shipment{good("s1", "p1", 3), good("s2", "p1", 2), good("s3", "p2", 1)}, "s1 SUPERSEDED ,s2 CONFIRMED ,s3 CONFIRMED "},
		{"a refused one counts nothing", []*schemas.Shipment{good("s1", "p1", 4), good("s2", "p2", 3)}, "s1 REJECTED quantity_too_large,s2 CONFIRMED "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, Config{})
			values := []any{known(orderID(1), 3, testStart)}
			for _, s := range test.shipments {
				values = append(values, s)
			}
			for calls := r.Take(values...); len(calls) > 0; {
				calls = r.End(calls[0], done())
			}
			var got []string
			for _, s := range test.shipments {
				c := r.settled(s.ShipmentID)
				got = append(got, c.ShipmentID+" "+c.Outcome+" "+c.Code)
				if c.Outcome == rejected && c.Message == "" {
					t.Error("no reason in words")
				}
			}
			if strings.Join(got, ",") != test.want {
				t.Errorf("got %s, want %s", strings.Join(got, ","), test.want)
			}
		})
	}
}

// TestShippedBeforeTheOrder rejects a shipment that is older than its order by more than a
// day, also when the order comes after it. Amazon is told no time before the order.
func TestShippedBeforeTheOrder(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shipped time.Duration // after the order was placed
		code    string
	}{
		"with the order":             {0, ""},
		"the day of the order":       {-11 * time.Hour, ""},
		"it, east of everybody else": {-24 * time.Hour, ""},
		"too early":                  {-24*time.Hour - time.Second, "shipped_before_order"},
		"at once":                    {time.Second, ""},
		"as late as clocks are":      {time.Hour + timeSlack, ""},
	} {
		for _, late := range []bool{false, true} {
			for _, lines := range []bool{false, true} {
				r := newRuntime(t, Config{})
				order, s := known(orderID(1), 1, testStart), shipped("s1", orderID(1), "p1", 1, testStart)
				order.CreatedTime = testStart.Add(-time.Hour)
				s.ShipTime = order.CreatedTime.Add(test.shipped)
				if !lines {
					order.Items = nil
				}
				records := []any{order, s}
				if late {
					slices.Reverse(records)
				}
				calls := r.Take(records[0])
				r.Restart()
				calls = append(append(calls, r.Take(records[1])...), r.Pass(time.Minute)...)
				if test.code == "" {
					want := order.CreatedTime.Add(max(test.shipped, 0))
					if len(calls) != 1 || len(r.outcomes)+len(r.Letters) > 0 || !requestOf(calls[0]).Package.ShipDate.Equal(want) {
						t.Errorf("%s: calls %+v, outcomes %+v", name, calls, r.outcomes)
					}
				} else {
					if c := r.settled("s1"); len(calls) > 0 || c.Outcome != rejected || c.Code != test.code || !strings.Contains(c.Message, "2026-11-01T11:00:00Z") {
						t.Errorf("%s: %d calls, %+v", name, len(calls), c)
					}
				}
			}
		}
	}
	// What Amazon has accepted before the order was known is confirmed again all the same.
	r := newRuntime(t, Config{})
	early, order := shipped("s1", orderID(1), "p1", 1, testStart), known(orderID(1), 1, testStart)
	r.Take(early)
	r.End(r.Pass(2 * time.Minute)[0], done())
	order.CreatedTime = testStart.Add(time.Hour)
	if calls := append(r.Take(order), r.Pass(time.Hour)...); len(calls) != 1 || len(r.outcomes) != 1 {
		t.Errorf("%d calls and %d outcomes for what Amazon has accepted", len(calls), len(r.outcomes))
	}
	r = newRuntime(t, Config{}) // of an order that the version before took in
	old := known(orderID(1), 1, testStart)
	s := shipped("s1", orderID(1), "p1", 1, testStart)
	s.ShipTime = testStart.Add(-1000 * time.Hour)
	if calls := r.Take(old, s); len(calls) != 1 {
		t.Errorf("%d calls for an order without a time", len(calls))
	}
}

// TestAmazonDecides asks it about orders whose status speaks against a shipment.
func TestAmazonDecides(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"SHIPPED", "PENDING", "UNFULFILLABLE"} {
		r := newRuntime(t, Config{})
		order := known(orderID(1), 3, testStart)
		order.Status = status
		if calls := r.Take(order, shipped("s1", orderID(1), "p1", 3, testStart)); len(calls) != 1 {
			t.Errorf("%s: %d calls", status, len(calls))
		}
	}
}

func TestWaitsForTheOrder(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	if calls := r.Take(shipped("s1", orderID(1), "p1", 9, testStart), shipped("s2", orderID(2), "p1", 9, testStart)); len(calls) > 0 {
		t.Fatal("called before the order was known")
	}
	r.Now = r.Now.Add(time.Minute)
	if calls := r.Take(known(orderID(1), 3, testStart)); len(calls) > 0 || r.settled("s1").Code != codeTooLarge {
		t.Errorf("the order came, and was not looked at")
	}
	if calls := r.Pass(59 * time.Second); len(calls) > 0 {
		t.Fatal("did not wait long enough")
	}
	calls := r.Pass(time.Second)
	if len(calls) != 1 || requestOf(calls[0]).OrderID != orderID(2) || requestOf(calls[0]).MarketplaceID != germany {
		t.Fatalf("the other one: %+v, want it asked of the home marketplace", calls)
	}
}

func TestMarketplace(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	s := shipped("s1", orderID(1), "p1", 1, testStart)
	s.MarketplaceID = germany
	calls := r.Take(known(orderID(1), 3, testStart), s)
	if got := requestOf(calls[0]).MarketplaceID; got != germany {
		t.Errorf("%s, want the shipment's own", got)
	}
}

// TestCorrections has newer and older records of a package come.
func TestCorrections(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	at := func(id string, seconds int) *schemas.Shipment {
		return shipped(id, orderID(1), "p1", 1, testStart.Add(time.Duration(seconds)*time.Second))
	}
	first := r.Take(known(orderID(1), 3, testStart), at("s1", 10))[0]
	if calls := r.Take(at("s2", 20), at("s3", 30), at("s4", 15)); len(calls) > 0 {
		t.Fatal("rule 2: a second call")
	}
	second := r.End(first, done())
	if len(second) != 1 || requestOf(second[0]).Package.TrackingNumber != "s3" ||
		requestOf(second[0]).Package.PackageReferenceID != requestOf(first).Package.PackageReferenceID {
		t.Fatalf("the correction is %+v", second)
	}
	r.End(second[0], done())
	r.Take(at("s5", 30)) // of the same time: the later offset
	for id, want := range map[string]string{"s1": "CONFIRMED ", "s2": "SUPERSEDED s3", "s3": "CONFIRMED ", "s4": "SUPERSEDED s3"} {
		if c := r.settled(id); c.Outcome+" "+c.SupersededBy != want {
			t.Errorf("%s is %s by %q, want %s", id, c.Outcome, c.SupersededBy, want)
		} else if c.SupersededBy == "s3" && !c.SupersededByEventTime.Equal(testStart.Add(30*time.Second)) {
			t.Errorf("%s is superseded by a record of %v", id, c.SupersededByEventTime)
		}
	}
	records := r.Records(at("s6", 0)) // without an event time: as new as its record
	records[0].Value.(*schemas.Shipment).EventTime, records[0].Came = time.UnixMilli(0), testStart.Add(29*time.Second)
	r.Tick(records)
	if c := r.settled("s6"); c.Outcome+" "+c.SupersededBy != "SUPERSEDED s5" {
		t.Errorf("%+v", c)
	}
	if call := r.Started[len(r.Started)-1]; requestOf(call).Package.TrackingNumber != "s5" {
		t.Errorf("of two with the same time the later record counts, not %+v", call)
	}
}

// TestDoubt lets a correction come while it is not known how a call ended: the
// package's shipment is settled first, and the correction waits until nothing
// can overwrite it any more.
func TestDoubt(t *testing.T) {
	t.Parallel()
	for _, crash := range []bool{false, true} {
		r := newRuntime(t, Config{})
		call := r.Take(known(orderID(1), 3, testStart), shipped("s1", orderID(1), "p1", 1, testStart))[0]
		if crash {
			r.Restart()
		} else {
			r.End(call, machine.Ambiguous{})
		}
		r.Take(shipped("s2", orderID(1), "p1", 1, testStart.Add(time.Second)))
		r.Pass(5 * time.Second)
		again := r.Started[len(r.Started)-1]
		if len(r.Started) != 2 || requestOf(again).Package.TrackingNumber != "s1" {
			t.Fatalf("crash %v: started %+v, want the same again", crash, r.Started)
		}
		r.End(again, done())
		if r.settled("s1").Outcome != confirmed {
			t.Errorf("crash %v: the first is not confirmed", crash)
		}
		if calls := r.Pass(5 * time.Minute); len(calls) > 0 {
			t.Fatalf("crash %v: the correction did not wait", crash)
		}
		if calls := r.Pass(time.Minute); len(calls) != 1 || requestOf(calls[0]).Package.TrackingNumber != "s2" {
			t.Fatalf("crash %v: the correction: %+v", crash, calls)
		}
	}
}

// TestNearestDateFirst makes more orders wait than quota allows at once.
func TestNearestDateFirst(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	var first []any
	for n := range 9 { // a burst; the bucket keeps one of it back
		first = append(first, known(orderID(n), 1, testStart), shipped(fmt.Sprint("s", n), orderID(n), "p", 1, testStart))
	}
	running := r.Take(first...)
	for i, hours := range []int{30, 5, 90, 1, -3, 12, 60, 4} {
		order := known(orderID(20+i), 1, testStart)
		order.ShipBy.Latest = testStart.Add(time.Duration(hours) * time.Hour)
		r.Take(order, shipped(fmt.Sprint("t", i), orderID(20+i), fmt.Sprint(hours), 1, testStart))
	}
	dateless := known(orderID(30), 1, testStart) // as if it had a day
	dateless.ShipBy = nil
	r.Take(dateless, shipped("t30", orderID(30), "24", 1, testStart))
	// A correction of what Amazon has: no date waits for it.
	r.Take(shipped("u0", orderID(0), "p", 1, testStart.Add(time.Second)))
	for _, call := range running {
		if calls := r.End(call, done()); len(calls) > 0 {
			t.Fatal("more calls than the quota has")
		}
	}
	r.Restart() // the order does not depend on how long each waits
	var got []string
	for range 40 {
		for calls := r.Pass(500 * time.Millisecond); len(calls) > 0; {
			call := calls[0]
			got = append(got, r.orderState(requestOf(call).OrderID).Packages[0].PackageID)
			calls = append(calls[1:], r.End(call, done())...)
		}
	}
	if want := "-3 1 4 5 12 p 24 30 60 90"; strings.Join(got, " ") != want {
		t.Errorf("called in the order %v, want %s", got, want)
	}
}

// TestUnitsMove moves a unit from one package to another: the package that
// gives it must be corrected first, or the order would be one unit too small.
func TestUnitsMove(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	ship := func(id, pack string, units int32, seconds int) *schemas.Shipment {
		return shipped(id, orderID(1), pack, units, testStart.Add(time.Duration(seconds)*time.Second))
	}
	work := func(calls []machine.Call) {
		for len(calls) > 0 {
			calls = r.End(calls[0], done())
		}
	}
	work(r.Take(known(orderID(1), 3, testStart), ship("s1", "p1", 1, 0), ship("s2", "p2", 2, 0)))
	work(r.Take(ship("s3", "p2", 1, 1), ship("s4", "p1", 2, 2)))
	for _, id := range []string{"s1", "s2", "s3", "s4"} {
		if c := r.settled(id); c.Outcome != confirmed {
			t.Errorf("%s is %s: %s", id, c.Outcome, c.Message)
		}
	}
}

// Two refusals with hours between them, in which the account was parked or paused, are
// two refusals: nothing is given up, and nobody is told that it was refused for hours.
func TestTimeWithoutTriesIsNoPatience(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	no := refusal(404, model.NotFound, "NotFound", "no such order")
	calls := r.Take(known(orderID(1), 1, testStart), shipped("s1", orderID(1), "p1", 1, testStart))
	r.End(calls[0], no)
	r.Now = r.Now.Add(20 * time.Hour)
	calls = r.Tick(nil)
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	r.End(calls[0], no)
	for _, alert := range r.alerts {
		if alert.EventType == alertRefused {
			t.Errorf("told of %s", alert.Message)
		}
	}
	if len(r.outcomes) > 0 || r.orderState(orderID(1)).Refusals != 2 {
		t.Fatalf("outcomes %+v after %d refusals", r.outcomes, r.orderState(orderID(1)).Refusals)
	}
	tries := 2
	r.Follow(24*time.Hour, nil, func(machine.Call) machine.Outcome { tries++; return no })
	if r.settled("s1").Outcome != rejected || tries != leastRefusals {
		t.Errorf("%s after %d tries, want %d", r.settled("s1").Outcome, tries, leastRefusals)
	}
}
