package orders

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
)

// monday is when the test's accounts are first seen.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// watched is a watch of one account, whose state nobody commits.
type watched struct {
	watch
	alerts, resolved []*schemas.Alert
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{watch: newWatch(30)}
	tx := &machine.Tx{Now: monday}
	w.follow(machinetest.Sellers(t)(), func(account string) bool { return account == testAccount }, tx)
	return w
}

// until lets time pass without a notification.
func (w *watched) until(end time.Time) {
	for due := w.queue.Due(); !due.IsZero() && !due.After(end); due = w.queue.Due() {
		tx := &machine.Tx{Now: due}
		w.draw(tx, func(*pace, time.Time) bool { return false })
		for _, out := range tx.Outputs {
			w.alerts = append(w.alerts, out.Value.(*schemas.Alert))
		}
	}
}

func (w *watched) notify(at time.Time) {
	w.until(at)
	tx := &machine.Tx{Now: at}
	w.heard(tx, testAccount, at)
	for _, out := range tx.Outputs {
		w.resolved = append(w.resolved, out.Value.(*schemas.Alert))
	}
}

// shop is a seller whose orders come at random: in a day, with a night, less on
// weekends, each followed by other changes.
type shop struct {
	daily   float64 // orders on a working day
	weekend float64 // share of them on another
	changes float64 // of an order, on average, in the hours after it
	holiday time.Time
}

// notifications come from one time to another, in their order.
func (s shop) notifications(random *rand.Rand, from, to time.Time) []time.Time {
	var all []time.Time
	highest := s.daily / 24 * 2
	for at := from; at.Before(to); {
		at = at.Add(time.Duration(random.ExpFloat64() / highest * float64(time.Hour)))
		if random.Float64() > s.share(at) {
			continue
		}
		all = append(all, at)
		for change := at; random.Float64() > 1/(1+s.changes); {
			change = change.Add(time.Duration(random.ExpFloat64() * float64(2*time.Hour)))
			all = append(all, change)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// share of the highest rate that orders come at.
func (s shop) share(at time.Time) float64 {
	share := (1 - math.Cos(2*math.Pi*float64(at.Hour()*60+at.Minute())/(24*60))) / 2
	if at.Hour() < 6 {
		share = 0
	}
	if day := at.Weekday(); day == time.Saturday || day == time.Sunday {
		share *= s.weekend
	}
	if at.Truncate(24 * time.Hour).Equal(s.holiday) {
		share *= 0.2
	}
	return share
}

// TestSilence simulates shops of all sizes for up to half a year, one of its days
// a holiday, and then stops their notifications.
func TestSilence(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		name   string
		weeks  int
		shops  int
		shop   shop
		within time.Duration // by when nine of ten silences are reported; 0: not by the past alone
	}{
		{"3 orders a day", 26, 40, shop{daily: 3, weekend: 0.5, changes: 1}, 11 * 24 * time.Hour},
		{"20 orders a day", 26, 20, shop{daily: 20, weekend: 0.3, changes: 1}, 3 * 24 * time.Hour},
		{"none on weekends", 26, 20, shop{daily: 20, changes: 1}, 4 * 24 * time.Hour},
		{"200 orders a day", 13, 8, shop{daily: 200, weekend: 0.3, changes: 3}, 12 * time.Hour},
		{"2000 orders a day", 8, 2, shop{daily: 2000, weekend: 0.5, changes: 3}, 8 * time.Hour},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			kind.shops = long.Pick(t, max(2, kind.shops/4), kind.shops)
			end := monday.AddDate(0, 0, 7*kind.weeks)
			kind.shop.holiday = monday.AddDate(0, 0, 7*(kind.weeks*2/3)+2)
			var took []time.Duration
			wrong := 0
			for seed := range uint64(kind.shops) {
				random := rand.New(rand.NewPCG(seed, 1))
				w := newWatched(t)
				stop := end.Add(-time.Duration(random.Int64N(int64(week))))
				for _, at := range kind.shop.notifications(random, monday, stop) {
					if at.Before(stop) {
						w.notify(at)
					}
				}
				wrong += len(w.alerts)
				w.until(stop.Add(4 * week))
				if len(w.alerts) > 0 {
					took = append(took, w.alerts[len(w.alerts)-1].Time.Sub(stop))
				}
			}
			months := float64(kind.shops*kind.weeks) / (52.0 / 12)
			slices.Sort(took)
			t.Logf("%d false alarms in %.0f account-months; a silence is told of after %v (median), %v (9 of 10)",
				wrong, months, took[len(took)/2].Round(time.Minute), took[len(took)*9/10].Round(time.Minute))
			if float64(wrong) > months/100 {
				t.Errorf("%d false alarms in %.0f account-months, want at most one in 100", wrong, months)
			}
			if len(took) != kind.shops || took[len(took)*9/10] > kind.within {
				t.Errorf("%d of %d silences were told of, nine of ten within %v, want %v", len(took), kind.shops, took[len(took)*9/10], kind.within)
			}
		})
	}
}

