package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// TestNothingIsSoldTwice interleaves orders, cancellations and shipments with the numbers of a
// warehouse that lags by up to an hour, over days, and with all that can go wrong on the way to Amazon,
// which refuses some numbers for good. Amazon
// takes each order off by itself, and offers some of what is cancelled again. Each time
// that all orders have become known and their corrections are through, Amazon has neither more nor
// less than the physical stock without the orders that are not shipped.
func TestNothingIsSoldTwice(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 60, 5000)), func(rt *rapid.T) {
		trade(t, rt, rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(10, 200).Draw(rt, "steps"))
	})
}

// trader is a world with customers and a warehouse.
type trader struct {
	*world
	physical []int            // units in the warehouse, by SKU
	gained   []bool           // whether units are free that its number does not have
	seen     []time.Time      // the orders placed until then are in its number
	placed   []*schemas.Order // all orders, by when they were placed
	shipped  map[string]bool
	doomed   map[string]bool // updates that Amazon refuses
	spare    bool            // whether no more updates are refused
	again    bool            // whether Amazon offers half of what is cancelled again
	cursor   time.Time       // the warehouse has seen the orders placed until then
}

func trade(t *testing.T, rt failer, seed uint64, steps int) {
	cfg := reserving()
	cfg.MaxAttempts = 1000
	if seed%2 == 0 {
		cfg.SeenWithin, cfg.Accepted = 6*24*time.Hour, true
	}
	w := &trader{world: newWorld(t, rt, seed, cfg), shipped: map[string]bool{}, doomed: map[string]bool{}, cursor: testStart, again: seed%3 > 0}
	w.amazon.refuses = w.refuses
	w.skus = 1 + w.Random.IntN(4)
	w.amazon.applyLate, w.amazon.showLate = w.Machine.cfg.ApplyDelay, w.Machine.cfg.ShowDelay
	w.physical, w.gained, w.seen = make([]int, w.skus), make([]bool, w.skus), make([]time.Time, w.skus)
	for i := range w.skus {
		w.amazon.listed[skuName(i)] = []string{germany, france}
		w.physical[i] = w.Random.IntN(60)
		w.report(i)
	}
	w.settled()
	for i := range steps {
		w.age()
		w.trade()
		if i%40 == 39 {
			w.settled()
		}
	}
	w.settled()
	w.cursor, w.spare = w.Now, true
	for i := range w.skus {
		w.report(i)
	}
	w.settled()
	outcomes := map[string]int{}
	for _, o := range w.results {
		if o.Outcome != onlyTaken {
			outcomes[o.UpdateID]++
		}
		if o.SupersededBy == o.UpdateID {
			w.rt.Fatalf("superseded by its own correction: %+v", o)
		}
	}
	for _, a := range w.alerts {
		if a.EventType == alertDrift {
			w.rt.Fatalf("%+v", a)
		}
	}
	for _, u := range w.sent {
		if n := outcomes[u.UpdateID]; n != 1 {
			w.rt.Fatalf("%d outcomes of %+v", n, u)
		}
	}
}

// age lets nothing be ordered in the hours in which a number that Amazon has becomes so old that it is
// not corrected any more: a correction ends there halfway.
func (w *trader) age() {
	for i := range w.skus {
		s := w.Machine.skus[skuKey(testAccount, "", skuName(i))]
		if s == nil || s.basis == nil {
			continue
		}
		if left := s.basis.seen.time().Add(keepSales).Sub(w.Now); left > 0 && left < 2*time.Hour {
			w.settled()
			w.Advance(left)
		}
	}
}

func (w *trader) trade() {
	sku := w.Random.IntN(w.skus)
	switch n := w.Random.IntN(100); {
	case n < 40:
		w.order(sku)
	case n < 46:
		w.cancel()
	case n < 52:
		w.ship()
	case n < 54:
		w.physical[sku] += w.Random.IntN(20)
		w.gained[sku] = true
	case n < 62:
		if lag := w.Now.Add(-time.Duration(w.Random.IntN(3600)) * time.Second).Truncate(time.Millisecond); lag.After(w.cursor) {
			w.cursor = lag
		}
		w.report(sku)
	case n < 65:
		w.crash()
	case n < 67:
		w.handOver()
	case n < 69:
		n := min(w.Random.IntN(10), len(w.Queue))
		w.Decide(w.Queue[:n], w.Landed()...)
		w.crash()
	case n < 70:
		w.stuck()
	case n < 85:
		w.Advance(time.Duration(w.Random.IntN(5000)) * time.Millisecond)
	case n < 97:
		w.Advance(time.Duration(w.Random.IntN(60)) * time.Second)
	case n < 99:
		w.Advance(time.Duration(w.Random.IntN(15)) * time.Minute)
	default:
		w.settled() // what is known only days later is forgotten by then
		w.Advance(time.Duration(w.Random.IntN(60)) * time.Hour)
	}
	w.Deliver(w.Random.IntN(20))
}

