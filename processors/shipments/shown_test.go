package shipments

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

// fulfilledBy is the order with so many units of its line shipped.
func fulfilledBy(o *schemas.Order, units int32) *schemas.Order {
	o.Status, o.Items[0].QuantityFulfilled = "PARTIALLY_SHIPPED", &units
	return o
}

// confirmations counts the calls for a package during wait. Each is answered 204.
func confirmations(r *runtime, wait time.Duration, calls ...machine.Call) int {
	before := len(r.Started) - len(calls)
	r.Follow(wait, calls, func(machine.Call) machine.Outcome { return done() })
	return len(r.Started) - before
}

// A 204 with nothing stored is confirmed once more, as the same package, and then
// reported, however often the process restarts. Its outcome is written once.
func TestA204WithNothingStoredIsConfirmedOnceMoreAndThenTold(t *testing.T) {
	t.Parallel()
	for _, restarts := range []bool{false, true} {
		r := newRuntime(t, Config{})
		total := confirmations(r, time.Minute, r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 2, testStart))...)
		for range 7 * 24 {
			if restarts {
				r.Restart()
			}
			r.Take(known(orderID(1), 2, r.Now.Add(-time.Minute))) // UNSHIPPED, for days
			total += confirmations(r, time.Hour, r.Pass(0)...)
		}
		if total != 2 || requestOf(r.Started[0]).Package.PackageReferenceID != requestOf(r.Started[1]).Package.PackageReferenceID {
			t.Errorf("restarts %v: %d confirmations, want the first and one more of the same package", restarts, total)
		}
		if len(r.outcomes) != 1 || r.outcomes[0].Outcome != confirmed {
			t.Errorf("restarts %v: outcomes %+v", restarts, r.outcomes)
		}
		if len(r.alerts) != 1 || r.alerts[0].EventType != alertNotShown || r.alerts[0].Subject != orderID(1) ||
			!strings.Contains(r.alerts[0].Message, "UNSHIPPED") || !r.alerts[0].Time.Before(testStart.Add(24*time.Hour)) {
			t.Errorf("restarts %v: alerts %+v, want one before the latest ship date", restarts, r.alerts)
		}
	}
}

// Before the latest ship date there is time for the second confirmation and for a
// person, however near the date is.
func TestWhatIsNotShownIsToldBeforeTheLatestShipDate(t *testing.T) {
	t.Parallel()
	for _, left := range []time.Duration{10 * time.Minute, 20 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour} {
		r := newRuntime(t, Config{})
		order := known(orderID(1), 2, testStart)
		order.ShipBy.Latest = testStart.Add(left)
		confirmations(r, left, r.Take(order, shipped("s1", orderID(1), "p1", 2, testStart))...)
		if len(r.alerts) != 1 || r.alerts[0].Severity != "WARNING" || len(r.Started) != 2 {
			t.Errorf("%v: %d calls, alerts %+v", left, len(r.Started), r.alerts)
		}
	}
}

// An order that shows the package ends the wait, in each way in which it can.
func TestAnOrderThatShowsThePackageEndsTheWait(t *testing.T) {
	t.Parallel()
	status := func(status string) func(o *schemas.Order, reference string) {
		return func(o *schemas.Order, _ string) { o.Status = status }
	}
	for name, c := range map[string]struct {
		show func(o *schemas.Order, reference string)
		want int
	}{
		"SHIPPED":                  {status("SHIPPED"), 1},
		"CANCELLED":                {status("CANCELLED"), 1},
		"a part, without the line": {status("PARTIALLY_SHIPPED"), 1},
		"the units":                {func(o *schemas.Order, _ string) { fulfilledBy(o, 1) }, 1},
		"the package": {func(o *schemas.Order, reference string) {
			o.Packages = []schemas.OrderPackage{{PackageReferenceID: reference}}
		}, 1},
		"another package": {func(o *schemas.Order, _ string) { o.Packages = []schemas.OrderPackage{{PackageReferenceID: "1"}} }, 2},
		"no units":        {func(o *schemas.Order, _ string) { fulfilledBy(o, 0); o.Status = "UNSHIPPED" }, 2},
		"UNSHIPPED":       {status("UNSHIPPED"), 2},
	} {
		for _, early := range []bool{false, true} { // the order comes before the answer, which was lost once
			r := newRuntime(t, Config{})
			calls := r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 1, testStart))
			shows := known(orderID(1), 2, testStart.Add(time.Minute))
			c.show(shows, requestOf(calls[0]).Package.PackageReferenceID)
			if early && name == "the package" {
				continue // the state keeps nothing about it: at worst it is confirmed once more
			}
			if early {
				r.Take(shows)
			}
			confirmations(r, 10*time.Second, calls...)
			if !early {
				r.Take(shows)
			}
			confirmations(r, 90*time.Minute)
			if len(r.Started) != c.want {
				t.Errorf("%s, early %v: %d confirmations, want %d", name, early, len(r.Started), c.want)
			}
		}
	}
}

