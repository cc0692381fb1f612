package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Each replay of a record has an outcome of its own, and the first one stays.
func TestAReplayedUpdateHasAnOutcomeOfItsOwn(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, feedsOnly())
	records := r.Records(updateOf("A", 1, testStart), updateOf("A", 2, testStart.Add(time.Second)))
	old, newest := records[0], records[1]
	r.Tick(records)
	r.runFeed("1")
	r.Tick([]*machine.Record{machinetest.Again(newest, "r0")}) // while it is in a feed
	r.Take(completed("1", 1, 0))
	first := r.results
	r.outcomesAre(first, "A 1 SUPERSEDED ", "A 2 SUPERSEDED r0", "A 2 APPLIED ")
	r.results = nil
	r.Tick([]*machine.Record{machinetest.Again(old, "r1"), machinetest.Again(newest, "r1")})
	r.Restart()
	r.Now = r.Now.Add(time.Hour) // for tokens
	r.runFeed("2")
	r.Take(completed("2", 1, 0))
	r.Tick([]*machine.Record{machinetest.Again(newest, "r2")})
	r.runFeed("3")
	r.Take(completed("3", 1, 0))
	r.outcomesAre(r.results, "A 1 SUPERSEDED r1", "A 2 APPLIED r1", "A 2 APPLIED r2")
	ids := map[string]bool{}
	for _, result := range append(first, r.results...) {
		ids[result.EventID] = true
	}
	if len(ids) != 6 {
		t.Errorf("%d ids of 6 outcomes", len(ids))
	}
}

// outcomesAre wants results as "SKU quantity OUTCOME replay".
func (r *runtime) outcomesAre(results []*schemas.InventoryResult, want ...string) {
	r.T.Helper()
	var got []string
	for _, o := range results {
		got = append(got, fmt.Sprintf("%s %d %s %s", o.SKU, o.Quantity, o.Outcome, o.Replay))
	}
	if !slices.Equal(got, want) {
		r.T.Fatalf("outcomes %q, want %q", got, want)
	}
}

func TestWhatMayNotBeReplayedIsSetAside(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		age    time.Duration // of the update when it is replayed
		known  bool          // whether its SKU is remembered
		reads  bool          // a replay without effects
		reason string
	}{
		{"without effects", time.Hour, true, true, "replay_without_effects"},
		{"a SKU that was forgotten", keepIdle + time.Hour, false, false, "replay_too_old"},
		{"a SKU that was hardly remembered", keepIdle - time.Minute, false, false, "replay_too_old"},
		{"a SKU that never had a newer update", keepIdle - 2*time.Hour, false, false, ""},
		{"a SKU that is remembered", 30 * 24 * time.Hour, true, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, feedsOnly())
			rec := machinetest.Again(r.Records(updateOf("A", 1, testStart.Add(-test.age)))[0], "r1")
			if test.known {
				r.Take(updateOf("A", 2, testStart.Add(-31*24*time.Hour)))
				r.runFeed("1")
				r.Take(completed("1", 1, 0))
			}
			if test.reads {
				rec.Replay.Effects = false
			}
			pending := r.Machine.Pending()
			r.Tick([]*machine.Record{rec})
			switch {
			case test.reason == "" && (len(r.Letters) > 0 || r.Machine.Pending() != pending+1):
				t.Errorf("dead letters %+v, want the update to be sent", r.Letters)
			case test.reason != "" && (len(r.Letters) != 1 || r.Letters[0].Reason != test.reason || r.Machine.Pending() != pending):
				t.Errorf("dead letters %+v, want one with %s", r.Letters, test.reason)
			}
		})
	}
}

// A feed takes new updates before replayed ones, and
// nothing that is replayed goes by a call of its own.
func TestReplayedUpdatesGoLast(t *testing.T) {
	t.Parallel()
	cfg := Config{MaxMessages: 2, Enough: 2, PatchBelow: 10}
	r := newRuntime(t, cfg)
	var records []*machine.Record
	for _, sku := range []string{"A", "B", "C"} {
		u := updateOf(sku, 0, testStart.Add(-time.Hour))
		u.Urgent = true
		records = append(records, machinetest.Again(r.Records(u)[0], "r1"))
	}
	upload := r.only(r.Tick(records), model.CreateFeedDocument)
	equal(t, "the first feed", messagesOf(upload), []string{"A 0", "B 0"})
	create := r.uploadDone(upload, "d1")
	var values []any
	for _, sku := range []string{"N1", "N2"} {
		values = append(values, updateOf(sku, 5, testStart))
	}
	r.Machine.cfg.PatchBelow = -1
	r.Take(values...)
	r.Done(create, &model.CreateFeedResponse{FeedID: "1"})
	next := r.only(r.Take(completed("1", 2, 0)), model.CreateFeedDocument)
	equal(t, "the next feed", messagesOf(next), []string{"N1 5", "N2 5"})
}
