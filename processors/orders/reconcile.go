package orders

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/commands"
	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/lane"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/quota"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// Amazon promises no notification, so what changed is searched for too. Each
// account has a cursor. A search asks for the orders that changed between it and
// minutes ago, page by page. A page brings whole orders: what is newer than what is
// known needs no getOrder (page.go). The cursor moves when the last page has come:
// a search that was broken off begins again, and costs pages only, since an
// order that was found meanwhile is known.
//
// A search is also the second way to fetch. For an account whose backlog is longer than
// what getOrder gives in a minute it may use the whole burst, and goes from the newest
// change to the oldest, in parts of as many orders as its quota pages now. getOrder
// begins with what has waited longest: the two meet, and few orders are read twice.
//
// Orders v0 has a search of its own, getOrders. It is not used: Amazon ends it
// together with the rest of v0, and searchOrders finds the same orders. What it finds
// is then fetched with v0, since that shows an order in its own way.

// Reconcile describes how an account's orders are searched for what no notification
// brought.
type Reconcile struct {
	Every    time.Duration // from the start of a search to the next; 0 for never
	Lookback time.Duration // how far back the first search of an account goes
	Backfill time.Duration // how far back all orders of a new account are read; 0 for none
}

// searchPrefix begins the state keys of searches.
const searchPrefix = "search/"

const (
	// searchAge is how old what is searched for must be: Amazon takes two minutes,
	// by its own clock.
	searchAge = 2*time.Minute + 10*time.Second
	// searchOverlap is how much each search repeats of the one before, since
	// Amazon's index can lag.
	searchOverlap = 2 * time.Minute
	// searchPage is the largest page, and searchPages how many a search may have: what
	// Amazon's default limit gives in five hours. One with more is asked again for
	// searchShare of its time.
	searchPage  = 100
	searchPages = 100
	searchShare = 4

	// tokenAge is less than the 24 hours for which Amazon knows a page's token, and
	// maxToken how long a token is kept, in bytes.
	tokenAge = 23 * time.Hour
	maxToken = 16 << 10

	// searchBase and searchLimit bound the wait after a failed search.
	searchBase  = time.Minute
	searchLimit = 15 * time.Minute

	// A search that fails is reported after so many tries in a row, once what was
	// searched ends so long ago: a search that catches up is late by itself.
	fewFails   = 5
	failingFor = time.Hour
	failingRun = 5 // times Reconcile.Every, if that is longer

	alertFailing = "SearchesFailing"

	// A backlog is what getOrder does not give in backlogOf. It is searched every
	// backlogEvery at least, and a part of it is backlogPage orders for each page: others
	// can have changed too, and a page with one order costs as much as a full one.
	backlogOf    = time.Minute
	backlogEvery = 3 * time.Minute
	backlogPage  = 90
)

// search is an account's, under way or next.
type search struct {
	lane.Item
	schemas.SearchState
	// The pages of this search, and the most that one has had since the cursor moved:
	// only a search that comes further than those before shows that they do not fail.
	// Not in the state: a new owner begins to count anew.
	paging   model.Paging
	furthest int
	// How much time the next search covers, 0 for all, and how many orders a page may
	// have, 0 for searchPage. Not in the state either.
	span   time.Duration
	orders int
	// Since when changes are to be looked for once more (see searchBack), and since when the
	// pages of the present token do; 0 for the cursor. Not in the state either.
	back, from millis
}

// reconciler is the searches of the unit's accounts.
type reconciler struct {
	Reconcile
	limits   quota.Limits
	lanes    *lane.Lanes
	searches map[string]*search // by state key

	backfills map[string]*backfill // by state key
	last      map[string]time.Time // by account: when a page was last asked for
}

func newReconciler(cfg Reconcile, limits quota.Limits) reconciler {
	return reconciler{
		Reconcile: cfg, limits: limits, searches: make(map[string]*search),
		backfills: make(map[string]*backfill), last: make(map[string]time.Time),
		lanes: lane.New(model.SearchOrders, limits.Of).In(Processor, commands.Doctor).Share(backfillShare),
	}
}