// Only the one of two packages that is not shown is confirmed again.
func TestOnlyThePackageThatIsNotShownIsConfirmedAgain(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	confirmations(r, time.Minute, r.Take(known(orderID(1), 3, testStart), shipped("s1", orderID(1), "p1", 1, testStart))...)
	r.Take(fulfilledBy(known(orderID(1), 3, r.Now), 1))
	confirmations(r, time.Minute, r.Take(shipped("s2", orderID(1), "p2", 1, r.Now))...)
	confirmations(r, 90*time.Minute)
	if len(r.Started) != 3 || requestOf(r.Started[2]).Package.TrackingNumber != "s2" {
		t.Errorf("%d calls", len(r.Started))
	}
}

// A correction of a package that was shown is confirmed once; one of a package that
// was not is waited for in its place.
func TestACorrectionIsWaitedForWhereItsPackageWasNotShown(t *testing.T) {
	t.Parallel()
	for shown, want := range map[bool]int{true: 2, false: 3} {
		r := newRuntime(t, Config{})
		confirmations(r, time.Minute, r.Take(known(orderID(1), 3, testStart), shipped("s1", orderID(1), "p1", 1, testStart))...)
		if shown {
			r.Take(fulfilledBy(known(orderID(1), 3, r.Now), 1))
		}
		confirmations(r, 90*time.Minute, r.Take(shipped("s2", orderID(1), "p1", 1, r.Now))...)
		if last := requestOf(r.Started[len(r.Started)-1]); len(r.Started) != want || last.Package.TrackingNumber != "s2" {
			t.Errorf("shown %v: %d calls, want %d", shown, len(r.Started), want)
		}
	}
}

// Where no order of the account ever comes nothing is told from their absence.
func TestWithoutOrdersNothingIsVerified(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(shipped("s1", orderID(1), "p1", 1, testStart))
	confirmations(r, 24*time.Hour, r.Pass(2*time.Minute)...)
	if len(r.Started) != 1 || len(r.alerts) != 0 {
		t.Errorf("%d calls, alerts %+v", len(r.Started), r.alerts)
	}
	// When other orders of an account come, an order that does not is reported.
	r.Take(known(orderID(2), 1, r.Now), shipped("s3", orderID(3), "p1", 1, r.Now))
	confirmations(r, 24*time.Hour, r.Pass(2*time.Minute)...)
	if len(r.Started) != 3 || len(r.alerts) != 1 || r.alerts[0].Subject != orderID(3) {
		t.Errorf("%d calls, alerts %+v", len(r.Started), r.alerts)
	}
}

