package orders

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// claiming is a notification that says who ships the order, and until when.
func claiming(id string, at time.Time, fulfillment string, shipBy time.Time) *schemas.OrderChange {
	change := notified(id, fmt.Sprint(id, "-", at.UnixNano()), at)
	change.FulfillmentType, change.LatestShipDate, change.OrderStatus = fulfillment, shipBy, "Unshipped"
	return change
}

func TestNeed(t *testing.T) {
	t.Parallel()
	shipBy := testStart.Add(2 * time.Hour)
	for name, test := range map[string]struct {
		change  schemas.OrderChange
		urgency urgency
		shipBy  millis
	}{
		"merchant":            {schemas.OrderChange{FulfillmentType: "MFN", LatestShipDate: shipBy}, urgentMerchant, millisOf(shipBy)},
		"not known who ships": {schemas.OrderChange{LatestShipDate: shipBy}, urgentMerchant, millisOf(shipBy)},
		"a type of tomorrow":  {schemas.OrderChange{FulfillmentType: "XFN"}, urgentMerchant, 0},
		"shipped":             {schemas.OrderChange{FulfillmentType: "MFN", LatestShipDate: shipBy, OrderStatus: "Shipped"}, urgentMerchant, 0},
		"cancelled":           {schemas.OrderChange{FulfillmentType: "MFN", OrderStatus: "Canceled"}, urgentBuyer, 0},
		"to be cancelled":     {schemas.OrderChange{FulfillmentType: "MFN", CancelNotifyDate: shipBy}, urgentBuyer, 0},
		"a buyer's request":   {schemas.OrderChange{ChangeType: buyerRequestedChange, OrderStatus: "Shipped"}, urgentBuyer, 0},
		"Amazon":              {schemas.OrderChange{FulfillmentType: "AFN", LatestShipDate: shipBy}, urgentAmazon, 0},
		"Amazon, cancelled":   {schemas.OrderChange{FulfillmentType: "AFN", OrderStatus: "Canceled", ChangeType: buyerRequestedChange}, urgentAmazon, 0},
	} {
		if class, until := need(&test.change); class != test.urgency || until != test.shipBy {
			t.Errorf("%s: %s until %v", name, class, until.time())
		}
	}
}

// TestUrgentOrdersAreCounted, and the age of the oldest is told, where they wait at the gate,
// in the lane and in flight; a backlog of Amazon's is none of it.
func TestUrgentOrdersAreCounted(t *testing.T) {
	t.Parallel()
	for _, v0 := range []bool{false, true} {
		for _, known := range []bool{false, true} {
			s := newShown(t, func(cfg *Config) { cfg.V0 = v0 })
			s.amazon.v0 = v0
			const merchants, others = 300, 500
			var changes []any
			began := s.Now
			for n := range merchants + others {
				v, by := s.change(orderID(n), s.Now), "MFN"
				if n >= merchants {
					by = byAmazon
				}
				if known {
					s.know(orderID(n), v.at.Add(-time.Hour))
				}
				changes = append(changes, claiming(orderID(n), s.Now, by, s.Now.Add(2*time.Hour)))
			}
			s.Restart()
			urgent := func(what string, want int) {
				t.Helper()
				stats := machine.Stats{Now: s.Now}
				s.Machine.Observe(&stats)
				if got, at := stats.Counts[urgentOnes], stats.Oldests[urgentOnes]; got != want || at.IsZero() != (want == 0) || want > 0 && !at.Equal(began) {
					t.Errorf("v0 %v, known %v, %s: %d are urgent since %v, want %d since %v", v0, known, what, got, at, want, began)
				}
			}
			s.take(0, changes[merchants:]...)
			urgent("before", 0)
			s.take(0, changes[:merchants]...)
			waiting := 0
			for n := range merchants {
				if s.runtime.order(orderID(n)).Pending {
					waiting++
				}
			}
			if waiting < merchants/2 {
				t.Fatalf("%d wait", waiting)
			}
			urgent("notified", waiting)
			s.Restart()
			urgent("restored", waiting)
			s.take(2 * time.Hour)
			urgent("fetched", 0)
		}
	}
}

