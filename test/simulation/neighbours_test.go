package simulation

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestABadAccountDoesNotDelayItsNeighbours: on one partition, with hundreds of
// orders of an account that is refused, throttled or never answered, its
// neighbours' orders take exactly as long as without it, and their events as long,
// except that one may wait for company while another request is under way.
func TestABadAccountDoesNotDelayItsNeighbours(t *testing.T) {
	t.Parallel()
	const (
		orders = 400
		linger = 5 * time.Millisecond // of an event, behind a request that is under way
	)
	alone, aloneEvents := neighbours(t, trouble{})
	t.Logf("alone: %d orders, p50 %v, p99 %v, at most %v", len(alone), at(alone, 50), at(alone, 99), at(alone, 100))
	atAmazon := func(status int) simulator.Filter {
		return simulator.Filter{Part: simulator.SPAPI, Operation: model.GetOrder, Account: "bad", Status: status}
	}
	for name, bad := range map[string]trouble{
		"well, but busy":      {orders: orders, seen: atAmazon(200)},
		"credentials refused": {orders: orders, revoked: "bad", seen: simulator.Filter{Part: simulator.LWA, Status: 400}},
		"forbidden":           {orders: orders, fault: &simulator.Action{Status: 403}, seen: atAmazon(403)},
		"throttled":           {orders: orders, fault: &simulator.Action{Status: 429}, seen: atAmazon(429)},
		"refused each time":   {orders: orders, fault: &simulator.Action{Status: 400}, seen: atAmazon(400)},
		"odd answers":         {orders: orders, fault: &simulator.Action{Status: 200, Body: `{"order":{"orderId":7}}`}, seen: atAmazon(200)},
		"odd records":         {odd: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			beside, events := neighbours(t, bad)
			t.Logf("%d orders, p50 %v, p99 %v, at most %v", len(beside), at(beside, 50), at(beside, 99), at(beside, 100))
			t.Logf("%d events, p50 %v, p99 %v, at most %v", len(events), at(events, 50), at(events, 99), at(events, 100))
			if len(beside) != len(alone) || len(events) != len(alone) {
				t.Fatalf("%d orders of neighbours and %d events came out, want %d", len(beside), len(events), len(alone))
			}
			for i := range alone {
				if alone[i] != beside[i] {
					t.Errorf("the %d-th fastest took %v, alone %v", i, beside[i], alone[i])
				}
				if late := events[i] - aloneEvents[i]; late < 0 || late > linger {
					t.Errorf("the %d-th fastest event took %v, alone %v", i, events[i], aloneEvents[i])
				}
			}
		})
	}
}

// at is the smallest time that p percent of the sorted times do not exceed.
func at(sorted []time.Duration, p int) time.Duration { return sorted[max(0, (len(sorted)*p+99)/100-1)] }

// trouble is what neighbours must not notice.
type trouble struct {
	orders  int // of the bad account
	revoked string
	fault   *simulator.Action
	seen    simulator.Filter // the calls that must have been, or nothing was tested
	odd     int              // records that no code can process, before each order of a neighbour
}

// neighbours returns how long the orders of four accounts took from their notification to
// Kafka, and to EventBridge, the fastest first, beside trouble. It fails where there was
// none before and while the neighbours' orders came.
func neighbours(t *testing.T, bad trouble) (took, published []time.Duration) {
	t.Helper()
	accounts := []string{"ann", "bob", "cleo", "dan"}
	inBubble(t, setup{accounts: append([]string{"bad"}, accounts...), revoked: bad.revoked, publishes: true}, func(t *testing.T, w *world) {
		if bad.fault != nil {
			w.fault(simulator.Rule{Part: simulator.SPAPI, Account: "bad", Action: *bad.fault})
		}
		w.fault(simulator.Rule{Operation: model.GetOrder, Action: simulator.Action{Delay: 100 * time.Millisecond}})
		for range bad.orders {
			w.place("bad")
		}
		time.Sleep(time.Until(w.begun.Add(time.Minute)))
		sent := map[string]time.Time{}
		for i := range 100 {
			account := accounts[i%len(accounts)]
			for n := range bad.odd {
				w.odd(account, n)
			}
			sent[w.place(account)] = time.Now()
			time.Sleep(1003 * time.Millisecond)
		}
		if bad.orders > 0 {
			before, beside := len(w.calls(bad.seen, 0, time.Minute)), len(w.calls(bad.seen, time.Minute, time.Hour))
			t.Logf("the trouble: %d calls before the neighbours' orders, %d while they came", before, beside)
			if before == 0 || beside == 0 {
				t.Errorf("the bad account made no trouble: Amazon saw no call like %+v", bad.seen)
			}
		}
		if want := bad.odd * len(sent); len(w.read(schemas.DeadLetters, want+1, time.Second)) != want {
			t.Errorf("not every odd record has its one dead letter, of %d", want)
		}
		for _, rec := range w.read(schemas.Orders, len(sent)+bad.orders, time.Minute) {
			if at, ok := sent[orderOf(t, rec).OrderID]; ok {
				took = append(took, rec.Timestamp.Sub(at))
			}
		}
		events, _ := w.amazon.Events(0)
		for _, e := range events {
			var order schemas.Order
			if err := json.Unmarshal([]byte(e.Detail), &order); err != nil {
				t.Fatal(err)
			}
			if at, ok := sent[order.OrderID]; ok {
				published = append(published, e.Arrived.Sub(at))
			}
		}
	})
	slices.Sort(took)
	slices.Sort(published)
	return took, published
}

// odd produces a record that no code can process, of one of several kinds.
func (w *world) odd(account string, kind int) {
	w.t.Helper()
	change := schemas.OrderChange{NotificationID: "odd", NotificationType: "ORDER_CHANGE", Account: account, OrderID: "202-1234567-8901234", EventTime: time.Now()}
	raw := [][]byte{[]byte("no Avro"), {0}, nil, binary.BigEndian.AppendUint32([]byte{0}, math.MaxUint32), make([]byte, 200_000)}
	key := account
	var value []byte
	switch kind %= len(raw) + 2; kind {
	case len(raw):
		key, change.Account = "nobody", "nobody"
		value = w.encode(&change)
	case len(raw) + 1:
		change.OrderID = "\x1b]0;odd\a"
		value = w.encode(&change)
	default:
		value = raw[kind]
	}
	w.produce(schemas.OrderChanges, key, value)
}
