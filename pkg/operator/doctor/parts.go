package doctor

import (
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// checkParts is whether Amazon brings what is asked for of an account's orders.
const checkParts = "included data"

// absent adds a row for each part of the account's orders that does not come. Amazon gives
// no error where a role is missing.
func (d *doctor) absent(e *exam, a account) {
	standing := d.standings[e.name]
	if standing == nil {
		return
	}
	for _, part := range standing.Absent {
		role := model.RoleOfPart(part.Part)
		if role == "" {
			role = "a role that may read orders"
		}
		key, without := "orders.included_data", "take "+part.Part+" out of orders.included_data"
		if part.Part == model.IncludeBuyer || part.Part == model.IncludeRecipient {
			key, without = a.key("buyer_data"), "set buyer_data: false for the account"
		}
		cause := fmt.Sprintf("%s is asked for and never comes. Amazon leaves a part out, without an error, where a role is missing: %s needs %s", part.Part, part.Part, role)
		if part.Maybe {
			cause += ". Or no order of the account has it"
		}
		e.add(checkParts, warn(part.Words(), cause,
			fmt.Sprintf("give application %s the role in Seller Central (Develop Apps), then let the seller authorize it again; "+
				"if you do not need the part, %s", a.Application, without)).at("%s", key))
	}
	// FULFILLMENT is always asked for: without it nothing is looked for, and nothing known.
	if len(standing.Absent) == 0 && d.Config.Asks(e.name, model.IncludeFulfillment) {
		e.add(checkParts, good("no part of the orders that is asked for is known to be left out"))
	}
}