// TestTheUrgentOrderIsNext: after 2,000 changes of orders that Amazon ships, the call for
// a merchant's order that is due in two hours is among the next two, and a cancellation
// after it goes before it; also where the notifications of the 2,000 are read again.
func TestTheUrgentOrderIsNext(t *testing.T) {
	t.Parallel()
	const others = 2000
	for _, v0 := range []bool{false, true} {
		for _, known := range []bool{false, true} {
			for _, restart := range []bool{false, true} {
				t.Run(fmt.Sprintf("v0 %v, known %v, restart %v", v0, known, restart), func(t *testing.T) {
					t.Parallel()
					s := newShown(t, func(cfg *Config) { cfg.V0 = v0 })
					s.amazon.v0 = v0
					var changes []any
					for n := range others + 2 {
						v := s.change(orderID(n), s.Now)
						if known {
							s.know(orderID(n), v.at.Add(-time.Hour))
						}
						if n < others {
							changes = append(changes, claiming(orderID(n), s.Now, byAmazon, s.Now.Add(time.Hour)))
						}
					}
					s.Restart()
					s.take(time.Minute, changes...)
					merchants, cancelled := orderID(others), orderID(others+1)
					urgent := claiming(merchants, s.Now, "MFN", s.Now.Add(2*time.Hour))
					began := len(s.Started)
					s.take(time.Millisecond, urgent)
					if restart {
						s.Restart()
					}
					if s.take(5 * time.Second); s.calledAfter(began, merchants) > 1 {
						t.Errorf("the call for the merchant's order is not among the next two: %v", s.Started[began:])
					}
					urgent = claiming(merchants, s.Now.Add(time.Second), "MFN", s.Now.Add(2*time.Hour))
					began = len(s.Started)
					last := claiming(cancelled, s.Now, "MFN", time.Time{})
					last.OrderStatus = statusCanceled
					s.take(10*time.Second, urgent, last)
					if first, second := s.calledAfter(began, cancelled), s.calledAfter(began, merchants); first > 1 || second < first {
						t.Errorf("the cancellation was call %d, the order before it call %d", first, second)
					}
				})
			}
		}
	}
}

// know has the state say that an order was emitted.
func (s *shown) know(id string, emitted time.Time) {
	state := newOrder(orderKey(testAccount, id), testAccount).state()
	state.EmittedTime, state.EmittedID, state.TouchedTime = emitted, "0", emitted
	if err := s.Store.Put(orderKey(testAccount, id), state); err != nil {
		s.T.Fatal(err)
	}
}

// calledAfter is how many calls of getOrder were before the first one for an order, or 999.
func (s *shown) calledAfter(began int, id string) (n int) {
	for _, call := range s.Started[began:] {
		if call.Operation == model.GetOrderItemsV0 {
			continue
		}
		if call.Key == orderKey(testAccount, id) {
			return n
		}
		n++
	}
	return 999
}

// TestMerchantsDoNotWaitInADayOfSaturation: with twice as many changes as the quota has
// calls for, the orders of merchants come within a minute, and no order waits for longer
// than is promised. Once less comes in, all that waits is fetched.
func TestMerchantsDoNotWaitInADayOfSaturation(t *testing.T) {
	t.Parallel()
	day := long.Pick(t, 2*time.Hour, 24*time.Hour)
	s := newShown(t)
	random := rand.New(rand.NewPCG(1, 2))
	var sent []wish
	notify := func(every time.Duration, until time.Time) {
		for s.Now.Before(until) {
			var change any
			sent, change = s.wish(sent, random)
			s.take(time.Duration(random.ExpFloat64()*float64(every)), change)
		}
	}
	began := s.Now
	notify(time.Second, began.Add(day))
	fetched := len(s.outputs)
	waited := s.waits(sent)
	for _, class := range []urgency{urgentBuyer, urgentMerchant, urgentAmazon} {
		w := waited[class]
		t.Logf("%v at twice the quota: of %s %d came; they waited p50 %v, p99 %v, at most %v",
			day, class, len(w), w[len(w)/2], w[len(w)*99/100], w[len(w)-1])
		if class != urgentAmazon && w[len(w)*99/100] > time.Minute {
			t.Errorf("the orders of %s waited longer than a minute", class)
		}
	}
	if last := waited[urgentAmazon]; last[len(last)-1] < day/4 {
		t.Errorf("those of Amazon waited %v: the quota was not saturated", last[len(last)-1])
	}
	t.Logf("%d of %d orders were fetched, %d wait", fetched, len(sent), len(sent)-fetched)

	notify(20*time.Second, s.Now.Add(3*day/2))
	if left := len(sent) - len(s.outputs); left > 20 {
		t.Errorf("%d orders wait after the quota has sufficed for %v", left, 3*day/2)
	}
	s.bounded(sent)
}

