package orders

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const forgedPrefix = "999-"

// shown is a unit and the Amazon that answers it.
type shown struct {
	*runtime
	*amazon
	forged int // getOrder calls for ids of no order
}

func (s *shown) answer(call machine.Call) machine.Outcome {
	if strings.Contains(call.Key, forgedPrefix) {
		s.forged++
	}
	if !s.amazon.Admit(call.Account, s.runtime.Now, call.Operation) {
		s.T.Fatal("Amazon's quota is exceeded")
	}
	return s.amazon.answerTo(call, s.runtime.Now)
}

func newShown(t *testing.T, configure ...func(*Config)) *shown {
	return &shown{runtime: newRuntime(t, configure...), amazon: newAmazon()}
}

// take notifies orders and answers for a while.
func (s *shown) take(d time.Duration, changes ...any) {
	s.Follow(d, s.Take(changes...), s.answer)
}

// waited is how long after a time an order was emitted first; less than zero for never.
func (s *shown) waited(id string, began time.Time) time.Duration {
	i := slices.IndexFunc(s.outputs, func(o *schemas.Order) bool { return o.OrderID == id })
	if i < 0 {
		return -1
	}
	return s.emitted[i].Sub(began)
}

func forged(at time.Time, from, to int) (changes []any) {
	for i := from; i < to; i++ {
		changes = append(changes, notified(fmt.Sprintf(forgedPrefix+"0000000-%07d", i), fmt.Sprint("forged-", i), at))
	}
	return changes
}

// TestForgedIDsCostLittle: a hundred ids of no order delay neither an order that is known
// nor a new one by much, and never take more than their share of the quota.
func TestForgedIDsCostLittle(t *testing.T) {
	t.Parallel()
	s := newShown(t)
	known, fresh := orderID(1), orderID(2)
	s.take(time.Minute, notified(known, "1", s.change(known, s.Now).at))
	s.take(time.Second, forged(s.Now, 0, 100)...)
	emitted := len(s.outputs)
	s.take(4*time.Second, notified(known, "2", s.change(known, s.Now).at))
	if len(s.outputs) != emitted+1 {
		t.Errorf("an order that is known waits for more than 4 s")
	}
	began := s.Now
	s.take(time.Hour, notified(fresh, "3", s.change(fresh, s.Now).at))
	if wait := s.waited(fresh, began); wait < 0 || wait > 25*time.Second {
		t.Errorf("a new order waited %v", wait)
	}
	if most := gateWidth + int(unprovenShare*0.5*3700); s.forged > most {
		t.Errorf("%d calls for forged ids in an hour, at most %d are their share", s.forged, most)
	}
	if s.Machine.atGates < 0 || s.Machine.Pending() > 100 {
		t.Errorf("%d at gates, %d pending", s.Machine.atGates, s.Machine.Pending())
	}
}

// TestAFloodOfNewOrdersIsNotSlowed: without forged ids the gate costs nothing that the
// quota does not.
func TestAFloodOfNewOrdersIsNotSlowed(t *testing.T) {
	t.Parallel()
	s := newShown(t)
	var changes []any
	const orders = 300
	for i := range orders {
		changes = append(changes, notified(orderID(i), fmt.Sprint(i), s.change(orderID(i), s.Now).at))
	}
	s.take((orders-29)*2*time.Second+10*time.Second, changes...)
	if len(s.outputs) != orders {
		t.Errorf("%d of %d orders came in the time that the quota allows", len(s.outputs), orders)
	}
}

// TestWhatASearchFindsIsNoForgery: it leaves the gate although others are forged.
func TestWhatASearchFindsIsNoForgery(t *testing.T) {
	t.Parallel()
	s := newShown(t, reconciling)
	s.take(time.Minute)
	s.take(time.Second, forged(s.Now, 0, 200)...)
	genuine := orderID(1)
	changes := append([]any{notified(genuine, "1", s.change(genuine, s.Now).at)}, forged(s.Now, 200, 400)...)
	began := s.Now
	s.take(10*time.Minute, changes...)
	if wait := s.waited(genuine, began); wait < 0 || wait > 8*time.Minute {
		t.Errorf("an order that a search found waited %v behind forged ones", wait)
	}
}

// TestForgedNotificationsKeepNoSilenceQuiet: only notifications of orders that exist
// are heard.
func TestForgedNotificationsKeepNoSilenceQuiet(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		forged bool
		alerts int
	}{"forged": {true, 1}, "of orders that exist": {false, 0}} {
		s := newShown(t, func(cfg *Config) { cfg.Silence = 30 })
		usual := make([]int32, weekHour)
		for i := range usual {
			usual[i] = 10 * hundredths // minutes of each hour
		}
		tx := s.Decide(nil)
		tx.Put(pacePrefix+testAccount, &schemas.NotificationPace{
			Account: testAccount, StartedTime: testStart.Add(-10 * week), LastTime: testStart, Usual: usual, Longest: 5, Recent: 200, RecentExpected: 200,
		})
		s.Commit(tx)
		s.Restart()
		for i := range 48 {
			id := fmt.Sprintf(forgedPrefix+"0000000-%07d", i)
			if !test.forged {
				id = orderID(i)
				s.change(id, s.Now)
			}
			s.take(10*time.Minute, notified(id, fmt.Sprint(i), s.Now))
		}
		if len(s.alerts) != test.alerts {
			t.Errorf("%s: %d alerts", name, len(s.alerts))
		}
	}
}

