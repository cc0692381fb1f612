package simulator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestOrdersV0(t *testing.T) {
	t.Parallel()
	a := start(t, func(c *simulator.Config) { c.ItemsPerPage = 2 })
	token, order := a.token(sellerToken(1)), a.unshipped(3)
	path := ordersV0 + "/" + order.OrderID
	var answer struct {
		Payload struct{ AmazonOrderID, OrderStatus, LastUpdateDate string }
	}
	got := a.get(model.Europe, token, path)
	if err := json.Unmarshal([]byte(got.body), &answer); err != nil || answer.Payload.OrderStatus != "Unshipped" ||
		answer.Payload.LastUpdateDate != time.Time(order.LastUpdatedTime).UTC().Format(time.RFC3339) {
		t.Errorf("%s, %v", got.body, err)
	}
	var items []string
	for query, pages := "", 0; pages == 0 || query != ""; pages++ {
		var page struct {
			Payload struct {
				OrderItems []struct{ OrderItemID string }
				NextToken  string
			}
		}
		got := a.get(model.Europe, token, path+"/orderItems"+query)
		if err := json.Unmarshal([]byte(got.body), &page); err != nil {
			t.Fatalf("%s, %v", got.body, err)
		}
		for _, item := range page.Payload.OrderItems {
			items = append(items, item.OrderItemID)
		}
		if query = ""; page.Payload.NextToken != "" {
			query = "?NextToken=" + page.Payload.NextToken
		}
	}
	if len(items) != 3 || items[0] != order.Items[0].OrderItemID || items[2] != order.Items[2].OrderItemID {
		t.Errorf("items %v", items)
	}
	for _, bad := range []string{"/orderItems?NextToken=x", "/orderItems?Page=2", "?NextToken=", "/orderItems?NextToken=" + "MTExLTExMTExMTEtMTExMTExMS8x"} {
		if got := a.get(model.Europe, token, path+bad); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	if got := a.get(model.Europe, token, ordersV0+"/111-1111111-1111111"); got.status != http.StatusNotFound {
		t.Errorf("unknown: %d", got.status)
	}
}

func TestRestrictedDataTokens(t *testing.T) {
	t.Parallel()
	clock := newManual()
	a := start(t, func(c *simulator.Config) { c.Clock = clock })
	token, order := a.token(sellerToken(1)), a.unshipped(1)
	other := a.unshipped(1)
	restricted := func(resources string) string {
		t.Helper()
		var answer struct {
			RestrictedDataToken string
			ExpiresIn           int
		}
		got := a.call(http.MethodPost, token, "/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[`+resources+`]}`)
		if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.status != http.StatusOK || answer.ExpiresIn != 3600 {
			t.Fatalf("%d %s, %v", got.status, got.body, err)
		}
		return answer.RestrictedDataToken
	}
	name, street := `"BuyerName"`, `"AddressLine1"`
	generic := restricted(`{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo","shippingAddress"]}`)
	one := restricted(`{"method":"GET","path":"/orders/v0/orders/` + order.OrderID + `","dataElements":["buyerInfo"]}`)
	for _, test := range []struct {
		token, path  string
		status       int
		name, street bool
	}{
		{token, ordersV0 + "/" + order.OrderID, 200, false, false},
		{generic, ordersV0 + "/" + order.OrderID, 200, true, true},
		{generic, ordersV0 + "/" + other.OrderID, 200, true, true},
		{one, ordersV0 + "/" + order.OrderID, 200, true, false},
		{one, ordersV0 + "/" + other.OrderID, 403, false, false},
		{generic, ordersV0 + "/" + order.OrderID + "/orderItems", 403, false, false},
		{generic, ordersV1 + "/" + order.OrderID, 403, false, false}, // not for any other operation
	} {
		got := a.get(model.Europe, test.token, test.path)
		if got.status != test.status || strings.Contains(got.body, name) != test.name || strings.Contains(got.body, street) != test.street {
			t.Errorf("%+v: %d %s", test, got.status, got.body)
		}
	}
	clock.advance(time.Hour)
	if got := a.get(model.Europe, generic, ordersV0+"/"+order.OrderID); got.status != http.StatusForbidden {
		t.Errorf("after an hour: %d", got.status)
	}
	token = a.token(sellerToken(1))
	for _, bad := range []string{
		``, `{"method":"POST","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo"]}`,
		`{"method":"GET","path":"/orders/v1/orders/{orderId}","dataElements":["buyerInfo"]}`,
		`{"method":"GET","path":"/orders/v0/orders/{orderId}"}`,
		`{"method":"GET","path":"/orders/v0/orders/{orderId}/orderItems","dataElements":["shippingAddress"]}`,
		`{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["shoeSize"]}`,
		strings.Repeat(`{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo"]},`, 50) +
			`{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo"]}`,
	} {
		clock.advance(time.Second)
		if got := a.call(http.MethodPost, token, "/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[`+bad+`]}`); got.status != http.StatusBadRequest {
			t.Errorf("%.100s: %d %s", bad, got.status, got.body)
		}
	}
}
