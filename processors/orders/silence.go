package orders

import (
	"fmt"
	"strconv"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// Notifications that no longer come are reported, once for each silence, when
// either
//
//   - so many minutes with a notification were to be expected since the last one
//     that the silence is improbable, by the account's own past. Notifications that
//     come at random, at a pace that is known, pause until 30 are overdue, the
//     default, once in e^30 pauses. That bound is far off for what is not known:
//     the pace is learned from few weeks, there are holidays, and notifications
//     come in bursts. So what is expected is less where less came recently, and the
//     silence must be twice as long, in expected notifications, as any pause of the
//     weeks before. TestSilence says how often that is wrong. Searches, if they
//     work, must have found a new order: else there was nothing to notify. Or
//   - searches alone keep finding new orders.
//
// Only a notification of an order that Amazon has shown is heard: forged ones must
// not keep a silence quiet.

// The type of the alert, and its subject: the notification that does not come.
const (
	alertSilent = "NotificationsSilent"
	orderChange = "ORDER_CHANGE"
)

const (
	// pacePrefix begins the state keys of paces.
	pacePrefix = "notifications/"

	// fewNew is how many orders, placed at least newSpan apart, must have been found
	// by searches alone. A new order is always notified; other changes are not.
	fewNew  = 4
	newSpan = time.Hour

	// paceEvery is how often a pace is saved: what a new owner does not know is at
	// most as much.
	paceEvery = 5 * time.Minute
	// lately is when the last search must have been to show that there is nothing to
	// notify, and lookAgain when a silence is then looked at again.
	lately    = time.Hour
	lookAgain = 15 * time.Minute
	// catchUp is how long a new owner says nothing: notifications may wait for it.
	catchUp = 30 * time.Minute
)

// pace is how an account's notifications come.
type pace struct {
	lane.Item // queued by when a silence would be improbable, or earlier
	schemas.NotificationPace
	saved time.Time
	away  bool // not configured now; a quiet account is not queued either
}

// watch is the paces of the unit's accounts.
type watch struct {
	enough float64          // minutes with a notification to be expected in a silence; 0 for no alerts
	paces  map[string]*pace // by state key
	queue  lane.Queue
	began  time.Time
}

func newWatch(enough float64) watch { return watch{enough: enough, paces: make(map[string]*pace)} }

func (w *watch) restore(state *schemas.NotificationPace) {
	w.paces[pacePrefix+state.Account] = &pace{Item: lane.Item{Key: pacePrefix + state.Account}, NotificationPace: *state}
}

// follow watches the accounts of a directory, and no others. One that was away
// is silent from now on only.
func (w *watch) follow(directory *account.Directory, mine func(string) bool, tx *machine.Tx) {
	for _, p := range w.paces {
		if _, configured := directory.ByID(p.Account); !configured || w.enough == 0 {
			w.queue.Remove(&p.Item)
			p.away = true
			w.end(tx, p, "the account is not watched any more")
		}
	}
	if w.enough == 0 {
		return
	}
	if w.began.IsZero() {
		w.began = tx.Now
	}
	for _, a := range directory.All() {
		if !mine(a.ID) {
			continue
		}
		p := w.paces[pacePrefix+a.ID]
		switch {
		case p == nil:
			p = w.of(a.ID, tx.Now)
			w.save(tx, p)
		case p.away:
			w.back(tx, p)
		}
		if !p.Queued() && !silent(&p.NotificationPace) {
			w.queue.Add(&p.Item, tx.Now)
		}
	}
}

// back watches an account again that was away: what did not come meanwhile is
// no silence.
func (w *watch) back(tx *machine.Tx, p *pace) {
	p.away = false
	p.LastTime, p.Minutes = machine.Latest(p.LastTime, tx.Now), 0
	w.save(tx, p)
}

func (w *watch) of(account string, now time.Time) *pace {
	key := pacePrefix + account
	p := w.paces[key]
	if p == nil {
		p = &pace{Item: lane.Item{Key: key}, NotificationPace: schemas.NotificationPace{
			Account: account, StartedTime: now, LastTime: now,
		}}
		w.paces[key] = p
	}
	return p
}

func (w *watch) save(tx *machine.Tx, p *pace) {
	p.saved = tx.Now
	tx.Put(p.Key, &p.NotificationPace)
}

// heard takes note of a notification that was received at a time.
func (w *watch) heard(tx *machine.Tx, account string, received time.Time) {
	if w.enough == 0 {
		return
	}
	if received.IsZero() || received.After(tx.Now) {
		received = tx.Now
	}
	p := w.of(account, tx.Now)
	before := p.LastTime
	ended := hear(&p.NotificationPace, received)
	if ended {
		w.resolve(tx, p, fmt.Sprintf("ORDER_CHANGE notifications of account %s come again; none had come since %s.", account, before.UTC().Format(time.RFC3339)))
	}
	if !p.Queued() {
		w.queue.Add(&p.Item, tx.Now)
	}
	if ended || tx.Now.Sub(p.saved) >= paceEvery {
		w.save(tx, p)
	}
}

// end ends a silence that was reported without a notification, for the reason why.
func (w *watch) end(tx *machine.Tx, p *pace, why string) {
	if !silent(&p.NotificationPace) {
		return
	}
	p.EndedTime = tx.Now
	w.resolve(tx, p, fmt.Sprintf("ORDER_CHANGE notifications of account %s are not missed any more: %s.", p.Account, why))
	w.save(tx, p)
}

func (w *watch) resolve(tx *machine.Tx, p *pace, message string) {
	tx.ResolveRaised(&schemas.Alert{
		EventType: alertSilent, Account: p.Account, Role: Processor, Subject: orderChange, Message: message,
	}, p.AlertedTime)
}

// missed takes note of an order, placed at a time, that a search has found and
// nothing was known of.
func (m *Machine) missed(tx *machine.Tx, account string, placed time.Time) {
	w := &m.watch
	if w.enough == 0 {
		return
	}
	p := w.of(account, tx.Now)
	if !placed.After(p.LastTime) {
		return
	}
	p.NewOrders++
	if p.NewSince.IsZero() || placed.Before(p.NewSince) {
		p.NewSince = placed
	}
	w.save(tx, p)
	if p.NewOrders >= fewNew && placed.Sub(p.NewSince) >= newSpan && !silent(&p.NotificationPace) && tx.Now.Sub(w.began) >= catchUp {
		w.alert(tx, p, fmt.Sprintf("meanwhile searches alone have found %d new orders", p.NewOrders))
	}
}

// nothingToNotify reports whether searches show that an account has had no new
// order since its last notification.
func (m *Machine) nothingToNotify(p *pace, now time.Time) bool {
	s := m.reconciler.searches[searchPrefix+p.Account]
	return m.reconciler.Every > 0 && s != nil && now.Sub(s.CursorTime) < lately && p.NewOrders == 0
}

// draw reports the silences that have become improbable, unless there is
// nothing to notify.
func (w *watch) draw(tx *machine.Tx, nothing func(*pace, time.Time) bool) {
	for item := w.queue.Pop(tx.Now); item != nil; item = w.queue.Pop(tx.Now) {
		p := w.paces[item.Key]
		at, ok := improbable(&p.NotificationPace, w.enough)
		if !ok || silent(&p.NotificationPace) {
			continue // until the next notification
		}
		at = machine.Latest(at, w.began.Add(catchUp))
		if !at.After(tx.Now) && nothing(p, tx.Now) {
			at = tx.Now.Add(lookAgain)
		}
		if at.After(tx.Now) {
			w.queue.Add(item, at)
			continue
		}
		w.alert(tx, p, fmt.Sprintf("by the account's own past, %.0f minutes with a notification were to be expected in this time",
			expected(&p.NotificationPace, p.LastTime, tx.Now)))
	}
	if next := w.queue.Due(); !next.IsZero() {
		tx.WakeAt(next)
	}
}

func (w *watch) alert(tx *machine.Tx, p *pace, why string) {
	p.AlertedTime, p.EndedTime = tx.Now, time.Time{}
	w.save(tx, p)
	quiet := tx.Now.Sub(p.LastTime)
	tx.Alert(&schemas.Alert{
		EventType: alertSilent, Account: p.Account, Role: Processor, Severity: "WARNING", Subject: orderChange,
		Message: fmt.Sprintf("No ORDER_CHANGE notification of account %s has come since %s (%s), and %s. "+
			"Look whether the account is still subscribed with %s, "+
			"mend it with `sellerstream subscriptions ensure`, and see that the queue's policy lets Amazon send and that the bridge reads it. "+
			"Until then orders come by reconciliation alone, if it is on: minutes later.",
			p.Account, p.LastTime.UTC().Format(time.RFC3339), quiet.Round(time.Minute), why, commands.Doctor(p.Account)),
		Since: p.LastTime,
		Attributes: map[string]string{
			"expected":  strconv.FormatFloat(expected(&p.NotificationPace, p.LastTime, tx.Now), 'f', 1, 64),
			"newOrders": strconv.Itoa(int(p.NewOrders)),
		},
	})
}