// order places an order of what Amazon offers.
func (w *trader) order(sku int) {
	name := skuName(sku)
	units := 1 + w.Random.IntN(3)
	if w.amazon.quantity[name] < units {
		return
	}
	w.amazon.quantity[name] -= units
	w.Advance(time.Millisecond) // no two at once
	o := orderOf(fmt.Sprint("order-", len(w.placed)), w.Now.Truncate(time.Millisecond), w.Now.Truncate(time.Millisecond), fmt.Sprint(name, " ", units))
	w.placed = append(w.placed, o)
	w.tell(o)
}

// tell makes the version of an order known some time later, sometimes after a newer one.
func (w *trader) tell(o *schemas.Order) {
	version := *o
	version.Items = slices.Clone(o.Items)
	w.After(w.Now.Add(time.Duration(w.Random.IntN(600))*time.Second/time.Duration(1+w.Random.IntN(100))), func(time.Time) {
		w.Queue = append(w.Queue, w.Records(&version)...)
	})
}

func (w *trader) cancel() {
	if o := w.open(func(*schemas.Order) bool { return true }); o != nil {
		w.Advance(time.Millisecond)
		o.Status, o.LastUpdatedTime = "CANCELLED", w.Now.Truncate(time.Millisecond)
		if i := w.skuOf(o); !o.CreatedTime.After(w.seen[i]) { // its next number has it
			w.gained[i] = true
		}
		if w.Random.IntN(2) == 0 && w.again {
			w.amazon.quantity[o.Items[0].SellerSKU] += int(o.Items[0].QuantityOrdered)
		}
		w.tell(o)
	}
}

// ship ships an order that the warehouse knows.
func (w *trader) ship() {
	o := w.open(func(o *schemas.Order) bool { return !o.CreatedTime.After(w.cursor) })
	if o == nil {
		return
	}
	if i := w.skuOf(o); w.physical[i] >= int(o.Items[0].QuantityOrdered) {
		w.physical[i] -= int(o.Items[0].QuantityOrdered)
		w.shipped[o.OrderID] = true
		o.Status, o.LastUpdatedTime, o.Items[0].QuantityFulfilled = "SHIPPED", w.Now.Truncate(time.Millisecond), &o.Items[0].QuantityOrdered
		w.tell(o)
	}
}

// open is some order that is neither shipped nor cancelled; nil for none.
func (w *trader) open(matches func(*schemas.Order) bool) *schemas.Order {
	var list []*schemas.Order
	for _, o := range w.placed {
		if o.Status == "UNSHIPPED" && matches(o) {
			list = append(list, o)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[w.Random.IntN(len(list))]
}

func (w *trader) skuOf(o *schemas.Order) (i int) {
	if _, err := fmt.Sscanf(o.Items[0].SellerSKU, "SKU-%d", &i); err != nil {
		panic(err)
	}
	return i
}

// free is the physical stock without the orders that are not shipped and were placed by a time.
func (w *trader) free(sku int, by time.Time) int {
	n := w.physical[sku]
	for _, o := range w.placed {
		if o.Status == "UNSHIPPED" && w.skuOf(o) == sku && !o.CreatedTime.After(by) {
			n -= int(o.Items[0].QuantityOrdered)
		}
	}
	return n
}

// report sends the warehouse's number, with the orders that it knows of.
func (w *trader) report(sku int) {
	w.updates++
	w.Advance(time.Millisecond)
	u := updateOf(skuName(sku), max(0, w.free(sku, w.cursor)), w.Now.Truncate(time.Millisecond))
	u.UpdateID, u.SeenOrders = fmt.Sprint("u-", w.updates), w.cursor
	if w.doomed[u.UpdateID] = !w.spare && w.Random.IntN(8) == 0; !w.doomed[u.UpdateID] { // else Amazon has one of before
		w.gained[sku], w.seen[sku] = false, w.cursor
	} else {
		w.gained[sku] = true
	}
	w.sent, w.Queue = append(w.sent, u), append(w.Queue, w.Records(u)...)
}

// refuses reports whether Amazon refuses what is under way for a SKU: some updates, and no corrections.
func (w *trader) refuses(id string) bool {
	s := w.Machine.skus[skuKey(testAccount, "", id)]
	if s == nil || s.work == nil {
		return false
	}
	u := cmp.Or(s.work.patch, s.work.sent)
	return u != nil && !u.silent() && w.doomed[u.id]
}

// settled lets all orders become known and all corrections go out, and looks at Amazon's numbers.
func (w *trader) settled() {
	faults := w.faults
	w.Advance(11 * time.Minute)
	w.settle()
	w.faults = faults
	for i := range w.skus {
		got, free := w.amazon.quantity[skuName(i)], max(0, w.free(i, w.Now))
		if got > free {
			w.rt.Fatalf("%s: Amazon offers %d, and %d are free", skuName(i), got, free)
		}
		if got < free && !w.gained[i] && w.Now.Sub(w.seen[i]) < keepSales { // else its next number tells
			w.rt.Fatalf("%s: Amazon offers %d only, and %d are free", skuName(i), got, free)
		}
	}
}
