package inventory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// seeing is a machine that looks for what Amazon accepts, and sends by patches at once.
func seeing() Config {
	return Config{PatchLinger: time.Second, SeenWithin: 24 * time.Hour, Accepted: true}
}

// acceptOne has a SKU's next quantity accepted by a patch.
func (r *runtime) acceptOne(id string, quantity int) {
	r.T.Helper()
	calls := r.Take(updateOf(id, quantity, r.Now))
	r.End(r.only(append(calls, r.Pass(2*time.Second)...), model.PatchListingsItem), accepted())
}

// show answers a search with the quantity of each SKU that it asks for.
func (r *runtime) show(call machine.Call, quantity int) []machine.Call {
	r.T.Helper()
	found := &model.SearchListingsItemsResponse{}
	for _, sku := range call.Request.(*model.SearchListingsItemsRequest).SKUs {
		found.Items = append(found.Items, model.ListingsItem{SKU: sku, FulfillmentAvailability: []model.FulfillmentAvailability{{FulfillmentChannelCode: defaultChannel, Quantity: &quantity}}})
	}
	return r.Done(call, found)
}

// looked is what comes of the next look, which is within a time.
func (r *runtime) looked(within time.Duration, quantity int) []machine.Call {
	r.T.Helper()
	return r.show(r.only(r.Pass(within), model.SearchListingsItems), quantity)
}

// see is what a notification or a report does.
func (r *runtime) see(id string, quantity int) []machine.Call {
	tx := &machine.Tx{Now: r.Now}
	r.Machine.seen(tx, listing{testAccount, id}, defaultChannel, sight{quantity: int32(quantity), at: r.Now})
	r.Commit(tx)
	return r.Tick(nil)
}

func (r *runtime) alertTypes() (types []string) {
	for _, a := range r.alerts {
		types = append(types, a.EventType+" "+a.Severity)
	}
	r.alerts = nil
	return types
}

func TestAcceptedComesBeforeApplied(t *testing.T) {
	t.Parallel()
	for _, moves := range []bool{false, true} {
		r := newRuntime(t, seeing())
		r.acceptOne("A", 5)
		if r.Machine.Pending() != 0 {
			t.Fatal("what waits to be seen counts as work")
		}
		first := r.results[0]
		equal(t, "outcomes", r.outcomes(), []string{"A 5 ACCEPTED"})
		if moves {
			r.Restart()
		}
		r.looked(6*time.Minute, 5)
		if last := r.results[0]; last.EventID == first.EventID || last.Via != viaPatch || last.MarketplaceID != germany || last.UpdateID != first.UpdateID {
			t.Errorf("first %+v\nthen %+v", first, last)
		}
		equal(t, "outcomes", r.outcomes(), []string{"A 5 APPLIED"})
		if state := r.sku("A"); state.Unseen != nil || *state.AppliedQuantity != 5 {
			t.Errorf("%+v", state)
		}
		if calls := r.Pass(48 * time.Hour); len(calls) > 0 || len(r.alerts) > 0 {
			t.Errorf("started %v, raised %+v", operationsOf(calls), r.alerts)
		}
	}
}

// A number that shows before the answer to the call that brings it is the proof all the same.
func TestWhatShowsEarlyIsSeen(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	patch := r.only(append(r.Take(updateOf("A", 5, r.Now)), r.Pass(2*time.Second)...), model.PatchListingsItem)
	r.see("A", 5)
	equal(t, "outcomes", r.outcomes(), []string(nil))
	r.End(patch, accepted())
	if len(r.results) != 2 || r.results[0].Outcome != onlyTaken || r.results[1].Outcome != applied {
		t.Fatalf("%+v", r.results)
	}
	if calls := r.Pass(time.Hour); len(calls) > 0 {
		t.Errorf("started %v", operationsOf(calls))
	}
}

