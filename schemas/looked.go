package schemas

// Looked returns what an order shows of its shipments, as the answer to a look at it.
func (o *Order) Looked() *OrderLooked {
	looked := &OrderLooked{
		Account: o.Account, OrderID: o.OrderID, LastUpdatedTime: o.LastUpdatedTime, Status: o.Status,
		Packages: make([]SeenPackage, 0, len(o.Packages)),
	}
	for i := range o.Items {
		if n := o.Items[i].QuantityFulfilled; n != nil && *n > 0 {
			looked.Fulfilled = append(looked.Fulfilled, LineUnits{OrderItemID: o.Items[i].OrderItemID, Quantity: *n})
		}
	}
	for i := range o.Packages {
		looked.Packages = append(looked.Packages, SeenPackage{
			PackageReferenceID: o.Packages[i].PackageReferenceID, TrackingNumber: o.Packages[i].TrackingNumber,
		})
	}
	return looked
}
