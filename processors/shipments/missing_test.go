package shipments

import (
	"fmt"
	"math/rand/v2"
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

const lead = 4 * time.Hour

// toShip is a merchant's order of units of one line, to ship within left.
func toShip(n int, units int32, at time.Time, left time.Duration) *schemas.Order {
	o := known(orderID(n), units, at)
	o.FulfilledBy, o.Responsibility = "MERCHANT", "OURS"
	o.ShipBy.Latest = at.Add(left)
	return o
}

// raised are the alerts that were raised, and open those of them that still hold.
func raised(r *runtime) (all []*schemas.Alert, open map[string]*schemas.Alert) {
	r.T.Helper()
	open = make(map[string]*schemas.Alert)
	for _, a := range r.alerts {
		switch {
		case a.EventType != alertMissing:
		case a.Severity != "RESOLVED":
			all = append(all, a)
			open[a.EventID] = a
		case open[a.Resolves] == nil || open[a.Resolves].Subject != a.Subject || a.EventID == a.Resolves:
			r.T.Fatalf("%+v resolves nothing that holds", a)
		default:
			delete(open, a.Resolves)
		}
	}
	return all, open
}

func TestAnOrderWithoutAShipmentIsToldOnce(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{MissingLead: lead})
	order := toShip(1, 2, testStart, 10*time.Hour)
	r.Take(order)
	for range 24 * 4 { // past its date, and the order comes again and again
		r.Pass(30 * time.Minute)
		r.Restart()
		order.LastUpdatedTime = r.Now
		r.Take(order)
	}
	all, open := raised(r)
	if len(all) != 1 || len(open) != 1 {
		t.Fatalf("%d alerts, %d hold; want one that holds", len(all), len(open))
	}
	a := all[0]
	if a.Time.Before(order.ShipBy.Latest.Add(-lead)) || a.Time.After(order.ShipBy.Latest.Add(-lead).Add(30*time.Minute)) {
		t.Errorf("raised at %s, want it %v before %s", a.Time, lead, order.ShipBy.Latest)
	}
	if a.Severity != "WARNING" || a.Subject != orderID(1) || a.Account != testAccount || a.Role != "shipments" || a.Resolves != "" ||
		!strings.Contains(a.Message, "UNSHIPPED") || a.Attributes["latestShipDate"] == "" {
		t.Errorf("%+v", a)
	}
}

