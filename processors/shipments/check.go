package shipments

import (
	"fmt"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// Codes of what the check against the order refuses.
const (
	codeUnknownItem = "unknown_item"
	codeTooLarge    = "quantity_too_large"
	codeTooEarly    = "shipped_before_order"
	codeLabel       = "label_by_amazon"
	codeElsewhere   = "packed_elsewhere"
	codeCOD         = "cod_only_in_japan"
)

// screen rejects the shipments that the order, as far as it is known, cannot
// have, one after the other as they would be confirmed.
func (m *Machine) screen(tx *machine.Tx, o *order) {
	for p := m.first(o); p != nil && p.Sent == nil; p = m.first(o) {
		code, message := o.misfit(p)
		if code == "" {
			code, message = m.unwanted(o, p)
		}
		if code == "" {
			return
		}
		m.reject(tx, o, p, p.Wanted, code, message)
		p.Wanted = nil
	}
}

// misfit returns why the order cannot have the wanted shipment of a package: it is older
// than the order by more than a day, or has a line that the order does not have, or more
// units, with what Amazon has confirmed in its other packages, than were ordered. For
// what somebody else has confirmed see unwanted.
func (o *order) misfit(p *schemas.PackageState) (code, message string) {
	if placed := o.PlacedTime; !placed.IsZero() && !p.Wanted.Settled && p.Wanted.ShipTime.Before(placed.Add(-mostBefore)) {
		return codeTooEarly, fmt.Sprintf("shipTime %s is more than %.0f hours before order %s was placed, at %s: correct it at the producer",
			p.Wanted.ShipTime.UTC().Format(time.RFC3339), mostBefore.Hours(), o.OrderID, placed.UTC().Format(time.RFC3339))
	}
	if len(o.Lines) == 0 { // not known, or not shown yet
		return "", ""
	}
	units := make(map[string]int64)
	for i := range o.Packages {
		if other := &o.Packages[i]; other.PackageID != p.PackageID {
			for _, u := range other.Units {
				units[u.OrderItemID] += int64(u.Quantity)
			}
		}
	}
	for _, item := range p.Wanted.Items {
		ordered, known := o.ordered(item.OrderItemID)
		if !known {
			return codeUnknownItem, fmt.Sprintf(
				"order %s has no line %s: correct the item at the producer", o.OrderID, item.OrderItemID)
		}
		units[item.OrderItemID] += int64(item.Quantity)
		if packed := units[item.OrderItemID]; packed > ordered {
			return codeTooLarge, fmt.Sprintf(
				"line %s of order %s has %d units, its packages would hold %d: correct the quantity at the producer",
				item.OrderItemID, o.OrderID, ordered, packed)
		}
	}
	return "", ""
}

// ordered is how many units of a line were ordered.
func (o *order) ordered(orderItemID string) (units int64, known bool) {
	for _, line := range o.Lines {
		if line.OrderItemID == orderItemID {
			units, known = units+int64(line.Quantity), true
		}
	}
	return units, known
}
