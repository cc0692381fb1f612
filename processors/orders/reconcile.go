package orders

import (
	"errors"
	"fmt"
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
// minutes ago, page by page, and what is newer than what is known is fetched
// behind all that was notified. The cursor moves when the last page has come:
// a search that was broken off begins again, and costs pages only, since an
// order that was found meanwhile is known.
//
// The order is fetched although a search could bring it whole, because an event's
// id is a hash of what Amazon showed: one operation alone shows the same always.
//
// Orders v0 has a search of its own, getOrders. It is not used: Amazon ends it
// together with the rest of v0, and searchOrders finds the same orders.

// Reconcile describes how an account's orders are searched for what no notification
// brought.
type Reconcile struct {
	Every    time.Duration // from the start of a search to the next; 0 for never
	Lookback time.Duration // how far back the first search of an account goes
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
)

// search is an account's, under way or next.
type search struct {
	lane.Item
	schemas.SearchState
	told bool // that it fails; a new owner tells it again
	// The pages of this search, and the most that one has had since the cursor moved:
	// only a search that comes further than those before shows that they do not fail.
	// Not in the state: a new owner begins to count anew.
	paging   model.Paging
	furthest int
	// How much time the next search covers; 0 for all. Not in the state either.
	span time.Duration
}

// reconciler is the searches of the unit's accounts.
type reconciler struct {
	Reconcile
	lanes    *lane.Lanes
	searches map[string]*search // by state key
}

func newReconciler(cfg Reconcile, limits quota.Limits) reconciler {
	// Half of the burst is never used: what came to a stop goes on by few pages at
	// once, and a person or another program can search too.
	limit := func(account, operation string) quota.Limit {
		limit := limits.Of(account, operation)
		limit.Burst = max(1, limit.Burst/2)
		return limit
	}
	return reconciler{Reconcile: cfg, lanes: lane.New(model.SearchOrders, limit).In(Processor, commands.Doctor), searches: make(map[string]*search)}
}

func (r *reconciler) restore(state *schemas.SearchState) {
	r.add(state)
	r.lanes.Known(state.Account)
}

func (r *reconciler) add(state *schemas.SearchState) *search {
	s := &search{Item: lane.Item{Key: searchPrefix + state.Account}, SearchState: *state}
	r.searches[s.Key] = s
	return s
}

// follow searches the accounts of a directory, and no others. Those that are
// new begin in the past.
func (r *reconciler) follow(directory *account.Directory, mine func(string) bool, now time.Time) {
	if r.Every == 0 {
		return
	}
	for _, s := range r.searches {
		if _, configured := directory.ByID(s.Account); !configured {
			r.lanes.Remove(s.Account, &s.Item)
		}
	}
	for _, a := range directory.All() {
		if !mine(a.ID) {
			continue
		}
		s := r.searches[searchPrefix+a.ID]
		if s == nil {
			back := max(r.Lookback, searchAge+r.Every) // so that it is due
			s = r.add(&schemas.SearchState{Account: a.ID, CursorTime: now.Add(-back).Truncate(time.Millisecond)})
		}
		r.queue(s)
	}
}

// queue makes a search that is not in flight wait for its turn.
func (r *reconciler) queue(s *search) {
	if s.InFlight() {
		return
	}
	due := s.CursorTime // long ago: a search under way is due, unless it waits
	if s.EndTime.IsZero() {
		due = s.CursorTime.Add(searchAge + r.Every)
	}
	r.lanes.Add(s.Account, &s.Item, machine.Latest(due, s.NotBefore))
}

// draw starts the searches that are due.
func (r *reconciler) draw(tx *machine.Tx) {
	r.lanes.Draw(tx, func(item *lane.Item) {
		s := r.searches[item.Key]
		if s.EndTime.IsZero() || s.PaginationToken != "" && tx.Now.Sub(s.TokenTime) > tokenAge {
			s.begin(tx.Now)
		}
		tx.Put(s.Key, &s.SearchState)
		tx.Call(machine.Call{
			Account: s.Account, Operation: model.SearchOrders, Key: s.Key,
			Request: &model.SearchOrdersRequest{
				LastUpdatedAfter: s.CursorTime.Add(-searchOverlap), LastUpdatedBefore: s.EndTime,
				MaxResultsPerPage: searchPage, PaginationToken: s.PaginationToken,
			},
		})
	})
}

// changed lets a search that waits because of its account go on.
func (r *reconciler) changed(tx *machine.Tx, account string) {
	r.lanes.Changed(tx, account)
	if s := r.searches[searchPrefix+account]; s != nil && s.Queued() && s.Attempts > 0 {
		s.Attempts, s.NotBefore = 0, time.Time{}
		tx.Put(s.Key, &s.SearchState)
		r.queue(s)
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
	s.EndTime, s.PaginationToken, s.TokenTime, s.paging = time.Time{}, "", time.Time{}, model.Paging{}
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
		}
		return err
	}
	s.NotBefore = time.Time{}
	if token == "" {
		s.CursorTime, s.told, s.furthest, s.Attempts = s.EndTime, false, 0, 0
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
	late := tx.Now.Sub(s.CursorTime) > max(failingFor, failingRun*m.reconciler.Every)
	if s.told || !late || s.Attempts < fewFails {
		return
	}
	s.told = true
	tx.Alert(&schemas.Alert{
		EventType: alertFailing, Account: s.Account, Role: Processor, Severity: "WARNING", Subject: model.SearchOrders,
		Message: fmt.Sprintf("Searches of account %s fail, at last with: %v. What has changed since %s and was not notified is missed until one succeeds; "+
			"they are tried again every %v. Look what Amazon refuses with %s.",
			s.Account, err, s.CursorTime.UTC().Format(time.RFC3339), searchLimit, commands.Doctor(s.Account)),
		Since: s.CursorTime,
	})
}

// searched takes the outcome of a call.
func (m *Machine) searched(tx *machine.Tx, s *search, res *machine.Result) {
	m.reconciler.lanes.Finish(tx, s.Account, &s.Item, res)
	switch outcome := res.Outcome.(type) {
	case machine.Done:
		m.page(tx, s, outcome.Response)
	case machine.Reject:
		if s.PaginationToken != "" { // perhaps Amazon has forgotten it
			s.leave()
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
		m.reconciler.queue(s)
	}
}

// page takes a page of what was found.
func (m *Machine) page(tx *machine.Tx, s *search, response any) {
	answer, ok := response.(*model.SearchOrdersResponse)
	if !ok {
		m.failed(tx, s, fmt.Errorf("the answer is a %T", response))
		return
	}
	for i := range answer.Orders {
		if m.recover(tx, s.Account, &answer.Orders[i]) {
			s.Found++
		}
	}
	if err := s.turn(answer.Next(), tx.Now); err != nil { // it would not be followed another time either
		s.leave()
		s.Attempts = max(s.Attempts, fewFails)
		m.failed(tx, s, err)
	}
}

// recover queues an order that a search found, and reports whether that was needed:
// not where it is known as it is, or is to be fetched anyway.
func (m *Machine) recover(tx *machine.Tx, account string, found *model.Order) bool {
	if model.CheckOrderID(found.OrderID) != nil {
		return false
	}
	key := orderKey(account, found.OrderID)
	updated := min(millisOf(instant(found.LastUpdatedTime)), millisOf(tx.Now))
	o := m.orders[key]
	switch {
	case o == nil:
		o = newOrder(key, account)
		m.orders[key] = o
		m.missed(tx, account, instant(found.CreatedTime))
	case o.pending && updated <= max(o.emitted, o.wanted):
		m.proven(o)
		return false
	case updated <= max(o.emitted, o.wanted):
		return false
	case o.pending: // an answer must not be older
		o.wanted = updated
		m.save(tx, o)
		m.proven(o)
		return false
	}
	o.want(tx.Now, originRecovered, 0, false)
	o.wanted, o.found = updated, true
	m.save(tx, o)
	m.settle(o, o.pendingSince)
	return true
}
