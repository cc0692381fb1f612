package orders

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// pageOrders is how many orders the test's Amazon has on a page.
const pageOrders = 5

// reconciling searches the test's account.
func reconciling(cfg *Config) {
	cfg.Mine = func(account string) bool { return account == testAccount }
	cfg.Reconcile = Reconcile{Every: 3 * time.Minute, Lookback: time.Hour}
}

func (r *runtime) searchState() *schemas.SearchState {
	state, _ := r.State(searchPrefix + testAccount).(*schemas.SearchState)
	if state == nil {
		return &schemas.SearchState{}
	}
	return state
}

// cursor is where a page begins, and the search that it belongs to.
type cursor struct {
	after  time.Time
	before time.Time
	last   model.Order
	given  time.Time
}

func byUpdate(a, b model.Order) int {
	return cmp.Or(a.LastUpdatedTime.Compare(b.LastUpdatedTime), cmp.Compare(a.OrderID, b.OrderID))
}

// search is searchOrders.
func (a *amazon) search(request *model.SearchOrdersRequest, now time.Time) machine.Outcome {
	refused := func(why string) machine.Outcome {
		return machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.SearchOrders, Status: 400, Err: errors.New(why)}}
	}
	at := cursor{after: request.LastUpdatedAfter, before: request.LastUpdatedBefore, given: now}
	byCreation := !request.CreatedAfter.IsZero()
	if byCreation {
		at.after, at.before = request.CreatedAfter, request.CreatedBefore
	}
	if at.before.After(now.Add(-2 * time.Minute)) {
		return refused("too new")
	}
	if token := request.PaginationToken; token != "" {
		page, ok := a.pages[token]
		if !ok || now.Sub(page.given) >= 24*time.Hour || !page.after.Equal(at.after) || !page.before.Equal(at.before) {
			return refused("unknown token, or of another search")
		}
		at = page
	}
	var found []model.Order
	for id := range a.versions {
		if v, _ := a.shown(id, now.Add(-a.behind)); v != nil {
			o := a.order(id, *v)
			when := o.LastUpdatedTime
			if byCreation {
				when = o.CreatedTime
			}
			if !when.Before(at.after) && !when.After(at.before) && byUpdate(at.last, o) < 0 {
				found = append(found, o)
			}
		}
	}
	slices.SortFunc(found, byUpdate)
	page := min(cmp.Or(a.page, pageOrders), request.MaxResultsPerPage)
	answer := &model.SearchOrdersResponse{Orders: found[:min(page, len(found))], Incomplete: a.odd}
	if len(found) > page {
		at.last, at.given = found[page-1], now
		token := fmt.Sprint("page-", len(a.pages))
		a.pages[token] = at
		answer.Pagination = &model.Pagination{NextToken: token}
	}
	return machine.Done{Response: answer}
}

// follow answers all calls for a time, as the test's Amazon does.
func (r *runtime) follow(a *amazon, d time.Duration) {
	r.Follow(d, r.Tick(nil), func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
}

func (r *runtime) started(operation string) (n int) {
	for _, call := range r.Started {
		if call.Operation == operation {
			n++
		}
	}
	return n
}

func TestANewAccountIsSearchedBackThenInSteps(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling), newAmazon()
	a.change(orderID(1), r.Now.Add(-61*time.Minute+-searchOverlap))
	a.change(orderID(2), r.Now.Add(-59*time.Minute))
	r.follow(a, 10*time.Minute)
	if len(r.outputs) != 1 || r.outputs[0].OrderID != orderID(2) || r.outputs[0].Origin != originRecovered {
		t.Fatalf("wrote %+v, want order 2", r.outputs)
	}
	var begun []time.Time
	for _, call := range r.Started {
		if request, ok := call.Request.(*model.SearchOrdersRequest); ok {
			begun = append(begun, request.LastUpdatedBefore.Add(searchAge))
		}
	}
	want := []time.Time{testStart, testStart.Add(3 * time.Minute), testStart.Add(6 * time.Minute), testStart.Add(9 * time.Minute)}
	if !slices.EqualFunc(begun, want, time.Time.Equal) {
		t.Fatalf("searched at %v, want %v", begun, want)
	}
}

