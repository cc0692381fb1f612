package orders

import (
	"bytes"
	"fmt"
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

var errMalformed = &model.Error{
	Class: model.Malformed, Operation: model.GetOrder, Account: testAccount, Status: 200,
	Message: "field order.orderItems[0].quantityOrdered of the answer is missing",
}

// stream notifies an order every interval for a span of time, and returns how long
// each took to be emitted. Amazon gives the calls that odd has an outcome for that one.
func stream(r *runtime, a *amazon, every, span time.Duration, odd func(machine.Call) machine.Outcome) (took []time.Duration) {
	notifiedAt := map[string]time.Time{}
	for end, i := r.Now.Add(span), 0; r.Now.Before(end); i++ {
		id := orderID(i)
		v := a.change(id, r.Now)
		notifiedAt[id] = v.at
		r.Follow(every, r.Take(notified(id, fmt.Sprint(i), v.at)), func(call machine.Call) machine.Outcome {
			if outcome := odd(call); outcome != nil {
				return outcome
			}
			return a.answerTo(call, r.Now)
		})
	}
	for i, o := range r.outputs {
		took = append(took, r.emitted[i].Sub(notifiedAt[o.OrderID]))
	}
	slices.Sort(took)
	return took
}

// TestOneOddOrderCostsItself: in a week with an order whose answer cannot be used it
// is tried a bounded number of times and is one letter with the JSON path and one
// alert, and the 99th percentile of the others stays what it is without it.
func TestOneOddOrderCostsItself(t *testing.T) {
	t.Parallel()
	span := long.Pick(t, 2*24*time.Hour, 7*24*time.Hour)
	p99 := func(bad string) (_ time.Duration, r *runtime, calls int) {
		r, a := newRuntime(t), newAmazon()
		took := stream(r, a, 2*time.Minute, span, func(call machine.Call) machine.Outcome {
			if call.Key != orderKey(testAccount, bad) {
				return nil
			}
			calls++
			return machine.Reject{Err: errMalformed}
		})
		return took[len(took)*99/100], r, calls
	}
	without, _, _ := p99("")
	with, r, calls := p99(orderID(0))
	if with > without+without/10 {
		t.Errorf("p99 of the others is %v, without the odd one %v", with, without)
	}
	if calls > 60 || len(r.Letters) != 1 || len(r.alerts) != 1 {
		t.Fatalf("%d calls, %d letters, %d alerts", calls, len(r.Letters), len(r.alerts))
	}
	for _, text := range []string{r.Letters[0].Message, r.alerts[0].Message} {
		if !strings.Contains(text, "order.orderItems[0].quantityOrdered") {
			t.Errorf("%q does not name the field", text)
		}
	}
}

// TestTwelveHoursOfRefusalsLoseNothing: getOrder is answered 400 for twelve hours
// and then as ever. All orders come within the longest wait; one alert reported them.
func TestTwelveHoursOfRefusalsLoseNothing(t *testing.T) {
	t.Parallel()
	for name, restart := range map[string]bool{"one owner": false, "a new owner each hour": true} {
		r, a := newRuntime(t), newAmazon()
		var changes []any
		for i := range 100 {
			changes = append(changes, notified(orderID(i), fmt.Sprint(i), a.change(orderID(i), r.Now).at))
		}
		calls := r.Take(changes...)
		for range 12 {
			r.Follow(time.Hour, calls, func(machine.Call) machine.Outcome {
				return machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.GetOrder, Status: 400}}
			})
			if calls = nil; restart {
				r.Restart()
				calls = r.Tick(nil)
			}
		}
		if len(r.Letters) != 0 || len(r.alerts) != 1 {
			t.Fatalf("%s: %d letters, %d alerts", name, len(r.Letters), len(r.alerts))
		}
		r.Follow(refusedLimit+10*time.Minute, calls, func(call machine.Call) machine.Outcome { return a.answerTo(call, r.Now) })
		if len(r.outputs) != len(changes) || r.Machine.Pending() != 0 || len(r.Letters) != 0 {
			t.Errorf("%s: %d of %d emitted, %d letters", name, len(r.outputs), len(changes), len(r.Letters))
		}
		if len(r.Machine.waiting) != 0 {
			t.Errorf("%s: %v are remembered as refused", name, r.Machine.waiting)
		}
	}
}

