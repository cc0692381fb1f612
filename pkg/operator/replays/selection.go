package replays

import (
	"slices"

	"github.com/sellerstream/sellerstream/schemas"
)

// Selection is which records of a range are meant; none of a kind means all.
type Selection struct{ Accounts, Types, Orders []string }

// Empty reports whether all records are meant.
func (s Selection) Empty() bool { return len(s.Accounts)+len(s.Types)+len(s.Orders) == 0 }

// DetailTypes are those of a topic's events; none where they are not a fixed set.
func DetailTypes(topic string) (types []string) {
	for _, e := range schemas.Events() {
		switch {
		case e.Topic != topic:
		case e.DetailType == "":
			return nil
		default:
			types = append(types, e.DetailType)
		}
	}
	return types
}

// TopicsOfOrders are the topics whose records name an order.
func TopicsOfOrders() []string {
	return []string{schemas.Orders, schemas.OrderChanges, schemas.Shipments, schemas.ShipmentConfirmations, schemas.Cancellations, schemas.CancellationResults}
}

// wants reports whether a record is meant. kind is its detail-type or changeType.
func (s Selection) wants(account, kind string, value any) bool {
	return s.wantsAccount(account) &&
		(len(s.Types) == 0 || slices.Contains(s.Types, kind)) &&
		(len(s.Orders) == 0 || slices.Contains(s.Orders, orderOf(value)))
}

func (s Selection) wantsAccount(account string) bool {
	return len(s.Accounts) == 0 || slices.Contains(s.Accounts, account)
}

// orderOf is the order that a record is about.
func orderOf(value any) string {
	switch v := value.(type) {
	case *schemas.Order:
		return v.OrderID
	case *schemas.OrderChange:
		return v.OrderID
	case *schemas.Shipment:
		return v.OrderID
	case *schemas.ShipmentConfirmation:
		return v.OrderID
	case *schemas.Cancellation:
		return v.OrderID
	case *schemas.CancellationResult:
		return v.OrderID
	}
	return ""
}

// subjectOf is what the processing of a record makes at most one call for.
func subjectOf(value any) string {
	switch v := value.(type) {
	case *schemas.InventoryUpdate:
		return v.MarketplaceID + "/" + v.SKU
	case *schemas.Shipment:
		return v.OrderID + "/" + v.PackageID
	}
	return orderOf(value)
}