// TestWhatIsMissingAShipment lists orders whose time comes near, and whether that is told.
func TestWhatIsMissingAShipment(t *testing.T) {
	t.Parallel()
	two := int32(2)
	for name, c := range map[string]struct {
		change func(o *schemas.Order)
		ship   *schemas.Shipment
		answer machine.Outcome
		told   bool
	}{
		"no shipment":           {told: true},
		"another line":          {change: func(o *schemas.Order) { o.Items[0].OrderItemID = "1" }, told: true},
		"shipped in part":       {change: func(o *schemas.Order) { fulfilledBy(o, 1) }, told: true},
		"shipped, as lines say": {change: func(o *schemas.Order) { o.Items[0].QuantityFulfilled = &two }},
		"mixed": {change: func(o *schemas.Order) {
			o.Responsibility = "MIXED"
			o.Items = append(o.Items, schemas.OrderItem{OrderItemID: "1", QuantityOrdered: 1, ManagedElsewhere: true})
		}, told: true},
		"what is left is managed elsewhere": {change: func(o *schemas.Order) {
			o.Responsibility, o.Items[0].ManagedElsewhere = "MIXED", true
		}},
		"managed elsewhere":   {change: func(o *schemas.Order) { o.Responsibility = "ELSEWHERE" }},
		"Amazon ships it":     {change: func(o *schemas.Order) { o.FulfilledBy = "AMAZON" }},
		"nobody is named":     {change: func(o *schemas.Order) { o.FulfilledBy = "" }},
		"not paid yet":        {change: func(o *schemas.Order) { o.Status = "PENDING" }},
		"shipped":             {change: func(o *schemas.Order) { o.Status = "SHIPPED" }},
		"cancelled":           {change: func(o *schemas.Order) { o.Status = "CANCELLED" }},
		"no date":             {change: func(o *schemas.Order) { o.ShipBy = nil }},
		"lines are not shown": {change: func(o *schemas.Order) { o.Items = nil }, told: true},
		"a date just missed":  {change: func(o *schemas.Order) { o.ShipBy.Latest = testStart.Add(-time.Hour) }, told: true},
		"a date long missed":  {change: func(o *schemas.Order) { o.ShipBy.Latest = testStart.Add(-25 * time.Hour) }},
		"a shipment waits":    {ship: shipped("s", orderID(1), "p", 2, testStart), answer: machine.Park{}},
		"a confirmed one":     {ship: shipped("s", orderID(1), "p", 2, testStart), answer: done()},
		"of a part":           {ship: shipped("s", orderID(1), "p", 1, testStart), answer: done(), told: true},
		"of the rest": {
			change: func(o *schemas.Order) { fulfilledBy(o, 1) }, ship: shipped("s", orderID(1), "p", 1, testStart), answer: machine.Park{},
		},
		"of the part that is shown": {
			change: func(o *schemas.Order) { fulfilledBy(o, 1) }, ship: shipped("s", orderID(1), "p", 1, testStart), answer: done(), told: true,
		},
		"a refused one": {ship: shipped("s", orderID(1), "p", 3, testStart), told: true},
		"one, and lines are not shown": {
			change: func(o *schemas.Order) { o.Items = nil }, ship: shipped("s", orderID(1), "p", 1, testStart), answer: done(),
		},
	} {
		r := newRuntime(t, Config{MissingLead: lead})
		order := toShip(1, 2, testStart, 10*time.Hour)
		if c.change != nil {
			c.change(order)
		}
		values := []any{order}
		if c.ship != nil {
			values = append(values, c.ship)
		}
		r.Follow(9*time.Hour, r.Take(values...), func(machine.Call) machine.Outcome { return c.answer })
		if all, _ := raised(r); len(all) != map[bool]int{true: 1}[c.told] {
			t.Errorf("%s: %d alerts, told must be %v", name, len(all), c.told)
		} else if late := strings.HasSuffix(name, "just missed"); len(all) == 1 && (all[0].Severity == "CRITICAL") != late {
			t.Errorf("%s: %s", name, all[0].Severity)
		}
	}
}

func TestNothingIsMissingWithoutALead(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(toShip(1, 2, testStart, time.Hour))
	r.Pass(3 * time.Hour)
	if len(r.alerts) > 0 {
		t.Errorf("%+v", r.alerts[0])
	}
}

// An alert ends, once, in each way in which what it says can end; another date has its
// own alert.
func TestAMissingShipmentIsResolved(t *testing.T) {
	t.Parallel()
	again := func(change func(o *schemas.Order)) func(r *runtime) {
		return func(r *runtime) {
			order := toShip(1, 2, r.Now, 2*time.Hour)
			order.ShipBy.Latest = testStart.Add(5 * time.Hour)
			change(order)
			r.Take(order)
		}
	}
	for name, c := range map[string]struct {
		end   func(r *runtime)
		why   string // "" where it goes on
		again int    // alerts after that
	}{
		"nothing":     {end: again(func(*schemas.Order) {})},
		"shipped":     {end: again(func(o *schemas.Order) { o.Status = "SHIPPED" }), why: "SHIPPED"},
		"cancelled":   {end: again(func(o *schemas.Order) { o.Status = "CANCELLED" }), why: "CANCELLED"},
		"a new date":  {end: again(func(o *schemas.Order) { o.ShipBy.Latest = testStart.Add(7 * time.Hour) }), why: "another", again: 1},
		"a later day": {end: again(func(o *schemas.Order) { o.ShipBy.Latest = testStart.Add(70 * time.Hour) }), why: "another"},
		"a shipment":  {end: func(r *runtime) { r.Take(shipped("s", orderID(1), "p", 2, r.Now)) }, why: "has come"},
		"a part":      {end: func(r *runtime) { r.Take(shipped("s", orderID(1), "p", 1, r.Now)) }},
		"a wrong one": {end: func(r *runtime) { r.Take(shipped("s", orderID(1), "p", 5, r.Now)) }},
		"nothing more for weeks": {end: func(r *runtime) {
			for range 40 {
				r.Pass(24 * time.Hour)
			}
		}, why: "forgotten"},
	} {
		for _, restart := range []bool{false, true} {
			r := newRuntime(t, Config{MissingLead: lead})
			r.Take(toShip(1, 2, testStart, 5*time.Hour))
			r.Pass(2 * time.Hour)
			if restart {
				r.Restart()
			}
			c.end(r)
			r.Pass(2 * time.Hour)
			all, open := raised(r)
			hold := c.again
			if c.why == "" {
				hold = 1
			}
			if len(all) != 1+c.again || len(open) != hold {
				t.Errorf("%s: %d alerts, %d hold; want %d and %d", name, len(all), len(open), 1+c.again, hold)
			}
			said := ""
			for _, a := range r.alerts {
				if a.Severity == "RESOLVED" {
					said += a.Message
				}
			}
			if c.why != "" && !strings.Contains(said, c.why) || c.why == "" && said != "" {
				t.Errorf("%s: resolved by %q, want %q in it", name, said, c.why)
			}
		}
	}
}