// restoreSearch forgets the counts of parts that are not asked for any more.
func (m *Machine) restoreSearch(state *schemas.SearchState) {
	s := m.reconciler.add(state)
	if s.PaginationToken != "" && s.StartTime.IsZero() && s.BuyerData { // since when it searches is not in the state
		s.leavePart()
	}
	s.AbsentParts = slices.DeleteFunc(s.AbsentParts, func(absent schemas.AbsentPart) bool {
		return !slices.ContainsFunc(m.parts, func(p includedPart) bool { return p.name == absent.Part })
	})
	m.reconciler.lanes.Known(state.Account)
}

func (r *reconciler) add(state *schemas.SearchState) *search {
	s := &search{Item: lane.Item{Key: searchPrefix + state.Account}, SearchState: *state}
	r.searches[s.Key] = s
	return s
}

// followSearches searches the accounts of a directory, and no others. Those that are
// new begin in the past.
func (m *Machine) followSearches(tx *machine.Tx, directory *account.Directory, mine func(string) bool) {
	r := &m.reconciler
	for _, b := range r.backfills {
		r.lanes.Remove(b.Account, &b.Item)
		m.queueBackfill(b, tx.Now)
	}
	for _, s := range r.searches {
		if _, configured := directory.ByID(s.Account); !configured || r.Every == 0 {
			r.lanes.Remove(s.Account, &s.Item)
			s.endFailing(tx, "the account is not searched any more")
		}
	}
	if r.Every == 0 {
		return
	}
	for _, a := range directory.All() {
		if !mine(a.ID) {
			continue
		}
		s := r.searches[searchPrefix+a.ID]
		if s == nil {
			back := max(r.Lookback, searchAge+r.Every) // so that it is due
			s = r.add(&schemas.SearchState{Account: a.ID, CursorTime: tx.Now.Add(-back).Truncate(time.Millisecond)})
			if r.Backfill > 0 {
				tx.Put(s.Key, &s.SearchState)
				m.beginBackfill(tx, a.ID, tx.Now.Add(-r.Backfill), nil)
			}
		}
		if !a.BuyerData {
			s.AbsentParts = slices.DeleteFunc(s.AbsentParts, func(absent schemas.AbsentPart) bool {
				return (&includedPart{name: absent.Part}).ofBuyer()
			})
		}
		m.queueSearch(s, tx.Now)
	}
}

// queueSearch makes a search that is not in flight wait for its turn.
func (m *Machine) queueSearch(s *search, now time.Time) {
	if s.InFlight() {
		return
	}
	r := &m.reconciler
	due, every, behind := s.CursorTime, r.Every, m.backlogged(s.Account) // long ago: a search under way is due
	if behind {
		every = min(every, backlogEvery)
	}
	if r.filling(s.Account) && !behind {
		every = max(every, backfillShare*r.token(s.Account))
	}
	if s.EndTime.IsZero() {
		due = s.CursorTime.Add(searchAge + every)
	}
	if !behind {
		due = machine.Latest(due, r.pace(s.Account, now))
	}
	r.lanes.Add(s.Account, &s.Item, machine.Latest(due, s.NotBefore))
}

// pace is when a search that no backlog needs may go. It leaves half of the burst alone,
// for a backlog, a person or another program: where less is left, it uses what comes in.
func (r *reconciler) pace(account string, now time.Time) time.Time {
	if r.lanes.Tokens(account, now) >= float64(r.limits.Of(account, model.SearchOrders).Burst/2+1) {
		return time.Time{}
	}
	return r.last[account].Add(r.token(account))
}

// token is how long a token takes to come in.
func (r *reconciler) token(account string) time.Duration {
	return time.Duration(float64(time.Second) / max(r.limits.Of(account, model.SearchOrders).Rate, 1e-4))
}

