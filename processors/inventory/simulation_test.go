package inventory

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/account"
	"github.com/sellerstream/sellerstream/pkg/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestADayOfManyAccounts runs 24 hours of random bursts with 1 % faults: no
// call is throttled, no feed doubled, no record lost, and what waits for no
// feed is submitted within the linger and a token's interval while Amazon is up.
func TestADayOfManyAccounts(t *testing.T) {
	t.Parallel()
	const accounts, day = 10, 24 * time.Hour
	s := newSimulation(t, accounts)
	for i := range accounts {
		s.burst(fmt.Sprint("account-", i), day)
	}
	s.run(testStart.Add(day + 3*time.Hour))

	if s.machine.Pending() > 0 || len(s.outcomes) != int(s.offset) {
		t.Errorf("%d of %d records have an outcome, %d SKUs are pending", len(s.outcomes), s.offset, s.machine.Pending())
	}
	var denied []string
	doubles, feeds := 0, 0
	for name, a := range s.amazons {
		denied = append(denied, a.denied...)
		feeds += len(a.feeds)
		for _, f := range a.feeds {
			if !s.submitted[runningKey{name, f.FeedID}] {
				doubles++
			}
		}
	}
	if len(denied) > 0 || doubles > 0 {
		t.Errorf("%d calls throttled (%v), %d feeds doubled", len(denied), denied, doubles)
	}
	bound := s.machine.cfg.Linger + 120480*time.Millisecond + 10*time.Second // and the upload
	if worst := quantile(s.free, 1); worst > bound {
		t.Errorf("an update that waited for no feed was submitted after %v, want %v at most", worst, bound)
	}
	t.Logf("%d updates, %d feeds, %d patches; staleness p50 %v, p99 %v, max %v; behind a feed or a fault (%d) p50 %v, p99 %v",
		s.offset, feeds, s.patches, quantile(s.free, 0.5), quantile(s.free, 0.99), quantile(s.free, 1),
		len(s.behind), quantile(s.behind, 0.5), quantile(s.behind, 0.99))
}

func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[int(math.Ceil(q*float64(len(list)-1)))].Round(time.Millisecond)
}

// simulation is one machine and an Amazon for each account, on a queue of events.
type simulation struct {
	machine *Machine
	random  *rand.Rand
	now     time.Time
	events  eventHeap
	wake    time.Time
	amazons map[string]*amazon

	offset       int64
	outcomes     map[int64]bool
	submitted    map[runningKey]bool
	patches      int
	since        map[string]time.Time // of SKUs that are not submitted, by key
	slow         map[string]bool      // of those, which wait for a feed or a fault
	troubled     map[string]time.Time // accounts, until when a fault holds them up
	document     map[string][]string  // keys of its SKUs
	free, behind []time.Duration
}

type eventHeap []effect