// On a day when the warehouse stands still an account has some alerts and one summary,
// which ends with the last of its orders; another account has its own.
func TestThousandsOfMissingShipmentsAreAFewAlerts(t *testing.T) {
	t.Parallel()
	const orders = 2*riskBatch + 10
	r := newRuntime(t, Config{MissingLead: lead})
	var values []any
	for n := range orders {
		values = append(values, toShip(n, 1, testStart, 8*time.Hour))
	}
	elsewhere := toShip(1, 1, testStart, 8*time.Hour)
	elsewhere.Account = otherAccount
	r.Take(append(values, elsewhere)...)
	r.Pass(5 * time.Hour)
	r.Restart()
	r.Pass(4 * time.Hour)
	all, _ := raised(r)
	if len(all) != mostMissing+2 {
		t.Fatalf("%d alerts, want %d, a summary, and the other account's", len(all), mostMissing)
	}
	var summary *schemas.Alert
	for _, a := range all {
		if a.Subject == "" {
			summary = a
		}
	}
	if summary == nil || !strings.Contains(summary.Message, fmt.Sprint("at least ", summary.Attributes["orders"])) || !strings.Contains(summary.Message, "202-") {
		t.Fatalf("summary %+v", summary)
	}
	values = nil
	for n := range orders {
		order := toShip(n, 1, r.Now, time.Hour)
		order.Status = "SHIPPED"
		values = append(values, order)
	}
	r.Take(values[1:]...)
	if _, open := raised(r); len(open) != 2 {
		t.Errorf("%d alerts hold, want that of the one that is left and the other account's", len(open))
	}
	r.Take(values[0])
	if _, open := raised(r); len(open) != 1 {
		t.Errorf("%d alerts hold, want the other account's", len(open))
	}
}

// What becomes due after a summary waits for the next, which is an hour later.
func TestSummariesAreAnHourApart(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{MissingLead: lead})
	for n := range 12 * 60 {
		if n >= mostMissing {
			r.Pass(time.Minute)
		}
		if n%100 == 0 {
			r.Restart()
		}
		r.Take(toShip(n, 1, r.Now, time.Hour))
	}
	all, _ := raised(r)
	for _, a := range all[mostMissing+2 : len(all)-1] {
		if a.Attributes["orders"] != "60" { // none of them was of the summary before
			t.Errorf("a summary of %s orders, want those of an hour", a.Attributes["orders"])
		}
	}
	if want := mostMissing + 12; len(all) < want-1 || len(all) > want {
		t.Errorf("%d alerts in 12 hours, want %d", len(all), want)
	}
	r.Pass(time.Hour)
	for n := range 12 * 60 {
		if r.orderState(orderID(n)).Missing == nil {
			t.Errorf("order %d was never told", n)
		}
	}
}

// An account that is not configured any more has no orders that could come.
func TestAnAccountThatIsGoneMissesNothing(t *testing.T) {
	t.Parallel()
	accounts := machinetest.Sellers(t)
	directory := accounts()
	r := newRuntime(t, Config{MissingLead: lead, Accounts: func() *account.Directory { return directory }})
	r.Take(toShip(1, 1, testStart, 5*time.Hour))
	directory = machinetest.Directory(t)()
	r.Pass(2 * time.Hour)
	if len(r.alerts) != 0 {
		t.Fatalf("%+v", r.alerts[0])
	}
	directory = accounts()
	r.Changed(testAccount)
	if all, _ := raised(r); len(all) != 1 {
		t.Errorf("%d alerts after it came back", len(all))
	}
}

