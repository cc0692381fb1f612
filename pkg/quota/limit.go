// Package quota owns the token buckets that keep calls within Amazon's usage
// plans: one for each (account, operation) pair. It is pure: time is always an
// argument, and what must survive the owner is handed out as a checkpoint.
package quota

import "github.com/sellerstream/sellerstream/pkg/spapi/model"

// Limit is a usage plan: so many requests per second, and at most Burst at once.
type Limit struct {
	Rate  float64
	Burst int
}

// Overrides gives the usage plan of an account's operation where it is not
// Amazon's default. nil overrides none.
type Overrides func(account, operation string) (Limit, bool)

// Of is the usage plan of an account's operation: the override or, without
// one, Amazon's default.
func (o Overrides) Of(account, operation string) Limit {
	if o != nil {
		if limit, ok := o(account, operation); ok {
			return limit
		}
	}
	limit, _ := Default(operation)
	return limit
}

// Operations are those that Default has a usage plan of.
func Operations() []string {
	return []string{
		model.GetOrder, model.SearchOrders, model.GetOrderV0, model.GetOrderItemsV0,
		model.CreateRestrictedDataToken, model.ConfirmShipment,
		model.CreateFeedDocument, model.CreateFeed, model.CreateListingsFeed, model.GetFeed, model.GetFeeds, model.CancelFeed, model.GetFeedDocument,
		model.PatchListingsItem, model.GetListingsItem,
		model.CreateDestination, model.GetDestination, model.GetDestinations, model.DeleteDestination,
		model.CreateSubscription, model.GetSubscription, model.GetSubscriptions,
		model.GetSubscriptionByID, model.DeleteSubscriptionByID,
	}
}

// Default is Amazon's default usage plan of an operation, as its models state
// it (amzn/selling-partner-api-models, 2026-08-05). Amazon's numbers are kept
// as they are: 0.0083 a second is one in 120.48 seconds, not one in 120. An
// operation that the table does not have is not ok.
func Default(operation string) (limit Limit, ok bool) {
	switch operation {
	case model.GetOrder, model.GetOrderV0, model.GetOrderItemsV0:
		return Limit{0.5, 30}, true
	case model.SearchOrders:
		return Limit{0.0056, 20}, true
	case model.CreateRestrictedDataToken:
		return Limit{1, 10}, true
	case model.ConfirmShipment:
		return Limit{2, 10}, true
	case model.CreateFeedDocument:
		return Limit{0.5, 15}, true
	case model.CreateFeed:
		return Limit{0.0083, 15}, true
	case model.CreateListingsFeed:
		// Amazon says 5 in 5 minutes, but not whether its window slides, nor whether
		// a region's sellers share it. With a token unspent, no more than
		// 2 + 0.01 × 300 = 5 are in any 300 s, whatever the window is, and the rate is
		// above createFeed's own.
		return Limit{0.01, 3}, true
	case model.GetFeed, model.CancelFeed:
		return Limit{2, 15}, true
	case model.GetFeeds, model.GetFeedDocument:
		return Limit{0.0222, 10}, true
	case model.PatchListingsItem:
		return Limit{5, 5}, true
	case model.GetListingsItem:
		return Limit{5, 10}, true
	case model.CreateDestination, model.GetDestination, model.GetDestinations, model.DeleteDestination,
		model.CreateSubscription, model.GetSubscription, model.GetSubscriptions,
		model.GetSubscriptionByID, model.DeleteSubscriptionByID:
		return Limit{1, 5}, true
	}
	return Limit{}, false
}