// steady notifies every ten minutes of the hours 8 to 18 for some days.
func (w *watched) steady(from time.Time, days int) (last time.Time) {
	for day := range days {
		for minute := 8 * 60; minute < 18*60; minute += 10 {
			last = from.AddDate(0, 0, day).Add(time.Duration(minute) * time.Minute)
			w.notify(last)
		}
	}
	return last
}

// TestASilenceIsToldOfOnce and is over with the next notification; what was not
// notified in it is not taken for usual.
func TestASilenceIsToldOfOnce(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	last := w.steady(monday, 28)
	usual := slices.Clone(w.paces[pacePrefix+testAccount].Usual)
	back := monday.AddDate(0, 0, 31).Add(7 * time.Hour)
	w.until(back)
	if len(w.alerts) != 1 {
		t.Fatalf("%d alerts in a silence of three days", len(w.alerts))
	}
	alert := w.alerts[0]
	// 30 minutes with a notification are five hours of a day, less the last ten minutes of the day before.
	if want := monday.AddDate(0, 0, 28).Add(12*time.Hour + 50*time.Minute); alert.Time.Sub(want).Abs() > 5*time.Minute {
		t.Errorf("told at %v, want %v", alert.Time, want)
	}
	if !alert.Since.Equal(last) || alert.Subject != "ORDER_CHANGE" || alert.Severity != "WARNING" || !strings.Contains(alert.Message, "sellerstream doctor --account acme-eu") {
		t.Errorf("%+v", alert)
	}
	w.notify(back)
	p := w.paces[pacePrefix+testAccount]
	if !p.EndedTime.Equal(back) || !slices.Equal(p.Usual, usual) {
		t.Errorf("after the silence ended at %v, and what is usual has changed: %t", p.EndedTime, !slices.Equal(p.Usual, usual))
	}
	last = w.steady(monday.AddDate(0, 0, 31), 1)
	if len(w.resolved) != 1 || w.resolved[0].Resolves != alert.EventID || w.resolved[0].Subject != alert.Subject {
		t.Errorf("the first notification resolves %+v, want %s", w.resolved, alert.EventID)
	}
	if w.until(last.Add(10 * time.Hour)); len(w.alerts) != 1 {
		t.Errorf("%d alerts after a day as ever", len(w.alerts))
	}
	if w.until(last.Add(2 * 24 * time.Hour)); len(w.alerts) != 2 || w.alerts[1].EventID == alert.EventID {
		t.Errorf("%d alerts after a second silence", len(w.alerts))
	}
}

// TestAnAccountCanBeUsedToLongPauses: where notifications come some at once, and
// then none for a day, at any hour.
func TestAnAccountCanBeUsedToLongPauses(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	random := rand.New(rand.NewPCG(1, 2))
	for at := monday; at.Before(monday.AddDate(1, 0, 0)); {
		at = at.Add(time.Duration(6+random.IntN(30)) * time.Hour)
		for n := range 120 {
			w.notify(at.Add(time.Duration(n) * 15 * time.Second))
		}
	}
	if len(w.alerts) > 0 {
		t.Fatalf("%d alerts, the first at %v: %s", len(w.alerts), w.alerts[0].Time, w.alerts[0].Message)
	}
}

