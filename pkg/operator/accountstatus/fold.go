package accountstatus

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sellerstream/sellerstream/pkg/roles"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/runtime/role"
	"github.com/sellerstream/sellerstream/pkg/runtime/stream"
	"github.com/sellerstream/sellerstream/schemas"
)

// Settings describe what is known besides the state.
type Settings struct {
	Now      time.Time // on the pipeline's clock
	Accounts []string  // the configured ones
	Only     string    // the one account that is asked for; "" for all
	Limits   quota.Limits
	// Place names an account's application and region; nil where they are not known.
	Place    func(account string) (application, region string)
	OrdersV0 bool // whether orders are read with Orders v0
	// Asked reports whether a part of an account's orders is asked for; nil where that is
	// not known.
	Asked func(account, part string) bool
	// AsksFulfillers reports whether an account's quantities wait to learn who fulfils their
	// SKUs; nil for none.
	AsksFulfillers func(account string) bool
	// MaxMessages is how many SKUs a feed holds, and PatchBelow how few wait for single
	// calls instead.
	MaxMessages, PatchBelow int
	// FeedInterval is the least time from one feed of an account to the next; 0 for none.
	FeedInterval time.Duration
}

// Fold gathers the newest entries of the state. It is used by one goroutine.
type Fold struct {
	settings Settings
	roles    []role.Role
	accounts map[string]*entry
	writes   *Pause         // the switch of all writing calls
	unread   []string       // entries of the state that cannot be read
	later    map[string]int // how many entries of a later version there are, by topic
}

// entry is an account on the way to its Standing.
type entry struct {
	Standing
	work    map[string]*Work
	buckets map[string]*schemas.QuotaState
	stock   int // SKUs that are to be sent
	// unchecked is how many SKUs wait first to learn who fulfils them.
	unchecked int
	blocked   bool                 // whether they wait for a feed's end, or for a person
	feeds     map[string]role.Feed // by id
	calls     map[string]int       // wanted, by operation
	failed    map[string]*failures // by role
	overdue   []role.Wait          // that were to be over for longer than lane.ProbeAfter
}

// NewFold begins with the configured accounts.
func NewFold(settings Settings) *Fold {
	f := &Fold{settings: settings, roles: roles.Processors(), accounts: make(map[string]*entry), later: make(map[string]int)}
	for _, id := range settings.Accounts {
		if e := f.of(id); e != nil {
			e.Configured = true
		}
	}
	return f
}

// of is the entry of an account, nil for one that is not asked for.
func (f *Fold) of(account string) *entry {
	if f.settings.Only != "" && account != f.settings.Only {
		return nil
	}
	e := f.accounts[account]
	if e == nil {
		e = &entry{
			Standing: Standing{Account: account, Work: []Work{}, Operations: []Operation{}, Feeds: []role.Feed{}, Waits: []role.Wait{}},
			work:     make(map[string]*Work), buckets: make(map[string]*schemas.QuotaState),
			feeds: make(map[string]role.Feed), calls: make(map[string]int), failed: make(map[string]*failures),
		}
		f.accounts[account] = e
	}
	return e
}

// Take takes the newest value of a key: pointers to the types of package
// schemas. What says nothing about an account is passed over.
func (f *Fold) Take(value any) {
	switch v := value.(type) {
	case *schemas.Switch:
		f.takeSwitch(v)
	case *schemas.QuotaState:
		if e := f.of(v.Account); e != nil {
			e.buckets[v.Operation] = v
		}
	case *schemas.LaneState:
		f.takeWait(v)
	default:
		for _, r := range f.roles {
			r.Read(value, func(account string) role.Standing { return f.standing(account, r.Name) })
		}
	}
}

// takeWait takes why a lane waits. A success ends that, not the time until which it waits, since
// the call that is tried then may fail too. One that is long overdue counts while its role has
// work: else nothing is left that would try.
func (f *Fold) takeWait(v *schemas.LaneState) {
	switch e := f.of(v.Account); {
	case e == nil:
	case v.Parked || f.settings.Now.Sub(v.Until) <= lane.ProbeAfter:
		e.Waits = append(e.Waits, waitOf(v))
	default:
		e.overdue = append(e.overdue, waitOf(v))
	}
}

// standing takes what a role's state says about an account, nil for one that is not
// asked for.
func (f *Fold) standing(account, name string) role.Standing {
	if e := f.of(account); e != nil {
		return &taker{e, name, &f.settings}
	}
	return nil
}

// Stop takes a unit that stands still. The accounts are those of its partition
// that the state or the configuration knows.
func (f *Fold) Stop(unit stream.Stopped, partitions int32) {
	owns := stream.Mine(machine.Unit{Processor: unit.Role, Partition: unit.Partition, Partitions: partitions})
	for account, e := range f.accounts {
		if owns(account) {
			e.Stopped = append(e.Stopped, unit)
		}
	}
}

// Unread notes an entry of the state that cannot be read. What the others say
// is shown. Those that a later version has written are no fault, and only counted.
func (f *Fold) Unread(topic string, partition int32, key string, err error) {
	if errors.Is(err, schemas.ErrUnknownKind) {
		f.later[topic]++
		return
	}
	f.unread = append(f.unread, fmt.Sprintf("topic %s, partition %d, key %q cannot be read: %v", topic, partition, key, err))
}

// UnreadBatch notes a batch of the state that cannot be read.
func (f *Fold) UnreadBatch(err error) {
	f.unread = append(f.unread, err.Error()+": what it holds is not shown")
}

// Unreadable are the entries and batches of the state that cannot be read, a line each,
// and a line for each topic that has entries of a later version.
func (f *Fold) Unreadable() []string {
	lines := slices.Clone(f.unread)
	for _, topic := range slices.Sorted(maps.Keys(f.later)) {
		lines = append(lines, fmt.Sprintf("topic %s: %d of its entries are of a later version; this one leaves them as they are and does not show them",
			topic, f.later[topic]))
	}
	return lines
}

func (f *Fold) takeSwitch(v *schemas.Switch) {
	if !v.Paused {
		return
	}
	pause := &Pause{Since: v.Since, By: v.By, Reason: v.Reason}
	if v.Subject == schemas.AllWrites {
		f.writes = pause
	} else if e := f.of(v.Subject); e != nil {
		e.Paused = pause
	}
}

// Standings are those of all accounts, the ones that want a person first, then
// those whose work has waited longest.
func (f *Fold) Standings() []*Standing {
	standings := make([]*Standing, 0, len(f.accounts))
	for _, e := range f.accounts {
		standings = append(standings, e.finish(f.settings))
	}
	slices.SortFunc(standings, func(a, b *Standing) int {
		if c := cmp.Compare(b.severity(), a.severity()); c != 0 {
			return c
		}
		if c := compareOldest(a.Oldest(), b.Oldest()); c != 0 {
			return c
		}
		return strings.Compare(a.Account, b.Account)
	})
	return standings
}

// WritesPaused is the switch that pauses the writing calls of all accounts; nil
// where they go on.
func (f *Fold) WritesPaused() *Pause { return f.writes }

// compareOldest puts what waits before what does not.
func compareOldest(a, b time.Time) int {
	switch {
	case a.IsZero() || b.IsZero():
		return cmp.Compare(b2i(a.IsZero()), b2i(b.IsZero()))
	default:
		return a.Compare(b)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