// "Already fulfilled" to a corrected tracking number has the order looked at, and the outcome
// says what Amazon holds. Where no answer comes it says what Amazon may hold. To a repeat it
// means that the first try was taken.
func TestAlreadyFulfilledToACorrectionSaysWhatAmazonHolds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shows      []string // packages of the order, "" for ours; nil for no answer
		code, held string
		words      string
	}{
		"the old number":          {[]string{"", "old"}, codeFulfilled, "old", "it holds the tracking number old and not new"},
		"the new number":          {[]string{"", "NEW "}, "", "NEW ", ""},
		"another number":          {[]string{"", "third"}, codeFulfilled, "third", "it holds the tracking number third and not new"},
		"the new one elsewhere":   {[]string{"7", "new"}, "", "new", ""},
		"another package":         {[]string{"7", "other"}, codeFulfilled, "", "may still hold the tracking number old and not new"},
		"no package":              {[]string{}, codeFulfilled, "", "may still hold the tracking number old and not new"},
		"nothing, nobody answers": {nil, codeFulfilled, "", "may still hold the tracking number old and not new"},
	} {
		for _, restarts := range []bool{false, true} {
			r := newRuntime(t, Config{})
			r.End(r.Take(known(orderID(1), 2, testStart), shipped("old", orderID(1), "p1", 2, testStart))[0], done())
			r.End(r.Take(shipped("new", orderID(1), "p1", 2, testStart.Add(time.Second)))[0], alreadyFulfilled())
			if r.Pass(lookTakes); len(r.outcomes) != 1 || len(r.looks) != 1 {
				t.Fatalf("%s: %d outcomes and %d looks, want one of each", name, len(r.outcomes), len(r.looks))
			}
			if restarts {
				r.Restart()
				r.Pass(time.Second)
			}
			if test.shows != nil {
				for i := range test.shows {
					if test.shows[i] == "" {
						test.shows[i] = r.outcomes[0].PackageReferenceID
					}
				}
				r.Take(r.answered("SHIPPED", test.shows...))
			}
			r.Pass(lookAfter)
			c := r.settled("new")
			if c.Outcome != confirmed || c.Code != test.code || c.HeldTrackingNumber != test.held || !strings.Contains(c.Message, test.words) || (test.words == "") != (c.Message == "") {
				t.Errorf("%s, restarts %v: outcome %s %s %q %q", name, restarts, c.Outcome, c.Code, c.HeldTrackingNumber, c.Message)
			}
			if test.words != "" && (!strings.Contains(c.Message, "Failed to create package") || !strings.Contains(c.Message, "Seller Central")) {
				t.Errorf("%s: %q", name, c.Message)
			}
		}
	}
}

// A shipment in question gives way to a newer one, and a repeat of what is in doubt asks no
// question.
func TestAlreadyFulfilledIsNotAlwaysInQuestion(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.End(r.Take(known(orderID(1), 2, testStart), shipped("old", orderID(1), "p1", 2, testStart))[0], done())
	r.End(r.Take(shipped("new", orderID(1), "p1", 2, testStart.Add(time.Second)))[0], alreadyFulfilled())
	r.End(r.Take(shipped("newest", orderID(1), "p1", 2, testStart.Add(2*time.Second)))[0], done())
	if c, newest := r.settled("new"), r.settled("newest"); c.Outcome != superseded || newest.Outcome != confirmed {
		t.Errorf("outcomes %+v, %+v", c, newest)
	}
	r = newRuntime(t, Config{})
	calls := r.End(r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 2, testStart))[0], machine.Ambiguous{})
	r.End(append(calls, r.Pass(5*time.Second)...)[0], alreadyFulfilled())
	if c := r.settled("s1"); c.Outcome != confirmed || c.Code != "" {
		t.Errorf("a repeat: %+v", c)
	}
}

// An answered look ends the wait, or has the package confirmed once more without waiting for
// VerifyAfter, and then reported. All packages of an order have one look.
func TestALookTellsWhetherAPackageIsShown(t *testing.T) {
	t.Parallel()
	for lost, want := range map[int]struct{ calls, looks, alerts int }{0: {2, 1, 0}, 1: {3, 2, 0}, 2: {3, 2, 1}} {
		r := newRuntime(t, Config{})
		confirmations(r, time.Second, r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 1, testStart), shipped("s2", orderID(1), "p2", 1, testStart))...)
		shows := []string{r.outcomes[0].PackageReferenceID, "s1", r.outcomes[1].PackageReferenceID, "s2"}
		for try := range want.looks {
			for len(r.looks) == try && r.Now.Before(testStart.Add(time.Hour)) {
				confirmations(r, time.Minute)
			}
			shown, units := shows, int32(2)
			if try < lost {
				shown, units = shows[:2], 1
			}
			answer := r.answered("PARTIALLY_SHIPPED", shown...)
			answer.Fulfilled = []schemas.LineUnits{{OrderItemID: line, Quantity: units}}
			confirmations(r, time.Second, r.Take(answer)...)
		}
		took := r.Now.Sub(testStart)
		confirmations(r, 12*time.Hour)
		if len(r.Started) != want.calls || len(r.looks) != want.looks || len(r.alerts) != want.alerts || took > 35*time.Minute {
			t.Errorf("lost %d times: %d calls, %d looks, alerts %+v, after %v", lost, len(r.Started), len(r.looks), r.alerts, took)
		}
	}
}

