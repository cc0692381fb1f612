package stock

import (
	"math"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// traits are what an account is like.
type traits struct {
	catalogue int           // SKUs
	trickle   time.Duration // one update in, on average
	burst     int           // updates at once, on average
	every     time.Duration // between bursts, on average; 0 for no bursts
	flood     int           // updates of a large burst
	floods    time.Duration // between large ones, on average; 0 for none
	slowFeeds bool          // its feeds take half an hour, as in the EU
}

// traitsOf is the load. Of 50 accounts one is a giant, whose floods are more
// than a feed holds; five have 5,000 SKUs and floods of 50,000 updates, as when
// a warehouse counts; two or three are so busy that createFeed's tokens are all
// that they wait for; 20 have bursts of some hundreds; and the rest only a
// trickle, which is what all of them have. Every fifth account's feeds are slow.
func traitsOf(i int, s setup) traits {
	t := traits{trickle: time.Minute, slowFeeds: i%5 == 4 && !s.calm}
	switch {
	case s.newcomers > 0:
		return traits{catalogue: s.newcomers, trickle: 10 * time.Second}
	case s.calm: // few SKUs, a feed every few minutes
		return traits{catalogue: 60, trickle: 5 * time.Minute, burst: 20, every: 5 * time.Minute}
	case i%50 == 0:
		t.catalogue, t.flood, t.floods = 40_000, 50_000, 12*time.Hour
		t.burst, t.every = 2000, time.Hour
	case i%10 == 1:
		t.catalogue, t.flood, t.floods = 5000, 50_000, 12*time.Hour
		t.burst, t.every = 1500, time.Hour
	case i%20 == 3:
		t.catalogue, t.burst, t.every = 2000, 160, 40*time.Second
	case i%2 == 0:
		t.catalogue, t.burst, t.every = 2000, 600, time.Hour
	default:
		t.catalogue, t.trickle = 300, 20*time.Second
	}
	return t
}

// begin starts what an account's upstream services send.
func (sh *shop) begin(w *world) {
	for i := range w.setup.newcomers {
		w.in(w.upTo(10*time.Minute), func() { sh.want(w, int32(i)) })
	}
	w.repeat(sh.trickle, w.exponential(sh.trickle), func() { sh.send(w, 1) })
	if w.setup.orders > 0 {
		w.repeat(w.setup.orders, w.exponential(w.setup.orders), func() { sh.order(w) })
	}
	if sh.every > 0 {
		w.repeat(sh.every, w.exponential(sh.every), func() {
			sh.spread(w, int(math.Ceil(w.random.ExpFloat64()*float64(sh.burst))))
		})
	}
	if w.setup.sales > 0 {
		sh.sell(w)
	}
	if sh.floods > 0 { // the first one soon, so that a short run has some too
		w.repeat(sh.floods, w.upTo(time.Hour), func() { sh.spread(w, sh.flood) })
	}
}

// repeat does something after first, and again and again, until the load ends.
func (w *world) repeat(mean, first time.Duration, do func()) {
	w.in(first, func() {
		if w.now >= w.setup.length {
			return
		}
		do()
		w.repeat(mean, w.exponential(mean), do)
	})
}

// spread sends n updates within some seconds.
func (sh *shop) spread(w *world, n int) {
	const piece = 2500
	for sent := 0; sent < n; sent += piece {
		w.in(w.upTo(3*time.Second), func() { sh.send(w, min(piece, n-sent)) })
	}
}

// send produces n updates of random SKUs.
func (sh *shop) send(w *world, n int) {
	for range n {
		sh.want(w, int32(w.random.IntN(len(sh.skus))))
	}
}

// want produces an update of a SKU. A few are urgent, some of the stock's end, and some
// late: older than another of the same SKU may be.
func (sh *shop) want(w *world, i int32) {
	event := w.now - w.upTo(2*time.Second)
	if w.random.IntN(30) == 0 {
		event -= w.upTo(10 * time.Minute)
	}
	event = event.Truncate(time.Millisecond)
	quantity := int32(1 + w.random.IntN(200))
	if w.random.IntN(50) == 0 {
		quantity = 0
	}
	offset := w.updates[sh.partition].appendRecord()
	seen := sh.skus[i].see(w, event)
	sh.update(w, i, event, seen, offset, quantity)
	sh.inventory.receive(&machine.Record{
		Topic: schemas.InventoryUpdates, Partition: sh.partition, Offset: offset, Time: w.time(), Account: sh.id,
		Value: &schemas.InventoryUpdate{
			Account: sh.id, SKU: skuName(i), Quantity: quantity, EventTime: w.start.Add(event), SeenOrders: w.start.Add(seen), Urgent: w.random.IntN(200) == 0,
		},
	})
}

// feedTakes is how long a feed takes: 30 to 60 s, or about half an hour, and
// one in 500 hours.
func (w *world) feedTakes(sh *shop) time.Duration {
	if w.setup.faults > 0 && w.random.IntN(500) == 0 && !w.quiet {
		return time.Hour + w.upTo(7*time.Hour)
	}
	if sh.slowFeeds {
		return 20*time.Minute + w.upTo(20*time.Minute)
	}
	return 30*time.Second + w.upTo(30*time.Second)
}
