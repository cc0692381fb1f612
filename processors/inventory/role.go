package inventory

import (
	"slices"

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
		About:   "wanted quantities to Amazon, in feeds and single calls",
		Item:    "SKU",
		Heading: "STOCK",
		Inputs: []role.Input{
			{Topic: schemas.InventoryUpdates, Replayed: true, Effects: true, Memory: keepIdle - skew},
			{Topic: schemas.Orders, NeverPaused: true, Recent: recentOrders},      // a sale lowers what may be offered
			{Topic: schemas.FeedResults, NeverPaused: true},                       // they end what the updates begin
			{Topic: schemas.ListingChanges, NeverPaused: true, Recent: oldChange}, // what Amazon shows
		},
		Outputs:    []string{schemas.FeedSubmissions, schemas.InventoryResults, schemas.StockAudits, schemas.Alerts},
		State:      []role.State{{Topic: schemas.StateInventory}, {Topic: schemas.StateInventoryShares, Prefix: lane.SharePrefix}},
		Read:       read,
		Sections:   []string{"inventory"},
		Exclusions: true,
		Operations: Operations(),
		Reasons: slices.Concat(machine.Reasons(), machine.SubjectReasons(), role.Mistakes(
			"empty_sku", "invalid_sku", "negative_quantity",
			"wrong_time_unit", "field_too_long", "not_utf8",
		), []role.Reason{
			{Code: "replay_without_effects", Remedy: "replay it with --effects, if its quantity is to be sent; then discard it"},
			{Code: "replay_too_old", Remedy: "produce the quantity that holds now; then discard it"},
		}),
		Alerts: append(lane.AlertTypes(), feedlane.AlertUnclear, feedlane.AlertForeign, alertNotApplied, alertDrift, alertWaits, alertUnchecked, alertAmazons, alertCatalogue),
		GivesUp: []string{
			codeFulfilledByAmazon, "feed_CANCELLED", "feed_FATAL", "feed_error", "foreign_feed", "ghost_feed", "no_answer", "no_document", "no_report",
			"not_named", "not_processed", codeNotShown, "refused",
		},
	}
}
