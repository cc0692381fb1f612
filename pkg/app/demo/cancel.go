package demo

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/schemas"
)

// everyMissing is how many orders the warehouse ships until it does not find the goods of one.
const everyMissing = 12

// cancel has an order cancelled that cannot be shipped.
func (w *warehouse) cancel(ctx context.Context, order *schemas.Order) error {
	w.mu.Lock()
	w.cancelled = append(w.cancelled, order.OrderID)
	id := fmt.Sprintf("demo-%06d", len(w.cancelled))
	w.mu.Unlock()
	value, err := w.codec.AppendEncode(nil, schemas.Cancellations, &schemas.Cancellation{
		CancellationID: id, Account: order.Account, OrderID: order.OrderID, Reason: "NoInventory", EventTime: w.clock.Now(), Source: "demo",
	})
	if err != nil {
		return err
	}
	w.produce(ctx, &kgo.Record{Topic: w.prefix + schemas.Cancellations, Key: []byte(order.Account), Value: value})
	return nil
}

// Cancellations follows orders that the warehouse cannot ship to Amazon, and their outcomes back.
type Cancellations struct {
	Requested int `json:"requested"` // records that the warehouse produced

	Accepted   int `json:"accepted"` // outcomes on cancellation-results: together they are the records
	Rejected   int `json:"rejected"`
	Superseded int `json:"superseded"`
	Failed     int `json:"failed"`

	Unresolved  int `json:"unresolved"`   // records without an outcome
	OrdersWrong int `json:"orders_wrong"` // orders that Amazon does not have as cancelled, once all is resolved
}

// broken names the promises that are.
func (c Cancellations) broken() []string {
	return promises{
		{c.Unresolved, "%d cancellations have no outcome"},
		{c.Accepted + c.Rejected + c.Superseded + c.Failed + c.Unresolved - c.Requested, "%d cancellations have a second outcome"},
		{c.Requested - c.Unresolved - c.Accepted, "%d cancellations were not accepted"},
		{c.OrdersWrong, "%d orders are not cancelled at Amazon"},
	}.broken()
}

// cancellations compares what is with what should be; o.mu is held.
func (o *observer) cancellations(s shipped) Cancellations {
	counts := o.ofCancellations.counts
	r := Cancellations{
		Requested: len(s.cancelled), Accepted: counts["ACCEPTED"], Rejected: counts["REJECTED"], Superseded: counts["SUPERSEDED"], Failed: counts["FAILED"],
		Unresolved: len(s.cancelled) - len(o.ofCancellations.of),
	}
	for _, id := range s.cancelled {
		if order, _ := o.sim.World.Order(id); r.Unresolved == 0 && order.Status() != simulator.Cancelled {
			r.OrdersWrong++
		}
	}
	return r
}
