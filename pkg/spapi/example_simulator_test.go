package spapi_test

import (
	"context"
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// The simulator is Amazon for tests: orders, quotas, tokens and errors.
func Example_simulator() {
	accounts := simulator.Sellers(1, "main")
	amazon, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "main", ClientID: "client", ClientSecrets: []string{"secret"}}}, Accounts: accounts,
	})
	if err != nil {
		panic(err)
	}
	defer amazon.Close()
	urls, err := amazon.Start(simulator.Addresses{})
	if err != nil {
		panic(err)
	}
	order, err := amazon.World.PlaceOrder(accounts[0].ID)
	if err != nil {
		panic(err)
	}

	client, err := spapi.New(spapi.Config{LWAEndpoint: urls.LWA, Endpoints: urls.SPAPI})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	seller, err := client.Seller(spapi.SellerConfig{
		Account: accounts[0].ID, Region: accounts[0].Region,
		Application:  spapi.Application{Name: "main", ClientID: "client", ClientSecret: secrets.Literal(secrets.New("secret"))},
		RefreshToken: secrets.Literal(secrets.New(accounts[0].RefreshToken)),
	})
	if err != nil {
		panic(err)
	}
	answer, meta, err := seller.GetOrder(context.Background(), model.GetOrderRequest{
		OrderID: order.Order.OrderID, IncludedData: []string{model.IncludeFulfillment},
	})
	fmt.Println(answer.Order.OrderID == order.Order.OrderID, meta.RateLimit, err)
	// Output: true 0.5 <nil>
}