func TestOnlyTheUnitsAccountsAreSearched(t *testing.T) {
	t.Parallel()
	directory, err := account.NewDirectory([]account.Account{{ID: "other", SellerID: "A2", Region: model.Europe}})
	if err != nil {
		t.Fatal(err)
	}
	both := machinetest.Sellers(t)
	now := directory
	r := newRuntime(t, func(cfg *Config) {
		reconciling(cfg)
		cfg.Accounts = func() *account.Directory { return now }
	})
	a := newAmazon()
	if r.follow(a, 10*time.Minute); len(r.Started) != 0 {
		t.Fatalf("searched %+v", r.Started)
	}
	now = both() // the account is added while the unit runs, and removed again
	if r.follow(a, time.Minute); r.started(model.SearchOrders) != 1 {
		t.Fatalf("searched an added account %d times", len(r.Started))
	}
	now = directory
	if r.follow(a, time.Hour); r.started(model.SearchOrders) != 1 {
		t.Fatalf("searched a removed account %d times", len(r.Started))
	}
	now = both()
	a.change(orderID(1), r.Now.Add(-30*time.Minute)) // while it was away
	if r.follow(a, time.Minute); len(r.outputs) != 1 {
		t.Fatalf("an account that is back does not go on at its cursor: wrote %+v", r.outputs)
	}
}

// TestANewOwnerGoesOnWhereTheLastOneStopped in the middle of a search, unless
// Amazon no longer knows the page.
func TestANewOwnerGoesOnWhereTheLastOneStopped(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		away  time.Duration
		lose  bool // Amazon forgets the token early
		pages int  // that are then needed
	}{
		"at once":                    {away: time.Second, pages: 2},
		"after a day":                {away: 25 * time.Hour, pages: 3},
		"the token is refused":       {away: time.Second, lose: true, pages: 4},
		"when the token still holds": {away: 22 * time.Hour, pages: 3}, // and the search of what came meanwhile
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := newRuntime(t, reconciling), newAmazon()
			const orders = 2*pageOrders + 1
			for n := range orders {
				a.change(orderID(n), r.Now.Add(-time.Duration(n+10)*time.Minute))
			}
			calls := r.Tick(nil)
			r.End(calls[0], a.answerTo(calls[0], r.Now))
			state := r.searchState()
			if state.PaginationToken == "" || !state.CursorTime.Equal(testStart.Add(-time.Hour)) {
				t.Fatalf("after a page %+v", state)
			}
			r.Restart() // the calls that it had started are lost
			r.Now = r.Now.Add(test.away)
			if test.lose {
				clear(a.pages)
			}
			before := r.started(model.SearchOrders)
			for range 100 {
				if r.searchState().CursorTime.After(testStart.Add(-time.Hour)) {
					break
				}
				r.follow(a, time.Minute)
			}
			if got := r.started(model.SearchOrders) - before; got != test.pages {
				t.Errorf("%d pages, want %d", got, test.pages)
			}
			r.follow(a, time.Minute)
			if len(r.outputs) != orders || r.started(model.GetOrder) > 0 {
				t.Errorf("%d orders came, by %d calls, want %d", len(r.outputs), r.started(model.GetOrder), orders)
			}
		})
	}
}

