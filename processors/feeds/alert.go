package feeds

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// Types of alerts. The first is also a type of FeedResult, which is what
// EventBridge gets of the two.
const (
	alertStuck   = "FeedStuck"
	alertUnknown = "FeedUnknown"
	alertForeign = "ForeignFeed"
)

// Severities of alerts.
const (
	warning  = "WARNING"
	critical = "CRITICAL"
)

func emitAlert(tx *machine.Tx, alert *schemas.Alert) {
	alert.EventID = hashID(alert.Account, alert.EventType, alert.Subject, alert.Since.UTC().Format(time.RFC3339))
	alert.Role = Processor
	alert.Time = tx.Now
	tx.Emit(machine.Output{Topic: schemas.Alerts, Account: alert.Account, Value: alert})
}

// hashID is an event's id: the same parts give the same id, for ever.
func hashID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
