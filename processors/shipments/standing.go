package shipments

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
	if feeds, ok := entry.(*schemas.FeedLaneState); ok && feeds.FeedType == model.OrderFulfillmentFeed {
		if standing := of(feeds.Account); standing != nil {
			feedlane.Read(feeds, standing, alertUntracked)
		}
		return
	}
	state, ok := entry.(*schemas.ShipmentState)
	if !ok {
		return
	}
	standing := of(state.Account)
	if standing == nil {
		return
	}
	for i := range state.Packages {
		p := &state.Packages[i]
		if state.Status != "SHIPPED" && state.Status != "CANCELLED" { // else it was settled elsewhere
			standing.GaveUp(p.Failure)
		}
		var since, ahead time.Time
		for _, s := range []*schemas.PendingShipment{p.Wanted, p.Sent} {
			if s != nil {
				since, ahead = machine.Earliest(since, s.ReceivedTime), planned(s)
			}
		}
		if since.IsZero() {
			continue
		}
		what := "package " + p.PackageID + " of order " + state.OrderID
		if state.HeldAlert != "" {
			what += " (" + alertHeld + ")"
		}
		if !ahead.IsZero() {
			what += " (shipTime " + ahead.UTC().Format(time.RFC3339) + ")"
		}
		standing.Work(since, what, p.Sent != nil)
		if s := next(p); untracked(s) {
			standing.Call(model.ShareOf(model.CreateFeed, model.OrderFulfillmentFeed))
		} else {
			standing.Call(model.ConfirmShipment)
		}
	}
}
