package inventory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// TestFollowsTheNewest interleaves updates in and out of order, feeds that end
// in each way, lost, late and refused calls, lost transactions, crashes and
// handovers, and then lets everything settle: each record has one outcome (rule
// 4), Amazon has the newest quantity of every SKU (rule 5), every feed at
// Amazon is one that was committed (rule 3), rules 1 and 2 hold at each call,
// and Amazon never had to say 429 (rule 6).
func TestFollowsTheNewest(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 20, 60)), func(rt *rapid.T) {
		followTheNewest(t, rt, rapid.Uint64().Draw(rt, "seed"), rapid.IntRange(10, 150).Draw(rt, "steps"))
	})
}

// TestFollowsTheNewestWhereItOnceDidNot repeats worlds that showed mistakes.
func TestFollowsTheNewestWhereItOnceDidNot(t *testing.T) {
	t.Parallel()
	for mistake, world := range map[string]struct {
		seed  uint64
		steps int
	}{
		"a takeover that superseded an update and did not save it":             {0x15, 102},
		"a doubt that had ended when the answer came, not when the call began": {0x318c50, 83},
		"a list of feeds that fails often, and an alert that says so":          {0x24de50d, 136},
		"such a list, and a feed of before that it shows at last":              {0x43778, 63},
	} {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			followTheNewest(t, t, world.seed, world.steps)
		})
	}
}

func followTheNewest(t *testing.T, rt failer, seed uint64, steps int) {
	w := newWorld(t, rt, seed, Config{MaxAttempts: 1000})
	w.amazon.applyLate, w.amazon.showLate = w.Machine.cfg.ApplyDelay, w.Machine.cfg.ShowDelay
	for range steps {
		w.step()
	}
	w.settle()
	w.check(nil)
	w.checkDoubles()
}

// TestFollowsTheNewestUntilItShows is TestFollowsTheNewest where accepted quantities are looked for,
// and Amazon ignores some without a word in half of the worlds: each record has one final outcome
// still, and ACCEPTED before that once at most (rule 4); what is ignored is found and sent once more
// (rule 9), and what is not raises no alert. In a third of the worlds no orders are known: a lower
// number can end UNSEEN there. What is APPLIED is at Amazon in all of them.
func TestFollowsTheNewestUntilItShows(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 40, 400)), func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		w := newWorld(t, rt, seed, Config{MaxAttempts: 1000, SeenWithin: 6 * 24 * time.Hour, Accepted: seed%4 < 3})
		w.amazon.applyLate, w.amazon.showLate = w.Machine.cfg.ApplyDelay, w.Machine.cfg.ShowDelay
		random := rand.New(rand.NewPCG(seed, 2))
		if seed%2 == 0 {
			w.amazon.ignores = func() bool { return random.IntN(20) == 0 }
		}
		if w.unordered = seed%3 == 0; !w.unordered {
			w.trickle(w.Now)
		}
		for range rapid.IntRange(10, 150).Draw(rt, "steps") {
			w.step()
		}
		w.settle()
		w.check(nil)
		w.checkDoubles()
	})
}

// checkDoubles wants every feed at Amazon to be one that was committed: rule 3.
func (w *world) checkDoubles() {
	if doubles := w.doubles(); len(doubles) > 0 && !w.blind() {
		w.rt.Fatalf("rule 3: Amazon has the feeds %v, which nobody accounts for", doubles)
	}
}

// blind reports whether the list of feeds failed so often that the machine gave it up: it
// may then have submitted a feed twice, and says so.
func (w *world) blind() bool { return w.mostFailing >= fewLooks }

