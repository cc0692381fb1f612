package feedlane

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

var testStart = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// However many feeds of others there are, what the lane remembers of them fits a record.
func TestWhatALaneRemembersFitsARecord(t *testing.T) {
	t.Parallel()
	c := NewCore(Config{Role: "inventory", FeedType: model.JSONListingsFeed}, Hooks[int, struct{}]{})
	f := c.Lane("acme-eu", "A1PA6795UKMFR9")
	for n := range 3 * maxKnown {
		f.know(fmt.Sprintf("%0100d", n), testStart)
		f.wantCancel(fmt.Sprintf("%0100d", n))
	}
	tx := &machine.Tx{Now: testStart}
	f.Save(tx)
	if size := len(tx.State[f.Key()].(schemas.Value).AppendAvro(nil)); size > schemas.MaxRecordBytes/2 {
		t.Errorf("its entry has %d bytes", size)
	}
	if !f.knows(fmt.Sprintf("%0100d", 3*maxKnown-1)) || len(f.known) != maxKnown || len(f.cancel) != maxCancel {
		t.Errorf("%d feeds are known, %d to be cancelled", len(f.known), len(f.cancel))
	}
}

// A lane's entry of another feed type, phase or size is no entry that can be gone on with.
func TestAnEntryThatCannotBeRestored(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]schemas.FeedLaneState{
		"another type":     {FeedType: "OTHER", Phase: PhaseIdle},
		"an unknown phase": {FeedType: model.JSONListingsFeed, Phase: "NEW"},
		"too large":        {FeedType: model.JSONListingsFeed, Phase: PhaseIdle, Messages: model.MaxFeedMessages + 1},
	} {
		c := NewCore(Config{Role: "inventory", FeedType: model.JSONListingsFeed}, Hooks[int, struct{}]{})
		state.Account, state.MarketplaceID = "a", "m"
		if err := c.Restore(Key("a", state.FeedType, "m"), &state, 0); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
}
