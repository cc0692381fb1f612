package cancellations

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// read notes what an entry of the state says about its account.
func read(entry any, of func(account string) role.Standing) {
	switch state := entry.(type) {
	case *schemas.CancellationState:
		if standing := of(state.Account); standing != nil {
			readOrder(state, standing)
		}
	case *schemas.FeedLaneState:
		if standing := of(state.Account); standing != nil && state.FeedType == model.OrderAcknowledgementFeed {
			feedlane.Read(state, standing, alertWaits)
		}
	}
}

func readOrder(state *schemas.CancellationState, standing role.Standing) {
	standing.GaveUp(state.Failure)
	what := "cancellation of order " + state.OrderID
	if state.Sent != nil {
		standing.Work(state.Sent.ReceivedTime, what, true)
	}
	for i := range state.Waiting {
		standing.Work(state.Waiting[i].ReceivedTime, what, false)
		standing.Call(model.ShareOf(model.CreateFeed, model.OrderAcknowledgementFeed))
	}
}
