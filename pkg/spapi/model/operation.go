package model

// Names of the operations as Amazon's models give them (operationId). An
// operation that exists in two versions of an API has one quota in each, so
// the older one is named with its version.
const (
	GetOrder     = "getOrder"     // Orders 2026-01-01
	SearchOrders = "searchOrders" // Orders 2026-01-01

	GetOrderV0                = "v0.getOrder"
	GetOrderItemsV0           = "v0.getOrderItems"
	CreateRestrictedDataToken = "createRestrictedDataToken"
	ConfirmShipment           = "confirmShipment" // Orders v0, which has no successor for it

	CreateFeedDocument = "createFeedDocument"
	CreateFeed         = "createFeed"
	// CreateListingsFeed is no operation but the second throttle of createFeed: a
	// JSON_LISTINGS_FEED spends a token of each.
	CreateListingsFeed = "createFeed/JSON_LISTINGS_FEED"
	GetFeed            = "getFeed"
	GetFeeds           = "getFeeds"
	CancelFeed         = "cancelFeed"
	GetFeedDocument    = "getFeedDocument"

	PatchListingsItem = "patchListingsItem"
	GetListingsItem   = "getListingsItem"

	CreateDestination      = "createDestination"
	GetDestination         = "getDestination"
	GetDestinations        = "getDestinations"
	DeleteDestination      = "deleteDestination"
	CreateSubscription     = "createSubscription"
	GetSubscription        = "getSubscription"
	GetSubscriptions       = "getSubscriptions"
	GetSubscriptionByID    = "getSubscriptionById"
	DeleteSubscriptionByID = "deleteSubscriptionById"
)

// Section is the part of the API that an operation belongs to, as Amazon divides
// its reference; "" for an operation that is not known.
func Section(operation string) string {
	switch operation {
	case GetOrder, SearchOrders, GetOrderV0, GetOrderItemsV0, ConfirmShipment:
		return "orders"
	case CreateRestrictedDataToken:
		return "tokens"
	case CreateFeedDocument, CreateFeed, CreateListingsFeed, GetFeed, GetFeeds, CancelFeed, GetFeedDocument:
		return "feeds"
	case PatchListingsItem, GetListingsItem:
		return "listings"
	case CreateDestination, GetDestination, GetDestinations, DeleteDestination,
		CreateSubscription, GetSubscription, GetSubscriptions, GetSubscriptionByID, DeleteSubscriptionByID:
		return "notifications"
	}
	return ""
}

// Writes says whether an operation changes something at Amazon, so that a
// repeat needs a rule of its own. Unknown operations count as writing.
func Writes(operation string) bool {
	switch operation {
	case GetOrder, SearchOrders, GetOrderV0, GetOrderItemsV0, CreateRestrictedDataToken,
		GetFeed, GetFeeds, GetFeedDocument, GetListingsItem,
		GetDestination, GetDestinations, GetSubscription, GetSubscriptions, GetSubscriptionByID:
		return false
	}
	return true
}
