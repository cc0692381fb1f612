package lane

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/share"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
)

// fleet is the units of four processes, whose accounts share the limit of one application
// at a strict Amazon. What units tell each other takes a while, and so do calls.
type fleet struct {
	random    *rand.Rand
	accounts  []string
	perUnit   [fleetUnits]int // accounts
	units     []*fleetUnit
	boards    []*share.Board // of the processes
	post      []letter       // under way between processes, by arrival
	amazon    *rate.Limiter
	busy      func(account string, now time.Time) bool
	made      map[string]int
	refused   int
	told      int // records
	now       time.Time
	lastHeard map[[2]int]time.Time // by sender and process: records of a unit keep their order
}

// letter is news on its way to a process.
type letter struct {
	at      time.Time
	process int
	news    share.News
}

type fleetUnit struct {
	number    int32
	process   int
	lanes     *Lanes
	committed map[string]any
	items     map[string][]*Item
	flying    []flight
	wake      time.Time
	silent    time.Time // nobody owns it before
}

type flight struct {
	account string
	item    *Item
	at      time.Time
}

const (
	fleetUnits     = 12
	fleetProcesses = 4
)

// limitOfFleet is Amazon's of getListingsItem.
func limitOfFleet() quota.Limit { return quota.Limit{Rate: 100, Burst: 100} }

func newFleet(accounts int, busy func(account string, now time.Time) bool) *fleet {
	limit := limitOfFleet()
	f := &fleet{
		random: rand.New(rand.NewPCG(1, 2)), amazon: rate.NewLimiter(rate.Limit(limit.Rate), limit.Burst),
		busy: busy, made: map[string]int{}, now: start, lastHeard: map[[2]int]time.Time{},
	}
	for i := range accounts {
		f.accounts = append(f.accounts, fmt.Sprintf("account-%d", i))
		f.perUnit[unitOf(f.accounts[i])]++
	}
	for range fleetProcesses {
		f.boards = append(f.boards, &share.Board{})
	}
	for i := range int32(fleetUnits) {
		u := &fleetUnit{number: i, process: int(i) % fleetProcesses, committed: map[string]any{}}
		f.units = append(f.units, u)
		f.takeOver(u, u.process)
	}
	return f
}

func unitOf(account string) int32 {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(account))
	return int32(mix(uint64(sum.Sum32())) % fleetUnits)
}

// unitTerms is the share.Groups of a unit.
type unitTerms struct {
	f    *fleet
	unit int32
}

func (u unitTerms) Of(_, _ string) string { return "eu/main" }

func (u unitTerms) Terms(_, _ string) share.Terms {
	return share.Terms{Limit: limitOfFleet(), Part: float64(u.f.perUnit[u.unit]) / float64(len(u.f.accounts)), Binds: true}
}

// takeOver makes a process the owner of a unit, which knows what was committed.
func (f *fleet) takeOver(u *fleetUnit, process int) {
	own := func(_, _ string) quota.Limit { // all together three times the application's
		return quota.Limit{Rate: 3 * limitOfFleet().Rate / float64(len(f.accounts)), Burst: 3}
	}
	u.process, u.flying, u.items, u.wake = process, nil, map[string][]*Item{}, f.now
	u.lanes = New("op", own).Sharing(&share.Unit{Number: u.number, Groups: unitTerms{f, u.number}, Board: f.boards[process]})
	for _, entry := range u.committed {
		u.lanes.Restore(entry)
	}
	for _, account := range f.accounts {
		if unitOf(account) != u.number {
			continue
		}
		for i := range 3 {
			item := &Item{Key: fmt.Sprint(account, "/", i)}
			u.items[account] = append(u.items[account], item)
			f.queue(u, account, item)
		}
	}
}

// queue adds work of an account, or looks again in a second whether it has any.
func (f *fleet) queue(u *fleetUnit, account string, item *Item) {
	due := f.now
	if !f.busy(account, f.now) {
		due = f.now.Truncate(time.Minute).Add(time.Minute) // when the next minute may bring some
	}
	u.lanes.Add(account, item, due)
}

// handOff gives a unit to another process: calls under way end, and for seconds nobody
// owns it.
func (f *fleet) handOff(u *fleetUnit) {
	for _, call := range u.flying {
		f.arrive(call.account)
	}
	f.takeOver(u, f.random.IntN(fleetProcesses))
	u.silent = f.now.Add(time.Second + time.Duration(f.random.Int64N(int64(2*time.Second))))
	u.wake = u.silent
}

// arrive is a call that comes to Amazon.
func (f *fleet) arrive(account string) bool {
	if !f.amazon.AllowN(f.now, 1) {
		f.refused++
		return false
	}
	f.made[account]++
	return true
}

