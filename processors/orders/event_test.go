package orders

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
	"github.com/sellerstream/sellerstream/schemas"
	"github.com/sellerstream/sellerstream/test/models"
	"github.com/sellerstream/sellerstream/test/property"
)

// answers are Amazon's own answers to an operation, as a model holds them: the
// example, and those of the sandbox in their order.
func answers(t *testing.T, file, path string) (example json.RawMessage, sandbox []json.RawMessage) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(models.Directory(t), file))
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]struct {
			Get struct {
				Responses map[string]struct {
					Examples map[string]json.RawMessage
					Sandbox  struct {
						Static []struct{ Response json.RawMessage }
					} `json:"x-amzn-api-sandbox"`
				}
			}
		}
	}
	if err := json.Unmarshal(text, &api); err != nil {
		t.Fatal(err)
	}
	ok := api.Paths[path].Get.Responses["200"]
	for _, test := range ok.Sandbox.Static {
		sandbox = append(sandbox, test.Response)
	}
	return ok.Examples["application/json"], sandbox
}

// examples are Amazon's own answers to getOrder, by name.
func examples(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	example, sandbox := answers(t, "orders_2026-01-01.json", "/orders/2026-01-01/orders/{orderId}")
	found := map[string]json.RawMessage{"example": example}
	for _, answer := range sandbox {
		var order model.GetOrderResponse
		if err := json.Unmarshal(answer, &order); err != nil {
			t.Fatal(err)
		}
		found["sandbox-"+order.Order.OrderID] = answer
	}
	return found
}

// TestGolden compares the events of Amazon's examples with testdata, which
// UPDATE_GOLDEN=1 writes anew: read the difference before you commit it.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, answer := range examples(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var response model.GetOrderResponse
			if err := json.Unmarshal(answer, &response); err != nil {
				t.Fatal(err)
			}
			got := golden(t, name, newEvent(testAccount, &response.Order, nil))
			noBuyerData(t, answer, got)
		})
	}
}

// golden compares an event with testdata, and gives its JSON.
func golden(t *testing.T, name string, event *schemas.Order) []byte {
	t.Helper()
	event.EventID, event.Origin = contentID(event), originNotification
	got, err := json.MarshalIndent(event, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".golden.json")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.TrimSpace(want)) {
		t.Errorf("the event of Amazon's answer changed:\n%s\nwant\n%s", got, want)
	}
	return got
}

// noBuyerData looks for each text of the answer that is about a person in the event.
func noBuyerData(t *testing.T, answer, event []byte) {
	t.Helper()
	var private struct {
		Order struct {
			Buyer, Recipient, Payment, Tax any
			OrderItems                     []struct {
				Product     struct{ Customization any }
				Fulfillment struct {
					Packing struct{ GiftOption struct{ GiftMessage any } }
				}
			}
		}
		Payload struct{ BuyerInfo, ShippingAddress any } // Orders v0
	}
	if err := json.Unmarshal(answer, &private); err != nil {
		t.Fatal(err)
	}
	var texts []string
	var collect func(value any)
	collect = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, inner := range v {
				if !slices.Contains([]string{"entityType", "taxRegistrationType", "taxInvoicing", "stateOrRegion"}, name) {
					collect(inner)
				}
			}
		case []any:
			for _, inner := range v {
				collect(inner)
			}
		case string:
			if len(v) > 3 {
				texts = append(texts, v)
			}
		}
	}
	collect([]any{private.Order.Buyer, private.Order.Recipient, private.Order.Payment, private.Order.Tax, private.Payload.BuyerInfo, private.Payload.ShippingAddress})
	for _, item := range private.Order.OrderItems {
		collect([]any{item.Product.Customization, item.Fulfillment.Packing.GiftOption.GiftMessage})
	}
	for _, text := range texts {
		if strings.Contains(string(event), text) {
			t.Errorf("the event holds %q, which is the buyer's", text)
		}
	}
}

