package shipments

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
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

// TestConfirmsTheNewest interleaves shipments in and out of order, corrections,
// orders that come late or never, lost, late and refused calls, accepted ones that
// store nothing, lost transactions and crashes, and then lets everything settle.
func TestConfirmsTheNewest(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 60, property.FixedSeeds)), func(rt *rapid.T) {
		w := newWorld(t, rt, rapid.Uint64().Draw(rt, "seed"), Config{})
		w.orders = rapid.IntRange(1, 40).Draw(rt, "orders")
		if rapid.Bool().Draw(rt, "few numbers") { // most packages collide
			w.numbers = 5
			w.Machine.numbers = 5
		}
		for range rapid.IntRange(10, 100).Draw(rt, "steps") {
			w.step()
		}
		w.settle()
		w.checkOutcomes()
		if n := w.overwritten(); n > 0 {
			rt.Fatalf("rule 5: %d packages were overwritten by older shipments", n)
		}
		if len(w.amazon.Denied) > 0 {
			rt.Fatalf("rule 6: Amazon answered 429: %v", w.amazon.Denied)
		}
	})
}

// TestATooShortWaitOverwrites shows what the wait after a call in doubt is for.
func TestATooShortWaitOverwrites(t *testing.T) {
	t.Parallel()
	overwritten := func(late time.Duration) (n int) {
		for seed := range uint64(long.Pick(t, 10, 30)) {
			w := newWorld(t, t, seed, Config{CallTime: 9 * time.Second, ApplyDelay: time.Second})
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
	*machinetest.Traffic[*Machine]
	rt     rapid.TB
	amazon *amazon
	late   time.Duration // how late after its commit a call may be carried out

	orders int
	sent   map[int64]*schemas.Shipment // all shipments, by offset
	seen   int                         // looks that were answered, or lost
	lost   int                         // confirmations that were accepted and not stored
	letters
}

func newWorld(t testing.TB, rt rapid.TB, seed uint64, cfg Config) *world {
	cfg.Untracked = untrackedFeed
	limits := map[string]quota.Limit{model.ConfirmShipment: {Rate: 2, Burst: 10}}
	for _, share := range model.Shares(model.OrderFulfillmentFeed) {
		limits[share], _ = quota.Default(share)
	}
	w := &world{
		letters: letters{documents: map[string][]model.OrderMessage{}, packages: map[string][]*model.PackageFulfillment{}},
		runtime: newRuntime(t, cfg), rt: rt, orders: 5, sent: map[int64]*schemas.Shipment{},
		amazon: &amazon{
			ordered: map[string]int32{}, parcels: map[string]map[string][]model.ShipmentPackage{},
			Door: machinetest.NewDoor(limits),
		},
	}
	w.Traffic = machinetest.NewTraffic(w.Runtime, rand.New(rand.NewPCG(seed, 0)), w.arrive)
	w.Intake = w.answerLooks
	w.late = w.Machine.cfg.CallTime + w.Machine.cfg.ApplyDelay
	for n := range 50 {
		w.amazon.ordered[orderID(n)] = 1000
	}
	w.Take(known(orderID(999), 1, w.Now)) // orders of the account come
	return w
}

func (w *world) step() {
	switch n := w.Random.IntN(100); {
	case n < 45:
		w.ship(w.Random.IntN(w.orders))
	case n < 50: // everything at once: more than the quota's burst
		for n := range w.orders {
			w.ship(n)
		}
		w.DeliverAll()
	case n < 60: // an order comes
		id := orderID(w.Random.IntN(w.orders))
		if w.Random.IntN(4) > 0 {
			w.Queue = append(w.Queue, w.Records(known(id, 1000, w.Now))...)
		}
	case n < 65:
		w.Crash()
	case n < 70:
		w.Lose(w.Random.IntN(4))
	case n < 92:
		w.Advance(time.Duration(w.Random.IntN(3000)) * time.Millisecond)
	default:
		w.Advance(time.Duration(w.Random.IntN(200)) * time.Second)
	}
	w.Deliver(w.Random.IntN(4))
}

// ship ships a package of an order, or corrects it: in one of ten cases
// wrongly, in one of ten late, so that it is older than what is known.
func (w *world) ship(n int) {
	at := w.Now.Add(-time.Duration(w.Random.IntN(3)) * time.Second)
	if w.Random.IntN(10) == 0 {
		at = w.Now.Add(-time.Duration(w.Random.IntN(600)) * time.Second)
	}
	s := shipped("", orderID(n), fmt.Sprint("p", w.Random.IntN(3)), int32(1+w.Random.IntN(3)), at)
	if w.Random.IntN(10) == 0 { // planned
		s.ShipTime = w.Now.Add(time.Duration(w.Random.IntN(3600)) * time.Second)
	}
	switch w.Random.IntN(20) {
	case 0:
		s.Items[0].Quantity = 5000
	case 1:
		s.Items[0].OrderItemID = "1"
	}
	rec := w.Records(s)[0]
	s.ShipmentID = strconv.FormatInt(rec.Offset, 10)
	s.TrackingNumber = s.ShipmentID
	if w.Random.IntN(6) == 0 {
		s.TrackingNumber, s.ShippingMethod = "", s.ShipmentID
	}
	w.sent[rec.Offset] = s
	w.Queue = append(w.Queue, rec)
}

func (w *world) arrive(f *machinetest.Flight) machine.Outcome {
	if f.Call.Operation != model.ConfirmShipment {
		return w.feedCall(f)
	}
	request := requestOf(f.Call)
	if !w.amazon.Admit(testAccount, f.Arrives, f.Call.Operation) {
		return machine.Snooze{Throttled: true}
	}
	switch w.Random.IntN(20) {
	case 0:
		return machine.Snooze{For: time.Duration(w.Random.IntN(10)) * time.Second}
	case 1: // done, and the answer lost
		w.amazon.apply(request)
		return machine.Ambiguous{}
	case 2: // carried out later
		until := f.Began.Add(w.late)
		w.After(f.Arrives.Add(time.Duration(w.Random.Int64N(int64(until.Sub(f.Arrives))))), func(time.Time) { w.amazon.apply(request) })
		return machine.Ambiguous{}
	case 3:
		return machine.Ambiguous{}
	case 4:
		if w.Random.IntN(10) == 0 {
			return machine.Park{}
		}
		return machine.Retry{}
	case 5: // accepted, and nothing stored
		if w.amazon.fresh(request) {
			w.lost++
			return done()
		}
	}
	return w.amazon.apply(request)
}

// answerLooks answers most looks that were asked for, as the orders are now.
func (w *world) answerLooks() time.Time {
	w.followFeeds()
	for ; w.seen < len(w.looks); w.seen++ {
		if w.Random.IntN(5) > 0 {
			look := w.looks[w.seen]
			looked := w.amazon.looked(look.OrderID)
			for i, letter := range w.letters.packages[look.OrderID] {
				looked.Status = "PARTIALLY_SHIPPED"
				looked.Packages = append(looked.Packages, schemas.SeenPackage{PackageReferenceID: fmt.Sprint("own", i)})
				looked.Fulfilled = append(looked.Fulfilled, schemas.LineUnits{OrderItemID: line, Quantity: int32(letter.Items[0].Quantity)})
			}
			looked.Account, looked.OrderID, looked.AskedTime, looked.LastUpdatedTime = look.Account, look.OrderID, look.AskedTime, w.Now
			w.Queue = append(w.Queue, w.Records(looked)...)
		}
	}
	return time.Time{}
}

// settle delivers what is left, and waits for what is still on its way.
func (w *world) settle() {
	if err := w.Settle(40_000, func() bool { return w.Machine.Pending()+w.Machine.unshown.Len() == 0 }); err != nil {
		w.rt.Fatalf("%v", err)
	}
	w.Advance(w.late)
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
		if c.PackageReferenceID == "" { // it has none
			continue
		}
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
		if got := outcomes[offset].Outcome; got != want && outcomes[offset].Code != codeNoReference && (s.TrackingNumber != "" || outcomes[offset].Code != "18028" && outcomes[offset].Code != "ghost_feed") {
			w.rt.Fatalf("rule 5: the newest shipment of %s is %s, want %s", pack, got, want)
		}
	}
	for pack, c := range last {
		if w.reported(c) || len(w.letters.packages[c.OrderID]) > 0 { // units of letters, which have no ids, can hide a lost package
			continue
		}
		versions := w.amazon.parcels[c.OrderID][c.PackageReferenceID]
		if len(versions) == 0 || versions[len(versions)-1].TrackingNumber != c.TrackingNumber {
			w.rt.Fatalf("rule 5: Amazon has %+v of package %s, want %s", versions, pack, c.TrackingNumber)
		}
	}
	w.checkParcels(references)
	w.checkLetters(outcomes)
}

// reported reports whether an alert says that a package is not shown.
func (w *world) reported(c *schemas.ShipmentConfirmation) bool {
	return slices.ContainsFunc(w.alerts, func(alert *schemas.Alert) bool {
		return alert.EventType == alertNotShown && alert.Subject == c.OrderID && alert.Attributes["packageReferenceId"] == c.PackageReferenceID
	})
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

// overwritten counts the packages that Amazon was told about with something older
// than it had.
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

// newer reports whether one shipment is newer than the other, by offset.
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
