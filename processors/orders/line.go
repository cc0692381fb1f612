package orders

import (
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func items(given []model.OrderItem) []schemas.OrderItem {
	lines := make([]schemas.OrderItem, len(given))
	for i := range given {
		lines[i] = line(&given[i])
	}
	byID(lines, func(l *schemas.OrderItem) string { return l.OrderItemID })
	return lines
}

func line(item *model.OrderItem) schemas.OrderItem {
	product := &item.Product
	line := schemas.OrderItem{
		OrderItemID:     item.OrderItemID,
		AssociatedItems: arranged(item.AssociatedItems),
		SellerSKU:       product.SellerSKU,
		ASIN:            product.ASIN,
		Title:           product.Title,
		Condition:       (*schemas.ItemCondition)(product.Condition),
		SerialNumbers:   set(product.SerialNumbers, same),
		QuantityOrdered: item.QuantityOrdered,
		Measurement:     item.Measurement,
		Programs:        sorted(item.Programs),
	}
	if c := product.Customization; c != nil {
		line.HasCustomization = present(c.URL)
	}
	if p := product.Price; p != nil {
		line.UnitPrice, line.PriceDesignation = money(p.UnitPrice), p.Designation
	}
	if c := item.Cancellation; c != nil && c.Request != nil {
		line.CancelRequestedBy, line.CancelReason = c.Request.Requester, c.Request.CancelReason
	}
	if c := item.Cancellation; c != nil && c.Execution != nil {
		line.CancelledBy, line.CancelledReason = c.Execution.CancelledBy, c.Execution.CancelReason
	}
	addFulfillment(&line, item.Fulfillment)
	addSums(&line, item)
	return line
}

// addFulfillment adds how a line is picked, packed and shipped.
func addFulfillment(line *schemas.OrderItem, f *model.ItemFulfillment) {
	if f == nil {
		return
	}
	line.QuantityFulfilled, line.QuantityUnfulfilled = f.QuantityFulfilled, f.QuantityUnfulfilled
	if p := f.Picking; p != nil {
		line.Substitution = p.Substitution
	}
	if p := f.Packing; p != nil {
		if gift := p.Gift; gift != nil {
			line.HasGiftMessage, line.GiftWrapLevel = present(gift.Message), gift.WrapLevel
		}
		if n := p.SerialNumber; n != nil {
			line.SerialNumberRequirement = n.Requirement
		}
	}
	if s := f.Shipping; s != nil {
		line.ScheduledDelivery, line.ShippingConstraints = window(s.ScheduledDelivery), s.Constraints
		if i := s.International; i != nil {
			line.IossNumber = i.IOSS
		}
	}
}

// addSums adds what a line brings and costs, and its taxes.
func addSums(line *schemas.OrderItem, item *model.OrderItem) {
	if p := item.Proceeds; p != nil {
		line.Total = money(p.Total)
		line.Breakdowns = arranged(each(p.Breakdowns, func(b model.ItemBreakdown) schemas.ProceedsBreakdown {
			return schemas.ProceedsBreakdown{
				Type: b.Type, Subtotal: *money(&b.Subtotal),
				Details: arranged(each(b.Details, func(d model.BreakdownDetail) schemas.ProceedsDetail {
					return schemas.ProceedsDetail{Subtype: d.Subtype, Value: money(d.Value)}
				})),
			}
		}))
	}
	if e := item.Expense; e != nil && e.Points != nil && e.Points.Granted != nil {
		granted := e.Points.Granted
		line.Points = &schemas.PointsGranted{PointsNumber: granted.Number, PointsMonetaryValue: money(granted.Value)}
	}
	if p := item.Promotion; p != nil {
		line.PromotionIDs = set(p.Breakdowns, func(b model.PromotionBreakdown) string { return b.ID })
	}
	if t := item.Tax; t != nil {
		line.TaxSchemes = set(t.Calculations, func(c model.TaxCalculation) string { return c.ReportingScheme })
		line.TaxCollections = arranged(t.Collections)
	}
}

func packages(given []model.OrderPackage) []schemas.OrderPackage {
	all := make([]schemas.OrderPackage, 0, len(given))
	for _, p := range given {
		one := schemas.OrderPackage{
			PackageReferenceID: p.PackageReferenceID,
			CreatedTime:        instant(p.CreatedTime),
			Carrier:            p.Carrier,
			ShippingService:    p.ShippingService,
			TrackingNumber:     p.TrackingNumber,
			ShipTime:           instant(p.ShipTime),
			ShipFrom:           p.ShipFrom,
			Items:              make([]schemas.PackageItem, 0, len(p.Items)),
		}
		if p.PackageStatus != nil {
			one.Status, one.DetailedStatus = p.PackageStatus.Status, p.PackageStatus.Detailed
		}
		for _, item := range p.Items {
			one.Items = append(one.Items, schemas.PackageItem{
				OrderItemID: item.OrderItemID, Quantity: item.Quantity, TransparencyCodes: set(item.TransparencyCodes, same),
			})
		}
		byID(one.Items, func(i *schemas.PackageItem) string { return i.OrderItemID })
		all = append(all, one)
	}
	byID(all, func(p *schemas.OrderPackage) string { return p.PackageReferenceID })
	return all
}
