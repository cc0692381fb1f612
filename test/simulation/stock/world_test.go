package stock

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/feeds"
	"github.com/sellerstream/sellerstream/processors/inventory"
	"github.com/sellerstream/sellerstream/schemas"
)

const partitions = 12

// setup is what a simulation is of.
type setup struct {
	seed       uint64
	accounts   int
	length     time.Duration
	faults     float64       // share of steps that go wrong
	lostNotes  float64       // share of feeds whose end is not notified
	notes      bool          // accounts have notifications at all
	calm       bool          // quick feeds of a few hundred SKUs only
	noSearches bool          // Amazon refuses searches for listings
	newcomers  int           // SKUs of each account that nothing is known about yet, a tenth of them fulfilled by Amazon; 0 for none
	blind      bool          // what is ambiguous is taken for not done
	orders     time.Duration // between orders of an account, on average; 0 for none
	ignored    float64       // share of accepted quantities that Amazon ignores
	sales      time.Duration // between orders of an account that shrink what is shown, on average; 0 for none
	noticed    float64       // share of changed quantities that Amazon notifies
	seeOnly    bool          // reports of feeds show no quantities
	changes    time.Duration // between handovers of a unit, on average, and twice between crashes; 0 for none
	config     inventory.Config
}

// world is both processors, their topics, and Amazon.
type world struct {
	agenda
	setup  setup
	start  time.Time
	random *rand.Rand
	amazon *amazon
	shops  []*shop
	byID   map[string]*shop
	units  []*unit
	flying int  // calls
	quiet  bool // nothing goes wrong any more

	updates [partitions]topic
	waits   waits
	count   count
	wrong   []string // what may not be
}

// count is what happened.
type count struct {
	updates, outcomes           int
	feeds, messages, patches    int
	submissions, adopted        int
	audits                      int // reports of all listings that were read
	unclear                     int // createFeed calls without an answer
	badFeeds, cancelled, faults int
	crashes, handovers          int
	orders                      int
	calls, throttled            map[string]int
	alerts, byOutcome, reasons  map[string]int
	drained                     time.Duration
	drifts                      drifts
}

// topic is inventory-updates' partition: which of its records have an outcome.
type topic struct {
	records int64
	settled []uint64
}

func (t *topic) appendRecord() int64 {
	offset := t.records
	t.records++
	if int(offset/64) == len(t.settled) {
		t.settled = append(t.settled, 0)
	}
	return offset
}

// settle takes note of an outcome, and reports whether it is the first.
func (t *topic) settle(offset int64) bool {
	word, bit := &t.settled[offset/64], uint64(1)<<(offset%64)
	first := *word&bit == 0
	*word |= bit
	return first
}

func newWorld(s setup) (*world, error) {
	w := &world{
		setup: s, start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), random: rand.New(rand.NewPCG(s.seed, 0)), byID: map[string]*shop{},
		count: count{
			calls: map[string]int{}, throttled: map[string]int{}, alerts: map[string]int{}, byOutcome: map[string]int{}, reasons: map[string]int{},
		},
	}
	w.amazon = newAmazon(w)
	var accounts []account.Account
	for i := range s.accounts {
		sh := newShop(i, s)
		w.shops = append(w.shops, sh)
		w.byID[sh.id] = sh
		accounts = append(accounts, account.Account{ID: sh.id, SellerID: "S" + sh.id, Region: model.Europe, Marketplaces: []string{home}})
	}
	directory, err := account.NewDirectory(accounts)
	if err != nil {
		return nil, err
	}
	w.own(func() *account.Directory { return directory })
	for _, sh := range w.shops {
		sh.inventory, sh.feeds = w.units[2*sh.partition], w.units[2*sh.partition+1]
		sh.begin(w)
	}
	return w, nil
}

// own gives each unit an owner, and later others.
func (w *world) own(directory func() *account.Directory) {
	config := w.setup.config
	config.Accounts = directory
	for range partitions {
		w.units = append(w.units,
			newUnit(w, inventory.Processor, func() machine.Machine { return inventory.New(config) }),
			newUnit(w, feeds.Processor, func() machine.Machine { return feeds.New(feeds.Config{Accounts: directory}) }))
	}
	if w.setup.changes == 0 {
		return
	}
	for _, u := range w.units {
		w.repeat(w.setup.changes, w.exponential(w.setup.changes), u.handOver)
		w.repeat(2*w.setup.changes, w.exponential(2*w.setup.changes), u.crash)
	}
}

