package replays

import (
	"maps"
	"testing"

	"github.com/sellerstream/sellerstream/schemas"
)

func TestInputsOfOneProcessorNeedNoRole(t *testing.T) {
	t.Parallel()
	got := make(map[string]string)
	for _, topic := range schemas.Topics() {
		r := &Replay{Request: Request{Topic: topic.Name}}
		if processor, ok := r.Processor(); ok {
			got[topic.Name] = processor
		}
	}
	want := map[string]string{
		schemas.OrderBackfills: "orders", schemas.OrderChanges: "orders", schemas.FeedNotifications: "feeds", schemas.InventoryUpdates: "inventory",
		schemas.FeedSubmissions: "feeds", schemas.Shipments: "shipments", schemas.Cancellations: "cancellations",
		schemas.ShipmentConfirmations: "cancellations", schemas.ListingChanges: "inventory",
		schemas.OrderLooks: "orders", schemas.OrderLooksAnswered: "shipments",
	}
	if !maps.Equal(got, want) {
		t.Errorf("the topics and processors %v, want %v", got, want)
	}
}

// Where a unit's position is lost in a topic that several roles read, each can be moved.
func TestEachProcessorCanBeMoved(t *testing.T) {
	t.Parallel()
	for _, topic := range schemas.Topics() {
		for _, reader := range topic.Readers {
			_, processes := schemas.TopicOf(schemas.StatePrefix + reader)
			r := &Replay{Request: Request{Topic: topic.Name, Role: reader}}
			if got, ok := r.Processor(); ok != (processes && !topic.Compacted()) || ok && got != reader {
				t.Errorf("%s of %s: %q, %v", topic.Name, reader, got, ok)
			}
		}
	}
}
