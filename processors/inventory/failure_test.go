package inventory

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// What ended FAILED stays in the state, over a restart, until the same update is
// sent again or a newer one comes: `accounts` and `doctor` show it from there
// (containment rule 5).
func TestWhatFailedStaysKnownUntilItIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, sendAgain := range map[string]func(r *runtime, failed *machine.Record) []*machine.Record{
		"a replay": func(_ *runtime, failed *machine.Record) []*machine.Record {
			return []*machine.Record{machinetest.Again(failed, "r1")}
		},
		"a newer quantity": func(r *runtime, _ *machine.Record) []*machine.Record { return r.Records(updateOf("A", 2, r.Now)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, feedsOnly())
			a := newAmazonOf(r)
			a.answers[model.CreateFeed] = func(machine.Call) machine.Outcome { return refusedWith(model.Invalid, "InvalidInput") }
			records := r.Records(updateOf("A", 1, testStart))
			r.Follow(0, r.Tick(records), a.answer)
			a.follow(r.Machine.cfg.Patience - time.Hour)
			if f := r.sku("A").Failure; f != nil {
				t.Fatalf("known as failed while it is tried: %+v", f)
			}
			a.follow(2 * time.Hour)
			r.Restart()
			r.Tick(nil)
			r.Take(updateOf("B", 1, testStart)) // whatever else is written
			f := r.sku("A").Failure
			if f == nil || f.Code != "InvalidInput" || f.SourceOffset == nil || *f.SourceOffset != records[0].Offset || *f.SourcePartition != records[0].Partition {
				t.Fatalf("the state says %+v, want InvalidInput of offset %d", f, records[0].Offset)
			}
			delete(a.answers, model.CreateFeed)
			r.Follow(0, r.Tick(sendAgain(r, records[0])), a.answer)
			if f := r.sku("A").Failure; f != nil {
				t.Fatalf("known as failed while it is sent again: %+v", f)
			}
			a.follow(time.Hour)
			if last := r.results[len(r.results)-1]; last.Outcome != applied || r.sku("A").Failure != nil {
				t.Errorf("outcome %+v, failure %+v", last, r.sku("A").Failure)
			}
		})
	}
}

// Only the newest update can be sent again, so that only it is known as failed.
func TestOnlyTheNewestUpdateIsKnownAsFailed(t *testing.T) {
	t.Parallel()
	s := New(Config{}).newSKU(testAccount, defaultChannel, "A")
	s.newest = stamp{time: 2, offset: 2}
	for offset, known := range map[int64]bool{1: false, 2: true} {
		s.failure = nil
		s.failed(testStart, &update{stamp: stamp{time: millis(offset), offset: offset}}, verdict{code: "InvalidInput"})
		if (s.failure != nil) != known {
			t.Errorf("offset %d: %+v", offset, s.failure)
		}
	}
}

// A doubt says since when it is, over restarts: `accounts` shows it.
func TestADoubtSaysSinceWhen(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(r *runtime, patch machine.Call){
		"a lost answer": func(r *runtime, patch machine.Call) { r.End(patch, machine.Ambiguous{}) },
		"a takeover":    func(r *runtime, _ machine.Call) { r.Restart(); r.Tick(nil) },
	} {
		r := newRuntime(t, doubts())
		patch := r.only(r.Take(updateOf("A", 0, testStart)), model.PatchListingsItem)
		began := r.Now
		r.Now = r.Now.Add(5 * time.Second)
		lose(r, patch)
		r.Restart()
		r.Tick(nil)
		d := r.State(skuKey(testAccount, "", "A")).(*schemas.InventoryState).Doubt
		if d == nil || d.Since.Sub(began).Abs() > time.Second || !d.Until.After(r.Now) {
			t.Errorf("%s: %+v, want since %v", name, d, began)
		}
	}
}
