package inventory

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// patched answers the one patch among calls, and returns its quantity.
func (r *runtime) patched(calls []machine.Call) int {
	r.T.Helper()
	call := r.only(calls, model.PatchListingsItem)
	r.Done(call, &model.ListingsItemSubmission{Status: model.SubmissionAccepted})
	return call.Request.(*model.PatchQuantityRequest).Quantity
}

// sentIs wants outcomes with what was sent, as "quantity sent OUTCOME", and forgets them.
func (r *runtime) sentIs(want ...string) {
	r.T.Helper()
	var got []string
	for _, o := range r.results {
		sent := "-"
		if o.SentQuantity != nil {
			sent = fmt.Sprint(*o.SentQuantity)
		}
		got = append(got, fmt.Sprintf("%d %s %s", o.Quantity, sent, o.Outcome))
	}
	equal(r.T.(*testing.T), "outcomes", got, want)
	r.results = nil
}

// TestOrdersAreTakenOff goes through the times at which an order can be placed and become known.
func TestOrdersAreTakenOff(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, reserving())
	at := func(seconds int) time.Time { return testStart.Add(time.Duration(seconds) * time.Second) }
	r.Now = at(100)
	seen := updateOf("A", 10, at(100))
	seen.SeenOrders = at(50)
	r.Take(orderOf("1", at(40), at(40), "A 1"), orderOf("2", at(60), at(60), "A 2"), seen)
	if n := r.patched(r.Pass(3 * time.Second)); n != 8 { // the warehouse has seen order 1
		t.Fatalf("sent %d", n)
	}
	r.sentIs("10 8 APPLIED")
	if got := *r.sku("A").AppliedQuantity; got != 8 {
		t.Fatalf("%d is applied", got)
	}
	if calls := r.Take(orderOf("3", at(45), at(45), "A 1")); len(calls) > 0 || len(r.Pass(time.Minute)) > 0 {
		t.Fatal("an order that the warehouse has seen is taken off")
	}
	r.Take(orderOf("4", at(90), at(90), "A 3")) // overwritten by what was sent
	if n := r.patched(r.Pass(3 * time.Second)); n != 5 {
		t.Fatalf("sent %d", n)
	}
	r.Restart()
	r.Now = r.Now.Add(10 * time.Minute)
	if calls := r.Take(orderOf("5", r.Now.Add(-time.Minute), r.Now, "A 1")); len(calls) > 0 || len(r.Pass(time.Minute)) > 0 {
		t.Fatal("Amazon has taken that off by itself")
	}
	cancelled := orderOf("5", r.Now.Add(-2*time.Minute), r.Now, "A 1")
	cancelled.Status = "CANCELLED"
	r.Take(cancelled)
	if n := r.patched(r.Pass(time.Minute)); n != 5 {
		t.Fatalf("sent %d", n)
	}
	late := orderOf("6", at(95), at(95), "A 5")
	if n := r.patched(r.Take(late)); n != 0 { // at once: it sells out
		t.Fatalf("sent %d", n)
	}
	r.sentIs() // nothing of that is an outcome
	r.Take(updateOf("A", 7, r.Now))
	if n := r.patched(r.Pass(3 * time.Second)); n != 7 {
		t.Fatalf("sent %d", n)
	}
	r.sentIs("7 - APPLIED")
}

// TestCorrectionsOfAFeed fixes what a feed carries when its document is made. An order that
// becomes known after that is taken off by the next one.
func TestCorrectionsOfAFeed(t *testing.T) {
	t.Parallel()
	cfg := reserving()
	cfg.PatchBelow = -1
	r := newRuntime(t, cfg)
	r.Take(updateOf("A", 10, testStart))
	upload := r.only(r.Pass(time.Minute), model.CreateFeedDocument)
	r.Take(orderOf("1", testStart.Add(time.Second), testStart.Add(time.Second), "A 1")) // while the document is made
	equal(t, "messages", messagesOf(upload), []string{"A 10"})
	r.Done(r.uploadDone(upload, "d"), &model.CreateFeedResponse{FeedID: "1"})
	r.Take(completed("1", 1, 0))
	r.sentIs() // the correction has its outcome
	r.Restart()
	r.Now = r.Now.Add(10 * time.Minute) // for a token
	r.runFeed("2", r.Take(orderOf("2", testStart.Add(2*time.Second), testStart.Add(2*time.Second), "A 1"))...)
	r.Take(orderOf("3", testStart.Add(3*time.Second), testStart.Add(3*time.Second), "A 1"))
	r.Restart()
	r.Take(completed("2", 1, 0))
	r.sentIs("10 8 APPLIED")
	r.Now = r.Now.Add(10 * time.Minute)
	r.runFeed("3")
	r.Take(completed("3", 1, 0))
	r.sentIs()
	if got := *r.sku("A").AppliedQuantity; got != 7 || r.Machine.Pending() != 0 {
		t.Fatalf("%d is applied, %d pending", got, r.Machine.Pending())
	}
}

