package replays

import (
	"maps"
	"testing"

	"github.com/sellerstream/sellerstream/schemas"
)

func TestOnlyInputsOfOneProcessorHaveAReset(t *testing.T) {
	t.Parallel()
	got := make(map[string]string)
	for _, topic := range schemas.Topics() {
		if processor, ok := processorOf(topic.Name); ok {
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
