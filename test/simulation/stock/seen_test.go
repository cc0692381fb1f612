package stock

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
)

// drifts are the quantities that Amazon ignored, and what was reported of them.
type drifts struct {
	ignored, reported, corrected, summaries, resolved int
	took                                              []time.Duration // from the acceptance of one to its report
	slowest                                           time.Duration   // to its correction
	orders                                            int
}

// takeOver sets a quantity, unless Amazon ignores it.
func (sh *shop) takeOver(w *world, i, quantity int32) (code string) {
	s, d := &sh.skus[i], &w.count.drifts
	if w.setup.ignored > 0 && s.amazon >= 0 && s.amazon != quantity && !w.quiet && w.random.Float64() < w.setup.ignored {
		if d.ignored++; s.ignored == 0 {
			s.ignored = w.now
		}
		return ""
	}
	if s.ignored > 0 && s.reported {
		d.corrected++
		d.slowest = max(d.slowest, w.now-s.ignored)
	}
	changed := s.amazon != quantity
	s.amazon, s.ignored, s.reported = quantity, 0, false
	if changed {
		sh.notice(w, i)
	}
	return ""
}

// notice notifies that a quantity has changed.
func (sh *shop) notice(w *world, i int32) {
	if w.setup.noticed == 0 || w.random.Float64() >= w.setup.noticed {
		return
	}
	quantity := sh.skus[i].amazon
	change := &schemas.ListingChange{
		Account: sh.id, Type: "QUANTITY", SKU: skuName(i), FulfillmentChannelCode: "DEFAULT", Quantity: &quantity, EventTime: w.time(),
	}
	w.in(time.Second+w.upTo(30*time.Second), func() { w.produce(sh.inventory, schemas.ListingChanges, sh.id, change) })
}

// sell orders units of random SKUs, until some hours after the last update. An order comes up to four
// minutes after it was placed.
func (sh *shop) sell(w *world) {
	if w.now == 0 { // of a SKU that is not there: orders are known from then on
		w.produce(sh.inventory, schemas.Orders, sh.id, &schemas.Order{
			Account: sh.id, OrderID: "202-0000000-0000000", FulfilledBy: "MERCHANT", Status: "SHIPPED", CreatedTime: w.time(), LastUpdatedTime: w.time(),
		})
	}
	w.in(w.exponential(w.setup.sales), func() {
		if w.now > w.setup.length+8*time.Hour {
			return
		}
		sh.sell(w)
		i := int32(w.random.IntN(len(sh.skus)))
		s := &sh.skus[i]
		if s.amazon <= 0 {
			return
		}
		units := 1 + int32(w.random.IntN(int(min(3, s.amazon))))
		s.amazon -= units
		s.ordered += units
		w.count.drifts.orders++
		placed := w.time()
		order := &schemas.Order{
			Account: sh.id, OrderID: fmt.Sprintf("202-%07d-%07d", w.random.IntN(10_000_000), w.count.drifts.orders), FulfilledBy: "MERCHANT", Status: "UNSHIPPED",
			CreatedTime: placed, LastUpdatedTime: placed, Items: []schemas.OrderItem{{OrderItemID: "1", SellerSKU: skuName(i), QuantityOrdered: units}},
		}
		w.in(time.Second+w.upTo(4*time.Minute), func() { w.produce(sh.inventory, schemas.Orders, sh.id, order) })
		sh.notice(w, i)
	})
}

// right reports whether Amazon has the newest quantity, or what orders have left of it.
func (s *sku) right() bool { return s.amazon <= s.free() && s.amazon >= s.free()-s.ordered }

// alert takes note of a report about a SKU, which must be one whose quantity Amazon ignored.
func (w *world) alert(sh *shop, a *schemas.Alert) {
	d := &w.count.drifts
	switch {
	case a.EventType != "QuantityDrift":
	case a.Severity == "RESOLVED":
		d.resolved++
	case a.Subject == "":
		d.summaries++
	default:
		s := &sh.skus[skuIndex(a.Subject)]
		if s.ignored == 0 {
			w.faultf("a false alarm: %s, wanted %d, sold %d, at Amazon %d", a.Message, s.quantity, s.ordered, s.amazon)
			return
		}
		d.reported++
		d.took = append(d.took, w.now-s.ignored)
		s.reported = true
	}
}

// missing is how many records have no outcome yet, where that takes until they are seen.
func (w *world) missing() (n int) {
	if w.setup.config.SeenWithin == 0 {
		return 0
	}
	for p := range w.updates {
		n += int(w.updates[p].records)
	}
	return n - w.count.outcomes
}

// TestIgnoredUpdatesAreFound lets Amazon ignore 1 % of the quantities that it accepts, while orders
// flow: each is found, reported and sent once more, and nothing else is. With notifications that
// takes minutes.
func TestIgnoredUpdatesAreFound(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]setup{
		"by notifications":                      {noticed: 0.98, seeOnly: true},
		"by looks alone":                        {seeOnly: true},
		"by reports of feeds":                   {},
		"by all, while other things go wrong":   {noticed: 0.98, faults: 0.01, changes: 2 * time.Hour},
		"by looks, while other things go wrong": {seeOnly: true, faults: 0.01, changes: 2 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.seed, s.accounts, s.length, s.notes = 1, long.Pick(t, 2, 8), 2*time.Hour, true
			s.ignored, s.sales = 0.01, 20*time.Second
			s.config = inventory.Config{SeenWithin: 24 * time.Hour, Accepted: true}
			w := simulate(t, s)
			w.report(t)
			d := w.count.drifts
			if d.ignored == 0 || d.reported == 0 {
				t.Fatal("nothing was ignored, or nothing found")
			}
			slices.Sort(d.took)
			half, last := d.took[len(d.took)/2], d.took[len(d.took)-1]
			t.Logf("%d updates were ignored; %d were reported, half of them after %v and all after %v, and corrected, after %v at most; %d summaries; %d orders",
				d.ignored, d.reported, half, last, d.slowest, d.summaries, d.orders)
			if half > 25*time.Minute { // an ignored rise could be a late order
				t.Errorf("half of them were reported after %v", half)
			}
			if n := w.count.byOutcome["UNSEEN"]; n > 0 {
				t.Errorf("%d updates were never seen", n)
			}
		})
	}
}
