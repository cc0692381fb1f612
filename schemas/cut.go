package schemas

import (
	"maps"
	"slices"
	"strings"
)

// shortText is what is left of a text that is cut, in bytes.
const shortText = 100

// orderCut takes a part of an order away.
type orderCut struct {
	path   string // the part, in Amazon's order
	order  func(*Order)
	line   func(*OrderItem)
	parcel func(*OrderPackage)
}

// orderCuts begins with what is missed least by who fulfils the order.
func orderCuts() []orderCut {
	return []orderCut{
		{path: "extra", order: func(o *Order) { o.Extra, o.BuyerData = "", o.BuyerData.without("extra", "") }},
		{path: "orderItems[].proceeds.breakdowns", line: func(i *OrderItem) { i.Breakdowns = nil }},
		{path: "orderItems[].product.title", line: func(i *OrderItem) { i.Title = shortened(i.Title) }},
		{path: "orderItems[].cancellation.cancellationRequest.cancelReason", line: func(i *OrderItem) { i.CancelReason = shortened(i.CancelReason) }},
		{path: "orderItems[].cancellation.cancellationExecution.cancelReason", line: func(i *OrderItem) { i.CancelledReason = shortened(i.CancelledReason) }},
		{path: "orderItems[].promotion", line: func(i *OrderItem) { i.PromotionIDs = nil }},
		{path: "orderItems[].tax", line: func(i *OrderItem) { i.TaxSchemes, i.TaxCollections = nil, nil }},
		{path: "orderItems[].product.condition.conditionNote", line: func(i *OrderItem) {
			if i.Condition != nil {
				i.Condition = &ItemCondition{ConditionType: i.Condition.ConditionType, ConditionSubtype: i.Condition.ConditionSubtype}
			}
		}},
		{path: "payment", order: func(o *Order) { o.Payments, o.BuyerData = nil, o.BuyerData.without("payments.", "") }},
		{path: "tax", order: func(o *Order) {
			o.TaxRegistrations, o.TaxInvoicing, o.BuyerData = nil, nil, o.BuyerData.without("taxRegistrations.", "")
		}},
		{path: "packages[].shipFromAddress", parcel: func(p *OrderPackage) { p.ShipFrom = nil }},
		{path: "orderItems[].associatedOrderItems", line: func(i *OrderItem) { i.AssociatedItems = nil }},
		{path: "orderItems[].fulfillment.picking.substitutionPreference.substitutionOptions", line: func(i *OrderItem) {
			if i.Substitution != nil {
				i.Substitution = &Substitution{SubstitutionType: i.Substitution.SubstitutionType}
			}
		}},
		{path: "orderItems[].product.title", line: func(i *OrderItem) { i.Title = "" }},
		{path: "orderItems[].programs", line: func(i *OrderItem) { i.Programs = []string{} }},
		{path: "fulfillmentOrders", order: func(o *Order) { o.FulfillmentOrderIDs = nil }},
		{path: "orderItems[].product.serialNumbers", line: func(i *OrderItem) { i.SerialNumbers = nil }},
		{path: "packages[].packageItems[].transparencyCodes", parcel: func(p *OrderPackage) {
			p.Items = slices.Clone(p.Items)
			for i := range p.Items {
				p.Items[i].TransparencyCodes = nil
			}
		}},
		{path: "orderItems[].product.customization", order: func(o *Order) { o.BuyerData = o.BuyerData.without("items.", ".customizedUrl") }},
		{path: "orderItems[].fulfillment.packing.giftOption.giftMessage", order: func(o *Order) { o.BuyerData = o.BuyerData.without("items.", ".giftMessage") }},
	}
}

// Fit makes an order not larger than limit by cutting what its reader misses least, and
// names in Incomplete what it cut. It reports false where what is left is still too large:
// all lines, by their ids and counts, and the packages. The lists of the order are copied
// before they are changed.
func (o *Order) Fit(limit int, size func(*Order) int) bool {
	before := size(o)
	if before <= limit {
		return true
	}
	o.Items, o.Packages = slices.Clone(o.Items), slices.Clone(o.Packages)
	for _, cut := range orderCuts() {
		cut.from(o)
		after := size(o)
		if after < before {
			o.lacks(cut.path)
			after = size(o) // with that
		}
		if before = after; after <= limit {
			return true
		}
	}
	return false
}

// FitAnyhow is Fit, and cuts packages and then lines where that does not do.
func (o *Order) FitAnyhow(limit int, size func(*Order) int) bool {
	if o.Fit(limit, size) {
		return true
	}
	if len(o.Packages) > 0 {
		o.Packages = []OrderPackage{}
		o.lacks("packages")
	}
	for size(o) > limit {
		if len(o.Items) == 0 {
			return false
		}
		o.Items = o.Items[:len(o.Items)/2]
		o.lacks("orderItems")
	}
	return true
}

func (c orderCut) from(o *Order) {
	if c.order != nil {
		c.order(o)
	}
	for i := range o.Items {
		if c.line != nil {
			c.line(&o.Items[i])
		}
	}
	for i := range o.Packages {
		if c.parcel != nil {
			c.parcel(&o.Packages[i])
		}
	}
}

func (o *Order) lacks(path string) {
	if !slices.Contains(o.Incomplete, path) {
		o.Incomplete = append(slices.Clone(o.Incomplete), path)
		slices.Sort(o.Incomplete)
	}
}

// without is the data less the fields whose names begin and end so.
func (d *BuyerData) without(prefix, suffix string) *BuyerData {
	if d == nil {
		return nil
	}
	fields := maps.Clone(d.Fields)
	maps.DeleteFunc(fields, func(name string, _ []byte) bool {
		return strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix)
	})
	return &BuyerData{KeyID: d.KeyID, Fields: fields}
}

func shortened(text string) string {
	if len(text) <= shortText {
		return text
	}
	return strings.ToValidUTF8(text[:shortText-len("…")], "") + "…"
}
