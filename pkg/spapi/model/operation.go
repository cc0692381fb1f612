package model

import "strings"

// Names of the operations as Amazon's models give them (operationId). An
// operation that exists in two versions of an API has one quota in each, so
// the older one is named with its version. Each has a row in the table below.
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

	SearchListingsItems = "searchListingsItems"

	CreateReport      = "createReport"
	GetReport         = "getReport"
	GetReportDocument = "getReportDocument"

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

// Operation is what the project knows of one operation of the SP-API.
type Operation struct {
	Name    string
	Section string // the part of Amazon's reference that it is in
	Method  string
	Path    string // as Amazon's model has it, with {parameters}
	Success int    // the status of a success; 0 means 200

	// Scope is that of the grantless token that it takes; "" for a seller's token.
	Scope Scope
	// Restricted reports whether it also takes a restricted data token, for a
	// buyer's data.
	Restricted bool

	Writes bool   // whether it changes something at Amazon
	Repeat Repeat // how a writing call may be made again
	// Once reports whether it needs a connection that sends nothing twice and nothing
	// late.
	Once bool

	// OneItem reports whether a call is about one item, such as an order, a SKU or a
	// feed. Its key then names the item, and a refusal can be the item's fault.
	OneItem bool
	// Document reports whether a document goes to or comes from another host in the
	// course of the call.
	Document bool

	Rate  float64 // Amazon's default limit ("usage plan"), in requests per second
	Burst int     // and how many at once
	// ApplicationRate is the limit in requests per second that the accounts of an
	// application share in a region; 0 where Amazon states none. It states no burst.
	ApplicationRate float64
}

// Repeat is how a writing call may be made again when its answer was lost.
type Repeat uint8

const (
	// RepeatAfterLook is for a call that would do it a second time: look whether it
	// has happened.
	RepeatAfterLook Repeat = iota
	// RepeatSame is for a call whose repeat has the same effect, unless something newer
	// was sent meanwhile.
	RepeatSame
	// RepeatFreely is for a call whose effect nobody sees until another call uses it.
	RepeatFreely
)

// InDoubt reports whether a call whose answer was lost leaves a doubt: something may
// have changed at Amazon that matters.
func (o Operation) InDoubt() bool { return o.Writes && o.Repeat != RepeatFreely }

// Repeatable reports whether a call whose answer was lost can be made again without a
// look.
func (o Operation) Repeatable() bool { return !o.Writes || o.Repeat != RepeatAfterLook }

// Throttle reports whether this is no operation but one more throttle, or a share, of the
// operation that stands before the slash in its name.
func (o Operation) Throttle() bool { return strings.Contains(o.Name, "/") }

// Scope is what a grantless token is good for.
type Scope string

// ScopeNotifications is the scope of the grantless operations of the
// Notifications API.
const ScopeNotifications Scope = "sellingpartnerapi::notifications"

// rows is how many there are in the table: one more for each row that is added.
const rows = 28

