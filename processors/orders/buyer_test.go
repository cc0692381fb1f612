package orders

import (
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/account"
	"github.com/sellerstream/sellerstream/pkg/runtime/buyerdata"
	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

const (
	day       = 24 * time.Hour
	retention = 30 * day
	buyerID   = "202-1234567-8901234"
)

// buyerRuntime is a unit with an account that has its buyer data on.
type buyerRuntime struct {
	*runtime
	on     bool // the account's buyer data
	number int  // of notifications
}

func newBuyerRuntime(t *testing.T) *buyerRuntime {
	r := &buyerRuntime{runtime: newRuntime(t), on: true}
	r.configure()
	return r
}

func (r *buyerRuntime) configure() {
	r.Machine.cfg.Retention = retention
	r.Machine.cfg.Accounts = func() *account.Directory {
		directory, err := account.NewDirectory([]account.Account{{ID: testAccount, SellerID: "A1", Region: model.Europe, BuyerData: r.on}})
		if err != nil {
			r.T.Fatal(err)
		}
		return directory
	}
}

func (r *buyerRuntime) restart() {
	r.Restart()
	r.configure()
}

// fetch notifies the order, and returns the call for it.
func (r *buyerRuntime) fetch() machine.Call {
	r.T.Helper()
	r.number++
	calls := r.Take(notified(buyerID, orderID(r.number), r.Now))
	if len(calls) != 1 {
		r.T.Fatalf("%d calls", len(calls))
	}
	return calls[0]
}

// asks reports whether a call asks for buyer data, and with which key.
func (r *buyerRuntime) asks(call machine.Call) (*schemas.BuyerKey, bool) {
	r.T.Helper()
	read, key := call.Request, (*schemas.BuyerKey)(nil)
	req, sealed := read.(*buyerdata.Request)
	if sealed {
		read, key = req.Read, req.Key
	}
	included := read.(*model.GetOrderRequest).IncludedData
	if sealed != slices.Contains(included, "BUYER") || sealed != slices.Contains(included, "RECIPIENT") {
		r.T.Fatalf("a %T asks for %v", call.Request, included)
	}
	return key, sealed
}

// answer ends a call with an order; one that asks for buyer data gets some,
// under the key that it brought or the one with this id.
func (r *buyerRuntime) answer(call machine.Call, shown model.Order, keyID string) {
	r.T.Helper()
	key, asked := r.asks(call)
	response := any(&model.GetOrderResponse{Order: shown})
	if asked {
		if key == nil {
			key = &schemas.BuyerKey{Account: testAccount, OrderID: buyerID, KeyID: keyID, WrappedBy: "file:1", Wrapped: []byte("wrapped " + keyID)}
		}
		response = &buyerdata.Answer{
			Response: response, Sealed: sealedWith(key, "sealed with "+key.KeyID),
		}
	}
	r.Done(call, response)
}

// sealedWith is buyer data under a key.
func sealedWith(key *schemas.BuyerKey, name string) buyerdata.Sealed {
	return buyerdata.Sealed{Key: key, Data: &schemas.BuyerData{KeyID: key.KeyID, Fields: map[string][]byte{"recipient.name": []byte(name)}}}
}

// update fetches the order and shows it.
func (r *buyerRuntime) update(shown model.Order, keyID string) {
	r.T.Helper()
	shown.LastUpdatedTime = r.Now
	r.answer(r.fetch(), shown, keyID)
}

func (r *buyerRuntime) key() *schemas.BuyerKey {
	key, _ := r.State(buyerStateKey(testAccount, buyerID)).(*schemas.BuyerKey)
	return key
}

// sealedWith is the key of the newest event's buyer data; "" for none.
func (r *buyerRuntime) sealedWith() string {
	event := r.outputs[len(r.outputs)-1]
	if event.BuyerData == nil {
		return ""
	}
	return event.BuyerData.KeyID
}

func openOrder(latest time.Time) model.Order {
	return model.Order{
		OrderID: buyerID, CreatedTime: testStart,
		Fulfillment: &model.OrderFulfillment{Status: "UNSHIPPED", DeliverByWindow: &model.DateTimeRange{Latest: latest}},
	}
}

func deliveredOrder(latest time.Time) model.Order {
	order := openOrder(latest)
	order.Fulfillment.Status = "SHIPPED"
	order.Packages = []model.OrderPackage{{PackageReferenceID: "1", PackageStatus: &model.PackageStatus{Status: packageDelivered}, ShipTime: testStart.Add(day)}}
	return order
}

func TestAnOrdersKeyIsMadeOnceAndKeptApart(t *testing.T) {
	t.Parallel()
	r := newBuyerRuntime(t)
	promised := testStart.Add(3 * day)
	r.update(openOrder(promised), "k1")
	if r.sealedWith() != "k1" || r.key() == nil || string(r.key().Wrapped) != "wrapped k1" {
		t.Fatalf("event with %q, key %+v", r.sealedWith(), r.key())
	}
	if !r.key().CreatedTime.Equal(testStart) || !r.key().DeleteTime.Equal(promised.Add(retention)) {
		t.Errorf("made at %v, to be deleted at %v", r.key().CreatedTime, r.key().DeleteTime)
	}
	r.restart()
	r.Pass(time.Hour)
	r.update(openOrder(promised.Add(day)), "k2")
	if r.sealedWith() != "k1" || !r.key().DeleteTime.Equal(promised.Add(day+retention)) {
		t.Errorf("fetched again: event with %q, key %+v", r.sealedWith(), r.key())
	}
	if id := r.outputs[0].EventID; id == r.outputs[1].EventID {
		t.Errorf("two states with the id %s", id)
	}
}

// A deleted key is not made anew, whatever an answer brings that was asked for
// before: what was promised to be unreadable stays so.
func TestADeletedKeyIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	r := newBuyerRuntime(t)
	promised := testStart.Add(3 * day)
	r.update(openOrder(promised), "k1")
	r.Now = promised.Add(retention - time.Minute)
	late := r.fetch() // it asks for buyer data still
	r.Pass(2 * time.Minute)
	if key := r.key(); key == nil || len(key.Wrapped) != 0 {
		t.Fatalf("the key is not deleted: %+v", key)
	}
	again := openOrder(r.Now.Add(30 * day)) // promised anew: its data could be kept for weeks
	again.LastUpdatedTime = r.Now
	r.Done(late, &buyerdata.Answer{
		Response: &model.GetOrderResponse{Order: again},
		Sealed:   sealedWith(&schemas.BuyerKey{Account: testAccount, OrderID: buyerID, KeyID: "k2", WrappedBy: "file:1", Wrapped: []byte("wrapped k2")}, "sealed with k2"),
	})
	if len(r.outputs) != 2 || r.sealedWith() != "" || len(r.key().Wrapped) != 0 {
		t.Errorf("%d events, the last with %q; key %+v", len(r.outputs), r.sealedWith(), r.key())
	}
	r.Now = r.Now.Add(time.Minute)
	if _, asked := r.asks(r.fetch()); asked {
		t.Error("its buyer data is asked for again")
	}
}