// A feed's own report is the proof of all that it carried and that it shows.
func TestAReportOfAFeedIsTheProof(t *testing.T) {
	t.Parallel()
	cfg := seeing()
	cfg.PatchBelow = -1
	r := newRuntime(t, cfg)
	r.Take(updateOf("A", 5, r.Now), updateOf("B", 6, r.Now))
	upload := r.only(r.Pass(r.Machine.cfg.Linger), model.CreateFeedDocument)
	if !upload.Request.(*model.UploadFeedRequest).Feed.(*model.ListingsFeed).Shown {
		t.Error("the feed does not ask for quantities")
	}
	r.Done(r.uploadDone(upload, "document"), &model.CreateFeedResponse{FeedID: "1"})
	r.Now = r.Now.Add(time.Minute)
	r.Take(&schemas.FeedIssues{Account: testAccount, FeedID: "1", ShownTime: r.Now, Issues: []schemas.FeedIssue{}, Shown: []schemas.ShownQuantity{{SKU: "A", Quantity: 5}, {SKU: "B", Quantity: 4}}},
		completed("1", 2, 0))
	equal(t, "outcomes", r.outcomes(), []string{"A 5 ACCEPTED", "A 5 APPLIED", "B 6 ACCEPTED"})
	r.looked(6*time.Minute, 6)
	equal(t, "outcomes", r.outcomes(), []string{"B 6 APPLIED"})
}

// Amazon's notification is the proof too, unless it is old.
func TestANotificationIsTheProof(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		change  schemas.ListingChange
		seen    bool
		explain string
	}{
		{schemas.ListingChange{Type: changedQuantity, FulfillmentChannelCode: "DEFAULT"}, true, "of the channel"},
		{schemas.ListingChange{Type: changedQuantity}, true, "without a channel"},
		{schemas.ListingChange{Type: changedQuantity, FulfillmentChannelCode: "MLI"}, false, "of another channel"},
		{schemas.ListingChange{Type: "STATUS"}, false, "about something else"},
		{schemas.ListingChange{Type: changedQuantity, EventTime: testStart.Add(-2 * time.Hour)}, false, "old"},
	} {
		r := newRuntime(t, seeing())
		r.acceptOne("A", 5)
		n := int32(5)
		c.change.Account, c.change.SKU, c.change.Quantity = testAccount, "A", &n
		if c.change.EventTime.IsZero() {
			c.change.EventTime = r.Now
		}
		r.outcomes()
		r.Take(&c.change)
		if got := len(r.outcomes()) == 1; got != c.seen {
			t.Errorf("a notification %s: seen %v", c.explain, got)
		}
	}
}

// Orders explain a lower number, also those that come later than it shows; what they do not
// explain is drift. The correction is less what was ordered.
func TestOrdersExplainALowerNumber(t *testing.T) {
	t.Parallel()
	order := func(r *runtime, id string, placed time.Time, sku string, units int32) *schemas.Order {
		return &schemas.Order{
			Account: testAccount, OrderID: "202-1234567-" + id, FulfilledBy: "MERCHANT", Status: "UNSHIPPED", CreatedTime: placed, LastUpdatedTime: r.Now,
			Items: []schemas.OrderItem{{OrderItemID: "1", SellerSKU: sku, QuantityOrdered: units}},
		}
	}
	for name, c := range map[string]struct {
		units, late int32
		shown       int
		sent        []int
	}{
		"all are known":             {units: 3, shown: 2},
		"some come later":           {units: 1, late: 2, shown: 2},
		"more than show":            {units: 4, shown: 2},
		"they do not explain it":    {units: 1, shown: 2, sent: []int{4}},
		"they are for another SKU":  {shown: 2, sent: []int{5}},
		"higher than with no order": {units: 1, shown: 9, sent: []int{4}},
	} {
		r := newRuntime(t, seeing())
		r.Take(order(r, "0000000", r.Now, "OTHER", 1))
		r.Now = r.Now.Add(time.Minute)
		r.acceptOne("A", 5)
		r.looked(6*time.Minute, 5)
		r.outcomes()
		placed := r.Now
		if c.units > 0 {
			r.Take(order(r, "0000001", placed, "A", c.units))
		}
		r.see("A", c.shown)
		r.Now = r.Now.Add(2 * time.Minute)
		if c.late > 0 {
			r.Take(order(r, "0000002", placed, "A", c.late))
		}
		r.Take(order(r, "0000003", r.Now, "OTHER", 1))
		var sent []int
		r.Follow(50*time.Minute, nil, func(call machine.Call) machine.Outcome {
			if patch, ok := call.Request.(*model.PatchQuantityRequest); ok {
				sent = append(sent, patch.Quantity)
				return accepted()
			}
			n := c.shown
			if len(sent) > 0 {
				n = sent[len(sent)-1]
			}
			return machine.Done{Response: &model.SearchListingsItemsResponse{Items: []model.ListingsItem{{
				SKU: "A", FulfillmentAvailability: []model.FulfillmentAvailability{{FulfillmentChannelCode: defaultChannel, Quantity: &n}},
			}}}}
		})
		if !slices.Equal(sent, c.sent) {
			t.Errorf("%s: sent %v, want %v", name, sent, c.sent)
		}
		if types := r.alertTypes(); (len(c.sent) > 0) != (len(types) == 2) {
			t.Errorf("%s: alerts %v", name, types)
		}
	}
}

func TestAcceptedCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	cfg := seeing()
	cfg.Accepted = false
	r := newRuntime(t, cfg)
	r.acceptOne("A", 5)
	equal(t, "outcomes", r.outcomes(), []string(nil))
	r.looked(6*time.Minute, 5)
	equal(t, "outcomes", r.outcomes(), []string{"A 5 APPLIED"})
}

func TestWhatIsReplacedBeforeItShowsIsSuperseded(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A", 5)
	r.Pass(time.Minute)
	r.acceptOne("A", 6)
	equal(t, "outcomes", r.outcomes(), []string{"A 5 ACCEPTED", "A 5 SUPERSEDED", "A 6 ACCEPTED"})
	r.looked(6*time.Minute, 6)
	equal(t, "outcomes", r.outcomes(), []string{"A 6 APPLIED"})
}

// A newer quantity that Amazon refuses leaves the earlier one to be seen.
func TestARefusedQuantityLeavesTheEarlierOne(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A", 5)
	calls := append(r.Take(updateOf("A", 6, r.Now.Add(time.Second))), r.Pass(2*time.Second)...)
	r.Done(r.only(calls, model.PatchListingsItem), &model.ListingsItemSubmission{
		Status: model.SubmissionInvalid, Issues: []model.ListingIssue{{Code: "99022", Severity: "ERROR"}},
	})
	equal(t, "outcomes", r.outcomes(), []string{"A 5 ACCEPTED", "A 6 REJECTED 99022"})
	r.looked(6*time.Minute, 5)
	equal(t, "outcomes", r.outcomes(), []string{"A 5 APPLIED"})
	if calls := r.see("A", 9); len(calls) > 0 || len(r.Pass(time.Hour)) > 0 {
		t.Errorf("nothing that Amazon accepted is wanted, and %v started", operationsOf(calls))
	}
}

func TestWhatAmazonNeverShowsIsUnseen(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A", 5)
	r.outcomes()
	r.Follow(25*time.Hour, nil, func(machine.Call) machine.Outcome {
		return machine.Done{Response: &model.SearchListingsItemsResponse{Items: []model.ListingsItem{{SKU: "A"}}}}
	})
	equal(t, "outcomes", r.outcomes(), []string{"A 5 UNSEEN not_shown"})
	equal(t, "alerts", r.alertTypes(), []string{"QuantityNotApplied WARNING"})
	if state := r.sku("A"); state.Unseen != nil {
		t.Errorf("%+v", state)
	}
	if calls := r.Pass(24 * time.Hour); len(calls) > 0 {
		t.Errorf("started %v", operationsOf(calls))
	}
}