// wish is an order that was notified.
type wish struct {
	at    time.Time
	class urgency
	by    time.Time // by when it is to be fetched, of all classes
}

// wish notifies one more order, which a merchant ships in four of ten cases.
func (s *shown) wish(sent []wish, random *rand.Rand) ([]wish, any) {
	id, now := orderID(len(sent)), s.runtime.Now
	s.amazon.created = nil
	s.change(id, now)
	change := claiming(id, now, byAmazon, now.Add(time.Hour))
	w := wish{at: now, class: urgentAmazon, by: now}
	if random.IntN(10) < 4 {
		ahead := time.Duration(random.IntN(48*60)-60) * time.Minute
		change.FulfillmentType, change.LatestShipDate = "MFN", now.Add(ahead)
		w.class, w.by = urgentMerchant, now.Add(min(max(ahead, 0), 24*time.Hour))
		if random.IntN(10) == 0 {
			change.OrderStatus = statusCanceled
			w.class, w.by = urgentBuyer, now
		}
	}
	return append(sent, w), change
}

// waits are how long the orders that were emitted waited, in order, by class.
func (s *shown) waits(sent []wish) map[urgency][]time.Duration {
	waited := map[urgency][]time.Duration{}
	for i, event := range s.outputs {
		w := sent[number(event.OrderID)]
		waited[w.class] = append(waited[w.class], s.emitted[i].Sub(w.at))
	}
	for _, w := range waited {
		slices.Sort(w)
	}
	return waited
}

func number(id string) (n int) {
	if _, err := fmt.Sscanf(id, "202-0000000-%d", &n); err != nil {
		panic(err)
	}
	return n
}

// bounded holds each order to what urgency.go promises: fairShare calls, 2 s each, for
// each order with an earlier time that was not fetched yet when it came, or came later,
// and for itself.
func (s *shown) bounded(sent []wish) {
	s.T.Helper()
	const call = 2100 * time.Millisecond
	fetched := make([]time.Time, len(sent))
	for i, event := range s.outputs {
		fetched[number(event.OrderID)] = s.emitted[i]
	}
	closest := 0.0
	for n := 0; n < len(sent); n += max(1, len(sent)/400) { // a sample: each costs a look at all
		w, before := sent[n], 0
		for other, o := range sent {
			if o.by.Before(w.by) && (fetched[other].IsZero() || fetched[other].After(w.at)) {
				before++
			}
		}
		end, most := fetched[n], time.Duration(before+1)*fairShare*call
		if end.IsZero() {
			end = s.runtime.Now
		}
		closest = max(closest, float64(end.Sub(w.at))/float64(most))
		if end.Sub(w.at) > most {
			s.T.Fatalf("order %d of %s waited %v behind %d orders, at most %v is promised", n, w.class, end.Sub(w.at), before, most)
		}
	}
	s.T.Logf("no order waited for more than %.0f %% of what is promised", 100*closest)
}

// TestCallsComeInTheOrderOfNeed holds each call, of orders known and new, to a model that
// looks through all that is pending. A restart keeps the order. The quota has calls for a
// half of what is notified.
func TestCallsComeInTheOrderOfNeed(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		q := &queueModel{rt: rt, pending: map[string]*wish{}}
		s := newShown(t, func(cfg *Config) {
			cfg.Limits = func(string, string) (quota.Limit, bool) { return quota.Limit{Rate: 0.5, Burst: 5}, true }
		})
		for n := range 20 { // a quarter of the orders is known
			s.know(orderID(n), s.Now.Add(-time.Hour))
		}
		s.Restart()
		q.s = s
		for range rapid.IntRange(1, 150).Draw(rt, "steps") {
			q.step()
		}
		s.take(time.Hour)
		q.follow()
		if len(q.pending) > 0 {
			rt.Fatalf("%d are pending after an hour", len(q.pending))
		}
	})
}