// TestASKUThatSellsEverySecond is corrected twice a minute, and at once when it sells out.
func TestASKUThatSellsEverySecond(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, reserving())
	r.Take(updateOf("A", 100, testStart))
	sent := []int{r.patched(r.Pass(3 * time.Second))}
	for i := range 120 {
		r.Now = r.Now.Add(time.Second)
		calls := append(r.Take(orderOf(fmt.Sprint(i), r.Now, r.Now, "A 1")), r.Pass(0)...)
		if len(calls) > 0 {
			sent = append(sent, r.patched(calls))
		}
	}
	if got, want := fmt.Sprint(sent), "[100 70 40 10 0]"; got != want {
		t.Fatalf("sent %v, want %v", got, want)
	}
}

// TestWithoutReserveOrdersChangeNothing, and neither do they in a channel that is not the account's.
func TestWithoutReserveOrdersChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	order := orderOf("1", testStart, testStart, "A 2")
	r.Take(order, updateOf("A", 10, testStart.Add(-time.Second)))
	if n := r.patched(r.Pass(3 * time.Second)); n != 10 {
		t.Fatalf("sent %d", n)
	}
	r.Take(orderOf("2", testStart, testStart, "A 2"))
	if len(r.Machine.sales.orders) > 0 || len(r.Pass(time.Minute)) > 0 || r.sku("A").Basis != nil {
		t.Fatal("orders are followed")
	}
	r = newRuntime(t, reserving())
	other := updateOf("A", 10, testStart.Add(-time.Second))
	other.FulfillmentChannelCode = "MLI"
	r.Take(order, other)
	if n := r.patched(r.Pass(3 * time.Second)); n != 10 {
		t.Fatalf("sent %d", n)
	}
}

// TestCorrectionsEndWhereOrdersAreForgotten keeps a number of days ago from being sent once more
// without the orders of its first days, and sends 0 where those that are known sell it out.
func TestCorrectionsEndWhereOrdersAreForgotten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		days  int
		sales int // that are remembered
		late  string
		want  []int
	}{
		"soon":                     {1, 100, "A 1", []int{24}},
		"after days":               {3, 100, "A 1", nil},
		"after days, and sold out": {3, 100, "A 60", []int{0}},
		"too many orders":          {1, 2, "A 1", nil},
	} {
		cfg := reserving()
		cfg.MaxSales = test.sales
		r := newRuntime(t, cfg)
		r.Take(updateOf("A", 50, testStart))
		r.patched(r.Pass(3 * time.Second))
		r.Now = r.Now.Add(time.Hour)
		r.Take(orderOf("1", r.Now, r.Now, "A 20"))
		r.Pass(time.Duration(test.days)*24*time.Hour - time.Hour)
		r.Take(orderOf("2", r.Now, r.Now, "A 5"), orderOf("3", r.Now, r.Now, "A 2"))
		r.Restart()
		cancelled := orderOf("3", r.Now, r.Now.Add(time.Minute), "A 2")
		cancelled.Status = "CANCELLED"
		var sent []int
		for _, call := range append(r.Take(orderOf("4", testStart.Add(time.Duration(test.days)*24*time.Hour-time.Minute), r.Now, test.late), cancelled), r.Pass(time.Minute)...) {
			sent = append(sent, call.Request.(*model.PatchQuantityRequest).Quantity)
		}
		if got, want := fmt.Sprint(sent), fmt.Sprint(test.want); got != want {
			t.Errorf("%s: sent %s, want %s", name, got, want)
		}
	}
}

