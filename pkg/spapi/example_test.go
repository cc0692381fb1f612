package spapi_test

import (
	"context"
	"fmt"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// Example reads one order. The simulator is Amazon here: to ask Amazon itself leave
// LWAEndpoint and Endpoints out.
func Example() {
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

	client, err := spapi.New(spapi.Config{UserAgent: "Acme/1.0", LWAEndpoint: urls.LWA, Endpoints: urls.SPAPI})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	seller, err := client.Seller(spapi.SellerConfig{
		Account: "acme-eu",
		Region:  model.Europe,
		Application: spapi.Application{
			Name: "main", ClientID: "client",
			ClientSecret: secrets.Literal(secrets.New("secret")), // or secrets.Env("LWA_CLIENT_SECRET")
		},
		RefreshToken: secrets.Literal(secrets.New(accounts[0].RefreshToken)), // or secrets.File("/run/secrets/acme-eu")
	})
	if err != nil {
		panic(err)
	}
	answer, _, err := seller.GetOrder(context.Background(), model.GetOrderRequest{
		OrderID:      order.Order.OrderID,
		IncludedData: []string{model.IncludeFulfillment},
	})
	if err != nil {
		fmt.Println(err) // a *model.Error: its Class says what to do
		return
	}
	fmt.Println(answer.Order.OrderID == order.Order.OrderID, answer.Order.Fulfillment.Status)
	// Output: true UNSHIPPED
}
