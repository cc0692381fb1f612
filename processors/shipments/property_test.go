package shipments

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestConfirmsTheNewest interleaves shipments in and out of order, corrections,
// orders that come late or never, lost, late and refused calls, lost
// transactions and crashes, and then lets everything settle.
func TestConfirmsTheNewest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rt)
		for range rapid.IntRange(10, 100).Draw(rt, "steps") {
			w.step()
		}
		w.settle()
		w.check()
	})
}

// TestATooShortWaitOverwrites shows what the wait after a call in doubt is for.
func TestATooShortWaitOverwrites(t *testing.T) {
	t.Parallel()
	overwritten := func(late time.Duration) (n int) {
		for seed := range uint64(30) {
			w := newSeededWorld(t, t, seed, Config{CallTime: 9 * time.Second, ApplyDelay: time.Second})
			w.late = late
			for range 100 {
				w.step()
			}
			w.settle()
			n += w.overwritten()
		}
		return n
	}
	if n := overwritten(10 * time.Second); n != 0 {
		t.Errorf("%d packages overwritten by older shipments although the wait covers all delays", n)
	}
	if n := overwritten(5 * time.Minute); n == 0 {
		t.Error("no package overwritten although Amazon is later than the wait: the test shows nothing")
	}
}

// world is a machine, Amazon, and what is on its way between them.
type world struct {
	*runtime
	rt     rapid.TB
	amazon *amazon
	random *rand.Rand
	late   time.Duration // how late after its commit a call may be carried out

	orders int
	queue  []*machine.Record
	sent   map[int64]*schemas.Shipment // all shipments, by offset
	flying []flight
	later  []late
}

type flight struct {
	call          machine.Call
	arrives, ends time.Time
	until         time.Time // by when it is carried out, if at all
	arrived       bool
	outcome       machine.Outcome
}

// late is a call that Amazon carries out after its answer is given up.
type late struct {
	at      time.Time
	request *model.ConfirmShipmentRequest
}

func newWorld(t *testing.T, rt *rapid.T) *world {
	w := newSeededWorld(t, rt, rapid.Uint64().Draw(rt, "seed"), Config{})
	w.orders = rapid.IntRange(1, 40).Draw(rt, "orders")
	if rapid.Bool().Draw(rt, "few numbers") { // most packages collide
		w.numbers = 5
		w.Machine.numbers = 5
	}
	return w
}

func newSeededWorld(t testing.TB, rt rapid.TB, seed uint64, cfg Config) *world {
	w := &world{
		runtime: newRuntime(t, cfg), rt: rt, amazon: newAmazon(), random: rand.New(rand.NewPCG(seed, 0)),
		orders: 5, sent: map[int64]*schemas.Shipment{},
	}
	w.late = w.Machine.cfg.CallTime + w.Machine.cfg.ApplyDelay
	for n := range 50 {
		w.amazon.ordered[orderID(n)] = 1000
	}
	return w
}

func (w *world) step() {
	switch n := w.random.IntN(100); {
	case n < 45:
		w.ship(w.random.IntN(w.orders))
	case n < 50: // everything at once: more than the quota's burst
		for n := range w.orders {
			w.ship(n)
		}
		w.deliver(len(w.queue))
	case n < 60: // an order comes
		id := orderID(w.random.IntN(w.orders))
		if w.random.IntN(4) > 0 {
			w.queue = append(w.queue, w.Records(known(id, 1000, w.Now))...)
		}
	case n < 65:
		w.restartNow()
	case n < 70:
		w.loseTransaction()
	case n < 92:
		w.advance(time.Duration(w.random.IntN(3000)) * time.Millisecond)
	default:
		w.advance(time.Duration(w.random.IntN(200)) * time.Second)
	}
	w.deliver(w.random.IntN(4))
}

// ship has a package of an order shipped, or corrected: in one of ten cases
// wrongly, in one of ten late, so that it is older than what is known.
func (w *world) ship(n int) {
	at := w.Now.Add(-time.Duration(w.random.IntN(3)) * time.Second)
	if w.random.IntN(10) == 0 {
		at = w.Now.Add(-time.Duration(w.random.IntN(600)) * time.Second)
	}
	s := shipped("", orderID(n), fmt.Sprint("p", w.random.IntN(3)), int32(1+w.random.IntN(3)), at)
	switch w.random.IntN(20) {
	case 0:
		s.Items[0].Quantity = 5000
	case 1:
		s.Items[0].OrderItemID = "1"
	}
	rec := w.Records(s)[0]
	s.ShipmentID = strconv.FormatInt(rec.Offset, 10)
	s.TrackingNumber = s.ShipmentID
	w.sent[rec.Offset] = s
	w.queue = append(w.queue, rec)
}

