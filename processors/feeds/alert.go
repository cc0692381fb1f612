package feeds

// Types of alerts. The first is also a type of FeedResult, which is what
// EventBridge gets of the two.
const (
	alertStuck   = "FeedStuck"
	alertUnknown = "FeedUnknown"
	alertReport  = "FeedReportWaits"
	alertForeign = "ForeignFeed"
)

// Severities of alerts.
const (
	warning  = "WARNING"
	critical = "CRITICAL"
)