// TestATooShortQuarantineDoublesFeeds shows what the quarantine is for.
func TestATooShortQuarantineDoublesFeeds(t *testing.T) {
	t.Parallel()
	doubles := func(late time.Duration) (doubles int) {
		for seed := range uint64(long.Pick(t, 15, 40)) {
			w := newWorld(t, t, seed, Config{MaxAttempts: 1000, CallTime: 9 * time.Second, ApplyDelay: time.Second, ShowDelay: time.Second})
			w.amazon.applyLate, w.amazon.showLate = late, late
			for range 100 {
				w.step()
			}
			w.settle()
			doubles += len(w.doubles())
		}
		return doubles
	}
	if n := doubles(time.Second); n != 0 {
		t.Errorf("%d doubles although the quarantine covers all delays", n)
	}
	if n := doubles(5 * time.Minute); n == 0 {
		t.Error("no double although Amazon is later than the quarantine")
	}
}

type failer interface {
	Fatalf(format string, args ...any)
}

// world is a machine, Amazon, the feeds processor, and what is on its way
// between them.
type world struct {
	*runtime
	*machinetest.Traffic[*Machine]
	rt       failer
	amazon   *amazon
	sent     []*schemas.InventoryUpdate
	records  []*machine.Record // updates produced
	skus     int
	name     func(i int) string // of a SKU
	excluded map[string]bool
	faults   int // in a hundred calls
	updates  int
	// unordered reports whether no order of the account is ever known.
	unordered bool
	allow     func() bool // whether the next update may go to a SKU of Amazon's; nil for none

	failing, mostFailing int // look-ups in a row
}

func newWorld(t testing.TB, rt failer, seed uint64, cfg Config) *world {
	random := rand.New(rand.NewPCG(seed, 0))
	w := &world{rt: rt, amazon: newAmazon(random), skus: 1 + random.IntN(30), name: skuName, excluded: map[string]bool{}, faults: random.IntN(30)}
	cfg.PatchBelow = random.IntN(10) - 1
	if random.IntN(3) == 0 {
		cfg.MaxMessages = 1 + random.IntN(8)
	}
	cfg.Excluded = func(_, sku string) bool { return w.excluded[sku] }
	w.runtime = newRuntime(t, cfg)
	w.Traffic = machinetest.NewTraffic(w.Runtime, random, w.arrive)
	w.Depart, w.amazon.after = w.depart, w.After
	w.Intake = func() time.Time {
		w.follow()
		return time.Time{} // what comes up next is an effect at Amazon
	}
	for i := range w.skus {
		switch n := random.IntN(10); {
		case n < 7:
			w.amazon.listed[skuName(i)] = []string{germany, france}
		case n < 9:
			w.amazon.listed[skuName(i)] = []string{france}
		}
	}
	return w
}

func skuName(i int) string { return fmt.Sprint("SKU-", i) }

func (w *world) step() {
	switch n := w.Random.IntN(100); {
	case n < 30:
		w.update(w.Random.IntN(w.skus))
	case n < 40:
		for i := range w.skus {
			w.update(i)
		}
	case n < 43:
		sku := w.name(w.Random.IntN(w.skus))
		w.excluded[sku] = !w.excluded[sku] && w.Random.IntN(3) == 0
	case n < 47:
		w.crash()
	case n < 50:
		w.handOver()
	case n < 54:
		// A tick fails before its commit: its inputs come again, and nothing that it
		// asked for happens.
		n := min(w.Random.IntN(10), len(w.Queue))
		w.Decide(w.Queue[:n], w.Landed()...)
		w.crash()
	case n < 57:
		w.stuck()
	case n < 70:
		w.Advance(time.Duration(w.Random.IntN(3000)) * time.Millisecond)
	case n < 90:
		w.Advance(time.Duration(w.Random.IntN(60)) * time.Second)
	default:
		w.Advance(time.Duration(w.Random.IntN(30)) * time.Minute)
	}
	w.Deliver(w.Random.IntN(20))
}

