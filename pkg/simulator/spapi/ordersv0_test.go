package spapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/simulator/simulatortest"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestOrdersV0(t *testing.T) {
	t.Parallel()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.ItemsPerPage = 2 })
	token, order := a.Token(simulatortest.SellerToken(1)), unshipped(a, 3)
	path := simulatortest.OrdersV0Path + "/" + order.OrderID
	var answer struct {
		Payload struct{ AmazonOrderID, OrderStatus, LastUpdateDate string }
	}
	got := a.Get(model.Europe, token, path)
	if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || answer.Payload.OrderStatus != "Unshipped" ||
		answer.Payload.LastUpdateDate != time.Time(order.LastUpdatedTime).UTC().Format(time.RFC3339) {
		t.Errorf("%s, %v", got.Body, err)
	}
	var items []string
	for query, pages := "", 0; pages == 0 || query != ""; pages++ {
		var page struct {
			Payload struct {
				OrderItems []struct{ OrderItemID string }
				NextToken  string
			}
		}
		got := a.Get(model.Europe, token, path+"/orderItems"+query)
		if err := json.Unmarshal([]byte(got.Body), &page); err != nil {
			t.Fatalf("%s, %v", got.Body, err)
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
		if got := a.Get(model.Europe, token, path+bad); got.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, got.Status, got.Body)
		}
	}
	if got := a.Get(model.Europe, token, simulatortest.OrdersV0Path+"/111-1111111-1111111"); got.Status != http.StatusNotFound {
		t.Errorf("unknown: %d", got.Status)
	}
}

func TestRestrictedDataTokens(t *testing.T) {
	t.Parallel()
	clock := simulatortest.NewClock()
	a := simulatortest.Start(t, func(c *simulator.Config) { c.Clock = clock })
	token, order := a.Token(simulatortest.SellerToken(1)), unshipped(a, 1)
	other := unshipped(a, 1)
	restricted := func(resources string) string {
		t.Helper()
		var answer struct {
			RestrictedDataToken string
			ExpiresIn           int
		}
		got := a.Call(http.MethodPost, token, "/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[`+resources+`]}`)
		if err := json.Unmarshal([]byte(got.Body), &answer); err != nil || got.Status != http.StatusOK || answer.ExpiresIn != 3600 {
			t.Fatalf("%d %s, %v", got.Status, got.Body, err)
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
		{token, simulatortest.OrdersV0Path + "/" + order.OrderID, 200, false, false},
		{generic, simulatortest.OrdersV0Path + "/" + order.OrderID, 200, true, true},
		{generic, simulatortest.OrdersV0Path + "/" + other.OrderID, 200, true, true},
		{one, simulatortest.OrdersV0Path + "/" + order.OrderID, 200, true, false},
		{one, simulatortest.OrdersV0Path + "/" + other.OrderID, 403, false, false},
		{generic, simulatortest.OrdersV0Path + "/" + order.OrderID + "/orderItems", 403, false, false},
		{generic, simulatortest.OrdersPath + "/" + order.OrderID, 403, false, false}, // not for any other operation
	} {
		got := a.Get(model.Europe, test.token, test.path)
		if got.Status != test.status || strings.Contains(got.Body, name) != test.name || strings.Contains(got.Body, street) != test.street {
			t.Errorf("%+v: %d %s", test, got.Status, got.Body)
		}
	}
	clock.Advance(time.Hour)
	if got := a.Get(model.Europe, generic, simulatortest.OrdersV0Path+"/"+order.OrderID); got.Status != http.StatusForbidden {
		t.Errorf("after an hour: %d", got.Status)
	}
	token = a.Token(simulatortest.SellerToken(1))
	for _, bad := range []string{
		``, `{"method":"POST","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo"]}`,
		`{"method":"GET","path":"/orders/v1/orders/{orderId}","dataElements":["buyerInfo"]}`,
		`{"method":"GET","path":"/orders/v0/orders/{orderId}"}`,
		`{"method":"GET","path":"/orders/v0/orders/{orderId}/orderItems","dataElements":["shippingAddress"]}`,
		`{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["shoeSize"]}`,
		strings.Repeat(`{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo"]},`, 50) +
			`{"method":"GET","path":"/orders/v0/orders/{orderId}","dataElements":["buyerInfo"]}`,
	} {
		clock.Advance(time.Second)
		if got := a.Call(http.MethodPost, token, "/tokens/2021-03-01/restrictedDataToken", `{"restrictedResources":[`+bad+`]}`); got.Status != http.StatusBadRequest {
			t.Errorf("%.100s: %d %s", bad, got.Status, got.Body)
		}
	}
}