// TestCancelledDaysLater sends 0 again when Amazon may offer units of an order that is forgotten,
// and others wait for them.
func TestCancelledDaysLater(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		number, sold int
		want         []int
	}{
		"stock is left":            {10, 0, nil},
		"the number is 0":          {0, 0, []int{0}},
		"sold out by orders since": {10, 12, []int{0}},
	} {
		r := newRuntime(t, reserving())
		r.patched(append(r.Take(updateOf("A", test.number, testStart)), r.Pass(3*time.Second)...))
		if test.sold > 0 { // overwritten
			r.patched(append(r.Take(orderOf("1", r.Now, r.Now, fmt.Sprint("A ", test.sold))), r.Pass(time.Minute)...))
		}
		r.Pass(3 * 24 * time.Hour)
		r.Restart()
		cancelled := orderOf("2", testStart.Add(-time.Minute), r.Now, "A 3")
		cancelled.Status = "CANCELLED"
		var sent []int
		for _, call := range append(r.Take(cancelled), r.Pass(time.Minute)...) {
			sent = append(sent, call.Request.(*model.PatchQuantityRequest).Quantity)
		}
		if got, want := fmt.Sprint(sent), fmt.Sprint(test.want); got != want {
			t.Errorf("%s: sent %s, want %s", name, got, want)
		}
	}
}

// TestCancelledBeforeARefusal sends 0 again: Amazon may offer units of the order, and the number
// that was to say how many is refused.
func TestCancelledBeforeARefusal(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, reserving())
	r.patched(append(r.Take(updateOf("A", 0, testStart)), r.Pass(3*time.Second)...))
	r.Now = r.Now.Add(10 * time.Minute)
	newer := updateOf("A", 1, r.Now)
	cancelled := orderOf("1", testStart.Add(-time.Minute), r.Now, "A 3")
	cancelled.Status = "CANCELLED"
	call := r.only(append(r.Take(newer, cancelled), r.Pass(3*time.Second)...), model.PatchListingsItem)
	if n := r.patched(append(r.Done(call, &model.ListingsItemSubmission{Status: model.SubmissionInvalid, Issues: []model.ListingIssue{{Code: "8541", Severity: "ERROR"}}}), r.Pass(time.Minute)...)); n != 0 {
		t.Fatalf("sent %d", n)
	}
}

// TestARefusalAfterADoubt corrects the first number of a SKU, which Amazon may have or not, when it
// has refused the next.
func TestARefusalAfterADoubt(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, reserving())
	r.Take(updateOf("A", 10, testStart))
	r.End(r.only(r.Pass(3*time.Second), model.PatchListingsItem), machine.Ambiguous{})
	newer := updateOf("A", 9, r.Now)
	newer.Urgent = true
	call := r.only(append(r.Take(newer, orderOf("1", testStart.Add(time.Second), r.Now, "A 2")), r.Pass(time.Minute)...), model.PatchListingsItem)
	if n := r.patched(append(r.Done(call, &model.ListingsItemSubmission{Status: model.SubmissionInvalid, Issues: []model.ListingIssue{{Code: "8541", Severity: "ERROR"}}}), r.Pass(time.Minute)...)); n != 8 {
		t.Fatalf("sent %d", n)
	}
}

// TestARefusalBesideAFeed corrects what Amazon has when the newest number was refused while an
// older one was in a document, whether that becomes a feed or not.
func TestARefusalBesideAFeed(t *testing.T) {
	t.Parallel()
	for _, submitted := range []bool{false, true} {
		cfg := reserving()
		cfg.PatchBelow = -1
		r := newRuntime(t, cfg)
		r.Take(updateOf("A", 10, testStart))
		r.runFeed("1")
		r.Take(completed("1", 1, 0))
		r.Now = r.Now.Add(10 * time.Minute)
		r.Take(updateOf("A", 9, r.Now))
		upload := r.only(r.Pass(r.Machine.cfg.Linger), model.CreateFeedDocument)
		newest := updateOf("A", 7, r.Now)
		newest.Urgent = true
		patch := r.only(r.Take(newest, orderOf("1", testStart.Add(time.Second), r.Now, "A 2")), model.PatchListingsItem)
		var create machine.Call
		if submitted {
			create = r.uploadDone(upload, "document")
		}
		calls := r.Done(patch, &model.ListingsItemSubmission{Status: model.SubmissionInvalid, Issues: []model.ListingIssue{{Code: "8541", Severity: "ERROR"}}})
		if submitted {
			calls = append(calls, r.End(create, machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}})...)
		} else {
			calls = append(calls, r.End(upload, machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400}})...)
		}
		calls = append(calls, r.Pass(10*time.Minute)...)
		if len(calls) != 1 || calls[0].Operation != model.CreateFeedDocument {
			t.Fatalf("submitted %v: %v", submitted, operationsOf(calls))
		}
		equal(t, "document", messagesOf(calls[0]), []string{"A 8"})
	}
}