// TestASilenceWithoutOrdersIsNone as long as searches can tell.
func TestASilenceWithoutOrdersIsNone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		searches, works, ordered bool
		want                     int
	}{
		"no order":                       {searches: true, works: true},
		"an order, which a search found": {searches: true, works: true, ordered: true, want: 1},
		"searches fail":                  {searches: true, want: 1},
		"searches are off":               {want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, func(cfg *Config) {
				reconciling(cfg)
				cfg.Silence = 30
				if !test.searches {
					cfg.Reconcile.Every = 0
				}
			})
			w := newWatched(t)
			last := w.steady(monday, 28)
			if err := r.Store.Put(pacePrefix+testAccount, &w.paces[pacePrefix+testAccount].NotificationPace); err != nil {
				t.Fatal(err)
			}
			r.Now = last.Add(time.Minute)
			r.Restart()
			a := newAmazon()
			a.created = map[string]time.Time{}
			if test.ordered {
				at := last.Add(time.Hour)
				a.change(orderID(1), at)
				a.created[orderID(1)] = at
			}
			r.Follow(24*time.Hour, r.Tick(nil), func(call machine.Call) machine.Outcome {
				if call.Operation == model.SearchOrders && !test.works {
					return machine.Retry{}
				}
				return a.answerTo(call, r.Now)
			})
			silences := slices.DeleteFunc(r.alerts, func(alert *schemas.Alert) bool { return alert.EventType != alertSilent })
			if len(silences) != test.want {
				t.Fatalf("%d silences were told of, want %d", len(silences), test.want)
			}
		})
	}
}

func TestNothingIsSaidBeforeItIsKnown(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	last := w.steady(monday, 6)
	if w.until(monday.Add(learning)); len(w.alerts) > 0 && w.alerts[0].Time.Before(monday.Add(learning)) {
		t.Fatalf("told of a silence after %v, of which six days were learned", w.alerts[0].Time.Sub(last))
	}
}

// TestANewOwnerCatchesUpFirst: notifications may wait in the queue for it.
func TestANewOwnerCatchesUpFirst(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	w.steady(monday, 28)
	back := monday.AddDate(0, 0, 29) // nothing ran for a day
	next := &watched{watch: newWatch(30)}
	state := w.paces[pacePrefix+testAccount].NotificationPace
	next.restore(&state)
	next.follow(machinetest.Sellers(t)(), func(account string) bool { return account == testAccount }, &machine.Tx{Now: back})
	if next.until(back.Add(catchUp - time.Second)); len(next.alerts) != 0 {
		t.Fatal("told of a silence before what waits has come")
	}
	if next.until(back.Add(catchUp)); len(next.alerts) != 1 {
		t.Fatalf("%d alerts once it has caught up", len(next.alerts))
	}
}

// TestOnlyAnAccountThatWasAwayBeginsAnew, and not a quiet one (too little is known about
// it to call it silent), when the configuration is read again.
func TestOnlyAnAccountThatWasAwayBeginsAnew(t *testing.T) {
	t.Parallel()
	empty, err := account.NewDirectory(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		between *account.Directory
		anew    bool
	}{
		"away":       {empty, true},
		"configured": {machinetest.Sellers(t)(), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t)
			heard, back := monday.Add(time.Hour), monday.Add(50*time.Hour)
			w.notify(heard)
			w.until(back) // it leaves the queue
			for _, directory := range []*account.Directory{test.between, machinetest.Sellers(t)()} {
				w.follow(directory, func(account string) bool { return account == testAccount }, &machine.Tx{Now: back})
			}
			p := w.paces[pacePrefix+testAccount]
			if anew := p.LastTime.Equal(back) && p.Minutes == 0; anew != test.anew {
				t.Fatalf("last one at %v, %d minutes, want it to begin anew: %t", p.LastTime, p.Minutes, test.anew)
			}
			if !test.anew && (!p.LastTime.Equal(heard) || p.Minutes != 1) {
				t.Fatalf("last one at %v, %d minutes, want what was heard", p.LastTime, p.Minutes)
			}
		})
	}
}