// update produces an update, sometimes one that is older than the last.
func (w *world) update(sku int) {
	w.updates++
	at := w.Now.Truncate(time.Millisecond)
	if w.Random.IntN(5) == 0 {
		at = at.Add(-time.Duration(w.Random.IntN(600)) * time.Second)
	}
	u := updateOf(w.name(sku), w.Random.IntN(50), at)
	if w.Random.IntN(4) == 0 {
		u.Quantity = 0
	}
	u.UpdateID = fmt.Sprint("u-", w.updates)
	u.Urgent = w.Random.IntN(20) == 0
	if w.allow != nil {
		if u.AllowFulfilledByAmazon = w.allow(); w.Random.IntN(4) == 0 {
			u.FulfillmentChannelCode = "MLI"
		}
		if u.Quantity > 0 { // no two are alike, so that it can be told what has arrived
			u.Quantity = int32(1000 + w.updates)
		}
	}
	rec := w.Records(u)[0]
	w.sent, w.records, w.Queue = append(w.sent, u), append(w.records, rec), append(w.Queue, rec)
}

// stuck makes the feeds processor call a running feed stuck.
func (w *world) stuck() {
	for _, f := range w.amazon.feeds {
		if !f.told && w.submitted(f.FeedID) && (f.ProcessingStatus == model.FeedInQueue || f.ProcessingStatus == model.FeedInProgress) {
			w.Queue = append(w.Queue, w.Records(&schemas.FeedResult{
				EventType: feedlane.EventStuck, Account: testAccount, FeedID: f.FeedID, MarketplaceID: f.MarketplaceIDs[0],
				ProcessingStatus: f.ProcessingStatus, SubmittedTime: f.CreatedTime,
			})...)
			return
		}
	}
}

// follow writes the results of ended feeds, sometimes twice, of those that
// were submitted.
func (w *world) follow() {
	for _, s := range w.submissions {
		for _, f := range w.amazon.feeds {
			if f.FeedID != s.FeedID || f.told || f.ends.IsZero() || f.ends.After(w.Now) {
				continue
			}
			f.told = true
			for range 1 + w.Random.IntN(10)/9 {
				w.Queue = append(w.Queue, w.Records(f.result()...)...)
			}
		}
	}
}

// depart gives a call its fault.
func (w *world) depart(f *machinetest.Flight) {
	if w.Random.IntN(100) < w.faults {
		f.Fault = []string{"lost", "no answer", "late", "throttled", "refused", "not sent", "parked", "retry"}[w.Random.IntN(8)]
	}
}

// arrive ends a call, and counts the look-ups in a row that fail: after some the machine
// no longer waits for the list, and says so.
func (w *world) arrive(f *machinetest.Flight) machine.Outcome {
	outcome := w.end(f)
	if f.Call.Operation == model.GetFeeds {
		switch outcome.(type) {
		case machine.Retry, machine.Reject:
			w.failing++
			w.mostFailing = max(w.mostFailing, w.failing)
		case machine.Done:
			w.failing = 0
		}
	}
	return outcome
}

func (w *world) end(f *machinetest.Flight) machine.Outcome {
	writes := f.Call.Operation == model.CreateFeed || f.Call.Operation == model.PatchListingsItem
	lost := machine.Outcome(machine.Ambiguous{})
	if !model.Writes(f.Call.Operation) {
		lost = machine.Retry{}
	}
	switch f.Fault {
	case "lost":
		return lost
	case "no answer":
		w.amazon.answer(f.Call, f.Arrives, 0)
		return lost
	case "late":
		late := time.Duration(0)
		if writes {
			late = w.amazon.upTo(w.amazon.applyLate)
		}
		w.amazon.answer(f.Call, f.Arrives, late)
		return lost
	case "throttled": // below its own quota
		return machine.Snooze{Throttled: true, For: time.Second}
	case "refused":
		if f.Call.Operation == model.PatchListingsItem { // that would be final
			return machine.Snooze{For: time.Second}
		}
		return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400, Code: "InvalidInput"}}
	case "not sent":
		return machine.Snooze{Unspent: true}
	case "parked":
		return machine.Park{}
	case "retry":
		return machine.Retry{}
	}
	return w.amazon.answer(f.Call, f.Arrives, 0)
}

