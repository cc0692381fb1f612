package spapi

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

func TestOrderItemsV0ComeInPages(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.api = func(w http.ResponseWriter, r *http.Request) {
		next := ""
		if r.URL.Query().Get("NextToken") == "" {
			next = "a+b&c"
		} else if r.URL.Query().Get("NextToken") != "a+b&c" {
			t.Errorf("asked for %s", r.URL)
		}
		fmt.Fprintf(w, `{"payload":{"AmazonOrderId":"1","OrderItems":[{"OrderItemId":"2","QuantityOrdered":1}],"NextToken":%q}}`, next)
	}
	seller, request, items := f.seller(t, nil), model.GetOrderItemsV0Request{OrderID: "1"}, 0
	for {
		answer, _, err := seller.GetOrderItemsV0(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		items += len(answer.Page.Items)
		if request.NextToken = answer.Page.NextToken; request.NextToken == "" {
			break
		}
	}
	if items != 2 {
		t.Errorf("%d items", items)
	}
}