// TestASilenceEndsWhereNobodyWatches: its account is removed, or such alerts are switched off.
func TestASilenceEndsWhereNobodyWatches(t *testing.T) {
	t.Parallel()
	empty, err := account.NewDirectory(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, off := range map[string]bool{"removed": false, "switched off": true} {
		w := newWatched(t)
		w.steady(monday, 28)
		now := monday.AddDate(0, 0, 31)
		if w.until(now); len(w.alerts) != 1 {
			t.Fatalf("%s: %d alerts in a silence", name, len(w.alerts))
		}
		directory := empty
		if off {
			directory, w.enough = machinetest.Sellers(t)(), 0
		}
		tx := &machine.Tx{Now: now}
		for range 2 { // the end is written once
			w.follow(directory, func(account string) bool { return account == testAccount }, tx)
		}
		if len(tx.Outputs) != 1 {
			t.Fatalf("%s: wrote %+v", name, tx.Outputs)
		}
		if end, is := tx.Outputs[0].Value.(*schemas.Alert); !is || end.Severity != "RESOLVED" || end.Resolves != w.alerts[0].EventID {
			t.Errorf("%s: wrote %+v", name, tx.Outputs[0].Value)
		}
		if _, saved := tx.State[pacePrefix+testAccount]; !saved {
			t.Errorf("%s: the end is not saved", name)
		}
	}
}

// TestSearchesAloneFindOrders: an account that was never notified is reported
// after its fourth new order, and not where notifications only come late.
func TestSearchesAloneFindOrders(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		placed    []int // minutes after the start, of new orders
		notified  int   // of them
		wantAlert bool
	}{
		{"four, over an hour", []int{40, 60, 80, 100}, 0, true},
		{"four at once", []int{100, 101, 102, 103}, 0, false},
		{"three", []int{10, 60, 120}, 0, false},
		{"older than what is watched", []int{-100, -90, 10, 80, 90}, 0, false},
		{"four, one notified", []int{40, 60, 80, 100}, 3, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRuntime(t, reconciling, func(cfg *Config) { cfg.Silence = 30 })
			a := newAmazon()
			a.created = map[string]time.Time{}
			r.follow(a, time.Second)
			for n, after := range test.placed {
				at := testStart.Add(time.Duration(after) * time.Minute)
				a.change(orderID(n), at)
				a.created[orderID(n)] = at
				if n+1 == test.notified {
					r.follow(a, at.Sub(r.Now))
					r.Follow(0, r.Take(notified(orderID(n), "n", at)), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
				}
			}
			r.follow(a, 3*time.Hour)
			if got := len(r.alerts) == 1; got != test.wantAlert {
				t.Fatalf("%d alerts", len(r.alerts))
			}
			if test.wantAlert && !strings.Contains(r.alerts[0].Message, "4 new orders") {
				t.Error(r.alerts[0].Message)
			}
		})
	}
}

// TestThePaceIsSavedNowAndThen rather than with each notification, and read again.
func TestThePaceIsSavedNowAndThen(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, func(cfg *Config) { cfg.Silence = 30 })
	a := newAmazon()
	saved := 0
	r.Now = testStart.Add(-paceEvery) // of an order that Amazon has shown
	r.Follow(0, r.Take(notified(orderID(0), "first", a.change(orderID(0), r.Now).at)), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
	for minute := range 120 {
		r.Now = testStart.Add(time.Duration(minute) * time.Minute)
		v := a.change(orderID(0), r.Now)
		tx := r.Decide(r.Records(notified(orderID(0), fmt.Sprint(minute), v.at)))
		if tx.State[pacePrefix+testAccount] != nil {
			saved++
		}
		r.Commit(tx)
	}
	if saved != 120/5 {
		t.Errorf("saved %d times in two hours", saved)
	}
	before := r.State(pacePrefix + testAccount).(*schemas.NotificationPace)
	if before.Usual[hourOfWeek(testStart)] < 59*hundredths || before.LastTime.Before(r.Now.Add(-paceEvery)) {
		t.Errorf("learned %d hundredths of minutes, last one at %v", before.Usual[hourOfWeek(testStart)], before.LastTime)
	}
	r.Restart()
	if got := r.Machine.watch.paces[pacePrefix+testAccount]; !got.LastTime.Equal(before.LastTime) {
		t.Errorf("restored %+v", got)
	}
}