// tick is a unit's: it ends the calls that have arrived, draws, commits, and tells.
func (f *fleet) tick(u *fleetUnit) {
	if f.now.Before(u.silent) {
		u.wake = u.silent
		return
	}
	tx := machine.Tx{Now: f.now}
	u.flying = slices.DeleteFunc(u.flying, func(call flight) bool {
		if call.at.After(f.now) {
			return false
		}
		var outcome machine.Outcome = machine.Done{}
		if !f.arrive(call.account) {
			outcome = machine.Snooze{Throttled: true, Application: true}
		}
		u.lanes.Finish(&tx, call.account, call.item, &machine.Result{Outcome: outcome})
		f.queue(u, call.account, call.item)
		return true
	})
	u.lanes.Draw(&tx, func(item *Item) {
		account, _, _ := strings.Cut(item.Key, "/")
		at := f.now.Add(50*time.Millisecond + time.Duration(f.random.Int64N(int64(200*time.Millisecond))))
		u.flying = append(u.flying, flight{account, item, at})
	})
	maps.Copy(u.committed, tx.State)
	for _, entry := range tx.State {
		if told, ok := entry.(*schemas.ShareState); ok {
			f.tell(u, told)
		}
	}
	u.wake = tx.Wake
}

// tell sends what a unit has committed to all processes, with a delay to each.
func (f *fleet) tell(u *fleetUnit, told *schemas.ShareState) {
	f.told++
	for process := range f.boards {
		at := f.now.Add(5*time.Millisecond + time.Duration(f.random.Int64N(int64(300*time.Millisecond))))
		key := [2]int{int(u.number), process}
		if at.Before(f.lastHeard[key]) {
			at = f.lastHeard[key]
		}
		f.lastHeard[key] = at
		f.post = append(f.post, letter{at, process, share.News{Unit: u.number, Told: told}})
	}
}

// deliver puts the letters that have come on the boards, and wakes the units there.
func (f *fleet) deliver() {
	slices.SortStableFunc(f.post, func(a, b letter) int { return a.at.Compare(b.at) })
	for len(f.post) > 0 && !f.post[0].at.After(f.now) {
		l := f.post[0]
		f.post = f.post[1:]
		f.boards[l.process].Put(l.news.Unit, l.news.Told, f.now)
		for _, u := range f.units {
			if u.process == l.process {
				u.wake = f.now
			}
		}
	}
}

// next is when something happens next.
func (f *fleet) next(end time.Time) time.Time {
	for _, l := range f.post {
		end = earliestAfter(end, l.at)
	}
	for _, u := range f.units {
		end = earliestAfter(end, u.wake)
		for _, call := range u.flying {
			end = earliestAfter(end, call.at)
		}
	}
	return end
}

func earliestAfter(end, at time.Time) time.Time {
	if !at.IsZero() && at.Before(end) {
		return at
	}
	return end
}

// run runs the fleet until an end, with a handoff of each unit every 5 minutes.
func (f *fleet) run(end time.Time, handoffs bool) {
	moves := f.now.Add(5 * time.Minute)
	for f.now.Before(end) {
		f.deliver()
		if handoffs && !f.now.Before(moves) {
			for _, u := range f.units {
				f.handOff(u)
			}
			moves = moves.Add(5 * time.Minute)
		}
		for _, u := range f.units {
			arrived := slices.ContainsFunc(u.flying, func(call flight) bool { return !call.at.After(f.now) })
			if arrived || !u.wake.IsZero() && !u.wake.After(f.now) {
				f.tick(u)
			}
		}
		next := earliestAfter(f.next(end), moves)
		f.now = machine.Latest(next, f.now.Add(time.Millisecond))
	}
}

// TestAnApplicationAtItsLimit has 400 accounts in four processes that want three times
// the limit of their application, or only some of them, and that change.
func TestAnApplicationAtItsLimit(t *testing.T) {
	t.Parallel()
	always := func(string, time.Time) bool { return true }
	half := func(account string, _ time.Time) bool { return unitOf(account)%2 == 0 }
	few := func(account string, _ time.Time) bool { return unitOf(account) < 5 }
	turning := func(account string, now time.Time) bool {
		return int(unitOf(account))%3 != int(now.Sub(start)/(5*time.Minute))%3
	}
	for name, s := range map[string]struct {
		busy     func(string, time.Time) bool
		handoffs bool
		used     float64 // of the limit
	}{
		"all want more":                   {always, false, 0.99},
		"all want more, handoffs":         {always, true, 0.95},
		"half of the units are idle":      {half, false, 0.98},
		"half are idle, handoffs":         {half, true, 0.93},
		"few want more than all":          {few, true, 0.93},
		"those that want more take turns": {turning, false, 0.95},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(400, s.busy)
			f.run(start.Add(time.Second), s.handoffs)
			first := f.refused
			f.refused, f.made = 0, map[string]int{}
			span := long.Pick(t, 6*time.Minute, time.Hour)
			f.run(f.now.Add(span), s.handoffs)
			total, least, wanting := 0, 1<<30, 0
			for _, account := range f.accounts {
				total += f.made[account]
				if s.busy(account, start) {
					wanting++
					least = min(least, f.made[account])
				}
			}
			used, fair := float64(total)/(limitOfFleet().Rate*span.Seconds()), float64(total)/float64(wanting)
			t.Logf("%d refused (%d in the first second), %.1f %% used, the least of %d accounts got %.2f of its fair share, %d records told",
				f.refused, first, 100*used, wanting, float64(least)/fair, f.told)
			if f.refused > 0 || used < s.used || float64(least) < fair/2 && name[0] != 't' {
				t.Errorf("want 0 refused, %.0f %% used and half of a fair share for each", 100*s.used)
			}
		})
	}
}
