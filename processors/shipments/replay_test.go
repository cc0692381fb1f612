package shipments

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
)

// The newest shipment of a package is confirmed again, as an edit of the same
// package; an older one never is. Each replay has an outcome of its own.
func TestAReplayedShipmentHasAnOutcomeOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(known(orderID(1), 2, testStart))
	records := r.Records(shipped("s1", orderID(1), "p1", 2, testStart), shipped("s2", orderID(1), "p1", 2, testStart.Add(time.Second)))
	r.End(r.Tick(records[:1])[0], done())
	call := r.Tick(records[1:])[0]
	if calls := r.Tick([]*machine.Record{machinetest.Again(records[1], "r0")}); len(calls) > 0 {
		t.Errorf("%d calls while the shipment is under way", len(calls))
	}
	r.End(call, done())
	calls := r.Tick([]*machine.Record{machinetest.Again(records[0], "r1"), machinetest.Again(records[1], "r1")})
	if len(calls) != 1 || requestOf(calls[0]).Package.TrackingNumber != "s2" ||
		requestOf(calls[0]).Package.PackageReferenceID != requestOf(call).Package.PackageReferenceID {
		t.Fatalf("calls %+v, want s2 of the same package", calls)
	}
	r.End(calls[0], done())
	want := []string{"s1 CONFIRMED ", "s2 SUPERSEDED r0", "s2 CONFIRMED ", "s1 SUPERSEDED r1", "s2 CONFIRMED r1"}
	ids := map[string]bool{}
	for i, c := range r.outcomes {
		if got := c.ShipmentID + " " + c.Outcome + " " + c.Replay; i >= len(want) || got != want[i] {
			t.Errorf("outcome %d is %s, want %q", i, got, want)
		}
		ids[c.EventID] = true
	}
	if len(ids) != len(want) {
		t.Errorf("%d ids of %d outcomes", len(ids), len(want))
	}
}

func TestWhatMayNotBeReplayedIsSetAside(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		age     time.Duration
		effects bool
		reason  string
	}{
		{"without effects", time.Hour, false, "replay_without_effects"},
		{"a package that was forgotten", keepPackages + time.Hour, true, "replay_too_old"},
		{"a package that was hardly remembered", keepPackages - time.Minute, true, "replay_too_old"},
		{"a package that never had a newer shipment", keepPackages - 2*time.Hour, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, Config{})
			r.Take(known(orderID(1), 2, testStart))
			rec := machinetest.Again(r.Records(shipped("s1", orderID(1), "p1", 2, testStart.Add(-test.age)))[0], "r1")
			rec.Replay.Effects = test.effects
			calls := r.Tick([]*machine.Record{rec})
			switch {
			case test.reason == "" && (len(calls) != 1 || len(r.Letters) > 0):
				t.Errorf("%d calls, dead letters %+v; want one call", len(calls), r.Letters)
			case test.reason != "" && (len(calls) > 0 || len(r.Letters) != 1 || r.Letters[0].Reason != test.reason):
				t.Errorf("%d calls, dead letters %+v; want one with %s", len(calls), r.Letters, test.reason)
			}
		})
	}
}

// Shipments that are new go before those that are replayed, however near the
// latest ship date of these is.
func TestReplayedShipmentsGoLast(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	const all = 30 // more than there are tokens
	var replayed []*machine.Record
	for n := range all {
		r.Take(known(orderID(n), 2, testStart.Add(-12*time.Hour)))
		replayed = append(replayed, machinetest.Again(r.Records(shipped("s", orderID(n), "p", 2, testStart))[0], "r1"))
	}
	r.Take(known(orderID(99), 2, testStart))
	under := r.Tick(replayed)
	r.Take(shipped("new", orderID(99), "p", 2, testStart))
	r.Follow(30*time.Minute, under, func(machine.Call) machine.Outcome { return done() })
	if next := requestOf(r.Started[len(under)]); next.OrderID != orderID(99) {
		t.Errorf("order %s was confirmed after the first %d, want the new one", next.OrderID, len(under))
	}
	if len(r.Started) != all+1 {
		t.Errorf("%d calls, want %d", len(r.Started), all+1)
	}
}
