package shipments

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/property"
)

// asking is an order whose line somebody asked to cancel.
func asking(n int, at time.Time) *schemas.Order {
	o := known(orderID(n), 2, at)
	o.Items[0].CancelRequestedBy = "BUYER"
	return o
}

func said(s *schemas.Shipment, word string) *schemas.Shipment {
	s.Cancellation = word
	return s
}

// TestWhatACancellationDoes lists what becomes of a shipment, by what its order says, its
// own word and the configuration.
func TestWhatACancellationDoes(t *testing.T) {
	t.Parallel()
	cancelled := known(orderID(1), 2, testStart)
	cancelled.Status = "CANCELLED"
	other := asking(1, testStart)
	other.Items = append(other.Items, schemas.OrderItem{OrderItemID: "1", QuantityOrdered: 1})
	other.Items[0].CancelRequestedBy, other.Items[1].CancelRequestedBy = "", "BUYER"
	for name, c := range map[string]struct {
		order   *schemas.Order
		policy  string
		word    string
		outcome string // "" where it is held
		code    string
		asked   bool
	}{
		"nothing":                 {order: known(orderID(1), 2, testStart), outcome: confirmed},
		"nothing, held":           {order: known(orderID(1), 2, testStart), policy: "hold", outcome: confirmed},
		"dropped":                 {order: known(orderID(1), 2, testStart), word: "DROP", outcome: dropped},
		"cancelled":               {order: cancelled, outcome: rejected, code: "order_cancelled"},
		"cancelled, ship":         {order: cancelled, policy: "ship", outcome: rejected, code: "order_cancelled"},
		"cancelled, hold":         {order: cancelled, policy: "hold", outcome: rejected, code: "order_cancelled"},
		"cancelled, said SHIP":    {order: cancelled, word: "SHIP", outcome: confirmed},
		"cancelled, dropped":      {order: cancelled, word: "DROP", outcome: dropped},
		"asked":                   {order: asking(1, testStart), outcome: confirmed, asked: true},
		"asked, warn":             {order: asking(1, testStart), policy: "warn", outcome: confirmed, asked: true},
		"asked, ship":             {order: asking(1, testStart), policy: "ship", outcome: confirmed},
		"asked, hold":             {order: asking(1, testStart), policy: "hold"},
		"asked, hold, said SHIP":  {order: asking(1, testStart), policy: "hold", word: "SHIP", outcome: confirmed, asked: true},
		"asked, hold, dropped":    {order: asking(1, testStart), policy: "hold", word: "DROP", outcome: dropped, asked: true},
		"another line was, hold":  {order: other, policy: "hold", outcome: confirmed},
		"another line was, warns": {order: other, policy: "warn", outcome: confirmed},
	} {
		for _, late := range []bool{false, true} { // the order comes behind the shipment
			r := newRuntime(t, Config{BuyerCancel: c.policy})
			values := []any{c.order, said(shipped("s", orderID(1), "p", 2, testStart), c.word)}
			if late {
				values[0], values[1] = values[1], values[0]
			}
			r.Follow(time.Minute, r.Take(values...), func(machine.Call) machine.Outcome { return done() })
			if c.outcome == "" {
				if len(r.outcomes)+len(r.Started) > 0 || len(r.alerts) != 1 || r.alerts[0].EventType != "ShipmentHeld" || r.Machine.Held() != 1 {
					t.Errorf("%s: outcomes %+v, %d calls, alerts %+v", name, r.outcomes, len(r.Started), r.alerts)
				}
				continue
			}
			got := r.settled("s")
			if got.Outcome != c.outcome || got.Code != c.code || got.CancelRequested != (c.asked && (!late || c.outcome == confirmed)) ||
				slices.ContainsFunc(r.alerts, func(a *schemas.Alert) bool { return a.EventType == alertHeld }) || (len(r.Started) > 0) != (c.outcome == confirmed) || strings.Contains(got.Message, "asked to cancel") != (c.asked && c.outcome == confirmed) {
				t.Errorf("%s, late %v: %+v, %d calls, alerts %+v", name, late, got, len(r.Started), r.alerts)
			}
		}
	}
}