// drawSearches starts the searches that are due.
func (m *Machine) drawSearches(tx *machine.Tx) {
	m.reconciler.lanes.Draw(tx, func(item *lane.Item) {
		s := m.reconciler.searches[item.Key]
		if s == nil {
			b := m.reconciler.backfills[item.Key]
			m.reconciler.last[b.Account] = tx.Now
			m.drawBackfill(tx, b)
			return
		}
		if s.EndTime.IsZero() || s.PaginationToken != "" && tx.Now.Sub(s.TokenTime) > tokenAge {
			s.begin(tx.Now)
		}
		wants := m.wantsBuyers(s, tx.Now)
		if s.PaginationToken != "" && m.misleads(s, wants, tx.Now) {
			s.leavePart()
		}
		if s.PaginationToken == "" {
			s.StartTime, s.BuyerData, s.from = m.part(s, tx.Now), wants, 0
			if wants {
				s.from = s.back
			}
		}
		m.reconciler.last[s.Account] = tx.Now
		tx.Put(s.Key, &s.SearchState)
		request := m.searchRequest(s.Account, s.BuyerData, s.request(m.cfg.IncludedData, m.fulfilledBy(s.Account)))
		tx.Call(machine.Call{Account: s.Account, Operation: model.SearchOrders, Key: s.Key, Request: request})
	})
}

// misleads reports whether the token of a search is for other pages than are wanted by now:
// for those with or without buyer data, or of a whole span, the oldest first, where getOrder
// has a backlog that begins there too.
func (m *Machine) misleads(s *search, wantsBuyers bool, now time.Time) bool {
	if s.BuyerData && !m.withBuyers(s.Account) || !s.BuyerData && wantsBuyers {
		return true
	}
	return s.StartTime.IsZero() && !m.part(s, now).IsZero()
}

// request asks for the next page of the part that is searched. What Amazon's index may
// have shown late lies before the cursor.
func (s *search) request(included, fulfilledBy []string) *model.SearchOrdersRequest {
	from := s.StartTime
	if from.IsZero() {
		from = s.CursorTime.Add(-searchOverlap)
		if s.from != 0 && s.from.time().Before(from) {
			from = s.from.time()
		}
	}
	return &model.SearchOrdersRequest{
		LastUpdatedAfter: from, LastUpdatedBefore: s.left(),
		MaxResultsPerPage: cmp.Or(s.orders, searchPage), PaginationToken: s.PaginationToken, IncludedData: included, FulfilledBy: fulfilledBy,
	}
}

// left is where that part ends: what changed later has been searched.
func (s *search) left() time.Time {
	if s.TakenTime.IsZero() {
		return s.EndTime
	}
	return s.TakenTime
}

// searchChanged lets a search that waits because of its account go on.
func (m *Machine) searchChanged(tx *machine.Tx, account string) {
	m.reconciler.lanes.Changed(tx, account)
	if s := m.reconciler.searches[searchPrefix+account]; s != nil && s.Queued() && s.Attempts > 0 {
		s.Attempts, s.NotBefore = 0, time.Time{}
		tx.Put(s.Key, &s.SearchState)
		m.queueSearch(s, tx.Now)
	}
}

// begin opens a search of all that is old enough now, or of the first part of it.
func (s *search) begin(now time.Time) {
	s.leave()
	s.EndTime = now.Add(-searchAge).Truncate(time.Millisecond)
	if part := s.CursorTime.Add(s.span); part.Before(s.EndTime) && s.span > 0 {
		s.EndTime = part
	} else {
		s.span = 0
	}
}

// leave breaks a search off, or ends it.
func (s *search) leave() {
	s.EndTime, s.TakenTime = time.Time{}, time.Time{}
	s.leavePart()
}

// leavePart breaks a part of a search off, or ends it.
func (s *search) leavePart() {
	s.StartTime, s.PaginationToken, s.TokenTime, s.paging = time.Time{}, "", time.Time{}, model.Paging{}
}

