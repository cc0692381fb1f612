package telemetry

import (
	"slices"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// other stands for every value of a label that is not of its set.
const other = "other"

// Codes are those that the roles of the program use, which become labels. Every other
// one is counted as "other".
type Codes struct {
	Reasons []string // of dead letters
	Alerts  []string // types of alerts
	GivesUp []string // of outcomes that give something up, except Amazon's own
}

// labels are the sets that bound what comes from the work itself.
type labels struct{ operations, reasons, alerts, details, causes []string }

func newLabels(codes Codes) labels {
	l := labels{operations: slices.Concat(model.OperationNames(), shares()), reasons: codes.Reasons, alerts: codes.Alerts, causes: slices.Concat(codes.GivesUp, refusals())}
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

// refusals are the codes with which Amazon refuses what is then given up: the classes
// of refusals that have no code, and those of Amazon's that its models name.
func refusals() []string {
	return []string{
		"conflict", "forbidden", "invalid", "malformed", "not_found", "unauthorized", "unavailable",
		"AccessDenied", "InternalFailure", "InvalidInput", "NotFound", "QuotaExceeded", "ServiceUnavailable", "Unauthorized",
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

// left reports whether a call went to Amazon at all.
func left(outcome machine.Outcome) bool {
	snooze, ok := outcome.(machine.Snooze)
	return !ok || !snooze.Unspent
}

// shares are the names of what roles share of operations.
func shares() (names []string) {
	for _, feedType := range model.SharingFeeds() {
		names = append(names, model.Shares(feedType)...)
	}
	return names
}