// An update that Amazon ignores is sent once more, and has its one ACCEPTED and its one
// final outcome.
func TestAnIgnoredUpdateIsSentOnceMore(t *testing.T) {
	t.Parallel()
	for _, moves := range []bool{false, true} {
		r := newRuntime(t, seeing())
		r.acceptOne("A", 9)
		r.looked(6*time.Minute, 9)
		r.acceptOne("A", 5)
		r.looked(6*time.Minute, 9)
		equal(t, "after one look", r.alertTypes(), []string(nil))
		r.outcomes()
		calls := r.looked(7*time.Minute, 9)
		equal(t, "alerts", r.alertTypes(), []string{"QuantityDrift WARNING"})
		if moves {
			r.Restart()
			calls = nil
		}
		patch := r.only(append(calls, r.Pass(2*time.Second)...), model.PatchListingsItem)
		if got := patch.Request.(*model.PatchQuantityRequest).Quantity; got != 5 {
			t.Fatalf("sent %d", got)
		}
		r.End(patch, accepted())
		equal(t, "outcomes", r.outcomes(), []string(nil))
		r.looked(6*time.Minute, 5)
		equal(t, "outcomes", r.outcomes(), []string{"A 5 APPLIED"})
		equal(t, "alerts", r.alertTypes(), []string{"QuantityDrift RESOLVED"})
	}
}

// What somebody else sets is set back, once an hour, without an outcome: no record asked for it.
func TestDriftIsCorrectedOnceAnHour(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A", 5)
	r.looked(6*time.Minute, 5)
	r.outcomes()
	r.Pass(time.Hour)
	r.see("A", 70)
	sent := 0
	r.Follow(3*time.Hour, nil, func(call machine.Call) machine.Outcome {
		if call.Operation == model.PatchListingsItem {
			if got := call.Request.(*model.PatchQuantityRequest).Quantity; got != 5 {
				t.Errorf("sent %d", got)
			}
			sent++
			return accepted()
		}
		n := 70 // Amazon takes it, and somebody overwrites it
		return machine.Done{Response: &model.SearchListingsItemsResponse{Items: []model.ListingsItem{{
			SKU: "A", FulfillmentAvailability: []model.FulfillmentAvailability{{FulfillmentChannelCode: defaultChannel, Quantity: &n}},
		}}}}
	})
	if sent < 2 || sent > 3 {
		t.Errorf("sent %d times in three hours", sent)
	}
	equal(t, "outcomes", r.outcomes(), []string(nil))
	equal(t, "alerts", r.alertTypes(), []string{"QuantityDrift WARNING"})
	r.Restart()
	r.see("A", 5)
	equal(t, "alerts at the end", r.alertTypes(), []string{"QuantityDrift RESOLVED"})
	if state := r.sku("A"); state.Drift != nil || state.Wanted != nil {
		t.Errorf("%+v", state)
	}
}

// What shows another number is no drift while it says nothing.
func TestWhatIsNoDrift(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(r *runtime)
		cfg    func(*Config)
		shown  int
	}{
		"lower, and which orders there were is not known": {shown: 3},
		"a newer quantity is under way":                   {shown: 9, before: func(r *runtime) { r.Take(updateOf("A", 6, r.Now)); r.Pass(2 * time.Second) }},
		"another service manages it":                      {shown: 9, cfg: func(c *Config) { c.Excluded = func(string, string) bool { return true } }},
		"Amazon fulfils it":                               {shown: 9, before: func(r *runtime) { r.Machine.skus[skuKey(testAccount, "", "A")].fulfiller = amazons }},
		"a patch is in doubt": {shown: 9, before: func(r *runtime) {
			s := r.Machine.skus[skuKey(testAccount, "", "A")]
			s.doubt = &doubt{until: r.Now.Add(time.Hour)}
		}},
	} {
		excluded := false
		cfg := seeing()
		if c.cfg != nil {
			c.cfg(&cfg)
			inner := cfg.Excluded
			cfg.Excluded = func(a, s string) bool { return excluded && inner(a, s) }
		}
		r := newRuntime(t, cfg)
		r.acceptOne("A", 5)
		r.looked(6*time.Minute, 5)
		excluded = true
		if c.before != nil {
			c.before(r)
		}
		for range 3 {
			r.see("A", c.shown)
			r.Now = r.Now.Add(10 * time.Minute)
		}
		equal(t, name, r.alertTypes(), []string(nil))
	}
}

