package shipments

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
		About:   "packages that were shipped, confirmed to Amazon",
		Item:    "package",
		Heading: "SHIPMENTS",
		Inputs: []role.Input{
			{Topic: schemas.Shipments, Replayed: true, Effects: true},
			{Topic: schemas.Orders, NeverPaused: true}, // what shipments wait for comes from there
			{Topic: schemas.OrderLooksAnswered, NeverPaused: true},
			{Topic: schemas.FeedResults, NeverPaused: true, Recent: time.Hour}, // which end the feeds; there is none before
		},
		Outputs:    []string{schemas.ShipmentConfirmations, schemas.OrderLooks, schemas.FeedSubmissions, schemas.Alerts},
		State:      []role.State{{Topic: schemas.StateShipments}},
		Read:       read,
		Sections:   []string{"shipments"},
		Operations: Operations(),
		Reasons: slices.Concat(machine.Reasons(), machine.SubjectReasons(), role.Mistakes(
			"invalid_order_id", "invalid_package_id", "no_tracking_number", "no_carrier", "wrong_time_unit",
			"invalid_ship_time", "invalid_item", "invalid_cancellation", "invalid_cod_collection_method", "invalid_for_feed", "not_utf8", "no_items",
		), []role.Reason{
			{Code: "ship_time_ahead", Remedy: "retry it a day before that time or later; or have the producer send it when the carrier has the package, and discard it"},
			{Code: "too_large", Remedy: "have the producer divide the package and send it again; then discard it"},
			{Code: "too_many_packages", Remedy: "have the producer send fewer packages of the order; then discard it"},
			{Code: "replay_without_effects", Remedy: "replay it with --effects, if it is to be confirmed again; then discard it"},
			{Code: "replay_too_old", Remedy: "produce the shipment that holds now; then discard it"},
		}),
		Alerts: append(lane.AlertTypes(), alertRefused, alertAtRisk, alertNotShown, alertMissing, alertHeld, alertCarrier,
			alertUntracked, feedlane.AlertUnclear, feedlane.AlertForeign),
		GivesUp: []string{codeUnknownItem, codeTooLarge, codeTooEarly, codeLabel, codeElsewhere, codeCOD, codeNoReference, codeCancelled, codeAsked, codeKept},
	}
}
