package schemas_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sellerstream/sellerstream/schemas"
)

// TestALargeOrderIsOneEvent: an event of a thousand lines is cut to what a bus takes, and
// names what it lacks; the record stays as it is.
func TestALargeOrderIsOneEvent(t *testing.T) {
	t.Parallel()
	order := goldenOrder(t)
	line := order.Items[0]
	line.Title = strings.Repeat("ü", 300)
	line.Condition = &schemas.ItemCondition{ConditionNote: strings.Repeat("n", 200)}
	line.SerialNumbers, line.PromotionIDs = slices.Repeat([]string{"SERIAL"}, 5), []string{"SUMMER"}
	line.Breakdowns = slices.Repeat([]schemas.ProceedsBreakdown{{Type: "ITEM", Subtotal: *line.Total}}, 3)
	order.Items = nil
	for i := range 1000 {
		line.OrderItemID = fmt.Sprint(i)
		order.Items = append(order.Items, line)
	}
	order.Packages[0].ShipFrom = &schemas.MerchantAddress{City: "Kiel"}
	before := order.AppendAvro(nil)
	schema := compile(t, "OrderChanged")
	lines := 1000
	for limit, lacks := range map[int][]string{
		1 << 30:   nil,
		1 << 20:   {"orderItems[].proceeds.breakdowns", "orderItems[].product.title"},
		256 << 10: {"orderItems[].product.serialNumbers", "orderItems[].product.title", "orderItems", "packages"},
		4 << 10:   {"orderItems", "packages"},
	} {
		detail, kind, err := schemas.AppendDetailWithin([]byte("x"), order, limit)
		if err != nil || kind != "OrderChanged" || len(detail)-1 > limit {
			t.Fatalf("limit %d: %d bytes, %s, %v", limit, len(detail), kind, err)
		}
		var got schemas.Order
		if err := json.Unmarshal(detail[1:], &got); err != nil {
			t.Fatal(err)
		}
		if err := validate(t, schema, detail[1:]); err != nil {
			t.Error(err)
		}
		for _, path := range lacks {
			if !slices.Contains(got.Incomplete, path) {
				t.Errorf("limit %d: incomplete %v lacks %s", limit, got.Incomplete, path)
			}
		}
		if cut := len(got.Items) < lines; cut != slices.Contains(got.Incomplete, "orderItems") || (got.Incomplete == nil) != (lacks == nil) {
			t.Errorf("limit %d: %d lines, incomplete %v", limit, len(got.Items), got.Incomplete)
		}
		again, _, _ := schemas.AppendDetailWithin(nil, order, limit)
		if !bytes.Equal(detail[1:], again) || !bytes.Equal(before, order.AppendAvro(nil)) {
			t.Errorf("limit %d: the record changed, or the event is another each time", limit)
		}
	}
	if detail, _, err := schemas.AppendDetailWithin(nil, order, 10); err != nil || len(detail) < 10 {
		t.Errorf("what cannot be cut so far is left to who sends it: %s, %v", detail, err)
	}
}

// TestWhatIsCutTakesItsBuyerDataAlong: encrypted parts of what is not there lead nowhere.
func TestWhatIsCutTakesItsBuyerDataAlong(t *testing.T) {
	t.Parallel()
	order := goldenOrder(t)
	order.BuyerData = &schemas.BuyerData{KeyID: "k", Fields: map[string][]byte{"buyer.name": {1}}}
	for _, name := range []string{"extra", "payments.0.authorizationCode", "taxRegistrations.0.number", "items.1.customizedUrl", "items.1.giftMessage"} {
		order.BuyerData.Fields[name] = make([]byte, 100_000)
	}
	given := order.BuyerData
	if !order.Fit(20_000, func(o *schemas.Order) int { return len(o.AppendAvro(nil)) }) || len(order.BuyerData.Fields) != 1 {
		t.Errorf("left are %d fields", len(order.BuyerData.Fields))
	}
	if len(given.Fields) != 6 {
		t.Error("the fields of the record were changed")
	}
	if want := []string{"extra", "orderItems[].fulfillment.packing.giftOption.giftMessage", "payment", "tax"}; !subset(want, order.Incomplete) {
		t.Errorf("incomplete %v lacks one of %v", order.Incomplete, want)
	}
}

func subset(want, got []string) bool {
	return !slices.ContainsFunc(want, func(path string) bool { return !slices.Contains(got, path) })
}
