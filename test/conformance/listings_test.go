package conformance_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/test/conformance"
)

// TestListingNotificationsConform checks what EventBridge's envelope holds. Amazon's schema
// of the status misspells its type; the example beside it does not.
func TestListingNotificationsConform(t *testing.T) {
	t.Parallel()
	quantity, status := conformance.LoadSchema(t, "ListingsItemMfnQuantityChange.json"), conformance.LoadSchema(t, "ListingsItemStatusChangeNotification.json")
	s := startClient(t, simulator.Config{SKUs: 10, Rates: unlimited(), ListingNotifications: true})
	for _, n := range []int{17, 0, 3} {
		if err := s.SetByHand(s.Accounts()[0].ID, "SKU-00003", n); err != nil {
			t.Fatal(err)
		}
	}
	bodies := s.receive()
	for _, body := range bodies {
		var event struct {
			DetailType string `json:"detail-type"`
			Detail     json.RawMessage
		}
		err := json.Unmarshal([]byte(body), &event)
		switch {
		case err != nil:
		case strings.Contains(event.DetailType, "QUANTITY"):
			err = quantity.Check(event.Detail)
		default:
			err = status.Check([]byte(strings.Replace(string(event.Detail), "STATUS_CHANGE", "STATUS_CHANGED", 1)))
		}
		if err != nil {
			t.Errorf("%v\n%s", err, body)
		}
	}
	if len(bodies) != 5 {
		t.Errorf("%d notifications", len(bodies))
	}
}
