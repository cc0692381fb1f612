package pipeline

import (
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestTheCatalogueIsRead: the report of all listings shows who fulfils a SKU before it has an
// update, and what Amazon has accepted.
func TestTheCatalogueIsRead(t *testing.T) {
	t.Parallel()
	const speed = 360
	const merchants, amazons = "SKU-00001", "SKU-00025"
	e := newEstate(t, 1, "", clock.NewScaled(time.Now(), speed))
	e.stock = "audit: {every: 1h}"
	e.configure(german)
	e.run(nil)
	update := func(sku string, quantity int32) *schemas.InventoryUpdate {
		return &schemas.InventoryUpdate{UpdateID: sku, Account: german, SKU: sku, Quantity: quantity, EventTime: e.clock.Now()}
	}
	e.produce(schemas.InventoryUpdates, german, update(merchants, 11))
	if got := e.outcomesOf(1)[merchants]; got != "APPLIED " {
		t.Fatal(got)
	}
	if a := e.audit(); a.Known != 1 || a.Different > 0 || a.FulfilledByAmazon == 0 || a.Unknown == 0 || a.Skus != a.Known+a.Unknown+a.FulfilledByAmazon || a.Omitted > 0 || len(a.MissingColumns) > 0 {
		t.Errorf("%+v", a)
	}
	e.produce(schemas.InventoryUpdates, german, update(amazons, 12))
	if got := e.outcomesOf(2)[amazons]; got != "REJECTED fulfilled_by_amazon" {
		t.Errorf("Amazon's: %q", got)
	}
	for _, operation := range []string{model.SearchListingsItems, model.GetListingsItem} {
		for _, call := range e.sim.Ledger.Calls(simulator.Filter{Operation: operation}) {
			if call.Parameters["sku"] == amazons || strings.Contains(call.Parameters["identifiers"], amazons) {
				t.Errorf("it was asked for: %v", call.Parameters)
			}
		}
	}
	if n := e.sim.Ledger.Throttled(); n > 0 {
		t.Errorf("%d calls were throttled", n)
	}
}

// audit is the first one.
func (e *estate) audit() *schemas.StockAudit {
	e.t.Helper()
	client, codec := e.kafka()
	defer client.Close()
	for {
		if values := e.values(client, codec, schemas.StockAudits); len(values) > 0 {
			return values[0].(*schemas.StockAudit)
		}
		if err := e.ctx.Err(); err != nil {
			e.t.Fatalf("%v: no audit\n%s", err, e.log)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
