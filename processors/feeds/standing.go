package feeds

import (
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// read notes what an entry of the state says about its account.
func read(entry any, of func(account string) role.Standing) {
	state, ok := entry.(*schemas.FeedState)
	if !ok || state.Phase != running && state.Phase != report {
		return
	}
	standing := of(state.Account)
	if standing == nil {
		return
	}
	standing.Work(state.SubmittedTime, "feed "+state.FeedID, true)
	standing.Tried(state.Attempts)
	if state.Phase == report {
		standing.Call(model.GetFeedDocument)
	}
	standing.Feed(role.Feed{
		ID: state.FeedID, Type: state.FeedType, MarketplaceID: state.MarketplaceID, Phase: state.Phase, Report: state.Phase == report,
		Status: state.ProcessingStatus, Since: state.SubmittedTime, Stuck: !state.StuckTime.IsZero(),
	})
}