// queueModel is what the test expects to be pending.
type queueModel struct {
	rt      *rapid.T
	s       *shown
	pending map[string]*wish
	passed  int
	seen    int // calls
	again   int // replays
}

func (q *queueModel) step() {
	s, now := q.s, q.s.runtime.Now
	id := orderID(rapid.IntRange(0, 79).Draw(q.rt, "order"))
	key := orderKey(testAccount, id)
	switch rapid.IntRange(0, 12).Draw(q.rt, "what") {
	case 0:
		s.Restart()
		q.passed = 0
		s.take(0)
	case 1:
		rec := s.Records(claiming(id, now, byAmazon, now))[0]
		if q.again++; q.pending[key] == nil && s.versions[id] != nil {
			q.pending[key] = &wish{at: now, class: urgentLow, by: now}
		} else if s.versions[id] == nil {
			return
		}
		s.Follow(0, s.Tick([]*machine.Record{machinetest.Again(rec, fmt.Sprint(q.again))}), s.answer)
	case 2, 3, 4:
		s.take(time.Duration(rapid.IntRange(0, 4000).Draw(q.rt, "pass")) * time.Millisecond)
	default:
		s.change(id, now)
		change := claiming(id, now, rapid.SampledFrom([]string{"MFN", "AFN", ""}).Draw(q.rt, "by whom"), time.Time{})
		w := &wish{at: now, class: urgentMerchant}
		if rapid.Bool().Draw(q.rt, "dated") {
			change.LatestShipDate = now.Add(time.Duration(rapid.IntRange(-5, 30).Draw(q.rt, "hours")) * time.Hour)
		}
		switch {
		case change.FulfillmentType == byAmazon:
			w.class = urgentAmazon
		case rapid.IntRange(0, 5).Draw(q.rt, "cancelled") == 0:
			change.OrderStatus, w.class = statusCanceled, urgentBuyer
		}
		q.note(key, w, change.LatestShipDate)
		s.take(0, change)
		q.follow()
		s.take(time.Millisecond) // the next change has another time
	}
	q.follow()
}

// note takes a notification into the model. It raises the urgency of what is pending.
func (q *queueModel) note(key string, w *wish, shipBy time.Time) {
	if w.class != urgentMerchant {
		shipBy = time.Time{}
	}
	w.by = shipBy // the ship-by date so far
	if old := q.pending[key]; old != nil {
		w.at = old.at
		w.class = min(w.class, old.class)
		if old.class != urgentLow {
			w.by = machine.Earliest(w.by, old.by)
		}
	}
	q.pending[key] = w
}

// turn is when an order is to be fetched, of all classes.
func (w *wish) turn() time.Time {
	last := w.at.Add(24 * time.Hour)
	switch {
	case w.class != urgentMerchant:
		return w.at
	case w.by.IsZero() || w.by.After(last):
		return last
	case w.by.Before(w.at):
		return w.at
	}
	return w.by
}

// follow checks the calls that have started since it was last called.
func (q *queueModel) follow() {
	for _, call := range q.s.Started[q.seen:] {
		q.seen++
		var first, earliest string
		for key := range q.pending {
			if first == "" || q.before(key, first, true) {
				first = key
			}
			if earliest == "" || q.before(key, earliest, false) {
				earliest = key
			}
		}
		if q.passed++; q.passed == fairShare {
			first = earliest
		}
		if first == earliest {
			q.passed = 0
		}
		if call.Key != first {
			q.rt.Fatalf("called %s, want %s; pending are %v", call.Key, first, q.pending)
		}
		delete(q.pending, first)
	}
}

func (q *queueModel) before(a, b string, byClass bool) bool {
	first, second := q.pending[a], q.pending[b]
	if byClass && first.class != second.class {
		return first.class < second.class
	}
	if c := first.turn().Compare(second.turn()); c != 0 {
		return c < 0
	}
	if first.class != second.class {
		return first.class < second.class
	}
	return a < b
}

func (w *wish) String() string { return fmt.Sprint(w.class, " ", w.at, " ", w.turn()) }

// forgedUrgent are ids of no order that claim to be urgent.
func forgedUrgent(at time.Time, from, to int) []any {
	changes := forged(at, from, to)
	for _, change := range changes {
		change.(*schemas.OrderChange).OrderStatus = statusCanceled
	}
	return changes
}

