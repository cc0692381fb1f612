package orders

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Event types.
const (
	OrderChanged   = "OrderChanged"
	OrderCancelled = "OrderCancelled"
)

const statusUnknown = "UNKNOWN"

// Who has to fulfil an order.
const (
	responsibilityOurs      = "OURS"
	responsibilityMixed     = "MIXED"
	responsibilityElsewhere = "ELSEWHERE"
)

// newEvent is Amazon's order in our schema, without id and origin. Lists that Amazon may give in any
// order are sorted, times are in UTC and milliseconds: two answers that say the
// same must give the same event id. Lines whose SKUs are excluded, if any, are
// marked first: that is content, since fulfilment acts on it.
func newEvent(account string, order *model.Order, excluded func(account, sku string) bool) *schemas.Order {
	event := &schemas.Order{
		EventType:       OrderChanged,
		Account:         account,
		OrderID:         order.OrderID,
		MarketplaceID:   order.SalesChannel.MarketplaceID,
		MarketplaceName: order.SalesChannel.MarketplaceName,
		SalesChannel:    order.SalesChannel.ChannelName,
		Status:          statusUnknown,
		Responsibility:  responsibilityOurs,
		CreatedTime:     instant(order.CreatedTime),
		LastUpdatedTime: instant(order.LastUpdatedTime),
		Programs:        sorted(order.Programs),
		Items:           items(order.Items),
		Packages:        packages(order.Packages),
		Incomplete:      few(order.Incomplete),
	}
	if p := order.Proceeds; p != nil {
		event.GrandTotal = money(p.GrandTotal)
	}
	if f := order.Fulfillment; f != nil {
		if f.Status != "" {
			event.Status = f.Status
		}
		event.FulfilledBy = f.FulfilledBy
		event.ServiceLevel = f.ServiceLevel
		event.ShipBy = window(f.ShipByWindow)
		event.DeliverBy = window(f.DeliverByWindow)
	}
	if event.Status == model.StatusCancelled {
		event.EventType = OrderCancelled
	}
	markElsewhere(event, excluded)
	return event
}

// markElsewhere marks the lines that another service manages, and returns what the
// order's status becomes by it.
func markElsewhere(event *schemas.Order, excluded func(account, sku string) bool) {
	if excluded == nil {
		return
	}
	marked := 0
	for i := range event.Items {
		item := &event.Items[i]
		if item.ManagedElsewhere = excluded(event.Account, item.SellerSKU); item.ManagedElsewhere {
			marked++
		}
	}
	switch {
	case marked == 0:
	case marked < len(event.Items):
		event.Responsibility = responsibilityMixed
	default:
		event.Responsibility = responsibilityElsewhere
	}
}

// contentID hashes the event's content, which holds account, type, order id and
// lastUpdatedTime too. The event must not have its id, origin or replaces set:
// they describe how we came to it, not its content. A field that is added to the
// schema later must be omitted from JSON when empty, or all ids change.
func contentID(event *schemas.Order) string {
	content, err := json.Marshal(event)
	if err != nil {
		panic("orders: an event that cannot be marshalled: " + err.Error()) // plain data: a bug
	}
	return schemas.ContentID(content)
}

// eventID is the id of the event with that content in this pipeline.
func eventID(tx *machine.Tx, content string) string { return tx.EventID("Order", content) }

func items(given []model.OrderItem) []schemas.OrderItem {
	lines := make([]schemas.OrderItem, 0, len(given))
	for _, item := range given {
		line := schemas.OrderItem{
			OrderItemID:     item.OrderItemID,
			SellerSKU:       item.Product.SellerSKU,
			ASIN:            item.Product.ASIN,
			Title:           item.Product.Title,
			QuantityOrdered: item.QuantityOrdered,
			Programs:        sorted(item.Programs),
		}
		if p := item.Product.Price; p != nil {
			line.UnitPrice = money(p.UnitPrice)
		}
		if p := item.Proceeds; p != nil {
			line.Total = money(p.Total)
		}
		if c := item.Cancellation; c != nil && c.Request != nil {
			line.CancelRequestedBy = c.Request.Requester
			line.CancelReason = c.Request.CancelReason
		}
		if f := item.Fulfillment; f != nil {
			line.QuantityFulfilled = f.QuantityFulfilled
			line.QuantityUnfulfilled = f.QuantityUnfulfilled
		}
		lines = append(lines, line)
	}
	slices.SortStableFunc(lines, func(a, b schemas.OrderItem) int { return strings.Compare(a.OrderItemID, b.OrderItemID) })
	return lines
}

func packages(given []model.OrderPackage) []schemas.OrderPackage {
	all := make([]schemas.OrderPackage, 0, len(given))
	for _, p := range given {
		one := schemas.OrderPackage{
			PackageReferenceID: p.PackageReferenceID,
			Carrier:            p.Carrier,
			ShippingService:    p.ShippingService,
			TrackingNumber:     p.TrackingNumber,
			ShipTime:           instant(p.ShipTime),
			Items:              make([]schemas.PackageItem, 0, len(p.Items)),
		}
		if p.PackageStatus != nil {
			one.Status = p.PackageStatus.Status
		}
		for _, item := range p.Items {
			one.Items = append(one.Items, schemas.PackageItem{OrderItemID: item.OrderItemID, Quantity: item.Quantity})
		}
		slices.SortStableFunc(one.Items, func(a, b schemas.PackageItem) int { return strings.Compare(a.OrderItemID, b.OrderItemID) })
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b schemas.OrderPackage) int {
		return strings.Compare(a.PackageReferenceID, b.PackageReferenceID)
	})
	return all
}

func money(given *model.Money) *schemas.Money {
	if given == nil {
		return nil
	}
	return &schemas.Money{Amount: given.Amount, Currency: given.CurrencyCode}
}

func window(given *model.DateTimeRange) *schemas.TimeWindow {
	if given == nil {
		return nil
	}
	return &schemas.TimeWindow{Earliest: instant(given.Earliest), Latest: instant(given.Latest)}
}

// instant is t in UTC and milliseconds. JSON has no form for a time outside the
// years 1 to 9999, so such a time becomes the zero time.
func instant(t time.Time) time.Time {
	t = t.UTC().Truncate(time.Millisecond)
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// maxIncomplete bounds what an order says of what it lacks.
const maxIncomplete = 20

// few are paths without repetition, in order; nil for none.
func few(paths []string) []string {
	if len(paths) == 0 {
		return nil
	}
	paths = slices.Compact(slices.Sorted(slices.Values(paths)))
	return paths[:min(len(paths), maxIncomplete)]
}

func sorted(given []string) []string {
	list := append(make([]string, 0, len(given)), given...)
	slices.Sort(list)
	return list
}
