package feedlane

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Read notes what the entry of a lane says about its account. waits is the alert about items
// that wait while feeds fail.
func Read(state *schemas.FeedLaneState, standing role.Standing, waits string) {
	createFeed := model.CreateFeed
	if share := model.ShareOf(createFeed, state.FeedType); slices.Contains(model.SharingFeeds(), state.FeedType) {
		createFeed = share
	}
	if !state.FailingSince.IsZero() && state.Phase != PhaseParked {
		wait := role.Wait{Operation: createFeed, Reason: state.Failing, Since: state.FailingSince, Until: state.DoubtUntil}
		if state.Told {
			wait.Alerts = []string{waits}
		}
		standing.Wait(wait)
	}
	feed := role.Feed{
		ID: state.FeedID, Type: state.FeedType, MarketplaceID: state.MarketplaceID, Phase: state.Phase,
		Messages: int(state.Messages), Stuck: state.Stuck, Since: state.IntentTime, Blocks: state.Phase != PhaseIntent,
	}
	switch state.Phase {
	case PhaseRunning:
		feed.Since = state.SubmittedTime
	case PhaseIntent:
		standing.Call(createFeed)
		if !state.DoubtUntil.IsZero() { // else the call is under way
			standing.Doubt(role.Doubt{Operation: createFeed, MarketplaceID: state.MarketplaceID, SKUs: int(state.Messages), Since: state.IntentTime, Until: state.DoubtUntil})
		}
	case PhaseParked:
		standing.Wait(role.Wait{
			Operation: createFeed, Since: state.IntentTime,
			Reason: "several feeds of Amazon's may be the one that was submitted: see the alert FeedsUnclear", Alerts: []string{AlertUnclear},
		})
	default:
		return
	}
	standing.Feed(feed)
}