// TestAHeldShipmentEnds lists how, with the outcomes of it and of what ends it.
func TestAHeldShipmentEnds(t *testing.T) {
	t.Parallel()
	at := testStart.Add(time.Minute)
	for name, c := range map[string]struct {
		end   any // a record; nil where only time passes
		want  []string
		calls int
	}{
		"by SHIP":           {said(shipped("s2", orderID(1), "p", 2, at), "SHIP"), []string{"s SUPERSEDED", "s2 CONFIRMED"}, 1},
		"by DROP":           {said(shipped("s2", orderID(1), "p", 2, at), "DROP"), []string{"s SUPERSEDED", "s2 DROPPED"}, 0},
		"by an older SHIP":  {said(shipped("s2", orderID(1), "p", 2, testStart.Add(-time.Minute)), "SHIP"), []string{"s2 SUPERSEDED"}, 0},
		"by a correction":   {shipped("s2", orderID(1), "p", 2, at), []string{"s SUPERSEDED"}, 0},
		"with the request":  {known(orderID(1), 2, at), []string{"s CONFIRMED"}, 1},
		"with the order":    {func() any { o := asking(1, at); o.Status = "CANCELLED"; return o }(), []string{"s REJECTED order_cancelled"}, 0},
		"when it was shown": {func() any { o := asking(1, at); o.Status = "SHIPPED"; return o }(), []string{"s CONFIRMED"}, 1},
		"never":             {nil, nil, 0},
	} {
		for _, restart := range []bool{false, true} {
			r := newRuntime(t, Config{BuyerCancel: "hold"})
			r.Take(asking(1, testStart), shipped("s", orderID(1), "p", 2, testStart))
			r.Pass(2 * time.Minute)
			if restart {
				r.Restart()
			}
			if c.end != nil {
				r.Follow(5*time.Minute, r.Take(c.end), func(machine.Call) machine.Outcome { return done() })
			}
			var got []string
			for _, o := range r.outcomes {
				got = append(got, strings.TrimSpace(o.ShipmentID+" "+o.Outcome+" "+o.Code))
			}
			if strings.Join(got, ",") != strings.Join(c.want, ",") || len(r.Started) != c.calls {
				t.Errorf("%s: %q and %d calls, want %q and %d", name, got, len(r.Started), c.want, c.calls)
			}
			still := c.calls == 0 && !strings.Contains(strings.Join(c.want, ","), "D") || name == "by an older SHIP" || name == "by a correction"
			if last := r.alerts[len(r.alerts)-1]; (last.Severity == "RESOLVED") == still || !still && last.Resolves != r.alerts[0].EventID || len(r.alerts) > 2 {
				t.Errorf("%s: alerts %+v", name, r.alerts)
			}
		}
	}
}

// A shipment about which nobody says anything is not kept for ever; its order's other
// packages, and other orders, go on meanwhile, and its latest ship date is told.
func TestAHeldShipmentHoldsNothingElse(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{BuyerCancel: "hold"})
	order := asking(1, testStart)
	order.Items = append(order.Items, schemas.OrderItem{OrderItemID: "1", QuantityOrdered: 1})
	free := shipped("free", orderID(1), "p2", 1, testStart.Add(time.Second))
	free.Items[0].OrderItemID = "1"
	calls := r.Take(order, known(orderID(2), 1, testStart), shipped("held", orderID(1), "p1", 2, testStart), free, shipped("other", orderID(2), "p", 1, testStart))
	answer := func(machine.Call) machine.Outcome { return done() }
	r.Follow(time.Minute, calls, answer)
	if r.settled("free").Outcome != confirmed || r.settled("other").Outcome != confirmed || len(r.outcomes) != 2 {
		t.Fatalf("%+v", r.outcomes)
	}
	var stats machine.Stats
	r.Machine.Observe(&stats)
	if !stats.Oldest.IsZero() {
		t.Errorf("what is held counts as work since %s", stats.Oldest)
	}
	for range 8 * 24 {
		r.Follow(time.Hour, r.Pass(0), answer)
	}
	if got := r.settled("held"); got.Outcome != rejected || got.Code != "cancel_requested" || got.DecidedTime.Before(testStart.Add(holdFor)) {
		t.Errorf("%+v", got)
	}
	atRisk := 0
	for _, a := range r.alerts {
		if a.EventType == alertAtRisk && strings.Contains(a.Message, "is held") {
			atRisk++
		}
	}
	if atRisk != 2 || r.Machine.Held() != 0 {
		t.Errorf("%d alerts about the latest ship date, want 2; %d wait", atRisk, r.Machine.Held())
	}
}

// What was held goes when the configuration lets it.
func TestAHeldShipmentGoesWithAnotherConfiguration(t *testing.T) {
	t.Parallel()
	policy := "hold"
	r := newRuntime(t, Config{BuyerCancel: policy})
	r.Take(asking(1, testStart), shipped("s", orderID(1), "p", 2, testStart))
	again := newRuntime(t, Config{BuyerCancel: "warn"})
	again.Store, again.Open = r.Store, r.Open
	again.Now = r.Now
	again.Restart()
	again.Follow(time.Minute, again.Pass(0), func(machine.Call) machine.Outcome { return done() })
	if got := again.settled("s"); got.Outcome != confirmed || !got.CancelRequested || len(again.alerts) != 1 || again.alerts[0].Resolves != r.alerts[0].EventID {
		t.Errorf("%+v, alerts %+v", got, again.alerts)
	}
}

// A package that Amazon has cannot be dropped, and a correction of it is not held.
func TestWhatAmazonHasIsNotDropped(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{BuyerCancel: "hold"})
	answer := func(machine.Call) machine.Outcome { return done() }
	r.Follow(time.Minute, r.Take(known(orderID(1), 2, testStart), shipped("s", orderID(1), "p", 2, testStart)), answer)
	r.Follow(time.Minute, r.Take(asking(1, r.Now), shipped("s2", orderID(1), "p", 2, r.Now)), answer)
	r.Follow(time.Minute, r.Take(said(shipped("s3", orderID(1), "p", 2, r.Now), "DROP")), answer)
	if got := r.settled("s2"); got.Outcome != confirmed || !got.CancelRequested {
		t.Errorf("%+v", got)
	}
	if got := r.settled("s3"); got.Outcome != rejected || got.Code != "already_confirmed" {
		t.Errorf("%+v", got)
	}
}

