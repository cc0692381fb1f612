package spapi_test

import (
	"github.com/sellerstream/sellerstream/pkg/platform/clock"
	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi"
)

// example is what the examples begin with: an Amazon, a client of it and one seller.
type example struct {
	amazon *simulator.Simulator
	client *spapi.Client
	seller *spapi.Seller
	id     string // the seller's at Amazon
}

func (e example) stop() {
	e.client.Close()
	_ = e.amazon.Close()
}

// begin starts an Amazon with one seller, which lists two SKUs. Its feeds take no time.
func begin() example { return beginAt(clock.Real{}) }

func beginAt(c clock.Clock) example {
	accounts := simulator.Sellers(1, "main")
	amazon, err := simulator.New(simulator.Config{
		Applications: []simulator.Application{{Name: "main", ClientID: "client", ClientSecrets: []string{"secret"}}},
		Accounts:     accounts, Clock: c, FeedTimes: simulator.FeedTimes{Least: 1, Most: 1},
	})
	if err != nil {
		panic(err)
	}
	urls, err := amazon.Start(simulator.Addresses{})
	if err != nil {
		panic(err)
	}
	for _, sku := range []string{"ECHO-DOT", "ECHO DOT/3"} {
		listing := simulator.Listing{SKU: sku, ProductType: "PRODUCT", Marketplaces: accounts[0].Marketplaces, Quantity: 1}
		if err := amazon.List(accounts[0].ID, listing); err != nil {
			panic(err)
		}
	}
	client, err := spapi.New(spapi.Config{LWAEndpoint: urls.LWA, Endpoints: urls.SPAPI, Clock: c})
	if err != nil {
		panic(err)
	}
	seller, err := client.Seller(exampleAccount(secrets.Literal(secrets.New("secret"))))
	if err != nil {
		panic(err)
	}
	return example{amazon, client, seller, accounts[0].SellerID}
}

// exampleAccount is the seller's account, with the application's secret from a source.
func exampleAccount(secret secrets.Source) spapi.SellerConfig {
	account := simulator.Sellers(1, "main")[0]
	return spapi.SellerConfig{
		Account: account.ID, Region: account.Region,
		Application:  spapi.Application{Name: "main", ClientID: "client", ClientSecret: secret},
		RefreshToken: secrets.Literal(secrets.New(account.RefreshToken)),
	}
}

// place places orders at the seller, and returns their ids.
func (e example) place(n int) (ids []string) {
	for range n {
		change, err := e.amazon.World.PlaceOrder(e.amazon.Accounts()[0].ID)
		if err != nil {
			panic(err)
		}
		ids = append(ids, change.Order.OrderID)
	}
	return ids
}

// The marketplace and the offer's channel of the examples.
const (
	germany = "A1PA6795UKMFR9"
	channel = "DEFAULT"
)
