package demo

import (
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

// alertDrift is the alert that reports a quantity which nobody sent.
const alertDrift = "QuantityDrift"

// surplus is what somebody adds to a quantity in Seller Central: no order explains that.
const surplus = 1000

// drift is a SKU whose quantity somebody changes at Amazon, after its last update was applied.
type drift struct {
	id     string // of that update; "" where there is no such SKU
	update simulator.InventoryUpdate
}

// drifting chooses the SKU that is done first. source begins the updates' ids.
func drifting(sim *simulator.Simulator, plan simulator.InventoryPlan, source string) (first drift) {
	newest := plan.Newest()
	for i, u := range plan.Updates {
		listing, listed := sim.Listing(u.Account, u.SKU)
		if !listed || listing.Channel != "" || u.Excluded || newest[u.Account][u.SKU].Time != u.Time {
			continue
		}
		if first.id == "" || u.Time.Before(first.update.Time) {
			first = drift{updateID(source, i), u}
		}
	}
	return first
}

// updateID is the id of a plan's i-th update.
func updateID(source string, i int) string { return fmt.Sprintf("%s-%06d", source, i+1) }

// tamper changes a quantity at Amazon once its last update is applied; o.mu is held.
func (o *observer) tamper(result *schemas.InventoryResult) error {
	d := o.upstream.drift()
	if o.tampered || d.id == "" || result.UpdateID != d.id || result.Outcome != "APPLIED" {
		return nil
	}
	o.tampered = true
	return o.sim.SetByHand(d.update.Account, d.update.SKU, d.update.Quantity+surplus)
}

// drifts reports whether the change was made, reported and corrected; o.mu is held.
func (o *observer) drifts(i *Inventory) {
	d := o.upstream.drift()
	if d.id == "" {
		return
	}
	i.Drifts = 1
	if !o.tampered || o.detailTypes[alertDrift] == 0 {
		return
	}
	i.DriftsFound = 1
	if listing, _ := o.sim.Listing(d.update.Account, d.update.SKU); listing.Quantity == d.update.Quantity {
		i.DriftsCorrected = 1
	}
}
