package shipments

import (
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// maxState is the most bytes of an order's entry (containment rule 1). The rest of
// what the topic takes is for key and batch, and for the times, dates and counts that
// are not there yet.
const maxState = schemas.MaxRecordBytes - 16<<10

// newPackage is what a package takes besides its shipments.
const newPackage = 1 << 10

// lineBytes is what a line takes besides its id.
const lineBytes = 10

// bytes is how large an order's entry can become by what is in it already.
func (o *order) bytes() int {
	bytes := len(o.AppendAvro(nil))
	for i := range o.Packages {
		bytes += confirmedBytes(o.Packages[i].Wanted) + confirmedBytes(o.Packages[i].Sent)
	}
	return bytes
}

// confirmedBytes is what a package keeps of a shipment that is confirmed.
func confirmedBytes(s *schemas.PendingShipment) int {
	if s == nil {
		return 0
	}
	bytes := len(s.TrackingNumber)
	for i := range s.Items {
		bytes += lineBytes + len(s.Items[i].OrderItemID)
	}
	return bytes
}

// bound drops the lines of an order where its entry would be too large with them:
// then Amazon alone checks what is in its packages.
func (o *order) bound(more int) (fits bool) {
	if o.bytes()+more > maxState {
		o.Lines, o.Fulfilled, o.Elsewhere, o.CancelLines, o.Others = nil, nil, nil, nil, nil
	}
	return o.bytes()+more <= maxState
}

// room reports whether an order has room for another shipment, of the package at
// an index or of a new one (-1); else it sets the record aside. The order's other
// packages go on.
func (o *order) room(tx *machine.Tx, rec *machine.Record, at int, next *schemas.PendingShipment) bool {
	more := pendingBytes(next)
	if at >= 0 { // what next takes the place of
		more -= pendingBytes(o.Packages[at].Wanted)
	} else {
		more += newPackage
	}
	if more <= 0 || o.bound(more) {
		return true
	}
	tx.Reject(rec, "too_large", fmt.Sprintf(
		"with it the packages of order %s would be more than the %d bytes that are remembered of an order: produce it again when others have their outcomes, or confirm it in Seller Central",
		o.OrderID, maxState))
	return false
}

func pendingBytes(s *schemas.PendingShipment) int {
	if s == nil {
		return 0
	}
	return len(s.AppendAvro(nil)) + confirmedBytes(s)
}