// deliver runs a tick with up to n records and the calls that have ended.
func (w *world) deliver(n int) {
	n = min(n, len(w.queue))
	records := w.queue[:n]
	w.queue = w.queue[n:]
	for _, call := range w.Tick(records, w.landed()...) {
		arrives := w.Now.Add(time.Duration(w.random.IntN(900)) * time.Millisecond)
		w.flying = append(w.flying, flight{
			call: call, arrives: arrives, ends: arrives.Add(time.Duration(w.random.IntN(3000)) * time.Millisecond),
			until: w.Now.Add(w.late),
		})
	}
}

// landed are the results of the calls that have ended by now.
func (w *world) landed() []machine.Result {
	var results []machine.Result
	var still []flight
	for _, f := range w.flying {
		if f.ends.After(w.Now) {
			still = append(still, f)
			continue
		}
		results = append(results, machine.Result{Call: f.call, Outcome: f.outcome})
	}
	w.flying = still
	return results
}

// advance moves time on, in steps at which Amazon does something.
func (w *world) advance(d time.Duration) {
	end := w.Now.Add(d)
	for {
		next, arrival, delayed := end, -1, -1
		for i, f := range w.flying {
			if !f.arrived && !f.arrives.After(next) {
				next, arrival = f.arrives, i
			}
		}
		for i, l := range w.later {
			if l.at.Before(next) {
				next, arrival, delayed = l.at, -1, i
			}
		}
		switch {
		case delayed >= 0:
			w.amazon.apply(w.later[delayed].request)
			w.later = append(w.later[:delayed], w.later[delayed+1:]...)
		case arrival >= 0:
			w.arrive(&w.flying[arrival])
		default:
			w.Now = end
			return
		}
	}
}

func (w *world) arrive(f *flight) {
	f.arrived = true
	request := requestOf(f.call)
	if !w.amazon.bucket.AllowN(f.arrives, 1) {
		w.amazon.denied++
		f.outcome = machine.Snooze{Throttled: true}
		return
	}
	switch w.random.IntN(20) {
	case 0:
		f.outcome = machine.Snooze{For: time.Duration(w.random.IntN(10)) * time.Second}
	case 1: // done, and the answer lost
		w.amazon.apply(request)
		f.outcome = machine.Ambiguous{}
	case 2: // carried out later
		f.outcome = machine.Ambiguous{}
		w.later = append(w.later, late{f.arrives.Add(time.Duration(w.random.Int64N(int64(f.until.Sub(f.arrives))))), request})
	case 3:
		f.outcome = machine.Ambiguous{}
	case 4:
		if w.random.IntN(10) == 0 {
			f.outcome = machine.Park{}
			return
		}
		f.outcome = machine.Retry{}
	default:
		f.outcome = w.amazon.apply(request)
	}
}

// restartNow is a crash: calls under way still arrive at Amazon.
func (w *world) restartNow() {
	w.advance(time.Second)
	w.flying = nil
	w.Restart()
}

// loseTransaction has a tick fail before its commit: its inputs come again,
// and nothing it asked for happens.
func (w *world) loseTransaction() {
	n := min(w.random.IntN(4), len(w.queue))
	w.Decide(w.queue[:n])
	w.restartNow()
}

// settle delivers what is left and follows the machine's own wishes to be woken.
func (w *world) settle() {
	for range 20_000 {
		w.deliver(len(w.queue))
		if w.Machine.Pending() == 0 && len(w.flying) == 0 {
			w.advance(w.late) // for what is still on its way
			return
		}
		next := w.Wake
		for _, f := range w.flying {
			if next.IsZero() || f.ends.Before(next) {
				next = f.ends
			}
		}
		if next.IsZero() {
			w.rt.Fatalf("work is pending, and the machine wants no tick")
		}
		w.advance(max(0, next.Sub(w.Now)))
	}
	w.rt.Fatalf("%d orders still pending at %v", w.Machine.Pending(), w.Now)
}

