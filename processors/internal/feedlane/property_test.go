package feedlane

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// TestEachItemEndsOnce interleaves items, feeds that end in each way, lost, late and refused
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

func (w *world) checkEnds() {
	if len(w.ends) != w.added {
		w.failer.Fatalf("%d ends of %d items", len(w.ends), w.added)
	}
	for key, end := range w.ends {
		want := Accepted
		switch {
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
		if alert != "CancellationsWait" && alert != "AccountParked" && !due {
			w.failer.Fatalf("alert %s", alert)
		}
	}
}