// The same content is the same event; encrypted with another key it is not.
func TestBuyerDataIsContent(t *testing.T) {
	t.Parallel()
	r := newBuyerRuntime(t)
	order := openOrder(testStart.Add(3 * day))
	order.LastUpdatedTime = testStart
	r.answer(r.fetch(), order, "k1")
	change := notified(buyerID, "buyer", time.Time{}) // without a time: asked for, whatever was emitted
	r.answer(r.Take(change)[0], order, "k1")
	for range maxStale {
		for _, call := range r.Pass(time.Minute) {
			r.answer(call, order, "k1")
		}
	}
	if len(r.outputs) != 1 {
		t.Fatalf("%d events of one state", len(r.outputs))
	}
	other := *r.outputs[0]
	other.BuyerData = &schemas.BuyerData{KeyID: "k2", Fields: map[string][]byte{}}
	if contentID(&other) == contentID(r.outputs[0]) {
		t.Error("other buyer data is the same content")
	}
}

func TestAccountsHaveBuyerDataOffUntilItIsTurnedOn(t *testing.T) {
	t.Parallel()
	r := newBuyerRuntime(t)
	r.on = false
	r.update(openOrder(testStart.Add(day)), "k1")
	if r.sealedWith() != "" || r.key() != nil {
		t.Fatalf("off: event with %q, key %v", r.sealedWith(), r.key())
	}
	r.on = true
	r.Pass(time.Minute)
	r.update(openOrder(testStart.Add(day)), "k1")
	if r.sealedWith() != "k1" {
		t.Error("turned on: no buyer data")
	}
	r.on = false
	r.Pass(time.Minute)
	r.update(openOrder(testStart.Add(day)), "k1")
	if r.sealedWith() != "" || r.key() == nil {
		t.Errorf("turned off: event with %q, key %v; want the key kept as long as it was to be", r.sealedWith(), r.key())
	}
}

