package machine

import (
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/schemas"
)

// EventID returns the id of an event. kind names the kind of event, parts what
// tells it from all others of its kind in this pipeline. The pipeline's
// namespace makes it unlike those of other clusters and prefixes.
func (tx *Tx) EventID(kind string, parts ...string) string {
	all := append(make([]string, 0, 8), tx.Namespace, kind) // on the stack, where that is enough
	return schemas.EventID(append(all, parts...)...)
}

// Alert writes an alert, and sets its id and time. An alert happens once: two of
// them about the same have two ids.
func (tx *Tx) Alert(alert *schemas.Alert) {
	tx.alert(alert, tx.raised(alert, tx.Now))
}

// raised is the id of an alert that is raised at a time, to the millisecond, which is what
// states keep of times.
func (tx *Tx) raised(alert *schemas.Alert, at time.Time) string {
	return tx.EventID("Alert", alert.Role, alert.EventType, alert.Account, alert.Subject,
		strconv.FormatInt(at.UnixMilli()*int64(time.Millisecond), 10))
}

// ResolveRaised is Resolve for the alert of the same role, type, account and subject that
// Alert has raised at a time. The milliseconds of it are enough.
func (tx *Tx) ResolveRaised(alert *schemas.Alert, at time.Time) {
	alert.Resolves = tx.raised(alert, at)
	tx.Resolve(alert)
}

// Resolve writes that the alert whose id is alert.Resolves does not hold any more. Its id
// follows from that one, the role and the account: each of those that have raised an alert
// with AlertShared resolves it once.
func (tx *Tx) Resolve(alert *schemas.Alert) {
	alert.Severity, alert.Since = "RESOLVED", tx.Now
	tx.alert(alert, tx.EventID("AlertResolved", alert.Resolves, alert.Role, alert.Account))
}

// AlertShared is Alert for what every process finds out for itself. Alerts of one type
// about the same, by whichever account and role, that are raised in one span of time
// have one id, so that a consumer which drops the ids that it has seen keeps the first.
// Two that are span apart never have one id.
func (tx *Tx) AlertShared(alert *schemas.Alert, span time.Duration, about ...string) {
	parts := append([]string{alert.EventType, strconv.FormatInt(tx.Now.UnixNano()/int64(span), 10)}, about...)
	tx.alert(alert, tx.EventID("SharedAlert", parts...))
}

func (tx *Tx) alert(alert *schemas.Alert, id string) {
	alert.Time, alert.EventID = tx.Now, id
	if alert.Attributes == nil {
		alert.Attributes = map[string]string{}
	}
	tx.Emit(Output{Topic: schemas.Alerts, Account: alert.Account, Value: alert})
}
