// Package ordersv0 owns what is particular about reading orders with Orders v0, which
// Amazon ends on 2027-03-27. docs/RECIPES.md says what else goes when this folder goes.
//
// Orders v0 gives an order in several calls: getOrder, then getOrderItems once for each
// page, each under its own quota. The order comes first, so that its items are never
// older than the time that the event has: a change between the calls is notified, and
// fetched again. Buyer data comes with getOrder, which then needs a restricted data
// token: the client keeps one for each account, and asks for it once an hour.
package ordersv0