func (w *world) time() time.Time { return w.start.Add(w.now) }

func (w *world) upTo(d time.Duration) time.Duration { return time.Duration(w.random.Int64N(int64(d))) }

func (w *world) exponential(mean time.Duration) time.Duration {
	return time.Duration(w.random.ExpFloat64() * float64(mean))
}

// faultf takes note of what may not be.
func (w *world) faultf(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf("%v: ", w.now)+fmt.Sprintf(format, args...))
}

// simulate lets the time of a setup pass, and then everything settle, and finds
// nothing wrong.
func simulate(t *testing.T, s setup) *world {
	t.Helper()
	w := run(t, s)
	for i, text := range w.wrong {
		if t.Error(text); i == 20 {
			t.Fatalf("and %d more", len(w.wrong)-i)
		}
	}
	return w
}

func run(t *testing.T, s setup) *world {
	t.Helper()
	w, err := newWorld(s)
	if err != nil {
		t.Fatal(err)
	}
	for w.now < s.length && w.step() {
	}
	w.quiet = true
	for !w.settled() || w.missing() > 0 {
		if !w.step() || w.now > s.length+48*time.Hour {
			w.faultf("work is pending, and nothing happens any more")
			break
		}
	}
	w.count.drained = w.now - s.length
	w.check()
	return w
}

// settled reports whether nothing is under way any more.
func (w *world) settled() bool {
	if w.flying > 0 || w.amazon.effects > 0 {
		return false
	}
	for _, u := range w.units {
		if u.machine == nil || u.draining || len(u.queue) > 0 || len(u.results) > 0 || u.machine.Pending() > 0 {
			return false
		}
	}
	return true
}

// outcome takes note of what became of a record.
func (w *world) outcome(sh *shop, o *schemas.InventoryResult) {
	if o.Outcome == "ACCEPTED" {
		w.count.byOutcome[o.Outcome]++
		return
	}
	w.count.outcomes++
	w.count.byOutcome[o.Outcome]++
	if o.Code != "" {
		w.count.reasons[o.Outcome+" "+o.Code]++
	}
	if !w.updates[o.SourcePartition].settle(o.SourceOffset) {
		w.faultf("record %d of partition %d has two outcomes, the second %+v", o.SourceOffset, o.SourcePartition, o)
	}
	if s := &sh.skus[skuIndex(o.SKU)]; s.offset == o.SourceOffset {
		s.outcome = o.Outcome[0]
	}
}

// submission takes note that an intent is known to have become a feed.
func (w *world) submission(s *schemas.FeedSubmission) {
	w.count.submissions++
	if s.Adopted {
		w.count.adopted++
	}
	f := w.amazon.feeds[s.FeedID]
	if f == nil || f.submitted || f.account != s.Account {
		w.faultf("feed %s of %s was told twice, or is none", s.FeedID, s.Account)
		return
	}
	f.submitted = true
}

// doubles are the feeds at Amazon that no intent became.
func (w *world) doubles() (ids []string) {
	for _, sh := range w.shops {
		for _, f := range w.amazon.ofAccount[sh.id] {
			if !f.submitted {
				ids = append(ids, f.FeedID)
			}
		}
	}
	return ids
}

// check compares what Amazon has with the wanted quantities, record by record.
func (w *world) check() {
	for p := range w.updates {
		t := &w.updates[p]
		w.count.updates += int(t.records)
		for offset := range t.records {
			if t.settle(offset) {
				w.faultf("record %d of partition %d has no outcome", offset, p)
			}
		}
	}
	for _, sh := range w.shops {
		for i := range sh.skus {
			s := &sh.skus[i]
			switch {
			case s.newest == -1<<60: // never wanted
			case s.amazons: // by whatever test knows when that was told
				if s.outcome != 'R' && s.outcome != 'A' {
					w.faultf("%s of %s is Amazon's, and its newest update ended as %q", skuName(int32(i)), sh.id, s.outcome)
				}
			case s.unlisted && s.outcome != 'R':
				w.faultf("%s of %s is not listed, and its newest update ended as %q", skuName(int32(i)), sh.id, s.outcome)
			case !s.unlisted && (s.outcome != 'A' || !s.right()):
				w.faultf("%s of %s has quantity %d, the newest is %d, %d of it are free, and ended as %q", skuName(int32(i)), sh.id, s.amazon, s.quantity, s.free(), s.outcome)
			}
		}
	}
	for operation, n := range w.count.throttled {
		w.faultf("Amazon answered 429 to %d calls of %s", n, operation)
	}
}
