package simulation

import (
	"encoding/json"
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
	alone, aloneEvents := neighbours(t, "", 0, nil, simulator.Filter{})
	t.Logf("alone: %d orders, p50 %v, p99 %v, at most %v", len(alone), at(alone, 50), at(alone, 99), at(alone, 100))
	atAmazon := func(status int) simulator.Filter {
		return simulator.Filter{Part: simulator.SPAPI, Operation: model.GetOrder, Account: "bad", Status: status}
	}
	for name, bad := range map[string]struct {
		revoked string
		fault   *simulator.Action
		trouble simulator.Filter // the calls that must have been, or nothing was tested
	}{
		"well, but busy":      {trouble: atAmazon(200)},
		"credentials refused": {revoked: "bad", trouble: simulator.Filter{Part: simulator.LWA, Status: 400}},
		"forbidden":           {fault: &simulator.Action{Status: 403}, trouble: atAmazon(403)},
		"throttled":           {fault: &simulator.Action{Status: 429}, trouble: atAmazon(429)},
		"refused each time":   {fault: &simulator.Action{Status: 400}, trouble: atAmazon(400)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			beside, events := neighbours(t, bad.revoked, orders, bad.fault, bad.trouble)
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

// neighbours returns how long the orders of four accounts took from their notification to
// Kafka, and to EventBridge, the fastest first, beside so many orders of a bad one. It fails
// where Amazon saw no call of the trouble before and while the neighbours' orders came.
func neighbours(t *testing.T, revoked string, badOrders int, fault *simulator.Action, trouble simulator.Filter) (took, published []time.Duration) {
	t.Helper()
	accounts := []string{"ann", "bob", "cleo", "dan"}
	inBubble(t, setup{accounts: append([]string{"bad"}, accounts...), revoked: revoked, publishes: true}, func(t *testing.T, w *world) {
		if fault != nil {
			w.fault(simulator.Rule{Part: simulator.SPAPI, Account: "bad", Action: *fault})
		}
		w.fault(simulator.Rule{Operation: model.GetOrder, Action: simulator.Action{Delay: 100 * time.Millisecond}})
		for range badOrders {
			w.place("bad")
		}
		time.Sleep(time.Until(w.begun.Add(time.Minute)))
		sent := map[string]time.Time{}
		for i := range 100 {
			account := accounts[i%len(accounts)]
			sent[w.place(account)] = time.Now()
			time.Sleep(1003 * time.Millisecond)
		}
		if badOrders > 0 {
			before, beside := len(w.calls(trouble, 0, time.Minute)), len(w.calls(trouble, time.Minute, time.Hour))
			t.Logf("the trouble: %d calls before the neighbours' orders, %d while they came", before, beside)
			if before == 0 || beside == 0 {
				t.Errorf("the bad account made no trouble: Amazon saw no call like %+v", trouble)
			}
		}
		for _, rec := range w.read(schemas.Orders, len(sent)+badOrders, time.Minute) {
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
