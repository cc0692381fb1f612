package stock

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestOrdersAndStock lets customers order while a warehouse that lags by up to an hour sends
// numbers, units change hands and steps go wrong: with reserve Amazon ends with each number less the
// orders that it has not seen. Without it units are offered that are sold.
func TestOrdersAndStock(t *testing.T) {
	t.Parallel()
	day := func(reserve bool) setup {
		return setup{
			seed: 8, accounts: 10, length: 2 * time.Hour, calm: true, faults: 0.01, notes: true, changes: 20 * time.Minute, orders: 2 * time.Second,
			config: inventory.Config{Settings: func(string) inventory.Settings { return inventory.Settings{Reserve: reserve} }},
		}
	}
	w := simulate(t, day(true))
	w.report(t)
	if w.count.orders < 1000 {
		t.Errorf("%d orders only", w.count.orders)
	}
	oversold := 0
	w = run(t, day(false))
	for _, sh := range w.shops {
		for i := range sh.skus {
			if s := &sh.skus[i]; s.amazon > s.free() {
				oversold++
			}
		}
	}
	if t.Logf("without reserve: %d SKUs of %d orders", oversold, w.count.orders); oversold < 20 {
		t.Errorf("without reserve only %d SKUs offer what is sold", oversold)
	}
}

// sold are the units of an order.
type sold struct {
	at    time.Duration // when it was placed
	units int32
}

// free is what may be offered of a SKU: its newest number less the orders that it has not seen.
func (s *sku) free() int32 {
	n := s.quantity
	for _, o := range s.sold {
		if o.at > s.seen {
			n -= o.units
		}
	}
	return max(0, n)
}

// see is until when a number that is produced now has the SKU's orders.
func (s *sku) see(w *world, event time.Duration) time.Duration {
	if w.setup.orders == 0 {
		return event
	}
	s.told = max(s.told, event-w.upTo(time.Hour).Truncate(time.Millisecond))
	return s.told
}

// order takes what a customer orders off a number of Amazon's. The order becomes known within
// minutes, and so does the cancellation of a tenth of them, which Amazon does not offer again.
func (sh *shop) order(w *world) {
	i := int32(w.random.IntN(min(50, len(sh.skus)))) // those that sell
	s, units := &sh.skus[i], int32(1+w.random.IntN(3))
	if s.amazon < units || s.unlisted {
		return
	}
	w.count.orders++
	at := w.now.Truncate(time.Millisecond)
	s.amazon -= units
	s.sold = append(s.sold, sold{at, units})
	id, n := fmt.Sprint("302-", w.count.orders), len(s.sold)-1
	sh.tell(w, id, i, units, at, at, "UNSHIPPED")
	if w.random.IntN(10) == 0 {
		w.amazon.effect(w.upTo(30*time.Minute), func() {
			s.sold[n].units = 0
			sh.tell(w, id, i, units, at, w.now.Truncate(time.Millisecond), "CANCELLED")
		})
	}
}

// tell makes a version of an order known.
func (sh *shop) tell(w *world, id string, i, units int32, placed, updated time.Duration, status string) {
	w.amazon.effect(w.upTo(5*time.Minute), func() {
		sh.inventory.receive(&machine.Record{
			Topic: schemas.Orders, Partition: sh.partition, Time: w.time(), Account: sh.id,
			Value: &schemas.Order{
				Account: sh.id, OrderID: id, Status: status, FulfilledBy: "MERCHANT", CreatedTime: w.start.Add(placed), LastUpdatedTime: w.start.Add(updated),
				Items: []schemas.OrderItem{{OrderItemID: "1", SellerSKU: skuName(i), QuantityOrdered: units}},
			},
		})
	})
}