// TestForgedUrgencyStarvesNone: ids of no order that claim to be urgent, and come for
// ever, delay a real order, whatever it claims, as little as others do.
func TestForgedUrgencyStarvesNone(t *testing.T) {
	t.Parallel()
	const width = 2 * gateWidth // after an answer
	for name, fulfillment := range map[string]string{"Amazon's": byAmazon, "a merchant's": "MFN"} {
		s := newShown(t)
		known, fresh, early := orderID(1), orderID(2), orderID(3)
		s.take(time.Minute, claiming(known, s.change(known, s.Now).at, fulfillment, time.Time{}))
		amid := claiming(early, s.change(early, s.Now).at, fulfillment, time.Time{})
		first := s.Now
		calls := s.Take(slices.Concat(forgedUrgent(s.Now, 0, 50), []any{amid}, forgedUrgent(s.Now, 50, 100))...)
		if len(calls) != width || s.Machine.lanes.PendingOf(testAccount) > width+4 {
			t.Errorf("%d calls at once, %d in the lane", len(calls), s.Machine.lanes.PendingOf(testAccount))
		}
		s.Follow(time.Second, calls, s.answer)
		emitted := len(s.outputs)
		s.take(5*time.Second, claiming(known, s.change(known, s.Now).at, fulfillment, time.Time{}))
		if len(s.outputs) != emitted+1 {
			t.Errorf("%s order that is known waits for more than 5 s", name)
		}
		began := s.Now
		s.take(time.Minute, claiming(fresh, s.change(fresh, s.Now).at, fulfillment, time.Time{}))
		if wait := s.waited(fresh, began); wait < 0 || wait > 25*time.Second {
			t.Errorf("%s new order waited %v", name, wait)
		}
		for n := 100; s.Now.Before(began.Add(3 * time.Hour)); n += 4 {
			s.take(30*time.Second, forgedUrgent(s.Now, n, n+4)...)
		}
		if wait := s.waited(early, first); wait < 0 {
			t.Errorf("%s new order amid the forged ones never came", name)
		}
		if most := width + int(unprovenShare*0.5*s.Now.Sub(first).Seconds()); s.forged > most {
			t.Errorf("%d calls for forged ids, at most %d are their share", s.forged, most)
		}
	}
}

// TestALongLaneHoldsUpNoNarrowGate: what a narrow gate lets through does not wait behind
// the changes of merchants' orders.
func TestALongLaneHoldsUpNoNarrowGate(t *testing.T) {
	t.Parallel()
	s := newShown(t)
	const merchants = 300
	for n := range merchants {
		s.know(orderID(n), s.Now.Add(-time.Hour))
	}
	s.Restart()
	s.take(time.Minute, forgedUrgent(s.Now, 0, 100)...)
	fresh := orderID(merchants)
	changes := []any{claiming(fresh, s.change(fresh, s.Now).at, byAmazon, time.Time{})}
	for n := range merchants {
		changes = append(changes, claiming(orderID(n), s.change(orderID(n), s.Now).at, "MFN", s.Now.Add(time.Hour)))
	}
	began := s.Now
	s.take(time.Minute, changes...)
	if wait := s.waited(fresh, began); wait < 0 || wait > 30*time.Second {
		t.Errorf("a new order waited %v", wait)
	}
}

// TestStatesOfEarlierVersionsHaveAnUrgency.
func TestStatesOfEarlierVersionsHaveAnUrgency(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state schemas.OrderState
		want  urgency
	}{
		{schemas.OrderState{Pending: true, Origin: originNotification}, urgentMerchant},
		{schemas.OrderState{Pending: true, Origin: originRecovered}, urgentLow},
		{schemas.OrderState{Origin: originRecovered}, urgentMerchant},
		{schemas.OrderState{Pending: true, Origin: originRecovered, Urgency: "BUYER"}, urgentBuyer},
		{schemas.OrderState{Pending: true, Origin: originNotification, Urgency: "a word of tomorrow's"}, urgentMerchant},
	} {
		if got := urgencyOf(&test.state); got != test.want {
			t.Errorf("%+v is of %s, want %s", test.state, got, test.want)
		}
	}
}
