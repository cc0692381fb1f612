package pipeline

import (
	"maps"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestChannelsOfSKUs takes quantities of three new SKUs in: the merchant's own is sent, the
// one that Amazon fulfils is refused, and the one that Amazon does not have waits before
// it is. Then an update says that Amazon's may be sent too.
func TestChannelsOfSKUs(t *testing.T) {
	t.Parallel()
	const speed = 60
	const merchants, amazons, unknown = "SKU-00001", "SKU-00025", "GONE"
	e := newEstate(t, 1, "", clock.NewScaled(time.Now(), speed))
	e.stock = "fulfillment_wait: 5m"
	e.configure(german)
	e.run(nil)
	begun := e.clock.Now()
	update := func(sku string, quantity int32) *schemas.InventoryUpdate {
		return &schemas.InventoryUpdate{UpdateID: sku, Account: german, SKU: sku, Quantity: quantity, EventTime: e.clock.Now()}
	}
	e.produce(schemas.InventoryUpdates, german, update(merchants, 11), update(amazons, 12), update(unknown, 13))
	got := e.outcomesOf(3)
	if got[unknown] == "REJECTED 13013" { // a feed's word for it: a busy machine lets so much time pass that a feed is due
		got[unknown] = "REJECTED NOT_FOUND"
	}
	want := map[string]string{merchants: "APPLIED ", amazons: "REJECTED fulfilled_by_amazon", unknown: "REJECTED NOT_FOUND"}
	if waited := e.clock.Now().Sub(begun); !maps.Equal(got, want) || waited < 5*time.Minute {
		t.Fatalf("%v after %v, want %v", got, waited, want)
	}
	for _, call := range e.sim.Ledger.Calls(simulator.Filter{Operation: model.PatchListingsItem}) {
		if call.Parameters["sku"] != merchants {
			t.Errorf("sent: %v", call.Parameters)
		}
	}
	allowed := update(amazons, 14)
	allowed.UpdateID, allowed.AllowFulfilledByAmazon = "allowed", true
	e.produce(schemas.InventoryUpdates, german, allowed)
	if got := e.outcomesOf(4)["allowed"]; got != "APPLIED " {
		t.Errorf("an update that allows it: %q", got)
	}
	for sku, quantity := range map[string]int{merchants: 11, amazons: 14} {
		if listing, _ := e.sim.Stock.Listing(german, sku); listing.Quantity != quantity {
			t.Errorf("%s is offered %d times", sku, listing.Quantity)
		}
	}
	if n := e.sim.Ledger.Throttled(); n > 0 {
		t.Errorf("%d calls were throttled", n)
	}
}

// outcomesOf are the outcomes and codes by updateId, once there are n.
func (e *estate) outcomesOf(n int) map[string]string {
	e.t.Helper()
	client, codec := e.kafka()
	defer client.Close()
	for {
		outcomes := map[string]string{}
		for _, value := range e.values(client, codec, schemas.InventoryResults) {
			result := value.(*schemas.InventoryResult)
			if result.Outcome == "ACCEPTED" { // the final one follows
				continue
			}
			outcomes[result.UpdateID] = result.Outcome + " " + result.Code
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