// turn goes on to the page of a token, or ends the search where there is none. An
// error is of a token that is not followed.
func (s *search) turn(token string, now time.Time) error {
	if len(token) > maxToken {
		return errors.New("the next page's token is too long")
	}
	pages := s.paging.Pages()
	if err := s.paging.Next(token, searchPages); err != nil {
		if s.paging.Pages() >= searchPages {
			s.span = max(s.EndTime.Sub(s.CursorTime)/searchShare, time.Minute)
			s.back = 0
		}
		return err
	}
	s.NotBefore = time.Time{}
	if token == "" && !s.StartTime.IsZero() {
		s.TakenTime, s.Attempts = s.StartTime, 0
		s.leavePart()
		return nil
	}
	if token == "" {
		if s.orders = 0; s.from != 0 && s.from <= s.back {
			s.back = 0
		}
		s.CursorTime, s.furthest, s.Attempts = s.EndTime, 0, 0
		if s.leave(); pages < searchPages/searchShare {
			s.span *= searchShare
		}
		return nil
	}
	s.PaginationToken, s.TokenTime = token, now
	if pages = s.paging.Pages(); pages > s.furthest {
		s.furthest, s.Attempts = pages, 0
	}
	return nil
}

// fail makes the search wait for another try.
func (s *search) fail(now time.Time) {
	s.Attempts++
	s.NotBefore = now.Add(lane.Backoff(s.Key, int(s.Attempts), searchBase, searchLimit))
}

// failed makes a search wait for another try, and raises one alert for one that
// does not succeed: nobody would see that orders are missed.
func (m *Machine) failed(tx *machine.Tx, s *search, err error) {
	s.fail(tx.Now)
	if _, configured := m.cfg.Accounts().ByID(s.Account); !configured { // it was removed while this was under way
		return
	}
	late := tx.Now.Sub(s.CursorTime) > max(failingFor, failingRun*m.reconciler.Every)
	if !s.AlertedTime.IsZero() || !late || s.Attempts < fewFails {
		return
	}
	s.AlertedTime = tx.Now
	tx.Alert(&schemas.Alert{
		EventType: alertFailing, Account: s.Account, Role: Processor, Severity: "WARNING", Subject: model.SearchOrders,
		Message: fmt.Sprintf("Searches of account %s fail, at last with: %v. What has changed since %s and was not notified is missed until one succeeds; "+
			"they are tried again every %v. Look what Amazon refuses with %s.",
			s.Account, err, s.CursorTime.UTC().Format(time.RFC3339), searchLimit, commands.Doctor(s.Account)),
		Since: s.CursorTime,
	})
}

// endFailing resolves the alert about a search, for the reason why.
func (s *search) endFailing(tx *machine.Tx, why string) {
	if s.AlertedTime.IsZero() {
		return
	}
	tx.ResolveRaised(&schemas.Alert{
		EventType: alertFailing, Account: s.Account, Role: Processor, Subject: model.SearchOrders,
		Message: fmt.Sprintf("Searches of account %s do not fail any more: %s.", s.Account, why),
	}, s.AlertedTime)
	s.AlertedTime = time.Time{}
	tx.Put(s.Key, &s.SearchState)
}

// searched takes the outcome of a call.
func (m *Machine) searched(tx *machine.Tx, s *search, res *machine.Result) {
	m.reconciler.lanes.Finish(tx, s.Account, &s.Item, res)
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		m.page(tx, s, outcome.Response)
	case machine.Reject:
		if s.PaginationToken != "" { // perhaps Amazon has forgotten it
			s.leavePart()
		}
		s.back = 0 // perhaps that is what Amazon refuses

		if isMalformed(outcome.Err) { // too large, perhaps
			s.orders = max(1, cmp.Or(s.orders, searchPage)/2)
		}
		m.failed(tx, s, outcome.Err)
	case machine.Retry:
		m.failed(tx, s, outcome.Err)
	case machine.Ambiguous:
		m.failed(tx, s, outcome.Err)
	case machine.Park, machine.Snooze:
		// The lane waits, not the search.
	}
	tx.Put(s.Key, &s.SearchState)
	if _, configured := m.cfg.Accounts().ByID(s.Account); configured {
		m.queueSearch(s, tx.Now)
	}
}