// TestKeysAreDeleted holds the promise of the whole: after the retention the key
// is gone, and an order that is fetched again brings nothing back.
func TestKeysAreDeleted(t *testing.T) {
	t.Parallel()
	for name, forgotten := range map[string]bool{"the order is remembered": false, "the order was forgotten": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newBuyerRuntime(t)
			promised := testStart.Add(3 * day)
			r.update(openOrder(promised), "k1")
			if !forgotten {
				r.Pass(promised.Add(retention - day).Sub(r.Now))
				r.update(openOrder(promised), "k1")
			}
			r.Pass(promised.Add(retention - time.Second).Sub(r.Now))
			if r.key() == nil || r.key().Wrapped == nil {
				t.Fatal("deleted too early")
			}
			r.restart()
			r.Pass(2 * time.Second)
			if r.key() == nil || r.key().Wrapped != nil {
				t.Fatalf("not deleted in time: %+v", r.key())
			}
			r.restart()
			r.update(openOrder(promised), "k2")
			if r.sealedWith() != "" || r.key().Wrapped != nil {
				t.Errorf("it came back: event with %q, key %+v", r.sealedWith(), r.key())
			}
			r.Pass(keepDeleted)
			if r.key() != nil {
				t.Error("the entry of the deleted key stays")
			}
			call := r.fetch()
			if _, asked := r.asks(call); asked {
				t.Error("buyer data is asked for again")
			}
			order := openOrder(promised)
			order.LastUpdatedTime = r.Now
			r.answer(call, order, "k2")
			r.Pass(keepIdle + time.Minute) // the order itself is forgotten
			if r.order(buyerID) != nil {
				t.Fatal("the order is remembered")
			}
			r.update(openOrder(promised), "k3")
			if r.sealedWith() != "" || r.key() != nil {
				t.Errorf("a forgotten order: event with %q, key %+v", r.sealedWith(), r.key())
			}
		})
	}
}

// Delivery ends the wait for the promised day, and later changes begin none anew.
func TestRetentionCountsFromDelivery(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(latest time.Time) model.Order{
		"delivered": deliveredOrder,
		"cancelled": func(latest time.Time) model.Order {
			order := openOrder(latest)
			order.Fulfillment.Status = model.StatusCancelled
			return order
		},
	} {
		r := newBuyerRuntime(t)
		promised := testStart.Add(10 * day)
		r.update(openOrder(promised), "k1")
		r.Pass(2 * day)
		finished := r.Now
		r.update(end(promised), "k1")
		r.Pass(day)
		r.restart()
		r.update(end(promised.Add(day)), "k1")
		if got := r.key(); !got.FinishedTime.Equal(finished) || !got.DeleteTime.Equal(finished.Add(retention)) || r.sealedWith() != "k1" {
			t.Errorf("%s on %v: key %+v, event with %q", name, finished, got, r.sealedWith())
		}
		fresh := newBuyerRuntime(t)
		fresh.update(end(promised), "k1")
		if fresh.sealedWith() != "" || fresh.key() != nil {
			t.Errorf("%s when first seen: event with %q, key %+v", name, fresh.sealedWith(), fresh.key())
		}
		if _, asked := fresh.asks(func() machine.Call { fresh.Pass(time.Second); return fresh.fetch() }()); asked {
			t.Errorf("%s when first seen: asked for again", name)
		}
	}
}

// A key stands in the state only with an event that is encrypted with it.
func TestAnAnswerThatIsNotBelievedLeavesNoKey(t *testing.T) {
	t.Parallel()
	r := newBuyerRuntime(t)
	old := openOrder(testStart.Add(day))
	old.LastUpdatedTime = testStart.Add(-time.Hour)
	r.answer(r.fetch(), old, "k1")
	if r.key() != nil || len(r.outputs) > 0 {
		t.Errorf("key %+v, %d events", r.key(), len(r.outputs))
	}
}

// A lost key is replaced by the one that the newest state is encrypted with.
func TestALostKeyIsReplaced(t *testing.T) {
	t.Parallel()
	r := newBuyerRuntime(t)
	r.update(openOrder(testStart.Add(day)), "k1")
	r.Pass(time.Minute)
	call := r.fetch()
	order := openOrder(testStart.Add(day))
	order.LastUpdatedTime = r.Now
	fresh := &schemas.BuyerKey{Account: testAccount, OrderID: buyerID, KeyID: "k2", WrappedBy: "file:2", Wrapped: []byte("wrapped k2")}
	r.Done(call, &buyerdata.Answer{
		Response: &model.GetOrderResponse{Order: order}, Sealed: sealedWith(fresh, "sealed with k2"),
	})
	if r.sealedWith() != "k2" || string(r.key().Wrapped) != "wrapped k2" || !r.key().CreatedTime.Equal(r.Now) {
		t.Errorf("event with %q, key %+v", r.sealedWith(), r.key())
	}
}