func (h eventHeap) Len() int           { return len(h) }
func (h eventHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h eventHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *eventHeap) Push(x any)        { *h = append(*h, x.(effect)) }
func (h *eventHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func newSimulation(t *testing.T, accounts int) *simulation {
	s := &simulation{
		random: rand.New(rand.NewPCG(1, 2)), now: testStart, amazons: map[string]*amazon{}, outcomes: map[int64]bool{},
		submitted: map[runningKey]bool{}, since: map[string]time.Time{}, slow: map[string]bool{},
		troubled: map[string]time.Time{}, document: map[string][]string{},
	}
	var list []account.Account
	for i := range accounts {
		a := account.Account{ID: fmt.Sprint("account-", i), SellerID: fmt.Sprint("S", i), Region: model.Europe, Marketplaces: []string{germany}}
		list = append(list, a)
		s.amazons[a.ID] = newAmazon(s.random)
		s.amazons[a.ID].longest = time.Minute
		for n := range 5000 {
			s.amazons[a.ID].listed[skuName(n)] = []string{germany}
		}
	}
	directory, err := account.NewDirectory(list)
	if err != nil {
		t.Fatal(err)
	}
	s.machine = New(Config{Accounts: func() *account.Directory { return directory }, MaxAttempts: 100})
	return s
}

func (s *simulation) at(t time.Time, do func(time.Time)) { heap.Push(&s.events, effect{t, do}) }

func (s *simulation) run(until time.Time) {
	for {
		next := s.wake
		if len(s.events) > 0 && (next.IsZero() || s.events[0].at.Before(next)) {
			next = s.events[0].at
		}
		if next.IsZero() || next.After(until) {
			return
		}
		s.now = latest(s.now, next)
		tx := &machine.Tx{Now: s.now}
		if len(s.events) > 0 && !s.events[0].at.After(s.now) {
			heap.Pop(&s.events).(effect).do(s.now)
		}
		s.machine.Draw(tx)
		s.commit(tx)
	}
}

// tick applies something in a transaction of its own.
func (s *simulation) tick(apply func(tx *machine.Tx)) {
	tx := &machine.Tx{Now: s.now}
	apply(tx)
	s.machine.Draw(tx)
	s.commit(tx)
}

// burst produces updates of 1 to 2,000 SKUs now and then.
func (s *simulation) burst(name string, left time.Duration) {
	wait := time.Duration(s.random.ExpFloat64() * float64(20*time.Minute))
	if wait > left {
		return
	}
	s.at(s.now.Add(wait), func(time.Time) {
		s.tick(func(tx *machine.Tx) {
			for range int(math.Exp(s.random.Float64() * math.Log(2000))) {
				s.update(tx, name)
			}
		})
		s.burst(name, left-wait)
	})
}

func (s *simulation) update(tx *machine.Tx, name string) {
	u := updateOf(skuName(s.random.IntN(5000)), 1+s.random.IntN(50), s.now)
	u.Account = name
	key := skuKey(name, "", u.SKU)
	if _, waits := s.since[key]; !waits {
		f := s.machine.feeds[feedKey(name, germany)]
		s.since[key] = s.now
		s.slow[key] = f != nil && (f.phase != phaseIdle || f.cut != nil) || s.now.Before(s.troubled[name])
	}
	s.machine.Record(tx, &machine.Record{Topic: schemas.InventoryUpdates, Offset: s.offset, Account: name, Value: u})
	s.offset++
}

func (s *simulation) commit(tx *machine.Tx) {
	s.wake = tx.Wake
	for _, out := range tx.Outputs {
		switch v := out.Value.(type) {
		case *schemas.InventoryResult:
			s.outcomes[v.SourceOffset] = true
		case *schemas.FeedSubmission:
			s.submitted[runningKey{v.Account, v.FeedID}] = true
			s.follow(v)
		}
	}
	for _, call := range tx.Calls {
		s.start(call)
	}
}

// follow is the feeds processor: it writes the result when the feed has ended.
func (s *simulation) follow(v *schemas.FeedSubmission) {
	var look func(time.Time)
	look = func(now time.Time) {
		a := s.amazons[v.Account]
		a.advance(now)
		i := slices.IndexFunc(a.feeds, func(f *amazonFeedState) bool { return f.FeedID == v.FeedID })
		if a.feeds[i].ends.IsZero() {
			s.at(now.Add(5*time.Second), look)
			return
		}
		s.tick(func(tx *machine.Tx) {
			for _, value := range a.feeds[i].result() {
				switch value := value.(type) {
				case *schemas.FeedIssues:
					value.Account = v.Account
				case *schemas.FeedResult:
					value.Account = v.Account
				}
				s.machine.Record(tx, &machine.Record{Topic: schemas.FeedResults, Account: v.Account, Value: value})
			}
		})
	}
	s.at(s.now.Add(5*time.Second), look)
}

// start has a call arrive at Amazon and end, one in a hundred not well.
func (s *simulation) start(call machine.Call) {
	a, began := s.amazons[call.Account], s.now
	lost := s.random.IntN(100) == 0
	if lost {
		s.trouble(call.Account)
	}
	s.at(began.Add(time.Duration(s.random.IntN(500))*time.Millisecond), func(now time.Time) {
		a.advance(now)
		outcome := machine.Outcome(machine.Ambiguous{})
		if !lost || s.random.IntN(2) == 0 { // else it never arrives
			outcome = a.answer(call, now, 0)
		}
		if lost {
			outcome = machine.Ambiguous{}
		}
		s.at(now.Add(time.Duration(s.random.IntN(1000))*time.Millisecond), func(time.Time) {
			s.note(call, outcome)
			s.tick(func(tx *machine.Tx) { s.machine.Result(tx, &machine.Result{Call: call, Outcome: outcome}) })
		})
	})
}

// trouble has what the account waits for now not count as free.
func (s *simulation) trouble(name string) {
	s.troubled[name] = s.now.Add(s.machine.cfg.quarantine() + 5*time.Minute)
	for key := range s.since {
		if s.machine.skus[key] != nil && s.machine.skus[key].account == name {
			s.slow[key] = true
		}
	}
}

// note measures how long what has been submitted had waited.
func (s *simulation) note(call machine.Call, outcome machine.Outcome) {
	done, ok := outcome.(machine.Done)
	if !ok {
		return
	}
	switch req := call.Request.(type) {
	case *model.UploadFeedRequest:
		var keys []string
		for i := range req.Feed.Messages {
			keys = append(keys, skuKey(call.Account, "", req.Feed.Messages[i].SKU))
		}
		s.document[call.Account+done.Response.(*model.UploadFeedResponse).FeedDocumentID] = keys
	case *model.CreateFeedRequest:
		for _, key := range s.document[call.Account+req.InputFeedDocumentID] {
			s.measure(key)
		}
	case *model.PatchQuantityRequest:
		s.patches++
		s.measure(call.Key)
	}
}

func (s *simulation) measure(key string) {
	since, waits := s.since[key]
	switch {
	case !waits:
	case s.slow[key]:
		s.behind = append(s.behind, s.now.Sub(since))
	default:
		s.free = append(s.free, s.now.Sub(since))
	}
	delete(s.since, key)
	delete(s.slow, key)
}