// An account whose orders.fulfilled_by was changed so that its merchant's orders do not
// come any more misses no shipment of those that came before, and does when it is changed
// back: nobody would see that such an order was shipped.
func TestAnAccountThatWantsNoMerchantOrdersMissesNothing(t *testing.T) {
	t.Parallel()
	wants := func(fulfilledBy ...string) *account.Directory {
		return machinetest.Directory(t, account.Account{ID: testAccount, SellerID: "A1", Region: model.Europe, FulfilledBy: fulfilledBy})()
	}
	for _, restart := range []bool{false, true} {
		directory := wants(model.FulfilledByMerchant)
		r := newRuntime(t, Config{MissingLead: lead, Accounts: func() *account.Directory { return directory }})
		r.Take(toShip(1, 1, testStart, 5*time.Hour))
		directory = wants(model.FulfilledByAmazon)
		if restart {
			r.Restart()
		} else {
			r.Changed(testAccount)
		}
		r.Pass(3 * time.Hour)
		if len(r.alerts) != 0 {
			t.Fatalf("restart %v: %+v", restart, r.alerts[0])
		}
		directory = wants(model.FulfilledByMerchant, model.FulfilledByAmazon)
		r.Changed(testAccount)
		if all, _ := raised(r); len(all) != 1 {
			t.Errorf("restart %v: %d alerts after they are wanted again", restart, len(all))
		}
	}
}

// TestMissingShipmentsAtRandom lets orders and shipments come in any order, with crashes
// and lost transactions, and compares what holds with what the orders say.
func TestMissingShipmentsAtRandom(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt, rapid.Uint64().Draw(rt, "seed"), Config{MissingLead: lead})
		orders := rapid.IntRange(1, 50).Draw(rt, "orders") // above mostMissing too
		for range rapid.IntRange(10, 80).Draw(rt, "steps") {
			w.arriveAtRandom(w.Random, orders)
		}
		w.DeliverAll()
		w.settle()
		w.Crash()
		r := w.runtime
		for end := w.Now.Add(2 * summaryEvery); w.Now.Before(end); {
			w.Advance(10 * time.Minute)
			w.Deliver(0)
		}
		_, open := raised(r)
		held := make(map[string]bool)
		for n := range orders {
			o := w.Machine.orders[orderKey(testAccount, orderID(n))]
			if o == nil {
				continue
			}
			due := o.uncovered() && r.Now.After(o.LatestShipDate.Add(summaryEvery+10*time.Minute-lead)) && r.Now.Before(o.LatestShipDate.Add(oldNews-2*summaryEvery))
			switch {
			case due && o.Missing == nil:
				rt.Fatalf("order %d is due and not told: %+v", n, o.ShipmentState)
			case !o.uncovered() && o.Missing != nil:
				rt.Fatalf("order %d misses nothing and its alert holds: %+v", n, o.ShipmentState)
			case o.Missing != nil:
				held[o.Missing.EventID] = true
			}
		}
		for id, a := range open {
			if !held[id] {
				rt.Fatalf("an alert holds for no order: %+v", a)
			}
		}
		if len(open) != len(held) {
			rt.Fatalf("%d alerts hold, the orders have %d", len(open), len(held))
		}
	})
}

func (w *world) arriveAtRandom(random *rand.Rand, orders int) {
	n := random.IntN(orders)
	switch random.IntN(10) {
	case 0, 1, 2, 3, 4:
		for range 1 + random.IntN(orders) {
			o := toShip(random.IntN(orders), 3, w.Now, time.Duration(random.IntN(12*60)-60)*time.Minute)
			o.Status = []string{"UNSHIPPED", "UNSHIPPED", "UNSHIPPED", "PARTIALLY_SHIPPED", "PENDING", "SHIPPED", "CANCELLED"}[random.IntN(7)]
			w.Queue = append(w.Queue, w.Records(o)...)
		}
	case 5, 6:
		w.ship(n)
	case 7:
		w.Crash()
	case 8:
		w.Lose(random.IntN(4))
	default:
		w.Advance(time.Duration(random.IntN(120)) * time.Minute)
	}
	w.Deliver(random.IntN(20))
}