// TestASearchThatFailsIsTriedAgain, and delays no order that is notified.
func TestASearchThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, outcome := range map[string]machine.Outcome{
		"unavailable":   machine.Retry{Err: errors.New("503")},
		"refused":       machine.Reject{Err: errors.New("400")},
		"forbidden":     machine.Park{Err: errors.New("403")},
		"throttled":     machine.Snooze{Throttled: true},
		"breaker open":  machine.Snooze{For: 10 * time.Minute, Unspent: true},
		"lost":          machine.Ambiguous{Err: errors.New("reset")},
		"another's":     machine.Done{Response: &model.GetOrderResponse{}},
		"leads nowhere": machine.Done{Response: &model.SearchOrdersResponse{Pagination: &model.Pagination{NextToken: string(make([]byte, maxToken+1))}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := newRuntime(t, reconciling), newAmazon()
			a.change(orderID(1), r.Now.Add(-30*time.Minute))
			failing := true
			answer := func(call machine.Call) machine.Outcome {
				if failing && call.Operation == model.SearchOrders {
					return outcome
				}
				return a.answerTo(call, r.Now)
			}
			v := a.change(orderID(2), r.Now)
			r.Follow(time.Second, r.Take(notified(orderID(2), "n", v.at)), answer)
			if len(r.outputs) != 1 {
				t.Fatalf("%d orders came while the search fails, want the one that was notified", len(r.outputs))
			}
			r.Follow(2*time.Hour, r.Tick(nil), answer)
			if n := r.started(model.SearchOrders); n < 2 || n > 45 { // one in three minutes, at most
				t.Errorf("%d searches in two hours that all fail", n)
			}
			failing = false
			r.Follow(searchLimit+5*time.Minute, r.Tick(nil), answer)
			if len(r.outputs) != 2 {
				t.Errorf("%d orders came at the end, want both", len(r.outputs))
			}
		})
	}
}

// TestSearchesThatFailAreToldOfOnce until one succeeds; not one failure of a
// search that has much to catch up with, and not where the lane waits.
func TestSearchesThatFailAreToldOfOnce(t *testing.T) {
	t.Parallel()
	refused := errors.New("400 for this request")
	for name, test := range map[string]struct {
		outcome machine.Outcome
		fails   time.Duration
		alerts  int
	}{
		"refused":     {machine.Reject{Err: refused}, 2 * time.Hour, 1},
		"unavailable": {machine.Retry{Err: refused}, 2 * time.Hour, 1},
		"briefly":     {machine.Retry{Err: refused}, 2 * time.Minute, 0},
		"throttled":   {machine.Snooze{Throttled: true}, 2 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := newRuntime(t, reconciling), newAmazon()
			fail := func(machine.Call) machine.Outcome { return test.outcome }
			for round := 1; round <= 2; round++ {
				r.Follow(test.fails, r.Tick(nil), fail)
				if len(r.alerts) != test.alerts*round {
					t.Fatalf("%d alerts after %d failures, want %d", len(r.alerts), round, test.alerts*round)
				}
				held := r.Holding(alertFailing)
				r.Restart()
				if r.follow(a, 30*time.Minute); held != test.alerts || r.Holding(alertFailing) != 0 {
					t.Errorf("%d alerts hold while searches fail, %d afterwards", held, r.Holding(alertFailing))
				}
			}
			if test.alerts == 0 {
				return
			}
			alert := r.alerts[0]
			if alert.EventType != "SearchesFailing" || alert.Severity != "WARNING" || alert.Subject != model.SearchOrders ||
				!strings.Contains(alert.Message, refused.Error()) || alert.EventID == r.alerts[1].EventID {
				t.Errorf("%+v", alert)
			}
		})
	}
}