// TestEveryOrderFitsItsRecord: whatever the decoder lets through becomes a record
// that fits the topic, and names what it lacks, or is one letter.
func TestEveryOrderFitsItsRecord(t *testing.T) {
	t.Parallel()
	property.CheckSeeds(t, property.Seeds(long.Pick(t, 5, 20)), func(rt *rapid.T) {
		order := anyOrder(rt)
		event := newEvent(testAccount, &order, nil)
		if rapid.Bool().Draw(rt, "gifts") {
			event.BuyerData = &schemas.BuyerData{KeyID: "k", Fields: map[string][]byte{}}
			for i := range event.Items {
				event.BuyerData.Fields[fmt.Sprintf("items.%d.giftMessage", i)] = make([]byte, 2000)
			}
		}
		whole, before := contentID(newEvent(testAccount, &order, nil)), event.AppendAvro(nil)
		fits := fit(event)
		if n := len(event.AppendAvro(nil)); fits && n > schemas.MaxRecordBytes-50_000 || len(event.Items) != len(order.Items) || len(event.Packages) != len(order.Packages) {
			rt.Fatalf("fits %v: a record of %d bytes, %d lines, %d packages", fits, n, len(event.Items), len(event.Packages))
		}
		incomplete := event.Incomplete
		event.Incomplete = nil
		if same := bytes.Equal(before, event.AppendAvro(nil)); same != (len(incomplete) == 0) {
			rt.Fatalf("incomplete %v, unchanged %v", incomplete, same)
		}
		if contentID(newEvent(testAccount, &order, nil)) != whole {
			rt.Fatal("what was cut is cut in Amazon's answer too")
		}
	})
}

// anyOrder is one within the bounds of the decoder.
func anyOrder(rt *rapid.T) model.Order {
	text := func(name string, limit int) string {
		return strings.Repeat("ü", rapid.IntRange(0, limit/2).Draw(rt, name))
	}
	whole, _ := filled()
	line := whole.Items[0]
	if rapid.Bool().Draw(rt, "bare") {
		line = model.OrderItem{Cancellation: line.Cancellation}
	}
	line.OrderItemID, line.Programs = text("id", 64), slices.Repeat([]string{text("program", 100)}, rapid.IntRange(0, 20).Draw(rt, "programs"))
	line.Product.Title, line.Product.SellerSKU, line.Product.ASIN = text("title", 2000), text("sku", 400), text("asin", 64)
	line.Product.SerialNumbers = slices.Repeat([]string{text("serial", 100)}, rapid.IntRange(0, 20).Draw(rt, "serials"))
	line.Cancellation.Request.CancelReason = text("reason", 1000)
	parcel := model.OrderPackage{ShipFrom: whole.Packages[0].ShipFrom, Items: slices.Repeat([]model.PackageItem{{OrderItemID: text("packed", 64)}}, rapid.IntRange(0, 20).Draw(rt, "packed lines"))}
	return model.Order{
		OrderID: orderID(1), CreatedTime: testStart, LastUpdatedTime: testStart,
		Items:    slices.Repeat([]model.OrderItem{line}, rapid.SampledFrom([]int{0, 1, 100, 300, 500, 1000}).Draw(rt, "lines")),
		Packages: slices.Repeat([]model.OrderPackage{parcel}, rapid.SampledFrom([]int{0, 1, 1000}).Draw(rt, "packages")),
	}
}

func TestAnOrderThatFitsNoRecordIsOneLetter(t *testing.T) {
	t.Parallel()
	line := model.OrderItem{OrderItemID: "1", QuantityOrdered: 1, Product: model.ItemProduct{SellerSKU: strings.Repeat("S", 400)}}
	r := newRuntime(t)
	calls := r.Take(notified(orderID(1), "n", testStart))
	r.Done(calls[0], &model.GetOrderResponse{Order: model.Order{
		OrderID: orderID(1), CreatedTime: testStart, LastUpdatedTime: testStart, Items: slices.Repeat([]model.OrderItem{line}, 5000),
	}})
	if len(r.outputs) != 0 || len(r.Letters) != 1 || r.Letters[0].Reason != reasonTooLarge || r.order(orderID(1)).Pending {
		t.Errorf("%d records, %d letters", len(r.outputs), len(r.Letters))
	}
}

// TestOneOddOrderHidesNoWave: one order that is refused for a day is reported, and so is a
// wave of others that begins hours later; again when the first is all that is left.
func TestOneOddOrderHidesNoWave(t *testing.T) {
	t.Parallel()
	r, a := newRuntime(t), newAmazon()
	refused := machine.Reject{Err: &model.Error{Class: model.Invalid, Operation: model.GetOrder, Status: 400}}
	all := false
	answer := func(call machine.Call) machine.Outcome {
		if all || call.Key == orderKey(testAccount, orderID(0)) {
			return refused
		}
		return a.answerTo(call, r.Now)
	}
	next := 0
	take := func(n int, d time.Duration) {
		var changes []any
		for range n {
			changes = append(changes, notified(orderID(next), fmt.Sprint(next), a.change(orderID(next), r.Now).at))
			next++
		}
		r.Follow(d, r.Take(changes...), answer)
	}
	take(1, 2*time.Hour)
	for wave := range 2 {
		take(20, time.Hour)
		if len(r.alerts) != 1+wave {
			t.Fatalf("%d alerts before wave %d", len(r.alerts), wave)
		}
		all = true
		take(20, 2*time.Hour)
		if len(r.alerts) != 2+wave || r.alerts[1+wave].EventType != alertRefused {
			t.Fatalf("%d alerts in wave %d", len(r.alerts), wave)
		}
		all = false
		take(0, 2*time.Hour)
	}
}