// TestASearchWhoseLaterPagesAreRefusedIsToldOf, although its first page always comes.
func TestASearchWhoseLaterPagesAreRefusedIsToldOf(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling), newAmazon()
	for n := range 3 * pageOrders {
		a.change(orderID(n), r.Now.Add(-time.Hour+time.Duration(n)*time.Second))
	}
	searches := 0
	r.Follow(12*time.Hour, r.Tick(nil), func(call machine.Call) machine.Outcome {
		if request, ok := call.Request.(*model.SearchOrdersRequest); ok {
			if searches++; request.PaginationToken != "" {
				return machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.SearchOrders, Status: 400}}
			}
		}
		return a.answerTo(call, r.Now)
	})
	if len(r.alerts) != 1 || r.alerts[0].EventType != alertFailing {
		t.Errorf("%d alerts", len(r.alerts))
	}
	if searches > 200 {
		t.Errorf("%d searches in twelve hours: the waits do not grow", searches)
	}
}

// TestOddNewOrdersDelayNoBurst: new orders that are garbled or refused are counted once,
// or not at all, so that a burst of good new ones later is as fast as ever. One that was
// garbled had made it wait 30 s instead of one.
func TestOddNewOrdersDelayNoBurst(t *testing.T) {
	t.Parallel()
	const burst = 20
	slowest := func(odd int, outcome machine.Outcome) time.Duration {
		s := newShown(t)
		bad := map[string]bool{}
		var changes []any
		for i := range odd {
			id := orderID(1000 + i)
			bad[orderKey(testAccount, id)] = true
			changes = append(changes, notified(id, fmt.Sprint("odd-", i), s.Now))
		}
		answer := func(call machine.Call) machine.Outcome {
			if bad[call.Key] {
				return outcome
			}
			return s.answer(call)
		}
		s.Follow(20*time.Minute, s.Take(changes...), answer)
		began := s.Now
		changes = nil
		for i := range burst {
			changes = append(changes, notified(orderID(i), fmt.Sprint(i), s.change(orderID(i), s.Now).at))
		}
		s.Follow(2*time.Minute, s.Take(changes...), answer)
		if len(s.emitted) != burst {
			t.Errorf("%d of %d orders came", len(s.emitted), burst)
			return time.Hour
		}
		return s.emitted[burst-1].Sub(began)
	}
	without := slowest(0, nil)
	for name, test := range map[string]struct {
		odd     int
		outcome machine.Outcome
	}{
		"garbled":      {1, machine.Reject{Err: errMalformed}},
		"many garbled": {20, machine.Reject{Err: errMalformed}},
		"refused":      {3, machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.GetOrder, Status: 400}}},
		"not there":    {3, machine.Reject{Err: &model.Error{Class: model.NotFound, Operation: model.GetOrder, Status: 404}}},
	} {
		if took := slowest(test.odd, test.outcome); took > without+time.Second {
			t.Errorf("%s: a burst took %v, without %v", name, took, without)
		}
	}
}

// TestAFloodOfForgedIDsStopsNoOthers: however many come, they pause the intake of no
// other account, what is kept of them has a bound, and a real new order among them comes
// once a search finds it. 200,000 had stopped a partition's accounts for weeks.
func TestAFloodOfForgedIDsStopsNoOthers(t *testing.T) {
	t.Parallel()
	s := newShown(t, reconciling)
	s.take(time.Minute)
	genuine := orderID(1)
	flood := forged(s.Now, 0, 3*maxAtGate)
	flood[0] = notified(genuine, "genuine", s.change(genuine, s.Now).at)
	began := s.Now
	for part := range slices.Chunk(flood, 5000) {
		s.Follow(time.Millisecond, s.Take(part...), s.answer)
		if n := s.Machine.Pending(); n > maxGateWidth {
			t.Fatalf("%d pending: the intake of all accounts pauses", n)
		}
		if n := len(s.Machine.orders); n > maxAtGate+5000 || s.Store.Len() > n+100 {
			t.Fatalf("%d orders are kept, %d entries in the state", n, s.Store.Len())
		}
	}
	s.take(10 * time.Minute)
	if wait := s.waited(genuine, began); wait < 0 || wait > 8*time.Minute {
		t.Errorf("a real order waited %v", wait)
	}
	s.Restart()
	if s.take(time.Second); s.Machine.atGates > maxAtGate {
		t.Errorf("%d wait at the gate after a restart", s.Machine.atGates)
	}
}

// TestWithoutSearchesNothingIsLetGo, since nothing would bring it back.
func TestWithoutSearchesNothingIsLetGo(t *testing.T) {
	t.Parallel()
	s := newShown(t)
	const ids = maxAtGate + 1000
	s.Take(forged(s.Now, 0, ids)...)
	if n := s.Machine.Pending(); n != ids {
		t.Errorf("%d of %d are pending", n, ids)
	}
}
