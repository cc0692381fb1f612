package shipments

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestAtRiskOnce(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	order := known(orderID(1), 3, testStart)
	order.ShipBy.Latest = testStart.Add(10 * time.Hour)
	r.End(r.Take(order, shipped("s1", orderID(1), "p1", 1, testStart))[0], machine.Park{})
	// Each probe is refused again.
	for range 12 {
		for _, call := range r.Pass(30 * time.Minute) {
			r.End(call, machine.Park{})
		}
	}
	r.Restart()
	if len(r.alerts) != 0 {
		t.Fatalf("alert %+v four hours before the date", r.alerts[0])
	}
	for range 12 {
		for _, call := range r.Pass(30 * time.Minute) {
			r.End(call, machine.Park{})
		}
		r.Restart()
	}
	if len(r.alerts) != 2 {
		t.Fatalf("%d alerts, want one before the date and one behind it", len(r.alerts))
	}
	a := r.alerts[0]
	if late := r.alerts[1]; late.Severity != "CRITICAL" || late.Time.Before(order.ShipBy.Latest) || late.EventID == a.EventID {
		t.Errorf("behind the date: %+v", late)
	}
	// The margin of 2 hours, and the wait for the next probe.
	if before := order.ShipBy.Latest.Sub(a.Time); before < 2*time.Hour || before > 3*time.Hour {
		t.Errorf("raised %v before the date", before)
	}
	if a.EventType != "ShipmentAtRisk" || a.Subject != orderID(1) || a.Account != testAccount || a.Role != "shipments" ||
		a.Severity != "WARNING" || a.Message == "" || a.EventID == "" || a.Attributes["latestShipDate"] == "" {
		t.Errorf("alert %+v", a)
	}
	// Amazon gives it more time: that date can be missed too.
	moved := known(orderID(1), 3, r.Now)
	moved.ShipBy.Latest = r.Now.Add(time.Hour)
	r.Take(moved)
	if len(r.alerts) != 5 || r.Holding(alertAtRisk) != 1 {
		t.Errorf("%d alerts, want the ends of both and another for the new date", len(r.alerts))
	}
	for _, call := range r.Pass(2 * time.Hour) {
		r.End(call, machine.Park{})
	}
	if r.Holding(alertAtRisk) != 2 {
		t.Errorf("%d alerts hold behind the new date, want both", r.Holding(alertAtRisk))
	}
	r.Restart()
	for _, call := range r.Pass(time.Hour) {
		r.End(call, refusal(409, model.Conflict, "Conflict", "another state"))
	}
	if r.Holding(alertAtRisk) != 0 {
		t.Errorf("%d alerts hold after Amazon has rejected the shipment", r.Holding(alertAtRisk))
	}
	r.Restart()
	told := len(r.alerts)
	r.End(r.Take(shipped("s2", orderID(1), "p1", 1, r.Now))[0], machine.Park{})
	if len(r.alerts) != told+1 || r.Holding(alertAtRisk) != 1 {
		t.Errorf("%d alerts for a shipment that waits in the place of the rejected one", len(r.alerts)-told)
	}
	for _, call := range r.Pass(time.Hour) {
		r.End(call, done())
	}
	if r.Holding(alertAtRisk) != 0 {
		t.Errorf("%d alerts hold after it was confirmed", r.Holding(alertAtRisk))
	}
}

// TestNoRisk lists what is not told.
func TestNoRisk(t *testing.T) {
	t.Parallel()
	late := func(id string) *schemas.Order {
		order := known(id, 3, testStart)
		order.ShipBy.Latest = testStart.Add(time.Hour)
		return order
	}
	for _, test := range []struct {
		name string
		run  func(r *runtime)
	}{
		{"no shipment has come", func(r *runtime) { r.Take(late(orderID(1))) }},
		{"it goes at once", func(r *runtime) {
			r.End(r.Take(late(orderID(1)), shipped("s1", orderID(1), "p1", 1, testStart))[0], done())
		}},
		{"a correction waits", func(r *runtime) {
			r.End(r.Take(late(orderID(1)), shipped("s1", orderID(1), "p1", 1, testStart))[0], done())
			r.End(r.Take(shipped("s2", orderID(1), "p1", 1, testStart))[0], machine.Park{})
		}},
		{"Amazon has it as shipped", func(r *runtime) {
			order := late(orderID(1))
			order.Status = "SHIPPED"
			r.End(r.Take(order, shipped("s1", orderID(1), "p1", 1, testStart))[0], machine.Park{})
		}},
		{"no date is known", func(r *runtime) {
			order := late(orderID(1))
			order.ShipBy = nil
			r.End(r.Take(order, shipped("s1", orderID(1), "p1", 1, testStart))[0], machine.Park{})
		}},
	} {
		r := newRuntime(t, Config{})
		test.run(r)
		r.Pass(10 * time.Minute)
		if len(r.alerts) > 0 {
			t.Errorf("%s: alert %+v", test.name, r.alerts[0])
		}
	}
}

// TestRiskCountsTheBacklog lets a slow quota make orders late although their date
// is further off than the margin.
func TestRiskCountsTheBacklog(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{Limits: func(string, string) (quota.Limit, bool) { return quota.Limit{Rate: 0.001, Burst: 1}, true }})
	var values []any
	for n := range 12 { // 1,000 s each
		order := known(orderID(n), 1, testStart)
		order.ShipBy.Latest = testStart.Add(4*time.Hour + time.Duration(n)*time.Second)
		values = append(values, order, shipped(fmt.Sprint("s", n), orderID(n), "p", 1, testStart))
	}
	r.Take(values...)
	if len(r.alerts) == 0 || len(r.alerts) == 12 {
		t.Fatalf("%d alerts at once, want those whose wait is too long", len(r.alerts))
	}
	if r.alerts[0].Subject == orderID(0) {
		t.Error("the one that is under way is not at risk")
	}
}
