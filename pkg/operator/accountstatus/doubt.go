package accountstatus

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sellerstream/sellerstream/pkg/runtime/blame"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// doubtful takes what is in doubt of a lane or of a SKU.
func (e *entry) doubtful(d role.Doubt) {
	if d.Operation == model.PatchListingsItem {
		at := slices.IndexFunc(e.Doubts, func(known role.Doubt) bool { return known.Operation == d.Operation })
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

func compareDoubts(a, b role.Doubt) int {
	return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.MarketplaceID, b.MarketplaceID))
}

// waitOf returns why a lane waits, and which alerts have reported it.
func waitOf(v *schemas.LaneState) role.Wait {
	return role.Wait{
		Operation: v.Operation, Parked: v.Parked, Reason: v.Reason, Since: v.Since, Until: v.Until,
		Blame: v.Blame, Alerts: lane.Alerts(v),
	}
}

// told is whose fault a wait is, and who was told, as lines of text.
func told(w *role.Wait) string {
	var lines string
	if w.Blame != "" {
		lines = "  blame: " + schemas.Printable(w.Blame) + "\n"
	}
	switch {
	case len(w.Alerts) > 0:
		lines += "  alert: " + strings.Join(w.Alerts, ", ") + "\n"
	case blame.Party(w.Blame).Shared():
		lines += "  alert: after minutes one alert reports it for all accounts\n"
	}
	return lines
}
