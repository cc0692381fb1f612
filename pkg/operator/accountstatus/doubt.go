package accountstatus

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Doubt is a writing call whose answer was lost: Amazon may carry it out until a
// time. Those of single SKUs are taken together.
type Doubt struct {
	Operation     string    `json:"operation"`
	MarketplaceID string    `json:"marketplaceId,omitzero"` // of createFeed
	SKUs          int       `json:"skus"`                   // that it is about
	Since         time.Time `json:"since,omitzero"`         // when the first of them was sent; zero where a version before wrote it
	Until         time.Time `json:"until"`                  // when the last of them is over
}

// doubtful takes what is in doubt of a lane or of a SKU.
func (e *entry) doubtful(d Doubt) {
	if d.Operation == model.PatchListingsItem {
		at := slices.IndexFunc(e.Doubts, func(known Doubt) bool { return known.Operation == d.Operation })
		if at >= 0 {
			known := &e.Doubts[at]
			known.SKUs++
			known.Since = machine.Earliest(known.Since, d.Since)
			if d.Until.After(known.Until) {
				known.Until = d.Until
			}
			return
		}
	}
	e.Doubts = append(e.Doubts, d)
}

func compareDoubts(a, b Doubt) int {
	return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.MarketplaceID, b.MarketplaceID))
}

// waitOf returns why a lane waits, and which alerts have reported it.
func waitOf(v *schemas.LaneState) Wait {
	return Wait{
		Operation: v.Operation, Parked: v.Parked, Reason: v.Reason, Since: v.Since, Until: v.Until,
		Blame: v.Blame, Alerts: lane.Alerts(v),
	}
}

// told is whose fault a wait is, and who was told, as lines of text.
func (w *Wait) told() string {
	var lines string
	if w.Blame != "" {
		lines = "  blame: " + schemas.Printable(w.Blame) + "\n"
	}
	switch {
	case len(w.Alerts) > 0:
		lines += "  alert: " + strings.Join(w.Alerts, ", ") + "\n"
	case blame.Party(w.Blame).Shared():
		lines += "  alert: after minutes one alert tells of it for all accounts\n"
	}
	return lines
}