// TestTheSameStateHasTheSameID: the order of lists, the zone of times and how
// we came to look are not the order's state; everything else is.
func TestTheSameStateHasTheSameID(t *testing.T) {
	t.Parallel()
	at := testStart
	base := func() model.Order {
		one := int32(1)
		return model.Order{
			OrderID: "1", CreatedTime: at, LastUpdatedTime: at, Programs: []string{"PRIME", "BUSINESS"},
			Proceeds:    &model.OrderProceeds{GrandTotal: &model.Money{Amount: "1.00", CurrencyCode: "EUR"}},
			Fulfillment: &model.OrderFulfillment{Status: "SHIPPED", ShipByWindow: &model.DateTimeRange{Earliest: at}},
			Items: []model.OrderItem{
				{OrderItemID: "1", QuantityOrdered: 1, Fulfillment: &model.ItemFulfillment{QuantityFulfilled: &one}},
				{OrderItemID: "2", QuantityOrdered: 2},
			},
			Packages: []model.OrderPackage{{PackageReferenceID: "1", Items: []model.PackageItem{{OrderItemID: "1", Quantity: 1}}}, {PackageReferenceID: "2"}},
		}
	}
	id := func(account string, change func(*model.Order)) string {
		order := base()
		change(&order)
		return contentID(newEvent(account, &order, nil))
	}
	want := id("a", func(*model.Order) {})
	for name, change := range map[string]func(*model.Order){
		"list order": func(o *model.Order) {
			o.Programs[0], o.Programs[1] = o.Programs[1], o.Programs[0]
			o.Items[0], o.Items[1] = o.Items[1], o.Items[0]
			o.Packages[0], o.Packages[1] = o.Packages[1], o.Packages[0]
		},
		"zone":         func(o *model.Order) { o.CreatedTime = at.In(time.FixedZone("", 3600)) },
		"microseconds": func(o *model.Order) { o.LastUpdatedTime = at.Add(time.Microsecond) },
	} {
		if got := id("a", change); got != want {
			t.Errorf("%s changes the id", name)
		}
	}
	for name, change := range map[string]func(*model.Order){
		"order":    func(o *model.Order) { o.OrderID = "2" },
		"time":     func(o *model.Order) { o.LastUpdatedTime = at.Add(time.Millisecond) },
		"status":   func(o *model.Order) { o.Fulfillment.Status = "CANCELLED" },
		"money":    func(o *model.Order) { o.Proceeds.GrandTotal.Amount = "1.01" },
		"quantity": func(o *model.Order) { o.Items[1].QuantityOrdered = 3 },
		"tracking": func(o *model.Order) { o.Packages[0].TrackingNumber = "X" },
		"window":   func(o *model.Order) { o.Fulfillment.ShipByWindow.Earliest = at.Add(time.Hour) },
	} {
		if got := id("a", change); got == want {
			t.Errorf("another %s has the same id", name)
		}
	}
	if id("b", func(*model.Order) {}) == want {
		t.Error("another account has the same id")
	}
}

func TestEventType(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		"CANCELLED": OrderCancelled, "SHIPPED": OrderChanged, "": OrderChanged, "SOMETHING_NEW": OrderChanged,
	} {
		event := newEvent("a", &model.Order{Fulfillment: &model.OrderFulfillment{Status: status}}, nil)
		if event.EventType != want {
			t.Errorf("status %q is %s, want %s", status, event.EventType, want)
		}
		if status == "" {
			status = statusUnknown
		}
		if event.Status != status {
			t.Errorf("status %q became %q", status, event.Status)
		}
	}
}

// TestStateSurvivesTheTopic: what is restored from an order's state has the
// same state.
func TestStateSurvivesTheTopic(t *testing.T) {
	t.Parallel()
	property.Check(t, func(rt *rapid.T) {
		moment := rapid.Int64Range(0, 2_000_000_000_000)
		o := newOrder(orderKey(testAccount, orderID(1)), testAccount)
		for _, field := range []*millis{&o.pendingSince, &o.notBefore, &o.received, &o.wanted, &o.emitted, &o.missing, &o.touched} {
			*field = millis(moment.Draw(rt, "moment"))
		}
		o.pending = rapid.Bool().Draw(rt, "pending")
		o.attempts = rapid.Int32Range(0, 100).Draw(rt, "attempts")
		o.stale = rapid.Int32Range(0, 100).Draw(rt, "stale")
		o.emittedID = rapid.String().Draw(rt, "id")
		o.seen = rapid.SliceOfN(rapid.String(), 1, 5).Draw(rt, "seen")
		o.origin = rapid.SampledFrom([]string{originNotification, "REPLAY"}).Draw(rt, "origin")
		before, _ := json.Marshal(o.state())
		after, _ := json.Marshal(restored(o.Key, o.state()).state())
		if !bytes.Equal(before, after) {
			rt.Fatalf("%s became %s", before, after)
		}
	})
}

// FuzzEvent: whatever Amazon answers, there is an event with a stable id, or
// the answer does not decode.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"order":{"orderId":"1","lastUpdatedTime":"2024-12-25T16:30:00Z","packages":[{"packageItems":[{}]}]}}`))
	f.Add([]byte(`{"order":{"lastUpdatedTime":"9999-12-31T23:59:59-01:00","createdTime":"0000-01-01T00:00:00+01:00"}}`))
	f.Add([]byte(`{"order":{"fulfillment":{"shipByWindow":null},"orderItems":[{"product":{"price":{}},"cancellation":{}}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var answer model.GetOrderResponse
		if json.Unmarshal(body, &answer) != nil {
			return
		}
		event := newEvent(testAccount, &answer.Order, nil)
		id, again := contentID(event), contentID(newEvent(testAccount, &answer.Order, nil))
		if id != again || len(id) != 32 {
			t.Fatalf("ids %q and %q", id, again)
		}
		if _, err := json.Marshal(event); err != nil {
			t.Fatal(err)
		}
	})
}
