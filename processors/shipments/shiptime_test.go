package shipments

import (
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/schemas"
)

// shippedAt is shipped with another ship time.
func shippedAt(id, pack string, units int32, at, shipTime time.Time) *schemas.Shipment {
	s := shipped(id, orderID(1), pack, units, at)
	s.ShipTime = shipTime
	return s
}

// TestAPlannedShipTimeIsWaitedFor, across restarts, and sent then; one within minutes is
// sent at once. Packages that have gone do not wait for the planned one.
func TestAPlannedShipTimeIsWaitedFor(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{timeSlack, timeSlack + time.Second, 3 * time.Hour, mostAhead} {
		for _, restarts := range []bool{false, true} {
			r := newRuntime(t, Config{VerifyAfter: 100 * time.Hour})
			order := known(orderID(1), 3, testStart)
			order.ShipBy = nil
			r.Take(order)
			calls := r.Take(shippedAt("planned", "p1", 1, testStart, testStart.Add(ahead)))
			if ahead == timeSlack {
				if len(calls) != 1 {
					t.Errorf("%d calls at once for a clock that is ahead", len(calls))
				}
				continue
			}
			if len(calls) > 0 || r.Machine.Held() != 1 {
				t.Fatalf("%v ahead: %d calls, %d held", ahead, len(calls), r.Machine.Held())
			}
			var stats machine.Stats
			if r.Machine.Observe(&stats); !stats.Oldest.IsZero() {
				t.Errorf("what waits for its ship time counts as work since %s", stats.Oldest)
			}
			calls = r.Take(shipped("gone", orderID(1), "p2", 1, testStart.Add(time.Second)))
			if len(calls) != 1 || requestOf(calls[0]).Package.TrackingNumber != "gone" {
				t.Fatalf("%v ahead: %+v", ahead, calls)
			}
			r.End(calls[0], done())
			if restarts {
				r.Restart()
			}
			if calls = r.Pass(ahead - time.Second); len(calls) > 0 || len(r.outcomes) != 1 || len(r.Letters) > 0 {
				t.Fatalf("%v ahead: %d calls before it, outcomes %+v", ahead, len(calls), r.outcomes)
			}
			calls = r.Pass(time.Second)
			if len(calls) != 1 || !requestOf(calls[0]).Package.ShipDate.Equal(testStart.Add(ahead)) {
				t.Fatalf("%v ahead: %+v", ahead, calls)
			}
			r.End(calls[0], done())
			if c := r.settled("planned"); c.Outcome != confirmed {
				t.Errorf("%v ahead: %+v", ahead, c)
			}
		}
	}
}

// TestWhatEndsTheWaitForAShipTime lists it: a newer record of the package, and its order.
func TestWhatEndsTheWaitForAShipTime(t *testing.T) {
	t.Parallel()
	at, later := testStart.Add(time.Minute), testStart.Add(3*time.Hour)
	cancelled := known(orderID(1), 3, at)
	cancelled.Status = "CANCELLED"
	for name, c := range map[string]struct {
		end   any
		want  string
		calls int
	}{
		"it has gone":  {shippedAt("s2", "p", 1, at, at), "s SUPERSEDED,s2 CONFIRMED", 1},
		"it is later":  {shippedAt("s2", "p", 1, at, later.Add(time.Hour)), "s SUPERSEDED", 0},
		"dropped":      {said(shippedAt("s2", "p", 1, at, later), "DROP"), "s SUPERSEDED,s2 DROPPED", 0},
		"its order is": {cancelled, "s REJECTED order_cancelled", 0},
	} {
		r := newRuntime(t, Config{VerifyAfter: 100 * time.Hour})
		r.Take(known(orderID(1), 3, testStart), shippedAt("s", "p", 1, testStart, later))
		r.Pass(time.Minute)
		r.Follow(2*time.Hour, r.Take(c.end), func(machine.Call) machine.Outcome { return done() })
		var got []string
		for _, o := range r.outcomes {
			got = append(got, strings.TrimSpace(o.ShipmentID+" "+o.Outcome+" "+o.Code))
		}
		if strings.Join(got, ",") != c.want || len(r.Started) != c.calls {
			t.Errorf("%s: %q and %d calls, want %s and %d", name, got, len(r.Started), c.want, c.calls)
		}
	}
}

