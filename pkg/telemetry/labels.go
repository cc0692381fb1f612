package telemetry

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/quota"
	"github.com/sellerstream/sellerstream/schemas"
)

// other stands for every value of a label that is not of its set.
const other = "other"

// labels are the sets that bound what comes from the work itself.
type labels struct{ operations, reasons, alerts, details []string }

func newLabels() labels {
	l := labels{operations: quota.Operations(), reasons: deadLetterReasons(), alerts: alertTypes()}
	for _, event := range schemas.Events() {
		if event.DetailType != "" {
			l.details = append(l.details, event.DetailType)
		}
	}
	l.details = append(l.details, l.alerts...)
	return l
}

// of is value, if the set has it.
func of(set []string, value string) string {
	if slices.Contains(set, value) {
		return value
	}
	return other
}

// deadLetterReasons are the reasons of all who set something aside. A test looks
// for those that are missing here.
func deadLetterReasons() []string {
	return []string{
		"account_mismatch", "body_too_large", "empty_sku", "entry_refused", "entry_too_large", "event_time_ahead",
		"field_too_long", "invalid_feed_id", "invalid_feed_type", "invalid_field", "invalid_item", "invalid_order_id",
		"invalid_package_id", "invalid_ship_time", "invalid_sku", "kafka_refused", "missing_field", "negative_quantity",
		"no_account", "no_carrier", "no_event_time", "no_items", "no_origin", "no_tracking_number", "not_encodable",
		"not_json", "not_notification", "order_refused", "replay_too_old", "replay_without_effects", "too_large",
		"too_many_packages", "undecodable", "unexpected_type", "unknown_account", "unknown_marketplace", "unmappable",
		"unsupported_type", "wrong_casing", "wrong_partition",
	}
}

// alertTypes are the types of the alerts on the topic "alerts". A test looks for
// those that are missing here.
func alertTypes() []string {
	return []string{
		"AccountParked", "FeedStuck", "FeedUnknown", "FeedsUnclear", "ForeignFeed", "NotificationsSilent", "QuantityNotApplied", "SearchesFailing", "ShipmentAtRisk",
	}
}

// outcomeOf is the label of how a call ended.
func outcomeOf(outcome machine.Outcome) string {
	switch o := outcome.(type) {
	case machine.Done:
		return "done"
	case machine.Retry:
		return "retry"
	case machine.Snooze:
		if o.Throttled {
			return "throttled"
		}
		return "snoozed"
	case machine.Park:
		return "parked"
	case machine.Reject:
		return "rejected"
	case machine.Ambiguous:
		return "ambiguous"
	}
	return other
}

// left says whether a call went to Amazon at all.
func left(outcome machine.Outcome) bool {
	snooze, ok := outcome.(machine.Snooze)
	return !ok || !snooze.Unspent
}