// crash ends the owner: of the calls under way some were sent, and none is heard of.
func (w *world) crash() {
	w.Flying = slices.DeleteFunc(w.Flying, func(f *machinetest.Flight) bool { return !f.Arrived && w.Random.IntN(2) > 0 })
	w.Crash()
}

// handOver ends the owner as a drain does: calls end, and no new one starts.
func (w *world) handOver() {
	w.Advance(4 * time.Second)
	results := w.Landed()
	tx := &machine.Tx{Now: w.Now}
	for i := range results {
		w.Machine.Result(tx, &results[i])
	}
	w.Commit(tx)
	w.Flying = nil
	w.Restart()
}

// settle delivers what is left and follows the machine's own wishes to be woken.
func (w *world) settle() {
	w.faults = 0
	clear(w.excluded)
	if err := w.Settle(50_000, func() bool { return w.Machine.Pending() == 0 && w.Machine.watches.Len() == 0 }); err != nil {
		w.rt.Fatalf("%v: %v", err, w.pending())
	}
}

// pending describes what is not settled.
func (w *world) pending() string {
	var list []string
	for _, s := range w.Machine.skus {
		if s.work != nil {
			list = append(list, fmt.Sprintf("%s at %d: %+v", s.id(), s.place, *s.work))
		}
	}
	for _, f := range w.Machine.feeds.All() {
		list = append(list, fmt.Sprintf("%s: phase %s, feed %s, busy %v, until %v", f.Key(), f.Phase, f.ID, f.Busy(), f.Until))
	}
	for _, f := range w.amazon.feeds {
		list = append(list, fmt.Sprintf("Amazon's %s: %s, ends %v, told %v", f.FeedID, f.ProcessingStatus, f.ends, f.told))
	}
	return strings.Join(list, "\n")
}

// check takes the indexes of updates that, as the newest, need not be at Amazon.
func (w *world) check(settled map[int]bool) {
	outcomes := map[string]*schemas.InventoryResult{}
	for _, o := range w.results {
		at := fmt.Sprint(o.SourcePartition, "/", o.SourceOffset)
		if outcomes[at] != nil && outcomes[at].Outcome == onlyTaken && o.Outcome != onlyTaken && o.EventID != outcomes[at].EventID {
			delete(outcomes, at)
		}
		if outcomes[at] != nil {
			w.rt.Fatalf("rule 4: %s has two outcomes: %+v and %+v", at, outcomes[at], o)
		}
		outcomes[at] = o
	}
	newest := map[string]int{}
	for i, rec := range w.records {
		u := w.sent[i]
		if outcomes[fmt.Sprint(rec.Partition, "/", rec.Offset)] == nil {
			w.rt.Fatalf("rule 4: no outcome for %+v", u)
		}
		w.checkRefusal(u, outcomes[fmt.Sprint(rec.Partition, "/", rec.Offset)])
		place := placeOf(u.SKU, u.FulfillmentChannelCode)
		last, ok := newest[place]
		if !ok || !u.EventTime.Before(w.sent[last].EventTime) {
			newest[place] = i
		}
	}
	for _, i := range newest {
		if settled[i] {
			continue
		}
		w.checkNewest(w.sent[i], outcomes[fmt.Sprint(w.records[i].Partition, "/", w.records[i].Offset)])
	}
	if len(w.amazon.Denied) > 0 {
		w.rt.Fatalf("rule 6: Amazon answered 429: %v", w.amazon.Denied)
	}
	for _, a := range w.alerts {
		due := a.EventType == alertDrift && (w.amazon.ignores != nil || w.blind()) || (a.EventType == feedlane.AlertUnclear || a.EventType == feedlane.AlertForeign) && w.blind()
		if !slices.Contains([]string{alertNotApplied, alertWaits, alertUnchecked, alertAmazons, "AccountParked", "AccountRecovered"}, a.EventType) && !due {
			w.rt.Fatalf("alert %+v", a)
		}
	}
}

