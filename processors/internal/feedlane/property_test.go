package feedlane

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// TestEachItemEndsOnce interleaves items, also such that are taken back or moved, feeds that end in each way, lost, late and refused
// calls, lost transactions and crashes, and then lets everything settle: each item has one
// end, which is what Amazon made of it; none is in two feeds at a time; rule 1 holds at each
// call, and Amazon never had to say 429.
func TestEachItemEndsOnce(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 20, 200)), func(rt *rapid.T) {
		w := newWorld(t, rt, rapid.Uint64().Draw(rt, "seed"), Config{Patience: 24 * time.Hour}) // so long the search for many that spoil their feeds can take
		for range rapid.IntRange(10, 150).Draw(rt, "steps") {
			w.step()
		}
		w.faults = 0
		if err := w.Settle(50_000, func() bool { return w.Machine.Pending() == 0 }); err != nil {
			rt.Fatalf("%v", err)
		}
		w.checkEnds()
	})
}

// TestFeedsOfAnotherProgram is the same where another program submits feeds of the type, which
// may be taken for ours while an answer is lost.
func TestFeedsOfAnotherProgram(t *testing.T) {
	t.Parallel()
	adopted := 0
	for seed := range uint64(long.Pick(t, 40, 200)) {
		w := newWorld(t, t, seed, Config{Patience: 24 * time.Hour})
		w.others, w.faults = true, 30
		for range 150 {
			w.step()
		}
		w.faults = 0
		if err := w.Settle(50_000, func() bool { return w.Machine.Pending() == 0 }); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		w.alerts = nil // which another program is worth
		w.checkEnds()
		for _, f := range w.feeds {
			if f.items[0] == "" && w.submitted[f.FeedID] {
				adopted++
			}
		}
	}
	t.Logf("%d were taken for ours", adopted)
	if adopted == 0 {
		t.Error("none of its feeds was ever taken for ours")
	}
}

// TestATooShortQuarantineDoublesItems shows what the quarantine is for.
func TestATooShortQuarantineDoublesItems(t *testing.T) {
	t.Parallel()
	const late = 40 * time.Minute
	for _, delay := range []time.Duration{time.Second, late} {
		w := newWorld(t, t, 1, Config{ApplyDelay: delay, ShowDelay: delay})
		w.lenient, w.faults, w.late = true, 0, time.Second
		w.add()
		arrive, lost := w.Arrive, false
		w.Arrive = func(f *machinetest.Flight) machine.Outcome {
			if req, ok := f.Call.Request.(*model.CreateFeedRequest); ok && !lost {
				lost = true
				w.After(f.Arrives.Add(late-time.Minute), func(at time.Time) { w.create("late", req, at) })
				return machine.Ambiguous{}
			}
			return arrive(f)
		}
		if err := w.Settle(1000, func() bool {
			return w.Machine.Pending() == 0 && slices.ContainsFunc(w.feeds, func(f *feed) bool { return f.FeedID == "late" })
		}); err != nil {
			t.Fatal(err)
		}
		if got := w.doubles > 0; got != (delay < late) {
			t.Errorf("with delays of %v the item was in two feeds: %v", delay, got)
		}
	}
}

func (w *world) checkEnds() {
	if len(w.ends) != w.added {
		w.failer.Fatalf("%d ends of %d items", len(w.ends), w.added)
	}
	for key, end := range w.ends {
		want := Accepted
		switch {
		case Kind(end.Quantity) == removed:
			continue
		case w.poison[key]:
			want = Failed
		case w.bad[key]:
			want = Rejected
		}
		if Kind(end.Quantity) != want {
			w.failer.Fatalf("%s ended %d, want %d: %+v", key, end.Quantity, want, end)
		}
		if want == Rejected && end.Message != "not of "+key {
			w.failer.Fatalf("%s has the refusal of another: %+v", key, end)
		}
		carried := 0
		for _, f := range w.feeds {
			if slices.Contains(f.items, key) && f.FeedID == end.FeedID {
				carried++
			}
		}
		if want != Failed && carried != 1 {
			w.failer.Fatalf("%s ended by feed %s, which does not carry it", key, end.FeedID)
		}
	}
	if len(w.Denied) > 0 {
		w.failer.Fatalf("rule 4: Amazon answered 429: %v", w.Denied)
	}
	for _, alert := range w.alerts {
		due := (alert == AlertUnclear || alert == AlertForeign) && w.blind()
		if alert != "CancellationsWait" && alert != "AccountParked" && alert != "AccountRecovered" && !due {
			w.failer.Fatalf("alert %s", alert)
		}
	}
}