// find is the table of operations: the first row from an index on that has a name, or
// the row at that index if the name is "". Usage plans are those that Amazon's models
// state (amzn/selling-partner-api-models, 2026-08-05), in Amazon's numbers: 0.0083 a
// second is one in 120.48 seconds, not one in 120. The limits of applications are on the
// page "Listings Items API rate limits"; feeds have none, and of orders none is stated.
//
// The rows are an array of constants that is indexed where it stands, so that the
// compiler keeps it in read-only data: a lookup builds and allocates nothing.
func find(name string, from int) (Operation, bool) {
	for i := from; i < rows; i++ {
		row := [rows]Operation{
			{Name: GetOrder, Section: "orders", Method: "GET", Path: "/orders/2026-01-01/orders/{orderId}", OneItem: true, Rate: 0.5, Burst: 30},
			{Name: SearchOrders, Section: "orders", Method: "GET", Path: "/orders/2026-01-01/orders", Rate: 0.0056, Burst: 20},
			{Name: GetOrderV0, Section: "orders", Method: "GET", Path: "/orders/v0/orders/{orderId}", Restricted: true, OneItem: true, Rate: 0.5, Burst: 30},
			{Name: GetOrderItemsV0, Section: "orders", Method: "GET", Path: "/orders/v0/orders/{orderId}/orderItems", Restricted: true, OneItem: true, Rate: 0.5, Burst: 30},
			{Name: CreateRestrictedDataToken, Section: "tokens", Method: "POST", Path: "/tokens/2021-03-01/restrictedDataToken", Rate: 1, Burst: 10},
			{Name: ConfirmShipment, Section: "orders", Method: "POST", Path: "/orders/v0/orders/{orderId}/shipmentConfirmation", Success: 204, Writes: true, Repeat: RepeatSame, OneItem: true, Rate: 2, Burst: 10},

			{Name: CreateFeedDocument, Section: "feeds", Method: "POST", Path: "/feeds/2021-06-30/documents", Success: 201, Writes: true, Repeat: RepeatFreely, Document: true, Rate: 0.5, Burst: 15},
			{Name: CreateFeed, Section: "feeds", Method: "POST", Path: "/feeds/2021-06-30/feeds", Success: 202, Writes: true, Repeat: RepeatAfterLook, Once: true, Rate: 0.0083, Burst: 15},
			// Amazon says 5 in 5 minutes, but not whether its window slides, nor whether
			// a region's sellers share it. With a token unspent, no more than
			// 2 + 0.01 × 300 = 5 are in any 300 s, whatever the window is, and the rate is
			// above createFeed's own.
			{Name: CreateListingsFeed, Section: "feeds", Writes: true, Rate: 0.01, Burst: 3},
			{Name: GetFeed, Section: "feeds", Method: "GET", Path: "/feeds/2021-06-30/feeds/{feedId}", OneItem: true, Rate: 2, Burst: 15},
			{Name: GetFeeds, Section: "feeds", Method: "GET", Path: "/feeds/2021-06-30/feeds", Rate: 0.0222, Burst: 10},
			// A DELETE has no body, so that only its connection can hold it to a time: Once.
			{Name: CancelFeed, Section: "feeds", Method: "DELETE", Path: "/feeds/2021-06-30/feeds/{feedId}", Writes: true, Repeat: RepeatSame, Once: true, OneItem: true, Rate: 2, Burst: 15},
			{Name: GetFeedDocument, Section: "feeds", Method: "GET", Path: "/feeds/2021-06-30/documents/{feedDocumentId}", OneItem: true, Document: true, Rate: 0.0222, Burst: 10},

			{Name: PatchListingsItem, Section: "listings", Method: "PATCH", Path: "/listings/2021-08-01/items/{sellerId}/{sku}", Writes: true, Repeat: RepeatSame, OneItem: true, Rate: 5, Burst: 5, ApplicationRate: 500},
			{Name: GetListingsItem, Section: "listings", Method: "GET", Path: "/listings/2021-08-01/items/{sellerId}/{sku}", OneItem: true, Rate: 5, Burst: 10, ApplicationRate: 100},
			{Name: SearchListingsItems, Section: "listings", Method: "GET", Path: "/listings/2021-08-01/items/{sellerId}", Rate: 5, Burst: 5},

			{Name: CreateReport, Section: "reports", Method: "POST", Path: "/reports/2021-06-30/reports", Success: 202, Writes: true, Repeat: RepeatFreely, Rate: 0.0167, Burst: 15},
			{Name: GetReport, Section: "reports", Method: "GET", Path: "/reports/2021-06-30/reports/{reportId}", OneItem: true, Rate: 2, Burst: 15},
			{Name: GetReportDocument, Section: "reports", Method: "GET", Path: "/reports/2021-06-30/documents/{reportDocumentId}", OneItem: true, Document: true, Rate: 0.0167, Burst: 15},

			{Name: CreateDestination, Section: "notifications", Method: "POST", Path: "/notifications/v1/destinations", Scope: ScopeNotifications, Writes: true, Repeat: RepeatAfterLook, Rate: 1, Burst: 5},
			{Name: GetDestination, Section: "notifications", Method: "GET", Path: "/notifications/v1/destinations/{destinationId}", Scope: ScopeNotifications, Rate: 1, Burst: 5},
			{Name: GetDestinations, Section: "notifications", Method: "GET", Path: "/notifications/v1/destinations", Scope: ScopeNotifications, Rate: 1, Burst: 5},
			{Name: DeleteDestination, Section: "notifications", Method: "DELETE", Path: "/notifications/v1/destinations/{destinationId}", Scope: ScopeNotifications, Writes: true, Repeat: RepeatAfterLook, Rate: 1, Burst: 5},
			{Name: CreateSubscription, Section: "notifications", Method: "POST", Path: "/notifications/v1/subscriptions/{notificationType}", Writes: true, Repeat: RepeatAfterLook, Rate: 1, Burst: 5},
			{Name: GetSubscription, Section: "notifications", Method: "GET", Path: "/notifications/v1/subscriptions/{notificationType}", Rate: 1, Burst: 5},
			{Name: GetSubscriptions, Section: "notifications", Method: "GET", Path: "/notifications/v1/subscriptions", Rate: 1, Burst: 5},
			{Name: GetSubscriptionByID, Section: "notifications", Method: "GET", Path: "/notifications/v1/subscriptions/{notificationType}/{subscriptionId}", Scope: ScopeNotifications, Rate: 1, Burst: 5},
			{Name: DeleteSubscriptionByID, Section: "notifications", Method: "DELETE", Path: "/notifications/v1/subscriptions/{notificationType}/{subscriptionId}", Scope: ScopeNotifications, Writes: true, Repeat: RepeatAfterLook, Rate: 1, Burst: 5},
		}[i]
		if name == "" || row.Name == name {
			return row, true
		}
	}
	return unknown(name), false
}

// unknown counts as writing: look before it is repeated.
func unknown(name string) Operation { return Operation{Name: name, Writes: true} }

// Describe is the row of an operation, or what follows from it for a share. One that the table does not have is not ok,
// and is described as the most dangerous.
func Describe(name string) (operation Operation, ok bool) {
	if name == "" {
		return unknown(name), false
	}
	if of, share := IsShare(name); share {
		row, _ := find(of, 0)
		return Operation{
			Name: name, Section: row.Section, Writes: row.Writes, Repeat: row.Repeat, Rate: row.Rate / ShareParts, Burst: ShareBurst,
		}, true
	}
	return find(name, 0)
}

// Operations is the whole table.
func Operations() []Operation {
	all := make([]Operation, rows)
	for i := range all {
		all[i], _ = find("", i)
	}
	return all
}

// OperationNames are the names in the table.
func OperationNames() []string {
	names := make([]string, rows)
	for i, operation := range Operations() {
		names[i] = operation.Name
	}
	return names
}

// Writes reports whether an operation changes something at Amazon, so that a
// repeat needs a rule of its own. Unknown operations count as writing.
func Writes(name string) bool {
	operation, _ := Describe(name)
	return operation.Writes
}