// A call whose end is not known is settled first: Amazon may have the package.
func TestAShipmentInDoubtIsSettledThoughItsOrderIsCancelled(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{BuyerCancel: "hold"})
	call := r.Take(known(orderID(1), 2, testStart), shipped("s", orderID(1), "p", 2, testStart))[0]
	r.End(call, machine.Ambiguous{})
	cancelled := asking(1, r.Now)
	cancelled.Status = "CANCELLED"
	r.Follow(time.Hour, r.Take(cancelled), func(machine.Call) machine.Outcome { return done() })
	if got := r.settled("s"); got.Outcome != confirmed || len(r.Started) != 2 {
		t.Errorf("%+v after %d calls", got, len(r.Started))
	}
}

// A package is not dropped while it is not known whether Amazon has it.
func TestAShipmentInDoubtIsSettledBeforeItsPackageIsDropped(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	call := r.Take(known(orderID(1), 2, testStart), shipped("s", orderID(1), "p", 2, testStart))[0]
	calls := append(r.End(call, machine.Ambiguous{}), r.Take(said(shipped("s2", orderID(1), "p", 2, r.Now.Add(time.Second)), "DROP"))...)
	r.Follow(time.Hour, calls, func(machine.Call) machine.Outcome { return done() })
	if s, s2 := r.settled("s"), r.settled("s2"); s.Outcome != confirmed || s2.Code != "already_confirmed" {
		t.Errorf("%+v, then %+v", s, s2)
	}
}

// TestCancellationsAtRandom holds rules 4 and 10 with orders that are cancelled, or asked
// to be, at any time.
func TestCancellationsAtRandom(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		policy := rapid.SampledFrom([]string{"hold", "ship", "warn"}).Draw(rt, "policy")
		w := newWorld(t, rt, rapid.Uint64().Draw(rt, "seed"), Config{BuyerCancel: policy})
		w.orders = rapid.IntRange(1, 20).Draw(rt, "orders")
		w.Depart = func(f *machinetest.Flight) {
			if f.Call.Operation != model.ConfirmShipment {
				return
			}
			o := w.Machine.orders[f.Call.Key]
			s := o.flying.Sent
			if o.doubt.IsZero() && s.Cancellation != "SHIP" && (o.cancelled() || s.Cancellation == "DROP" || policy == "hold" && o.asked(s) && !o.done() && !o.flying.Confirmed) {
				rt.Fatalf("rule 10: a call for %+v of %+v", s, o.ShipmentState)
			}
		}
		for range rapid.IntRange(10, 80).Draw(rt, "steps") {
			w.cancelAtRandom(w.Random)
		}
		w.DeliverAll()
		for end := w.Now.Add(holdFor + time.Hour); w.Now.Before(end); {
			w.Advance(12 * time.Hour)
			w.Deliver(0)
		}
		w.settle()
		outcomes := map[int64]int{}
		for _, c := range w.outcomes {
			outcomes[c.SourceOffset]++
		}
		for offset, s := range w.sent {
			if outcomes[offset] != 1 {
				rt.Fatalf("rule 4: shipment %+v has %d outcomes", s, outcomes[offset])
			}
		}
		open := map[string]bool{}
		for _, a := range w.alerts {
			if a.EventType == alertHeld && a.Severity != "RESOLVED" {
				open[a.EventID] = true
			} else if a.EventType == alertHeld && !open[a.Resolves] {
				rt.Fatalf("%+v resolves nothing", a)
			}
			delete(open, a.Resolves)
		}
		if len(open) > 0 {
			rt.Fatalf("%d alerts hold though nothing is held", len(open))
		}
	})
}

func (w *world) cancelAtRandom(random *rand.Rand) {
	switch n := random.IntN(10); {
	case n < 4:
		w.ship(random.IntN(w.orders))
		s := w.Queue[len(w.Queue)-1].Value.(*schemas.Shipment)
		s.Cancellation = []string{"", "", "", "SHIP", "DROP"}[random.IntN(5)]
	case n < 7:
		o := known(orderID(random.IntN(w.orders)), 1000, w.Now)
		o.Status = []string{"UNSHIPPED", "UNSHIPPED", "CANCELLED", "SHIPPED"}[random.IntN(4)]
		o.Items[0].CancelRequestedBy = []string{"", "BUYER"}[random.IntN(2)]
		w.Queue = append(w.Queue, w.Records(o)...)
	case n < 8:
		w.Crash()
	case n < 9:
		w.Lose(random.IntN(4))
	default:
		w.Advance(time.Duration(random.IntN(200)) * time.Second)
	}
	w.Deliver(random.IntN(4))
}