// A correction that Amazon has accepted is looked for too: where the order still shows the
// number before it, it is confirmed once more, and then reported.
func TestACorrectionThatIsLostIsConfirmedOnceMore(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]int{"new": 2, "Amazon's own": 2, "old": 3} {
		r := newRuntime(t, Config{})
		confirmations(r, time.Second, r.Take(known(orderID(1), 2, testStart), shipped("old", orderID(1), "p1", 2, testStart))...)
		r.Take(fulfilledBy(known(orderID(1), 2, r.Now), 2))
		confirmations(r, time.Second, r.Take(shipped("new", orderID(1), "p1", 2, r.Now))...)
		for range 5 {
			looks := len(r.looks)
			if confirmations(r, lookAfter); len(r.looks) > looks {
				confirmations(r, time.Second, r.Take(r.answered("SHIPPED", r.outcomes[0].PackageReferenceID, number))...)
			}
		}
		alerts := want - 2
		if len(r.Started) != want || len(r.alerts) != alerts || alerts > 0 && r.alerts[0].Severity != "WARNING" {
			t.Errorf("%s: %d calls, want %d; alerts %+v", number, len(r.Started), want, r.alerts)
		}
	}
}

// What may pass is asked for again for hours, reported once within minutes, and ends
// in an outcome that names what to do; other orders do not notice.
func TestAnOrderThatAmazonRefusesBlamesItself(t *testing.T) {
	t.Parallel()
	for status, class := range map[int]model.Class{401: model.Unauthorized, 403: model.Forbidden, 404: model.NotFound} {
		r := newRuntime(t, Config{})
		for n := range 20 {
			r.Take(known(orderID(n), 1, testStart))
		}
		under, told, ended := r.Take(shipped("bad", orderID(0), "p", 1, testStart)), time.Time{}, time.Time{}
		for minute := range 13 * 60 {
			if minute%30 == 0 && minute/30 < 19 {
				n := 1 + minute/30
				id := fmt.Sprint("good", n)
				under = append(under, r.Take(shipped(id, orderID(n), "p", 1, r.Now))...)
			}
			r.Follow(time.Minute, under, func(call machine.Call) machine.Outcome {
				if requestOf(call).OrderID == orderID(0) {
					return refusal(status, class, "Unauthorized", "Access to requested resource is denied.")
				}
				r.Take(fulfilledBy(known(requestOf(call).OrderID, 1, r.Now), 1))
				return done()
			})
			under = nil
			if told.IsZero() && len(r.alerts) > 0 {
				told = r.alerts[0].Time
			}
			if ended.IsZero() && len(r.outcomes) > 0 && r.outcomes[len(r.outcomes)-1].ShipmentID == "bad" {
				ended = r.Now
			}
		}
		bad := 0
		for _, call := range r.Started {
			if requestOf(call).OrderID == orderID(0) {
				bad++
			}
		}
		c := r.settled("bad")
		if c.Outcome != rejected || c.Code != "Unauthorized" || !strings.Contains(c.Message, "package p of order "+orderID(0)) || !strings.Contains(c.Message, "denied") {
			t.Errorf("%d: outcome %+v", status, c)
		}
		if wait := ended.Sub(testStart); wait < 12*time.Hour || wait > 12*time.Hour+10*time.Minute || bad > 50 {
			t.Errorf("%d: given up after %v and %d calls", status, wait, bad)
		}
		if wait := told.Sub(testStart); wait < 5*time.Minute || wait > 30*time.Minute || r.alerts[0].EventType != alertRefused {
			t.Errorf("%d: told after %v: %+v", status, wait, r.alerts)
		}
		refused := 0
		for _, alert := range r.alerts {
			if alert.EventType == alertRefused {
				refused++
			}
		}
		if refused != 1 || len(r.outcomes) != 20 {
			t.Errorf("%d: %d alerts, %d outcomes", status, refused, len(r.outcomes))
		}
	}
}

