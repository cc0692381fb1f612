package pipeline

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/world"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestCancellations cancels a whole order, units of a line, an order that is shipped and one
// that does not exist, while Amazon's answer to the first createFeed is lost: each has its
// outcome, the orders change, and no feed comes twice. Then the same is asked for again.
func TestCancellations(t *testing.T) {
	t.Parallel()
	const speed = 60
	e := newEstate(t, 1, "", clock.NewScaled(time.Now(), speed))
	e.text = strings.Replace(e.text, "accounts:\n", "cancellations: {enabled: true, linger: 5s}\naccounts:\n", 1)
	e.configure(german)
	if _, err := e.sim.Faults.Add(simulator.Rule{
		Part: simulator.SPAPI, Operation: model.CreateFeed, Times: 1, Action: simulator.Action{LoseAnswer: true},
	}); err != nil {
		t.Fatal(err)
	}
	whole, part, shipped := e.merchantOrder(), e.merchantOrder(), e.merchantOrder()
	if err := e.packed(shipped); err != nil {
		t.Fatal(err)
	}
	e.run(nil)
	line := part.Items[0].OrderItemID
	cancel := func(id, order string, items ...schemas.CancelItem) *schemas.Cancellation {
		return &schemas.Cancellation{CancellationID: id, Account: german, OrderID: order, Reason: model.NoInventory, EventTime: e.clock.Now(), Items: items}
	}
	e.produce(schemas.Cancellations, german,
		cancel("whole", whole.OrderID), cancel("part", part.OrderID, schemas.CancelItem{OrderItemID: line, Quantity: 1}), cancel("shipped", shipped.OrderID),
		cancel("nobody's", "302-0000000-0000000", schemas.CancelItem{OrderItemID: line}),
	)
	want := map[string]string{"whole": "ACCEPTED ", "part": "ACCEPTED ", "shipped": "REJECTED already_shipped", "nobody's": "REJECTED 18028"}
	if got := e.cancelled(4); !maps.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	if now, _ := e.sim.World.Order(whole.OrderID); now.Status() != simulator.Cancelled {
		t.Errorf("the order is %s", now.Status())
	}
	if now, _ := e.sim.World.Order(part.OrderID); now.Items[0].Quantity != part.Items[0].Quantity-1 {
		t.Errorf("the line has %d units of %d", now.Items[0].Quantity, part.Items[0].Quantity)
	}
	feeds := len(e.sim.Feeds(german))
	e.produce(schemas.Cancellations, german,
		cancel("whole again", whole.OrderID), cancel("part again", part.OrderID, schemas.CancelItem{OrderItemID: line, Quantity: 1}))
	maps.Copy(want, map[string]string{"whole again": "ACCEPTED already_cancelled", "part again": "ACCEPTED already_cancelled"})
	if got := e.cancelled(6); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for i, feed := range e.sim.Feeds(german) {
		if feed.FeedType != model.OrderAcknowledgementFeed || feed.Double != "" || feed.Overlaps || i >= feeds {
			t.Errorf("%+v", feed)
		}
	}
	if n := e.sim.Ledger.Throttled(); n > 0 {
		t.Errorf("%d calls were throttled", n)
	}
}

// merchantOrder is a merchant's order that can be shipped, of several units, which Amazon
// has notified.
func (e *estate) merchantOrder() simulator.Order {
	e.t.Helper()
	for {
		change, err := e.sim.World.Place(german, simulator.Placement{SellerShips: true})
		if err != nil {
			e.t.Fatal(err)
		}
		if o := change.Order; o.Status() == simulator.Unshipped && o.Items[0].Quantity > 1 {
			e.sim.Notify(change)
			return o
		}
	}
}

// packed has an order shipped by somebody else.
func (e *estate) packed(o simulator.Order) error {
	c := world.Confirmation{OrderID: o.OrderID}
	c.Parcel.CarrierCode, c.Parcel.TrackingNumber, c.Parcel.ShipTime = "DHL", "1", e.clock.Now()
	change, _, err := e.sim.World.Confirm(german, &c)
	if err == nil {
		e.sim.Notify(change)
	}
	return err
}

// cancelled are the outcomes and codes by cancellationId, once there are n.
func (e *estate) cancelled(n int) map[string]string {
	e.t.Helper()
	client, codec := e.kafka()
	defer client.Close()
	for {
		outcomes := map[string]string{}
		for _, value := range e.values(client, codec, schemas.CancellationResults) {
			result := value.(*schemas.CancellationResult)
			outcomes[result.CancellationID] = fmt.Sprint(result.Outcome, " ", result.Code)
		}
		if len(outcomes) >= n {
			return outcomes
		}
		if err := e.ctx.Err(); err != nil {
			e.t.Fatalf("%v: outcomes %v\n%s", err, outcomes, e.log)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
