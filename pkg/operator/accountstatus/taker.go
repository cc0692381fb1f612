package accountstatus

import (
	"cmp"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// taker takes what the state of a role says about an account.
type taker struct {
	*entry
	role     string
	settings *Settings
}

func (t *taker) Now() time.Time { return t.settings.Now }

func (t *taker) Work(since time.Time, name string, underWay bool) {
	w := t.work[t.role]
	if w == nil {
		w = &Work{Role: t.role}
		t.work[t.role] = w
	}
	w.Pending++
	if underWay {
		w.UnderWay++
	}
	if w.OldestKey == "" || machine.Earliest(w.Oldest, since).Equal(since) {
		w.Oldest, w.OldestKey = since, name
	}
}

func (t *taker) Urgent(since time.Time) {
	w := t.work[t.role]
	w.Urgent++
	w.OldestUrgent = machine.Earliest(w.OldestUrgent, since)
}

func (t *taker) Tried(times int32) {
	if times > 0 {
		w := t.work[t.role]
		w.Failing++
		w.MostTries = max(w.MostTries, int(times))
	}
}

func (t *taker) Call(operation string) {
	if operation == model.GetOrder && t.settings.OrdersV0 {
		operation = model.GetOrderV0
	}
	if _, share := model.IsShare(operation); share { // the next feed carries all that wait for it
		t.calls[operation] = 1
		return
	}
	t.calls[operation]++
}

func (t *taker) Quantity() { t.stock++ }

func (t *taker) Unchecked() {
	if t.settings.AsksFulfillers != nil && t.settings.AsksFulfillers(t.Account) {
		t.unchecked++
		return
	}
	t.stock++
}

func (t *taker) GaveUp(why *schemas.Failure) { t.fail(t.role, why, t.settings.Now) }

func (t *taker) Doubt(d role.Doubt) { t.doubtful(d) }

func (t *taker) Wait(w role.Wait) { t.Waits = append(t.Waits, w) }

// Feed joins what two processors know of a feed.
func (t *taker) Feed(feed role.Feed) {
	// Quantities wait for a feed of theirs.
	t.blocked = t.blocked || feed.Blocks && !slices.Contains(model.SharingFeeds(), feed.Type)
	key := feed.ID
	if key == "" {
		key = feed.Type + "/" + feed.MarketplaceID
	}
	if known, ok := t.feeds[key]; ok {
		feed.Messages, feed.Stuck = max(feed.Messages, known.Messages), feed.Stuck || known.Stuck
		feed.Status = cmp.Or(feed.Status, known.Status)
		if known.Report {
			feed.Phase, feed.Report = known.Phase, true
		}
	}
	t.feeds[key] = feed
}

func (t *taker) Backfill(b role.Backfill) { t.entry.Backfill = (*Backfill)(&b) }

func (t *taker) Absent(a role.Absent) {
	if t.settings.Asked != nil && t.settings.Asked(t.Account, a.Part) {
		t.entry.Absent = append(t.entry.Absent, Absent(a))
	}
}

func (t *taker) Notifications() *role.Notifications {
	if t.entry.Notifications == nil {
		t.entry.Notifications = &role.Notifications{}
	}
	return t.entry.Notifications
}