// TestAFailingSearchEndsWithItsAccount, also where one is under way then, or where searches
// are switched off.
func TestAFailingSearchEndsWithItsAccount(t *testing.T) {
	t.Parallel()
	empty, err := account.NewDirectory(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, removed := range []bool{true, false} {
		all := machinetest.Sellers(t)()
		directory, every := all, 3*time.Minute
		r := newRuntime(t, reconciling, func(cfg *Config) {
			cfg.Accounts, cfg.Reconcile.Every = func() *account.Directory { return directory }, every
		})
		fail := func(machine.Call) machine.Outcome { return machine.Reject{Err: errors.New("400")} }
		r.Follow(2*time.Hour, r.Tick(nil), fail)
		if r.Holding(alertFailing) != 1 {
			t.Fatalf("%d alerts hold while searches fail", r.Holding(alertFailing))
		}
		calls := r.Pass(time.Hour) // one more is under way
		if removed {
			directory = empty
			r.Tick(nil)
		} else {
			every = 0
			r.Restart()
			calls = r.Tick(nil)
		}
		if (len(calls) == 1) != removed || r.Holding(alertFailing) != 0 {
			t.Fatalf("removed %t: %d alerts hold, %d calls", removed, r.Holding(alertFailing), len(calls))
		}
		for _, call := range calls {
			r.End(call, fail(call))
		}
		if r.Holding(alertFailing) != 0 {
			t.Errorf("removed %t: the search that was under way raised it again", removed)
		}
	}
}

// TestWhatSearchesFindPausesNoIntake, until a notification asks for it too. A
// replay is read as fast as the intake lets it, so that it counts.
func TestWhatSearchesFindPausesNoIntake(t *testing.T) {
	t.Parallel()
	for _, v0 := range []bool{false, true} {
		r, a := newRuntime(t, reconciling, func(cfg *Config) { cfg.V0 = v0 }), newAmazon()
		a.odd = true // so that what is found has to be fetched, with either version
		for n := range pageOrders {
			a.change(orderID(n), r.Now.Add(-time.Duration(n+10)*time.Minute))
		}
		search := r.Tick(nil)[0]
		calls := r.End(search, a.answerTo(search, r.Now))
		if len(calls) != pageOrders || r.Machine.Pending() != 0 {
			t.Fatalf("v0 %t: %d found are fetched, %d pending, want none", v0, len(calls), r.Machine.Pending())
		}
		r.End(calls[0], machine.Retry{})
		if r.Machine.Pending() != 0 {
			t.Fatalf("v0 %t: %d pending after a failed fetch", v0, r.Machine.Pending())
		}
		id := r.Machine.orders[calls[0].Key].id()
		if r.Take(notified(id, "n", r.Now)); r.Machine.Pending() != 1 {
			t.Fatalf("v0 %t: %d pending, want the one that was notified", v0, r.Machine.Pending())
		}
		r.Restart() // which forgets that it was found: it waits at the gate
		if r.Machine.atGates != 1 || r.Machine.unfetched() != pageOrders {
			t.Fatalf("v0 %t: %d pending of %d after a restart", v0, r.Machine.Pending(), r.Machine.unfetched())
		}
		if r.Tick(r.replayed(notified(orderID(99), "r", r.Now))); r.Machine.Pending() != 1 {
			t.Fatalf("v0 %t: %d pending, want the replayed one", v0, r.Machine.Pending())
		}
	}
}

func TestAMendedAccountIsSearchedAtOnce(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, reconciling)
	calls := r.Tick(nil)
	r.End(calls[0], machine.Retry{})
	if calls = r.Changed(testAccount); len(calls) != 1 {
		t.Fatal("no search after the account was mended")
	}
	r.End(calls[0], machine.Park{})
	if calls = r.Changed(testAccount); len(calls) != 1 {
		t.Fatal("no search of an account that is no longer parked")
	}
}

// TestMoreThanTheQuotaCanPage: a seller's busy week is paged as fast as Amazon
// grants, all of it comes, and half of the burst is never touched.
func TestMoreThanTheQuotaCanPage(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling), newAmazon()
	const pages = 30
	for n := range pages * pageOrders {
		a.change(orderID(n), r.Now.Add(-time.Hour+time.Duration(n)*20*time.Second))
	}
	r.Follow(time.Minute, r.Tick(nil), func(call machine.Call) machine.Outcome {
		if a.Admit(call.Account, r.Now, call.Operation); a.Bucket(call.Account, model.SearchOrders).TokensAt(r.Now) < 10 {
			t.Fatal("more than half of the burst is used")
		}
		return a.answerTo(call, r.Now)
	})
	burst := r.started(model.SearchOrders)
	r.follow(a, time.Duration(pages-burst)*180*time.Second)
	if len(r.outputs) != pages*pageOrders {
		t.Errorf("%d of %d orders came", len(r.outputs), pages*pageOrders)
	}
	t.Logf("%d pages at once, then one in three minutes", burst)
}

