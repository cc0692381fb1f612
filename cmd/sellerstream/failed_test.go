package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/schemas"
)

// What FAILED is sent again by the one command that accounts prints, of each kind of
// work: from the oldest record on that is among it, and none before.
func TestTheCommandThatAccountsPrintsSendsItAgain(t *testing.T) {
	t.Parallel()
	w := newReplayWorld(t)
	at := time.Now()
	for n := range 4 {
		w.write(schemas.InventoryUpdates, "acme-eu", &schemas.InventoryUpdate{UpdateID: fmt.Sprint(n), Account: "acme-eu", SKU: fmt.Sprint("S", n), Quantity: 1, EventTime: at})
		w.write(schemas.Shipments, "acme-eu", &schemas.Shipment{
			ShipmentID: fmt.Sprint(n), Account: "acme-eu", OrderID: fmt.Sprint("202-", n), PackageID: "1", Items: []schemas.ShipmentItem{}, TrackingNumber: "T", ShipTime: at, EventTime: at,
		})
	}
	partition := int32(kgo.StickyKeyPartitioner(nil).ForTopic("").Partition(&kgo.Record{Key: []byte("acme-eu")}, schemas.DefaultPartitions))
	failed := func(code string, offset int64) *schemas.Failure {
		return &schemas.Failure{Time: at, Code: code, Message: "x", SourcePartition: &partition, SourceOffset: &offset}
	}
	writeState(t, w.file, schemas.StateInventory, map[string]any{
		"sku/acme-eu//S1": &schemas.InventoryState{Account: "acme-eu", SKU: "S1", Tried: []string{}, TouchedTime: at, Failure: failed("InvalidInput", 1)},
		"sku/acme-eu//S3": &schemas.InventoryState{Account: "acme-eu", SKU: "S3", Tried: []string{}, TouchedTime: at, Failure: failed("no_report", 3)},
	})
	writeState(t, w.file, schemas.StateShipments, map[string]any{
		"order/acme-eu/202-2": &schemas.ShipmentState{
			Account: "acme-eu", OrderID: "202-2", Lines: []schemas.LineUnits{}, TouchedTime: at,
			Packages: []schemas.PackageState{{PackageID: "1", Units: []schemas.LineUnits{}, Failure: failed("unknown_item", 2)}},
		},
	})
	writeState(t, w.file, schemas.StateOrders, map[string]any{
		"order/acme-eu/202-3": &schemas.OrderState{Account: "acme-eu", OrderID: "202-3", Seen: []string{}, TouchedTime: at, Failure: &schemas.Failure{Time: at, Code: "order_refused"}},
	})
	w.write(schemas.DeadLetters, "acme-eu", &schemas.DeadLetter{
		ID: "given up", Time: at, Role: "orders", Reason: "order_refused", Account: "acme-eu", Source: "sellerstream." + schemas.StateOrders, Key: []byte("order/acme-eu/202-3"), Attributes: map[string][]byte{},
	})
	code, stdout, stderr := execute("accounts", "--config", w.file, "--json", "acme-eu")
	var said struct {
		Accounts []struct {
			Failed []struct{ Role, Code, Again string }
		}
	}
	if err := json.Unmarshal([]byte(stdout), &said); err != nil || code != 0 || len(said.Accounts) != 1 {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	commands := map[string]string{}
	for _, f := range said.Accounts[0].Failed {
		if known := commands[f.Role]; known != "" && known != f.Again {
			t.Errorf("two commands for role %s: %s, %s", f.Role, known, f.Again)
		}
		commands[f.Role] = f.Again
	}
	for role, says := range map[string]string{"inventory": "3 records copied", "shipments": "2 records copied", "orders": "retried 1 dead letter"} {
		args := strings.Fields(strings.TrimPrefix(commands[role], "sellerstream "))
		if code, stdout, stderr := execute(append(args, "--yes", "--config", w.file)...); code != 0 || !strings.Contains(stdout+stderr, says) {
			t.Errorf("%s: %s: exit %d, want %q:\n%s%s", role, commands[role], code, says, stdout, stderr)
		}
	}
	for _, origin := range w.copies(5) {
		if first := map[string]int64{schemas.InventoryUpdates: 1, schemas.Shipments: 2}[origin.Topic]; origin.Offset < first || !origin.Effects {
			t.Errorf("copied %+v", origin)
		}
	}
}
