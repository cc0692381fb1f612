package cancellations

import (
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/processors/internal/feedlane"
	"github.com/sellerstream/sellerstream/schemas"
)

// Role describes the role.
func Role() role.Role {
	return role.Role{
		Name:    Processor,
		About:   "orders that the merchant cancels, in feeds",
		Item:    "cancellation",
		Heading: "CANCELS",
		Inputs: []role.Input{
			{Topic: schemas.Cancellations, Replayed: true, Effects: true},
			{Topic: schemas.Orders, NeverPaused: true}, // what cancellations wait for comes from these
			{Topic: schemas.ShipmentConfirmations, NeverPaused: true},
			{Topic: schemas.FeedResults, NeverPaused: true, Recent: time.Hour},
		},
		Outputs:    []string{schemas.FeedSubmissions, schemas.CancellationResults, schemas.Alerts},
		State:      []role.State{{Topic: schemas.StateCancellations}},
		Read:       read,
		Sections:   []string{"cancellations"},
		Operations: Operations(),
		Reasons: slices.Concat(machine.Reasons(), machine.SubjectReasons(), role.Mistakes(
			"invalid_order_id", "invalid_cancellation_id", "invalid_reason", "wrong_time_unit", "invalid_item", "too_large",
		), []role.Reason{
			{Code: "too_many_cancellations", Remedy: "have the producer send one that names all items of the order; then discard it"},
			{Code: "replay_without_effects", Remedy: "replay it with --effects, if it is to be sent again; then discard it"},
			{Code: "replay_too_old", Remedy: "produce it again, if it is still right; then discard it"},
		}),
		Alerts:  append(lane.AlertTypes(), feedlane.AlertUnclear, feedlane.AlertForeign, alertWaits),
		GivesUp: []string{codeNoOrder, codeUncertain, "no_document", "refused"},
	}
}
