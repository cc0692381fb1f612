package model

// IncludedPart is a part of an order that GetOrderRequest.IncludedData can name.
type IncludedPart struct {
	Name string
	// Role is the role at Amazon that brings it, besides one that may read orders; "" for
	// none. Amazon leaves the part out, without an error, where the role is missing.
	Role string
}

// IncludedParts are all parts of orders of Orders 2026-01-01.
func IncludedParts() []IncludedPart {
	const delivery, tax = "Direct-to-Consumer Delivery (restricted)", "Tax Remittance or Tax Invoicing (both restricted)"
	return []IncludedPart{
		{IncludeBuyer, delivery}, {IncludeRecipient, delivery}, {IncludeProceeds, ""}, {IncludeExpense, ""},
		{IncludePromotion, ""}, {IncludeCancellation, ""}, {IncludeFulfillment, ""}, {IncludePackages, ""},
		{IncludeTax, tax}, {IncludePayment, ""}, {IncludeFulfillmentOrders, ""},
	}
}

// RoleOfPart is IncludedPart.Role of the part of that name.
func RoleOfPart(name string) string {
	for _, part := range IncludedParts() {
		if part.Name == name {
			return part.Role
		}
	}
	return ""
}