// TestACorrectionThatIsPlannedKeepsItsPlace before those that need the units that it frees.
func TestACorrectionThatIsPlannedKeepsItsPlace(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	calls := r.Take(known(orderID(1), 3, testStart), shippedAt("s1", "p1", 3, testStart, testStart))
	r.End(calls[0], done())
	calls = r.Take(shippedAt("s2", "p1", 1, testStart.Add(time.Second), testStart.Add(time.Hour)), shippedAt("s3", "p2", 2, testStart.Add(2*time.Second), testStart))
	if len(calls) > 0 || len(r.outcomes) != 1 {
		t.Fatalf("%d calls, outcomes %+v", len(calls), r.outcomes)
	}
	r.Follow(2*time.Hour, nil, func(machine.Call) machine.Outcome { return done() })
	if r.settled("s2").Outcome != confirmed || r.settled("s3").Outcome != confirmed {
		t.Errorf("%+v", r.outcomes)
	}
}

// TestADroppedPackageNeedsNoShipTime: it is never sent.
func TestADroppedPackageNeedsNoShipTime(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{-1000 * time.Hour, 10 * time.Minute, 1000 * time.Hour} {
		r := newRuntime(t, Config{})
		order := known(orderID(1), 3, testStart)
		order.CreatedTime = testStart
		r.Take(order, said(shippedAt("s", "p", 1, testStart, testStart.Add(ahead)), "DROP"))
		if c := r.settled("s"); c.Outcome != dropped || len(r.Letters) > 0 {
			t.Errorf("%v: %+v", ahead, c)
		}
	}
}

// TestAFarShipTimeOfAVersionBeforeIsSent at once, as that version would.
func TestAFarShipTimeOfAVersionBeforeIsSent(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[time.Duration]bool{time.Hour: false, mostAhead + time.Second: true} {
		s := &schemas.PendingShipment{ReceivedTime: testStart, ShipTime: testStart.Add(ahead)}
		if planned(s).IsZero() != want {
			t.Errorf("%v ahead waits until %s", ahead, planned(s))
		}
	}
}

// TestAnOrderAtRiskTellsOfItsShipTime, where that is what its shipment waits for.
func TestAnOrderAtRiskTellsOfItsShipTime(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	order := known(orderID(1), 3, testStart)
	order.ShipBy.Latest = testStart.Add(4 * time.Hour)
	r.Take(order, shippedAt("s", "p", 3, testStart, testStart.Add(5*time.Hour)))
	r.Follow(3*time.Hour, nil, func(machine.Call) machine.Outcome { return done() })
	if len(r.alerts) != 1 || r.alerts[0].EventType != alertAtRisk || !strings.Contains(r.alerts[0].Message, "ship time, 2026-11-01T17:00:00Z") {
		t.Errorf("%+v", r.alerts)
	}
}

// works notes the work that an entry of the state is about.
type works struct {
	role.Standing
	names []string
	calls []string
}

func (w *works) Work(_ time.Time, name string, _ bool) { w.names = append(w.names, name) }
func (w *works) Call(operation string)                 { w.calls = append(w.calls, operation) }
func (w *works) GaveUp(*schemas.Failure)               {}

// TestAccountsNamesAShipTimeThatIsWaitedFor beside the package.
func TestAccountsNamesAShipTimeThatIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(known(orderID(1), 3, testStart), shippedAt("s", "p", 3, testStart, testStart.Add(5*time.Hour)))
	var told works
	read(r.orderState(orderID(1)), func(string) role.Standing { return &told })
	if want := "package p of order " + orderID(1) + " (shipTime 2026-11-01T17:00:00Z)"; len(told.names) != 1 || told.names[0] != want {
		t.Errorf("%q, want %q", told.names, want)
	}
}
