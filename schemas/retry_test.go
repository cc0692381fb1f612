package schemas_test

import (
	"testing"

	"github.com/sellerstream/sellerstream/schemas"
)

func TestForOthers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		topic, reader, header string
		want                  bool
	}{
		{schemas.FeedResults, "events", "inventory", true},
		{schemas.FeedResults, "inventory", "inventory", false},
		{schemas.FeedResults, "inventory", "", false},
		{schemas.FeedResults, "inventory", "bridge", false}, // reads it not
		{schemas.InventoryUpdates, "inventory", "warehouse", false},
		{"unknown", "inventory", "events", false},
	} {
		if got := schemas.ForOthers(test.topic, test.reader, []byte(test.header)); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
}
