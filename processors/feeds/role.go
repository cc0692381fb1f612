package feeds

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/schemas"
)

// Role describes the role.
func Role() role.Role {
	return role.Role{
		Name:       Processor,
		About:      "what became of the feeds",
		Item:       "feed",
		Heading:    "FEEDS",
		Inputs:     []role.Input{{Topic: schemas.FeedSubmissions}, {Topic: schemas.FeedNotifications}},
		Outputs:    []string{schemas.FeedResults, schemas.Alerts},
		State:      []role.State{{Topic: schemas.StateFeeds}},
		Read:       read,
		Metrics:    metrics(),
		Sections:   []string{"feeds"},
		Operations: Operations(),
		Reasons: slices.Concat(machine.Reasons(), []role.Reason{
			{Code: "invalid_feed_id", Remedy: "find who writes the topic; then discard it"},
			{Code: "invalid_feed_type", Remedy: "find who writes the topic; then discard it"},
		}),
		Alerts: append(lane.AlertTypes(), alertStuck, alertUnknown, alertReport, alertForeign),
	}
}
