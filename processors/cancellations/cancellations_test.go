package cancellations

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine/machinetest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

func TestCancellationsShareAFeed(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(ordered(orderID(1), r.Now), ordered(orderID(2), r.Now), ordered(orderID(3), r.Now))
	r.Take(cancel("whole", orderID(1), r.Now), cancel("part", orderID(2), r.Now, first, 2), cancel("line", orderID(3), r.Now, second, 0))
	messages := r.send("77")
	want := []*model.OrderAcknowledgement{
		{AmazonOrderID: orderID(1), StatusCode: "Failure", Items: []model.AcknowledgedItem{
			{AmazonOrderItemCode: first, CancelReason: "NoInventory"}, {AmazonOrderItemCode: second, CancelReason: "NoInventory"}}},
		{AmazonOrderID: orderID(2), StatusCode: "Failure", Items: []model.AcknowledgedItem{{AmazonOrderItemCode: first, CancelReason: "NoInventory", Quantity: 2}}},
		{AmazonOrderID: orderID(3), StatusCode: "Failure", Items: []model.AcknowledgedItem{{AmazonOrderItemCode: second, CancelReason: "NoInventory"}}},
	}
	byOrder := map[string]*model.OrderAcknowledgement{}
	for _, m := range messages {
		byOrder[m.AmazonOrderID] = m
	}
	for _, m := range want {
		if !reflect.DeepEqual(byOrder[m.AmazonOrderID], m) {
			t.Errorf("%+v, want %+v", byOrder[m.AmazonOrderID], m)
		}
	}
	if len(messages) != 3 || len(r.submissions) != 1 || r.submissions[0].FeedType != model.OrderAcknowledgementFeed || len(r.results) != 0 {
		t.Fatalf("%d messages, %+v, %+v", len(messages), r.submissions, r.results)
	}
	refused := int64(0)
	for i, m := range messages {
		if m.AmazonOrderID == orderID(2) {
			refused = int64(i + 1)
		}
	}
	r.report("77", 3, refused)
	for id, want := range map[string]string{"whole": "ACCEPTED", "part": "REJECTED 18028", "line": "ACCEPTED"} {
		if got := r.outcome(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	if r.Machine.Pending() != 0 || r.results[0].FeedID != "77" {
		t.Errorf("%d pending, %+v", r.Machine.Pending(), r.results[0])
	}
}

// TestReasons sends each of Amazon's reasons as it is, and takes no other.
func TestReasons(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	for i, reason := range model.CancelReasons() {
		c := cancel(reason, orderID(i), r.Now, first, 0)
		c.Reason = reason
		r.Take(ordered(orderID(i), r.Now), c)
	}
	messages := r.send("77")
	if len(messages) != 14 {
		t.Fatalf("%d messages", len(messages))
	}
	sent := map[string]bool{}
	for _, m := range messages {
		sent[m.Items[0].CancelReason] = true
	}
	for _, reason := range model.CancelReasons() {
		if !sent[reason] {
			t.Errorf("%s was not sent", reason)
		}
	}
}

// TestAnswersWithoutACall has each state of an order that needs none.
func TestAnswersWithoutACall(t *testing.T) {
	t.Parallel()
	order := func(change func(o *schemas.Order)) *schemas.Order {
		o := ordered(orderID(1), testStart)
		change(o)
		return o
	}
	shipped := func(o *schemas.Order, units ...int32) {
		for i := range units {
			o.Items[i].QuantityFulfilled = &units[i]
		}
	}
	for name, test := range map[string]struct {
		before []any
		cancel *schemas.Cancellation
		want   string
	}{
		"cancelled":           {[]any{order(func(o *schemas.Order) { o.Status = "CANCELLED" })}, cancel("c", orderID(1), testStart), "ACCEPTED already_cancelled"},
		"shipped":             {[]any{order(func(o *schemas.Order) { o.Status = "SHIPPED" })}, cancel("c", orderID(1), testStart, first, 1), "REJECTED already_shipped"},
		"Amazon's":            {[]any{order(func(o *schemas.Order) {}), order(func(o *schemas.Order) { o.FulfilledBy = "AMAZON" })}, cancel("c", orderID(1), testStart), "REJECTED fulfilled_by_amazon"},
		"an unknown line":     {[]any{order(func(*schemas.Order) {})}, cancel("c", orderID(1), testStart, "7", 0), "REJECTED unknown_item"},
		"too many":            {[]any{order(func(*schemas.Order) {})}, cancel("c", orderID(1), testStart, first, 4), "REJECTED quantity_too_large"},
		"a line that is gone": {[]any{order(func(o *schemas.Order) { o.Items[0].CancelledBy = "BUYER" })}, cancel("c", orderID(1), testStart, first, 3), "ACCEPTED already_cancelled"},
		"a line that is shipped": {[]any{order(func(o *schemas.Order) { o.Status = "PARTIALLY_SHIPPED"; shipped(o, 0, 1) })},
			cancel("c", orderID(1), testStart, second, 0), "REJECTED already_shipped"},
		"more than is left": {[]any{order(func(o *schemas.Order) { o.Status = "PARTIALLY_SHIPPED"; shipped(o, 2, 0) })},
			cancel("c", orderID(1), testStart, first, 2), "REJECTED already_shipped"},
		"nothing left":         {[]any{order(func(o *schemas.Order) { o.Status = "PARTIALLY_SHIPPED"; shipped(o, 3, 1) })}, cancel("c", orderID(1), testStart), "REJECTED already_shipped"},
		"a line without units": {[]any{order(func(o *schemas.Order) { o.Items[0].QuantityOrdered = 0; shipped(o, 0, 0) })}, cancel("c", orderID(1), testStart, first, 0), "ACCEPTED already_cancelled"},
		"a package of ours beside one that shows": {[]any{order(func(o *schemas.Order) { o.Status = "PARTIALLY_SHIPPED"; shipped(o, 1, 0) }), confirmed(testStart.Add(2 * stamped))},
			cancel("c", orderID(1), testStart, second, 0), "REJECTED already_shipped"},
		"a package of ours": {[]any{order(func(*schemas.Order) {}), confirmed(testStart.Add(time.Second))},
			cancel("c", orderID(1), testStart), "REJECTED already_shipped"},
		"an unknown order without items": {nil, cancel("c", orderID(1), testStart), "FAILED unknown_order"},
	} {
		r := newRuntime(t, Config{})
		r.Take(append(test.before, test.cancel)...)
		r.Pass(10 * time.Minute)
		if got := r.outcome("c"); got != test.want || len(r.Started) > 0 {
			t.Errorf("%s: %q with %d calls, want %q", name, got, len(r.Started), test.want)
		}
		if m := r.results[0].Message; test.want != "ACCEPTED already_cancelled" && !strings.Contains(m, orderID(1)) {
			t.Errorf("%s: %q", name, m)
		}
	}
}

// TestAPackageThatAmazonDoesNotHave is not held against a cancellation when a later order
// does not show it.
func TestAPackageThatAmazonDoesNotHave(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(ordered(orderID(1), r.Now), confirmed(r.Now.Add(time.Second)))
	r.Pass(2 * notStored)
	r.Take(ordered(orderID(1), r.Now), cancel("c", orderID(1), r.Now))
	if m := r.send("77"); len(m) != 1 {
		t.Fatalf("%+v, %q", m, r.outcome("c"))
	}
}

// TestUnitsThatTheOrderDoesNotShow are not cancelled twice, before and after it shows them.
func TestUnitsThatTheOrderDoesNotShow(t *testing.T) {
	t.Parallel()
	part := func(at time.Time, units, shipped int32) *schemas.Order {
		o := ordered(orderID(1), at)
		o.Status, o.Items[0].QuantityOrdered, o.Items[0].QuantityFulfilled = "PARTIALLY_SHIPPED", units, &shipped
		return o
	}
	whole := []model.AcknowledgedItem{{AmazonOrderItemCode: second, CancelReason: model.NoInventory}}
	for name, test := range map[string]struct {
		order, shows *schemas.Order
		units        int
		want         []model.AcknowledgedItem
	}{
		"all of a line":                  {ordered(orderID(1), testStart), nil, 3, whole},
		"all that is left":               {part(testStart, 3, 1), nil, 2, whole},
		"a part of the rest":             {part(testStart, 5, 2), nil, 1, append([]model.AcknowledgedItem{{AmazonOrderItemCode: first, CancelReason: model.NoInventory, Quantity: 2}}, whole...)},
		"the order shows it":             {part(testStart, 5, 2), part(testStart.Add(time.Hour), 4, 2), 1, append([]model.AcknowledgedItem{{AmazonOrderItemCode: first, CancelReason: model.NoInventory, Quantity: 2}}, whole...)},
		"a later order does not show it": {part(testStart, 5, 2), part(testStart.Add(time.Hour), 5, 3), 1, append([]model.AcknowledgedItem{{AmazonOrderItemCode: first, CancelReason: model.NoInventory, Quantity: 1}}, whole...)},
	} {
		r := newRuntime(t, Config{})
		r.Take(test.order, cancel("part", orderID(1), r.Now, first, test.units))
		r.send("77")
		r.report("77", 1)
		if test.shows != nil {
			r.Take(test.shows)
		}
		r.Take(cancel("rest", orderID(1), r.Now))
		if m := r.send("78"); len(m) != 1 || !reflect.DeepEqual(m[0].Items, test.want) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}

// TestWhatWaitsForItsOrder is sent when that comes, or when it has not for long.
func TestWhatWaitsForItsOrder(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{WaitForOrder: time.Hour})
	r.Take(cancel("whole", orderID(1), r.Now), cancel("line", orderID(2), r.Now, first, 0))
	r.Pass(2 * time.Minute)
	if len(r.Started) > 0 {
		t.Fatalf("%+v", r.Started)
	}
	r.Take(ordered(orderID(1), r.Now))
	if m := r.send("77"); len(m) != 1 || m[0].AmazonOrderID != orderID(1) || len(m[0].Items) != 2 {
		t.Fatalf("%+v", m)
	}
	r.report("77", 1)
	if m := r.send("78"); len(m) != 1 || m[0].AmazonOrderID != orderID(2) {
		t.Fatalf("%+v", m)
	}
}

// TestAPendingOrder is cancelled when Amazon has released it.
func TestAPendingOrder(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	pending := ordered(orderID(1), r.Now)
	pending.Status = "PENDING"
	r.Take(pending, cancel("c", orderID(1), r.Now))
	r.Pass(time.Hour)
	if len(r.Started) > 0 {
		t.Fatalf("%+v", r.Started)
	}
	r.Take(ordered(orderID(1), r.Now))
	if m := r.send("77"); len(m) != 1 {
		t.Fatalf("%+v", m)
	}
}

// TestTheSameIsNotSentTwice has cancellations of one order while another waits, is under
// way, and has ended.
func TestTheSameIsNotSentTwice(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	id := orderID(1)
	r.Take(ordered(id, r.Now), cancel("one", id, r.Now, first, 1), cancel("same", id, r.Now, first, 1), cancel("two", id, r.Now, first, 2))
	if got := r.outcome("same") + ", " + r.outcome("one"); got != "SUPERSEDED, SUPERSEDED" { // by one, then by two
		t.Fatal(got)
	}
	for _, result := range r.results {
		if want := map[string]string{"same": "one", "one": "two"}[result.CancellationID]; result.SupersededBy != want || !result.SupersededByEventTime.Equal(r.Now) {
			t.Errorf("%+v", result)
		}
	}
	if m := r.send("77"); len(m) != 1 || m[0].Items[0].Quantity != 2 {
		t.Fatalf("%+v", m)
	}
	r.Take(cancel("less", id, r.Now, first, 1), cancel("more", id, r.Now, first, 3), cancel("other", id, r.Now, second, 0))
	if got := r.outcome("less"); got != "SUPERSEDED" {
		t.Fatal(got)
	}
	r.report("77", 1)
	if m := r.send("78"); len(m) != 1 || len(m[0].Items) != 1 || m[0].Items[0] != (model.AcknowledgedItem{AmazonOrderItemCode: first, CancelReason: "NoInventory", Quantity: 1}) {
		t.Fatalf("the units that are missing: %+v", m)
	}
	r.report("78", 1)
	if m := r.send("79"); len(m) != 1 || m[0].Items[0].AmazonOrderItemCode != second {
		t.Fatalf("%+v", m)
	}
	r.report("79", 1)
	r.Take(cancel("again", id, r.Now, first, 3), cancel("line again", id, r.Now, second, 0))
	started := len(r.Started)
	r.Pass(time.Hour)
	if a, b := r.outcome("again"), r.outcome("line again"); a != "ACCEPTED already_cancelled" || b != a || len(r.Started) != started {
		t.Errorf("%s, %s", a, b)
	}
}

// TestAChangedOrderGivesTheDocumentUp ships the order while the document with it is made.
func TestAChangedOrderGivesTheDocumentUp(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(ordered(orderID(1), r.Now), ordered(orderID(2), r.Now), cancel("a", orderID(1), r.Now), cancel("b", orderID(2), r.Now))
	var upload machine.Call
	for len(r.Running) == 0 {
		r.Pass(time.Minute)
	}
	for _, upload = range r.Running {
	}
	shipped := ordered(orderID(1), r.Now)
	shipped.Status = "SHIPPED"
	r.Take(shipped)
	r.Done(upload, &model.UploadFeedResponse{FeedDocumentID: "d", SHA256: "aa", Bytes: 1})
	if got := r.outcome("a"); got != "REJECTED already_shipped" {
		t.Fatal(got)
	}
	if m := r.send("77"); len(m) != 1 || m[0].AmazonOrderID != orderID(2) {
		t.Fatalf("%+v", m)
	}
}

// TestAnUnclearEnd sends lines again and numbers of units never (rule 5).
func TestAnUnclearEnd(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(ordered(orderID(1), r.Now), ordered(orderID(2), r.Now), ordered(orderID(3), r.Now))
	r.Take(cancel("whole", orderID(1), r.Now), cancel("units", orderID(2), r.Now, first, 1), cancel("seen", orderID(3), r.Now))
	r.send("77")
	r.fatal("77")
	if got := r.outcome("units"); got != "FAILED outcome_unknown" {
		t.Fatal(got)
	}
	cancelled := ordered(orderID(3), r.Now)
	cancelled.Status = "CANCELLED"
	r.Take(cancelled)
	if got := r.outcome("seen"); got != "ACCEPTED already_cancelled" {
		t.Fatal(got)
	}
	r.Pass(10 * time.Minute)
	r.Restart()
	if m := r.send("78"); len(m) != 1 || m[0].AmazonOrderID != orderID(1) {
		t.Fatalf("%+v", m)
	}
	if r.Now.Sub(testStart) < againAfter {
		t.Errorf("it was sent again after %v", r.Now.Sub(testStart))
	}
	r.report("78", 1)
	if got := r.outcome("whole"); got != "ACCEPTED" {
		t.Error(got)
	}
	if state := r.State(orderKey(testAccount, orderID(2))).(*schemas.CancellationState); state.Failure == nil || state.Failure.Code != codeUncertain {
		t.Errorf("%+v", state)
	}
}

// TestACancelledFeed has cancelled nothing, so numbers of units are sent again.
func TestACancelledFeed(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(ordered(orderID(1), r.Now), cancel("units", orderID(1), r.Now, first, 1))
	r.send("77")
	r.end("77", model.FeedCancelled)
	if m := r.send("78"); len(m) != 1 || m[0].Items[0].Quantity != 1 {
		t.Fatalf("%+v, %q", m, r.outcome("units"))
	}
	r.report("78", 1)
	if got := r.outcome("units"); got != "ACCEPTED" {
		t.Error(got)
	}
}

// TestAnUnclearEndOfAnUnknownOrder keeps rule 5 where no lines are known.
func TestAnUnclearEndOfAnUnknownOrder(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(cancel("one", orderID(1), r.Now, first, 1))
	r.send("77")
	r.fatal("77")
	r.Take(cancel("two", orderID(1), r.Now, first, 2))
	r.Pass(time.Hour)
	if got := r.outcome("two"); got != "FAILED outcome_unknown" {
		t.Error(got)
	}
}

// TestARefusalAfterAnUnclearEnd may be of what the first feed has cancelled.
func TestARefusalAfterAnUnclearEnd(t *testing.T) {
	t.Parallel()
	for want, shows := range map[string]bool{"ACCEPTED already_cancelled": true, "FAILED outcome_unknown": false} {
		r := newRuntime(t, Config{})
		r.Take(ordered(orderID(2), r.Now), cancel("seen", orderID(2), r.Now, second, 0))
		r.send("75")
		r.fatal("75")
		seen := ordered(orderID(2), r.Now)
		seen.Items[1].CancelledBy = "MERCHANT"
		r.Take(seen, cancel("after", orderID(2), r.Now, first, 0))
		r.send("76")
		r.report("76", 1, 1)
		if a, b := r.outcome("seen"), r.outcome("after"); a != "ACCEPTED already_cancelled" || b != "REJECTED 18028" {
			t.Errorf("%s, %s", a, b)
		}
		r.Take(ordered(orderID(1), r.Now), cancel("c", orderID(1), r.Now, second, 0))
		r.send("77")
		r.fatal("77")
		r.send("78")
		if shows {
			o := ordered(orderID(1), r.Now)
			o.Items[1].CancelledBy = "MERCHANT"
			r.Take(o)
		}
		r.report("78", 1, 1)
		if got := r.outcome("c"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		r.Take(cancel("other", orderID(1), r.Now, first, 0)) // which has no past
		r.send("79")
		r.report("79", 1, 1)
		if got := r.outcome("other"); got != "REJECTED 18028" {
			t.Error(got)
		}
	}
}

// TestWhatFailsAloneSpoilsNoOther goes later, and alone again.
func TestWhatFailsAloneSpoilsNoOther(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(ordered(orderID(1), r.Now), ordered(orderID(2), r.Now), ordered(orderID(3), r.Now), cancel("bad", orderID(1), r.Now))
	wants := func(feed string, n int) {
		t.Helper()
		if m := r.send(feed); len(m) != 1 || m[0].AmazonOrderID != orderID(n) {
			t.Fatalf("%+v", m)
		}
	}
	wants("77", 1)
	r.fatal("77")
	failed := r.Now
	r.Take(cancel("good", orderID(2), r.Now))
	r.Restart()
	wants("78", 2)
	r.report("78", 1)
	r.Pass(failed.Add(againAlone - time.Second).Sub(r.Now))
	r.Take(cancel("other", orderID(3), r.Now))
	wants("79", 1)
	r.report("79", 1)
	wants("80", 3)
}

// TestPatience ends what Amazon refuses for hours, and raises an alert after minutes.
func TestPatience(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{Patience: 2 * time.Hour})
	r.Take(ordered(orderID(1), r.Now), cancel("c", orderID(1), r.Now))
	calls := r.Pass(time.Minute)
	r.Follow(3*time.Hour, calls, func(call machine.Call) machine.Outcome {
		if call.Operation == model.CreateFeedDocument {
			return machine.Done{Response: &model.UploadFeedResponse{FeedDocumentID: fmt.Sprint("d", len(r.Started)), SHA256: "aa", Bytes: 1}}
		}
		return machine.Reject{Err: &model.Error{Class: model.Invalid, Status: 400, Code: "InvalidInput", Message: "no"}}
	})
	if got := r.outcome("c"); got != "FAILED InvalidInput" {
		t.Fatal(got)
	}
	if len(r.alerts) != 1 || r.alerts[0].EventType != alertWaits {
		t.Errorf("%+v", r.alerts)
	}
	r.Restart()
	if r.Pass(2 * time.Hour); r.Holding(alertWaits) != 0 {
		t.Error("the alert holds, and nothing waits")
	}
}

// TestARestart goes on with what waits and with what is under way.
func TestARestart(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	r.Take(ordered(orderID(1), r.Now), ordered(orderID(2), r.Now), cancel("a", orderID(1), r.Now))
	r.send("77")
	r.Take(cancel("b", orderID(2), r.Now))
	r.Restart()
	r.Pass(time.Second)
	r.report("77", 1)
	if got := r.outcome("a"); got != "ACCEPTED" {
		t.Fatal(got)
	}
	if m := r.send("78"); len(m) != 1 || m[0].AmazonOrderID != orderID(2) {
		t.Fatalf("%+v", m)
	}
}

func TestReplays(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	c := cancel("c", orderID(1), r.Now, first, 1)
	rec := r.Records(c)[0]
	r.Take(ordered(orderID(1), r.Now))
	r.Tick([]*machine.Record{rec})
	again := machinetest.Again(rec, "r1")
	r.Tick([]*machine.Record{again})
	if len(r.results) != 1 || r.results[0].Outcome != superseded || r.results[0].Replay != "r1" {
		t.Fatalf("%+v", r.results)
	}
	r.send("77")
	r.report("77", 1)
	r.Tick([]*machine.Record{machinetest.Again(rec, "r2")})
	if len(r.results) != 3 || r.results[2].Code != alreadyCancelled || r.results[2].EventID == r.results[1].EventID {
		t.Fatalf("%+v", r.results[2])
	}
	without := machinetest.Again(rec, "r3")
	without.Replay.Effects = false
	old := r.Records(cancel("old", orderID(9), r.Now.Add(-keepOrders), first, 1))[0]
	r.Tick([]*machine.Record{without, machinetest.Again(old, "r4")})
	if len(r.Letters) != 2 || r.Letters[0].Reason != "replay_without_effects" || r.Letters[1].Reason != "replay_too_old" {
		t.Errorf("%+v", r.Letters)
	}
}

func TestWhatCannotBeTaken(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	for reason, change := range map[string]func(c *schemas.Cancellation){
		"invalid_order_id":        func(c *schemas.Cancellation) { c.OrderID = "../x" },
		"invalid_cancellation_id": func(c *schemas.Cancellation) { c.CancellationID = "" },
		"invalid_reason":          func(c *schemas.Cancellation) { c.Reason = "NO_INVENTORY" },
		"wrong_time_unit":         func(c *schemas.Cancellation) { c.EventTime = time.UnixMilli(r.Now.Unix()) },
		"event_time_ahead":        func(c *schemas.Cancellation) { c.EventTime = r.Now.Add(time.Hour) },
		"unknown_marketplace":     func(c *schemas.Cancellation) { c.MarketplaceID = "X" },
		"invalid_item":            func(c *schemas.Cancellation) { c.Items = []schemas.CancelItem{{OrderItemID: first, Quantity: -1}} },
		"too_large": func(c *schemas.Cancellation) {
			for n := range 1000 {
				c.Items = append(c.Items, schemas.CancelItem{OrderItemID: fmt.Sprint(1000 + n)})
			}
		},
		"account_mismatch": nil,
	} {
		c := cancel("c", orderID(1), r.Now, first, 1)
		if change == nil {
			rec := r.Records(c)[0]
			rec.Account = "other"
			r.Tick([]*machine.Record{rec})
		} else {
			change(c)
			r.Take(c)
		}
		if n := len(r.Letters); n == 0 || r.Letters[n-1].Reason != reason {
			t.Errorf("%s: %+v", reason, r.Letters)
		}
	}
	for n := range maxWaiting + 1 {
		r.Take(cancel(fmt.Sprint(n), orderID(2), r.Now, fmt.Sprint(1000+n), 1))
	}
	if last := r.Letters[len(r.Letters)-1]; last.Reason != "too_many_cancellations" {
		t.Errorf("%+v", last)
	}
}

// TestOrdersAreForgotten, those that Amazon fulfils at once.
func TestOrdersAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{})
	amazons, done := ordered(orderID(1), r.Now), ordered(orderID(2), r.Now)
	amazons.FulfilledBy, done.Status = "AMAZON", "SHIPPED"
	r.Take(amazons, done, ordered(orderID(3), r.Now))
	if len(r.Machine.orders) != 2 {
		t.Errorf("%d orders", len(r.Machine.orders))
	}
	r.Pass(keepDone + time.Minute)
	if len(r.Machine.orders) != 1 {
		t.Errorf("%d orders", len(r.Machine.orders))
	}
	r.Pass(keepOrders)
	if len(r.Machine.orders) != 0 || r.State(orderKey(testAccount, orderID(3))) != nil {
		t.Errorf("%d orders", len(r.Machine.orders))
	}
}

func TestStateThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]any{
		"order/acme-eu/1": &schemas.CancellationState{Account: "other", OrderID: "1"},
		"x":               &schemas.Order{},
		"quota/x":         &schemas.QuotaState{Account: testAccount, Operation: model.GetOrder},
		"feed/acme-eu/JSON_LISTINGS_FEED/" + germany: &schemas.FeedLaneState{Account: testAccount, FeedType: model.JSONListingsFeed, MarketplaceID: germany, Phase: "IDLE"},
	} {
		if err := New(Config{Accounts: machinetest.Sellers(t)}).Restore(key, value); err == nil {
			t.Errorf("%s: %+v", key, value)
		}
	}
}

// TestAnOrdersStateFitsARecord fills an order with all that it can have.
func TestAnOrdersStateFitsARecord(t *testing.T) {
	t.Parallel()
	r := newRuntime(t, Config{}) // which checks the size of what is written
	big := ordered(orderID(1), r.Now)
	big.Items = nil
	for n := range maxLines + 10 {
		big.Items = append(big.Items, schemas.OrderItem{OrderItemID: fmt.Sprintf("%020d", n), QuantityOrdered: 100})
	}
	r.Take(big)
	for n := range maxWaiting {
		c := cancel(strings.Repeat("x", maxID-2)+fmt.Sprint(10+n), orderID(1), r.Now)
		for i := range maxBytes/36 - 1 {
			c.Items = append(c.Items, schemas.CancelItem{OrderItemID: fmt.Sprintf("%020d", i), Quantity: int32(1 + n)})
		}
		c.Items[0].Quantity = int32(1 + maxWaiting - n) // so that none covers another
		r.Take(c)
	}
	if len(r.Letters) > 0 || len(r.Machine.orders[orderKey(testAccount, orderID(1))].Waiting) != maxWaiting {
		t.Errorf("%+v", r.Letters)
	}
}
