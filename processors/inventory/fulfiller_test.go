package inventory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/long"
	"github.com/sellerstream/sellerstream/test/property"
)

// asking is a machine that learns fulfillers, and sends by patches at once.
func asking() Config { return Config{FulfillmentWait: 15 * time.Minute, PatchLinger: time.Second} }

// listingOf is a listing with a channel.
func listingOf(code string) *model.ListingsItem {
	return &model.ListingsItem{SKU: "A", FulfillmentAvailability: []model.FulfillmentAvailability{{FulfillmentChannelCode: code}}}
}

// tell answers a question with a channel, for each SKU that it asks for.
func (r *runtime) tell(call machine.Call, code string) []machine.Call {
	r.T.Helper()
	search, ok := call.Request.(*model.SearchListingsItemsRequest)
	if !ok {
		return r.Done(call, listingOf(code))
	}
	found := &model.SearchListingsItemsResponse{}
	for _, sku := range search.SKUs {
		found.Items = append(found.Items, model.ListingsItem{SKU: sku, FulfillmentAvailability: listingOf(code).FulfillmentAvailability})
	}
	return r.Done(call, found)
}

// miss answers a search that shows none of the SKUs, and returns the call that asks for its one
// SKU alone.
func (r *runtime) miss(search machine.Call) machine.Call {
	r.T.Helper()
	return r.only(r.Done(search, &model.SearchListingsItemsResponse{}), model.GetListingsItem)
}

func notFound() machine.Outcome {
	return machine.Reject{Err: &model.Error{Class: model.NotFound, Status: 404, Code: "NOT_FOUND", Message: "no such SKU"}}
}

// learned has a SKU's first quantity accepted, and its fulfiller known.
func (r *runtime) learned(id, code string) {
	r.T.Helper()
	calls := r.tell(r.only(r.Take(updateOf(id, 1, r.Now)), model.SearchListingsItems), code)
	if code == "DEFAULT" {
		r.End(r.only(append(calls, r.Pass(2*time.Second)...), model.PatchListingsItem), accepted())
	}
	r.outcomes()
}

func TestANewSKUWaitsForItsChannel(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	ask := r.only(r.Take(updateOf("A", 1, r.Now)), model.SearchListingsItems)
	if req := ask.Request.(*model.SearchListingsItemsRequest); !slices.Equal(req.SKUs, []string{"A"}) || req.MarketplaceID != germany || ask.Lease != 0 {
		t.Fatalf("asked %+v", ask)
	}
	r.Now = r.Now.Add(time.Minute)
	r.Take(updateOf("A", 2, r.Now))
	equal(t, "outcomes", r.outcomes(), []string{"A 1 SUPERSEDED"})
	r.Restart() // the answer is lost, and the question asked again
	ask = r.only(r.Pass(time.Second), model.SearchListingsItems)
	patch := r.only(append(r.tell(ask, "DEFAULT"), r.Pass(2*time.Second)...), model.PatchListingsItem)
	if patch.Request.(*model.PatchQuantityRequest).Quantity != 2 || r.sku("A").FulfilledBy != byMerchant {
		t.Fatalf("sent %+v; %+v", patch.Request, r.sku("A"))
	}
	r.End(patch, accepted())
	equal(t, "outcomes", r.outcomes(), []string{"A 2 APPLIED"})
	r.Restart()
	r.Pass(23 * time.Hour)
	if calls := r.Take(updateOf("A", 3, r.Now)); len(calls) > 0 { // it is known
		t.Fatalf("started %v", operationsOf(calls))
	}
	r.End(r.only(r.Pass(2*time.Second), model.PatchListingsItem), accepted())
	r.Pass(time.Hour)
	ask = r.only(r.Take(updateOf("A", 4, r.Now)), model.SearchListingsItems) // which nothing waits for
	r.End(r.only(r.Pass(2*time.Second), model.PatchListingsItem), accepted())
	r.outcomes()
	r.tell(ask, "AMAZON_EU")
	r.Take(updateOf("A", 5, r.Now))
	equal(t, "outcomes", r.outcomes(), []string{"A 5 REJECTED " + codeFulfilledByAmazon})
}

