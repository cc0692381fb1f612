package spapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/sellerstream/sellerstream/pkg/platform/secrets"
	"github.com/sellerstream/sellerstream/pkg/simulator"
	"github.com/sellerstream/sellerstream/pkg/spapi"
	"github.com/sellerstream/sellerstream/pkg/spapi/model"
)

// ExampleSeller_CreateSubscription sends a seller's order changes to a queue. The
// destination is the application's, which needs no seller.
func ExampleSeller_CreateSubscription() {
	e := begin()
	defer e.stop()
	ctx := context.Background()
	application, err := e.client.Grantless(exampleAccount(secrets.Literal(secrets.New("secret"))).Application, model.Europe)
	if err != nil {
		fmt.Println(err)
		return
	}
	destination, _, err := application.CreateDestination(ctx, model.CreateDestinationRequest{
		Name:     "orders",
		Resource: model.DestinationResourceSpecification{SQS: &model.SQSResource{ARN: "arn:aws:sqs:eu-west-1:123456789012:orders"}},
	})
	if err != nil {
		fmt.Println(err) // Conflict: there is one, see GetDestinations
		return
	}
	_, _, err = e.seller.CreateSubscription(ctx, model.CreateSubscriptionRequest{
		NotificationType: model.OrderChangeNotification, PayloadVersion: "1.0", DestinationID: destination.ID,
		ProcessingDirective: &model.ProcessingDirective{EventFilter: &model.EventFilter{Type: model.OrderChangeNotification}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	subscription, _, err := e.seller.GetSubscription(ctx, model.GetSubscriptionRequest{NotificationType: model.OrderChangeNotification})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(subscription.DestinationID == destination.ID)
	// Output: true
}

// ExampleSeller_Do calls an operation that has no method here. The simulator does not
// have it either, so a rule answers.
func ExampleSeller_Do() {
	e := begin()
	defer e.stop()
	if _, err := e.amazon.Faults.Add(simulator.Rule{Part: simulator.SPAPI, Action: simulator.Action{
		Status: 200, Body: `{"payload":{"ASIN":"B00V5DG6IQ","status":"Success"}}`,
	}}); err != nil {
		panic(err)
	}
	body, _, err := e.seller.Do(context.Background(), spapi.Request{
		Operation:  model.Operation{Name: "getItemOffers", Method: "GET", Path: "/products/pricing/v0/items/{Asin}/offers"},
		Parameters: []string{"B00V5DG6IQ"},
		Query:      url.Values{"MarketplaceId": {germany}, "ItemCondition": {"New"}},
	})
	if err != nil {
		fmt.Println(err) // a *model.Error, as of every call
		return
	}
	fmt.Println(string(body))
	// Output: {"payload":{"ASIN":"B00V5DG6IQ","status":"Success"}}
}

// Example_credentials rotates the application's secret. A secret that is refused is read
// again from its source, so nothing is started anew.
func Example_credentials() {
	e := begin()
	defer e.stop()
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "client-secret")
	write := func(secret string) {
		if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
			panic(err)
		}
	}

	write("an old secret")
	seller, err := e.client.Seller(exampleAccount(secrets.File(file)))
	if err != nil {
		fmt.Println(err)
		return
	}
	request := model.GetOrderRequest{OrderID: e.place(1)[0]}
	_, _, err = seller.GetOrder(context.Background(), request)
	var failed *model.Error
	if errors.As(err, &failed) {
		fmt.Println(failed.Class, failed.TokenMissing)
	}
	write("secret")
	_, _, err = seller.GetOrder(context.Background(), request)
	fmt.Println(err)
	// Output:
	// unauthorized true
	// <nil>
}

// ExampleLWA_SellerToken gets an access token for a call that is made without this
// package. It prints only when it is revealed.
func ExampleLWA_SellerToken() {
	e := begin()
	defer e.stop()
	token, err := e.client.LWA().SellerToken(context.Background(), exampleAccount(secrets.Literal(secrets.New("secret"))))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.Secret(), token.Secret().Reveal() != "")
	// Output: [secret] true
}
