package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Values of Orders.API.
const (
	Orders2026 = "2026-01-01"
	OrdersV0   = "v0"
)

// OrdersV0Ends is the first day (UTC) on which Amazon no longer has Orders v0's
// getOrder and getOrderItems: their last is 2027-03-27.
func OrdersV0Ends() time.Time { return time.Date(2027, time.March, 28, 0, 0, 0, 0, time.UTC) }

func defaultOrders() Orders {
	return Orders{
		API:          Orders2026,
		IncludedData: []string{"FULFILLMENT", "PROCEEDS", "PROMOTION", "CANCELLATION", "PACKAGES"},
		Reconcile:    Reconcile{Every: 3 * time.Minute, Lookback: 24 * time.Hour},
		Silence:      30,
		Patience:     24 * time.Hour,
	}
}

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
	if every := orders.Reconcile.Every; every != 0 { // 0: never
		v.duration("orders.reconcile.every", every, leastReconcile, 24*time.Hour)
	}
	v.duration("orders.reconcile.lookback", orders.Reconcile.Lookback, 0, maxLookback)
	v.duration("orders.backfill", orders.Backfill, 0, MaxBackfill)
	if orders.Backfill > 0 && orders.Reconcile.Every == 0 {
		v.fault("orders.backfill", "orders.reconcile.every is 0s, and an account is new when it is searched first: write how often it is searched, such as 3m")
	}
	v.duration("orders.patience", orders.Patience, time.Hour, maxPatience)
	if orders.Silence != 0 { // 0: no alerts
		v.between("orders.silence", orders.Silence, leastSilence, 1000)
	}
}

// wanted checks which orders an account wants.
func (v *validator) wanted(path string, w Wanted) {
	for _, list := range []struct {
		key            string
		given, allowed []string
	}{
		{"fulfilled_by", w.FulfilledBy, []string{model.FulfilledByMerchant, model.FulfilledByAmazon}},
		{"change_types", w.ChangeTypes, model.OrderChangeTypes()},
	} {
		for i, value := range list.given {
			at := fmt.Sprintf("%s.%s[%d]", path, list.key, i)
			v.oneOf(at, value, list.allowed...)
			if slices.Contains(list.given[:i], value) {
				v.fault(at, "%q is given twice: keep one", value)
			}
		}
	}
	if len(w.ChangeTypes) > 0 && !slices.Contains(w.ChangeTypes, model.OrderStatusChange) {
		v.fault(path+".change_types", "%s is missing: without it new orders come minutes late, by searches alone", model.OrderStatusChange)
	}
	if w.FilterExpression && len(w.FulfilledBy) != 1 {
		v.fault(path+".filter_expression", "it says by whom the orders are shipped that Amazon notifies: write one of the two under %s.fulfilled_by", path)
	}
}

const (
	// leastReconcile is how often a test may search; Amazon's quota lasts for one
	// in three minutes.
	leastReconcile = time.Minute
	// maxLookback bounds how many orders a new account brings at once.
	maxLookback = 30 * 24 * time.Hour
	// MaxBackfill is for how long Amazon shows orders.
	MaxBackfill = 2 * 365 * 24 * time.Hour
	// maxPatience is less than the week for which an order without work is
	// remembered.
	maxPatience = 6 * 24 * time.Hour
	// leastSilence is reported by mistake once in e^8 = 3,000 pauses, at best.
	leastSilence = 8
)

// Asks reports whether a part of an account's orders is asked for, and whether it comes is known.
func (c *Config) Asks(account, part string) bool {
	if c.Orders.API == OrdersV0 || c.Orders.Reconcile.Every == 0 { // what comes is counted by searches
		return false
	}
	if part == model.IncludeBuyer || part == model.IncludeRecipient {
		return slices.ContainsFunc(c.Accounts, func(a Account) bool { return a.ID == account && a.BuyerData })
	}
	return slices.Contains(c.Orders.IncludedData, part)
}

// includedData are the parts that getOrder and searchOrders of Orders
// 2026-01-01 can be asked for.
func includedData() (names []string) {
	for _, part := range model.IncludedParts() {
		names = append(names, part.Name)
	}
	return names
}
