package shipments

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
)

// referenceNumbers is how many packageReferenceIds there are: 1 to 999,999,999.
// Amazon takes positive numbers only and does not say how large; nine digits
// fit whatever it may keep them in.
const referenceNumbers = 999_999_999

// reference is the packageReferenceId of a package: a number made of a hash of
// the order's and the package's id. attempt is 0 but where another package of
// the order has that number. It must never change: a shipment that comes with
// another id than before is another package to Amazon.
func reference(orderID, packageID string, attempt int, numbers uint64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s%d:%s%d", len(orderID), orderID, len(packageID), packageID, attempt))
	return strconv.FormatUint(binary.BigEndian.Uint64(sum[:])%numbers+1, 10)
}

// newReference is the packageReferenceId of a package that is new to an order:
// the first of its candidates that none of the order's packages has. An id that
// was given by somebody else, in Seller Central say, is not looked at: which of
// Amazon's packages are ours cannot be told once the state is forgotten.
func (m *Machine) newReference(o *order, packageID string) string {
	for attempt := 0; ; attempt++ {
		candidate := reference(o.OrderID, packageID, attempt, m.numbers)
		free := true
		for i := range o.Packages {
			free = free && o.Packages[i].PackageReferenceID != candidate
		}
		if free {
			return candidate
		}
	}
}

// collided reports whether a package of the order has another packageReferenceId
// than the first that its hash gives.
func (m *Machine) collided(o *order) bool {
	for i := range o.Packages {
		p := &o.Packages[i]
		if p.PackageReferenceID != reference(o.OrderID, p.PackageID, 0, m.numbers) {
			return true
		}
	}
	return false
}