// TestASearchWithoutEndIsToldOf, whatever its tokens do; once it has an end again, all
// comes soon. Two tokens in turn had led 976 searches to nothing in 48 hours, without a
// word.
func TestASearchWithoutEndIsToldOf(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		token func(page int) string
		told  time.Duration // at the latest
	}{
		"the same token":     {func(int) string { return "again" }, 2 * time.Hour},
		"two tokens in turn": {func(page int) string { return fmt.Sprint(page % 2) }, 2 * time.Hour},
		"a long circle":      {func(page int) string { return fmt.Sprint(page % 7) }, 2 * time.Hour},
		"other tokens":       {func(page int) string { return fmt.Sprint(page) }, 5 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, a := newRuntime(t, reconciling), newAmazon()
			a.change(orderID(1), r.Now.Add(-30*time.Minute))
			page := 0
			endless := func(call machine.Call) machine.Outcome {
				if call.Operation != model.SearchOrders {
					return a.answerTo(call, r.Now)
				}
				page++
				return machine.Done{Response: &model.SearchOrdersResponse{Pagination: &model.Pagination{NextToken: test.token(page)}}}
			}
			r.Follow(test.told, r.Tick(nil), endless)
			if len(r.alerts) != 1 || r.alerts[0].EventType != alertFailing {
				t.Fatalf("%d alerts after %v", len(r.alerts), test.told)
			}
			r.Follow(48*time.Hour-test.told, r.Tick(nil), endless)
			if len(r.alerts) != 1 {
				t.Errorf("%d alerts in two days", len(r.alerts))
			}
			r.follow(a, 2*time.Hour)
			if late := r.Now.Sub(r.searchState().CursorTime); len(r.outputs) != 1 || late > 15*time.Minute {
				t.Errorf("%d orders came, and the searches are late by %v", len(r.outputs), late)
			}
		})
	}
}

// TestABacklogOfManyPagesIsSearchedInParts: each part moves the cursor, and all comes.
func TestABacklogOfManyPagesIsSearchedInParts(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t, reconciling), newAmazon()
	const orders = 3 * searchPages * pageOrders
	for n := range orders {
		a.change(orderID(n), r.Now.Add(-time.Hour+time.Duration(n)*2*time.Second))
	}
	r.follow(a, (searchPages*5)*3*time.Minute)
	if late := r.Now.Sub(r.searchState().CursorTime); len(r.outputs) != orders || late > 15*time.Minute {
		t.Errorf("%d of %d orders came, and the searches are late by %v", len(r.outputs), orders, late)
	}
}

// TestNothingKnownIsFetchedAgain, however exact Amazon's times are here and there.
func TestNothingKnownIsFetchedAgain(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 60, property.FixedSeeds)), func(rt *rapid.T) {
		r, a := newRuntime(t, reconciling), newAmazon()
		a.second = rapid.Bool().Draw(rt, "seconds")
		searchSeconds := rapid.Bool().Draw(rt, "searchSeconds")
		want, calls := 0, 0
		var changes []any
		for n := range rapid.IntRange(0, 20).Draw(rt, "orders") {
			v := a.change(orderID(n), r.Now.Add(-time.Duration(rapid.IntRange(150_000, 3_500_000).Draw(rt, "ago"))*time.Millisecond))
			want++
			if rapid.Bool().Draw(rt, "notified") {
				calls++
				changes = append(changes, notified(orderID(n), fmt.Sprint(n), v.at))
			}
		}
		answer := func(call machine.Call) machine.Outcome {
			second := a.second
			defer func() { a.second = second }()
			if call.Operation == model.SearchOrders {
				a.second = searchSeconds
			}
			return a.answerTo(call, r.Now)
		}
		r.Follow(time.Hour, r.Take(changes...), answer)
		if got := r.started(model.GetOrder); got > calls || len(r.outputs) != want {
			rt.Fatalf("%d orders of %d came by %d calls, want one for each of %d that were notified, at most", len(r.outputs), want, got, calls)
		}
	})
}