// Where many SKUs drift, some have an alert of their own, and the others one together.
func TestManyDriftsAreReportedTogether(t *testing.T) {
	t.Parallel()
	const skus = mostDrifts + 5
	r := newRuntime(t, seeing())
	var updates []any
	for i := range skus {
		updates = append(updates, updateOf(fmt.Sprint("SKU-", i), 5, r.Now))
	}
	shown := 5
	answer := func(call machine.Call) machine.Outcome {
		search, ok := call.Request.(*model.SearchListingsItemsRequest)
		if !ok {
			return accepted()
		}
		found := &model.SearchListingsItemsResponse{}
		for _, sku := range search.SKUs {
			found.Items = append(found.Items, model.ListingsItem{SKU: sku, FulfillmentAvailability: []model.FulfillmentAvailability{{FulfillmentChannelCode: defaultChannel, Quantity: &shown}}})
		}
		return machine.Done{Response: found}
	}
	r.Follow(10*time.Minute, r.Take(updates...), answer)
	shown = 70
	for i := range skus {
		r.see(fmt.Sprint("SKU-", i), shown)
	}
	r.Follow(12*time.Minute, nil, answer)
	raised := r.alertTypes()
	if len(raised) != mostDrifts+1 {
		t.Errorf("raised %v", raised)
	}
	r.Restart()
	shown = 5
	r.Follow(2*time.Hour, nil, answer)
	if resolved := r.alertTypes(); len(resolved) != mostDrifts+1 || slices.Contains(resolved, "QuantityDrift WARNING") {
		t.Errorf("then %v", resolved)
	}
}

// State of a version before has no time at which the accepted quantity was sent: a lower one is
// explained then, a higher one is not.
func TestStateOfAVersionBeforeWithoutTimes(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A", 5)
	r.looked(6*time.Minute, 5)
	state := *r.sku("A")
	state.AppliedTime = time.Time{}
	tx := &machine.Tx{Now: r.Now}
	tx.Put(skuKey(testAccount, "", "A"), &state)
	r.Commit(tx)
	r.Restart()
	r.see("A", 1)
	if s := r.Machine.skus[skuKey(testAccount, "", "A")]; s.watch != nil {
		t.Errorf("%+v", s.watch)
	}
	r.see("A", 9)
	if s := r.Machine.skus[skuKey(testAccount, "", "A")]; s.watch == nil {
		t.Error("not suspected")
	}
}

// What a search cannot name is looked at alone.
func TestALookAtWhatASearchCannotName(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, seeing())
	r.acceptOne("A,B", 5)
	n := 5
	r.Done(r.only(r.Pass(6*time.Minute), model.GetListingsItem), &model.ListingsItem{
		SKU: "A,B", FulfillmentAvailability: []model.FulfillmentAvailability{{FulfillmentChannelCode: defaultChannel, Quantity: &n}},
	})
	equal(t, "outcomes", r.outcomes(), []string{"A,B 5 ACCEPTED", "A,B 5 APPLIED"})
}

// Where nothing is looked for any more, what was waits for nothing.
func TestLookingCanBeSwitchedOffLater(t *testing.T) {
	t.Parallel()
	off := false
	cfg := seeing()
	r := newRuntime(t, cfg)
	r.Runtime = machinetest.New(t, machinetest.Config[*Machine]{
		Processor: Processor, Operations: Operations(), Now: testStart, Committed: r.committed, Check: r.check,
		Build: func() *Machine {
			own := cfg
			own.Accounts = machinetest.Sellers(t)
			if off {
				own.SeenWithin = 0
			}
			return New(own)
		},
	})
	r.acceptOne("A", 5)
	equal(t, "outcomes", r.outcomes(), []string{"A 5 ACCEPTED"})
	off = true
	r.Restart()
	if calls := r.Pass(6 * time.Minute); len(calls) > 0 {
		t.Errorf("started %v", operationsOf(calls))
	}
	equal(t, "outcomes", r.outcomes(), []string{"A 5 APPLIED"})
}
