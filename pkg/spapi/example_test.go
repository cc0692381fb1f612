package spapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Example reads one order. Leave LWAEndpoint and Endpoints out to ask Amazon.
func Example() {
	amazon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/auth/o2/token" {
			fmt.Fprint(w, `{"access_token":"Atza|example","expires_in":3600}`)
			return
		}
		fmt.Fprint(w, `{"order":{"orderId":"202-1234567-8901234",`+
			`"createdTime":"2024-12-25T16:00:00Z","lastUpdatedTime":"2024-12-25T16:30:00Z","fulfillment":{"fulfillmentStatus":"UNSHIPPED"}}}`)
	}))
	defer amazon.Close()

	client, err := spapi.New(spapi.Config{
		UserAgent:   "Acme/1.0",
		LWAEndpoint: amazon.URL,
		Endpoints:   map[model.Region]string{model.Europe: amazon.URL},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	seller, err := client.Seller(spapi.SellerConfig{
		Account: "acme-eu",
		Region:  model.Europe,
		Application: spapi.Application{
			Name:         "main",
			ClientID:     "amzn1.application-oa2-client.0123456789abcdef",
			ClientSecret: secrets.Literal(secrets.New("from a secret store")), // or secrets.Env("LWA_CLIENT_SECRET")
		},
		RefreshToken: secrets.Literal(secrets.New("Atzr|…")), // or secrets.File("/run/secrets/acme-eu")
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, _, err := seller.GetOrder(context.Background(), model.GetOrderRequest{
		OrderID:      "202-1234567-8901234",
		IncludedData: []string{model.IncludeFulfillment},
	})
	if err != nil {
		fmt.Println(err) // a *model.Error: its Class says what to do
		return
	}
	fmt.Println(answer.Order.OrderID, answer.Order.Fulfillment.Status)
	// Output: 202-1234567-8901234 UNSHIPPED
}
