package inventory

import (
	"fmt"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
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
