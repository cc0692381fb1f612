package telemetry

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/runtime/machine"
	"github.com/sellerstream/sellerstream/schemas"
)

// TestWhatWasGivenUpIsCounted by its cause, each piece once, and nothing else is.
// However many codes Amazon invents, there are few causes.
func TestWhatWasGivenUpIsCounted(t *testing.T) {
	t.Parallel()
	m := New("test", testCodes())
	tx := machine.Tx{Now: time.Now()}
	for _, outcome := range []string{"APPLIED", "FAILED", "REJECTED", "SUPERSEDED", "EXCLUDED", "FAILED", "FAILED"} {
		tx.Emit(machine.Output{Topic: schemas.InventoryResults, Account: "a", Value: &schemas.InventoryResult{Outcome: outcome, Code: "feed_FATAL"}})
	}
	for _, code := range []string{"new\x1b1", "new2"} {
		tx.Emit(machine.Output{Topic: schemas.InventoryResults, Account: "a", Value: &schemas.InventoryResult{Outcome: "FAILED", Code: code}})
	}
	m.Stream("inventory").Committed(&tx, time.Second)
	tx = machine.Tx{Now: time.Now()}
	for _, outcome := range []string{"CONFIRMED", "SUPERSEDED", "REJECTED", "REJECTED"} {
		tx.Emit(machine.Output{Topic: schemas.ShipmentConfirmations, Account: "a", Value: &schemas.ShipmentConfirmation{Outcome: outcome, Code: "unknown_item"}})
	}
	m.Stream("shipments").Committed(&tx, time.Second)
	tx = machine.Tx{Now: time.Now()}
	for _, outcome := range []string{"ACCEPTED", "SUPERSEDED", "REJECTED", "FAILED"} {
		tx.Emit(machine.Output{Topic: schemas.CancellationResults, Account: "a", Value: &schemas.CancellationResult{Outcome: outcome, Code: "unknown_item"}})
	}
	m.Stream("cancellations").Committed(&tx, time.Second)
	text, _ := scrape(t, m)
	for series, want := range map[string]string{
		`sellerstream_failed_total{cause="feed_FATAL",role="inventory"}`:       "3",
		`sellerstream_failed_total{cause="other",role="inventory"}`:            "2",
		`sellerstream_failed_total{cause="unknown_item",role="shipments"}`:     "2",
		`sellerstream_failed_total{cause="unknown_item",role="cancellations"}`: "1",
	} {
		if got := value(text, series); got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
	if n := strings.Count(text, "sellerstream_failed_total{"); n != 4 {
		t.Errorf("%d series, want 4", n)
	}
}

// TestPackagesOfOtherCarriersAreCounted when Amazon has confirmed them. No label has a name.
func TestPackagesOfOtherCarriersAreCounted(t *testing.T) {
	t.Parallel()
	m := New("test", testCodes())
	tx := machine.Tx{Now: time.Now()}
	for i, outcome := range []string{"CONFIRMED", "SUPERSEDED", "REJECTED", "CONFIRMED", "DROPPED"} {
		for _, code := range []string{"Other", "DHL"} {
			tx.Emit(machine.Output{Topic: schemas.ShipmentConfirmations, Account: "a", Value: &schemas.ShipmentConfirmation{
				Outcome: outcome, CarrierCode: code, CarrierName: fmt.Sprint("Velo ", i),
			}})
		}
	}
	m.Stream("shipments").Committed(&tx, time.Second)
	tx = machine.Tx{Now: time.Now()}
	for _, outcome := range []string{"ACCEPTED", "SUPERSEDED", "REJECTED", "FAILED"} {
		tx.Emit(machine.Output{Topic: schemas.CancellationResults, Account: "a", Value: &schemas.CancellationResult{Outcome: outcome, Code: "unknown_item"}})
	}
	m.Stream("cancellations").Committed(&tx, time.Second)
	text, _ := scrape(t, m)
	if got := value(text, "sellerstream_shipments_other_carrier_total"); got != "2" || strings.Contains(text, "Velo") {
		t.Errorf("%q are counted, want 2", got)
	}
}

// testCodes are some that a program's roles could have.
func testCodes() Codes {
	return Codes{Reasons: []string{"undecodable"}, Alerts: []string{"FeedStuck"}, GivesUp: []string{"feed_FATAL", "unknown_item"}}
}
