package stream

import (
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
)

// A letter that was dealt with must not hide what fails again in a replay.
func TestWhatFailsAgainInAReplayIsAnotherLetter(t *testing.T) {
	t.Parallel()
	id := func(replay *machine.Replay) string {
		rec := &machine.Record{Account: "acme-eu", Partition: 3, Offset: 7, Replay: replay}
		return recordLetter("inventory", "inventory-updates", time.Now(), &machine.DeadLetter{Record: rec}).ID
	}
	first, again, third := id(nil), id(&machine.Replay{ID: "r-1"}), id(&machine.Replay{ID: "r-2"})
	if first == again || again == third || first != id(nil) || again != id(&machine.Replay{ID: "r-1"}) {
		t.Errorf("ids %s, %s and %s", first, again, third)
	}
}
