package inventory

import (
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// read notes what an entry of the state says about its account.
func read(entry any, of func(account string) role.Standing) {
	switch state := entry.(type) {
	case *schemas.InventoryState:
		if standing := of(state.Account); standing != nil {
			readSKU(state, standing)
		}
	case *schemas.FeedLaneState:
		if standing := of(state.Account); standing != nil {
			feedlane.Read(state, standing, alertWaits)
		}
	}
}

func readSKU(state *schemas.InventoryState, standing role.Standing) {
	standing.GaveUp(state.Failure)
	if d := state.Doubt; d != nil && d.Until.After(standing.Now()) {
		standing.Doubt(role.Doubt{Operation: model.PatchListingsItem, SKUs: 1, Since: d.Since, Until: d.Until})
	}
	var since time.Time
	for _, update := range []*schemas.PendingUpdate{state.Wanted, state.Sent, state.Patch} {
		if update != nil {
			since = machine.Earliest(since, update.ReceivedTime)
		}
	}
	if since.IsZero() {
		return
	}
	name := "SKU " + state.SKU
	if channel := state.FulfillmentChannelCode; channel != "" && channel != defaultChannel {
		name += " in channel " + channel
	}
	standing.Work(since, name, state.Sent != nil || state.Patch != nil)
	standing.Tried(state.Attempts)
	switch f := restoredFulfiller(state); {
	case state.Wanted == nil:
	case (f == unlearned || f == amazons) && !state.Wanted.AllowFulfilledByAmazon:
		standing.Unchecked()
	default:
		standing.Quantity()
	}
}
