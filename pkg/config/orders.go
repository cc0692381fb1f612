package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Values of Orders.API.
const (
	Orders2026 = "2026-01-01"
	OrdersV0   = "v0"
)

// OrdersV0Ends is the first day (UTC) on which Amazon no longer has Orders v0's
// getOrder and getOrderItems: their last is 2027-03-27.
func OrdersV0Ends() time.Time { return time.Date(2027, time.March, 28, 0, 0, 0, 0, time.UTC) }

// orders checks the block orders at a time: a version that Amazon has ended
// would refuse every order.
func (v *validator) orders(now time.Time) {
	orders := v.cfg.Orders
	v.oneOf("orders.api", orders.API, Orders2026, OrdersV0)
	if orders.API == OrdersV0 && !now.Before(OrdersV0Ends()) {
		v.fault("orders.api", "Amazon ended Orders v0 on 2027-03-27: remove the key, and orders are read with %s", Orders2026)
	}
	for i, part := range orders.IncludedData {
		if !slices.Contains(includedData(), part) {
			v.fault(fmt.Sprintf("orders.included_data[%d]", i), "%q is not a part that Amazon knows: %s", part, strings.Join(includedData(), ", "))
		}
		if part == "BUYER" || part == "RECIPIENT" {
			v.fault(fmt.Sprintf("orders.included_data[%d]", i), "%s is asked for by itself for the accounts that have buyer_data: true; remove it", part)
		}
	}
	if !slices.Contains(orders.IncludedData, "FULFILLMENT") {
		v.fault("orders.included_data", "FULFILLMENT is missing: without it Amazon does not send the order's status")
	}
}

// includedData are the parts that getOrder and searchOrders of Orders
// 2026-01-01 can be asked for.
func includedData() []string {
	return []string{"BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION",
		"FULFILLMENT", "PACKAGES", "TAX", "PAYMENT", "FULFILLMENT_ORDERS"}
}