func (w *world) check() {
	w.checkOutcomes()
	if n := w.overwritten(); n > 0 {
		w.rt.Fatalf("rule 5: %d packages were overwritten by older shipments", n)
	}
	if w.amazon.denied > 0 {
		w.rt.Fatalf("rule 6: Amazon answered 429 %d times", w.amazon.denied)
	}
}

// checkOutcomes holds rules 3, 4 and 5 against what was written.
func (w *world) checkOutcomes() {
	outcomes := map[int64]*schemas.ShipmentConfirmation{}
	references := map[string]string{}
	last := map[string]*schemas.ShipmentConfirmation{} // the newest confirmed shipment, by package
	for _, c := range w.outcomes {
		if outcomes[c.SourceOffset] != nil {
			w.rt.Fatalf("rule 4: shipment %d has two outcomes", c.SourceOffset)
		}
		outcomes[c.SourceOffset] = c
		pack := c.OrderID + " " + c.PackageID
		if known := references[pack]; known != "" && known != c.PackageReferenceID {
			w.rt.Fatalf("rule 3: package %s was %s and is %s", pack, known, c.PackageReferenceID)
		}
		references[pack] = c.PackageReferenceID
		if before := last[pack]; c.Outcome == confirmed && (before == nil || w.newer(c.SourceOffset, before.SourceOffset)) {
			last[pack] = c
		}
	}
	newest := map[string]int64{}
	for offset, s := range w.sent {
		if outcomes[offset] == nil {
			w.rt.Fatalf("rule 4: shipment %d has no outcome", offset)
		}
		pack := s.OrderID + " " + s.PackageID
		if before, ok := newest[pack]; !ok || w.newer(offset, before) {
			newest[pack] = offset
		}
	}
	for pack, offset := range newest {
		want, s := confirmed, w.sent[offset]
		if s.Items[0].Quantity > 1000 || s.Items[0].OrderItemID != line {
			want = rejected
		}
		if got := outcomes[offset].Outcome; got != want {
			w.rt.Fatalf("rule 5: the newest shipment of %s is %s, want %s", pack, got, want)
		}
	}
	for pack, c := range last {
		versions := w.amazon.parcels[c.OrderID][c.PackageReferenceID]
		if len(versions) == 0 || versions[len(versions)-1].TrackingNumber != c.TrackingNumber {
			w.rt.Fatalf("rule 5: Amazon has %+v of package %s, want %s", versions, pack, c.TrackingNumber)
		}
	}
	w.checkParcels(references)
}

// checkParcels holds rule 3 against what Amazon has: no package but those that
// were shipped, and no two under one id.
func (w *world) checkParcels(references map[string]string) {
	owner := map[string]string{}
	for pack, reference := range references {
		id := pack[:len(orderID(0))] + " " + reference
		if owner[id] != "" {
			w.rt.Fatalf("rule 3: packages %s and %s are both %s", owner[id], pack, id)
		}
		owner[id] = pack
	}
	for order, parcels := range w.amazon.parcels {
		for reference := range parcels {
			if owner[order+" "+reference] == "" {
				w.rt.Fatalf("rule 3: Amazon has a package %s of order %s, which nobody shipped", reference, order)
			}
		}
	}
}

// overwritten counts the packages of which Amazon was told something older than
// it had.
func (w *world) overwritten() (n int) {
	for _, parcels := range w.amazon.parcels {
		for _, versions := range parcels {
			for i := 1; i < len(versions); i++ {
				if w.newer(offsetOf(versions[i-1]), offsetOf(versions[i])) {
					n++
					break
				}
			}
		}
	}
	return n
}

// newer says whether one shipment is newer than the other, by offset.
func (w *world) newer(one, other int64) bool {
	a, b := w.sent[one], w.sent[other]
	if !a.EventTime.Equal(b.EventTime) {
		return a.EventTime.After(b.EventTime)
	}
	return one > other
}

// offsetOf is the offset of a shipment, which is its tracking number.
func offsetOf(p model.ShipmentPackage) int64 {
	offset, err := strconv.ParseInt(p.TrackingNumber, 10, 64)
	if err != nil {
		panic(err)
	}
	return offset
}
