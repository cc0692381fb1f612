package orders

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
		Name:    Processor,
		About:   "order changes to enriched orders, under each account's quota",
		Item:    "order",
		Heading: "ORDERS",
		Inputs: []role.Input{
			{Topic: schemas.OrderChanges, Replayed: true},
			{Topic: schemas.OrderBackfills, NeverPaused: true},
			{Topic: schemas.OrderLooks, NeverPaused: true}, // few, and who asks waits
		},
		Outputs:    []string{schemas.Orders, schemas.OrderLooksAnswered, schemas.Alerts},
		State:      []role.State{{Topic: schemas.StateOrders}, {Topic: schemas.BuyerKeys, Prefix: BuyerKeyPrefix}},
		Read:       read,
		Sections:   []string{"orders", "buyer_data"},
		Exclusions: true,
		Metrics:    metrics(),
		Operations: Operations(),
		Reasons: slices.Concat(machine.Reasons(), []role.Reason{
			{Code: "invalid_order_id", Remedy: "find who writes the topic; then discard it"},
			{Code: reasonRefused, Remedy: "mend what Amazon's words in the message say, then retry it: the order is fetched again"},
			{Code: reasonTooLarge, Remedy: "read the order in Seller Central; retry it when Amazon's answer has become smaller"},
		}),
		Alerts: append(lane.AlertTypes(), alertFailing, alertRefused, alertSilent),
	}
}
