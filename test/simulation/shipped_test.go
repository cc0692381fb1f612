package simulation

import (
	"net/http"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/processors/feeds"
	"github.com/sellerstream/sellerstream/processors/orders"
	"github.com/sellerstream/sellerstream/processors/shipments"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestLostConfirmationsAreFound: Amazon answers 204 and stores nothing, to one confirmation
// in a hundred and always for two orders. Each of the hundredth is found by a look at its
// order and confirmed by the second try. The two are reported, hours before they must have been
// shipped, and nothing else is. Only orders that do not show their package are looked at.
func TestLostConfirmationsAreFound(t *testing.T) {
	t.Parallel()
	const placed, twice = 500, 2
	every := 3 * time.Minute
	inBubble(t, setup{accounts: []string{"one"}, reconcile: orders.Reconcile{Every: every, Lookback: time.Hour}}, func(t *testing.T, w *world) {
		w.run(shipments.Role(), 0, func(machine.Unit) machine.Machine { return shipments.New(shipments.Config{Accounts: w.accounts}) })
		var ids []string
		for len(ids) < placed {
			change, err := w.amazon.World.Place("one", simulator.Placement{SellerShips: true, Kind: "ordinary"})
			if err != nil {
				t.Fatal(err)
			}
			if change.Order.Status() == simulator.Unshipped {
				ids = append(ids, change.Order.OrderID)
			}
			w.notify(change)
		}
		for n, id := range ids {
			if n < twice {
				w.fault(simulator.Rule{Name: "twice", Operation: model.ConfirmShipment, Item: id, Action: simulator.Action{Status: http.StatusNoContent}})
			}
		}
		w.fault(simulator.Rule{Name: "lost", Operation: model.ConfirmShipment, Probability: 0.01, Action: simulator.Action{Status: http.StatusNoContent}})
		w.read(schemas.Orders, placed, time.Hour)
		shipBy := map[string]time.Time{}
		for n, id := range ids {
			if shipBy[id] = w.ship(id, "T"+id); n%20 == 0 { // no faster than searches find them
				time.Sleep(time.Minute)
			}
		}
		time.Sleep(3 * time.Hour)

		confirmed := map[string]bool{}
		for _, s := range w.amazon.World.Shipments() {
			confirmed[s.OrderID] = true
			if s.Confirmed != 1 {
				t.Errorf("order %s has %d stored confirmations", s.OrderID, s.Confirmed)
			}
		}
		lost := map[string]int{}
		for _, c := range w.amazon.Ledger.Calls(simulator.Filter{Operation: model.ConfirmShipment}) {
			if c.Fault == "lost" {
				lost[path.Base(path.Dir(c.Parameters["path"]))]++
			}
		}
		var told []string
		for _, rec := range w.read(schemas.Alerts, placed, time.Second) {
			alert := decoded[schemas.Alert](t, rec)
			told = append(told, alert.Subject)
			if alert.EventType != "ShipmentNotShown" || !alert.Time.Before(shipBy[alert.Subject].Add(-12*time.Hour)) {
				t.Errorf("an alert %s of %s at %v, to be shipped by %v", alert.EventType, alert.Subject, alert.Time, shipBy[alert.Subject])
			}
		}
		for n, id := range ids {
			gone := n < twice || lost[id] > 1
			if confirmed[id] == gone || slices.Contains(told, id) != gone {
				t.Errorf("order %d, lost %d times: confirmed %v, reported %v", n, lost[id], confirmed[id], slices.Contains(told, id))
			}
		}
		looks := len(w.read(schemas.OrderLooks, placed, time.Second))
		t.Logf("%d of %d confirmations were lost, %d looks, reported: %v", len(lost), placed, looks, told)
		if len(lost) == 0 || looks < len(lost)+2*twice || looks > 2*(len(lost)+twice) {
			t.Errorf("%d looks for %d lost confirmations", looks, len(lost)+twice)
		}
		w.noDeadLetters()
	})
}

// TestLettersAreConfirmedOnce: shipments without a tracking number go by feeds, among others
// that have one, while Amazon loses answers to createFeed. Each order has its one package at
// Amazon and one outcome, and none is reported.
func TestLettersAreConfirmedOnce(t *testing.T) {
	t.Parallel()
	const placed = 60
	inBubble(t, setup{accounts: []string{"one"}, reconcile: orders.Reconcile{Every: 3 * time.Minute, Lookback: time.Hour}}, func(t *testing.T, w *world) {
		w.run(shipments.Role(), 0, func(machine.Unit) machine.Machine {
			return shipments.New(shipments.Config{Accounts: w.accounts, Untracked: "feed"})
		})
		w.run(feeds.Role(), 0, func(machine.Unit) machine.Machine { return feeds.New(feeds.Config{Accounts: w.accounts}) })
		w.fault(simulator.Rule{Operation: model.CreateFeed, Skip: 1, Times: 1, Action: simulator.Action{LoseAnswer: true}})
		w.fault(simulator.Rule{Operation: model.CreateFeed, Skip: 3, Times: 1, Action: simulator.Action{Drop: true}})
		var ids []string
		for len(ids) < placed {
			change, err := w.amazon.World.Place("one", simulator.Placement{SellerShips: true, Kind: "ordinary"})
			if err != nil {
				t.Fatal(err)
			}
			if change.Order.Status() == simulator.Unshipped {
				ids = append(ids, change.Order.OrderID)
			}
			w.notify(change)
		}
		w.read(schemas.Orders, placed, time.Hour)
		for n, id := range ids {
			tracking := ""
			if n%3 == 0 {
				tracking = "T" + id
			}
			w.ship(id, tracking)
			time.Sleep(2 * time.Minute)
		}
		time.Sleep(6 * time.Hour)

		outcomes := map[string]int{}
		for _, rec := range w.read(schemas.ShipmentConfirmations, placed+1, time.Second) {
			c := decoded[schemas.ShipmentConfirmation](t, rec)
			if outcomes[c.OrderID]++; c.Outcome != "CONFIRMED" || (c.PackageReferenceID == "") != (c.TrackingNumber == "") {
				t.Errorf("%+v", c)
			}
		}
		for _, id := range ids {
			order, _ := w.amazon.World.Order(id)
			if order.Status() != simulator.Shipped || len(order.Packages) != 1 || outcomes[id] != 1 {
				t.Errorf("order %s is %s with %d packages and %d outcomes", id, order.Status(), len(order.Packages), outcomes[id])
			}
		}
		for _, rec := range w.read(schemas.Alerts, placed, time.Second) {
			if alert := decoded[schemas.Alert](t, rec); alert.EventType != "UntrackedWait" { // while an answer is lost
				t.Errorf("an alert: %+v", alert)
			}
		}
		submitted := len(w.read(schemas.FeedSubmissions, placed, time.Second))
		t.Logf("%d letters in %d feeds", 2*placed/3, submitted)
		w.noDeadLetters()
	})
}

// ship hands an order to a carrier in one package, and returns when it must be shipped.
func (w *world) ship(id, tracking string) time.Time {
	w.t.Helper()
	order, _ := w.amazon.World.Order(id)
	s := &schemas.Shipment{
		ShipmentID: "s" + id, Account: "one", OrderID: id, PackageID: "1", CarrierCode: "DHL", TrackingNumber: tracking,
		ShipTime: time.Now(), EventTime: time.Now(),
	}
	for _, item := range order.Items {
		s.Items = append(s.Items, schemas.ShipmentItem{OrderItemID: item.OrderItemID, Quantity: int32(item.Quantity), TransparencyCodes: []string{}})
	}
	w.produce(schemas.Shipments, s.Account, w.encode(s))
	return time.Time(order.Fulfillment.ShipByWindow.Latest)
}