// However 204s are stored or not, orders come or not, and processes restart: each
// shipment has one outcome, each package at most two confirmations that were
// answered, and each that is not stored one alert.
func TestVerificationHoldsItsPromises(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		r := newRuntime(t, Config{})
		orders := rapid.IntRange(1, 8).Draw(rt, "orders")
		stored := map[string]bool{}
		answered := map[string]int{}
		for n := range orders {
			id := orderID(n)
			stored[id] = rapid.Bool().Draw(rt, "stored")
			r.Take(known(id, 1, r.Now))
			r.Follow(time.Minute, r.Take(shipped("s"+id, id, "p", 1, r.Now)), func(call machine.Call) machine.Outcome {
				answered[requestOf(call).OrderID]++
				return done()
			})
			if rapid.IntRange(0, 3).Draw(rt, "restart") == 0 {
				r.Restart()
			}
		}
		for range rapid.IntRange(1, 30).Draw(rt, "quarters") {
			r.Follow(15*time.Minute, r.Pass(0), func(call machine.Call) machine.Outcome {
				answered[requestOf(call).OrderID]++
				return done()
			})
			for id := range stored {
				if stored[id] {
					shows := known(id, 1, r.Now)
					shows.Status = "SHIPPED"
					r.Take(shows)
				}
			}
		}
		r.Follow(6*time.Hour, r.Pass(0), func(call machine.Call) machine.Outcome {
			answered[requestOf(call).OrderID]++
			return done()
		})
		told := map[string]int{}
		for _, alert := range r.alerts {
			told[alert.Subject]++
		}
		if len(r.outcomes) != orders {
			rt.Fatalf("%d outcomes of %d shipments", len(r.outcomes), orders)
		}
		for id := range stored {
			want, alerts := 1, 0
			if !stored[id] {
				want, alerts = 2, 1
			}
			if answered[id] != want || told[id] != alerts {
				rt.Errorf("%s, stored %v: %d confirmations, %d alerts", id, stored[id], answered[id], told[id])
			}
		}
	})
}

// A confirmation that was lost, and whose order is cancelled before the second one is due,
// is reported at once and not confirmed again; not one that the cancelled order shows.
func TestACancelledOrderThatDoesNotShowItsPackageIsToldOf(t *testing.T) {
	t.Parallel()
	for _, shown := range []bool{false, true} {
		for _, early := range []bool{false, true} { // the order comes before the answer
			r := newRuntime(t, Config{})
			calls := r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 2, testStart))
			cancelled := known(orderID(1), 2, testStart.Add(time.Minute))
			if shown {
				fulfilledBy(cancelled, 2)
			}
			cancelled.Status = "CANCELLED"
			if early {
				r.Take(cancelled)
			}
			confirmations(r, 10*time.Second, calls...)
			if !early {
				r.Take(cancelled)
			}
			r.Restart()
			confirmations(r, 7*24*time.Hour)
			want := 1
			if shown {
				want = 0
			}
			if len(r.Started) != 1 || len(r.outcomes) != 1 || len(r.alerts) != want {
				t.Fatalf("shown %v, early %v: %d calls, outcomes %+v, alerts %+v", shown, early, len(r.Started), r.outcomes, r.alerts)
			}
			if want == 1 && (r.alerts[0].EventType != alertNotShown || r.alerts[0].Severity != "CRITICAL" || !strings.Contains(r.alerts[0].Message, "stop it") || r.alerts[0].Time.After(testStart.Add(time.Minute))) {
				t.Errorf("early %v: %+v", early, r.alerts[0])
			}
		}
	}
}

// TestTheHeldNumberIsTheSameEachTime: where several packages have a shipment's number, the last one is named.
func TestTheHeldNumberIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	for range 20 {
		r := newRuntime(t, Config{})
		r.End(r.Take(known(orderID(1), 2, testStart), shipped("old", orderID(1), "p1", 2, testStart))[0], done())
		r.End(r.Take(shipped("new", orderID(1), "p1", 2, testStart.Add(time.Second)))[0], alreadyFulfilled())
		r.Pass(lookTakes)
		r.Take(r.answered("SHIPPED", "1", "NEW", "2", "n e w"))
		if c := r.settled("new"); c.HeldTrackingNumber != "n e w" {
			t.Fatalf("%+v", c)
		}
	}
}

// For an account that is removed no look is asked for: orders does not read it any more.
func TestARemovedAccountAsksForNoLook(t *testing.T) {
	t.Parallel()
	directory := machinetest.Sellers(t)()
	r := newRuntime(t, Config{Accounts: func() *account.Directory { return directory }})
	r.End(r.Take(known(orderID(1), 2, testStart), shipped("s1", orderID(1), "p1", 2, testStart))[0], done())
	directory = machinetest.Directory(t)()
	if r.Pass(2 * lookAfter); len(r.looks) > 0 {
		t.Errorf("%+v", r.looks[0])
	}
}