// checkRefusal holds an update that was refused for Amazon's fulfilling to what it says, and to
// rule 8: what was always known to be Amazon's has no quantity of ours.
func (w *world) checkRefusal(u *schemas.InventoryUpdate, o *schemas.InventoryResult) {
	if o.Code != codeFulfilledByAmazon {
		return
	}
	place := placeOf(u.SKU, u.FulfillmentChannelCode)
	if !w.amazon.fulfils[u.SKU] {
		w.rt.Fatalf("rule 8: %s is not Amazon's: %+v", place, o)
	}
	if arrived := fmt.Sprint(place, "=", u.Quantity); u.Quantity > 0 && w.amazon.had[arrived] && strings.Contains(o.Message, "Nothing was sent") {
		w.rt.Fatalf("Amazon had %s, and the outcome says: %s", arrived, o.Message)
	}
	allowed := slices.ContainsFunc(w.sent, func(other *schemas.InventoryUpdate) bool {
		return other.AllowFulfilledByAmazon && placeOf(other.SKU, other.FulfillmentChannelCode) == place
	})
	if got, ok := w.amazon.quantity[place]; ok && !allowed && !w.assumed[u.SKU] {
		w.rt.Fatalf("rule 8: %s is Amazon's, and has quantity %d", place, got)
	}
}

// checkNewest compares the newest update of a SKU with what Amazon has: rule 5.
func (w *world) checkNewest(u *schemas.InventoryUpdate, o *schemas.InventoryResult) {
	sku, want := u.SKU, int(u.Quantity)
	listed := len(w.amazon.listed[sku]) > 0
	amazons := w.amazon.fulfils[sku] && listed && !u.AllowFulfilledByAmazon
	switch o.Outcome {
	case rejected:
		if listed && !(amazons && o.Code == codeFulfilledByAmazon) {
			w.rt.Fatalf("%s is listed, and its newest update was rejected: %+v", sku, o)
		}
	case applied:
		if amazons && !w.assumed[sku] {
			w.rt.Fatalf("rule 8: %s is Amazon's, and has a quantity: %+v", sku, o)
		}
		got := w.amazon.quantity[placeOf(sku, u.FulfillmentChannelCode)]
		if got != want || !listed {
			w.rt.Fatalf("rule 5: %s has quantity %d, the newest is %d: %+v", sku, got, want, o)
		}
	case onlyTaken, unseen:
		if o.Outcome == unseen && w.unordered && w.amazon.quantity[placeOf(sku, u.FulfillmentChannelCode)] < want {
			return
		}
		w.rt.Fatalf("rule 9: %s was not seen: %+v", sku, o)
	case superseded:
		w.rt.Fatalf("the newest update of %s was superseded: %+v", sku, o)
	case failed:
		w.rt.Fatalf("rule 7: %s was given up: %+v", sku, o)
	}
}

// trickle sells something else every few minutes.
func (w *world) trickle(at time.Time) {
	placed := at.Truncate(time.Millisecond)
	w.Queue = append(w.Queue, w.Records(orderOf("1", placed, placed, "OTHER 1"))...)
	w.After(at.Add(10*time.Minute), w.trickle)
}

func (w *world) submitted(id string) bool {
	return slices.ContainsFunc(w.submissions, func(s *schemas.FeedSubmission) bool { return s.FeedID == id })
}

// doubles are the feeds at Amazon that are not submissions.
func (w *world) doubles() []string {
	var list []string
	for _, f := range w.amazon.feeds {
		if !w.submitted(f.FeedID) {
			list = append(list, f.FeedID)
		}
	}
	return list
}