func TestAmazonsSKUIsRefused(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	calls := r.Take(updateOf("A", 1, r.Now), updateOf("B", 1, r.Now))
	r.Done(r.only(calls, model.SearchListingsItems), &model.SearchListingsItemsResponse{Items: []model.ListingsItem{*listingOf("AMAZON_EU")}})
	equal(t, "outcomes", r.outcomes(), []string{"A 1 REJECTED " + codeFulfilledByAmazon})
	r.Restart()
	if r.sku("A").FulfilledBy != byAmazon || r.sku("A").FulfilledByTime.IsZero() {
		t.Fatalf("%+v", r.sku("A"))
	}
	r.Take(updateOf("A", 0, r.Now)) // what has sold out too
	equal(t, "outcomes", r.outcomes(), []string{"A 0 REJECTED " + codeFulfilledByAmazon})

	// That update says so.
	u := updateOf("A", 3, r.Now)
	u.AllowFulfilledByAmazon = true
	r.Take(u)
	r.Restart()
	calls = r.Pass(3 * time.Second)
	if i := slices.IndexFunc(calls, func(c machine.Call) bool { return c.Operation == model.PatchListingsItem }); i < 0 {
		t.Fatalf("started %v", operationsOf(calls))
	} else {
		r.End(calls[i], accepted())
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 3 APPLIED"})
	if r.sku("A").FulfilledBy != byAmazon {
		t.Fatalf("%+v", r.sku("A"))
	}
}

// What was sent because its update allowed it says nothing of the next.
func TestAnAllowedUpdateTellsNoChannel(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	u := updateOf("A", 3, r.Now)
	u.AllowFulfilledByAmazon = true
	calls := append(r.Take(u), r.Pass(2*time.Second)...)
	for _, call := range calls {
		if call.Operation == model.PatchListingsItem {
			r.End(call, accepted())
		}
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 3 APPLIED"})
	r.Restart()
	ask := r.only(r.Take(updateOf("A", 4, r.Now)), model.SearchListingsItems)
	if calls := r.Pass(10 * time.Minute); len(calls) > 0 {
		t.Fatalf("started %v", operationsOf(calls))
	}
	r.tell(ask, "AMAZON_EU")
	equal(t, "outcomes", r.outcomes(), []string{"A 4 REJECTED " + codeFulfilledByAmazon})
}

// What is queued when an account stops to allow it is refused when its turn comes.
func TestAnAccountThatStopsToAllowFBA(t *testing.T) {
	t.Parallel()
	for _, below := range []int{-1, 10} { // by a feed, by a patch
		allow := false
		cfg := Config{FulfillmentWait: 15 * time.Minute, PatchBelow: below}
		cfg.Settings = func(string) Settings { return Settings{AllowFBA: allow} }
		r := newRuntime(t, cfg)
		r.learned("A", "AMAZON_EU")
		allow = true
		r.Take(updateOf("A", 2, r.Now))
		allow = false
		if calls := r.Pass(time.Minute); len(calls) > 0 {
			t.Errorf("started %v", operationsOf(calls))
		}
		equal(t, "outcomes", r.outcomes(), []string{"A 2 REJECTED " + codeFulfilledByAmazon})
	}
}

// A look at a quantity tells the fulfiller too.
func TestALookTellsTheChannel(t *testing.T) {
	t.Parallel()
	cfg := asking()
	cfg.SeenWithin = 24 * time.Hour
	r := newRuntime(t, cfg)
	r.learned("A", "DEFAULT")
	r.tell(r.only(r.Pass(6*time.Minute), model.SearchListingsItems), "AMAZON_EU")
	r.Take(updateOf("A", 2, r.Now))
	equal(t, "outcomes", r.outcomes(), []string{"A 2 REJECTED " + codeFulfilledByAmazon})
}

// A SKU of Amazon's that the merchant ships since is asked for again after a day.
func TestAmazonsAnswerHoldsForADay(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.learned("A", "AMAZON_EU")
	r.Pass(23 * time.Hour)
	if calls := r.Take(updateOf("A", 2, r.Now)); len(calls) > 0 {
		t.Fatalf("started %v", operationsOf(calls))
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 2 REJECTED " + codeFulfilledByAmazon})
	r.Pass(time.Hour)
	r.tell(r.only(r.Take(updateOf("A", 3, r.Now)), model.SearchListingsItems), "DEFAULT")
	r.only(r.Pass(2*time.Second), model.PatchListingsItem)
}

// Without an answer Amazon's SKU stays refused.
func TestAmazonsAnswerHoldsWhileThereIsNoOther(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.learned("A", "AMAZON_EU")
	r.Pass(25 * time.Hour)
	r.only(r.Take(updateOf("A", 3, r.Now)), model.SearchListingsItems)
	if calls := r.Pass(16 * time.Minute); len(calls) > 0 {
		t.Fatalf("started %v", operationsOf(calls))
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 3 REJECTED " + codeFulfilledByAmazon})
}

// A SKU of Amazon's is remembered for longer than others, whether that was learned of its
// first quantity or later; so it is refused still where Amazon does not answer.
func TestAmazonsSKUIsRememberedForLonger(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.learned("A", "AMAZON_EU")
	r.learned("B", "DEFAULT")
	r.learned("C", "DEFAULT")
	r.Pass(25 * time.Hour)
	ask := r.only(r.Take(updateOf("C", 2, r.Now)), model.SearchListingsItems)
	r.End(r.only(r.Pass(2*time.Second), model.PatchListingsItem), accepted())
	r.tell(ask, "AMAZON_EU")
	r.Pass(keepAmazons - 48*time.Hour)
	r.Restart()
	if r.sku("A") == nil || r.sku("B") != nil || r.sku("C") == nil {
		t.Fatalf("A %+v, B %+v, C %+v", r.sku("A"), r.sku("B"), r.sku("C"))
	}
	r.outcomes()
	r.only(r.Take(updateOf("A", 2, r.Now)), model.SearchListingsItems)
	r.Pass(16 * time.Minute)
	equal(t, "outcomes", r.outcomes(), []string{"A 2 REJECTED " + codeFulfilledByAmazon})
	r.Pass(keepAmazons + time.Hour)
	if r.sku("A") != nil || r.sku("C") != nil {
		t.Fatalf("A %+v, C %+v", r.sku("A"), r.sku("C"))
	}
}

func TestAccountsThatAllowFBAAskNobody(t *testing.T) {
	t.Parallel()
	cfg := asking()
	cfg.Settings = func(string) Settings { return Settings{AllowFBA: true} }
	r := newRuntime(t, cfg)
	r.Take(updateOf("A", 1, r.Now))
	r.End(r.only(r.Pass(2*time.Second), model.PatchListingsItem), accepted())
	r.Take(updateOf("A", 2, r.Now))
	r.End(r.only(r.Pass(2*time.Second), model.PatchListingsItem), accepted())
	equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED", "A 2 APPLIED"})
}

func TestAnUnknownSKUWaitsAndIsRefused(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	ask := r.only(r.Take(updateOf("A", 1, r.Now)), model.SearchListingsItems)
	ask = r.only(r.End(r.miss(ask), notFound()), model.GetListingsItem)
	if got := ask.Request.(*model.GetListingsItemRequest).MarketplaceID; got != france {
		t.Fatalf("asked %s next", got)
	}
	r.End(ask, notFound())
	asks, end := 0, r.Now.Add(14*time.Minute)
	for r.Now.Before(end) {
		for _, call := range r.Pass(10 * time.Second) {
			r.only([]machine.Call{call}, model.GetListingsItem)
			for again := []machine.Call{call}; len(again) > 0; asks++ {
				again = r.End(again[0], notFound())
			}
		}
	}
	if equal(t, "outcomes", r.outcomes(), nil); asks < 4 || asks > 20 {
		t.Fatalf("asked %d times in 14 minutes", asks)
	}
	r.Take(updateOf("A", 2, r.Now))
	r.Pass(2 * time.Minute)
	equal(t, "outcomes", r.outcomes(), []string{"A 1 SUPERSEDED", "A 2 REJECTED NOT_FOUND"})
	if len(r.alerts) > 0 || r.Machine.Pending() > 0 {
		t.Fatalf("alerts %+v, %d pending", r.alerts, r.Machine.Pending())
	}
	// The next update asks at once, whenever the old question would have been asked again.
	calls := r.Take(updateOf("A", 3, r.Now))
	if len(calls) != 1 {
		t.Fatalf("started %v", operationsOf(calls))
	}
	r.Follow(16*time.Minute, calls, func(call machine.Call) machine.Outcome {
		if call.Operation == model.SearchListingsItems {
			return machine.Done{Response: &model.SearchListingsItemsResponse{}}
		}
		r.only([]machine.Call{call}, model.GetListingsItem)
		return notFound()
	})
	if equal(t, "outcomes", r.outcomes(), []string{"A 3 REJECTED NOT_FOUND"}); len(r.alerts) > 0 {
		t.Fatalf("alerts %+v", r.alerts)
	}
}

// A listing may come after its first quantity, and not at home.
func TestAnUnknownSKUIsSentOnceItIsListed(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	ask := r.only(r.Take(updateOf("A", 1, r.Now)), model.SearchListingsItems)
	r.End(r.only(r.End(r.miss(ask), notFound()), model.GetListingsItem), notFound())
	ask = r.only(r.Pass(time.Minute), model.GetListingsItem)
	ask = r.only(r.End(ask, notFound()), model.GetListingsItem)
	patch := r.only(append(r.Done(ask, listingOf("DEFAULT")), r.Pass(2*time.Second)...), model.PatchListingsItem)
	if got := patch.Request.(*model.PatchQuantityRequest).MarketplaceID; got != france {
		t.Fatalf("sent to %s", got)
	}
	r.End(patch, accepted())
	equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED"})
}

func TestUnknownSKUsAreSentWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	cfg := asking()
	cfg.Settings = func(string) Settings { return Settings{SendUnknown: true} }
	r := newRuntime(t, cfg)
	ask := r.only(r.Take(updateOf("A", 1, r.Now)), model.SearchListingsItems)
	calls := r.End(r.only(r.End(r.miss(ask), notFound()), model.GetListingsItem), notFound())
	calls = append(calls, r.Pass(2*time.Second)...)
	for len(calls) > 0 { // to each marketplace
		calls = r.End(r.only(calls, model.PatchListingsItem), notFound())
		calls = append(calls, r.Pass(3*time.Second)...)
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 1 REJECTED NOT_FOUND"})
	r.only(r.Take(updateOf("A", 2, r.Now)), model.SearchListingsItems) // it may be listed now
}

// What Amazon does not tell in time is sent, and told; it is asked for all the same.
func TestNoAnswerHoldsStockUpForLong(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	calls := r.Take(updateOf("A", 1, r.Now), updateOf("B", 1, r.Now))
	for end := r.Now.Add(14 * time.Minute); r.Now.Before(end); calls = r.Pass(time.Minute) {
		for _, call := range calls {
			r.End(r.only([]machine.Call{call}, model.SearchListingsItems), machine.Retry{})
		}
	}
	equal(t, "outcomes", r.outcomes(), nil)
	sent := 0
	for _, call := range r.Pass(3 * time.Minute) {
		if call.Operation == model.PatchListingsItem {
			r.End(call, accepted())
			sent++
		}
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED", "B 1 APPLIED"})
	if len(r.alerts) != 1 || r.alerts[0].EventType != alertUnchecked || r.sku("A").FulfilledBy != byAssumed {
		t.Fatalf("alerts %+v; %+v", r.alerts, r.sku("A"))
	}
	for _, call := range r.Running {
		r.tell(call, "AMAZON_EU")
	}
	r.Take(updateOf("B", 2, r.Now))
	equal(t, "outcomes", r.outcomes(), []string{"B 2 REJECTED " + codeFulfilledByAmazon})
	if len(r.alerts) != 2 || r.alerts[1].EventType != alertAmazons {
		t.Fatalf("alerts %+v", r.alerts)
	}
}

// After a start there is time to ask: the time in which the unit had no owner does not count.
func TestARestartGivesTimeToAsk(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.Take(updateOf("A", 1, r.Now))
	r.Now = r.Now.Add(time.Hour)
	r.Restart()
	ask := r.only(r.Pass(7*time.Minute), model.SearchListingsItems)
	r.tell(ask, "AMAZON_EU")
	equal(t, "outcomes", r.outcomes(), []string{"A 1 REJECTED " + codeFulfilledByAmazon})
}

// sentAfter is how long a SKU's first quantity has waited when it is sent, at most d, where
// answer is how its questions end.
func (r *runtime) sentAfter(d, restarts time.Duration, answer func() machine.Outcome) time.Duration {
	r.T.Helper()
	begun := r.Now
	calls := r.Take(updateOf("A", 1, r.Now))
	for last := r.Now; r.Now.Before(begun.Add(d)); {
		for _, call := range calls {
			if call.Operation == model.PatchListingsItem && call.Request.(*model.PatchQuantityRequest).SKU == "A" {
				return r.Now.Sub(begun)
			}
			if outcome := answer(); call.Operation == model.PatchListingsItem {
				r.End(call, accepted())
			} else {
				r.End(call, outcome)
			}
		}
		if restarts > 0 && !r.Now.Before(last.Add(restarts)) {
			last = r.Now
			r.Restart()
		}
		calls = r.Pass(10 * time.Second)
	}
	return 0
}

// Restarts do not make a quantity wait for ever.
func TestRestartsEndTheWait(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	if got := r.sentAfter(3*time.Hour, 10*time.Minute, func() machine.Outcome { return machine.Retry{} }); got < 30*time.Minute || got > 40*time.Minute {
		t.Errorf("sent after %v", got)
	}
}

// While the account's questions are held up nobody could answer: a pause or refused
// credentials make nothing go unchecked, also not at their end.
func TestAHeldAccountSendsNothingUnchecked(t *testing.T) {
	t.Parallel()
	for _, held := range []machine.Outcome{machine.Snooze{For: 5 * time.Minute, Unspent: true}, machine.Park{}} {
		r := newRuntime(t, asking())
		if got := r.sentAfter(3*time.Hour, 0, func() machine.Outcome { return held }); got != 0 {
			t.Fatalf("%T: sent after %v", held, got)
		}
		for range 60 { // the answer to the last try, or to the next
			for _, call := range r.Running {
				r.tell(call, "AMAZON_EU")
			}
			r.Pass(20 * time.Second)
		}
		equal(t, fmt.Sprintf("%T", held), r.outcomes(), []string{"A 1 REJECTED " + codeFulfilledByAmazon})
		if slices.ContainsFunc(r.alerts, func(a *schemas.Alert) bool { return a.EventType == alertUnchecked }) {
			t.Errorf("%T: alerts %+v", held, r.alerts)
		}
	}
}

// Where only the questions fail, and Amazon takes quantities of the account, twice the wait is
// the end.
func TestQuestionsThatFailAloneEndTheWait(t *testing.T) {
	t.Parallel()
	for _, held := range []machine.Outcome{machine.Snooze{For: 5 * time.Minute, Unspent: true}, machine.Park{}} {
		r := newRuntime(t, asking())
		r.learned("B", "DEFAULT")
		asked := 0
		got := r.sentAfter(3*time.Hour, 0, func() machine.Outcome {
			if asked++; asked == 2 {
				r.Take(updateOf("B", 2, r.Now))
			}
			return held
		})
		if got < 30*time.Minute || got > 31*time.Minute {
			t.Errorf("%T: sent after %v", held, got)
		}
	}
}

// An account that was mended is asked for at once, so its wait goes on.
func TestAMendedAccountIsHeldNoMore(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.End(r.only(r.Take(updateOf("A", 1, r.Now)), model.SearchListingsItems), machine.Snooze{For: 2 * time.Hour, Unspent: true})
	r.Pass(time.Minute)
	begun := r.Now
	ask := r.only(r.Changed(testAccount), model.SearchListingsItems)
	for r.Now.Before(begun.Add(time.Hour)) {
		for _, call := range r.Pass(10 * time.Second) {
			if call.Operation == model.PatchListingsItem {
				if got := r.Now.Sub(begun); got < 14*time.Minute || got > 16*time.Minute {
					t.Errorf("sent after %v", got)
				}
				r.tell(ask, "DEFAULT")
				return
			}
		}
	}
	t.Error("it waits still")
}

// A quantity that was taken since an earlier time in which questions were held up says
// nothing of this one.
func TestAnEarlierPauseSaysNothing(t *testing.T) {
	t.Parallel()
	start := testStart
	var q questions
	q.took(machine.Snooze{For: time.Minute}, start, start)
	q.took(machine.Retry{}, start, start.Add(time.Minute))
	taken, later := start.Add(time.Hour), start.Add(3*time.Hour)
	if !q.failAlone(taken) {
		t.Error("only questions fail, and that is not seen")
	}
	q.took(machine.Park{}, later.Add(time.Minute), later)
	if q.failAlone(taken) || !q.flow.Equal(later.Add(time.Minute)) {
		t.Errorf("%+v", q)
	}
}

// The waits of thousands of SKUs end together after a takeover, and not in one tick.
func TestManyWaitsEndInManyTicks(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.Take(many("A", 5000, r.Now)...)
	r.Restart()
	r.most = 0
	r.Pass(16 * time.Minute)
	for i := range 5000 {
		if s := r.sku(fmt.Sprint("A", i)); s.FulfilledBy != byAssumed {
			t.Fatalf("%+v", s)
		}
	}
	if r.most > 2000 {
		t.Errorf("a tick wrote %d entries", r.most)
	}
}

// A SKU whose question finds no room is asked for when there is some.
func TestAQuestionWaitsForRoom(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.Pass(0)
	for i := range maxAsks {
		r.Machine.asks[fmt.Sprint(i)] = &ask{}
	}
	if calls := r.Take(updateOf("A", 1, r.Now)); len(calls) > 0 {
		t.Fatalf("started %v", operationsOf(calls))
	}
	clear(r.Machine.asks)
	r.tell(r.only(r.Pass(2*time.Minute), model.SearchListingsItems), "AMAZON_EU")
	equal(t, "outcomes", r.outcomes(), []string{"A 1 REJECTED " + codeFulfilledByAmazon})
}

// SKUs that the state has had quantities accepted for are not delayed, whatever
// version wrote it; they are asked for behind what is new.
func TestSettledSKUsDoNotWait(t *testing.T) {
	t.Parallel()
	quantity := int32(7)
	settled := &schemas.InventoryState{
		Account: testAccount, SKU: "A", NewestTime: testStart.Add(-time.Hour), AppliedQuantity: &quantity, TouchedTime: testStart.Add(-time.Hour),
	}
	cfg := asking()
	r := newRuntime(t, cfg)
	if err := r.Store.Put(skuKey(testAccount, "", "A"), settled); err != nil {
		t.Fatal(err)
	}
	r.Restart()
	ask := r.only(r.Take(updateOf("A", 8, r.Now)), model.SearchListingsItems)
	r.End(r.only(r.Pass(2*time.Second), model.PatchListingsItem), accepted())
	equal(t, "outcomes", r.outcomes(), []string{"A 8 APPLIED"})
	r.tell(ask, "AMAZON_EU")
	r.Take(updateOf("A", 9, r.Now))
	equal(t, "outcomes", r.outcomes(), []string{"A 9 REJECTED " + codeFulfilledByAmazon})
	if len(r.alerts) != 1 || r.alerts[0].EventType != alertAmazons {
		t.Fatalf("alerts %+v", r.alerts)
	}
}

// The same holds for those whose entries are of the marketplaces that versions before knew.
func TestSettledSKUsOfMarketplacesDoNotWait(t *testing.T) {
	t.Parallel()
	quantity := int32(7)
	entry := func(sku, marketplace string, applied *int32) *schemas.InventoryState {
		return &schemas.InventoryState{
			Account: testAccount, SKU: sku, MarketplaceID: marketplace, NewestTime: testStart.Add(-time.Hour), AppliedQuantity: applied,
			TouchedTime: testStart.Add(-time.Hour),
		}
	}
	r := newRuntime(t, asking())
	for _, state := range []*schemas.InventoryState{entry("A", germany, &quantity), entry("B", "", nil), entry("B", germany, &quantity)} {
		if err := r.Store.Put(entryKey(testAccount, state.MarketplaceID, state.SKU), state); err != nil {
			t.Fatal(err)
		}
	}
	r.Restart()
	r.Take(updateOf("A", 8, r.Now), updateOf("B", 8, r.Now))
	for _, call := range r.Pass(2 * time.Second) {
		if call.Operation == model.PatchListingsItem {
			r.End(call, accepted())
		}
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 8 APPLIED", "B 8 APPLIED"})
}

// A listing has one fulfiller, whatever channels it has quantities in.
func TestTheChannelsOfASKUHaveOneFulfiller(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.learned("A", "AMAZON_EU")
	if calls := r.Take(inChannel("MLI", "A", 4)); len(calls) > 0 {
		t.Errorf("started %v", operationsOf(calls))
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 4 REJECTED " + codeFulfilledByAmazon})

	// What is learned of one channel, is of all.
	r.only(r.Take(inChannel("MLI", "B", 1), inChannel("MLI-2", "B", 2)), model.SearchListingsItems)
	if calls := r.Take(updateOf("B", 3, r.Now)); len(calls) > 0 {
		t.Errorf("started %v", operationsOf(calls))
	}
	r.Restart() // the question is asked again, once
	ask := r.only(r.Pass(time.Second), model.SearchListingsItems)
	r.tell(ask, "AMAZON_EU")
	refused := " REJECTED " + codeFulfilledByAmazon
	equal(t, "outcomes", r.outcomes(), []string{"B 1" + refused, "B 2" + refused, "B 3" + refused})
	if calls := append(r.Take(inChannel("MLI", "B", 5)), r.Pass(time.Minute)...); len(calls) > 0 {
		t.Errorf("started %v", operationsOf(calls))
	}
	equal(t, "outcomes", r.outcomes(), []string{"B 5" + refused})
}

// A listing that Amazon does not have is that for all its channels, and its question stays as
// long as one of them waits.
func TestTheChannelsOfAnUnknownSKU(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	missing := func(call machine.Call) machine.Outcome {
		if call.Operation == model.SearchListingsItems {
			return machine.Done{Response: &model.SearchListingsItemsResponse{}}
		}
		r.only([]machine.Call{call}, model.GetListingsItem)
		return notFound()
	}
	r.Follow(10*time.Minute, r.Take(updateOf("A", 1, r.Now), inChannel("MLI", "A", 2)), missing)
	r.Follow(10*time.Minute, r.Take(inChannel("MLI-2", "A", 3)), missing)
	equal(t, "outcomes", r.outcomes(), []string{"A 1 REJECTED NOT_FOUND", "A 2 REJECTED NOT_FOUND"})
	if len(r.Machine.asks) != 1 {
		t.Errorf("%d questions", len(r.Machine.asks))
	}
	r.Follow(10*time.Minute, nil, missing)
	equal(t, "outcomes", r.outcomes(), []string{"A 3 REJECTED NOT_FOUND"})
	if len(r.Machine.asks) > 0 || len(r.alerts) > 0 {
		t.Errorf("%d questions, alerts %+v", len(r.Machine.asks), r.alerts)
	}
}

// Questions that a quantity waits for come first, those of what has sold out before the others,
// and many new SKUs do not hold up one that is known.
func TestTheOrderOfQuestions(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.learned("KNOWN", "DEFAULT")
	r.Pass(time.Minute)
	r.Machine.skus[skuKey(testAccount, "", "KNOWN")].learned = 1 // long ago: a question that nothing waits for
	var values []any
	for i := range 300 {
		values = append(values, updateOf(fmt.Sprintf("N%03d", i), 1, r.Now))
	}
	values = append(values, updateOf("KNOWN", 5, r.Now), updateOf("SOLD-OUT", 0, r.Now))
	r.Started = nil
	r.Take(values...)
	for range 20 {
		r.Now = r.Now.Add(250 * time.Millisecond)
		for _, call := range r.Running {
			if call.Operation == model.PatchListingsItem {
				r.End(call, accepted())
			} else {
				r.tell(call, "AMAZON_EU")
			}
		}
		r.Pass(0)
	}
	var asked []string
	for _, call := range r.Started {
		if req, ok := call.Request.(*model.SearchListingsItemsRequest); ok {
			asked = append(asked, req.SKUs...)
		}
	}
	if len(asked) < 100 || asked[0] != "SOLD-OUT" || asked[1] != "N000" || slices.Index(asked, "KNOWN") != len(asked)-1 && slices.Contains(asked, "KNOWN") {
		t.Errorf("asked for %v", asked)
	}
	if got := r.outcomes(); !slices.Contains(got, "KNOWN 5 APPLIED") {
		t.Errorf("the known SKU waits behind the new ones: %v", got)
	}
}

// A search asks for twenty SKUs of an account, and for each once. What it cannot name is asked
// for alone; so is each SKU of a search that is refused, or that does not show it.
func TestASearchAsksForTwenty(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	values := []any{updateOf("A,B", 1, r.Now), updateOf(" C", 1, r.Now), inChannel("MLI", "N00", 1)}
	for i := range 45 {
		values = append(values, updateOf(fmt.Sprintf("N%02d", i), 1, r.Now))
	}
	searches, alone, named := []machine.Call{}, []string{}, 0
	for _, call := range r.Take(values...) {
		switch req := call.Request.(type) {
		case *model.SearchListingsItemsRequest:
			searches = append(searches, call)
			named += len(req.SKUs)
			if len(slices.Compact(slices.Sorted(slices.Values(req.SKUs)))) != len(req.SKUs) {
				t.Errorf("a search names a SKU twice: %v", req.SKUs)
			}
		case *model.GetListingsItemRequest:
			alone = append(alone, req.SKU)
			r.Done(call, listingOf("DEFAULT"))
		}
	}
	slices.Sort(alone)
	equal(t, "alone", alone, []string{" C", "A,B"})
	if len(searches) != 3 || named != 45 {
		t.Fatalf("%d searches for %d SKUs", len(searches), named)
	}
	if calls := r.Take(updateOf("N44", 0, r.Now.Add(time.Second))); len(calls) > 0 { // it is asked for already
		t.Errorf("started %v", operationsOf(calls))
	}
	r.outcomes()
	calls := r.End(searches[0], machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400, Code: "InvalidInput"}})
	calls = append(calls, r.tell(searches[1], "AMAZON_EU")...)
	calls = append(calls, r.Done(searches[2], &model.SearchListingsItemsResponse{})...)
	refused, asked := searches[0].Request.(*model.SearchListingsItemsRequest).SKUs, map[string]bool{}
	r.Follow(10*time.Second, calls, func(call machine.Call) machine.Outcome {
		if req, ok := call.Request.(*model.GetListingsItemRequest); ok {
			asked[req.SKU] = true
			return machine.Done{Response: listingOf("AMAZON_EU")}
		}
		return accepted()
	})
	for _, sku := range slices.Concat(refused, searches[2].Request.(*model.SearchListingsItemsRequest).SKUs) {
		if !asked[sku] {
			t.Errorf("%s was not asked for alone", sku)
		}
	}
	if got := r.outcomes(); len(got) != 48 { // with those that were asked for alone
		t.Errorf("%d outcomes: %v", len(got), got)
	}
}

// A search is of one marketplace, and one question is for all channels of a SKU.
func TestWhatASearchIsOf(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	asked := func(calls []machine.Call) (list []string) {
		for _, call := range calls {
			req := call.Request.(*model.SearchListingsItemsRequest)
			list = append(list, fmt.Sprint(req.MarketplaceID, " ", req.SKUs))
		}
		slices.Sort(list)
		return list
	}
	calls := r.Take(updateOf("A", 1, r.Now), inChannel("MLI", "A", 1))
	equal(t, "searches", asked(calls), []string{germany + " [A]"})

	quantity := int32(7)
	settled := &schemas.InventoryState{
		Account: testAccount, SKU: "F", FulfillmentChannelCode: defaultChannel, ListedMarketplaceID: france, AppliedQuantity: &quantity,
		NewestTime: testStart.Add(-time.Hour), TouchedTime: testStart.Add(-time.Hour),
	}
	if err := r.Store.Put(skuKey(testAccount, "", "F"), settled); err != nil {
		t.Fatal(err)
	}
	r.Restart()
	r.Now = r.Now.Add(time.Minute)
	calls = r.Take(updateOf("F", 1, r.Now), updateOf("G", 1, r.Now))
	equal(t, "searches", asked(calls), []string{france + " [F]", germany + " [A G]"})
}

// What has waited in vain stands behind what waits still: after a flood of new SKUs, more than
// can be asked for in time, the next new one is asked for at once.
func TestWhatHasWaitedInVainHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	cfg := asking()
	cfg.PatchMost = -1
	r := newRuntime(t, cfg)
	var values []any
	for i := range 6000 { // which no search can name
		values = append(values, updateOf(fmt.Sprintf("N,%04d", i), 1, r.Now))
	}
	asked := map[string]time.Time{}
	answer := func(call machine.Call) machine.Outcome {
		switch req := call.Request.(type) {
		case *model.GetListingsItemRequest:
			asked[req.SKU] = r.Now
			return machine.Done{Response: listingOf("DEFAULT")}
		case *model.UploadFeedRequest:
			return machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: "d", SHA256: "aa", Bytes: 10}}
		case *model.CreateFeedRequest:
			return machine.Done{Response: &model.CreateFeedResponse{FeedID: "1"}}
		}
		return machine.Reject{}
	}
	r.Follow(16*time.Minute, r.Take(values...), answer)
	inTime := len(asked)
	begun := r.Now
	r.Follow(time.Second, r.Take(updateOf("N,EW", 1, r.Now)), answer)
	if inTime < 4500 || inTime > 5000 || asked["N,EW"].IsZero() {
		t.Errorf("%d were asked for in 16 minutes; the new one at %v, now %v", inTime, asked["N,EW"], begun)
	}
	r.Follow(10*time.Minute, nil, answer) // the others too, in the end
	if len(asked) != 6001 || r.sku("N,5999").FulfilledBy != byMerchant {
		t.Errorf("%d were asked for; %+v", len(asked), r.sku("N,5999"))
	}
}

// A document whose SKU turns out to be Amazon's while it is uploaded is given up for one
// without it, and costs no token of createFeed.
func TestADocumentWithAmazonsSKUIsNotSubmitted(t *testing.T) {
	t.Parallel()
	cfg := asking()
	cfg.PatchBelow = -1
	r := newRuntime(t, cfg)
	r.tell(r.only(r.Take(updateOf("A", 1, r.Now), updateOf("B", 1, r.Now)), model.SearchListingsItems), "DEFAULT")
	r.runFeed("1")
	r.Take(completed("1", 2, 0))
	r.Pass(25 * time.Hour)
	ask := r.only(r.Take(updateOf("A", 2, r.Now), updateOf("B", 2, r.Now)), model.SearchListingsItems)
	upload := r.only(r.Pass(r.Machine.cfg.Linger), model.CreateFeedDocument)
	r.outcomes()
	r.Done(ask, &model.SearchListingsItemsResponse{Items: []model.ListingsItem{
		{SKU: "A", FulfillmentAvailability: listingOf("AMAZON_EU").FulfillmentAvailability},
		{SKU: "B", FulfillmentAvailability: listingOf("DEFAULT").FulfillmentAvailability},
	}})
	calls := r.Done(upload, &model.UploadFeedResponse{FeedDocumentID: "with A", SHA256: "aa", Bytes: 10})
	again := r.only(append(calls, r.Pass(time.Second)...), model.CreateFeedDocument)
	equal(t, "messages", messagesOf(again), []string{"B 2"})
	r.Done(r.uploadDone(again, "without A"), &model.CreateFeedResponse{FeedID: "2"})
	r.Take(completed("2", 1, 0))
	if said := r.results[0].Message; !strings.Contains(said, "Nothing was sent.") {
		t.Errorf("said %q", said)
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 2 REJECTED " + codeFulfilledByAmazon, "B 2 APPLIED"})
}

// What is under way when the answer comes is reported once Amazon has accepted it: by a feed,
// by a patch, and by a patch that is to go once more.
func TestAQuantityUnderWayToAmazonsSKUIsToldOf(t *testing.T) {
	t.Parallel()
	unanswered := func(below int) (r *runtime, ask machine.Call, sent []machine.Call) {
		cfg := asking()
		cfg.PatchBelow = below
		r = newRuntime(t, cfg)
		ask = r.only(r.Take(updateOf("A", 1, r.Now)), model.SearchListingsItems)
		for end := r.Now.Add(20 * time.Minute); len(sent) == 0 && r.Now.Before(end); {
			sent = r.Pass(time.Second)
		}
		r.alerts = nil
		return r, ask, sent
	}
	told := func(r *runtime, outcome string) {
		t.Helper()
		equal(t, "outcomes", r.outcomes(), []string{"A 1 " + outcome})
		if len(r.alerts) != 1 || r.alerts[0].EventType != alertAmazons || !strings.Contains(r.alerts[0].Message, "quantity 1 ") {
			t.Errorf("alerts %+v", r.alerts)
		}
	}
	r, ask, sent := unanswered(10)
	r.tell(ask, "AMAZON_EU")
	r.End(r.only(sent, model.PatchListingsItem), accepted())
	told(r, "APPLIED")

	r, ask, sent = unanswered(-1)
	r.Done(r.uploadDone(r.only(sent, model.CreateFeedDocument), "d"), &model.CreateFeedResponse{FeedID: "1"})
	r.tell(ask, "AMAZON_EU")
	r.Take(completed("1", 1, 0))
	told(r, "APPLIED")
}

// A quantity that was accepted, and would go once more, is not said to have never been sent,
// whichever answer comes first.
func TestWhatWasAcceptedBeforeItWasKnownIsSaid(t *testing.T) {
	t.Parallel()
	for _, first := range []string{model.PatchListingsItem, model.SearchListingsItems} {
		r := newRuntime(t, Config{FulfillmentWait: 15 * time.Minute, PatchBelow: -1})
		r.tell(r.only(r.Take(updateOf("A", 1, r.Now)), model.SearchListingsItems), "DEFAULT")
		r.runFeed("1")
		r.Pass(25 * time.Hour)
		r.Take(updateOf("A", 0, r.Now)) // overtakes the feed
		r.Pass(time.Second)
		calls := map[string]machine.Call{}
		for _, call := range r.Running {
			calls[call.Operation] = call
		}
		if first == model.SearchListingsItems {
			r.tell(calls[first], "AMAZON_EU")
		}
		r.End(calls[model.PatchListingsItem], accepted())
		if first != model.SearchListingsItems {
			r.tell(calls[model.SearchListingsItems], "AMAZON_EU")
		}
		if len(r.results) != 1 || r.results[0].Outcome != rejected || !strings.Contains(r.results[0].Message, "had been accepted") {
			t.Fatalf("said %+v", r.results)
		}
		if len(r.alerts) != 1 || r.alerts[0].EventType != alertAmazons {
			t.Errorf("alerts %+v", r.alerts)
		}
	}
}

// A listing that shows no channel tells nothing: a new offer has none yet, so its quantity
// goes at once, and Amazon's own word holds.
func TestAListingWithoutChannelsTellsNothing(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	empty := func(call machine.Call) []machine.Call {
		return r.Done(call, &model.SearchListingsItemsResponse{Items: []model.ListingsItem{{SKU: "A"}}})
	}
	calls := empty(r.only(r.Take(updateOf("A", 1, r.Now)), model.SearchListingsItems))
	r.End(r.only(append(calls, r.Pass(2*time.Second)...), model.PatchListingsItem), accepted())
	equal(t, "outcomes", r.outcomes(), []string{"A 1 APPLIED"})
	if r.sku("A").FulfilledBy != byAssumed || r.sku("A").FulfilledByTime.IsZero() {
		t.Fatalf("%+v", r.sku("A"))
	}
	r.Pass(25 * time.Hour)
	ask := r.only(r.Take(updateOf("A", 2, r.Now)), model.SearchListingsItems) // which nothing waits for
	r.End(r.only(r.Pass(2*time.Second), model.PatchListingsItem), accepted())
	r.tell(ask, "AMAZON_EU")
	if r.sku("A").FulfilledBy != byAmazon {
		t.Fatalf("%+v", r.sku("A"))
	}
	r.outcomes()
	r.Pass(25 * time.Hour)
	empty(r.only(r.Take(updateOf("A", 3, r.Now)), model.SearchListingsItems))
	for _, call := range r.Pass(20 * time.Minute) {
		if call.Operation == model.PatchListingsItem {
			t.Errorf("sent %+v", call.Request)
		}
		empty(call)
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 3 REJECTED " + codeFulfilledByAmazon})
}

// A notification that a listing has another status asks who fulfils the SKU now, though the
// answer of the day holds still. One about a SKU that is not known asks nothing.
func TestANewStatusAsksAgain(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, asking())
	r.tell(r.only(r.Take(updateOf("A", 3, r.Now)), model.SearchListingsItems), "DEFAULT")
	r.End(r.only(r.Pass(2*time.Second), model.PatchListingsItem), accepted())
	status := func(sku string) []machine.Call {
		return r.Take(&schemas.ListingChange{Account: testAccount, SKU: sku, Type: changedStatus, EventTime: r.Now})
	}
	if calls := status("B"); len(calls) > 0 {
		t.Errorf("a SKU that is not known: %+v", calls)
	}
	r.only(append(status("A"), r.Pass(time.Second)...), model.SearchListingsItems)
}

// TestNothingGoesToAmazonsSKUs is TestFollowsTheNewest where Amazon fulfils some SKUs: each
// record has one outcome still (rule 4), and nothing is sent to a SKU that is known to be
// Amazon's, unless the update says so (rule 8, at each call).
func TestNothingGoesToAmazonsSKUs(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 100, 2000)), func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		w := newWorld(t, rt, seed, Config{MaxAttempts: 1000, FulfillmentWait: 15 * time.Minute})
		w.amazon.applyLate, w.amazon.showLate = w.Machine.cfg.ApplyDelay, w.Machine.cfg.ShowDelay
		random := rand.New(rand.NewPCG(seed, 1))
		for i := range w.skus {
			w.amazon.fulfils[skuName(i)] = random.IntN(3) == 0
		}
		w.allow = func() bool { return random.IntN(10) == 0 }
		for range rapid.IntRange(10, 150).Draw(rt, "steps") {
			w.step()
		}
		w.settle()
		w.check(nil)
	})
}
