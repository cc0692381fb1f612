package schemas

// The topics' logical names. On the wire each has the configured prefix.
const (
	OrderChanges          = "order-changes"
	FeedNotifications     = "feed-notifications"
	Orders                = "orders"
	InventoryUpdates      = "inventory-updates"
	FeedSubmissions       = "feed-submissions"
	FeedResults           = "feed-results"
	InventoryResults      = "inventory-results"
	Shipments             = "shipments"
	ShipmentConfirmations = "shipment-confirmations"
	Alerts                = "alerts"
	DeadLetters           = "dead-letters"
	StateOrders           = "state.orders"
	StateInventory        = "state.inventory"
	StateFeeds            = "state.feeds"
	StateShipments        = "state.shipments"
)