func TestBuyerDataOfOrdersV0(t *testing.T) {
	t.Parallel()
	r := newBuyerRuntime(t)
	r.Machine.cfg.V0 = true
	head := r.fetch()
	req := head.Request.(*buyerdata.Request)
	if got := req.Read.(*model.GetOrderV0Request).DataElements; !slices.Equal(got, []string{model.DataBuyerInfo, model.DataShippingAddress}) {
		t.Errorf("asks for %v", got)
	}
	key := &schemas.BuyerKey{Account: testAccount, OrderID: buyerID, KeyID: "k1", WrappedBy: "file:1", Wrapped: []byte("wrapped")}
	items := r.Done(head, &buyerdata.Answer{
		Response: &model.GetOrderV0Response{Order: model.OrderV0{OrderID: buyerID, LastUpdateDate: r.Now, LatestDeliveryDate: r.Now.Add(day)}},
		Sealed:   sealedWith(key, "sealed"),
	})
	r.Done(items[0], &model.GetOrderItemsV0Response{Page: model.OrderItemPageV0{OrderID: buyerID}})
	if r.sealedWith() != "k1" || r.key() == nil || !r.key().DeleteTime.Equal(r.Now.Add(day+retention)) {
		t.Errorf("event with %q, key %+v", r.sealedWith(), r.key())
	}
}

func TestDeliveryOf(t *testing.T) {
	t.Parallel()
	promised, shipBy, shipped, updated := testStart.Add(4*day), testStart.Add(day), testStart.Add(6*day), testStart.Add(7*day)
	pack := func(status string, at time.Time) model.OrderPackage {
		return model.OrderPackage{PackageStatus: &model.PackageStatus{Status: status}, ShipTime: at}
	}
	window := func(latest time.Time) *model.DateTimeRange { return &model.DateTimeRange{Latest: latest} }
	for name, c := range map[string]struct {
		order    model.Order
		at       time.Time
		finished bool
	}{
		"nothing known":     {model.Order{}, testStart.Add(undated), false},
		"promised":          {model.Order{Fulfillment: &model.OrderFulfillment{DeliverByWindow: window(promised), ShipByWindow: window(shipBy)}}, promised, false},
		"to be shipped":     {model.Order{Fulfillment: &model.OrderFulfillment{ShipByWindow: window(shipBy)}}, shipBy.Add(undated), false},
		"shipped late":      {model.Order{Fulfillment: &model.OrderFulfillment{DeliverByWindow: window(promised)}, Packages: []model.OrderPackage{pack("SHIPPED", shipped)}}, shipped, false},
		"delivered in part": {model.Order{Fulfillment: &model.OrderFulfillment{DeliverByWindow: window(promised)}, Packages: []model.OrderPackage{pack(packageDelivered, shipBy), pack("IN_TRANSIT", shipBy)}}, promised, false},
		"in part, open": {model.Order{
			Fulfillment: &model.OrderFulfillment{Status: "PARTIALLY_SHIPPED", DeliverByWindow: window(promised), ShipByWindow: window(shipBy)},
			Packages:    []model.OrderPackage{pack(packageDelivered, shipBy)},
		}, shipBy.Add(lateShipping), false},
		"not shipped": {model.Order{Fulfillment: &model.OrderFulfillment{Status: "UNSHIPPED", DeliverByWindow: window(promised)}}, promised, false},
		"delivered":   {model.Order{Packages: []model.OrderPackage{pack(packageDelivered, shipBy)}}, updated, true},
		"cancelled":   {model.Order{Fulfillment: &model.OrderFulfillment{Status: model.StatusCancelled, DeliverByWindow: window(promised)}}, updated, true},
	} {
		c.order.CreatedTime, c.order.LastUpdatedTime = testStart, updated
		if at, finished := deliveryOf(&c.order); !at.Equal(c.at) || finished != c.finished {
			t.Errorf("%s: %v, %v; want %v, %v", name, at, finished, c.at, c.finished)
		}
	}
}

// An order that was forgotten may come again while the entry of its deleted key is
// still there: that holds no key, and is not sent along as one.
func TestADeletedKeyIsNotSentAlong(t *testing.T) {
	t.Parallel()
	r := newBuyerRuntime(t)
	deleted := &schemas.BuyerKey{Account: testAccount, OrderID: buyerID, KeyID: "k1", WrappedBy: "file:1", DeleteTime: r.Now.Add(-time.Hour)}
	if err := r.Machine.Restore(buyerStateKey(testAccount, buyerID), deleted); err != nil {
		t.Fatal(err)
	}
	if key, asked := r.asks(r.fetch()); !asked || key != nil {
		t.Errorf("asks for buyer data: %t, with the key %+v", asked, key)
	}
}
