package model

import "testing"

// fulfilledMessage is Amazon's, as a seller reported it.
const fulfilledMessage = "Failed to create package due to not finding a matching package or order already fulfilled.  " +
	"ErrorMessage(errorCode=GeneralError, errorDescription=Unable to find package to update for order (202-1234567-8901234), " +
	"errorMetric=PackageToUpdateNotFound, packageIndex=null)"

func TestConfirmation(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  Error
		want Confirmation
	}{
		{"already fulfilled", Error{Class: Invalid, Status: 400, Code: "InvalidInput", Message: fulfilledMessage}, ShipmentFulfilled},
		{"in other letters", Error{Class: Invalid, Status: 400, Message: "Order Already Fulfilled (PackageToUpdateNotFound)"}, ShipmentFulfilled},
		{"no such package, not fulfilled", Error{Class: Invalid, Status: 400, Message: "errorMetric=PackageToUpdateNotFound"}, ShipmentRefused},
		{"these words about a line", Error{Class: Invalid, Status: 400, Message: "item is already fulfilled"}, ShipmentRefused},
		{"wrong line", Error{Class: Invalid, Status: 400, Code: "InvalidInput", Message: "OrderItemId 1 is not in the order"}, ShipmentRefused},
		{"wrong quantity", Error{Class: Invalid, Status: 400, Code: "InvalidInput", Message: "quantity is too large"}, ShipmentRefused},
		{"refused before it was sent", Error{Class: Invalid, Message: fulfilledMessage}, ShipmentRefused},
		{"no such order", Error{Class: NotFound, Status: 404}, ShipmentRefused},
		{"a conflict", Error{Class: Conflict, Status: 409}, ShipmentRefused},
		{"throttled", Error{Class: Throttled, Status: 429}, ShipmentOpen},
		{"forbidden", Error{Class: Forbidden, Status: 403}, ShipmentOpen},
		{"unauthorized", Error{Class: Unauthorized, Status: 401}, ShipmentOpen},
		{"in doubt", Error{Class: Ambiguous, Status: 500, Message: fulfilledMessage}, ShipmentOpen},
		{"no token", Error{Class: Unavailable, TokenMissing: true}, ShipmentOpen},
	} {
		test.err.Operation = ConfirmShipment
		if got := test.err.Confirmation(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if got := (&Error{Operation: GetOrder, Class: Invalid, Status: 400, Message: fulfilledMessage}).Confirmation(); got != ShipmentOpen {
		t.Errorf("another operation's error: %s", got)
	}
}