// TestARefusedNumberEndsNoCorrections corrects the number that Amazon has when it has refused a
// newer one, which stays the newest.
func TestARefusedNumberEndsNoCorrections(t *testing.T) {
	t.Parallel()
	for _, early := range []bool{false, true} { // whether the order comes before the refusal
		r := newRuntime(t, reserving())
		r.Take(updateOf("A", 10, testStart))
		r.patched(r.Pass(3 * time.Second))
		late := orderOf("1", testStart.Add(time.Second), testStart.Add(time.Second), "A 2")
		r.Now = r.Now.Add(10 * time.Second)
		newer := updateOf("A", 9, r.Now)
		newer.UpdateID = "newer"
		call := r.only(append(r.Take(newer), r.Pass(3*time.Second)...), model.PatchListingsItem)
		if early {
			r.Take(late)
		}
		calls := r.Done(call, &model.ListingsItemSubmission{Status: model.SubmissionInvalid, Issues: []model.ListingIssue{{Code: "8541", Severity: "ERROR"}}})
		if !early {
			calls = append(calls, r.Take(late)...)
		}
		if n := r.patched(append(calls, r.Pass(time.Minute)...)); n != 8 {
			t.Fatalf("early %v: sent %d", early, n)
		}
		r.sentIs("10 - APPLIED", "9 - REJECTED")
		between := updateOf("A", 20, newer.EventTime.Add(-time.Second))
		if calls := append(r.Take(between), r.Pass(time.Minute)...); len(calls) > 0 {
			t.Fatalf("early %v: an older number than the newest is sent", early)
		}
		r.sentIs("20 - SUPERSEDED")
	}
}

// TestReserveThatBeginsWhileAQuantityIsUnseen gives it one final outcome, though it is sent once more.
func TestReserveThatBeginsWhileAQuantityIsUnseen(t *testing.T) {
	t.Parallel()
	reserve := false
	r := newRuntime(t, Config{SeenWithin: 24 * time.Hour, Accepted: true, Settings: func(string) Settings { return Settings{Reserve: reserve} }})
	r.Take(orderOf("0", testStart, testStart, "B 1"), updateOf("A", 10, testStart))
	r.patched(r.Pass(3 * time.Second))
	reserve = true
	sold := orderOf("1", testStart.Add(time.Second), r.Now, "A 2") // overwritten
	shown := int32(70)
	for range 20 {
		r.Now = r.Now.Add(time.Minute)
		calls := append(r.Take(sold, &schemas.ListingChange{
			Account: testAccount, SKU: "A", Type: changedQuantity, FulfillmentChannelCode: defaultChannel, Quantity: &shown, EventTime: r.Now,
		}), r.Pass(0)...)
		for _, call := range calls {
			switch call.Operation {
			case model.PatchListingsItem:
				if n := r.patched([]machine.Call{call}); n != 8 {
					t.Fatalf("sent %d", n)
				}
				shown = 8
			case model.SearchListingsItems:
				n := int(shown)
				r.Done(call, &model.SearchListingsItemsResponse{Items: []model.ListingsItem{{SKU: "A", FulfillmentAvailability: []model.FulfillmentAvailability{
					{FulfillmentChannelCode: defaultChannel, Quantity: &n},
				}}}})
			}
		}
	}
	r.sentIs("10 - ACCEPTED", "10 8 APPLIED")
}
