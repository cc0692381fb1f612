package roles

// AlertEnd is until when an alert of a type holds: then a record of severity RESOLVED ends it. It is
// "" for a type that reports what has happened: such an alert has no end. known is false for a
// type that no role raises.
func AlertEnd(kind string) (until string, known bool) {
	until, known = alertEnds()[kind]
	return until, known
}

func alertEnds() map[string]string {
	return map[string]string{
		"AccountParked":       "Amazon answers a call again, as AccountRecovered says",
		"AccountRecovered":    "",
		"CancellationsWait":   "a feed works, or no cancellation has waited for an hour",
		"CarrierUnknown":      "",
		"CatalogueUnread":     "a report is read to its end, or none is wanted any more",
		"FeedReportWaits":     "the feed is done with",
		"FeedStuck":           "the feed has ended",
		"FeedUnknown":         "Amazon notifies the feed's end after all, or 7 days are over",
		"FeedsUnclear":        "the feeds that it could be have ended, or the list was read, or a day is over",
		"ForeignFeed":         "",
		"FulfilledByAmazon":   "",
		"FulfillmentUnknown":  "",
		"NotificationsSilent": "a notification comes, or the account is not watched any more",
		"OrdersRefused":       "",
		"QuantityDrift":       "Amazon shows the right number, or the SKU is not followed any more",
		"QuantityNotApplied":  "",
		"SearchesFailing":     "a search comes to its end, or the account is not searched any more",
		"SettingBlocks":       "a call succeeds",
		"SharedFailure":       "each process that raised it gets an answer",
		"ShipmentAtRisk":      "no shipment of the order waits, or its latest ship date is another",
		"ShipmentHeld":        "somebody decides, or 7 days are over",
		"ShipmentMissing":     "the order is shipped, cancelled or covered, or its latest ship date is another",
		"ShipmentNotShown":    "",
		"ShipmentRefused":     "",
		"StockWaits":          "a feed works, or for an hour nothing has waited longer than 5 minutes; of one SKU, Amazon takes its quantity, or its update has an outcome",
		"UntrackedWait":       "a feed works, or no shipment has waited for an hour",
	}
}
